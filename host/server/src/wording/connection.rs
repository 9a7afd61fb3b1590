//! The wording of the connections and destinations of an instance.

use twofactor::sandbox::{
    Authentication, Destination, GrantedConnection, LoginFormat, Part, Parts, SmtpSecurity, TokenPlace,
};
use twofactor_toolkit::wording;

use super::language::Language;

/// Returns a connection as a list of connections shows it.
pub(crate) fn connection(l: Language, granted: &GrantedConnection) -> String {
    match l {
        Language::English => wording::connection(granted),
        Language::German => in_german(granted),
    }
}

fn in_german(granted: &GrantedConnection) -> String {
    let mut text = authenticated_in_german(granted);
    for placement in &granted.placed {
        let (option, parts) = (&placement.option[1..], parts_in_german(placement.parts));
        text += &format!("; das Geheimnis `{option}` wird {parts} eingesetzt");
    }
    if granted.code_in_query {
        text += "; der Code steht in der URL, die in Logs geschrieben wird";
    }
    text
}

/// Returns parts of a request, each with its preposition.
pub(super) fn parts_in_german(parts: Parts) -> String {
    let name = |part| match part {
        Part::Body => "in den Body",
        Part::Query => "in die Query",
        Part::Path => "in den Pfad",
        Part::Header => "in einen Header",
    };
    let names: Vec<&str> = parts.iter().map(name).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} oder {last}", others.join(", ")),
        None => String::new(),
    }
}

fn authenticated_in_german(granted: &GrantedConnection) -> String {
    let to = destination(Language::German, &granted.destination);
    let how = match &granted.authentication {
        Authentication::None if matches!(granted.destination, Destination::Smtp { .. }) => return to,
        // The secrets in its requests may be the authentication.
        Authentication::None if !granted.placed.is_empty() => return to,
        Authentication::None => "ohne Authentifizierung",
        Authentication::Digest => "mit HTTP-Digest-Authentifizierung",
        Authentication::Basic => "mit HTTP-Basic-Authentifizierung",
        Authentication::Bearer => "mit einem Bearer-Token",
        Authentication::Jwt => "mit einem Token, das der Host signiert",
        Authentication::Signature => "signiert mit einem Geheimnis",
        Authentication::AwsSignature => "signiert mit einem AWS-Zugriffsschlüssel",
        Authentication::WebhookSignature => "signiert mit einem Webhook-Geheimnis",
        Authentication::Login => return format!("{to}, mit Anmeldung"),
        Authentication::Header { name } => return format!("{to} mit einem Geheimnis im Header {name}"),
        Authentication::OAuth2 { token_url } => {
            return format!("{to} mit einem OAuth-2-Token von {}", origin(token_url));
        }
        Authentication::TokenLogin { url, format, place } => {
            let place = match place {
                TokenPlace::Bearer => "mit einem Bearer-Token".to_owned(),
                TokenPlace::Header(name) => format!("mit einem Token im Header {name}"),
                TokenPlace::Query(name) => {
                    format!("mit einem Token im Parameter {name} der URL, die in Logs geschrieben wird,")
                }
            };
            let format = match format {
                LoginFormat::Query => "mit ihren Geheimnissen in der URL, die in Logs geschrieben wird",
                LoginFormat::Form => "mit ihren Geheimnissen in einem Formular",
                LoginFormat::Json => "mit ihren Geheimnissen als JSON",
            };
            return format!("{to} {place} aus einer Anmeldung bei {}, {format}", origin(url));
        }
    };
    format!("{to} {how}")
}

fn origin(url: &str) -> String {
    url::Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// Returns where a connection goes.
pub(crate) fn destination(l: Language, destination: &Destination) -> String {
    match (l, destination) {
        (Language::English, _) => wording::destination(destination),
        (Language::German, Destination::Https(url)) => url.clone(),
        (Language::German, Destination::Http(url)) => format!("{url} (ohne TLS)"),
        (Language::German, Destination::Smtp { host, port, security }) => {
            let how = match security {
                SmtpSecurity::ImplicitTls => "mit TLS",
                SmtpSecurity::StartTls => "mit STARTTLS",
                SmtpSecurity::Plaintext => "ohne TLS",
            };
            format!("SMTP-Server {host}, Port {port}, {how}")
        }
        (Language::German, Destination::Placed { origin, placement }) => {
            let (option, parts) = (&placement.option[1..], parts_in_german(placement.parts));
            format!("{origin}, das Geheimnis `{option}` {parts}")
        }
        (Language::German, Destination::CodeInQuery { origin }) => {
            format!("{origin}, der Code in der URL, die in Logs geschrieben wird")
        }
    }
}

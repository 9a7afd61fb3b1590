//! The wording of what an instance may reach.

use twofactor::sandbox::{Authentication, Destination, GrantedConnection, SmtpSecurity};
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
    let to = destination(Language::German, &granted.destination);
    let how = match &granted.authentication {
        Authentication::None if matches!(granted.destination, Destination::Smtp { .. }) => return to,
        Authentication::None => "ohne Authentifizierung",
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
        Authentication::TokenLogin { url } => {
            return format!("{to} mit einem Token aus einer Anmeldung bei {}", origin(url));
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
        (Language::German, Destination::Smtp { host, port, security }) => {
            let how = match security {
                SmtpSecurity::ImplicitTls => "mit TLS",
                SmtpSecurity::StartTls => "mit STARTTLS",
                SmtpSecurity::Plaintext => "ohne TLS",
            };
            format!("SMTP-Server {host}, Port {port}, {how}")
        }
    }
}

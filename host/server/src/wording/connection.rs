//! What an instance may reach.

use twofactor::{Authentication, Destination, GrantedConnection, SmtpSecurity};

use super::language::Language;

/// A connection, as it stands in a list of what an instance may reach.
pub(crate) fn connection(l: Language, granted: &GrantedConnection) -> String {
    let to = destination(l, &granted.destination);
    let how = match &granted.authentication {
        Authentication::None if matches!(granted.destination, Destination::Smtp { .. }) => return to,
        Authentication::None => l.say("without authentication", "ohne Anmeldung"),
        Authentication::Basic => l.say("with HTTP Basic authentication", "mit HTTP-Basic-Anmeldung"),
        Authentication::Bearer => l.say("with a bearer token", "mit einem Bearer-Token"),
        Authentication::AwsSignature => l.say("signed with an AWS key", "signiert mit einem AWS-Schlüssel"),
        Authentication::WebhookSignature => {
            l.say("signed with a webhook's secret", "signiert mit dem Geheimnis eines Webhooks")
        }
        Authentication::Login => return format!("{to}, {}", l.say("logged in", "angemeldet")),
        Authentication::Header { name } => {
            return format!("{to} {} {name}", l.say("with a secret in the header", "mit einem Geheimnis im Header"));
        }
        Authentication::OAuth2 { token_url } => {
            let issuer = url::Url::parse(token_url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
            return format!("{to} {} {issuer}", l.say("with an OAuth 2 token from", "mit einem OAuth-2-Token von"));
        }
    };
    format!("{to} {how}")
}

/// Where a connection goes.
pub(crate) fn destination(l: Language, destination: &Destination) -> String {
    match destination {
        Destination::Https(url) => url.clone(),
        Destination::Smtp { host, port, security } => {
            let how = match security {
                SmtpSecurity::ImplicitTls => l.say("over TLS", "über TLS"),
                SmtpSecurity::StartTls => l.say("over STARTTLS", "über STARTTLS"),
                SmtpSecurity::Plaintext => l.say("without TLS", "ohne TLS"),
            };
            match l {
                Language::English => format!("SMTP server {host} port {port} {how}"),
                Language::German => format!("SMTP-Server {host}, Port {port}, {how}"),
            }
        }
    }
}

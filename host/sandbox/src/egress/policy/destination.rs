//! What an instance may reach, as data: compared, stored and sent in this form, and worded only where somebody reads it.
//!
//! A destination is written as a URL:
//!
//! | text | what it names |
//! |---|---|
//! | `https://api.twilio.com` | an origin; a port other than 443 follows the host |
//! | `https://login.example.com/token` | where OAuth 2 tokens are fetched |
//! | `smtp+tls://mail.example.com:465` | an SMTP server, TLS from the first byte |
//! | `smtp+starttls://mail.example.com:587` | an SMTP server that must offer STARTTLS |
//! | `smtp+plaintext://mail.internal:25` | an SMTP server without TLS |
//!
//! A connection is written as its destination, and after a blank how the host authenticates there: `basic`, `bearer`, `header=NAME`,
//! `oauth2=TOKEN-URL`, `aws-signature`, `webhook-signature` or `login`; nothing follows where it does not.

use std::fmt;

use serde::{Serialize, Serializer};

/// How an SMTP connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SmtpSecurity {
    /// TLS from the first byte.
    ImplicitTls,
    /// TLS after STARTTLS, or no mail.
    StartTls,
    /// No TLS: only where the operator's network settings allow it.
    Plaintext,
}

/// A place that an instance may reach. `Display` writes the URL that this module's documentation describes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// An HTTPS origin, or the URL that OAuth 2 tokens are fetched from.
    Https(String),
    /// An SMTP server. Without TLS a secret goes to whoever listens, so the protection is part of the destination.
    Smtp {
        /// Its name.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is protected.
        security: SmtpSecurity,
    },
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Https(url) => f.write_str(url),
            Self::Smtp { host, port, security } => {
                let protection = match security {
                    SmtpSecurity::ImplicitTls => "tls",
                    SmtpSecurity::StartTls => "starttls",
                    SmtpSecurity::Plaintext => "plaintext",
                };
                write!(f, "smtp+{protection}://{host}:{port}")
            }
        }
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How the host authenticates at a destination. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authentication {
    /// Not at all.
    None,
    /// HTTP Basic (RFC 7617).
    Basic,
    /// A bearer token (RFC 6750).
    Bearer,
    /// A secret in a header.
    Header {
        /// The header's name.
        name: String,
    },
    /// An OAuth 2 token of client credentials (RFC 6749 section 4.4).
    OAuth2 {
        /// Where the token is fetched.
        token_url: String,
    },
    /// AWS Signature Version 4.
    AwsSignature,
    /// Standard Webhooks.
    WebhookSignature,
    /// A user name and a password (SMTP AUTH).
    Login,
}

impl fmt::Display for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Basic => f.write_str("basic"),
            Self::Bearer => f.write_str("bearer"),
            Self::Header { name } => write!(f, "header={name}"),
            Self::OAuth2 { token_url } => write!(f, "oauth2={token_url}"),
            Self::AwsSignature => f.write_str("aws-signature"),
            Self::WebhookSignature => f.write_str("webhook-signature"),
            Self::Login => f.write_str("login"),
        }
    }
}

/// A connection that an instance was granted. `Display` writes what this module's documentation describes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantedConnection {
    /// Where to.
    pub destination: Destination,
    /// How the host authenticates there.
    pub authentication: Authentication,
}

impl fmt::Display for GrantedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.authentication {
            Authentication::None => write!(f, "{}", self.destination),
            _ => write!(f, "{} {}", self.destination, self.authentication),
        }
    }
}

impl Serialize for GrantedConnection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_written_as_its_grammar_says() {
        let smtp = |security, port| Destination::Smtp { host: "mail.example.com".to_owned(), port, security };
        let https = || Destination::Https("https://api.example.com".to_owned());
        let token_url = "https://login.example.com/token".to_owned();
        for (destination, authentication, text) in [
            (https(), Authentication::None, "https://api.example.com"),
            (https(), Authentication::Basic, "https://api.example.com basic"),
            (https(), Authentication::Bearer, "https://api.example.com bearer"),
            (https(), Authentication::Header { name: "x-key".to_owned() }, "https://api.example.com header=x-key"),
            (
                https(),
                Authentication::OAuth2 { token_url },
                "https://api.example.com oauth2=https://login.example.com/token",
            ),
            (https(), Authentication::AwsSignature, "https://api.example.com aws-signature"),
            (https(), Authentication::WebhookSignature, "https://api.example.com webhook-signature"),
            (smtp(SmtpSecurity::ImplicitTls, 465), Authentication::Login, "smtp+tls://mail.example.com:465 login"),
            (smtp(SmtpSecurity::StartTls, 587), Authentication::Login, "smtp+starttls://mail.example.com:587 login"),
            (smtp(SmtpSecurity::Plaintext, 25), Authentication::None, "smtp+plaintext://mail.example.com:25"),
        ] {
            assert_eq!(GrantedConnection { destination, authentication }.to_string(), text);
        }
    }
}

//! The connections that a provider requests in `configure`, in the host's own types.

use std::time::Duration;

use super::authentication::{Credentials, HttpAuthentication, first};
use super::destination::SmtpSecurity;
use super::secret::Secret;

/// A setting of an HTTP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpSetting {
    /// The host puts the secret option with this JSON Pointer into requests.
    PlaceSecret(String),
    /// The upstream takes the code in the query.
    CodeInQuery,
    /// A setting that this version does not know, by its name.
    Unknown(String),
}

/// A connection that an instance requests, before it is checked.
#[derive(Debug, Clone)]
pub(crate) enum Connection {
    Http {
        origin: String,
        authentication: HttpAuthentication,
        settings: Vec<HttpSetting>,
    },
    Smtp {
        host: String,
        port: u16,
        security: SmtpSecurity,
        credentials: Option<Credentials>,
        timeout: Duration,
    },
    /// A mail server with a setting that this version does not know, by its name.
    UnknownSmtp(String),
}

impl Connection {
    /// Returns the name of a field that differs, except for secrets.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (
                Self::Http { origin, authentication, settings },
                Self::Http { origin: other_origin, authentication: other_authentication, settings: other_settings },
            ) => first([
                ("the origin", origin != other_origin),
                ("what may be put into requests", settings != other_settings),
            ])
            .or_else(|| authentication.difference(other_authentication)),
            (
                Self::Smtp { host, port, security, credentials, timeout },
                Self::Smtp {
                    host: other_host,
                    port: other_port,
                    security: other_security,
                    credentials: other_credentials,
                    timeout: other_timeout,
                },
            ) => first([
                ("the mail server", host != other_host),
                ("the mail server's port", port != other_port),
                ("the mail server's protection", security != other_security),
                ("the mail server's timeout", timeout != other_timeout),
                ("whether to log in to the mail server", credentials.is_some() != other_credentials.is_some()),
            ])
            .or_else(|| credentials.as_ref()?.difference(other_credentials.as_ref()?)),
            _ => Some("the kind of a connection"),
        }
    }

    /// Returns the secrets that authenticate there, always in the same order.
    pub(crate) fn secrets_mut(&mut self) -> Vec<&mut Secret> {
        match self {
            Self::UnknownSmtp(_) => Vec::new(),
            Self::Smtp { credentials, .. } => credentials.iter_mut().map(|login| &mut login.password).collect(),
            Self::Http { authentication, .. } => authentication.secrets_mut(),
        }
    }

    /// Whether the host obtains a token there by a login of the upstream's own.
    pub(crate) fn is_login(&self) -> bool {
        matches!(self, Self::Http { authentication: HttpAuthentication::Login(_), .. })
    }

    /// Returns copies of them.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        self.clone().secrets_mut().into_iter().map(|secret| secret.clone()).collect()
    }
}

//! The connections that a provider requests in `configure`, in the host's own types.

use std::time::Duration;

use super::destination::SmtpSecurity;
use super::secret::Secret;

/// A user name and its password.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// An access key of Amazon Web Services, and the scope of its signatures.
#[derive(Debug, Clone)]
pub(crate) struct AwsKey {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) region: String,
    pub(crate) service: String,
}

/// How the host authenticates at an origin.
#[derive(Debug, Clone)]
pub(crate) enum HttpAuthentication {
    None,
    Unsupported,
    Basic(Credentials),
    Bearer(Secret),
    Header { name: String, value: Secret },
    OAuth2 { token_url: String, client_id: String, client_secret: Secret, scope: String },
    AwsSignature(AwsKey),
    WebhookSignature(Secret),
}

/// A connection that an instance requests, before it is checked.
#[derive(Debug, Clone)]
pub(crate) enum Connection {
    Http { origin: String, authentication: HttpAuthentication },
    Smtp { host: String, port: u16, security: SmtpSecurity, credentials: Option<Credentials>, timeout: Duration },
}

impl Credentials {
    fn difference(&self, other: &Self) -> Option<&'static str> {
        (self.username != other.username).then_some("the user name")
    }
}

impl HttpAuthentication {
    /// Returns the name of a field that differs, except for secrets.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (Self::None, Self::None)
            | (Self::Bearer(_), Self::Bearer(_))
            | (Self::WebhookSignature(_), Self::WebhookSignature(_)) => None,
            (Self::Basic(one), Self::Basic(other)) => one.difference(other),
            (Self::Header { name: one, .. }, Self::Header { name: other, .. }) => {
                (one != other).then_some("the name of the authenticating header")
            }
            (
                Self::OAuth2 { token_url, client_id, scope, client_secret: _ },
                Self::OAuth2 { token_url: other_url, client_id: other_id, scope: other_scope, client_secret: _ },
            ) => first([
                ("the token URL", token_url != other_url),
                ("the client id", client_id != other_id),
                ("the scope", scope != other_scope),
            ]),
            (Self::AwsSignature(one), Self::AwsSignature(other)) => first([
                ("the access key's id", one.access_key_id != other.access_key_id),
                ("the region", one.region != other.region),
                ("the service", one.service != other.service),
            ]),
            _ => Some("the way to authenticate"),
        }
    }
}

fn first<const N: usize>(fields: [(&'static str, bool); N]) -> Option<&'static str> {
    fields.into_iter().find_map(|(name, differs)| differs.then_some(name))
}

impl Connection {
    /// Returns the name of a field that differs, except for secrets.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (
                Self::Http { origin, authentication },
                Self::Http { origin: other_origin, authentication: other_authentication },
            ) => match origin == other_origin {
                true => authentication.difference(other_authentication),
                false => Some("the origin"),
            },
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
                ("the mail server's time-out", timeout != other_timeout),
                ("whether to log in at the mail server", credentials.is_some() != other_credentials.is_some()),
            ])
            .or_else(|| credentials.as_ref()?.difference(other_credentials.as_ref()?)),
            _ => Some("the kind of a connection"),
        }
    }

    /// Replaces the secret of its authentication.
    pub(crate) fn set_secret(&mut self, set: impl FnOnce(&Secret) -> Secret) {
        let secret = match self {
            Self::Smtp { credentials, .. } => credentials.as_mut().map(|credentials| &mut credentials.password),
            Self::Http { authentication, .. } => match authentication {
                HttpAuthentication::None | HttpAuthentication::Unsupported => None,
                HttpAuthentication::Basic(credentials) => Some(&mut credentials.password),
                HttpAuthentication::OAuth2 { client_secret, .. } => Some(client_secret),
                HttpAuthentication::AwsSignature(key) => Some(&mut key.secret_access_key),
                HttpAuthentication::Bearer(secret)
                | HttpAuthentication::Header { value: secret, .. }
                | HttpAuthentication::WebhookSignature(secret) => Some(secret),
            },
        };
        if let Some(secret) = secret {
            *secret = set(secret);
        }
    }

    /// Returns the secret of its authentication.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Smtp { credentials, .. } => credentials.as_ref().map(|credentials| &credentials.password),
            Self::Http { authentication, .. } => match authentication {
                HttpAuthentication::None | HttpAuthentication::Unsupported => None,
                HttpAuthentication::Basic(credentials) => Some(&credentials.password),
                HttpAuthentication::OAuth2 { client_secret, .. } => Some(client_secret),
                HttpAuthentication::AwsSignature(key) => Some(&key.secret_access_key),
                HttpAuthentication::Bearer(secret)
                | HttpAuthentication::Header { value: secret, .. }
                | HttpAuthentication::WebhookSignature(secret) => Some(secret),
            },
        }
    }
}

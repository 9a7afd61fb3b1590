//! What a provider asks for in `configure`, in the host's own types.

use std::time::Duration;

use super::secret::Secret;

/// A user name and its password.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// A key of Amazon Web Services, and what its signatures are for.
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
    Basic(Credentials),
    Bearer(Secret),
    Header { name: String, value: Secret },
    OAuth2 { token_url: String, client_id: String, client_secret: Secret, scope: String },
    AwsSignature(AwsKey),
    WebhookSignature(Secret),
}

/// How an SMTP connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SmtpSecurity {
    ImplicitTls,
    StartTls,
    Plaintext,
}

/// One thing an instance asks to reach; not yet checked.
#[derive(Debug, Clone)]
pub(crate) enum Connection {
    Http { origin: String, authentication: HttpAuthentication },
    Smtp { host: String, port: u16, security: SmtpSecurity, credentials: Option<Credentials>, timeout: Duration },
}

impl Connection {
    /// What authenticates there.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Smtp { credentials, .. } => credentials.as_ref().map(|credentials| &credentials.password),
            Self::Http { authentication, .. } => match authentication {
                HttpAuthentication::None => None,
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

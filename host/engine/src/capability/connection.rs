//! What a provider asks for in `configure`, in the host's own types.

use std::time::Duration;

use super::secret::Secret;

/// A user name and its password.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// How the host authenticates at an origin.
#[derive(Debug, Clone)]
pub(crate) enum HttpAuthentication {
    None,
    Basic(Credentials),
    Bearer(Secret),
    Header { name: String, value: Secret },
    OAuth2 { token_url: String, client_id: String, client_secret: Secret, scope: String },
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

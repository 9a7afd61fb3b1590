//! Why a login at the identity provider fails.

/// A failed login, for the log. It repeats nothing that the provider or the browser sent.
#[derive(Clone, Debug)]
pub(crate) struct OidcError(String);

impl OidcError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for OidcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a login at the provider did not succeed.
pub(crate) enum LoginError {
    /// The person cancelled, or the provider refused them (RFC 6749 section 4.1.2.1, `access_denied`).
    Denied,
    /// Something went wrong.
    Failed(OidcError),
}

impl From<OidcError> for LoginError {
    fn from(error: OidcError) -> Self {
        Self::Failed(error)
    }
}

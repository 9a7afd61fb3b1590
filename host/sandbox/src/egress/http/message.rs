//! Requests and responses as components see them, and the reasons for a missing response.

use crate::egress::failure::UpstreamFailure;

/// A request as the guest made it.
#[derive(Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An upstream's response.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    /// The headers that a component may see.
    pub(crate) headers: Vec<(String, String)>,
    /// The values of `WWW-Authenticate`, which are for the host.
    pub(crate) challenges: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no response. The texts contain no secret and may be shown to the operator.
#[derive(Debug)]
pub(crate) enum HttpError {
    Denied(String),
    Unauthenticated(String),
    /// The token endpoint does not accept the credentials.
    LoginRefused(Failed),
    NotSent(Failed),
    OutcomeUnknown(Failed),
}

/// A failure of an upstream, as a sentence and as data.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) text: String,
    pub(crate) upstream: UpstreamFailure,
}

impl From<UpstreamFailure> for Failed {
    fn from(upstream: UpstreamFailure) -> Self {
        Self { text: upstream.to_string(), upstream }
    }
}

impl HttpError {
    /// Returns whether the request was certainly not sent.
    pub(crate) fn is_before_sending(&self) -> bool {
        !matches!(self, Self::OutcomeUnknown(_))
    }

    /// Returns the upstream's failure, if it caused this.
    pub(crate) fn upstream(&self) -> Option<&UpstreamFailure> {
        match self {
            Self::Denied(_) | Self::Unauthenticated(_) => None,
            Self::LoginRefused(failed) | Self::NotSent(failed) | Self::OutcomeUnknown(failed) => Some(&failed.upstream),
        }
    }
}

//! Requests to the identity provider. The size of responses is bounded.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, StatusCode};
use url::Url;

use super::error::OidcError;

/// The longest response, in bytes: key sets of large providers have a few dozen KiB.
const ANSWER_BYTES: usize = 256 << 10;

#[derive(Clone)]
pub(super) struct Fetch(pub(super) Client);

impl Fetch {
    pub(super) async fn get(&self, url: &Url, what: &str) -> Result<Vec<u8>, OidcError> {
        send(self.0.get(url.clone()), what).await
    }

    pub(super) async fn post(
        &self,
        url: &Url,
        form: String,
        authorization: Option<String>,
    ) -> Result<Vec<u8>, OidcError> {
        let mut request = self.0.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        send(request, "the token endpoint").await
    }
}

async fn send(request: RequestBuilder, what: &str) -> Result<Vec<u8>, OidcError> {
    // The error itself may contain the URL, and with it whatever the operator typed there.
    let unreachable = |_| OidcError::new(format!("{what} of the identity provider cannot be reached"));
    let mut answer = request.header(ACCEPT, "application/json").send().await.map_err(unreachable)?;
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(OidcError::new(format!(
            "{what} of the identity provider responded with status {}",
            status.as_u16()
        )));
    }
    let mut whole = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(unreachable)? {
        if whole.len() + part.len() > ANSWER_BYTES {
            return Err(OidcError::new(format!("{what} of the identity provider responded with too much data")));
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole)
}

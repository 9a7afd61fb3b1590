//! Requests to the identity provider. Its answers are bounded.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, StatusCode};
use url::Url;

use super::Trouble;

/// The longest answer: key sets of large providers are a few dozen KiB.
const ANSWER_BYTES: usize = 256 << 10;

pub(super) struct Fetch(pub(super) Client);

impl Fetch {
    pub(super) async fn get(&self, url: &Url, what: &str) -> Result<Vec<u8>, Trouble> {
        send(self.0.get(url.clone()), what).await
    }

    pub(super) async fn post(
        &self,
        url: &Url,
        form: String,
        authorization: Option<String>,
    ) -> Result<Vec<u8>, Trouble> {
        let mut request = self.0.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        send(request, "the token endpoint").await
    }
}

async fn send(request: RequestBuilder, what: &str) -> Result<Vec<u8>, Trouble> {
    // The error's own text may hold the URL, and that what the operator typed into it.
    let unreachable =
        |_| Trouble::new(format!("{what} of the identity provider could not be reached or did not answer"));
    let mut answer = request.header(ACCEPT, "application/json").send().await.map_err(unreachable)?;
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(Trouble::new(format!("{what} of the identity provider answered with status {}", status.as_u16())));
    }
    let mut whole = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(unreachable)? {
        if whole.len() + part.len() > ANSWER_BYTES {
            return Err(Trouble::new(format!("{what} of the identity provider answered with too much")));
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole)
}

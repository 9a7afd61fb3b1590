//! One request to an upstream.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::twofactor::provider::http as wit;
use crate::bindings::twofactor::provider::types::Entry;
use crate::{Failure, misconfigured, outcome_unknown, rejected_message, retry_later};

pub use wit::Error;

/// A request to an upstream.
#[derive(Debug, Clone)]
pub struct Http {
    request: wit::Request,
    /// The error from writing the body; [`send`](Self::send) returns it.
    body_error: Option<String>,
}

/// An upstream's response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Http {
    /// Starts a POST to an absolute URL on a granted origin.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Starts a request with any method.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        let request =
            wit::Request { method: method.to_owned(), url: url.into(), headers: Vec::new(), body: Vec::new() };
        Self { request, body_error: None }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.request.headers.push(Entry { name: name.to_owned(), value: value.into() });
        self
    }

    /// Sets a JSON body. If `body` cannot be serialized, [`send`](Self::send) returns the error and sends nothing.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.request.body = body,
            Err(error) => self.body_error = Some(format!("not sent: the body cannot be written as JSON: {error}")),
        }
        self.header("content-type", "application/json").header("accept", "application/json")
    }

    /// Sets a form body (application/x-www-form-urlencoded).
    pub fn form<'a>(mut self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.request.body = form.into_bytes();
        self.header("content-type", "application/x-www-form-urlencoded").header("accept", "application/json")
    }

    /// Sets a body of any other kind, with its content type, such as `text/xml; charset=utf-8`.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sends the request once.
    ///
    /// # Errors
    /// Why the host did not return a response. `?` converts it into the right [`Failure`].
    pub fn send(self) -> Result<Response, Error> {
        if let Some(why) = self.body_error {
            return Err(Error::Denied(why));
        }
        #[cfg(target_arch = "wasm32")]
        let response = wit::send(&self.request);
        #[cfg(not(target_arch = "wasm32"))]
        let response = crate::testing::send(self.request);
        response.map(|response| Response {
            status: response.status,
            headers: response.headers.into_iter().map(|entry| (entry.name, entry.value)).collect(),
            body: response.body,
        })
    }
}

impl Response {
    /// Returns the body as JSON, or `None` if it does not have the form of `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns `Retry-After` in seconds (RFC 9110 section 10.2.3), or `None` if it is missing or a date.
    pub fn retry_after(&self) -> Option<u32> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == "retry-after")?;
        value.trim().parse().ok()
    }

    /// Returns what the status means if the upstream says nothing more precise.
    pub fn failure_by_status(&self, code: &str) -> Failure {
        match self.status {
            401 | 403 => misconfigured(code, "the upstream does not accept the credentials"),
            404 | 405 => misconfigured(code, "the upstream does not know this URL or method"),
            // RFC 6585 section 4: not processed.
            429 => retry_later(self.retry_after(), code, "the upstream is throttling requests"),
            200..=299 => outcome_unknown(code, "the upstream accepted the request, but its response is not understood"),
            500.. => outcome_unknown(code, "the upstream failed after it received the message"),
            300..=399 => misconfigured(code, "the upstream responded with a redirect, which is not followed"),
            _ => rejected_message(code, "the upstream does not accept the request"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Http;
    use crate::testing::Upstream;

    #[test]
    fn a_body_of_any_kind_is_sent_unchanged_with_its_content_type() {
        let upstream = Upstream::new().responds(200, &[], "");
        let sent = Http::post("https://sms.example.com/soap").body("text/xml; charset=utf-8", "<sms>ä</sms>").send();
        assert!(sent.is_ok());
        let requests = upstream.requests();
        assert_eq!(requests[0].body, "<sms>ä</sms>".as_bytes());
        let types = requests[0].headers.iter().filter(|header| header.name == "content-type");
        assert_eq!(types.map(|header| &*header.value).collect::<Vec<_>>(), ["text/xml; charset=utf-8"]);
    }
}

//! `wasi:http`, for languages whose own HTTP client uses it. A request is collected as a whole and
//! then sent as by `http.send`. wasmtime's interface for this changes between major versions; only
//! this file depends on it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::outside::{Outside, REQUEST_BYTES};
use crate::egress::{HttpError, HttpRequest, HttpResponse};

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send>;

pub(crate) struct Hooks {
    outside: Arc<Outside>,
}

impl Hooks {
    pub(crate) fn new(outside: Arc<Outside>) -> Self {
        Self { outside }
    }
}

impl WasiHttpHooks for Hooks {
    /// A guest must not set headers that the host attaches. wasmtime's own list lacks these two.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| {
            DEFAULT_FORBIDDEN_HEADERS.contains(name) || *name == header::AUTHORIZATION || *name == header::COOKIE
        })
    }

    fn send_request(&mut self, request: Request<WasiBody>, _: Option<RequestOptions>, _: Io) -> Answer {
        if !self.outside.host_calls.take() {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let outside = self.outside.clone();
        // Immediately: the rest runs concurrently with the component, which may end first.
        let sending = outside.effects.begin_sending();
        let answer = self.outside.concurrently.begin(async move {
            let request = match gather(request).await {
                Ok(request) => request,
                Err(error) => {
                    sending.did_not_leave();
                    return Err(error);
                }
            };
            outside.exchange(sending, request).await.map_err(|error| refusal(&error)).and_then(give)
        });
        Box::new(async move { answer.await.unwrap_or(Err(Error::HttpResponseIncomplete)) })
    }
}

async fn gather(request: Request<WasiBody>) -> Result<HttpRequest, Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES)
        .collect()
        .await
        .map_err(|_| Error::HttpRequestBodySize(Some(REQUEST_BYTES as u64)))?
        .to_bytes()
        .to_vec();
    let mut headers = Vec::new();
    for (name, value) in &head.headers {
        // wasmtime adds these two headers; the URL and the body have the same information.
        if *name == header::HOST || *name == header::CONTENT_LENGTH {
            continue;
        }
        let value = value.to_str().map_err(|_| Error::HttpRequestDenied)?;
        headers.push((name.as_str().to_owned(), value.to_owned()));
    }
    Ok(HttpRequest { method: head.method.to_string(), url: head.uri.to_string(), headers, body })
}

fn refusal(error: &HttpError) -> Error {
    match error {
        HttpError::Denied(_) | HttpError::Unauthenticated(_) | HttpError::LoginRefused(_) => Error::HttpRequestDenied,
        HttpError::NotSent(_) => Error::ConnectionRefused,
        HttpError::OutcomeUnknown(_) => Error::HttpResponseIncomplete,
    }
}

fn give(answer: HttpResponse) -> Result<(Response<WasiBody>, Io), Error> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = Full::new(Bytes::from(answer.body)).map_err(|never| match never {}).boxed_unsync();
    let response = response.body(body).map_err(|_| Error::HttpProtocolError)?;
    Ok((response, Box::new(async { Ok(()) })))
}

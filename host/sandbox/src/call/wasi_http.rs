//! `wasi:http`, for languages whose own client speaks it: a request is gathered whole and goes the way of `http.send`.
//! wasmtime's interface for this moves between its major versions; this file is all that follows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;
use http::{HeaderName, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::egress;
use super::placeholder::Placeholder;
use super::state::CallLog;
use crate::capability::{Failed, Grants, HttpError, HttpRequest, HttpResponse, Network};

/// The longest request body gathered, in bytes.
const REQUEST_BYTES: usize = 1 << 20;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send>;

pub(super) struct Hooks {
    network: Network,
    grants: Arc<Grants>,
    log: Arc<CallLog>,
    placeholder: Option<Arc<Placeholder>>,
    calls_left: u32,
    /// Requests that may have gone out; several may be under way at once.
    sent: Arc<AtomicU32>,
    /// Whether one was not allowed, or no token could be had for it.
    denied: Arc<AtomicBool>,
}

impl Hooks {
    pub(super) fn new(
        network: Network,
        grants: Arc<Grants>,
        log: Arc<CallLog>,
        placeholder: Option<Arc<Placeholder>>,
        calls: u32,
    ) -> Self {
        Self { network, grants, log, placeholder, calls_left: calls, sent: Arc::default(), denied: Arc::default() }
    }

    /// Whether a request may have gone out.
    pub(super) fn has_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire) > 0
    }

    /// Whether a request was refused for what the operator must mend: a client such as `fetch` does not tell that from a broken connection.
    pub(super) fn was_denied(&self) -> bool {
        self.denied.load(Ordering::Acquire)
    }
}

impl WasiHttpHooks for Hooks {
    /// What the host attaches, the guest may not; wasmtime's own list leaves out these two.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| {
            DEFAULT_FORBIDDEN_HEADERS.contains(name) || *name == header::AUTHORIZATION || *name == header::COOKIE
        })
    }

    fn send_request(&mut self, request: Request<WasiBody>, _: Option<RequestOptions>, _: Io) -> Answer {
        let Some(left) = self.calls_left.checked_sub(1) else {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        };
        self.calls_left = left;
        let (network, grants) = (self.network.clone(), self.grants.clone());
        let (log, sent, placeholder) = (self.log.clone(), self.sent.clone(), self.placeholder.clone());
        let denied = self.denied.clone();
        // At once: the rest runs beside the component, which may end before.
        sent.fetch_add(1, Ordering::AcqRel);
        Box::new(async move {
            let request = gather(request).await.inspect_err(|_| {
                sent.fetch_sub(1, Ordering::AcqRel);
            })?;
            let answer = egress::exchange(&network, &grants, &log, placeholder.as_deref(), request).await;
            answer.map_err(|error| refusal(error, &log, &sent, &denied)).and_then(give)
        })
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
        // These two are wasmtime's own additions: the URL and the body say the same.
        if *name == header::HOST || *name == header::CONTENT_LENGTH {
            continue;
        }
        let value = value.to_str().map_err(|_| Error::HttpRequestDenied)?;
        headers.push((name.as_str().to_owned(), value.to_owned()));
    }
    Ok(HttpRequest { method: head.method.to_string(), url: head.uri.to_string(), headers, body })
}

fn refusal(error: HttpError, log: &CallLog, sent: &AtomicU32, denied: &AtomicBool) -> Error {
    match error {
        HttpError::Denied(why)
        | HttpError::Unauthenticated(why)
        | HttpError::LoginRefused(Failed { text: why, .. }) => {
            denied.store(true, Ordering::Release);
            sent.fetch_sub(1, Ordering::AcqRel);
            log.line(tracing::Level::WARN, &why);
            Error::HttpRequestDenied
        }
        HttpError::NotSent(_) => {
            sent.fetch_sub(1, Ordering::AcqRel);
            Error::ConnectionRefused
        }
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

//! The requests of a connection, with a time limit on each body and its memory counted, and responses passed on in small
//! parts.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use axum::response::{IntoResponse as _, Response};
use axum_server::ConnectionShutdown;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use super::registry::{Connection, Work};
use crate::problem::{Problem, ProblemType};

/// The size of the parts of a response that hyper is given, in bytes. It buffers what it is given,
/// also for a client that reads nothing.
const PART: usize = 16 << 10;

/// What a part of a body takes in memory beside its bytes, in bytes, until the body is complete: with parts of one byte, far more than
/// the body.
const PER_PART: u64 = 64;

/// A service whose requests are registered in their connection.
#[derive(Clone)]
pub(crate) struct Counted<S> {
    inner: S,
    connection: Arc<Connection>,
}

impl<S> Counted<S> {
    pub(super) fn new(inner: S, connection: Arc<Connection>) -> Self {
        Self { inner, connection }
    }
}

impl<S, B> Service<Request<B>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let work = self.connection.begin(request.extensions().get::<ConnectionShutdown>());
        let late = Arc::new(AtomicBool::new(false));
        let request = request.map(|body| {
            if body.is_end_stream() {
                return Body::new(body);
            }
            Body::new(Timed {
                body: Body::new(body),
                connection: Arc::clone(&self.connection),
                request: work.id(),
                begun: Instant::now(),
                received: 0,
                timer: None,
                late: Arc::clone(&late),
            })
        });
        let response = self.inner.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            if late.load(Ordering::Relaxed) {
                let detail = "the body of the request did not arrive in time";
                response = Problem::new(ProblemType::RequestTimeout, detail).into_response();
            }
            Ok(response.map(|body| hand_over(body, work)))
        })
    }
}

/// A body that must arrive in time, and whose memory is counted.
struct Timed {
    body: Body,
    connection: Arc<Connection>,
    request: u64,
    begun: Instant,
    received: u64,
    timer: Option<Pin<Box<Sleep>>>,
    late: Arc<AtomicBool>,
}

/// Why a body ended early.
#[derive(Debug)]
struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body did not arrive in time")
    }
}

impl Error for TooSlow {}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let due = this.begun + this.connection.body_time(this.received);
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            // By itself, a part keeps all of the buffer that it was read into, with whatever else a client sent.
            let frame = frame.map(|frame| frame.map(|frame| frame.map_data(|data| Bytes::copy_from_slice(&data))));
            let part = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            let part = part.map(|data| data.len() as u64);
            this.received += part.unwrap_or_default();
            this.connection.receives(this.request, false, part.map_or(0, |bytes| bytes + PER_PART));
            // A client that always sends just enough to prevent a wait gets no more time.
            if Instant::now() < due || frame.is_none() {
                return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
            }
        } else {
            this.connection.receives(this.request, true, 0);
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            std::task::ready!(timer.as_mut().poll(context));
        }
        this.late.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Counts a response as unread by the client until hyper has taken all of it.
fn hand_over(body: Body, work: Work) -> Body {
    if body.is_end_stream() {
        return body;
    }
    work.responds(body.size_hint().lower());
    Body::new(Parts { body, part: Bytes::new(), _work: work })
}

/// A response in parts, however it was made.
struct Parts {
    body: Body,
    part: Bytes,
    _work: Work,
}

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.part.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.part = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        let size = self.part.len().min(PART);
        Poll::Ready(Some(Ok(Frame::data(self.part.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.part.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, held) = (self.body.size_hint(), self.part.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint.set_lower(hint.lower().saturating_add(held));
        hint
    }
}

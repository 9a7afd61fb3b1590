//! Logs and metrics of requests. Paths are logged as routes, without ids.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Instrument as _;

use crate::problem::ProblemName;

const REQUEST_ID: &str = "x-request-id";

/// In seconds, from a verification in memory to a delivery that nearly times out.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// Returns the process's metrics. The recorder is global to the process, so there is one.
pub(crate) fn metrics() -> PrometheusHandle {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    METRICS
        .get_or_init(|| {
            let builder = PrometheusBuilder::new();
            // This fails only for an empty list of buckets.
            let recorder = builder.set_buckets(&BUCKETS).unwrap_or_default().build_recorder();
            let handle = recorder.handle();
            // A program that embeds the router may have its own recorder: then that one has the
            // metrics.
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}

/// Compacts histograms, even if nobody reads the metrics.
pub(crate) async fn upkeep() {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        metrics().run_upkeep();
    }
}

/// Logs a request and counts it.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let id = request.headers().get(REQUEST_ID).and_then(given).unwrap_or_else(made);
    let span = tracing::info_span!("request", id, method, route);
    let mut response = next.run(request).instrument(span.clone()).await;

    let status = response.status().as_u16();
    let problem = response.extensions().get::<ProblemName>().map_or("", |name| name.0);
    let took = begin.elapsed();
    span.in_scope(|| tracing::info!(status, problem, milliseconds = took.as_millis(), "answered"));
    metrics::histogram!("twofactor_http_request_seconds", "route" => route.clone()).record(took);
    metrics::counter!("twofactor_http_requests_total",
        "method" => method, "route" => route, "status" => status.to_string(), "problem" => problem)
    .increment(1);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Returns a known method. Methods are labels of metrics, and clients must not be able to create labels.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// Returns the request id of the caller, if it is safe in a log.
fn given(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    ((1..=64).contains(&text.len()) && text.chars().all(fits)).then(|| text.to_owned())
}

fn made() -> String {
    let mut bytes = [0; 8];
    // Without randomness requests are merely harder to find.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

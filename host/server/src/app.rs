//! All routes of the server: REST API, admin UI, sign-in page, delivery reports, health and metrics.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use metrics_exporter_prometheus::PrometheusHandle;
use twofactor::TwoFactor;
use twofactor::sandbox::{IpNet, ReportRequest};

use crate::middleware::harden;
use crate::oidc::Oidc;
use crate::problem::{Problem, ProblemType};
use crate::request_limits::{BODY_BYTES, REPORT_BYTES};
use crate::sign_in::{self, PublicUrl};
use crate::state::AppState;
use crate::{api, telemetry, ui};

/// Returns all routes except the sign-in page. `X-Forwarded-For` counts only from the `proxies`. Serve it with
/// connection info (`into_make_service_with_connect_info::<SocketAddr>`), so that the audit log knows where a request came from.
pub fn router(engine: TwoFactor, proxies: Vec<IpNet>) -> Router {
    router_at(engine, proxies, None)
}

/// Returns all routes. The sign-in page is served if its public URL is given.
pub fn router_at(engine: TwoFactor, proxies: Vec<IpNet>, public: Option<PublicUrl>) -> Router {
    router_with(engine, proxies, public, None)
}

/// Returns all routes, with login over OpenID Connect besides passwords.
pub fn router_with(engine: TwoFactor, proxies: Vec<IpNet>, public: Option<PublicUrl>, oidc: Option<Oidc>) -> Router {
    let metrics = telemetry::metrics();
    let proxies: Arc<[IpNet]> = proxies.into();
    let pages = public.clone().map(|public| sign_in::router(&engine, proxies.clone(), public));
    let app = AppState { engine, proxies, public, oidc: oidc.map(Arc::new) };
    api::routes()
        .route("/openapi.json", document())
        .route("/reports/{*message}", get(report).post(report).layer(DefaultBodyLimit::max(REPORT_BYTES)))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(|| async move { exposition(metrics) }))
        .fallback(nowhere)
        .method_not_allowed_fallback(|| async {
            Problem::new(ProblemType::MethodNotAllowed, "this path does not support the method")
        })
        .with_state(app.clone())
        .merge(ui::router(&app))
        .merge(pages.unwrap_or_default())
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(axum::middleware::from_fn(harden))
        .layer(axum::middleware::from_fn(telemetry::observe))
}

/// Serves the OpenAPI document. All responses share one copy, so that unread ones cost no memory.
fn document<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    let document = Bytes::from(api::openapi());
    get(|| async move { ([(header::CONTENT_TYPE, "application/json")], document) })
}

async fn nowhere(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let problem = || Problem::new(ProblemType::NotFound, "there is nothing at this path");
    ui::nowhere(&method, &uri, &headers).unwrap_or_else(|| problem().into_response())
}

async fn ready(State(engine): State<TwoFactor>) -> Result<&'static str, Problem> {
    engine.ready().await?;
    Ok("ready")
}

fn exposition(metrics: PrometheusHandle) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())
}

/// Takes a delivery report of an upstream. The response tells the sender nothing.
async fn report(
    State(engine): State<TwoFactor>,
    Path(message): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let query = query.as_deref().unwrap_or_default();
    let report = ReportRequest { method: method.as_str(), query, headers: &headers, body: &body };
    engine.handle_delivery_report(&message, &report).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use axum::body::Body;
    use axum::extract::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn responses_share_the_bytes_of_the_openapi_document() {
        let router: Router = Router::new().route("/openapi.json", document());
        let mut places = Vec::new();
        for _ in 0..2 {
            let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
            let mut body = router.clone().oneshot(request).await.unwrap().into_body();
            let bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(bytes.len() > 100_000);
            places.push(bytes.as_ptr());
        }
        assert_eq!(places[0], places[1]);
    }
}

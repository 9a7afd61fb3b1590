//! The REST API: it translates between JSON and the engine, and decides nothing but who may call what.

#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod accounts;
mod assignments;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod audit;
mod body;
mod caller;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod challenges;
mod condition;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod directory;
mod document;
mod duplicate;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod instances;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod messages;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod part;
mod problem;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod providers;
mod settings;
mod sign_in_page;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod sign_ins;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod subscriptions;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod tokens;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod users;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRef, Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use twofactor::{IpNet, TwoFactor};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

pub(crate) use caller::{Own, Reader, address, client_address};
pub use document::openapi;
pub(crate) use problem::{Problem, ProblemName};

use crate::guard::guard;
use crate::oidc::Oidc;
use crate::sign_in::{self, PublicUrl};
use crate::{telemetry, ui};

/// The longest body of a call that carries JSON, in bytes.
const BODY_BYTES: usize = 256 << 10;

/// The longest body of a call that carries ten thousand names.
const LIST_BYTES: usize = 8 << 20;

/// The longest report of an upstream, in bytes: a form of some fields.
const REPORT_BYTES: usize = 64 << 10;

/// The longest component taken, in bytes; what the engine takes may be less ([`twofactor::Limits`]).
pub(crate) const COMPONENT_BYTES: usize = 64 << 20;

/// What the calls work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) engine: TwoFactor,
    proxies: Arc<[IpNet]>,
    pub(crate) public: Option<PublicUrl>,
    pub(crate) oidc: Option<Arc<Oidc>>,
    pub(crate) held: ui::Held,
    pub(crate) kept: ui::Kept,
}

impl FromRef<Api> for TwoFactor {
    fn from_ref(api: &Api) -> Self {
        api.engine.clone()
    }
}

/// All routes over an engine but those of the sign-in page. `X-Forwarded-For` counts only from the `proxies`. Serve it with
/// connection info (`into_make_service_with_connect_info::<SocketAddr>`), so that the audit log knows where a request came from.
pub fn router(engine: TwoFactor, proxies: Vec<IpNet>) -> Router {
    router_at(engine, proxies, None)
}

/// All routes over an engine; those of the sign-in page if it is known where browsers find it.
pub fn router_at(engine: TwoFactor, proxies: Vec<IpNet>, public: Option<PublicUrl>) -> Router {
    router_with(engine, proxies, public, None)
}

/// The same, with log-in over OpenID Connect beside that with a password.
pub fn router_with(engine: TwoFactor, proxies: Vec<IpNet>, public: Option<PublicUrl>, oidc: Option<Oidc>) -> Router {
    let metrics = telemetry::metrics();
    // All that read it share one copy.
    let document = Bytes::from(openapi());
    let proxies: Arc<[IpNet]> = proxies.into();
    let pages = public.clone().map(|public| sign_in::router(&engine, proxies.clone(), public));
    let (calls, _) = calls().split_for_parts();
    let api =
        Api { engine, proxies, public, oidc: oidc.map(Arc::new), held: ui::Held::default(), kept: ui::Kept::default() };
    calls
        .merge(ui::router(&api))
        .route("/openapi.json", get(|| async move { ([(header::CONTENT_TYPE, "application/json")], document) }))
        .route("/reports/{*message}", post(report).layer(DefaultBodyLimit::max(REPORT_BYTES)))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(|| async move { exposition(metrics) }))
        .fallback(nowhere)
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this path has other methods")
        })
        .with_state(api)
        .merge(pages.unwrap_or_default())
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(axum::middleware::from_fn(guard))
        .layer(axum::middleware::from_fn(telemetry::observe))
}

async fn nowhere(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let problem = || Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such call");
    ui::nowhere(&method, &uri, &headers).unwrap_or_else(|| problem().into_response())
}

/// Each call is named here once; what serves it and what documents it cannot differ.
fn calls() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::frame())
        .routes(routes!(challenges::available))
        .routes(routes!(challenges::start))
        .routes(routes!(challenges::verify))
        .routes(routes!(challenges::resend))
        .routes(routes!(challenges::cancel))
        .routes(routes!(sign_ins::begin))
        .routes(routes!(sign_ins::read))
        .routes(routes!(sign_ins::redeem))
        .routes(routes!(subscriptions::list, subscriptions::create))
        .routes(routes!(subscriptions::read, subscriptions::change, subscriptions::remove))
        .routes(routes!(directory::list, directory::import).layer(DefaultBodyLimit::max(LIST_BYTES)))
        .routes(routes!(directory::read, directory::name, directory::remove))
        .routes(routes!(instances::list, instances::create))
        .routes(routes!(instances::read, instances::replace, instances::change, instances::remove))
        .routes(routes!(assignments::read, assignments::replace).layer(DefaultBodyLimit::max(LIST_BYTES)))
        .routes(routes!(instances::test))
        .routes(routes!(sign_in_page::read, sign_in_page::replace))
        .routes(routes!(users::unlock))
        .routes(routes!(messages::find))
        .routes(routes!(settings::read, settings::replace))
        .routes(routes!(settings::check))
        .routes(routes!(providers::list, providers::add).layer(DefaultBodyLimit::max(COMPONENT_BYTES)))
        .routes(routes!(providers::examine).layer(DefaultBodyLimit::max(COMPONENT_BYTES)))
        .routes(routes!(providers::roll_back))
        .routes(routes!(providers::remove))
        .routes(routes!(tokens::list, tokens::issue))
        .routes(routes!(tokens::revoke))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::read, accounts::change, accounts::remove))
        .routes(routes!(accounts::invite))
        .routes(routes!(audit::list))
}

/// What an upstream reports of a message. Whoever sends it is told nothing.
async fn report(
    State(engine): State<TwoFactor>,
    Path(message): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    engine.report(&message, &headers, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn ready(State(engine): State<TwoFactor>) -> Result<&'static str, Problem> {
    engine.ready().await?;
    Ok("ready")
}

fn exposition(metrics: PrometheusHandle) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())
}

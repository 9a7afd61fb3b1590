//! The REST API for applications.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use twofactor::{Recipient, Role, SignIn, Start, TwoFactor};

use crate::problem::Problem;

/// The routes.
pub fn router(engine: TwoFactor) -> Router {
    Router::new()
        .route("/v1/two-factors", get(available))
        .route("/v1/challenges", post(start))
        .route("/v1/challenges/{id}", axum::routing::delete(cancel))
        .route("/v1/challenges/{id}/verify", post(verify))
        .route("/v1/challenges/{id}/resend", post(resend))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .layer(DefaultBodyLimit::max(64 << 10))
        .with_state(engine)
}

/// The subscription of the application whose token came with the request.
struct Application(String);

impl FromRequestParts<TwoFactor> for Application {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, engine: &TwoFactor) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        match engine.authenticate(token).await?.map(|identity| identity.role) {
            Some(Role::Application { subscription }) => Ok(Self(subscription)),
            Some(_) => Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "this call is for applications")),
            None => Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "a valid bearer token is needed")),
        }
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    // The parser's text may repeat a value of the body: its place is enough.
    serde_json::from_slice(body).map_err(|error| {
        let detail = format!("the body is not the JSON asked for: line {}, column {}", error.line(), error.column());
        Problem::new(StatusCode::BAD_REQUEST, "invalid-input", detail)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Where {
    tenant: Option<String>,
    idp: Option<String>,
    client_application: Option<String>,
    user: Option<String>,
}

impl Where {
    fn sign_in(self, subscription: String) -> SignIn {
        SignIn {
            subscription,
            tenant: self.tenant,
            idp: self.idp,
            client_application: self.client_application,
            user: self.user,
        }
    }
}

async fn available(
    State(engine): State<TwoFactor>,
    Application(subscription): Application,
    Query(place): Query<Where>,
) -> Result<Json<Value>, Problem> {
    let available = engine.available(&place.sign_in(subscription)).await?;
    Ok(Json(json!({"two_factors": available})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartBody {
    tenant: Option<String>,
    idp: Option<String>,
    client_application: Option<String>,
    user: Option<String>,
    two_factor: Option<String>,
    recipient: Recipient,
    locale: Option<String>,
    purpose: Option<String>,
    client_address: Option<std::net::IpAddr>,
}

async fn start(
    State(engine): State<TwoFactor>,
    Application(subscription): Application,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<twofactor::Challenge>), Problem> {
    let body: StartBody = read(&body)?;
    let place =
        Where { tenant: body.tenant, idp: body.idp, client_application: body.client_application, user: body.user };
    let start = Start {
        sign_in: place.sign_in(subscription),
        two_factor: body.two_factor,
        recipient: body.recipient,
        locale: body.locale,
        purpose: body.purpose,
        client_address: body.client_address,
        idempotency_key: headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned),
    };
    Ok((StatusCode::CREATED, Json(engine.start(start).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    code: String,
}

async fn verify(
    State(engine): State<TwoFactor>,
    Application(subscription): Application,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let answer: Answer = read(&body)?;
    let verified = engine.verify(&subscription, &id, &answer.code, None).await?;
    Ok(Json(json!({
        "status": "verified",
        "user": verified.user,
        "two_factor": verified.two_factor,
        "amr": verified.amr,
        "verified_at": verified.verified_at,
    })))
}

async fn resend(
    State(engine): State<TwoFactor>,
    Application(subscription): Application,
    Path(id): Path<String>,
) -> Result<Json<twofactor::Challenge>, Problem> {
    Ok(Json(engine.resend(&subscription, &id).await?))
}

async fn cancel(
    State(engine): State<TwoFactor>,
    Application(subscription): Application,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    engine.cancel(&subscription, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn ready(State(engine): State<TwoFactor>) -> Result<&'static str, Problem> {
    engine.ready().await?;
    Ok("ready")
}

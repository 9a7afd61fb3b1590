//! Sign-ins for which a browser comes to the sign-in page.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::{NewHostedSignIn, SignIn, SignInStatus, TwoFactor};
use utoipa::ToSchema;

use super::Api;
use super::body::{Body, Segments};
use super::caller::Application;
use super::challenges::Recipient;
use super::problem::Problem;

/// A sign-in that a browser is to be sent for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSignIn {
    /// The tenant.
    tenant: Option<String>,
    /// The identity provider.
    idp: Option<String>,
    /// The client application.
    client_application: Option<String>,
    /// The user: wrong answers add up for it, and the result names it.
    user: String,
    #[serde(deserialize_with = "super::body::object")]
    recipient: Recipient,
    /// The language of the message and of the page (BCP 47, or a list as in `Accept-Language`); the browser's if not said.
    locale: Option<String>,
    /// What the code is for; `sign-in` if not said.
    purpose: Option<String>,
    /// The person's own network address, for limits; that of the browser if not said.
    #[schema(value_type = Option<String>)]
    client_address: Option<IpAddr>,
    /// Where the browser goes at the end: one of the `return_urls` of the subscription's sign-in page, to the letter.
    #[schema(example = "https://shop.example.com/signed-in")]
    return_url: String,
    /// Goes there with it, 1 to 512 characters. Random, and kept where only this browser's session finds it.
    state: String,
}

/// A link for one browser.
#[derive(Serialize, ToSchema)]
pub(super) struct Begun {
    /// For the application's server; also the result's `jti`.
    id: String,
    /// Where the browser is to be sent. It is a secret: whoever opens it first may use it.
    url: String,
    /// When it ends.
    expires_at: Timestamp,
}

/// Begins a sign-in at the sign-in page. At its end the browser comes to `return_url` with `state` and either `result`, a JWT signed
/// by a key of `/.well-known/jwks.json` (`iss` is this server, `aud` the subscription, `sub` the user, `jti` the `id` given here), or
/// `error=access_denied`.
#[utoipa::path(post, path = "/v1/sign-ins", operation_id = "beginSignIn", tag = "challenges", request_body = NewSignIn,
    responses((status = 201, body = Begun)))]
pub(super) async fn begin(
    State(api): State<Api>,
    application: Application,
    Body(new): Body<NewSignIn>,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    let public = api.public.ok_or_else(|| {
        let detail =
            "there is no sign-in page: the operator must set `public_url` to one with `https:` and without a path";
        Problem::new(StatusCode::CONFLICT, "not-available", detail)
    })?;
    let sign_in = SignIn {
        subscription: application.subscription,
        tenant: new.tenant,
        idp: new.idp,
        client_application: new.client_application,
        user: Some(new.user),
    };
    let new = NewHostedSignIn {
        sign_in,
        recipient: new.recipient.into(),
        locale: new.locale,
        purpose: new.purpose,
        client_address: new.client_address,
        return_url: new.return_url,
        state: new.state,
    };
    let begun = api.engine.hosted_sign_ins().begin(new).await?;
    let url = public.link(&begun.secret);
    Ok((StatusCode::CREATED, Json(Begun { id: begun.id, url, expires_at: begun.expires_at })))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Pending,
    Verified,
    Cancelled,
    Expired,
}

/// How far a sign-in is.
#[derive(Serialize, ToSchema)]
pub(super) struct SignInReport {
    id: String,
    status: Status,
    user: Option<String>,
    /// The instance that delivered the code, once it is `verified`.
    two_factor: Option<String>,
    /// Authentication method references (RFC 8176), once it is `verified`.
    amr: Option<Vec<String>>,
    verified_at: Option<Timestamp>,
    /// When it ends, or would have. A day later it is forgotten.
    expires_at: Timestamp,
}

/// How far a sign-in is, for the application's server: whoever asks here needs no JWT.
#[utoipa::path(get, path = "/v1/sign-ins/{id}", operation_id = "readSignIn", tag = "challenges",
    responses((status = 200, body = SignInReport)))]
pub(super) async fn read(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments(id): Segments<String>,
) -> Result<Json<SignInReport>, Problem> {
    let found = engine.hosted_sign_ins().status(&application.subscription, &id).await?;
    let (status, verified) = match found.status {
        SignInStatus::Pending => (Status::Pending, None),
        SignInStatus::Cancelled => (Status::Cancelled, None),
        SignInStatus::Expired => (Status::Expired, None),
        SignInStatus::Verified { at, two_factor, amr } => (Status::Verified, Some((at, two_factor, amr))),
    };
    let (verified_at, two_factor, amr) = match verified {
        Some((at, two_factor, amr)) => (Some(at), Some(two_factor), Some(amr)),
        None => (None, None, None),
    };
    let (id, user, expires_at) = (found.id, found.user, found.expires_at);
    Ok(Json(SignInReport { id, status, user, two_factor, amr, verified_at, expires_at }))
}

//! Sign-ins for which a browser comes to the sign-in page.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::{NewHostedSignIn, SignIn, SignInStatus, TwoFactor};
use utoipa::ToSchema;

use super::body::{Body, Segments};
use super::challenges::Recipient;
use crate::access::Application;
use crate::problem::Problem;
use crate::sign_in::{PublicUrl, sign};
use crate::state::AppState;

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
    /// The network address of the browser that asked to sign in: for limits, and shown in part on the page, so that a person can tell a
    /// sign-in that somebody else began.
    #[schema(value_type = Option<String>)]
    client_address: Option<IpAddr>,
    /// The `User-Agent` of that browser: the page names browser and system.
    #[schema(max_length = 1024)]
    user_agent: Option<String>,
    /// Whether the person has passed the first factor, such as a password, in this sign-in. Some of a user's wrong answers are kept for
    /// those who have, so that nobody else can use them all up.
    #[serde(default)]
    first_factor: bool,
    /// Where the browser goes at the end: one of the `return_urls` of the subscription's sign-in page, to the letter.
    #[schema(example = "https://shop.example.com/signed-in")]
    return_url: String,
    /// Goes there with it, 1 to 512 characters. Random, and kept in this browser's session.
    state: String,
}

/// A link for one browser.
#[derive(Serialize, ToSchema)]
pub(super) struct Begun {
    /// For the application's server, which keeps it in this browser's session and shows it to nobody; also the result's `jti`.
    id: String,
    /// Where the browser is to be sent. It is a secret: whoever opens it first may use it.
    url: String,
    /// When it ends.
    expires_at: Timestamp,
}

/// Begins a sign-in at the sign-in page. At its end the browser comes to `return_url` with `state` and either `handle`, for
/// `POST /v1/sign-ins/{id}/result`, or `error=access_denied`.
#[utoipa::path(post, path = "/v1/sign-ins", operation_id = "beginSignIn", tag = "challenges", request_body = NewSignIn,
    responses((status = 201, body = Begun)))]
pub(super) async fn begin(
    State(app): State<AppState>,
    application: Application,
    Body(new): Body<NewSignIn>,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    let public = public(&app)?;
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
        user_agent: new.user_agent,
        first_factor: new.first_factor,
        return_url: new.return_url,
        state: new.state,
    };
    let begun = app.engine.hosted_sign_ins().begin(new).await?;
    let url = public.link(&begun.secret);
    Ok((StatusCode::CREATED, Json(Begun { id: begun.id, url, expires_at: begun.expires_at })))
}

fn public(app: &AppState) -> Result<&PublicUrl, Problem> {
    app.public.as_ref().ok_or_else(|| {
        let detail =
            "there is no sign-in page: the operator must set `public_url` to one with `https:` and without a path";
        Problem::new(StatusCode::CONFLICT, "not-available", detail)
    })
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// It is open.
    Pending,
    /// It was confirmed or cancelled: which of both only the browser that began it brings back.
    Ended,
    /// Its time ran out.
    Expired,
}

/// The progress of a sign-in. It is no proof of anything.
#[derive(Serialize, ToSchema)]
pub(super) struct SignInReport {
    id: String,
    status: Status,
    /// What its codes are for, as it was begun.
    purpose: String,
    /// When it expires, or would have. A day later it is forgotten.
    expires_at: Timestamp,
}

/// The progress of a sign-in, without its result: somebody else than the person who began it may have confirmed it. The result is given
/// for the handle that the browser brings back.
#[utoipa::path(get, path = "/v1/sign-ins/{id}", operation_id = "readSignIn", tag = "challenges",
    responses((status = 200, body = SignInReport)))]
pub(super) async fn read(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments(id): Segments<String>,
) -> Result<Json<SignInReport>, Problem> {
    let found = engine.hosted_sign_ins().status(&application.subscription, &id).await?;
    let status = match found.status {
        SignInStatus::Pending => Status::Pending,
        SignInStatus::Ended => Status::Ended,
        SignInStatus::Expired => Status::Expired,
    };
    Ok(Json(SignInReport { id: found.id, status, purpose: found.purpose, expires_at: found.expires_at }))
}

/// What the browser brought back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Handle {
    /// The parameter `handle` of the return URL.
    handle: String,
}

/// The result of a sign-in, given once.
#[derive(Serialize, ToSchema)]
pub(super) struct SignInResult {
    id: String,
    #[schema(example = "verified")]
    status: &'static str,
    /// Who signed in.
    user: Option<String>,
    /// What the code was for, as the sign-in was begun: compare it.
    purpose: String,
    /// The instance that delivered the code.
    two_factor: String,
    /// Authentication method references (RFC 8176).
    amr: Vec<String>,
    /// When the person gave the code.
    verified_at: Timestamp,
    /// The same for others who trust this server: a JWT signed by a key of `/.well-known/jwks.json`, valid for two minutes. `iss` is this
    /// server, `aud` the subscription, `sub` the user, `jti` the `id`.
    result: String,
}

/// Redeems the handle that a browser brought back, once and within two minutes. The application compares `state` first, and takes the `id`
/// from the session of this browser: 410 `sign-in-closed` for a handle that is unknown, redeemed, expired or another sign-in's, alike.
#[utoipa::path(post, path = "/v1/sign-ins/{id}/result", operation_id = "redeemSignIn", tag = "challenges", request_body = Handle,
    responses((status = 200, body = SignInResult)))]
pub(super) async fn redeem(
    State(app): State<AppState>,
    application: Application,
    Segments(id): Segments<String>,
    Body(brought): Body<Handle>,
) -> Result<Json<SignInResult>, Problem> {
    let (public, sign_ins) = (public(&app)?, app.engine.hosted_sign_ins());
    let redeemed = sign_ins.redeem(&application.subscription, &id, &brought.handle).await;
    let redeemed = redeemed.map_err(|error| match error.is_closed() {
        true => Problem::new(StatusCode::GONE, "sign-in-closed", error.to_string()),
        false => error.into(),
    })?;
    let result = sign(&sign_ins, public, &redeemed).map_err(|error| {
        tracing::error!(%error, "a result could not be signed");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the result cannot be signed at the moment")
    })?;
    Ok(Json(SignInResult {
        id: redeemed.id,
        status: "verified",
        user: redeemed.sign_in.user,
        purpose: redeemed.purpose,
        two_factor: redeemed.two_factor,
        amr: redeemed.amr,
        verified_at: redeemed.verified_at,
        result,
    }))
}

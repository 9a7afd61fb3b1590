//! Sign-ins on the hosted sign-in page.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::sign_in::{HostedPage, NewHostedSignIn, SignInStatus};
use twofactor::{SignIn, TwoFactor};
use utoipa::ToSchema;

use super::body::{Body, Segments};
use super::challenges::Recipient;
use super::enrolments::Required;
use crate::access::Application;
use crate::assurance::Assurance;
use crate::problem::{Problem, ProblemType};
use crate::sign_in::{PublicUrl, sign};
use crate::state::AppState;

/// A request to start a sign-in on the hosted page.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSignIn {
    /// The tenant.
    tenant: Option<String>,
    /// The identity provider.
    idp: Option<String>,
    /// The client application.
    client_application: Option<String>,
    /// The user. Wrong codes are counted per user, and the result contains it. Without a user the page asks for a passkey, and the result
    /// contains the user whom it belongs to: that needs an instance whose policy is `passwordless`.
    user: Option<String>,
    /// The person's addresses. A person who holds a factor needs none.
    #[serde(default, deserialize_with = "super::body::object")]
    recipient: Recipient,
    /// The page that the browser is sent to: to sign in, or to the person's own factors. The second has no result: it ends with `state` alone.
    #[serde(default)]
    page: Page,
    /// The user's name as the person knows it, such as an email address: apps and browsers show it. By default `user`.
    user_name: Option<String>,
    /// Which factors satisfy this sign-in. By default any. With `"page":"factors"`: which factors permit changes; what is added there is up
    /// to the policy.
    #[serde(default)]
    required: Required,
    /// The authentication context class that is required: `phr` (phishing-resistant) or `phrh` (with a key in protected hardware). It is
    /// reached, or the sign-in is refused with 422 `requirement-unmet`.
    #[schema(example = "phr")]
    acr: Option<String>,
    /// The language of the message and of the page (BCP 47, or a list as in `Accept-Language`); by default that of the browser.
    locale: Option<String>,
    /// What the code is for; `sign-in` by default.
    purpose: Option<String>,
    /// The network address of the browser that starts the sign-in: for rate limits. Part of it is shown on the page, so that a person
    /// can recognize a sign-in that someone else started.
    #[schema(value_type = Option<String>)]
    client_address: Option<IpAddr>,
    /// The `User-Agent` of that browser. The page shows browser and system.
    #[schema(max_length = 1024)]
    user_agent: Option<String>,
    /// Whether the person has passed the first factor, such as a password, in this sign-in. Some of a user's attempts are reserved
    /// for those who have, so that nobody else can use them up.
    #[serde(default)]
    first_factor: bool,
    /// Where the browser returns: exactly one of the `return_urls` of the sign-in page of the subscription.
    #[schema(example = "https://shop.example.com/signed-in")]
    return_url: String,
    /// A random value of 1 to 512 characters that is returned with it. Store it in the session of this browser.
    state: String,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Page {
    /// To sign in.
    #[default]
    SignIn,
    /// To see, add, name and remove factors.
    Factors,
}

/// A started sign-in: a link for one browser.
#[derive(Serialize, ToSchema)]
pub(super) struct StartedSignIn {
    /// The id of the sign-in, also the `jti` of the result. Store it in the session of this browser, and do not show it to anyone.
    id: String,
    /// Where to send the browser. It is a secret: anyone who opens it first can use it.
    url: String,
    /// When it expires.
    expires_at: Timestamp,
}

/// Starts a sign-in on the hosted page. At its end, the browser returns to `return_url` with `state` and either `handle`, for
/// `POST /v1/sign-ins/{id}/result`, or `error=access_denied`, or `error=login_required` with `login_hint`; with `"page":"factors"` it
/// returns with `state` alone.
#[utoipa::path(post, path = "/v1/sign-ins", operation_id = "beginSignIn", tag = "challenges", request_body = NewSignIn,
    responses((status = 201, body = StartedSignIn)))]
pub(super) async fn begin(
    State(app): State<AppState>,
    application: Application,
    Body(new): Body<NewSignIn>,
) -> Result<(StatusCode, Json<StartedSignIn>), Problem> {
    let public = public(&app)?;
    let sign_in = SignIn {
        subscription: application.subscription,
        tenant: new.tenant,
        idp: new.idp,
        client_application: new.client_application,
        user: new.user,
    };
    let new = NewHostedSignIn {
        sign_in,
        recipient: new.recipient.into(),
        locale: new.locale,
        purpose: new.purpose,
        client_address: new.client_address,
        user_agent: new.user_agent,
        first_factor: new.first_factor,
        page: match new.page {
            Page::SignIn => HostedPage::SignIn,
            Page::Factors => HostedPage::Factors,
        },
        user_name: new.user_name,
        required: new.required.into(),
        acr: new.acr,
        return_url: new.return_url,
        state: new.state,
    };
    let started = app.engine.hosted_sign_ins().begin(new).await?;
    let url = public.link(&started.secret);
    Ok((StatusCode::CREATED, Json(StartedSignIn { id: started.id, url, expires_at: started.expires_at })))
}

fn public(app: &AppState) -> Result<&PublicUrl, Problem> {
    app.public.as_ref().ok_or_else(|| {
        let detail =
            "this server has no sign-in page: the operator must set `public_url` to an `https:` URL without a path";
        Problem::new(ProblemType::NotAvailable, detail)
    })
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// In progress.
    Pending,
    /// Verified or cancelled. Only the browser that started it returns which.
    Ended,
    /// Expired.
    Expired,
}

/// The status of a sign-in. It proves nothing.
#[derive(Serialize, ToSchema)]
pub(super) struct SignInReport {
    id: String,
    status: Status,
    /// The purpose that it was started with.
    purpose: String,
    /// When it expires. It is deleted a day later.
    expires_at: Timestamp,
}

/// Returns the status of a sign-in, without its result: someone other than the person who started it may have verified it. The result
/// is returned for the handle from the browser.
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

/// The handle from the browser.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Handle {
    /// The parameter `handle` of the return URL.
    handle: String,
}

/// The result of a sign-in. It is returned once.
#[derive(Serialize, ToSchema)]
pub(super) struct SignInResult {
    id: String,
    #[schema(example = "verified")]
    status: &'static str,
    /// The user who signed in.
    user: Option<String>,
    /// The purpose that the sign-in was started with. Compare it with yours.
    purpose: String,
    /// The instance that delivered the code, or whose factor was used.
    two_factor: String,
    /// Authentication method references (RFC 8176). Empty if this browser is remembered and no factor was used now.
    amr: Vec<String>,
    /// The authentication context class, if one is reached: `phr` or `phrh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    /// How strong the answer is, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    assurance: Option<Assurance>,
    /// When the person entered the code.
    verified_at: Timestamp,
    /// The same as a JWT, signed with a key of `/.well-known/jwks.json` and valid for two minutes. `iss` is this server, `aud` the
    /// subscription, `sub` the user, `jti` the `id`.
    result: String,
}

/// Redeems the handle from the browser, once and within two minutes. Compare `state` first, and take the `id` from the session of this
/// browser. Returns 410 `sign-in-closed` for a handle that is unknown, redeemed, expired, or of another sign-in.
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
        true => Problem::new(ProblemType::SignInClosed, error.to_string()),
        false => error.into(),
    })?;
    let result = sign(&sign_ins, public, &redeemed).map_err(|error| {
        tracing::error!(%error, "cannot sign the result of a sign-in");
        Problem::new(ProblemType::Unavailable, "the result cannot be signed at the moment")
    })?;
    Ok(Json(SignInResult {
        id: redeemed.id,
        status: "verified",
        user: redeemed.sign_in.user,
        purpose: redeemed.purpose,
        two_factor: redeemed.two_factor,
        amr: redeemed.amr,
        acr: redeemed.acr,
        assurance: redeemed.assurance.map(Into::into),
        verified_at: redeemed.verified_at,
        result,
    }))
}

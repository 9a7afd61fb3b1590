//! What applications call.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::{SignIn, Start, TwoFactor};
use utoipa::{IntoParams, ToSchema};

use super::body::{Body, Parameters, Segments};
use crate::access::Application;
use crate::problem::Problem;

/// Who signs in, where.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Where {
    /// The tenant.
    tenant: Option<String>,
    /// The identity provider.
    idp: Option<String>,
    /// The client application.
    client_application: Option<String>,
    /// The user.
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

#[derive(Serialize, ToSchema)]
pub(super) struct AvailableList {
    two_factors: Vec<Available>,
}

/// An instance a sign-in may use.
#[derive(Serialize, ToSchema)]
struct Available {
    /// Opaque.
    id: String,
    /// Its type, such as `email`.
    r#type: String,
    /// For people.
    name: String,
    /// The way a code takes, such as `email` or `sms`.
    channel: String,
}

/// The instances that could serve a sign-in, most specific first.
#[utoipa::path(get, path = "/v1/two-factors", operation_id = "listAvailable", tag = "challenges", params(Where),
    responses((status = 200, body = AvailableList)))]
pub(super) async fn available(
    State(engine): State<TwoFactor>,
    application: Application,
    Parameters(place): Parameters<Where>,
) -> Result<Json<AvailableList>, Problem> {
    let found = engine.available(&place.sign_in(application.subscription)).await?;
    let two_factors = found
        .into_iter()
        .map(|one| Available { id: one.id, r#type: one.type_id, name: one.name, channel: one.channel })
        .collect();
    Ok(Json(AvailableList { two_factors }))
}

/// Where a person can be reached.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipient {
    /// An email address.
    email: Option<String>,
    /// A telephone number in international form.
    #[schema(example = "+41791234567")]
    phone: Option<String>,
    /// A name that the instance's provider understands: an account of a chat, a device.
    handle: Option<String>,
}

impl From<Recipient> for twofactor::Recipient {
    fn from(recipient: Recipient) -> Self {
        Self { email: recipient.email, phone: recipient.phone, handle: recipient.handle }
    }
}

/// A wish for a challenge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChallenge {
    /// The tenant.
    tenant: Option<String>,
    /// The identity provider.
    idp: Option<String>,
    /// The client application.
    client_application: Option<String>,
    /// The user: wrong answers add up for it.
    user: Option<String>,
    /// The instance to use; without one the most specific that the recipient fits.
    two_factor: Option<String>,
    #[serde(deserialize_with = "super::body::object")]
    recipient: Recipient,
    /// The language of the message (BCP 47, or a list as in `Accept-Language`).
    locale: Option<String>,
    /// What the code is for; `sign-in` if not said. A code that TwoFactor made is good for nothing else.
    purpose: Option<String>,
    /// The person's own network address, for limits.
    #[schema(value_type = Option<String>)]
    client_address: Option<IpAddr>,
    /// Whether the person has passed the first factor, such as a password, in this sign-in. Some of a user's wrong answers are kept for
    /// those who have, so that nobody else can use them all up.
    #[serde(default)]
    first_factor: bool,
}

/// A challenge under way. The code is not in it.
#[derive(Serialize, ToSchema)]
pub(super) struct Challenge {
    /// Opaque.
    id: String,
    /// The instance that delivers it.
    two_factor: String,
    /// The way it went, such as `email` or `sms`.
    channel: String,
    /// The recipient, masked.
    recipient_hint: String,
    /// When it ends.
    expires_at: Timestamp,
    /// From when on its message may be sent again.
    resend_after: Timestamp,
    /// How many more answers it takes.
    attempts_left: u32,
    /// How many digits the code has.
    code_length: u8,
}

impl From<twofactor::Challenge> for Challenge {
    fn from(challenge: twofactor::Challenge) -> Self {
        Self {
            id: challenge.id,
            two_factor: challenge.two_factor,
            channel: challenge.channel,
            recipient_hint: challenge.recipient_hint,
            expires_at: challenge.expires_at,
            resend_after: challenge.resend_after,
            attempts_left: challenge.attempts_left,
            code_length: challenge.code_length,
        }
    }
}

/// Makes a code and has it delivered. With `Idempotency-Key` a repeat within a day returns the first answer.
#[utoipa::path(post, path = "/v1/challenges", operation_id = "startChallenge", tag = "challenges", request_body = NewChallenge,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters of the application's own.")),
    responses((status = 201, body = Challenge)))]
pub(super) async fn start(
    State(engine): State<TwoFactor>,
    application: Application,
    headers: HeaderMap,
    Body(body): Body<NewChallenge>,
) -> Result<(StatusCode, Json<Challenge>), Problem> {
    let place =
        Where { tenant: body.tenant, idp: body.idp, client_application: body.client_application, user: body.user };
    let mut start = Start::new(place.sign_in(application.subscription));
    start.two_factor = body.two_factor;
    start.recipient = body.recipient.into();
    start.locale = body.locale;
    start.purpose = body.purpose;
    start.client_address = body.client_address;
    start.first_factor = body.first_factor;
    if let Some(key) = headers.get("idempotency-key") {
        let unreadable = |_| {
            let detail = "`Idempotency-Key` must be of visible ASCII characters";
            Problem::new(StatusCode::BAD_REQUEST, "invalid-input", detail)
        };
        start.idempotency_key = Some(key.to_str().map_err(unreadable)?.to_owned());
    }
    Ok((StatusCode::CREATED, Json(engine.start(start).await?.into())))
}

/// What the person typed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    #[schema(example = "123456")]
    code: String,
    /// The person's own network address, for limits.
    #[schema(value_type = Option<String>)]
    client_address: Option<IpAddr>,
}

/// The right answer, given for the first and only time.
#[derive(Serialize, ToSchema)]
pub(super) struct Verified {
    #[schema(example = "verified")]
    status: &'static str,
    /// The user the challenge was started for.
    #[schema(required = true)]
    user: Option<String>,
    /// The instance that delivered the code.
    two_factor: String,
    /// What the code was for, as the challenge was started: compare it.
    #[schema(example = "sign-in")]
    purpose: String,
    /// Authentication method references (RFC 8176): `otp`, and `sms` or `tel` for a code that went to a telephone number. Email and chat
    /// have no registered value.
    amr: Vec<String>,
    verified_at: Timestamp,
}

/// Judges an answer. 422 `code-rejected` for a wrong one; 410 `challenge-closed` for a challenge that is used, expired, locked,
/// cancelled or unknown alike; 502 or 503 `delivery-failed` where the upstream made the code and cannot be asked.
#[utoipa::path(post, path = "/v1/challenges/{id}/verify", operation_id = "verifyChallenge", tag = "challenges", request_body = Answer,
    responses((status = 200, body = Verified)))]
pub(super) async fn verify(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments(id): Segments<String>,
    Body(answer): Body<Answer>,
) -> Result<Json<Verified>, Problem> {
    let verified = engine.verify(&application.subscription, &id, &answer.code, answer.client_address).await?;
    Ok(Json(Verified {
        status: "verified",
        user: verified.user,
        two_factor: verified.two_factor,
        purpose: verified.purpose,
        amr: verified.amr,
        verified_at: verified.verified_at,
    }))
}

/// Sends a challenge's message again, with a new code; where the upstream makes the codes it may be the same one.
#[utoipa::path(post, path = "/v1/challenges/{id}/resend", operation_id = "resendChallenge", tag = "challenges",
    responses((status = 200, body = Challenge)))]
pub(super) async fn resend(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments(id): Segments<String>,
) -> Result<Json<Challenge>, Problem> {
    Ok(Json(engine.resend(&application.subscription, &id).await?.into()))
}

/// Ends a challenge.
#[utoipa::path(delete, path = "/v1/challenges/{id}", operation_id = "cancelChallenge", tag = "challenges", responses((status = 204)))]
pub(super) async fn cancel(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    engine.cancel(&application.subscription, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

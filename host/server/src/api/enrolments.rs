//! Enrolments: how a user gets a factor.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twofactor::factor::{AnswerKind, EnrolmentAnswer, RequiredFactor, Reveal};
use twofactor::{SignIn, TwoFactor};
use utoipa::ToSchema;

use super::body::{Body, Segments};
use super::factor::Factor;
use super::idempotency::idempotency_key;
use super::proof::Proof;
use crate::access::Application;
use crate::problem::Problem;
use crate::qr;

/// What a factor must be. Each requirement includes those before it.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Required {
    /// Any factor.
    #[default]
    Any,
    /// One whose answers are worthless on any other site: a passkey.
    PhishingResistant,
    /// One that cannot be copied to another device.
    DeviceBound,
    /// One whose model is proved by attestation and trusted.
    Attested,
}

impl From<Required> for RequiredFactor {
    fn from(required: Required) -> Self {
        match required {
            Required::Any => Self::Any,
            Required::PhishingResistant => Self::PhishingResistant,
            Required::DeviceBound => Self::DeviceBound,
            Required::Attested => Self::Attested,
        }
    }
}

/// A request to begin an enrolment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEnrolment {
    /// The tenant.
    tenant: Option<String>,
    /// The identity provider.
    idp: Option<String>,
    /// The client application.
    client_application: Option<String>,
    /// The user who will hold the factor.
    #[schema(min_length = 1, max_length = 256)]
    user: String,
    /// The instance to enrol with. It must be available to this sign-in.
    two_factor: String,
    #[serde(deserialize_with = "super::body::object")]
    proof: Proof,
    /// The user's name as the person knows it, such as an email address: apps and browsers show it. By default `user`.
    #[schema(max_length = 100)]
    user_name: Option<String>,
    /// The name that people read. By default `user_name`.
    #[schema(max_length = 100)]
    display_name: Option<String>,
    /// What the factor must be. By default any.
    #[serde(default)]
    required: Required,
    /// Whether the factor is to identify the user by itself: a passkey for sign-ins without a user name.
    #[serde(default)]
    passwordless: bool,
    /// The language of the person (BCP 47, or a list as in `Accept-Language`).
    #[schema(max_length = 100)]
    locale: Option<String>,
    /// The network address of the person, for rate limits.
    #[schema(value_type = Option<String>)]
    client_address: Option<IpAddr>,
}

/// How the person answers.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EnrolmentKind {
    /// With a code of the authenticator app.
    TypedCode,
    /// With a credential: the page calls `navigator.credentials.create`.
    WebauthnCreate,
    /// The page shows what is revealed, and the person confirms to have stored it.
    ShowOnce,
}

/// What is shown to the person, only once.
#[derive(Serialize, ToSchema)]
struct Revealed {
    /// For an authenticator app: the URI to put into a QR code or a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    otpauth_uri: Option<String>,
    /// The secret in it, in base32, for people who type it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
    /// The URI as a QR code: an SVG image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    qr_svg: Option<String>,
    /// For recovery codes: the codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    codes: Option<Vec<String>>,
}

impl From<Reveal> for Revealed {
    fn from(reveal: Reveal) -> Self {
        let nothing = Self { otpauth_uri: None, secret: None, qr_svg: None, codes: None };
        match &reveal {
            Reveal::Otpauth { uri, secret } => {
                let qr_svg = Some(qr::svg(uri)).filter(|svg| !svg.is_empty());
                Self { otpauth_uri: Some(uri.clone()), secret: Some(secret.clone()), qr_svg, ..nothing }
            }
            Reveal::Codes(codes) => Self { codes: Some(codes.clone()), ..nothing },
        }
    }
}

/// An enrolment that has begun.
#[derive(Serialize, ToSchema)]
pub(super) struct Enrolment {
    /// An opaque id.
    id: String,
    /// The type of the factor, such as `totp`.
    r#type: String,
    /// The instance.
    two_factor: String,
    kind: EnrolmentKind,
    /// What the page needs. For `webauthn-create` it is what `PublicKeyCredential.parseCreationOptionsFromJSON` accepts.
    #[schema(value_type = Object)]
    public: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reveal: Option<Revealed>,
    /// With `typed-code`: how many characters the code has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code_length: Option<u32>,
    /// When it expires.
    expires_at: Timestamp,
}

impl Enrolment {
    fn of(enrolment: twofactor::factor::Enrolment) -> Self {
        let kind = match enrolment.kind {
            AnswerKind::TypedCode => EnrolmentKind::TypedCode,
            AnswerKind::ShowOnce => EnrolmentKind::ShowOnce,
            // The contract has no enrolment that is finished with an assertion.
            AnswerKind::WebauthnCreate | AnswerKind::WebauthnGet => EnrolmentKind::WebauthnCreate,
        };
        Self {
            id: enrolment.id,
            r#type: enrolment.type_id,
            two_factor: enrolment.two_factor,
            kind,
            public: enrolment.public,
            reveal: enrolment.reveal.map(Revealed::from),
            code_length: enrolment.code_length,
            expires_at: enrolment.expires_at,
        }
    }
}

/// Begins the enrolment of a factor: an authenticator app, a passkey or recovery codes. An earlier open enrolment of the user with the same
/// instance is closed. Only the token that begins an enrolment can finish it. With `Idempotency-Key`, a repeat with the same token returns
/// the same enrolment while it is open, including the revealed secret; with another token it is 422 `idempotency-key-reused`. Returns 403
/// `proof-required` if the proof is not enough.
#[utoipa::path(post, path = "/v1/enrolments", operation_id = "beginEnrolment", tag = "challenges", request_body = NewEnrolment,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, chosen by the application.")),
    responses((status = 201, body = Enrolment)))]
pub(super) async fn begin(
    State(engine): State<TwoFactor>,
    application: Application,
    headers: HeaderMap,
    Body(body): Body<NewEnrolment>,
) -> Result<(StatusCode, Json<Enrolment>), Problem> {
    let sign_in = SignIn {
        subscription: application.subscription,
        tenant: body.tenant,
        idp: body.idp,
        client_application: body.client_application,
        user: Some(body.user),
    };
    let mut new = twofactor::factor::NewEnrolment::new(sign_in, body.two_factor, body.proof.read()?);
    new.user_name = body.user_name;
    new.display_name = body.display_name;
    new.required = body.required.into();
    new.passwordless = body.passwordless;
    new.locale = body.locale;
    new.client_address = body.client_address;
    new.holder = Some(application.token_id);
    new.idempotency_key = idempotency_key(&headers)?;
    Ok((StatusCode::CREATED, Json(Enrolment::of(engine.enrol(new).await?))))
}

/// The answer that finishes an enrolment: `code` for `typed-code`, `credential` for `webauthn-create`, neither for `show-once`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishEnrolment {
    /// The code of the authenticator app.
    #[schema(example = "123456", max_length = 256)]
    code: Option<String>,
    /// What `toJSON()` of the credential returned in the browser.
    #[schema(value_type = Option<Object>)]
    credential: Option<Map<String, Value>>,
    /// The name that the person gives the factor.
    #[schema(example = "My phone", max_length = 60)]
    label: Option<String>,
    /// The network address of the person, for rate limits.
    #[schema(value_type = Option<String>)]
    client_address: Option<IpAddr>,
}

/// A factor that was enrolled.
#[derive(Serialize, ToSchema)]
pub(super) struct EnrolledFactor {
    factor: Factor,
}

/// Finishes an enrolment. Returns 422 `code-rejected` with `attempts_left` for a wrong answer; 422 `requirement-unmet` if the factor is not
/// what is required; 410 `enrolment-closed` for an enrolment that is finished, replaced, expired, of another token, or unknown. A wrong
/// credential closes the enrolment.
#[utoipa::path(post, path = "/v1/enrolments/{id}/finish", operation_id = "finishEnrolment", tag = "challenges",
    request_body = FinishEnrolment, responses((status = 201, body = EnrolledFactor)))]
pub(super) async fn finish(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments(id): Segments<String>,
    Body(body): Body<FinishEnrolment>,
) -> Result<(StatusCode, Json<EnrolledFactor>), Problem> {
    let answer = EnrolmentAnswer {
        enrolment: id,
        code: body.code,
        credential: body.credential.map(|credential| Value::Object(credential).to_string()),
        label: body.label,
        holder: Some(application.token_id),
        client_address: body.client_address,
    };
    let factor = engine.finish_enrolment(&application.subscription, answer).await?;
    Ok((StatusCode::CREATED, Json(EnrolledFactor { factor: factor.into() })))
}

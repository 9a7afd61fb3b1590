//! Addresses of users: email addresses and phone numbers that a user has proved to control.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::factor::VerifiedAddress;
use twofactor::{SignIn, TwoFactor};
use utoipa::ToSchema;

use super::body::{Body, Segments};
use super::challenges::Challenge;
use super::idempotency::idempotency_key;
use super::proof::Proof;
use super::user_factors::Removal;
use crate::access::Application;
use crate::problem::Problem;

/// The address to verify: exactly one of these fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressToVerify {
    /// An email address.
    email: Option<String>,
    /// A phone number in international format.
    #[schema(example = "+41791234567")]
    phone: Option<String>,
}

/// A request to verify an address of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAddress {
    /// The tenant.
    tenant: Option<String>,
    /// The identity provider.
    idp: Option<String>,
    /// The client application.
    client_application: Option<String>,
    /// The user whose address it is.
    #[schema(min_length = 1, max_length = 256)]
    user: String,
    #[serde(deserialize_with = "super::body::object")]
    recipient: AddressToVerify,
    #[serde(deserialize_with = "super::body::object")]
    proof: Proof,
    /// The instance that delivers the code. By default, the most specific one that can reach the address.
    two_factor: Option<String>,
    /// The language of the message (BCP 47, or a list as in `Accept-Language`).
    #[schema(max_length = 100)]
    locale: Option<String>,
    /// The network address of the person, for rate limits.
    #[schema(value_type = Option<String>)]
    client_address: Option<IpAddr>,
}

/// Sends a code to an address of a user, to verify it. The code is entered at `POST /v1/addresses/{id}/verify`; it can be sent again and
/// cancelled like that of a challenge. With `Idempotency-Key`, a repeated request within a day returns the first response. Returns 403
/// `proof-required` if the proof is not enough; 409 `conflict` if the user has five verified addresses.
#[utoipa::path(post, path = "/v1/addresses", operation_id = "addAddress", tag = "challenges", request_body = NewAddress,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, chosen by the application.")),
    responses((status = 201, body = Challenge)))]
pub(super) async fn add(
    State(engine): State<TwoFactor>,
    application: Application,
    headers: HeaderMap,
    Body(body): Body<NewAddress>,
) -> Result<(StatusCode, Json<Challenge>), Problem> {
    let sign_in = SignIn {
        subscription: application.subscription,
        tenant: body.tenant,
        idp: body.idp,
        client_application: body.client_application,
        user: Some(body.user),
    };
    let AddressToVerify { email, phone } = body.recipient;
    let recipient = twofactor::Recipient { email, phone, handle: None };
    let mut new = twofactor::factor::NewAddress::new(sign_in, recipient, body.proof.read()?);
    new.two_factor = body.two_factor;
    new.locale = body.locale;
    new.client_address = body.client_address;
    new.idempotency_key = idempotency_key(&headers)?;
    Ok((StatusCode::CREATED, Json(engine.add_address(new).await?.into())))
}

/// The code that was sent to an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressCode {
    /// The code that the person entered.
    #[schema(example = "123456")]
    code: String,
    /// The network address of the person, for rate limits.
    #[schema(value_type = Option<String>)]
    client_address: Option<IpAddr>,
}

/// What kind of address it is.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum AddressKind {
    /// An email address.
    Email,
    /// A phone number.
    Phone,
}

/// A verified address of a user, masked.
#[derive(Serialize, ToSchema)]
struct Address {
    /// An opaque id.
    id: String,
    kind: AddressKind,
    /// The masked address, which its owner can recognize.
    #[schema(example = "a•••@example.com")]
    hint: String,
    verified_at: Timestamp,
}

impl From<VerifiedAddress> for Address {
    fn from(address: VerifiedAddress) -> Self {
        let kind = match address.kind {
            twofactor::factor::AddressKind::Email => AddressKind::Email,
            twofactor::factor::AddressKind::Phone => AddressKind::Phone,
        };
        Self { id: address.id, kind, hint: address.hint, verified_at: address.verified_at }
    }
}

/// An address that was verified.
#[derive(Serialize, ToSchema)]
pub(super) struct AddedAddress {
    address: Address,
}

/// The verified addresses of a user.
#[derive(Serialize, ToSchema)]
pub(super) struct AddressList {
    addresses: Vec<Address>,
}

/// Verifies the code that was sent to an address. From then on a challenge of this user needs no `recipient`. Returns 422 `code-rejected`
/// for a wrong code; 410 `challenge-closed` for one that is used, expired, locked, cancelled or unknown, was not sent to verify an address,
/// or was sent before another change of the user's factors or addresses.
#[utoipa::path(post, path = "/v1/addresses/{id}/verify", operation_id = "verifyAddress", tag = "challenges", request_body = AddressCode,
    responses((status = 201, body = AddedAddress)))]
pub(super) async fn verify(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments(id): Segments<String>,
    Body(body): Body<AddressCode>,
) -> Result<(StatusCode, Json<AddedAddress>), Problem> {
    let answer = twofactor::Answer::new(&id, &body.code).client_address(body.client_address);
    let address = engine.confirm_address(&application.subscription, answer).await?.into();
    Ok((StatusCode::CREATED, Json(AddedAddress { address })))
}

/// Lists the verified addresses of a user.
#[utoipa::path(get, path = "/v1/users/{user}/addresses", operation_id = "listAddresses", tag = "challenges",
    responses((status = 200, body = AddressList)))]
pub(super) async fn list(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments(user): Segments<String>,
) -> Result<Json<AddressList>, Problem> {
    let addresses = engine.addresses(&application.subscription, &user).await?;
    Ok(Json(AddressList { addresses: addresses.into_iter().map(Address::from).collect() }))
}

/// Removes a verified address. That address is notified, too. Returns 403 `proof-required` if the proof is not enough: `first_factor`
/// never is.
#[utoipa::path(delete, path = "/v1/users/{user}/addresses/{id}", operation_id = "removeAddress", tag = "challenges",
    request_body = Removal, responses((status = 204)))]
pub(super) async fn remove(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments((user, id)): Segments<(String, String)>,
    Body(removal): Body<Removal>,
) -> Result<StatusCode, Problem> {
    engine.remove_address(&application.subscription, &user, &id, &removal.proof.read()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! The second factor of accounts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::TwoFactor;
use utoipa::ToSchema;

use super::body::Body;
use super::condition::{Expected, tagged};
use crate::access::{Administrator, Reader};
use crate::problem::Problem;

/// How accounts get their second factor.
#[derive(Serialize, ToSchema)]
pub(super) struct SecondFactorSettings {
    /// The subscription whose instances deliver it: those assigned to the client application `twofactor-admin`.
    subscription: Option<String>,
    /// Whether every login requires it. Otherwise it is used where it is available.
    required: bool,
    /// When it became required for every login.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    required_since: Option<Timestamp>,
}

/// Returns the settings with their `ETag`.
fn answer(set: twofactor::accounts::SecondFactor) -> Response {
    let body = SecondFactorSettings {
        subscription: set.subscription,
        required: set.demanded_since.is_some(),
        required_since: set.demanded_since,
    };
    tagged(StatusCode::OK, set.revision, body)
}

/// Returns the settings of the second factor of accounts (administrators and auditors of the whole installation).
#[utoipa::path(get, path = "/v1/second-factor", operation_id = "readSecondFactor", tag = "administration",
    responses((status = 200, body = SecondFactorSettings, headers(("ETag" = String)))))]
pub(super) async fn read(reader: Reader, State(engine): State<TwoFactor>) -> Result<Response, Problem> {
    reader.of_the_system()?;
    Ok(answer(engine.accounts().second_factor_settings().await?))
}

/// New settings of the second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSecondFactorSettings {
    /// The subscription whose instances deliver it; `null` for none.
    subscription: Option<String>,
    /// Whether every login requires it.
    required: bool,
}

/// Replaces the settings of the second factor of accounts. Returns 409 `conflict` if it is to be required and cannot be delivered. With
/// `If-Match`, returns 412 `precondition-failed` if someone else modified them (system administrators).
#[utoipa::path(put, path = "/v1/second-factor", operation_id = "replaceSecondFactor", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
    request_body = NewSecondFactorSettings,
    responses((status = 200, body = SecondFactorSettings, headers(("ETag" = String)))))]
pub(super) async fn replace(
    administrator: Administrator,
    State(engine): State<TwoFactor>,
    Expected(revision): Expected,
    Body(new): Body<NewSecondFactorSettings>,
) -> Result<Response, Problem> {
    let actor = administrator.of_the_system()?.actor();
    Ok(answer(engine.accounts().set_second_factor(actor, new.subscription, new.required, revision).await?))
}

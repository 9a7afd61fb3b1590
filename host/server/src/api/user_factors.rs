//! The factors of a user, for the application.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use twofactor::TwoFactor;
use utoipa::ToSchema;

use super::body::{Body, Segments};
use super::factor::{Factor, FactorList, RemovedFactors};
use super::proof::Proof;
use crate::access::Application;
use crate::problem::Problem;

/// Lists the factors that a user holds, without those that have ended.
#[utoipa::path(get, path = "/v1/users/{user}/factors", operation_id = "listFactors", tag = "challenges",
    responses((status = 200, body = FactorList)))]
pub(super) async fn list(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments(user): Segments<String>,
) -> Result<Json<FactorList>, Problem> {
    Ok(Json(FactorList::of(engine.factors(&application.subscription, &user).await?)))
}

/// A new name of a factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FactorChange {
    /// The name that the person gives it; `null` for none.
    #[schema(required = true, max_length = 60)]
    #[serde(deserialize_with = "Option::deserialize")]
    label: Option<String>,
}

/// Changes the name of a factor.
#[utoipa::path(patch, path = "/v1/users/{user}/factors/{id}", operation_id = "renameFactor", tag = "challenges",
    request_body = FactorChange, responses((status = 200, body = Factor)))]
pub(super) async fn rename(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments((user, id)): Segments<(String, String)>,
    Body(change): Body<FactorChange>,
) -> Result<Json<Factor>, Problem> {
    let renamed = engine.rename_factor(&application.subscription, &user, &id, change.label.as_deref()).await?;
    Ok(Json(renamed.into()))
}

/// A request to remove a factor or an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Removal {
    #[serde(deserialize_with = "super::body::object")]
    pub(super) proof: Proof,
}

/// Removes a factor, and fallbacks that would be left as the only ones. Returns 403 `proof-required` if the proof is not enough:
/// `first_factor` never is.
#[utoipa::path(delete, path = "/v1/users/{user}/factors/{id}", operation_id = "removeFactor", tag = "challenges",
    request_body = Removal, responses((status = 200, body = RemovedFactors)))]
pub(super) async fn remove(
    State(engine): State<TwoFactor>,
    application: Application,
    Segments((user, id)): Segments<(String, String)>,
    Body(removal): Body<Removal>,
) -> Result<Json<RemovedFactors>, Problem> {
    let proof = removal.proof.read()?;
    let removed = engine.remove_factor(&application.subscription, &user, &id, &proof).await?;
    Ok(Json(removed.into()))
}

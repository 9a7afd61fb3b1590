//! Users: the people who sign in.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::Segments;
use crate::access::Administrator;
use crate::problem::Problem;

/// The result of unlocking a user.
#[derive(Serialize, ToSchema)]
pub(super) struct Unlocked {
    /// Whether the user is known. An unknown id is probably misspelled.
    seen: bool,
}

/// Unlocks a user: resets the count of wrong codes, so that a locked user (429 `user-locked` at a start) can sign in again immediately.
/// Without it, the lock ends a day after the last wrong code.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/users/{user}/unlock", tag = "administration",
    operation_id = "unlockUser", responses((status = 200, body = Unlocked)))]
pub(super) async fn unlock(
    administrator: Administrator,
    Segments((subscription, user)): Segments<(String, String)>,
) -> Result<Json<Unlocked>, Problem> {
    let seen = administrator.of(&subscription)?.unlock_user(&subscription, &user).await?;
    Ok(Json(Unlocked { seen }))
}

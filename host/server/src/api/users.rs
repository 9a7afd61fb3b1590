//! The people who sign in.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::Segments;
use crate::access::Administrator;
use crate::problem::Problem;

/// What is known of a user that was unlocked.
#[derive(Serialize, ToSchema)]
pub(super) struct Unlocked {
    /// Whether anything is known of a user of this id: one that was never seen is misspelt, as a rule.
    seen: bool,
}

/// Forgets a user's wrong answers, so that one who is locked (429 `user-locked` at a start) may sign in again at once. By itself
/// that happens a day after the last wrong answer.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/users/{user}/unlock", tag = "administration",
    operation_id = "unlockUser", responses((status = 200, body = Unlocked)))]
pub(super) async fn unlock(
    administrator: Administrator,
    Segments((subscription, user)): Segments<(String, String)>,
) -> Result<Json<Unlocked>, Problem> {
    let seen = administrator.of(&subscription)?.unlock_user(&subscription, &user).await?;
    Ok(Json(Unlocked { seen }))
}

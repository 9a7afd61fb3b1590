//! The people who sign in.

use axum::http::StatusCode;

use super::body::Segments;
use super::caller::Administrator;
use super::problem::Problem;

/// Forgets a user's wrong answers, so that one who is locked (429 `user-locked` at a start) may sign in again at once. By itself
/// that happens a day after the last wrong answer.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/users/{user}/unlock", tag = "administration",
    operation_id = "unlockUser", responses((status = 204)))]
pub(super) async fn unlock(
    administrator: Administrator,
    Segments((subscription, user)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    administrator.of(&subscription)?.unlock_user(&subscription, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Subscriptions.

use axum::Json;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Body;
use super::caller::{Administrator, Reader};
use super::problem::Problem;

/// Who owns instances.
#[derive(Serialize, ToSchema)]
pub(super) struct Subscription {
    id: String,
    /// For people.
    name: String,
    created_at: Timestamp,
}

impl From<twofactor::Subscription> for Subscription {
    fn from(one: twofactor::Subscription) -> Self {
        Self { id: one.id, name: one.name, created_at: one.created_at }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct SubscriptionList {
    subscriptions: Vec<Subscription>,
}

/// The caller's subscriptions.
#[utoipa::path(get, path = "/v1/subscriptions", operation_id = "listSubscriptions", tag = "administration",
    responses((status = 200, body = SubscriptionList)))]
pub(super) async fn list(reader: Reader) -> Result<Json<SubscriptionList>, Problem> {
    let all = reader.of_anything().subscriptions().await?;
    let own = all.into_iter().filter(|one| reader.own().has(&one.id));
    Ok(Json(SubscriptionList { subscriptions: own.map(Subscription::from).collect() }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSubscription {
    /// 1 to 64 letters, digits, `-`, `_` or `.`.
    id: String,
    /// For people: one line of 1 to 100 characters.
    name: String,
}

/// Adds a subscription (system administrators).
#[utoipa::path(post, path = "/v1/subscriptions", operation_id = "createSubscription", tag = "administration", request_body = NewSubscription,
    responses((status = 201, body = Subscription)))]
pub(super) async fn create(
    administrator: Administrator,
    Body(new): Body<NewSubscription>,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    let created = administrator.of_the_system()?.create_subscription(&new.id, &new.name).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

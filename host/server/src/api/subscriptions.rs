//! Subscriptions.

use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Body, Parameters, Segments};
use super::condition::{Expected, tagged};
use super::part::{Page, size};
use crate::access::{Administrator, Own, Reader};
use crate::problem::Problem;

/// A subscription: the owner of instances.
#[derive(Serialize, ToSchema)]
pub(super) struct Subscription {
    id: String,
    /// The display name.
    name: String,
    /// The revision; also the `ETag`.
    revision: u64,
    created_at: Timestamp,
}

impl From<twofactor::store::Subscription> for Subscription {
    fn from(one: twofactor::store::Subscription) -> Self {
        Self { id: one.id, name: one.name, revision: one.revision, created_at: one.created_at }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct SubscriptionList {
    subscriptions: Vec<Subscription>,
    /// The `after` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// Lists the subscriptions of the caller, by id.
#[utoipa::path(get, path = "/v1/subscriptions", operation_id = "listSubscriptions", tag = "administration", params(Page),
    responses((status = 200, body = SubscriptionList)))]
pub(super) async fn list(
    reader: Reader,
    Parameters(page): Parameters<Page>,
) -> Result<Json<SubscriptionList>, Problem> {
    let among = match reader.own() {
        Own::Everything => None,
        Own::These(own) => Some(own),
    };
    let admin = reader.of_anything();
    let page = admin.subscriptions_page(among, page.after.as_deref(), size(page.limit)?).await?;
    let subscriptions = page.items.into_iter().map(Subscription::from).collect();
    Ok(Json(SubscriptionList { subscriptions, next: page.next }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSubscription {
    /// 1 to 64 letters, digits, `-`, `_` or `.`.
    id: String,
    /// The display name: one line of 1 to 100 characters.
    name: String,
}

/// Creates a subscription (system administrators).
#[utoipa::path(post, path = "/v1/subscriptions", operation_id = "createSubscription", tag = "administration", request_body = NewSubscription,
    responses((status = 201, body = Subscription, headers(("ETag" = String)))))]
pub(super) async fn create(
    administrator: Administrator,
    Body(new): Body<NewSubscription>,
) -> Result<Response, Problem> {
    let created = administrator.of_the_system()?.create_subscription(&new.id, &new.name).await?;
    Ok(tagged(StatusCode::CREATED, created.revision, Subscription::from(created)))
}

/// Returns a subscription.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}", operation_id = "readSubscription", tag = "administration",
    responses((status = 200, body = Subscription, headers(("ETag" = String)))))]
pub(super) async fn read(reader: Reader, Segments(id): Segments<String>) -> Result<Response, Problem> {
    let found = reader.of(&id)?.subscription(&id).await?;
    Ok(tagged(StatusCode::OK, found.revision, Subscription::from(found)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartOfSubscription {
    /// The display name: one line of 1 to 100 characters.
    name: String,
}

/// Renames a subscription. With `If-Match`, returns 412 `precondition-failed` if someone else modified it.
#[utoipa::path(patch, path = "/v1/subscriptions/{subscription}", operation_id = "changeSubscription", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
    request_body = PartOfSubscription, responses((status = 200, body = Subscription, headers(("ETag" = String)))))]
pub(super) async fn change(
    administrator: Administrator,
    Segments(id): Segments<String>,
    Expected(revision): Expected,
    Body(part): Body<PartOfSubscription>,
) -> Result<Response, Problem> {
    let changed = administrator.of(&id)?.rename_subscription(&id, &part.name, revision).await?;
    Ok(tagged(StatusCode::OK, changed.revision, Subscription::from(changed)))
}

/// Deletes a subscription and its directory. Returns 409 `conflict` while it has instances or valid tokens, or accounts whose role names
/// it (system administrators).
#[utoipa::path(delete, path = "/v1/subscriptions/{subscription}", operation_id = "removeSubscription", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
    responses((status = 204)))]
pub(super) async fn remove(
    administrator: Administrator,
    Segments(id): Segments<String>,
    Expected(revision): Expected,
) -> Result<StatusCode, Problem> {
    administrator.of_the_system()?.delete_subscription(&id, revision).await?;
    Ok(StatusCode::NO_CONTENT)
}

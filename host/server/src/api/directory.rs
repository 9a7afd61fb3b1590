//! The directory of a subscription: the targets of assignments, with display names.

use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use twofactor::Assignment;
use twofactor::admin::{DirectoryEntry, DirectoryFilter, NamedTarget};
use utoipa::{IntoParams, ToSchema};

use super::assignments::Kind;
use super::body::{Body, List, Parameters, Segments};
use super::condition::{Expected, tagged};
use super::part::size;
use crate::access::{Administrator, Reader};
use crate::problem::Problem;

/// A target of assignments.
#[derive(Serialize, ToSchema)]
pub(super) struct DirectoryItem {
    kind: Kind,
    /// The id, as the application names it.
    id: String,
    /// The display name; absent if none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// The revision; also the `ETag`.
    revision: u64,
}

impl From<DirectoryEntry> for DirectoryItem {
    fn from(one: DirectoryEntry) -> Self {
        Self { kind: one.kind.into(), id: one.id, name: one.name, revision: one.revision }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct DirectoryPage {
    entries: Vec<DirectoryItem>,
    /// The `after` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only targets of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Only targets whose id or name contains this, case-insensitive.
    search: Option<String>,
    /// The `next` of the previous page; omit it for the first page.
    after: Option<String>,
    /// Maximum number of entries; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Lists the directory, by kind and id. Entries are created by the first assignment or imported.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/directory", operation_id = "listDirectory", tag = "administration",
    params(Filter), responses((status = 200, body = DirectoryPage)))]
pub(super) async fn list(
    reader: Reader,
    Segments(subscription): Segments<String>,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<DirectoryPage>, Problem> {
    let admin = reader.of(&subscription)?;
    let wanted = DirectoryFilter { kind: filter.kind.map(Kind::into), search: filter.search.unwrap_or_default() };
    let page = admin.directory(&subscription, &wanted, filter.after.as_deref(), size(filter.limit)?).await?;
    Ok(Json(DirectoryPage { entries: page.items.into_iter().map(DirectoryItem::from).collect(), next: page.next }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDirectoryItem {
    kind: Kind,
    /// The id, as the application names it: 1 to 256 characters.
    #[schema(min_length = 1, max_length = 256)]
    id: String,
    /// The display name: one line of 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// The result of an import.
#[derive(Serialize, ToSchema)]
pub(super) struct DirectoryImport {
    /// Created entries.
    created: u64,
    /// Renamed entries.
    changed: u64,
    /// Unchanged entries.
    unchanged: u64,
}

/// Adds entries and renames existing ones: at most 10,000, all or nothing. Other entries stay unchanged.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/directory", operation_id = "importDirectory", tag = "administration",
    request_body = Vec<NewDirectoryItem>, responses((status = 200, body = DirectoryImport)))]
pub(super) async fn import(
    administrator: Administrator,
    Segments(subscription): Segments<String>,
    List(entries): List<NewDirectoryItem>,
) -> Result<Json<DirectoryImport>, Problem> {
    let admin = administrator.of(&subscription)?;
    let named =
        |it: NewDirectoryItem| NamedTarget { target: Assignment { kind: it.kind.into(), id: it.id }, name: it.name };
    let done = admin.import_directory(&subscription, entries.into_iter().map(named).collect()).await?;
    Ok(Json(DirectoryImport { created: done.created, changed: done.changed, unchanged: done.unchanged }))
}

/// An instance that is assigned to an entry.
#[derive(Serialize, ToSchema)]
struct AssignedInstance {
    id: String,
    /// The display name.
    name: String,
}

/// An entry with the instances assigned to it.
#[derive(Serialize, ToSchema)]
pub(super) struct WholeDirectoryItem {
    #[serde(flatten)]
    entry: DirectoryItem,
    /// The instances assigned to it.
    two_factors: Vec<AssignedInstance>,
}

/// Returns an entry, with the instances assigned to it.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/directory/{kind}/{id}", operation_id = "readDirectoryEntry", tag = "administration",
    responses((status = 200, body = WholeDirectoryItem, headers(("ETag" = String)))))]
pub(super) async fn read(
    reader: Reader,
    Segments((subscription, kind, id)): Segments<(String, Kind, String)>,
) -> Result<Response, Problem> {
    let target = Assignment { kind: kind.into(), id };
    let (entry, assigned) = reader.of(&subscription)?.directory_entry(&subscription, &target).await?;
    let two_factors = assigned.into_iter().map(|(id, name)| AssignedInstance { id, name }).collect();
    Ok(tagged(StatusCode::OK, entry.revision, WholeDirectoryItem { entry: DirectoryItem::from(entry), two_factors }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DirectoryName {
    /// The display name: one line of 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Adds or renames an entry. With `If-Match`, returns 412 `precondition-failed` if someone else modified it.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/directory/{kind}/{id}", operation_id = "nameDirectoryEntry", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read; `\"0\"` if the entry does not exist.")),
    request_body = DirectoryName, responses((status = 200, body = DirectoryItem, headers(("ETag" = String)))))]
pub(super) async fn name(
    administrator: Administrator,
    Segments((subscription, kind, id)): Segments<(String, Kind, String)>,
    Expected(revision): Expected,
    Body(name): Body<DirectoryName>,
) -> Result<Response, Problem> {
    let entry = NamedTarget { target: Assignment { kind: kind.into(), id }, name: name.name };
    let named = administrator.of(&subscription)?.name_target(&subscription, entry, revision).await?;
    Ok(tagged(StatusCode::OK, named.revision, DirectoryItem::from(named)))
}

/// Deletes an entry. Returns 409 `conflict`, with the instances, while instances are assigned to it. With `If-Match`, returns 412
/// `precondition-failed` if someone else modified it.
#[utoipa::path(delete, path = "/v1/subscriptions/{subscription}/directory/{kind}/{id}", operation_id = "removeDirectoryEntry", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
    responses((status = 204)))]
pub(super) async fn remove(
    administrator: Administrator,
    Segments((subscription, kind, id)): Segments<(String, Kind, String)>,
    Expected(revision): Expected,
) -> Result<StatusCode, Problem> {
    let target = Assignment { kind: kind.into(), id };
    administrator.of(&subscription)?.delete_directory_entry(&subscription, &target, revision).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! A subscription's directory: what instances are assigned to, with names for people.

use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use twofactor::{Assignment, DirectoryEntry, DirectoryFilter, NamedTarget};
use utoipa::{IntoParams, ToSchema};

use super::assignments::Kind;
use super::body::{Body, List, Parameters, Segments};
use super::caller::{Administrator, Reader};
use super::condition::{Expected, tagged};
use super::part::size;
use super::problem::Problem;

/// Something instances can be assigned to.
#[derive(Serialize, ToSchema)]
pub(super) struct Entry {
    kind: Kind,
    /// Its id, as the application names it.
    id: String,
    /// For people; not there until somebody says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Counts changes; also the `ETag`.
    revision: u64,
}

impl From<DirectoryEntry> for Entry {
    fn from(one: DirectoryEntry) -> Self {
        Self { kind: one.kind.into(), id: one.id, name: one.name, revision: one.revision }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct EntryPart {
    entries: Vec<Entry>,
    /// `after` of the next part; not there at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only these.
    #[param(inline)]
    kind: Option<Kind>,
    /// Only with this in id or name, whatever the case.
    search: Option<String>,
    /// The `next` of the part before; from the beginning if not said.
    after: Option<String>,
    /// How many at most; 100 if not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// What instances are or may be assigned to, by kind and id. An entry comes about by its first assignment, or is imported.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/directory", operation_id = "listDirectory", tag = "administration",
    params(("subscription" = String, Path), Filter), responses((status = 200, body = EntryPart)))]
pub(super) async fn list(
    reader: Reader,
    Segments(subscription): Segments<String>,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<EntryPart>, Problem> {
    let admin = reader.of(&subscription)?;
    let wanted = DirectoryFilter { kind: filter.kind.map(Kind::into), search: filter.search.unwrap_or_default() };
    let page = admin.directory(&subscription, &wanted, filter.after.as_deref(), size(filter.limit)?).await?;
    Ok(Json(EntryPart { entries: page.items.into_iter().map(Entry::from).collect(), next: page.next }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEntry {
    kind: Kind,
    /// Its id, as the application names it: 1 to 256 characters.
    #[schema(min_length = 1, max_length = 256)]
    id: String,
    /// For people: one line of 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// What an import did.
#[derive(Serialize, ToSchema)]
pub(super) struct Imported {
    /// How many entries are new.
    created: u64,
    /// How many have another name now.
    changed: u64,
    /// How many were there as they are.
    unchanged: u64,
}

/// Adds entries, and gives those that are there their names: at most 10 000, all of them or none. What is not named stays.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/directory", operation_id = "importDirectory", tag = "administration",
    params(("subscription" = String, Path)),
    request_body = Vec<NewEntry>, responses((status = 200, body = Imported)))]
pub(super) async fn import(
    administrator: Administrator,
    Segments(subscription): Segments<String>,
    List(entries): List<NewEntry>,
) -> Result<Json<Imported>, Problem> {
    let admin = administrator.of(&subscription)?;
    let named = |it: NewEntry| NamedTarget { target: Assignment { kind: it.kind.into(), id: it.id }, name: it.name };
    let done = admin.import_directory(&subscription, entries.into_iter().map(named).collect()).await?;
    Ok(Json(Imported { created: done.created, changed: done.changed, unchanged: done.unchanged }))
}

/// An instance that is assigned to an entry.
#[derive(Serialize, ToSchema)]
struct AssignedInstance {
    id: String,
    /// For people.
    name: String,
}

/// An entry with the instances assigned to it.
#[derive(Serialize, ToSchema)]
pub(super) struct WholeEntry {
    #[serde(flatten)]
    entry: Entry,
    /// The instances assigned to it.
    two_factors: Vec<AssignedInstance>,
}

/// One entry, with the instances assigned to it.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/directory/{kind}/{id}", operation_id = "readDirectoryEntry", tag = "administration",
    params(("subscription" = String, Path), ("kind" = Kind, Path), ("id" = String, Path)),
    responses((status = 200, body = WholeEntry, headers(("ETag" = String)))))]
pub(super) async fn read(
    reader: Reader,
    Segments((subscription, kind, id)): Segments<(String, Kind, String)>,
) -> Result<Response, Problem> {
    let target = Assignment { kind: kind.into(), id };
    let (entry, assigned) = reader.of(&subscription)?.directory_entry(&subscription, &target).await?;
    let two_factors = assigned.into_iter().map(|(id, name)| AssignedInstance { id, name }).collect();
    Ok(tagged(StatusCode::OK, entry.revision, WholeEntry { entry: entry.into(), two_factors }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Name {
    /// For people: one line of 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Adds an entry, or gives it another name. With `If-Match` only if nobody else changed it meanwhile: else 412
/// `precondition-failed`.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/directory/{kind}/{id}", operation_id = "nameDirectoryEntry", tag = "administration",
    params(("subscription" = String, Path), ("kind" = Kind, Path), ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` as it was read; `\"0\"` for one that is not there.")),
    request_body = Name, responses((status = 200, body = Entry, headers(("ETag" = String)))))]
pub(super) async fn name(
    administrator: Administrator,
    Segments((subscription, kind, id)): Segments<(String, Kind, String)>,
    Expected(revision): Expected,
    Body(name): Body<Name>,
) -> Result<Response, Problem> {
    let entry = NamedTarget { target: Assignment { kind: kind.into(), id }, name: name.name };
    let named = administrator.of(&subscription)?.name_target(&subscription, entry, revision).await?;
    Ok(tagged(StatusCode::OK, named.revision, Entry::from(named)))
}

/// Removes an entry. 409 `conflict` while instances are assigned to it, which it names. With `If-Match` only if nobody else
/// changed it meanwhile: else 412 `precondition-failed`.
#[utoipa::path(delete, path = "/v1/subscriptions/{subscription}/directory/{kind}/{id}", operation_id = "removeDirectoryEntry", tag = "administration",
    params(("subscription" = String, Path), ("kind" = Kind, Path), ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` as it was read.")),
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

//! Base service settings: options per type for the whole installation.

use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::body::{Body, Segments};
use super::condition::{Expected, tagged};
use super::instances::{Affected, OptionProblem};
use crate::access::{Administrator, Reader};
use crate::problem::Problem;

/// Returns the base service settings of a type, with secrets masked (administrators and auditors of the whole installation).
#[utoipa::path(get, path = "/v1/base-settings/{type}", operation_id = "readBaseSettings", tag = "administration",
    responses((status = 200, body = Object, headers(("ETag" = String)))))]
pub(super) async fn read(reader: Reader, Segments(type_id): Segments<String>) -> Result<Response, Problem> {
    let found = reader.of_the_system()?.base_settings(&type_id).await?;
    Ok(tagged(StatusCode::OK, found.revision, found.options))
}

/// Replaces the base service settings of a type. They may be incomplete. A mask that is sent back keeps the stored secret. With
/// `If-Match`, returns 412 `precondition-failed` if someone else modified them (system administrators).
#[utoipa::path(put, path = "/v1/base-settings/{type}", operation_id = "replaceBaseSettings", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
    request_body = Object, responses((status = 200, body = Object, headers(("ETag" = String)))))]
pub(super) async fn replace(
    administrator: Administrator,
    Segments(type_id): Segments<String>,
    Expected(revision): Expected,
    Body(options): Body<Map<String, Value>>,
) -> Result<Response, Problem> {
    let admin = administrator.of_the_system()?;
    let set = admin.set_base_settings(&type_id, Value::Object(options), revision).await?;
    Ok(tagged(StatusCode::OK, set.revision, set.options))
}

/// What saving base service settings would change.
#[derive(Serialize, ToSchema)]
pub(super) struct SettingsCheck {
    /// Invalid settings. Options that are left to instances are not listed.
    problems: Vec<OptionProblem>,
    /// The instances that would become valid or invalid.
    instances: Vec<Affected>,
}

/// Checks base service settings without saving them. A mask keeps the stored secret (system administrators).
#[utoipa::path(post, path = "/v1/base-settings/{type}/check", operation_id = "checkBaseSettings", tag = "administration",
    request_body = Object, responses((status = 200, body = SettingsCheck)))]
pub(super) async fn check(
    administrator: Administrator,
    Segments(type_id): Segments<String>,
    Body(options): Body<Map<String, Value>>,
) -> Result<Json<SettingsCheck>, Problem> {
    let checked = administrator.of_the_system()?.check_base_settings(&type_id, Value::Object(options)).await?;
    let problems = checked.problems.into_iter().map(OptionProblem::from).collect();
    Ok(Json(SettingsCheck { problems, instances: checked.instances.into_iter().map(Affected::from).collect() }))
}

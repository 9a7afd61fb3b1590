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

/// The base service settings of a type, secrets masked (those of the whole installation).
#[utoipa::path(get, path = "/v1/base-settings/{type}", operation_id = "readBaseSettings", tag = "administration",
    responses((status = 200, body = Object, headers(("ETag" = String)))))]
pub(super) async fn read(reader: Reader, Segments(type_id): Segments<String>) -> Result<Response, Problem> {
    let found = reader.of_the_system()?.base_settings(&type_id).await?;
    Ok(tagged(StatusCode::OK, found.revision, found.options))
}

/// Replaces the base service settings of a type (system administrators). They need not be complete. A mask sent back keeps the
/// secret that stands there. With `If-Match` only if nobody else changed them meanwhile: else 412 `precondition-failed`.
#[utoipa::path(put, path = "/v1/base-settings/{type}", operation_id = "replaceBaseSettings", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` as it was read.")),
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

/// What base service settings would do if they were saved.
#[derive(Serialize, ToSchema)]
pub(super) struct SettingsCheck {
    /// What is wrong with the settings themselves. What they leave to instances is not among it.
    problems: Vec<OptionProblem>,
    /// The instances that they would make valid or invalid.
    instances: Vec<Affected>,
}

/// Tells what base service settings would do, and saves nothing (system administrators). A mask keeps the secret that is stored there.
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

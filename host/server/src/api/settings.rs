//! Base service settings: options per type for the whole installation.

use axum::Json;
use axum::extract::Path;
use serde_json::{Map, Value};

use super::body::Body;
use super::caller::{Administrator, Reader};
use super::problem::Problem;

/// The base service settings of a type, secrets masked (those of the whole installation).
#[utoipa::path(get, path = "/v1/base-settings/{type}", operation_id = "readBaseSettings", tag = "administration",
    params(("type" = String, Path, description = "The type of a loaded provider.")),
    responses((status = 200, body = Object)))]
pub(super) async fn read(reader: Reader, Path(type_id): Path<String>) -> Result<Json<Value>, Problem> {
    Ok(Json(reader.of_the_system()?.base_settings(&type_id).await?))
}

/// Replaces the base service settings of a type (system administrators). They need not be complete. A mask sent back keeps the
/// secret that stands there.
#[utoipa::path(put, path = "/v1/base-settings/{type}", operation_id = "replaceBaseSettings", tag = "administration",
    params(("type" = String, Path, description = "The type of a loaded provider.")),
    request_body = Object, responses((status = 200, body = Object)))]
pub(super) async fn replace(
    administrator: Administrator,
    Path(type_id): Path<String>,
    Body(options): Body<Map<String, Value>>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(administrator.of_the_system()?.set_base_settings(&type_id, Value::Object(options)).await?))
}

//! Base service settings: options per type for the whole installation.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::body::{Body, Segments};
use super::caller::{Administrator, Reader};
use super::condition::{Expected, tagged};
use super::problem::Problem;

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

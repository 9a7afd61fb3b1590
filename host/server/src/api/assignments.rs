//! Assignments of instances.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use twofactor::admin::Assignments;
use twofactor::store::AssignmentKind;
use utoipa::ToSchema;

use super::body::{List, Segments};
use super::condition::{Expected, tagged};
use crate::access::{Administrator, Reader};
use crate::problem::Problem;

/// The kind of an assignment target.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Tenant,
    Idp,
    ClientApplication,
    User,
}

impl From<AssignmentKind> for Kind {
    fn from(kind: AssignmentKind) -> Self {
        match kind {
            AssignmentKind::Tenant => Self::Tenant,
            AssignmentKind::Idp => Self::Idp,
            AssignmentKind::ClientApplication => Self::ClientApplication,
            AssignmentKind::User => Self::User,
        }
    }
}

impl From<Kind> for AssignmentKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Tenant => Self::Tenant,
            Kind::Idp => Self::Idp,
            Kind::ClientApplication => Self::ClientApplication,
            Kind::User => Self::User,
        }
    }
}

/// An assignment of an instance.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Assignment {
    kind: Kind,
    /// The id of the target, as the application names it: 1 to 256 characters.
    #[schema(min_length = 1, max_length = 256)]
    id: String,
    /// The display name from the directory of the subscription, if it has one. Ignored in requests: names are set in the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

fn answer(all: Assignments) -> Response {
    let each = |it: twofactor::admin::Assigned| Assignment { kind: it.kind.into(), id: it.id, name: it.name };
    let body: Vec<Assignment> = all.assigned.into_iter().map(each).collect();
    tagged(StatusCode::OK, all.revision, body)
}

/// Lists the assignments of an instance.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/two-factors/{id}/assignments", operation_id = "listAssignments", tag = "administration",
    responses((status = 200, body = Vec<Assignment>, headers(("ETag" = String)))))]
pub(super) async fn read(
    reader: Reader,
    Segments((subscription, id)): Segments<(String, String)>,
) -> Result<Response, Problem> {
    Ok(answer(reader.of(&subscription)?.assignments(&subscription, &id).await?))
}

/// Replaces the assignments of an instance, at most 10,000. Targets that are not in the directory of the subscription are added to
/// it. With `If-Match`, returns 412 `precondition-failed` if someone else modified them.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/two-factors/{id}/assignments", operation_id = "replaceAssignments", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
    request_body = Vec<Assignment>, responses((status = 200, body = Vec<Assignment>, headers(("ETag" = String)))))]
pub(super) async fn replace(
    administrator: Administrator,
    Segments((subscription, id)): Segments<(String, String)>,
    Expected(revision): Expected,
    List(wanted): List<Assignment>,
) -> Result<Response, Problem> {
    let wanted = wanted.into_iter().map(|it| twofactor::Assignment { kind: it.kind.into(), id: it.id }).collect();
    let admin = administrator.of(&subscription)?;
    Ok(answer(admin.replace_assignments(&subscription, &id, wanted, revision).await?))
}

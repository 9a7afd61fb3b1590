//! Who changed what.

use axum::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::Parameters;
use super::caller::Reader;
use super::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Entries after this number; from the first if not said.
    #[serde(default)]
    after: u64,
    /// At most this many, 1 to 1000; 100 if not said.
    limit: Option<u32>,
}

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
struct Entry {
    /// Counts from 1.
    seq: u64,
    at: Timestamp,
    /// Who, and from where.
    actor: String,
    /// What was done, such as `instance.update`.
    action: String,
    /// To what.
    subject: String,
    detail: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EntryList {
    entries: Vec<Entry>,
}

/// The audit log, oldest first (those of the whole installation).
#[utoipa::path(get, path = "/v1/audit", operation_id = "listAudit", tag = "administration", params(Page),
    responses((status = 200, body = EntryList)))]
pub(super) async fn list(reader: Reader, Parameters(page): Parameters<Page>) -> Result<Json<EntryList>, Problem> {
    let limit = page.limit.unwrap_or(100).clamp(1, 1000);
    let entries = reader.of_the_system()?.audit_log(page.after, limit).await?;
    let entries = entries
        .into_iter()
        .map(|line| Entry {
            seq: line.seq,
            at: line.at,
            actor: line.actor,
            action: line.action,
            subject: line.subject,
            detail: line.detail,
        })
        .collect();
    Ok(Json(EntryList { entries }))
}

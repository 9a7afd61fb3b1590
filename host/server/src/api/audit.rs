//! Who changed what.

use axum::Json;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::{AuditFrom, AuditSearch};
use utoipa::{IntoParams, ToSchema};

use super::body::Parameters;
use super::part::{number, size};
use crate::access::Reader;
use crate::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Who did it: a part of `actor`, such as the id of an account or of a token.
    #[param(max_length = 256)]
    actor: Option<String>,
    /// What was done: an action such as `instance.update`, or the beginning of several such as `instance.`.
    #[param(max_length = 256)]
    action: Option<String>,
    /// What it was done to: a part of `subject`, such as the id of an instance.
    #[param(max_length = 256)]
    subject: Option<String>,
    /// Entries of this moment and later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Entries before this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Entries after this number; from the first if not said.
    #[serde(default)]
    after: u64,
    /// How many at most; 100 if not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The longest text that is searched for, in characters.
const SEARCHED_CHARS: usize = 256;

impl Page {
    fn search(self) -> Result<AuditSearch, Problem> {
        let Self { actor, action, subject, since, until, after, limit: _ } = self;
        for (name, text) in [("actor", &actor), ("action", &action), ("subject", &subject)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > SEARCHED_CHARS) {
                let detail = format!("`{name}` must have at most {SEARCHED_CHARS} characters");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-input", detail));
            }
        }
        Ok(AuditSearch { actor, action, subject, since, until, from: AuditFrom::Oldest(number(after)?) })
    }
}

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditEntry {
    /// Counts from 1.
    seq: u64,
    at: Timestamp,
    /// Who, and from where.
    actor: String,
    /// What was done, such as `instance.update`.
    action: String,
    /// To what.
    subject: String,
    /// More. Of a change an object of JSON: the fields that changed, by JSON Pointer, each `[before, after]`; of a secret only
    /// that it was `"entered"`, `"changed"` or `"removed"`. Long values are cut, and `more` counts the fields left out.
    detail: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AuditEntryList {
    entries: Vec<AuditEntry>,
    /// `after` of the next part; not there at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<u64>,
}

/// Returns the entries of the audit log that fit all parameters, the oldest first. For those of the whole installation.
#[utoipa::path(get, path = "/v1/audit", operation_id = "listAudit", tag = "administration", params(Page),
    responses((status = 200, body = AuditEntryList)))]
pub(super) async fn list(reader: Reader, Parameters(page): Parameters<Page>) -> Result<Json<AuditEntryList>, Problem> {
    let admin = reader.of_the_system()?;
    let limit = size(page.limit)?;
    // One more than asked for: whether there is a next part shows.
    let mut entries = admin.find_audit(&page.search()?, limit + 1).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|last| last.seq);
    let entries = entries
        .into_iter()
        .map(|line| AuditEntry {
            seq: line.seq,
            at: line.at,
            actor: line.actor,
            action: line.action,
            subject: line.subject,
            detail: line.detail,
        })
        .collect();
    Ok(Json(AuditEntryList { entries, next }))
}

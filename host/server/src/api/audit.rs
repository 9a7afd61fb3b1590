//! The audit log.

use axum::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::admin::AuditSearch;
use twofactor::store::AuditFrom;
use utoipa::{IntoParams, ToSchema};

use super::body::Parameters;
use super::part::{number, size};
use crate::access::Reader;
use crate::problem::{Problem, ProblemType};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Who did it: part of `actor`, such as the id of an account or of a token.
    #[param(max_length = 256)]
    actor: Option<String>,
    /// What was done: an action such as `instance.update`, or a prefix such as `instance.`.
    #[param(max_length = 256)]
    action: Option<String>,
    /// What it was done to: part of `subject`, such as the id of an instance.
    #[param(max_length = 256)]
    subject: Option<String>,
    /// Entries at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Entries before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// The `next` of the previous page; omit it for the first page.
    #[serde(default)]
    after: u64,
    /// Maximum number of entries; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The maximum length of a search text, in characters.
const SEARCHED_CHARS: usize = 256;

impl Page {
    fn search(self) -> Result<AuditSearch, Problem> {
        let Self { actor, action, subject, since, until, after, limit: _ } = self;
        for (name, text) in [("actor", &actor), ("action", &action), ("subject", &subject)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > SEARCHED_CHARS) {
                let detail = format!("`{name}` can have at most {SEARCHED_CHARS} characters");
                return Err(Problem::new(ProblemType::InvalidInput, detail));
            }
        }
        Ok(AuditSearch { actor, action, subject, since, until, from: AuditFrom::Oldest(number(after)?) })
    }
}

/// An entry of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditEntry {
    /// The number of the entry, from 1.
    seq: u64,
    at: Timestamp,
    /// Who did it, and from where.
    actor: String,
    /// The action, such as `instance.update`.
    action: String,
    /// The target.
    subject: String,
    /// Details. For a change, a JSON object of the changed fields by JSON Pointer, each `[before, after]`; for a secret only `"entered"`,
    /// `"changed"` or `"removed"`. Long values are cut, and `more` counts omitted fields.
    detail: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AuditEntryList {
    entries: Vec<AuditEntry>,
    /// The `after` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<u64>,
}

/// Lists the entries of the audit log that match all parameters, oldest first (administrators and auditors of the whole installation).
#[utoipa::path(get, path = "/v1/audit", operation_id = "listAudit", tag = "administration", params(Page),
    responses((status = 200, body = AuditEntryList)))]
pub(super) async fn list(reader: Reader, Parameters(page): Parameters<Page>) -> Result<Json<AuditEntryList>, Problem> {
    let admin = reader.of_the_system()?;
    let limit = size(page.limit)?;
    // One more, to know whether there is a next page.
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

//! Pages of long lists.

use crate::problem::{Problem, ProblemType};

/// Entries of a page by default.
const DEFAULT: u32 = 100;

/// Entries of a page at most.
const MAXIMUM: u32 = 1000;

pub(super) fn size(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(DEFAULT) {
        fits @ 1..=MAXIMUM => Ok(fits),
        _ => Err(Problem::new(ProblemType::InvalidInput, "`limit` must be 1 to 1000")),
    }
}

/// Checks the number of the entry that a page starts after.
pub(super) fn number(after: u64) -> Result<u64, Problem> {
    match i64::try_from(after) {
        Ok(_) => Ok(after),
        Err(_) => Err(Problem::new(ProblemType::InvalidInput, "`after` must be the `next` of a page")),
    }
}

/// The parameters of a list without filters.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The `next` of the previous page; omit it for the first page.
    pub(super) after: Option<String>,
    /// Maximum number of entries; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<u32>,
}

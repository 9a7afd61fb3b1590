//! Long lists are read a part at a time.

use axum::http::StatusCode;

use crate::problem::Problem;

/// How many a part has if nobody says.
const USUAL: u32 = 100;

/// How many it has at most.
const MOST: u32 = 1000;

pub(super) fn size(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(USUAL) {
        fits @ 1..=MOST => Ok(fits),
        _ => Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-input", "`limit` must be 1 to 1000")),
    }
}

/// The number that a part comes after, in lists that count.
pub(super) fn number(after: u64) -> Result<u64, Problem> {
    match i64::try_from(after) {
        Ok(_) => Ok(after),
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-input", "`after` must be the `next` of a part")),
    }
}

/// The parameters of a list that has no others.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// The `next` of the part before; from the beginning if not said.
    pub(super) after: Option<String>,
    /// How many at most; 100 if not said.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<u32>,
}

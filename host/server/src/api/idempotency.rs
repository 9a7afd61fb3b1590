//! The header that makes a repeated request return the first response.

use axum::http::HeaderMap;

use crate::problem::{Problem, ProblemType};

/// Reads the header `Idempotency-Key`.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let unreadable = |_| {
        let detail = "`Idempotency-Key` must consist of visible ASCII characters";
        Problem::new(ProblemType::InvalidInput, detail)
    };
    let key = headers.get("idempotency-key").map(|key| key.to_str().map_err(unreadable)).transpose()?;
    Ok(key.map(str::to_owned))
}

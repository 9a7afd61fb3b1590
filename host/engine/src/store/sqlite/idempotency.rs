//! Idempotency keys.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::rows::{ms, time};
use crate::store::*;

/// Claims an idempotency key, or returns the request that claimed it before.
pub(super) fn claim(c: &Connection, claim: &IdempotencyClaim, now: Timestamp) -> Result<Option<IdempotencyRecord>> {
    c.prepare_cached("DELETE FROM idempotency WHERE key = ? AND until <= ?")?.execute(params![claim.key, ms(now)])?;
    let sql = "SELECT request, answer, created_at FROM idempotency WHERE key = ?";
    let known = c
        .prepare_cached(sql)?
        .query_row([&claim.key], |row| {
            Ok(IdempotencyRecord { request: row.get(0)?, answer: row.get(1)?, created_at: time(row.get(2)?) })
        })
        .optional()?;
    if known.is_none() {
        let sql = "INSERT INTO idempotency (key, request, created_at, until) VALUES (?, ?, ?, ?)";
        c.prepare_cached(sql)?.execute(params![claim.key, claim.request, ms(now), ms(claim.until)])?;
    }
    Ok(known)
}

/// Returns the request that claimed a key, unless it is forgotten.
pub(super) fn find(c: &Connection, key: &BucketKey, now: Timestamp) -> Result<Option<IdempotencyRecord>> {
    let sql = "SELECT request, answer, created_at FROM idempotency WHERE key = ? AND until > ?";
    let found = |row: &Row<'_>| {
        Ok(IdempotencyRecord { request: row.get(0)?, answer: row.get(1)?, created_at: time(row.get(2)?) })
    };
    Ok(c.prepare_cached(sql)?.query_row(params![key, ms(now)], found).optional()?)
}

pub(super) fn complete(c: &Connection, key: &BucketKey, answer: Option<&[u8]>) -> Result<()> {
    match answer {
        Some(answer) => {
            c.prepare_cached("UPDATE idempotency SET answer = ? WHERE key = ?")?.execute(params![answer, key])?
        }
        None => c.prepare_cached("DELETE FROM idempotency WHERE key = ?")?.execute([key])?,
    };
    Ok(())
}

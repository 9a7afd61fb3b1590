//! Idempotency keys. The one of a challenge is claimed by the function that opens it.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::session::Session;
use super::values::{get, values};
use crate::store::*;

/// Returns a record whose columns begin at `n`.
pub(super) fn to_record(row: &Row, n: usize) -> Result<IdempotencyRecord> {
    Ok(IdempotencyRecord { request: get(row, n)?, answer: get(row, n + 1)?, created_at: get(row, n + 2)? })
}

/// Claims a key for the object with the id `holder`, or returns the request that claimed it before.
pub(super) async fn claim(
    c: &Session,
    claim: &IdempotencyClaim,
    now: Timestamp,
    holder: &str,
) -> Result<Option<IdempotencyRecord>> {
    let sql = "SELECT is_first, first_request, first_answer, first_at FROM tf1_claim($1, $2, $3, $4, $5)";
    let row = c.only_row(sql, values![&claim.key, &claim.request, claim.until, now, holder]).await?;
    if get(&row, 0)? { Ok(None) } else { to_record(&row, 1).map(Some) }
}

/// Returns the request that claimed a key on this timeline, unless the key was forgotten. What it began on another timeline has ended.
pub(super) async fn find(c: &Session, key: &BucketKey, now: Timestamp) -> Result<Option<IdempotencyRecord>> {
    let sql = "SELECT request, answer, created_at FROM idempotency WHERE key = $1 AND until > tf1_now($2) AND epoch = tf1_epoch()";
    c.row(sql, values![key, now]).await?.map(|row| to_record(&row, 0)).transpose()
}

/// Stores the answer to the first request with a key, or forgets the key. After a failover, another request may have claimed it.
pub(super) async fn complete(c: &Session, key: &BucketKey, holder: &str, answer: Option<&[u8]>) -> Result<()> {
    match answer {
        Some(answer) => {
            let sql = "UPDATE idempotency SET answer = $1 WHERE key = $2 AND holder = $3";
            c.execute(sql, values![answer, key, holder]).await?
        }
        None => c.execute("DELETE FROM idempotency WHERE key = $1 AND holder = $2", values![key, holder]).await?,
    };
    Ok(())
}

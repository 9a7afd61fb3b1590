//! Removal of old rows, and of everything whose age is unknown.

use jiff::Timestamp;

use super::challenges;
use super::session::Session;
use super::sign_ins::CANCELLED;
use super::values::{ms, values};
use crate::store::Result;
use crate::store::retention::{
    BROWSERS_MS, EVENTS_MS, EXPIRED_MS, GIVEN_ADDRESSES_MS, STATISTICS_MS, WRONG_ANSWERS_MS,
};

/// Tables whose rows expire: the table, its key, the column with the end (and a condition), and how long rows are kept after that.
const EXPIRING: &[(&str, &str, &str, i64)] = &[
    ("challenges", "id", "expires_at", EXPIRED_MS),
    ("enrolments", "id", "expires_at", EXPIRED_MS),
    ("sign_ins", "id", "expires_at", EXPIRED_MS),
    ("buckets", "key", "ends", EXPIRED_MS),
    ("idempotency", "key", "until", EXPIRED_MS),
    ("persons", "person", "last", WRONG_ANSWERS_MS),
    ("statistics", "subscription, hour, instance, event, label", "hour", STATISTICS_MS),
    ("browsers", "digest", "used_at", BROWSERS_MS),
    ("sessions", "digest", "ends_at", EXPIRED_MS),
    ("logins", "digest", "expires_at", EXPIRED_MS),
    // Anybody can have one stored, without logging in.
    ("authorization_requests", "digest", "expires_at", 0),
    ("invitations", "digest", "expires_at", EXPIRED_MS),
    ("passes", "person", "expires_at", EXPIRED_MS),
    ("remembered_devices", "digest", "expires_at", EXPIRED_MS),
    ("addresses", "person, kind, hash", "verified_at IS NULL AND seen_at", GIVEN_ADDRESSES_MS),
    ("factor_events", "seq", "at", EVENTS_MS),
];

/// Removes a few rows of each table. Rows that are being changed are skipped: a bucket whose new window has begun still counts.
///
/// The database's clock decides what has expired: a process whose clock is ahead cannot end what others started. `set` is the time of
/// that clock in tests.
pub(super) async fn purge(c: &Session, now: Timestamp, set: Option<i64>) -> Result<u64> {
    let mut removed = 0;
    for (table, key, end, kept) in EXPIRING {
        removed += c.execute(&statement(table, key, end), values![ms(now), set, *kept]).await?;
    }
    Ok(removed)
}

/// Returns the statement that removes rows of a table. The time is a query of its own: otherwise it would be computed for each row, and
/// no index could be used.
fn statement(table: &str, key: &str, end: &str) -> String {
    format!(
        "WITH old AS MATERIALIZED (SELECT {key} FROM {table} WHERE {end} < (SELECT least($1, coalesce($2, tf1_clock())) - $3) LIMIT 200 \
         FOR UPDATE SKIP LOCKED) DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM old)"
    )
}

/// Returns each statement of [`purge`], with constants for its parameters.
#[cfg(test)]
pub(super) fn statements() -> Vec<String> {
    let constants = |sql: String| sql.replace("$1", "1").replace("$2", "NULL::bigint").replace("$3", "1");
    EXPIRING.iter().map(|(table, key, end, _)| constants(statement(table, key, end))).collect()
}

/// Ends everything that is open at `now`: how long it has been open is unknown.
pub(super) async fn end_all(c: &Session, now: i64) -> Result<u64> {
    let mut ended = challenges::close_all(c, now).await?;
    let sql = "UPDATE sign_ins SET ended = $1, ended_at = $2 WHERE ended IS NULL AND expires_at > $2";
    ended += c.execute(sql, values![CANCELLED, now]).await?;
    ended += c.execute("DELETE FROM enrolments WHERE expires_at > $1", values![now]).await?;
    for table in ["sessions", "logins", "authorization_requests", "invitations", "passes", "remembered_devices"] {
        c.execute(&format!("DELETE FROM {table}"), &[]).await?;
    }
    Ok(ended)
}

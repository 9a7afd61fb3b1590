//! Removal of old rows, and of everything whose age nobody knows.

use jiff::Timestamp;

use super::challenges;
use super::session::Session;
use super::sign_ins::CANCELLED;
use super::values::{ms, values};
use crate::store::Result;

/// Wrong answers in a row are remembered so long after the last of them.
const REMEMBERED_MS: i64 = 30 * 86_400_000;

/// Figures are kept so long.
const FIGURES_MS: i64 = 90 * 86_400_000;

/// An address that an application gave, and that was not given again, is remembered so long.
const GIVEN_ADDRESSES_MS: i64 = 365 * 86_400_000;

/// Events of factors are kept so long.
const EVENTS_MS: i64 = 365 * 86_400_000;

/// A browser in which nobody has logged in for so long is a stranger's again.
const BROWSERS_MS: i64 = 180 * 86_400_000;

/// What expires: the table, its key, which column is its end (and under which condition), and how long rows are kept after that.
const EXPIRING: &[(&str, &str, &str, i64)] = &[
    ("challenges", "id", "expires_at", 0),
    ("enrolments", "id", "expires_at", 0),
    ("sign_ins", "id", "expires_at", 0),
    ("buckets", "key", "ends", 0),
    ("idempotency", "key", "until", 0),
    ("persons", "person", "last", REMEMBERED_MS),
    ("statistics", "subscription, hour, instance, event, label", "hour", FIGURES_MS),
    ("browsers", "digest", "used_at", BROWSERS_MS),
    ("sessions", "digest", "ends_at", 0),
    ("logins", "digest", "expires_at", 0),
    ("authorization_requests", "digest", "expires_at", 0),
    ("invitations", "digest", "expires_at", 0),
    ("passes", "person", "expires_at", 0),
    ("remembered_devices", "digest", "expires_at", 0),
    ("addresses", "person, kind, hash", "verified_at IS NULL AND seen_at", GIVEN_ADDRESSES_MS),
    ("factor_events", "seq", "at", EVENTS_MS),
];

/// Removes a few rows of each table. Rows that somebody changes at this moment stay: a bucket whose new window has begun still counts.
///
/// What has expired is decided by the database's clock: a process whose clock is ahead ends nothing of others. `set` is that clock's
/// time in tests.
pub(super) async fn purge(c: &Session, before: Timestamp, set: Option<i64>) -> Result<u64> {
    let mut removed = 0;
    for (table, key, end, kept) in EXPIRING {
        let sql = format!(
            "WITH old AS MATERIALIZED (SELECT {key} FROM {table} WHERE {end} < least($1, coalesce($2, tf1_clock())) - $3 LIMIT 200 \
             FOR UPDATE SKIP LOCKED) DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM old)"
        );
        removed += c.execute(&sql, values![ms(before), set, *kept]).await?;
    }
    Ok(removed)
}

/// Ends whatever is open at `now`. Nobody can say how long it has been open.
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

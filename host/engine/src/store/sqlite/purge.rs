//! Removal of old rows.

use jiff::Timestamp;
use rusqlite::Connection;

use super::rows::ms;
use crate::store::retention::{
    BROWSERS_MS, EVENTS_MS, EXPIRED_MS, GIVEN_ADDRESSES_MS, STATISTICS_MS, WRONG_ANSWERS_MS,
};
use crate::store::*;

/// Removes a few rows at a time: others wait for the writer.
pub(super) fn purge(c: &Connection, now: Timestamp) -> Result<u64> {
    let (now, expired, mut removed) = (ms(now), ms(now) - EXPIRED_MS, 0);
    for (sql, before) in [
        ("DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at < ? LIMIT 200)", expired),
        ("DELETE FROM enrolments WHERE id IN (SELECT id FROM enrolments WHERE expires_at < ? LIMIT 200)", expired),
        ("DELETE FROM sign_ins WHERE id IN (SELECT id FROM sign_ins WHERE expires_at < ? LIMIT 200)", expired),
        ("DELETE FROM buckets WHERE key IN (SELECT key FROM buckets WHERE ends < ? LIMIT 200)", expired),
        ("DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE until < ? LIMIT 200)", expired),
        (
            "DELETE FROM persons WHERE person IN (SELECT person FROM persons WHERE last < ? LIMIT 200)",
            now - WRONG_ANSWERS_MS,
        ),
        (
            "DELETE FROM statistics WHERE (subscription, hour, instance, event, label) IN \
             (SELECT subscription, hour, instance, event, label FROM statistics WHERE hour < ? LIMIT 200)",
            now - STATISTICS_MS,
        ),
        (
            "DELETE FROM browsers WHERE digest IN (SELECT digest FROM browsers WHERE used_at < ? LIMIT 200)",
            now - BROWSERS_MS,
        ),
        ("DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE ends_at < ? LIMIT 200)", expired),
        ("DELETE FROM logins WHERE digest IN (SELECT digest FROM logins WHERE expires_at < ? LIMIT 200)", expired),
        (
            // Anybody can have one stored, without logging in.
            "DELETE FROM authorization_requests WHERE digest IN (SELECT digest FROM authorization_requests WHERE expires_at < ? LIMIT 200)",
            now,
        ),
        (
            "DELETE FROM invitations WHERE digest IN (SELECT digest FROM invitations WHERE expires_at < ? LIMIT 200)",
            expired,
        ),
        ("DELETE FROM passes WHERE person IN (SELECT person FROM passes WHERE expires_at < ? LIMIT 200)", expired),
        (
            "DELETE FROM remembered_devices WHERE digest IN \
             (SELECT digest FROM remembered_devices WHERE expires_at < ? LIMIT 200)",
            expired,
        ),
        (
            "DELETE FROM addresses WHERE (person, kind, hash) IN \
             (SELECT person, kind, hash FROM addresses WHERE verified_at IS NULL AND seen_at < ? LIMIT 200)",
            now - GIVEN_ADDRESSES_MS,
        ),
        (
            "DELETE FROM factor_events WHERE seq IN (SELECT seq FROM factor_events WHERE at < ? LIMIT 200)",
            now - EVENTS_MS,
        ),
    ] {
        removed += c.prepare_cached(sql)?.execute([before])? as u64;
    }
    Ok(removed)
}

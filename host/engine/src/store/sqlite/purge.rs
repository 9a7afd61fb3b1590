//! Removal of old rows.

use jiff::Timestamp;
use rusqlite::Connection;

use super::rows::ms;
use crate::store::*;

/// Rows are stored so long after they expired, by default.
const EXPIRED_MS: i64 = 86_400_000;

/// Wrong answers in a row are remembered so long after the last of them.
const REMEMBERED_MS: i64 = 30 * 86_400_000;

/// How long statistics are stored.
const FIGURES_MS: i64 = 90 * 86_400_000;

/// An address that an application gave, and that was not given again, is remembered so long.
const GIVEN_ADDRESSES_MS: i64 = 365 * 86_400_000;

/// Events of factors are kept so long.
const EVENTS_MS: i64 = 365 * 86_400_000;

/// A browser in which nobody has logged in for so long is a stranger's again.
const BROWSERS_MS: i64 = 180 * 86_400_000;

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
            now - REMEMBERED_MS,
        ),
        (
            "DELETE FROM statistics WHERE (subscription, hour, instance, event, label) IN \
             (SELECT subscription, hour, instance, event, label FROM statistics WHERE hour < ? LIMIT 200)",
            now - FIGURES_MS,
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

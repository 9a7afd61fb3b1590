//! Browsers that are at an identity provider.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::*;
use super::{clock, ms, time};

pub(super) fn keep(c: &Connection, errand: &ErrandRecord, now: Timestamp) -> Result<()> {
    clock::note(c, now)?;
    let sql = "INSERT INTO errands (digest, aim, expires_at) VALUES (?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![errand.digest, errand.aim, ms(errand.expires_at)])?;
    Ok(())
}

pub(super) fn take(c: &Connection, digest: &[u8; 32], now: Timestamp) -> Result<Option<ErrandRecord>> {
    clock::note(c, now)?;
    let sql = "DELETE FROM errands WHERE digest = ? AND expires_at > ? RETURNING aim, expires_at";
    let taken = c
        .prepare_cached(sql)?
        .query_row(params![digest, ms(now)], |row| {
            Ok(ErrandRecord { digest: *digest, aim: row.get(0)?, expires_at: time(row.get(1)?) })
        })
        .optional()?;
    Ok(taken)
}

//! Components of providers: of each type a stack, whose topmost serves.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{ms, time};
use crate::store::{PROVIDERS_KEPT, ProviderMark, ProviderRecord, Result};

const COLUMNS: &str = "type_id, digest, added_at, signature, component, seal";

fn record(row: &Row<'_>) -> rusqlite::Result<ProviderRecord> {
    Ok(ProviderRecord {
        type_id: row.get(0)?,
        digest: row.get(1)?,
        added_at: time(row.get(2)?),
        signature: row.get(3)?,
        component: row.get(4)?,
        seal: row.get(5)?,
    })
}

fn topmost(c: &Connection, type_id: &str) -> Result<Option<(u64, String)>> {
    let sql = "SELECT position, digest FROM providers WHERE type_id = ? ORDER BY position DESC LIMIT 1";
    Ok(c.prepare_cached(sql)?.query_row([type_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

pub(super) fn push(c: &Connection, provider: &ProviderRecord, replaces: Option<&str>) -> Result<bool> {
    let top = topmost(c, &provider.type_id)?;
    if top.as_ref().map(|(_, digest)| &**digest) != replaces {
        return Ok(false);
    }
    let position = top.map_or(1, |(position, _)| position + 1);
    let ProviderRecord { digest, type_id, component, signature, added_at, seal } = provider;
    let sql = format!("INSERT INTO providers (position, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)");
    c.prepare_cached(&sql)?.execute(params![position, type_id, digest, ms(*added_at), signature, component, seal])?;
    let sql = "DELETE FROM providers WHERE type_id = ? AND position <= ?";
    c.prepare_cached(sql)?.execute(params![type_id, position.saturating_sub(PROVIDERS_KEPT.into())])?;
    Ok(true)
}

pub(super) fn pop(c: &Connection, type_id: &str, digest: &str) -> Result<bool> {
    let Some((position, _)) = topmost(c, type_id)?.filter(|(_, top)| top == digest) else { return Ok(false) };
    let sql = "DELETE FROM providers WHERE type_id = ? AND position = ?";
    Ok(c.prepare_cached(sql)?.execute(params![type_id, position])? == 1)
}

pub(super) fn remove(c: &Connection, type_id: &str, digest: &str) -> Result<bool> {
    if topmost(c, type_id)?.is_none_or(|(_, top)| top != digest) {
        return Ok(false);
    }
    Ok(c.prepare_cached("DELETE FROM providers WHERE type_id = ?")?.execute([type_id])? > 0)
}

pub(super) fn top_two(c: &Connection, type_id: &str) -> Result<(Option<ProviderRecord>, Option<ProviderRecord>)> {
    let sql = format!("SELECT {COLUMNS} FROM providers WHERE type_id = ? ORDER BY position DESC LIMIT 2");
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query_map([type_id], record)?;
    Ok((rows.next().transpose()?, rows.next().transpose()?))
}

pub(super) fn marks(c: &Connection) -> Result<Vec<ProviderMark>> {
    let sql = "SELECT type_id, digest, added_at FROM providers one WHERE position = \
               (SELECT max(position) FROM providers other WHERE other.type_id = one.type_id) ORDER BY type_id";
    let mut statement = c.prepare_cached(sql)?;
    let mark =
        |row: &Row<'_>| Ok(ProviderMark { type_id: row.get(0)?, digest: row.get(1)?, added_at: time(row.get(2)?) });
    let rows = statement.query_map([], mark)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

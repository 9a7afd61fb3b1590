//! Components of providers: a stack for each type.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::rows::{ms, time};
use crate::store::*;

#[async_trait]
impl ProviderStore for SqliteStore {
    async fn push_provider(&self, provider: ProviderRecord, replaces: Option<&str>) -> Result<Update> {
        let replaces = replaces.map(str::to_owned);
        self.threads.write(move |c| push(c, &provider, replaces.as_deref())).await
    }

    async fn pop_provider(&self, type_id: &str, digest: &str) -> Result<Update> {
        let (type_id, digest) = (type_id.to_owned(), digest.to_owned());
        self.threads.write(move |c| pop(c, &type_id, &digest)).await
    }

    async fn remove_providers(&self, type_id: &str, digest: &str) -> Result<Update> {
        let (type_id, digest) = (type_id.to_owned(), digest.to_owned());
        self.threads.write(move |c| remove(c, &type_id, &digest)).await
    }

    async fn top_providers(&self, type_id: &str) -> Result<(Option<ProviderRecord>, Option<ProviderRecord>)> {
        let type_id = type_id.to_owned();
        self.threads.read(move |c| top_two(c, &type_id)).await
    }

    async fn provider_marks(&self) -> Result<Vec<ProviderMark>> {
        self.threads.read(marks).await
    }
}

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

pub(super) fn push(c: &Connection, provider: &ProviderRecord, replaces: Option<&str>) -> Result<Update> {
    let top = topmost(c, &provider.type_id)?;
    if top.as_ref().map(|(_, digest)| &**digest) != replaces {
        return Ok(Update::Stale);
    }
    let position = top.map_or(1, |(position, _)| position + 1);
    let ProviderRecord { digest, type_id, component, signature, added_at, seal } = provider;
    let sql = format!("INSERT INTO providers (position, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)");
    c.prepare_cached(&sql)?.execute(params![position, type_id, digest, ms(*added_at), signature, component, seal])?;
    let sql = "DELETE FROM providers WHERE type_id = ? AND position <= ?";
    c.prepare_cached(sql)?.execute(params![type_id, position.saturating_sub(PROVIDERS_KEPT.into())])?;
    Ok(Update::Applied)
}

pub(super) fn pop(c: &Connection, type_id: &str, digest: &str) -> Result<Update> {
    let Some((position, _)) = topmost(c, type_id)?.filter(|(_, top)| top == digest) else { return Ok(Update::Stale) };
    let sql = "DELETE FROM providers WHERE type_id = ? AND position = ?";
    Ok(Update::from_rows(c.prepare_cached(sql)?.execute(params![type_id, position])?))
}

pub(super) fn remove(c: &Connection, type_id: &str, digest: &str) -> Result<Update> {
    if topmost(c, type_id)?.is_none_or(|(_, top)| top != digest) {
        return Ok(Update::Stale);
    }
    let sql = "DELETE FROM providers WHERE type_id = ?";
    Ok(Update::from_rows(c.prepare_cached(sql)?.execute([type_id])?))
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

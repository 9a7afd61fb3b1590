//! The audit log.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::rows::{ms, time};
use crate::store::*;

#[async_trait]
impl AuditStore for SqliteStore {
    async fn append_audit(&self, record: AuditRecord, head: AuditHead) -> Result<Update> {
        self.threads.write(move |c| append_audit(c, &record, &head)).await
    }

    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>> {
        self.threads.read(move |c| audit(c, after, limit)).await
    }

    async fn find_audit(&self, filter: AuditFilter, limit: u32) -> Result<Vec<AuditRecord>> {
        self.threads.read(move |c| find_audit(c, &filter, limit)).await
    }

    async fn audit_head(&self) -> Result<Option<AuditHead>> {
        self.threads.read(audit_head).await
    }
}

pub(super) fn append_audit(c: &Connection, line: &AuditRecord, head: &AuditHead) -> Result<Update> {
    let last = audit_head(c)?.map_or(0, |head| head.seq);
    if line.seq != last + 1 {
        return Ok(Update::Stale);
    }
    c.prepare_cached("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        line.seq,
        ms(line.at),
        line.actor,
        line.action,
        line.subject,
        line.detail,
        line.key,
        line.mac
    ])?;
    let sql = "INSERT OR REPLACE INTO audit_head (one, seq, mac, key, seal) VALUES (1, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![head.seq, head.mac, head.key, head.seal])?;
    Ok(Update::Applied)
}

pub(super) fn audit(c: &Connection, after: u64, limit: u32) -> Result<Vec<AuditRecord>> {
    let sql = "SELECT seq, at, actor, action, subject, detail, key, mac FROM audit WHERE seq > ? ORDER BY seq LIMIT ?";
    let mut statement = c.prepare_cached(sql)?;
    // No line has a number larger than the database can hold.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![after, limit], to_audit)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Reads the log from its end, without an index: it is read as a whole to be verified anyway.
pub(super) fn find_audit(c: &Connection, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditRecord>> {
    // No line has a number that is larger than the database's own.
    let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    let (begin, order, from) = match filter.from {
        AuditFrom::Newest(before) => ("seq < ?1", "DESC", before.map_or(i64::MAX, number)),
        AuditFrom::Oldest(after) => ("seq > ?1", "ASC", number(after)),
    };
    let sql = format!(
        "SELECT seq, at, actor, action, subject, detail, key, mac FROM audit \
         WHERE {begin} AND (?2 = '' OR instr(actor, ?2) > 0) AND substr(action, 1, length(?3)) = ?3 \
         AND (?4 = '' OR instr(subject, ?4) > 0) AND at >= ?5 AND at < ?6 ORDER BY seq {order} LIMIT ?7"
    );
    let (since, until) = (filter.since.map_or(i64::MIN, ms), filter.until.map_or(i64::MAX, ms));
    let mut statement = c.prepare_cached(&sql)?;
    let values = params![from, filter.actor, filter.action, filter.subject, since, until, limit];
    let rows = statement.query_map(values, to_audit)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn to_audit(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        seq: row.get(0)?,
        at: time(row.get(1)?),
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        key: row.get(6)?,
        mac: row.get(7)?,
    })
}

pub(super) fn audit_head(c: &Connection) -> Result<Option<AuditHead>> {
    let mut statement = c.prepare_cached("SELECT seq, mac, key, seal FROM audit_head")?;
    let head =
        |row: &Row<'_>| Ok(AuditHead { seq: row.get(0)?, mac: row.get(1)?, key: row.get(2)?, seal: row.get(3)? });
    Ok(statement.query_row([], head).optional()?)
}

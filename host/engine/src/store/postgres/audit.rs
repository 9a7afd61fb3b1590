//! The audit log.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::PostgresStore;
use super::session::Session;
use super::values::{get, ms, values};
use crate::store::*;

#[async_trait]
impl AuditStore for PostgresStore {
    async fn append_audit(&self, record: AuditRecord, head: AuditHead) -> Result<Update> {
        self.write((record, head), |c, input| async move { append_audit(&c, &input.0, &input.1).await }).await
    }

    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>> {
        self.read((), move |c, _| async move { audit(&c, after, limit).await }).await
    }

    async fn find_audit(&self, filter: AuditFilter, limit: u32) -> Result<Vec<AuditRecord>> {
        self.read(filter, move |c, filter| async move { find_audit(&c, &filter, limit).await }).await
    }

    async fn audit_head(&self) -> Result<Option<AuditHead>> {
        self.read((), |c, _| async move { audit_head(&c).await }).await
    }
}

/// Processes wait for the row of the head. Only a process whose entry follows it can change it and add its entry.
async fn append_audit(c: &Session, line: &AuditRecord, head: &AuditHead) -> Result<Update> {
    let sql = "WITH h AS ( \
               INSERT INTO audit_head AS h (one, seq, mac, key, seal) SELECT true, $9, $10, $11, $12 \
               WHERE $1 = 1 OR EXISTS (SELECT 1 FROM audit_head) \
               ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, mac = excluded.mac, key = excluded.key, seal = excluded.seal \
               WHERE h.seq = $1 - 1 RETURNING 1) \
               INSERT INTO audit (seq, at, actor, action, subject, detail, key, mac) SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM h";
    let AuditRecord { seq, at, actor, action, subject, detail, key, mac } = line;
    let values =
        values![*seq, *at, actor, action, subject, detail, *key, mac, head.seq, &head.mac, head.key, &head.seal];
    Ok(Update::from_rows(c.execute(sql, values).await? as usize))
}

const COLUMNS: &str = "seq, at, actor, action, subject, detail, key, mac";

async fn audit(c: &Session, after: u64, limit: u32) -> Result<Vec<AuditRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2");
    c.rows(&sql, values![after, limit]).await?.iter().map(to_audit).collect()
}

/// Searches the log from its end, without an index: verification reads all of it anyway.
async fn find_audit(c: &Session, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditRecord>> {
    let (begin, order, from) = match filter.from {
        AuditFrom::Newest(before) => ("seq < $1", "DESC", before.unwrap_or(u64::MAX)),
        AuditFrom::Oldest(after) => ("seq > $1", "ASC", after),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE {begin} AND ($2 = '' OR strpos(actor, $2) > 0) AND starts_with(action, $3) \
         AND ($4 = '' OR strpos(subject, $4) > 0) AND at >= $5 AND at < $6 ORDER BY seq {order} LIMIT $7"
    );
    let (since, until) = (filter.since.map_or(i64::MIN, ms), filter.until.map_or(i64::MAX, ms));
    let values = values![from, &filter.actor, &filter.action, &filter.subject, since, until, limit];
    c.rows(&sql, values).await?.iter().map(to_audit).collect()
}

fn to_audit(row: &Row) -> Result<AuditRecord> {
    Ok(AuditRecord {
        seq: get(row, 0)?,
        at: get(row, 1)?,
        actor: get(row, 2)?,
        action: get(row, 3)?,
        subject: get(row, 4)?,
        detail: get(row, 5)?,
        key: get(row, 6)?,
        mac: get(row, 7)?,
    })
}

async fn audit_head(c: &Session) -> Result<Option<AuditHead>> {
    let head =
        |row: &Row| Ok(AuditHead { seq: get(row, 0)?, mac: get(row, 1)?, key: get(row, 2)?, seal: get(row, 3)? });
    c.row("SELECT seq, mac, key, seal FROM audit_head", &[]).await?.as_ref().map(head).transpose()
}

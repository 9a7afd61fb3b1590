//! The history of messages, and the health of upstreams.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::rows::{ms, time};
use crate::store::history::loses_rows;
use crate::store::*;

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn add_history(&self, records: Vec<HistoryRecord>, bounds: HistoryBounds) -> Result<()> {
        self.threads.write(move |c| add(c, &records, bounds.rows_of_person)).await
    }

    async fn trim_history(&self, bounds: HistoryBounds) -> Result<u64> {
        self.threads.write(move |c| trim(c, &bounds)).await
    }

    async fn history(
        &self,
        subscription: &str,
        key: HistoryKey,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| read(c, &subscription, &key, since, limit)).await
    }

    async fn set_health(&self, all: Vec<(String, UpstreamHealthRecord)>) -> Result<()> {
        self.threads.write(move |c| set_health(c, &all)).await
    }

    async fn health(&self, instance: &str) -> Result<Option<UpstreamHealthRecord>> {
        let instance = instance.to_owned();
        self.threads.read(move |c| health(c, &instance)).await
    }
}

/// How many rows one call removes at most: others wait for the writer.
const REMOVED_AT_ONCE: u32 = 200;

pub(super) fn add(c: &Connection, records: &[HistoryRecord], rows_of_person: u32) -> Result<()> {
    let sql = "INSERT INTO history (subscription, at, person, recipient, challenge, outcome, count, sealed, grouping) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (grouping) WHERE grouping IS NOT NULL DO UPDATE SET \
               count = count + excluded.count, at = max(at, excluded.at), sealed = excluded.sealed";
    let mut statement = c.prepare_cached(sql)?;
    // The oldest of a person go where there are too many.
    let mut trim = c.prepare_cached(
        "DELETE FROM history WHERE seq IN (SELECT seq FROM history WHERE person = ? ORDER BY seq DESC LIMIT 100 OFFSET ?)",
    )?;
    for record in records {
        statement.execute(params![
            record.subscription,
            ms(record.at),
            record.person,
            record.recipient,
            record.challenge,
            record.outcome,
            record.count,
            record.sealed,
            record.group
        ])?;
        trim.execute(params![record.person, rows_of_person])?;
    }
    Ok(())
}

/// Removes some of what is beyond the bounds, and answers how many rows.
pub(super) fn trim(c: &Connection, bounds: &HistoryBounds) -> Result<u64> {
    let sql = "DELETE FROM history WHERE seq IN (SELECT seq FROM (SELECT seq, at FROM history ORDER BY seq LIMIT ?2) \
               WHERE at < ?1)";
    let old = c.prepare_cached(sql)?.execute(params![ms(bounds.since), REMOVED_AT_ONCE])?;
    if old > 0 {
        return Ok(old as u64);
    }
    // There cannot be more rows than numbers. Counting them takes longer.
    let sql = "SELECT coalesce((SELECT max(seq) FROM history) - (SELECT min(seq) FROM history) + 1, 0)";
    let most: u64 = c.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    if most <= bounds.rows {
        return Ok(0);
    }
    let sql = "SELECT subscription, count(*) FROM history GROUP BY subscription";
    let counts: Vec<(String, u64)> =
        c.prepare_cached(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let Some((subscription, beyond)) = loses_rows(counts, bounds) else { return Ok(0) };
    let sql = "DELETE FROM history WHERE seq IN (SELECT seq FROM history WHERE subscription = ? ORDER BY seq LIMIT ?)";
    Ok(c.prepare_cached(sql)?.execute(params![subscription, beyond])? as u64)
}

pub(super) fn read(
    c: &Connection,
    subscription: &str,
    key: &HistoryKey,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<HistoryRecord>> {
    const COLUMNS: &str = "subscription, at, person, recipient, challenge, grouping, outcome, count, sealed";
    let column = match key {
        HistoryKey::Person(_) => "person",
        HistoryKey::Recipient(_) => "recipient",
        HistoryKey::Challenge(_) => "challenge",
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM history WHERE {column} = ?1 AND subscription = ?2 AND at >= ?3 ORDER BY seq DESC LIMIT ?4"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = match key {
        HistoryKey::Person(hash) | HistoryKey::Recipient(hash) => {
            statement.query_map(params![hash, subscription, ms(since), limit], to_record)?.collect()
        }
        HistoryKey::Challenge(id) => {
            statement.query_map(params![id, subscription, ms(since), limit], to_record)?.collect()
        }
    };
    let rows: rusqlite::Result<Vec<_>> = rows;
    Ok(rows?)
}

fn to_record(row: &Row<'_>) -> rusqlite::Result<HistoryRecord> {
    Ok(HistoryRecord {
        subscription: row.get(0)?,
        at: time(row.get(1)?),
        person: row.get(2)?,
        recipient: row.get(3)?,
        challenge: row.get(4)?,
        group: row.get(5)?,
        outcome: row.get(6)?,
        count: row.get(7)?,
        sealed: row.get(8)?,
    })
}

pub(super) fn set_health(c: &Connection, all: &[(String, UpstreamHealthRecord)]) -> Result<()> {
    let sql = "INSERT INTO upstream_health (instance, accepted_at, failed_at, outcome, code) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT DO UPDATE SET accepted_at = coalesce(?2, accepted_at), failed_at = coalesce(?3, failed_at), \
               outcome = CASE WHEN ?3 IS NULL THEN outcome ELSE ?4 END, code = CASE WHEN ?3 IS NULL THEN code ELSE ?5 END";
    let mut statement = c.prepare_cached(sql)?;
    for (instance, health) in all {
        let (accepted, failed) = (health.accepted_at.map(ms), health.failed_at.map(ms));
        statement.execute(params![instance, accepted, failed, health.outcome, health.code])?;
    }
    Ok(())
}

pub(super) fn health(c: &Connection, instance: &str) -> Result<Option<UpstreamHealthRecord>> {
    let sql = "SELECT accepted_at, failed_at, outcome, code FROM upstream_health WHERE instance = ?";
    let read = |row: &Row<'_>| {
        Ok(UpstreamHealthRecord {
            accepted_at: row.get::<_, Option<i64>>(0)?.map(time),
            failed_at: row.get::<_, Option<i64>>(1)?.map(time),
            outcome: row.get(2)?,
            code: row.get(3)?,
        })
    };
    Ok(c.prepare_cached(sql)?.query_row([instance], read).optional()?)
}

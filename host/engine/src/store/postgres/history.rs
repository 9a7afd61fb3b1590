//! The history of messages, and the health of upstreams.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::PostgresStore;
use super::session::Session;
use super::values::{Value, get, ms, values};
use crate::store::history::loses_rows;
use crate::store::*;

#[async_trait]
impl HistoryStore for PostgresStore {
    async fn add_history(&self, records: Vec<HistoryRecord>, bounds: HistoryBounds) -> Result<()> {
        self.write(records, move |c, records| async move { add(&c, &records, bounds.rows_of_person).await }).await
    }

    async fn trim_history(&self, bounds: HistoryBounds) -> Result<u64> {
        self.write((), move |c, _| async move { trim(&c, &bounds).await }).await
    }

    async fn history(
        &self,
        subscription: &str,
        key: HistoryKey,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>> {
        self.read((subscription.to_owned(), key), move |c, input| async move {
            read(&c, &input.0, &input.1, since, limit).await
        })
        .await
    }

    async fn set_health(&self, all: Vec<(String, UpstreamHealthRecord)>) -> Result<()> {
        self.write(all, |c, all| async move { set_health(&c, &all).await }).await
    }

    async fn health(&self, instance: &str) -> Result<Option<UpstreamHealthRecord>> {
        self.read(instance.to_owned(), |c, instance| async move { health(&c, &instance).await }).await
    }
}

/// The maximum number of rows that one call removes.
const REMOVED_AT_ONCE: u32 = 200;

async fn add(c: &Session, records: &[HistoryRecord], rows_of_person: u32) -> Result<()> {
    // Rows that several processes change are changed in a fixed order.
    let mut records: Vec<&HistoryRecord> = records.iter().collect();
    records.sort_by_key(|record| record.group);
    let texts = |of: fn(&HistoryRecord) -> &str| Value::from(records.iter().map(|one| of(one)).collect::<Vec<_>>());
    let values = [
        texts(|one| &one.subscription),
        Value::from(records.iter().map(|one| ms(one.at)).collect::<Vec<_>>()),
        Value::from(records.iter().map(|one| one.person.as_slice()).collect::<Vec<_>>()),
        Value::from(
            records.iter().map(|one| one.recipient.as_ref().map(<BucketKey>::as_slice)).collect::<Vec<Option<&[u8]>>>(),
        ),
        Value::from(records.iter().map(|one| one.challenge.as_deref()).collect::<Vec<Option<&str>>>()),
        texts(|one| &one.outcome),
        Value::from(records.iter().map(|one| i64::from(one.count)).collect::<Vec<_>>()),
        Value::from(records.iter().map(|one| one.sealed.as_slice()).collect::<Vec<_>>()),
        Value::from(
            records.iter().map(|one| one.group.as_ref().map(<BucketKey>::as_slice)).collect::<Vec<Option<&[u8]>>>(),
        ),
        Value::from(rows_of_person),
    ];
    c.rows("SELECT 1 FROM tf1_add_history($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", &values).await?;
    Ok(())
}

/// Removes some of the rows beyond the limits, and returns how many.
async fn trim(c: &Session, bounds: &HistoryBounds) -> Result<u64> {
    let sql = "WITH o AS MATERIALIZED (SELECT seq, at FROM history ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED) \
               DELETE FROM history WHERE seq IN (SELECT seq FROM o WHERE at < $1)";
    let old = c.execute(sql, values![bounds.since, REMOVED_AT_ONCE]).await?;
    if old > 0 {
        return Ok(old);
    }
    // There cannot be more rows than numbers. Counting them takes longer.
    let sql = "SELECT coalesce(max(seq) - min(seq) + 1, 0) FROM history";
    let most: u64 = get(&c.only_row(sql, values![]).await?, 0)?;
    if most <= bounds.rows {
        return Ok(0);
    }
    let sql = "SELECT subscription, count(*) FROM history GROUP BY subscription";
    let counts =
        c.rows(sql, values![]).await?.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect::<Result<_>>()?;
    let Some((subscription, beyond)) = loses_rows(counts, bounds) else { return Ok(0) };
    let sql = "WITH o AS MATERIALIZED ( \
               SELECT seq FROM history WHERE subscription = $1 ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED) \
               DELETE FROM history WHERE seq IN (SELECT seq FROM o)";
    c.execute(sql, values![&subscription, beyond]).await
}

async fn read(
    c: &Session,
    subscription: &str,
    key: &HistoryKey,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<HistoryRecord>> {
    let (column, key): (_, Value<'_>) = match key {
        HistoryKey::Person(hash) => ("person", hash.into()),
        HistoryKey::Recipient(hash) => ("recipient", hash.into()),
        HistoryKey::Challenge(id) => ("challenge", id.into()),
    };
    let sql = format!(
        "SELECT subscription, at, person, recipient, challenge, grouping, outcome, count, sealed FROM history \
         WHERE {column} = $1 AND subscription = $2 AND at >= $3 ORDER BY seq DESC LIMIT $4"
    );
    let values = [key, subscription.into(), since.into(), limit.into()];
    c.rows(&sql, &values).await?.iter().map(to_record).collect()
}

fn to_record(row: &Row) -> Result<HistoryRecord> {
    Ok(HistoryRecord {
        subscription: get(row, 0)?,
        at: get(row, 1)?,
        person: get(row, 2)?,
        recipient: get(row, 3)?,
        challenge: get(row, 4)?,
        group: get(row, 5)?,
        outcome: get(row, 6)?,
        count: get(row, 7)?,
        sealed: get(row, 8)?,
    })
}

async fn set_health(c: &Session, all: &[(String, UpstreamHealthRecord)]) -> Result<()> {
    // Instances that occur twice are merged, and rows are changed in a fixed order.
    let mut merged = BTreeMap::<&str, UpstreamHealthRecord>::new();
    for (instance, health) in all {
        let one = merged.entry(instance).or_default();
        one.accepted_at = health.accepted_at.or(one.accepted_at);
        if health.failed_at.is_some() || one.failed_at.is_none() {
            *one = UpstreamHealthRecord { accepted_at: one.accepted_at, ..health.clone() };
        }
    }
    let times = |of: fn(&UpstreamHealthRecord) -> Option<Timestamp>| {
        Value::from(merged.values().map(|one| of(one).map(ms)).collect::<Vec<Option<i64>>>())
    };
    let sql = "INSERT INTO upstream_health AS h (instance, accepted_at, failed_at, outcome, code) \
               SELECT * FROM unnest($1, $2, $3, $4, $5) AS t (instance, accepted_at, failed_at, outcome, code) ORDER BY t.instance \
               ON CONFLICT (instance) DO UPDATE SET accepted_at = coalesce(excluded.accepted_at, h.accepted_at), \
               failed_at = coalesce(excluded.failed_at, h.failed_at), \
               outcome = CASE WHEN excluded.failed_at IS NULL THEN h.outcome ELSE excluded.outcome END, \
               code = CASE WHEN excluded.failed_at IS NULL THEN h.code ELSE excluded.code END";
    let values = [
        Value::from(merged.keys().copied().collect::<Vec<_>>()),
        times(|one| one.accepted_at),
        times(|one| one.failed_at),
        Value::from(merged.values().map(|one| &*one.outcome).collect::<Vec<_>>()),
        Value::from(merged.values().map(|one| &*one.code).collect::<Vec<_>>()),
    ];
    c.execute(sql, &values).await?;
    Ok(())
}

async fn health(c: &Session, instance: &str) -> Result<Option<UpstreamHealthRecord>> {
    let sql = "SELECT accepted_at, failed_at, outcome, code FROM upstream_health WHERE instance = $1";
    let read = |row: &Row| {
        Ok(UpstreamHealthRecord {
            accepted_at: get(row, 0)?,
            failed_at: get(row, 1)?,
            outcome: get(row, 2)?,
            code: get(row, 3)?,
        })
    };
    c.row(sql, values![instance]).await?.as_ref().map(read).transpose()
}

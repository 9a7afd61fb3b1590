//! Statistics by the hour.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::rows::{ms, time};
use crate::store::*;

#[async_trait]
impl StatisticsStore for SqliteStore {
    async fn add_statistics(&self, records: Vec<StatisticRecord>) -> Result<()> {
        self.threads.write(move |c| add(c, &records)).await
    }

    async fn statistics(&self, subscription: &str, since: Timestamp) -> Result<Vec<StatisticRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| read(c, &subscription, since)).await
    }
}

pub(super) fn add(c: &Connection, records: &[StatisticRecord]) -> Result<()> {
    let sql = "INSERT INTO statistics (subscription, hour, instance, event, label, count, last) VALUES (?, ?, ?, ?, ?, ?, ?) \
               ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)";
    let mut statement = c.prepare_cached(sql)?;
    for record in records {
        let (hour, last) = (ms(record.hour), ms(record.last));
        statement.execute(params![
            record.subscription,
            hour,
            record.instance,
            record.event,
            record.label,
            record.count,
            last
        ])?;
    }
    Ok(())
}

pub(super) fn read(c: &Connection, subscription: &str, since: Timestamp) -> Result<Vec<StatisticRecord>> {
    let sql = "SELECT hour, instance, event, label, count, last FROM statistics WHERE subscription = ? AND hour >= ? \
               ORDER BY hour, instance, event, label";
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map(params![subscription, ms(since)], |row| {
        Ok(StatisticRecord {
            hour: time(row.get(0)?),
            subscription: subscription.to_owned(),
            instance: row.get(1)?,
            event: row.get(2)?,
            label: row.get(3)?,
            count: row.get(4)?,
            last: time(row.get(5)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

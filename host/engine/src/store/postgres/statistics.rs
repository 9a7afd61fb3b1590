//! Statistics by the hour.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::PostgresStore;
use super::session::Session;
use super::values::{Value, get, ms, values};
use crate::store::*;

#[async_trait]
impl StatisticsStore for PostgresStore {
    async fn add_statistics(&self, records: Vec<StatisticRecord>) -> Result<()> {
        self.write(records, |c, records| async move { add(&c, &records).await }).await
    }

    async fn statistics(&self, subscription: &str, since: Timestamp) -> Result<Vec<StatisticRecord>> {
        self.read(subscription.to_owned(), move |c, subscription| async move { read(&c, &subscription, since).await })
            .await
    }
}

async fn add(c: &Session, records: &[StatisticRecord]) -> Result<()> {
    // A row that occurs twice is merged. Rows are changed in a fixed order: otherwise two processes could deadlock.
    let mut sums = BTreeMap::<(&str, i64, &str, &str, &str), (i64, i64)>::new();
    for one in records {
        let key = (&*one.subscription, ms(one.hour), &*one.instance, &*one.event, &*one.label);
        let sum = sums.entry(key).or_insert((0, i64::MIN));
        *sum = (sum.0.saturating_add(i64::try_from(one.count).unwrap_or(i64::MAX)), sum.1.max(ms(one.last)));
    }
    let values = [
        Value::from(sums.keys().map(|key| key.0).collect::<Vec<_>>()),
        Value::from(sums.keys().map(|key| key.1).collect::<Vec<_>>()),
        Value::from(sums.keys().map(|key| key.2).collect::<Vec<_>>()),
        Value::from(sums.keys().map(|key| key.3).collect::<Vec<_>>()),
        Value::from(sums.keys().map(|key| key.4).collect::<Vec<_>>()),
        Value::from(sums.values().map(|sum| sum.0).collect::<Vec<_>>()),
        Value::from(sums.values().map(|sum| sum.1).collect::<Vec<_>>()),
    ];
    let sql = "INSERT INTO statistics AS s (subscription, hour, instance, event, label, count, last) \
               SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7) AS t (subscription, hour, instance, event, label, count, last) \
               ORDER BY t.subscription, t.hour, t.instance, t.event, t.label \
               ON CONFLICT (subscription, hour, instance, event, label) \
               DO UPDATE SET count = s.count + excluded.count, last = greatest(s.last, excluded.last)";
    c.execute(sql, &values).await?;
    Ok(())
}

async fn read(c: &Session, subscription: &str, since: Timestamp) -> Result<Vec<StatisticRecord>> {
    let sql = "SELECT hour, instance, event, label, count, last FROM statistics WHERE subscription = $1 AND hour >= $2 \
               ORDER BY hour, instance, event, label";
    let to_record = |row: &Row| {
        Ok(StatisticRecord {
            hour: get(row, 0)?,
            subscription: subscription.to_owned(),
            instance: get(row, 1)?,
            event: get(row, 2)?,
            label: get(row, 3)?,
            count: get(row, 4)?,
            last: get(row, 5)?,
        })
    };
    c.rows(sql, values![subscription, since]).await?.iter().map(to_record).collect()
}

//! What happened to the factors of a user.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::session::Session;
use super::values::{get, values};
use super::{PostgresStore, Step, begin_for};
use crate::store::*;

#[async_trait]
impl FactorEventStore for PostgresStore {
    async fn add_factor_event(&self, event: FactorEventRecord, most: u32) -> Result<()> {
        self.transaction(begin_for(&event.person), event, move |c, event| async move {
            add(&c, &event, most).await.map(Step::Keep)
        })
        .await
    }

    async fn factor_events(&self, person: BucketKey, limit: u32) -> Result<Vec<FactorEventRecord>> {
        self.read(person, move |c, person| async move { of_person(&c, &person, limit).await }).await
    }
}

async fn add(c: &Session, event: &FactorEventRecord, most: u32) -> Result<()> {
    let sql = "INSERT INTO factor_events (person, at, sealed) VALUES ($1, $2, $3)";
    c.execute(sql, values![&event.person, event.at, &event.sealed]).await?;
    let sql = "DELETE FROM factor_events WHERE seq IN \
               (SELECT seq FROM factor_events WHERE person = $1 ORDER BY seq DESC OFFSET $2)";
    c.execute(sql, values![&event.person, most]).await?;
    Ok(())
}

async fn of_person(c: &Session, person: &BucketKey, limit: u32) -> Result<Vec<FactorEventRecord>> {
    let sql = "SELECT person, at, sealed FROM factor_events WHERE person = $1 ORDER BY seq DESC LIMIT $2";
    let event = |row: &Row| Ok(FactorEventRecord { person: get(row, 0)?, at: get(row, 1)?, sealed: get(row, 2)? });
    c.rows(sql, values![person, limit]).await?.iter().map(event).collect()
}

//! What happened to the factors of a user.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::rows::{ms, time};
use crate::store::*;

#[async_trait]
impl FactorEventStore for SqliteStore {
    async fn add_factor_event(&self, event: FactorEventRecord, most: u32) -> Result<()> {
        self.threads.write(move |c| add(c, &event, most)).await
    }

    async fn factor_events(&self, person: BucketKey, limit: u32) -> Result<Vec<FactorEventRecord>> {
        self.threads.read(move |c| of_person(c, &person, limit)).await
    }
}

pub(super) fn add(c: &Connection, event: &FactorEventRecord, most: u32) -> Result<()> {
    let sql = "INSERT INTO factor_events (person, at, sealed) VALUES (?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![event.person, ms(event.at), event.sealed])?;
    let sql = "DELETE FROM factor_events WHERE seq IN \
               (SELECT seq FROM factor_events WHERE person = ? ORDER BY seq DESC LIMIT -1 OFFSET ?)";
    c.prepare_cached(sql)?.execute(params![event.person, most])?;
    Ok(())
}

pub(super) fn of_person(c: &Connection, person: &BucketKey, limit: u32) -> Result<Vec<FactorEventRecord>> {
    let sql = "SELECT person, at, sealed FROM factor_events WHERE person = ? ORDER BY seq DESC LIMIT ?";
    let mut statement = c.prepare_cached(sql)?;
    let event =
        |row: &Row<'_>| Ok(FactorEventRecord { person: row.get(0)?, at: time(row.get(1)?), sealed: row.get(2)? });
    let rows = statement.query_map(params![person, limit], event)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

//! The processes that use the store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::rows::{ms, time};
use crate::store::retention::NODES_MS;
use crate::store::*;

#[async_trait]
impl NodeStore for SqliteStore {
    async fn report_node(&self, node: NodeRecord) -> Result<()> {
        self.threads.write(move |c| report(c, &node)).await
    }

    async fn remove_node(&self, id: &str) -> Result<()> {
        let id = id.to_owned();
        self.threads
            .write(move |c| {
                c.prepare_cached("DELETE FROM nodes WHERE id = ?")?.execute([&id])?;
                Ok(())
            })
            .await
    }

    async fn nodes(&self, now: Timestamp) -> Result<(Vec<NodeRecord>, Timestamp)> {
        self.threads.read(move |c| Ok((all(c)?, now))).await
    }
}

fn report(c: &Connection, node: &NodeRecord) -> Result<()> {
    let NodeRecord { id, name, version, providers, clock_behind_ms, started_at, seen_at } = node;
    let sql = "INSERT OR REPLACE INTO nodes (id, name, version, providers, clock_behind_ms, started_at, seen_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let providers = serde_json::to_string(providers).map_err(StoreError::unavailable)?;
    let values = params![id, name, version, providers, clock_behind_ms, ms(*started_at), ms(*seen_at)];
    c.prepare_cached(sql)?.execute(values)?;
    c.prepare_cached("DELETE FROM nodes WHERE seen_at < ?")?.execute([ms(*seen_at) - NODES_MS])?;
    Ok(())
}

fn all(c: &Connection) -> Result<Vec<NodeRecord>> {
    let sql = "SELECT id, name, version, providers, clock_behind_ms, started_at, seen_at FROM nodes ORDER BY name, id";
    let mut statement = c.prepare_cached(sql)?;
    Ok(statement.query_map([], to_node)?.collect::<rusqlite::Result<_>>()?)
}

fn to_node(row: &Row<'_>) -> rusqlite::Result<NodeRecord> {
    let providers: serde_json::Value = row.get(3)?;
    Ok(NodeRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        providers: serde_json::from_value::<BTreeMap<_, _>>(providers).unwrap_or_default(),
        clock_behind_ms: row.get(4)?,
        started_at: time(row.get(5)?),
        seen_at: time(row.get(6)?),
    })
}

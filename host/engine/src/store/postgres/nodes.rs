//! The processes that use the store.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::PostgresStore;
use super::values::{get, values};
use crate::store::retention::NODES_MS;
use crate::store::*;

#[async_trait]
impl NodeStore for PostgresStore {
    async fn report_node(&self, node: NodeRecord) -> Result<()> {
        let set = self.times.set(node.seen_at);
        let providers = serde_json::to_string(&node.providers).map_err(StoreError::unavailable)?;
        self.write((node, providers), move |c, input| async move {
            let NodeRecord { id, name, version, clock_behind_ms, started_at, .. } = &input.0;
            let sql = format!(
                "WITH t AS (SELECT coalesce($7, tf1_clock()) AS now), \
                 old AS (SELECT n.id FROM nodes n, t WHERE n.seen_at < t.now - {NODES_MS} AND n.id <> $1 \
                 FOR UPDATE OF n SKIP LOCKED), \
                 gone AS (DELETE FROM nodes WHERE id IN (SELECT id FROM old)) \
                 INSERT INTO nodes (id, name, version, providers, clock_behind_ms, started_at, seen_at) \
                 SELECT $1, $2, $3, $4, $5, $6, t.now FROM t \
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, providers = excluded.providers, \
                 clock_behind_ms = excluded.clock_behind_ms, started_at = excluded.started_at, seen_at = excluded.seen_at"
            );
            let values = values![id, name, version, &input.1, *clock_behind_ms, *started_at, set];
            c.execute(&sql, values).await?;
            Ok(())
        })
        .await
    }

    async fn remove_node(&self, id: &str) -> Result<()> {
        self.write(id.to_owned(), |c, id| async move {
            c.execute("DELETE FROM nodes WHERE id = $1", values![&*id]).await?;
            Ok(())
        })
        .await
    }

    async fn nodes(&self, now: Timestamp) -> Result<(Vec<NodeRecord>, Timestamp)> {
        let set = self.times.set(now);
        self.read((), move |c, _| async move {
            let now = get(&c.only_row("SELECT coalesce($1, tf1_clock())", values![set]).await?, 0)?;
            let sql = "SELECT id, name, version, providers, clock_behind_ms, started_at, seen_at FROM nodes ORDER BY name, id";
            let nodes = c.rows(sql, &[]).await?.iter().map(to_node).collect::<Result<_>>()?;
            Ok((nodes, now))
        })
        .await
    }
}

fn to_node(row: &Row) -> Result<NodeRecord> {
    let providers: serde_json::Value = get(row, 3)?;
    Ok(NodeRecord {
        id: get(row, 0)?,
        name: get(row, 1)?,
        version: get(row, 2)?,
        providers: serde_json::from_value(providers).unwrap_or_default(),
        clock_behind_ms: get(row, 4)?,
        started_at: get(row, 5)?,
        seen_at: get(row, 6)?,
    })
}

//! Components of providers: a stack for each type.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::session::Session;
use super::values::{get, values};
use super::{PostgresStore, Step};
use crate::store::*;

#[async_trait]
impl ProviderStore for PostgresStore {
    async fn push_provider(&self, provider: ProviderRecord, replaces: Option<&str>) -> Result<Update> {
        self.change((provider, replaces.map(str::to_owned)), |c, input| async move {
            push(&c, &input.0, input.1.as_deref()).await.map(Step::Keep)
        })
        .await
    }

    async fn pop_provider(&self, type_id: &str, digest: &str) -> Result<Update> {
        self.change((type_id.to_owned(), digest.to_owned()), |c, input| async move {
            pop(&c, &input.0, &input.1).await.map(Step::Keep)
        })
        .await
    }

    async fn remove_providers(&self, type_id: &str, digest: &str) -> Result<Update> {
        self.change((type_id.to_owned(), digest.to_owned()), |c, input| async move {
            remove(&c, &input.0, &input.1).await.map(Step::Keep)
        })
        .await
    }

    async fn top_providers(&self, type_id: &str) -> Result<(Option<ProviderRecord>, Option<ProviderRecord>)> {
        self.read(type_id.to_owned(), |c, type_id| async move { top_two(&c, &type_id).await }).await
    }

    async fn provider_marks(&self) -> Result<Vec<ProviderMark>> {
        self.read((), |c, _| async move { marks(&c).await }).await
    }
}

const COLUMNS: &str = "type_id, digest, added_at, signature, component, seal";

fn record(row: &Row) -> Result<ProviderRecord> {
    Ok(ProviderRecord {
        type_id: get(row, 0)?,
        digest: get(row, 1)?,
        added_at: get(row, 2)?,
        signature: get(row, 3)?,
        component: get(row, 4)?,
        seal: get(row, 5)?,
    })
}

async fn topmost(c: &Session, type_id: &str) -> Result<Option<(u64, String)>> {
    let sql = "SELECT position, digest FROM providers WHERE type_id = $1 ORDER BY position DESC LIMIT 1";
    let row = c.row(sql, values![type_id]).await?;
    row.map(|row| Ok((get(&row, 0)?, get(&row, 1)?))).transpose()
}

async fn push(c: &Session, provider: &ProviderRecord, replaces: Option<&str>) -> Result<Update> {
    let top = topmost(c, &provider.type_id).await?;
    if top.as_ref().map(|(_, digest)| &**digest) != replaces {
        return Ok(Update::Stale);
    }
    let position = top.map_or(1, |(position, _)| position + 1);
    let ProviderRecord { digest, type_id, component, signature, added_at, seal } = provider;
    let sql = format!("INSERT INTO providers (position, {COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    c.execute(&sql, values![position, type_id, digest, *added_at, signature, component, seal]).await?;
    let sql = "DELETE FROM providers WHERE type_id = $1 AND position <= $2";
    c.execute(sql, values![type_id, position.saturating_sub(PROVIDERS_KEPT.into())]).await?;
    Ok(Update::Applied)
}

async fn pop(c: &Session, type_id: &str, digest: &str) -> Result<Update> {
    let top = topmost(c, type_id).await?;
    let Some((position, _)) = top.filter(|(_, top)| top == digest) else { return Ok(Update::Stale) };
    let sql = "DELETE FROM providers WHERE type_id = $1 AND position = $2";
    Ok(Update::from_rows(c.execute(sql, values![type_id, position]).await? as usize))
}

async fn remove(c: &Session, type_id: &str, digest: &str) -> Result<Update> {
    if topmost(c, type_id).await?.is_none_or(|(_, top)| top != digest) {
        return Ok(Update::Stale);
    }
    let sql = "DELETE FROM providers WHERE type_id = $1";
    Ok(Update::from_rows(c.execute(sql, values![type_id]).await? as usize))
}

async fn top_two(c: &Session, type_id: &str) -> Result<(Option<ProviderRecord>, Option<ProviderRecord>)> {
    let sql = format!("SELECT {COLUMNS} FROM providers WHERE type_id = $1 ORDER BY position DESC LIMIT 2");
    let rows = c.rows(&sql, values![type_id]).await?;
    Ok((rows.first().map(record).transpose()?, rows.get(1).map(record).transpose()?))
}

async fn marks(c: &Session) -> Result<Vec<ProviderMark>> {
    let sql = "SELECT type_id, digest, added_at FROM providers one WHERE position = \
               (SELECT max(position) FROM providers other WHERE other.type_id = one.type_id) ORDER BY type_id";
    let mark = |row: &Row| Ok(ProviderMark { type_id: get(row, 0)?, digest: get(row, 1)?, added_at: get(row, 2)? });
    c.rows(sql, &[]).await?.iter().map(mark).collect()
}

//! Access tokens.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::rows::{array, ms, time};
use super::subscriptions::subscription;
use crate::store::*;

#[async_trait]
impl TokenStore for SqliteStore {
    async fn insert_token(&self, token: TokenRecord) -> Result<()> {
        self.threads.write(move |c| insert_token(c, &token)).await
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRecord>> {
        let id = id.to_owned();
        self.threads.read(move |c| token(c, &id)).await
    }

    async fn token_by_digest(&self, digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
        let digest = *digest;
        self.threads.read_at_once(move |c| token_by_digest(c, &digest)).await
    }

    async fn tokens(
        &self,
        of_applications: Option<Vec<String>>,
        part: Part<(Timestamp, String)>,
    ) -> Result<Vec<TokenRecord>> {
        self.threads.read(move |c| tokens(c, of_applications.as_deref(), &part)).await
    }

    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.threads.write(move |c| revoke_token(c, &id, at)).await
    }
}

pub(super) fn insert_token(c: &Connection, token: &TokenRecord) -> Result<()> {
    c.prepare_cached("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        token.id,
        token.name,
        token.digest,
        token.role,
        ms(token.created_at),
        token.expires_at.map(ms),
        token.revoked_at.map(ms)
    ])?;
    let sql =
        "INSERT INTO token_subscriptions (subscription, token, application) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    for one in &token.subscriptions {
        // In this transaction: it may have been removed since the caller looked.
        if subscription(c, one)?.is_none() {
            return Err(StoreError::conflict("a token for a subscription that does not exist"));
        }
        c.prepare_cached(sql)?.execute(params![one, token.id, token.application])?;
    }
    Ok(())
}

const TOKEN: &str = "SELECT t.id, t.name, t.digest, t.role, t.created_at, t.expires_at, t.revoked_at, \
    (SELECT json_group_array(s.subscription) FROM token_subscriptions s WHERE s.token = t.id), \
    (SELECT max(s.application) FROM token_subscriptions s WHERE s.token = t.id) FROM tokens t";

fn to_token(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    let subscriptions: serde_json::Value = row.get(7)?;
    let subscriptions = subscriptions.as_array().into_iter().flatten().filter_map(|one| one.as_str());
    Ok(TokenRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        digest: row.get(2)?,
        role: row.get(3)?,
        subscriptions: subscriptions.map(str::to_owned).collect(),
        application: row.get::<_, Option<bool>>(8)?.unwrap_or_default(),
        created_at: time(row.get(4)?),
        expires_at: row.get::<_, Option<i64>>(5)?.map(time),
        revoked_at: row.get::<_, Option<i64>>(6)?.map(time),
    })
}

pub(super) fn token_by_digest(c: &Connection, digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
    let mut statement = c.prepare_cached(&format!("{TOKEN} WHERE t.digest = ?"))?;
    Ok(statement.query_row([digest], to_token).optional()?)
}

pub(super) fn token(c: &Connection, id: &str) -> Result<Option<TokenRecord>> {
    let mut statement = c.prepare_cached(&format!("{TOKEN} WHERE t.id = ?"))?;
    Ok(statement.query_row([id], to_token).optional()?)
}

pub(super) fn tokens(
    c: &Connection,
    of_applications: Option<&[String]>,
    part: &Part<(Timestamp, String)>,
) -> Result<Vec<TokenRecord>> {
    let sql = format!(
        "{TOKEN} WHERE (?1 IS NULL OR (t.created_at, t.id) < (?1, ?2)) AND (?3 IS NULL OR t.id IN ( \
         SELECT s.token FROM token_subscriptions s WHERE s.application AND s.subscription IN (SELECT value FROM json_each(?3)))) \
         ORDER BY t.created_at DESC, t.id DESC LIMIT ?4"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let (at, id) = part.after.as_ref().map_or((None, ""), |(at, id)| (Some(ms(*at)), id));
    let rows = statement.query_map(params![at, id, of_applications.map(array), part.limit], to_token)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn revoke_token(c: &Connection, id: &str, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
    Ok(c.prepare_cached(sql)?.execute(params![ms(at), id])? == 1)
}

//! Access tokens.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::rows::texts;
use super::session::Session;
use super::subscriptions::subscription;
use super::values::{get, ms, values};
use super::{PostgresStore, Step};
use crate::store::*;

#[async_trait]
impl TokenStore for PostgresStore {
    async fn insert_token(&self, token: TokenRecord) -> Result<()> {
        self.change(token, |c, token| async move { insert_token(&c, &token).await.map(Step::Keep) }).await
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRecord>> {
        self.read(id.to_owned(), |c, id| async move { token(&c, &id).await }).await
    }

    async fn token_by_digest(&self, digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
        self.read(*digest, |c, digest| async move { token_by_digest(&c, &digest).await }).await
    }

    async fn tokens(
        &self,
        of_applications: Option<Vec<String>>,
        part: Part<(Timestamp, String)>,
    ) -> Result<Vec<TokenRecord>> {
        self.read((of_applications, part), |c, input| async move { tokens(&c, input.0.as_deref(), &input.1).await })
            .await
    }

    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool> {
        self.write(id.to_owned(), move |c, id| async move { revoke_token(&c, &id, at).await }).await
    }
}

async fn insert_token(c: &Session, token: &TokenRecord) -> Result<()> {
    let sql = "INSERT INTO tokens (id, name, digest, role, created_at, expires_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let TokenRecord { id, name, digest, role, created_at, expires_at, revoked_at, .. } = token;
    c.execute(sql, values![id, name, digest, role, *created_at, *expires_at, *revoked_at]).await?;
    let sql =
        "INSERT INTO token_subscriptions (subscription, token, application) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    for one in &token.subscriptions {
        // Checked in this transaction: it may have been removed since the caller checked.
        if subscription(c, one).await?.is_none() {
            return Err(StoreError::conflict("a token for a subscription that does not exist"));
        }
        c.execute(sql, values![one, id, token.application]).await?;
    }
    Ok(())
}

const TOKEN: &str = "SELECT t.id, t.name, t.digest, t.role, t.created_at, t.expires_at, t.revoked_at, \
    ARRAY (SELECT s.subscription FROM token_subscriptions s WHERE s.token = t.id ORDER BY s.subscription), \
    (SELECT bool_or(s.application) FROM token_subscriptions s WHERE s.token = t.id) FROM tokens t";

fn to_token(row: &Row) -> Result<TokenRecord> {
    Ok(TokenRecord {
        id: get(row, 0)?,
        name: get(row, 1)?,
        digest: get(row, 2)?,
        role: get(row, 3)?,
        subscriptions: get(row, 7)?,
        application: get::<Option<bool>>(row, 8)?.unwrap_or_default(),
        created_at: get(row, 4)?,
        expires_at: get(row, 5)?,
        revoked_at: get(row, 6)?,
    })
}

async fn token_by_digest(c: &Session, digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
    let row = c.row(&format!("{TOKEN} WHERE t.digest = $1"), values![digest]).await?;
    row.as_ref().map(to_token).transpose()
}

async fn token(c: &Session, id: &str) -> Result<Option<TokenRecord>> {
    let row = c.row(&format!("{TOKEN} WHERE t.id = $1"), values![id]).await?;
    row.as_ref().map(to_token).transpose()
}

async fn tokens(
    c: &Session,
    of_applications: Option<&[String]>,
    part: &Part<(Timestamp, String)>,
) -> Result<Vec<TokenRecord>> {
    let sql = format!(
        "{TOKEN} WHERE ($1 IS NULL OR (t.created_at, t.id) < ($1, $2)) AND ($3 IS NULL OR t.id IN ( \
         SELECT s.token FROM token_subscriptions s WHERE s.application AND s.subscription = ANY ($3))) \
         ORDER BY t.created_at DESC, t.id DESC LIMIT $4"
    );
    let (at, id) = part.after.as_ref().map_or((None, ""), |(at, id)| (Some(ms(*at)), id));
    let values = values![at, id, of_applications.map(texts), part.limit];
    c.rows(&sql, values).await?.iter().map(to_token).collect()
}

async fn revoke_token(c: &Session, id: &str, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    Ok(c.execute(sql, values![at, id]).await? == 1)
}

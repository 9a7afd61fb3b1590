//! Subscriptions.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::rows::texts;
use super::session::Session;
use super::values::{get, values};
use super::{PostgresStore, Step};
use crate::store::*;

#[async_trait]
impl SubscriptionStore for PostgresStore {
    async fn create_subscription(&self, subscription: Subscription) -> Result<()> {
        self.write(subscription, |c, new| async move { create_subscription(&c, &new).await }).await
    }

    async fn subscriptions(&self, among: Option<Vec<String>>, part: Part<String>) -> Result<Vec<Subscription>> {
        self.read((among, part), |c, input| async move { subscriptions(&c, input.0.as_deref(), &input.1).await }).await
    }

    async fn subscription(&self, id: &str) -> Result<Option<Subscription>> {
        self.read(id.to_owned(), |c, id| async move { subscription(&c, &id).await }).await
    }

    async fn update_subscription(&self, subscription: Subscription, expected_revision: u64) -> Result<Update> {
        self.write(subscription, move |c, new| async move { update_subscription(&c, &new, expected_revision).await })
            .await
    }

    async fn delete_subscription(&self, id: &str, expected_revision: u64, now: Timestamp) -> Result<Removal> {
        self.change(id.to_owned(), move |c, id| async move {
            delete_subscription(&c, &id, expected_revision, now).await.map(Step::Keep)
        })
        .await
    }
}

pub(super) async fn create_subscription(c: &Session, subscription: &Subscription) -> Result<()> {
    let Subscription { id, name, revision, created_at } = subscription;
    let sql = "INSERT INTO subscriptions (id, name, revision, created_at) VALUES ($1, $2, $3, $4)";
    c.execute(sql, values![id, name, *revision, *created_at]).await?;
    Ok(())
}

fn to_subscription(row: &Row) -> Result<Subscription> {
    Ok(Subscription { id: get(row, 0)?, name: get(row, 1)?, revision: get(row, 2)?, created_at: get(row, 3)? })
}

async fn subscriptions(c: &Session, among: Option<&[String]>, part: &Part<String>) -> Result<Vec<Subscription>> {
    let sql = "SELECT id, name, revision, created_at FROM subscriptions \
               WHERE id > $1 AND ($2 IS NULL OR id = ANY ($2)) ORDER BY id LIMIT $3";
    let after = part.after.as_deref().unwrap_or_default();
    c.rows(sql, values![after, among.map(texts), part.limit]).await?.iter().map(to_subscription).collect()
}

pub(super) async fn subscription(c: &Session, id: &str) -> Result<Option<Subscription>> {
    let sql = "SELECT id, name, revision, created_at FROM subscriptions WHERE id = $1";
    c.row(sql, values![id]).await?.as_ref().map(to_subscription).transpose()
}

pub(super) async fn update_subscription(c: &Session, subscription: &Subscription, expected: u64) -> Result<Update> {
    let sql = "UPDATE subscriptions SET name = $1, revision = $2 WHERE id = $3 AND revision = $4";
    let Subscription { id, name, revision, .. } = subscription;
    Ok(Update::from_rows(c.execute(sql, values![name, *revision, id, expected]).await? as usize))
}

async fn delete_subscription(c: &Session, id: &str, expected: u64, now: Timestamp) -> Result<Removal> {
    let sql = "SELECT EXISTS (SELECT 1 FROM instances WHERE subscription = $1) OR EXISTS ( \
               SELECT 1 FROM token_subscriptions s JOIN tokens t ON t.id = s.token WHERE s.subscription = $1 \
               AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)) OR EXISTS ( \
               SELECT 1 FROM accounts a, json_array_elements_text(a.role::json -> 'subscriptions') AS s (id) WHERE s.id = $1)";
    if get(&c.only_row(sql, values![id, now]).await?, 0)? {
        return Ok(Removal::InUse);
    }
    let sql = "DELETE FROM subscriptions WHERE id = $1 AND revision = $2";
    let gone = c.execute(sql, values![id, expected]).await?;
    Ok(if gone == 1 { Removal::Removed } else { Removal::Stale })
}

//! Subscriptions.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::rows::{array, ms, time};
use crate::store::*;

#[async_trait]
impl SubscriptionStore for SqliteStore {
    async fn create_subscription(&self, subscription: Subscription) -> Result<()> {
        self.threads.write(move |c| create_subscription(c, &subscription)).await
    }

    async fn subscriptions(&self, among: Option<Vec<String>>, part: Part<String>) -> Result<Vec<Subscription>> {
        self.threads.read(move |c| subscriptions(c, among.as_deref(), &part)).await
    }

    async fn subscription(&self, id: &str) -> Result<Option<Subscription>> {
        let id = id.to_owned();
        self.threads.read(move |c| subscription(c, &id)).await
    }

    async fn update_subscription(&self, subscription: Subscription, expected_revision: u64) -> Result<Update> {
        self.threads.write(move |c| update_subscription(c, &subscription, expected_revision)).await
    }

    async fn delete_subscription(&self, id: &str, expected_revision: u64, now: Timestamp) -> Result<Removal> {
        let id = id.to_owned();
        self.threads.write(move |c| delete_subscription(c, &id, expected_revision, now)).await
    }
}

pub(super) fn create_subscription(c: &Connection, subscription: &Subscription) -> Result<()> {
    let sql = "INSERT INTO subscriptions (id, name, revision, created_at) VALUES (?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        subscription.id,
        subscription.name,
        subscription.revision,
        ms(subscription.created_at)
    ])?;
    Ok(())
}

fn to_subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    Ok(Subscription { id: row.get(0)?, name: row.get(1)?, revision: row.get(2)?, created_at: time(row.get(3)?) })
}

pub(super) fn subscriptions(
    c: &Connection,
    among: Option<&[String]>,
    part: &Part<String>,
) -> Result<Vec<Subscription>> {
    let sql = "SELECT id, name, revision, created_at FROM subscriptions \
               WHERE id > ?1 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2))) ORDER BY id LIMIT ?3";
    let mut statement = c.prepare_cached(sql)?;
    let after = part.after.as_deref().unwrap_or_default();
    let rows = statement.query_map(params![after, among.map(array), part.limit], to_subscription)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn subscription(c: &Connection, id: &str) -> Result<Option<Subscription>> {
    let mut statement = c.prepare_cached("SELECT id, name, revision, created_at FROM subscriptions WHERE id = ?")?;
    Ok(statement.query_row([id], to_subscription).optional()?)
}

pub(super) fn update_subscription(c: &Connection, subscription: &Subscription, expected: u64) -> Result<Update> {
    let sql = "UPDATE subscriptions SET name = ?, revision = ? WHERE id = ? AND revision = ?";
    let Subscription { id, name, revision, .. } = subscription;
    Ok(Update::from_rows(c.prepare_cached(sql)?.execute(params![name, revision, id, expected])?))
}

pub(super) fn delete_subscription(c: &Connection, id: &str, expected: u64, now: Timestamp) -> Result<Removal> {
    let sql = "SELECT EXISTS (SELECT 1 FROM instances WHERE subscription = ?1) OR EXISTS ( \
               SELECT 1 FROM token_subscriptions s JOIN tokens t ON t.id = s.token WHERE s.subscription = ?1 \
               AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > ?2)) OR EXISTS ( \
               SELECT 1 FROM accounts a, json_each(a.role, '$.subscriptions') s WHERE s.value = ?1)";
    let in_use: bool = c.prepare_cached(sql)?.query_row(params![id, ms(now)], |row| row.get(0))?;
    if in_use {
        return Ok(Removal::InUse);
    }
    let sql = "DELETE FROM subscriptions WHERE id = ? AND revision = ?";
    let gone = c.prepare_cached(sql)?.execute(params![id, expected])?;
    Ok(if gone == 1 { Removal::Removed } else { Removal::Stale })
}

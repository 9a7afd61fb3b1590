//! Subscriptions, and the tokens that are bound to them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::*;
use super::{ms, time};

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

/// A list as one parameter.
fn array(ids: &[String]) -> serde_json::Value {
    ids.iter().map(String::as_str).collect()
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

pub(super) fn update_subscription(c: &Connection, subscription: &Subscription, expected: u64) -> Result<bool> {
    let sql = "UPDATE subscriptions SET name = ?, revision = ? WHERE id = ? AND revision = ?";
    let Subscription { id, name, revision, .. } = subscription;
    Ok(c.prepare_cached(sql)?.execute(params![name, revision, id, expected])? == 1)
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
    Ok(if gone == 1 { Removal::Done } else { Removal::PassedOver })
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
        // In this transaction: it may have been removed since somebody looked.
        if subscription(c, one)?.is_none() {
            return Err(StoreError::exists("a token for a subscription that is not there"));
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

//! What is configured: subscriptions, instances, assignments, settings, providers, tokens, and who changed it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::*;
use super::{ms, time};

pub(super) fn create_subscription(c: &Connection, subscription: &Subscription) -> Result<()> {
    c.prepare_cached("INSERT INTO subscriptions (id, name, created_at) VALUES (?, ?, ?)")?.execute(params![
        subscription.id,
        subscription.name,
        ms(subscription.created_at)
    ])?;
    Ok(())
}

fn to_subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    Ok(Subscription { id: row.get(0)?, name: row.get(1)?, created_at: time(row.get(2)?) })
}

pub(super) fn subscriptions(c: &Connection) -> Result<Vec<Subscription>> {
    let mut statement = c.prepare_cached("SELECT id, name, created_at FROM subscriptions ORDER BY id")?;
    Ok(statement.query_map([], to_subscription)?.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn subscription(c: &Connection, id: &str) -> Result<Option<Subscription>> {
    let mut statement = c.prepare_cached("SELECT id, name, created_at FROM subscriptions WHERE id = ?")?;
    Ok(statement.query_row([id], to_subscription).optional()?)
}

const INSTANCE: &str =
    "i.id, i.subscription, i.type_id, i.name, i.active, i.options, i.policy, i.revision, i.created_at, i.updated_at";

fn to_instance(row: &Row<'_>) -> rusqlite::Result<InstanceRecord> {
    Ok(InstanceRecord {
        id: row.get(0)?,
        subscription: row.get(1)?,
        type_id: row.get(2)?,
        name: row.get(3)?,
        active: row.get(4)?,
        options: row.get(5)?,
        policy: row.get(6)?,
        revision: row.get(7)?,
        created_at: time(row.get(8)?),
        updated_at: time(row.get(9)?),
    })
}

pub(super) fn insert_instance(c: &Connection, i: &InstanceRecord) -> Result<()> {
    c.prepare_cached("INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        i.id,
        i.subscription,
        i.type_id,
        i.name,
        i.active,
        i.options,
        i.policy,
        i.revision,
        ms(i.created_at),
        ms(i.updated_at)
    ])?;
    Ok(())
}

pub(super) fn instance(c: &Connection, id: &str) -> Result<Option<InstanceRecord>> {
    let mut statement = c.prepare_cached(&format!("SELECT {INSTANCE} FROM instances i WHERE i.id = ?"))?;
    Ok(statement.query_row([id], to_instance).optional()?)
}

pub(super) fn instances(c: &Connection, subscription: &str) -> Result<Vec<InstanceRecord>> {
    let sql = format!("SELECT {INSTANCE} FROM instances i WHERE i.subscription = ? ORDER BY i.name, i.id");
    let mut statement = c.prepare_cached(&sql)?;
    Ok(statement.query_map([subscription], to_instance)?.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn update_instance(c: &Connection, i: &InstanceRecord, expected: u64) -> Result<bool> {
    let sql = "UPDATE instances SET name = ?, active = ?, options = ?, policy = ?, revision = ?, updated_at = ? \
               WHERE id = ? AND revision = ?";
    let changed = c.prepare_cached(sql)?.execute(params![
        i.name,
        i.active,
        i.options,
        i.policy,
        i.revision,
        ms(i.updated_at),
        i.id,
        expected
    ])?;
    Ok(changed == 1)
}

pub(super) fn delete_instance(c: &Connection, id: &str) -> Result<bool> {
    Ok(c.prepare_cached("DELETE FROM instances WHERE id = ?")?.execute([id])? == 1)
}

fn kind_number(kind: AssignmentKind) -> i64 {
    match kind {
        AssignmentKind::Tenant => 0,
        AssignmentKind::Idp => 1,
        AssignmentKind::ClientApplication => 2,
        AssignmentKind::User => 3,
    }
}

fn to_kind(number: i64) -> AssignmentKind {
    match number {
        0 => AssignmentKind::Tenant,
        1 => AssignmentKind::Idp,
        2 => AssignmentKind::ClientApplication,
        _ => AssignmentKind::User,
    }
}

pub(super) fn assignments(c: &Connection, instance: &str) -> Result<Vec<AssignmentRecord>> {
    let mut statement =
        c.prepare_cached("SELECT kind, target FROM assignments WHERE instance = ? ORDER BY kind, target")?;
    let rows = statement
        .query_map([instance], |row| Ok(AssignmentRecord { kind: to_kind(row.get(0)?), target: row.get(1)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn set_assignments(c: &Connection, instance: &str, assignments: &[AssignmentRecord]) -> Result<()> {
    c.prepare_cached("DELETE FROM assignments WHERE instance = ?")?.execute([instance])?;
    let mut insert = c.prepare_cached("INSERT INTO assignments (instance, kind, target) VALUES (?, ?, ?)")?;
    for one in assignments {
        insert.execute(params![instance, kind_number(one.kind), one.target])?;
    }
    Ok(())
}

/// `targets` come the most specific first, and so do the answers.
pub(super) fn assigned(
    c: &Connection,
    subscription: &str,
    targets: &[(AssignmentKind, Option<String>)],
) -> Result<Vec<(InstanceRecord, AssignmentKind)>> {
    let sql = format!(
        "SELECT {INSTANCE} FROM assignments a JOIN instances i ON i.id = a.instance \
         WHERE a.kind = ? AND a.target = ? AND i.subscription = ? ORDER BY i.name, i.id"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let mut found: Vec<(InstanceRecord, AssignmentKind)> = Vec::new();
    for (kind, target) in targets {
        let Some(target) = target else { continue };
        for record in statement.query_map(params![kind_number(*kind), target, subscription], to_instance)? {
            let record = record?;
            if !found.iter().any(|(other, _)| other.id == record.id) {
                found.push((record, *kind));
            }
        }
    }
    Ok(found)
}

pub(super) fn base_settings(c: &Connection, type_id: &str) -> Result<Option<serde_json::Value>> {
    let mut statement = c.prepare_cached("SELECT options FROM base_settings WHERE type_id = ?")?;
    Ok(statement.query_row([type_id], |row| row.get(0)).optional()?)
}

pub(super) fn set_base_settings(c: &Connection, type_id: &str, options: &serde_json::Value) -> Result<()> {
    let sql = "INSERT INTO base_settings VALUES (?1, ?2) ON CONFLICT (type_id) DO UPDATE SET options = ?2";
    c.prepare_cached(sql)?.execute(params![type_id, options])?;
    Ok(())
}

pub(super) fn insert_provider(c: &Connection, provider: &ProviderRecord) -> Result<()> {
    let sql = "INSERT INTO providers VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (type_id) DO UPDATE SET digest = ?2, component = ?3, added_at = ?4";
    c.prepare_cached(sql)?.execute(params![
        provider.type_id,
        provider.digest,
        provider.component,
        ms(provider.added_at)
    ])?;
    Ok(())
}

pub(super) fn providers(c: &Connection) -> Result<Vec<ProviderRecord>> {
    let mut statement =
        c.prepare_cached("SELECT type_id, digest, component, added_at FROM providers ORDER BY type_id")?;
    let rows = statement.query_map([], |row| {
        Ok(ProviderRecord {
            type_id: row.get(0)?,
            digest: row.get(1)?,
            component: row.get(2)?,
            added_at: time(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
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
    Ok(())
}

const TOKEN: &str = "SELECT id, name, digest, role, created_at, expires_at, revoked_at FROM tokens";

fn to_token(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    Ok(TokenRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        digest: row.get(2)?,
        role: row.get(3)?,
        created_at: time(row.get(4)?),
        expires_at: row.get::<_, Option<i64>>(5)?.map(time),
        revoked_at: row.get::<_, Option<i64>>(6)?.map(time),
    })
}

pub(super) fn token_by_digest(c: &Connection, digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
    let mut statement = c.prepare_cached(&format!("{TOKEN} WHERE digest = ?"))?;
    Ok(statement.query_row([digest], to_token).optional()?)
}

pub(super) fn tokens(c: &Connection) -> Result<Vec<TokenRecord>> {
    let mut statement = c.prepare_cached(&format!("{TOKEN} ORDER BY created_at DESC, id"))?;
    Ok(statement.query_map([], to_token)?.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn revoke_token(c: &Connection, id: &str, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
    Ok(c.prepare_cached(sql)?.execute(params![ms(at), id])? == 1)
}

pub(super) fn append_audit(c: &Connection, line: &AuditRecord, head: &AuditHead) -> Result<bool> {
    let last = audit_head(c)?.map_or(0, |head| head.seq);
    if line.seq != last + 1 {
        return Ok(false);
    }
    c.prepare_cached("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        line.seq,
        ms(line.at),
        line.actor,
        line.action,
        line.subject,
        line.detail,
        line.key,
        line.mac
    ])?;
    let sql = "INSERT OR REPLACE INTO audit_head (one, seq, mac, key, seal) VALUES (1, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![head.seq, head.mac, head.key, head.seal])?;
    Ok(true)
}

pub(super) fn audit(c: &Connection, after: u64, limit: u32) -> Result<Vec<AuditRecord>> {
    let sql = "SELECT seq, at, actor, action, subject, detail, key, mac FROM audit WHERE seq > ? ORDER BY seq LIMIT ?";
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map(params![after, limit], |row| {
        Ok(AuditRecord {
            seq: row.get(0)?,
            at: time(row.get(1)?),
            actor: row.get(2)?,
            action: row.get(3)?,
            subject: row.get(4)?,
            detail: row.get(5)?,
            key: row.get(6)?,
            mac: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn audit_head(c: &Connection) -> Result<Option<AuditHead>> {
    let mut statement = c.prepare_cached("SELECT seq, mac, key, seal FROM audit_head")?;
    let head =
        |row: &Row<'_>| Ok(AuditHead { seq: row.get(0)?, mac: row.get(1)?, key: row.get(2)?, seal: row.get(3)? });
    Ok(statement.query_row([], head).optional()?)
}

pub(super) fn keys_in_use(c: &Connection) -> Result<Vec<KeyInUse>> {
    let mut statement = c.prepare_cached("SELECT id, check_value FROM keys")?;
    let rows = statement.query_map([], |row| Ok(KeyInUse { id: row.get(0)?, check: row.get(1)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn note_key(c: &Connection, key: &KeyInUse) -> Result<()> {
    let sql = "INSERT INTO keys VALUES (?, ?) ON CONFLICT (id) DO NOTHING";
    c.prepare_cached(sql)?.execute(params![key.id, key.check])?;
    Ok(())
}

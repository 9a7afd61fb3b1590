//! What is configured: instances, what they are assigned to, settings, providers, and who changed it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::*;
use super::{directory, ms, time};

pub(super) const INSTANCE: &str =
    "i.id, i.subscription, i.type_id, i.name, i.active, i.options, i.policy, i.revision, i.created_at, i.updated_at";

pub(super) fn to_instance(row: &Row<'_>) -> rusqlite::Result<InstanceRecord> {
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
    c.prepare_cached("INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)")?.execute(params![
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

pub(super) fn instances(
    c: &Connection,
    subscription: &str,
    part: &Part<(Timestamp, String)>,
) -> Result<Vec<InstanceRecord>> {
    let (at, id) = part.after.as_ref().map_or((i64::MIN, ""), |(at, id)| (ms(*at), id));
    let sql = format!(
        "SELECT {INSTANCE} FROM instances i WHERE i.subscription = ? AND (i.created_at, i.id) > (?, ?) \
         ORDER BY i.created_at, i.id LIMIT ?"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map(params![subscription, at, id, part.limit], to_instance)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
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

pub(super) fn delete_instance(c: &Connection, id: &str, expected: u64) -> Result<bool> {
    let sql = "DELETE FROM instances WHERE id = ? AND revision = ?";
    Ok(c.prepare_cached(sql)?.execute(params![id, expected])? == 1)
}

pub(super) fn kind_number(kind: AssignmentKind) -> i64 {
    match kind {
        AssignmentKind::Tenant => 0,
        AssignmentKind::Idp => 1,
        AssignmentKind::ClientApplication => 2,
        AssignmentKind::User => 3,
    }
}

pub(super) fn to_kind(number: i64) -> AssignmentKind {
    match number {
        0 => AssignmentKind::Tenant,
        1 => AssignmentKind::Idp,
        2 => AssignmentKind::ClientApplication,
        _ => AssignmentKind::User,
    }
}

pub(super) fn assignments(c: &Connection, instance: &str) -> Result<AssignmentsRecord> {
    let sql = "SELECT assignments_revision FROM instances WHERE id = ?";
    let revision = c.prepare_cached(sql)?.query_row([instance], |row| row.get(0)).optional()?;
    let Some(revision) = revision else {
        return Ok(AssignmentsRecord::default());
    };
    let sql = "SELECT a.kind, a.target, d.name FROM assignments a JOIN instances i ON i.id = a.instance \
               LEFT JOIN directory d ON d.subscription = i.subscription AND d.kind = a.kind AND d.id = a.target \
               WHERE a.instance = ? ORDER BY a.kind, a.target";
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map([instance], |row| {
        Ok((AssignmentRecord { kind: to_kind(row.get(0)?), target: row.get(1)? }, row.get(2)?))
    })?;
    Ok(AssignmentsRecord { revision, targets: rows.collect::<rusqlite::Result<_>>()? })
}

pub(super) fn set_assignments(
    c: &Connection,
    instance: &str,
    assignments: &[AssignmentRecord],
    expected: u64,
) -> Result<bool> {
    let sql = "UPDATE instances SET assignments_revision = ?2 + 1 WHERE id = ?1 AND assignments_revision = ?2";
    if c.prepare_cached(sql)?.execute(params![instance, expected])? != 1 {
        return Ok(false);
    }
    c.prepare_cached("DELETE FROM assignments WHERE instance = ?")?.execute([instance])?;
    let mut insert = c.prepare_cached("INSERT INTO assignments (instance, kind, target) VALUES (?, ?, ?)")?;
    let sql = "INSERT INTO directory (subscription, kind, id, name, search, revision) \
               SELECT subscription, ?2, ?3, NULL, ?4, 1 FROM instances WHERE id = ?1 ON CONFLICT DO NOTHING";
    let mut note = c.prepare_cached(sql)?;
    for one in assignments {
        let kind = kind_number(one.kind);
        insert.execute(params![instance, kind, one.target])?;
        note.execute(params![instance, kind, one.target, directory::search(&one.target, None)])?;
    }
    Ok(true)
}

/// `targets` come the most specific first, and so do the answers.
pub(super) fn assigned(
    c: &Connection,
    subscription: &str,
    targets: &[(AssignmentKind, Option<String>)],
) -> Result<Vec<(InstanceRecord, Option<BaseSettingsRecord>)>> {
    let sql = format!(
        "SELECT {INSTANCE} FROM assignments a JOIN instances i ON i.id = a.instance \
         WHERE a.kind = ? AND a.target = ? AND i.subscription = ? ORDER BY i.name, i.id"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let mut found: Vec<InstanceRecord> = Vec::new();
    for (kind, target) in targets {
        let Some(target) = target else { continue };
        for record in statement.query_map(params![kind_number(*kind), target, subscription], to_instance)? {
            let record = record?;
            if !found.iter().any(|other| other.id == record.id) {
                found.push(record);
            }
        }
    }
    found
        .into_iter()
        .map(|record| {
            let base = base_settings(c, &record.type_id)?;
            Ok((record, base))
        })
        .collect()
}

pub(super) fn base_settings(c: &Connection, type_id: &str) -> Result<Option<BaseSettingsRecord>> {
    let mut statement = c.prepare_cached("SELECT options, revision FROM base_settings WHERE type_id = ?")?;
    let record = |row: &Row<'_>| Ok(BaseSettingsRecord { options: row.get(0)?, revision: row.get(1)? });
    Ok(statement.query_row([type_id], record).optional()?)
}

pub(super) fn set_base_settings(c: &Connection, type_id: &str, settings: &BaseSettingsRecord) -> Result<bool> {
    let sql = if settings.revision == 1 {
        "INSERT INTO base_settings (type_id, options, revision) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE base_settings SET options = ?2, revision = ?3 WHERE type_id = ?1 AND revision = ?3 - 1"
    };
    Ok(c.prepare_cached(sql)?.execute(params![type_id, settings.options, settings.revision])? == 1)
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
    // No line has a number that is larger than the database's own.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![after, limit], to_audit)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whoever looks for something waits for the log to be read from its end: it is read whole to be verified anyway.
pub(super) fn find_audit(c: &Connection, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditRecord>> {
    let sql = "SELECT seq, at, actor, action, subject, detail, key, mac FROM audit \
               WHERE seq < ?1 AND (?2 = '' OR instr(actor, ?2) > 0) AND substr(action, 1, length(?3)) = ?3 \
               AND (?4 = '' OR instr(subject, ?4) > 0) AND at >= ?5 AND at < ?6 ORDER BY seq DESC LIMIT ?7";
    let before = filter.before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let (since, until) = (filter.since.map_or(i64::MIN, ms), filter.until.map_or(i64::MAX, ms));
    let mut statement = c.prepare_cached(sql)?;
    let values = params![before, filter.actor, filter.action, filter.subject, since, until, limit];
    let rows = statement.query_map(values, to_audit)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn to_audit(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
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

//! Instances, their assignments, and base service settings.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::rows::{INSTANCE, array, ms, to_instance};
use super::threads::Step;
use super::{SqliteStore, factors};
use crate::store::columns::{assignment_kind_number, search_text, to_assignment_kind};
use crate::store::*;

#[async_trait]
impl InstanceStore for SqliteStore {
    async fn insert_instance(&self, instance: InstanceRecord, most: u32) -> Result<InstanceInserted> {
        self.threads
            .write_step(move |c| {
                insert_instance(c, &instance)?;
                Ok(match count(c, &instance.subscription)? > most {
                    true => Step::Undo(InstanceInserted::TooMany),
                    false => Step::Keep(InstanceInserted::Inserted),
                })
            })
            .await
    }

    async fn instance(&self, id: &str) -> Result<Option<InstanceRecord>> {
        let id = id.to_owned();
        self.threads.read(move |c| instance(c, &id)).await
    }

    async fn existing_instances(&self, among: Vec<String>) -> Result<Vec<String>> {
        self.threads.read(move |c| existing(c, &among)).await
    }

    async fn instances(&self, subscription: &str, part: Part<(Timestamp, String)>) -> Result<Vec<InstanceRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| instances(c, &subscription, &part)).await
    }

    async fn update_instance(&self, instance: InstanceRecord, expected_revision: u64) -> Result<Update> {
        self.threads.write(move |c| update_instance(c, &instance, expected_revision)).await
    }

    async fn delete_instance(&self, id: &str, expected_revision: u64, now: Timestamp) -> Result<Update> {
        let id = id.to_owned();
        self.threads.write_at(now, move |c| delete_instance(c, &id, expected_revision, now)).await
    }

    async fn assignments(&self, instance: &str) -> Result<AssignmentsRecord> {
        let instance = instance.to_owned();
        self.threads.read(move |c| assignments(c, &instance)).await
    }

    async fn set_assignments(
        &self,
        instance: &str,
        assignments: Vec<AssignmentRecord>,
        expected_revision: u64,
    ) -> Result<Update> {
        let instance = instance.to_owned();
        self.threads.write(move |c| set_assignments(c, &instance, &assignments, expected_revision)).await
    }

    async fn assigned(
        &self,
        subscription: &str,
        targets: Targets<'_>,
    ) -> Result<Vec<(InstanceRecord, Option<BaseSettingsRecord>)>> {
        let subscription = subscription.to_owned();
        let targets = [
            (AssignmentKind::User, targets.user.map(str::to_owned)),
            (AssignmentKind::ClientApplication, targets.client_application.map(str::to_owned)),
            (AssignmentKind::Idp, targets.idp.map(str::to_owned)),
            (AssignmentKind::Tenant, targets.tenant.map(str::to_owned)),
        ];
        self.threads.read_at_once(move |c| assigned(c, &subscription, &targets)).await
    }

    async fn base_settings(&self, type_id: &str) -> Result<Option<BaseSettingsRecord>> {
        let type_id = type_id.to_owned();
        self.threads.read(move |c| base_settings(c, &type_id)).await
    }

    async fn set_base_settings(&self, type_id: &str, settings: BaseSettingsRecord) -> Result<Update> {
        let type_id = type_id.to_owned();
        self.threads.write(move |c| set_base_settings(c, &type_id, &settings)).await
    }
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

/// Returns how many instances a subscription has.
pub(super) fn count(c: &Connection, subscription: &str) -> Result<u32> {
    let sql = "SELECT count(*) FROM instances WHERE subscription = ?";
    Ok(c.prepare_cached(sql)?.query_row([subscription], |row| row.get(0))?)
}

fn existing(c: &Connection, among: &[String]) -> Result<Vec<String>> {
    let sql = "SELECT id FROM instances WHERE id IN (SELECT value FROM json_each(?))";
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map([array(among)], |row| row.get::<_, String>(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
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

pub(super) fn update_instance(c: &Connection, i: &InstanceRecord, expected: u64) -> Result<Update> {
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
    Ok(Update::from_rows(changed))
}

pub(super) fn delete_instance(c: &Connection, id: &str, expected: u64, now: Timestamp) -> Result<Update> {
    let sql = "DELETE FROM instances WHERE id = ? AND revision = ?";
    let deleted = Update::from_rows(c.prepare_cached(sql)?.execute(params![id, expected])?);
    if deleted.is_applied() {
        // Its id may be that of another instance one day.
        factors::end_all_of(c, id, now)?;
    }
    Ok(deleted)
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
        Ok((AssignmentRecord { kind: to_assignment_kind(row.get(0)?), target: row.get(1)? }, row.get(2)?))
    })?;
    Ok(AssignmentsRecord { revision, targets: rows.collect::<rusqlite::Result<_>>()? })
}

pub(super) fn set_assignments(
    c: &Connection,
    instance: &str,
    assignments: &[AssignmentRecord],
    expected: u64,
) -> Result<Update> {
    let sql = "UPDATE instances SET assignments_revision = ?2 + 1 WHERE id = ?1 AND assignments_revision = ?2";
    if c.prepare_cached(sql)?.execute(params![instance, expected])? != 1 {
        return Ok(Update::Stale);
    }
    c.prepare_cached("DELETE FROM assignments WHERE instance = ?")?.execute([instance])?;
    let mut insert = c.prepare_cached("INSERT INTO assignments (instance, kind, target) VALUES (?, ?, ?)")?;
    let sql = "INSERT INTO directory (subscription, kind, id, name, search, revision) \
               SELECT subscription, ?2, ?3, NULL, ?4, 1 FROM instances WHERE id = ?1 ON CONFLICT DO NOTHING";
    let mut add = c.prepare_cached(sql)?;
    for one in assignments {
        let kind = assignment_kind_number(one.kind);
        insert.execute(params![instance, kind, one.target])?;
        add.execute(params![instance, kind, one.target, search_text(&one.target, None)])?;
    }
    Ok(Update::Applied)
}

/// `targets` are in order, the most specific first, and so are the results.
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
        for record in statement.query_map(params![assignment_kind_number(*kind), target, subscription], to_instance)? {
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

pub(super) fn set_base_settings(c: &Connection, type_id: &str, settings: &BaseSettingsRecord) -> Result<Update> {
    let sql = if settings.revision == 1 {
        "INSERT INTO base_settings (type_id, options, revision) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE base_settings SET options = ?2, revision = ?3 WHERE type_id = ?1 AND revision = ?3 - 1"
    };
    let changed = c.prepare_cached(sql)?.execute(params![type_id, settings.options, settings.revision])?;
    Ok(Update::from_rows(changed))
}

//! The directory.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::rows::{INSTANCE, to_instance};
use super::threads::Step;
use crate::store::columns::{assignment_kind_number, search_text, to_assignment_kind};
use crate::store::*;

#[async_trait]
impl DirectoryStore for SqliteStore {
    async fn directory(
        &self,
        subscription: &str,
        kind: Option<AssignmentKind>,
        search: &str,
        part: Part<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>> {
        let (subscription, search) = (subscription.to_owned(), search.to_owned());
        self.threads.read(move |c| list(c, &subscription, kind, &search, &part)).await
    }

    async fn directory_entries(
        &self,
        subscription: &str,
        targets: Vec<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| entries(c, &subscription, &targets)).await
    }

    async fn instances_assigned(&self, subscription: &str, target: AssignmentRecord) -> Result<Vec<InstanceRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| assigned(c, &subscription, &target)).await
    }

    async fn put_directory(&self, subscription: &str, entries: Vec<DirectoryRecord>) -> Result<Update> {
        let subscription = subscription.to_owned();
        self.threads.write_step(move |c| put(c, &subscription, &entries)).await
    }

    async fn delete_directory_entry(
        &self,
        subscription: &str,
        target: AssignmentRecord,
        expected_revision: u64,
    ) -> Result<Removal> {
        let subscription = subscription.to_owned();
        self.threads.write(move |c| delete(c, &subscription, &target, expected_revision)).await
    }
}

fn to_entry(row: &Row<'_>) -> rusqlite::Result<DirectoryRecord> {
    let target = AssignmentRecord { kind: to_assignment_kind(row.get(0)?), target: row.get(1)? };
    Ok(DirectoryRecord { target, name: row.get(2)?, revision: row.get(3)? })
}

pub(super) fn list(
    c: &Connection,
    subscription: &str,
    kind: Option<AssignmentKind>,
    text: &str,
    part: &Part<AssignmentRecord>,
) -> Result<Vec<DirectoryRecord>> {
    let sql = "SELECT kind, id, name, revision FROM directory \
               WHERE subscription = ?1 AND (kind, id) > (?2, ?3) AND kind BETWEEN ?4 AND ?5 AND instr(search, ?6) > 0 \
               ORDER BY kind, id LIMIT ?7";
    let (after, id) = part.after.as_ref().map_or((-1, ""), |one| (assignment_kind_number(one.kind), &*one.target));
    let (first, last) = kind.map_or((0, i64::MAX), |kind| (assignment_kind_number(kind), assignment_kind_number(kind)));
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement
        .query_map(params![subscription, after, id, first, last, text.to_lowercase(), part.limit], to_entry)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn entries(
    c: &Connection,
    subscription: &str,
    targets: &[AssignmentRecord],
) -> Result<Vec<DirectoryRecord>> {
    let sql = "SELECT kind, id, name, revision FROM directory WHERE subscription = ? AND kind = ? AND id = ?";
    let mut statement = c.prepare_cached(sql)?;
    let mut found = Vec::new();
    for one in targets {
        let row = statement.query_row(params![subscription, assignment_kind_number(one.kind), one.target], to_entry);
        found.extend(row.optional()?);
    }
    Ok(found)
}

pub(super) fn assigned(c: &Connection, subscription: &str, target: &AssignmentRecord) -> Result<Vec<InstanceRecord>> {
    let sql = format!(
        "SELECT {INSTANCE} FROM assignments a JOIN instances i ON i.id = a.instance \
         WHERE a.kind = ? AND a.target = ? AND i.subscription = ? ORDER BY i.name, i.id"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows =
        statement.query_map(params![assignment_kind_number(target.kind), target.target, subscription], to_instance)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn put(c: &Connection, subscription: &str, entries: &[DirectoryRecord]) -> Result<Step<Update>> {
    let add = "INSERT INTO directory (subscription, kind, id, name, search, revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT DO NOTHING";
    let change = "UPDATE directory SET name = ?4, search = ?5, revision = ?6 \
                  WHERE subscription = ?1 AND kind = ?2 AND id = ?3 AND revision = ?6 - 1";
    let (mut add, mut change) = (c.prepare_cached(add)?, c.prepare_cached(change)?);
    for one in entries {
        let statement = if one.revision == 1 { &mut add } else { &mut change };
        let (id, name) = (&one.target.target, one.name.as_deref());
        let kind = assignment_kind_number(one.target.kind);
        if statement.execute(params![subscription, kind, id, name, search_text(id, name), one.revision])? != 1 {
            return Ok(Step::Undo(Update::Stale));
        }
    }
    Ok(Step::Keep(Update::Applied))
}

pub(super) fn delete(c: &Connection, subscription: &str, target: &AssignmentRecord, expected: u64) -> Result<Removal> {
    if !assigned(c, subscription, target)?.is_empty() {
        return Ok(Removal::InUse);
    }
    let sql = "DELETE FROM directory WHERE subscription = ? AND kind = ? AND id = ? AND revision = ?";
    let gone = c.prepare_cached(sql)?.execute(params![
        subscription,
        assignment_kind_number(target.kind),
        target.target,
        expected
    ])?;
    Ok(if gone == 1 { Removal::Removed } else { Removal::Stale })
}

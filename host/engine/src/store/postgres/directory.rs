//! The directory.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::rows::{INSTANCE, to_instance};
use super::session::Session;
use super::values::{get, values};
use super::{PostgresStore, Step};
use crate::store::columns::{assignment_kind_number, search_text, to_assignment_kind};
use crate::store::*;

#[async_trait]
impl DirectoryStore for PostgresStore {
    async fn directory(
        &self,
        subscription: &str,
        kind: Option<AssignmentKind>,
        search: &str,
        part: Part<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>> {
        self.read((subscription.to_owned(), search.to_owned(), part), move |c, input| async move {
            list(&c, &input.0, kind, &input.1, &input.2).await
        })
        .await
    }

    async fn directory_entries(
        &self,
        subscription: &str,
        targets: Vec<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>> {
        self.read((subscription.to_owned(), targets), |c, input| async move { entries(&c, &input.0, &input.1).await })
            .await
    }

    async fn instances_assigned(&self, subscription: &str, target: AssignmentRecord) -> Result<Vec<InstanceRecord>> {
        self.read((subscription.to_owned(), target), |c, input| async move { assigned(&c, &input.0, &input.1).await })
            .await
    }

    async fn put_directory(&self, subscription: &str, entries: Vec<DirectoryRecord>) -> Result<Update> {
        self.change((subscription.to_owned(), entries), |c, input| async move { put(&c, &input.0, &input.1).await })
            .await
    }

    async fn delete_directory_entry(
        &self,
        subscription: &str,
        target: AssignmentRecord,
        expected_revision: u64,
    ) -> Result<Removal> {
        self.change((subscription.to_owned(), target), move |c, input| async move {
            delete(&c, &input.0, &input.1, expected_revision).await.map(Step::Keep)
        })
        .await
    }
}

fn to_entry(row: &Row) -> Result<DirectoryRecord> {
    let target = AssignmentRecord { kind: to_assignment_kind(get(row, 0)?), target: get(row, 1)? };
    Ok(DirectoryRecord { target, name: get(row, 2)?, revision: get(row, 3)? })
}

async fn list(
    c: &Session,
    subscription: &str,
    kind: Option<AssignmentKind>,
    text: &str,
    part: &Part<AssignmentRecord>,
) -> Result<Vec<DirectoryRecord>> {
    let sql = "SELECT kind, id, name, revision FROM directory \
               WHERE subscription = $1 AND (kind, id) > ($2, $3) AND kind BETWEEN $4 AND $5 AND strpos(search, $6) > 0 \
               ORDER BY kind, id LIMIT $7";
    let (after, id) = part.after.as_ref().map_or((-1, ""), |one| (assignment_kind_number(one.kind), &*one.target));
    let (first, last) = kind.map_or((0, i64::MAX), |kind| (assignment_kind_number(kind), assignment_kind_number(kind)));
    let values = values![subscription, after, id, first, last, text.to_lowercase(), part.limit];
    c.rows(sql, values).await?.iter().map(to_entry).collect()
}

async fn entries(c: &Session, subscription: &str, targets: &[AssignmentRecord]) -> Result<Vec<DirectoryRecord>> {
    let sql = "SELECT d.kind, d.id, d.name, d.revision FROM unnest($2, $3) WITH ORDINALITY AS t (kind, id, place) \
               JOIN directory d ON d.subscription = $1 AND d.kind = t.kind AND d.id = t.id ORDER BY t.place";
    let kinds: Vec<_> = targets.iter().map(|one| assignment_kind_number(one.kind)).collect();
    let ids: Vec<&str> = targets.iter().map(|one| &*one.target).collect();
    c.rows(sql, values![subscription, kinds, ids]).await?.iter().map(to_entry).collect()
}

async fn assigned(c: &Session, subscription: &str, target: &AssignmentRecord) -> Result<Vec<InstanceRecord>> {
    let sql = format!(
        "SELECT {INSTANCE} FROM assignments a JOIN instances i ON i.id = a.instance \
         WHERE a.kind = $1 AND a.target = $2 AND i.subscription = $3 ORDER BY i.name, i.id"
    );
    let values = values![assignment_kind_number(target.kind), &target.target, subscription];
    c.rows(&sql, values).await?.iter().map(to_instance).collect()
}

pub(super) async fn put(c: &Session, subscription: &str, entries: &[DirectoryRecord]) -> Result<Step<Update>> {
    let add = "INSERT INTO directory (subscription, kind, id, name, search, revision) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT DO NOTHING";
    let change = "UPDATE directory SET name = $4, search = $5, revision = $6 \
                  WHERE subscription = $1 AND kind = $2 AND id = $3 AND revision = $6 - 1";
    for one in entries {
        let sql = if one.revision == 1 { add } else { change };
        let (id, kind) = (&one.target.target, assignment_kind_number(one.target.kind));
        let search = search_text(id, one.name.as_deref());
        if c.execute(sql, values![subscription, kind, id, &one.name, search, one.revision]).await? != 1 {
            return Ok(Step::Undo(Update::Stale));
        }
    }
    Ok(Step::Keep(Update::Applied))
}

async fn delete(c: &Session, subscription: &str, target: &AssignmentRecord, expected: u64) -> Result<Removal> {
    if !assigned(c, subscription, target).await?.is_empty() {
        return Ok(Removal::InUse);
    }
    let sql = "DELETE FROM directory WHERE subscription = $1 AND kind = $2 AND id = $3 AND revision = $4";
    let gone =
        c.execute(sql, values![subscription, assignment_kind_number(target.kind), &target.target, expected]).await?;
    Ok(if gone == 1 { Removal::Removed } else { Removal::Stale })
}

//! Instances, their assignments, and base service settings.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::rows::{INSTANCE, INSTANCE_COLUMNS, texts, to_instance};
use super::session::Session;
use super::values::{get, ms, values};
use super::{PostgresStore, Step, factors};
use crate::store::columns::{assignment_kind_number, search_text, to_assignment_kind};
use crate::store::*;

#[async_trait]
impl InstanceStore for PostgresStore {
    async fn insert_instance(&self, instance: InstanceRecord, most: u32) -> Result<InstanceInserted> {
        self.change(instance, move |c, new| async move {
            insert_instance(&c, &new).await?;
            Ok(match count(&c, &new.subscription).await? > i64::from(most) {
                true => Step::Undo(InstanceInserted::TooMany),
                false => Step::Keep(InstanceInserted::Inserted),
            })
        })
        .await
    }

    async fn instance(&self, id: &str) -> Result<Option<InstanceRecord>> {
        self.read(id.to_owned(), |c, id| async move { instance(&c, &id).await }).await
    }

    async fn existing_instances(&self, among: Vec<String>) -> Result<Vec<String>> {
        self.read(among, |c, among| async move { existing(&c, &among).await }).await
    }

    async fn instances(&self, subscription: &str, part: Part<(Timestamp, String)>) -> Result<Vec<InstanceRecord>> {
        self.read((subscription.to_owned(), part), |c, of| async move { instances(&c, &of.0, &of.1).await }).await
    }

    async fn update_instance(&self, instance: InstanceRecord, expected_revision: u64) -> Result<Update> {
        self.write(instance, move |c, new| async move { update_instance(&c, &new, expected_revision).await }).await
    }

    async fn delete_instance(&self, id: &str, expected_revision: u64, now: Timestamp) -> Result<Update> {
        self.change_at(now, id.to_owned(), move |c, id| async move {
            delete_instance(&c, &id, expected_revision, now).await.map(Step::Keep)
        })
        .await
    }

    async fn assignments(&self, instance: &str) -> Result<AssignmentsRecord> {
        self.read(instance.to_owned(), |c, id| async move { assignments(&c, &id).await }).await
    }

    async fn set_assignments(
        &self,
        instance: &str,
        assignments: Vec<AssignmentRecord>,
        expected_revision: u64,
    ) -> Result<Update> {
        self.change((instance.to_owned(), assignments), move |c, input| async move {
            set_assignments(&c, &input.0, &input.1, expected_revision).await.map(Step::Keep)
        })
        .await
    }

    async fn assigned(
        &self,
        subscription: &str,
        targets: Targets<'_>,
    ) -> Result<Vec<(InstanceRecord, Option<BaseSettingsRecord>)>> {
        let targets = [
            (AssignmentKind::User, targets.user),
            (AssignmentKind::ClientApplication, targets.client_application),
            (AssignmentKind::Idp, targets.idp),
            (AssignmentKind::Tenant, targets.tenant),
        ];
        let targets: Vec<_> =
            targets.into_iter().filter_map(|(kind, target)| Some((kind, target?.to_owned()))).collect();
        self.read((subscription.to_owned(), targets), |c, input| async move { assigned(&c, &input.0, &input.1).await })
            .await
    }

    async fn base_settings(&self, type_id: &str) -> Result<Option<BaseSettingsRecord>> {
        self.read(type_id.to_owned(), |c, type_id| async move { base_settings(&c, &type_id).await }).await
    }

    async fn set_base_settings(&self, type_id: &str, settings: BaseSettingsRecord) -> Result<Update> {
        self.write(
            (type_id.to_owned(), settings),
            |c, input| async move { set_base_settings(&c, &input.0, &input.1).await },
        )
        .await
    }
}

pub(super) async fn insert_instance(c: &Session, i: &InstanceRecord) -> Result<()> {
    let sql = "INSERT INTO instances (id, subscription, type_id, name, active, options, policy, revision, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let values = values![
        &i.id,
        &i.subscription,
        &i.type_id,
        &i.name,
        i.active,
        &i.options,
        &i.policy,
        i.revision,
        i.created_at,
        i.updated_at
    ];
    c.execute(sql, values).await?;
    Ok(())
}

/// Returns how many instances a subscription has.
pub(super) async fn count(c: &Session, subscription: &str) -> Result<i64> {
    let sql = "SELECT count(*) FROM instances WHERE subscription = $1";
    get(&c.only_row(sql, values![subscription]).await?, 0)
}

async fn existing(c: &Session, among: &[String]) -> Result<Vec<String>> {
    let sql = "SELECT id FROM instances WHERE id = ANY ($1)";
    c.rows(sql, values![texts(among)]).await?.iter().map(|row| get::<String>(row, 0)).collect()
}

async fn instance(c: &Session, id: &str) -> Result<Option<InstanceRecord>> {
    let sql = format!("SELECT {INSTANCE} FROM instances i WHERE i.id = $1");
    c.row(&sql, values![id]).await?.as_ref().map(to_instance).transpose()
}

async fn instances(c: &Session, subscription: &str, part: &Part<(Timestamp, String)>) -> Result<Vec<InstanceRecord>> {
    let (at, id) = part.after.as_ref().map_or((i64::MIN, ""), |(at, id)| (ms(*at), id));
    let sql = format!(
        "SELECT {INSTANCE} FROM instances i WHERE i.subscription = $1 AND (i.created_at, i.id) > ($2, $3) \
         ORDER BY i.created_at, i.id LIMIT $4"
    );
    c.rows(&sql, values![subscription, at, id, part.limit]).await?.iter().map(to_instance).collect()
}

pub(super) async fn update_instance(c: &Session, i: &InstanceRecord, expected: u64) -> Result<Update> {
    let sql = "UPDATE instances SET name = $1, active = $2, options = $3, policy = $4, revision = $5, updated_at = $6 \
               WHERE id = $7 AND revision = $8";
    let values = values![&i.name, i.active, &i.options, &i.policy, i.revision, i.updated_at, &i.id, expected];
    Ok(Update::from_rows(c.execute(sql, values).await? as usize))
}

pub(super) async fn delete_instance(c: &Session, id: &str, expected: u64, now: Timestamp) -> Result<Update> {
    let sql = "DELETE FROM instances WHERE id = $1 AND revision = $2";
    let deleted = Update::from_rows(c.execute(sql, values![id, expected]).await? as usize);
    if deleted.is_applied() {
        // Its id may be that of another instance one day.
        factors::end_all_of(c, id, now).await?;
    }
    Ok(deleted)
}

/// In one statement: each sees what was committed when it began.
async fn assignments(c: &Session, instance: &str) -> Result<AssignmentsRecord> {
    let sql = "SELECT i.assignments_revision, a.kind, a.target, d.name FROM instances i LEFT JOIN assignments a ON a.instance = i.id \
               LEFT JOIN directory d ON d.subscription = i.subscription AND d.kind = a.kind AND d.id = a.target \
               WHERE i.id = $1 ORDER BY a.kind, a.target";
    let mut record = AssignmentsRecord::default();
    for row in c.rows(sql, values![instance]).await? {
        record.revision = get(&row, 0)?;
        if let Some(kind) = get(&row, 1)? {
            let target = AssignmentRecord { kind: to_assignment_kind(kind), target: get(&row, 2)? };
            record.targets.push((target, get(&row, 3)?));
        }
    }
    Ok(record)
}

pub(super) async fn set_assignments(
    c: &Session,
    instance: &str,
    assignments: &[AssignmentRecord],
    expected: u64,
) -> Result<Update> {
    let sql = "UPDATE instances SET assignments_revision = $2 + 1 WHERE id = $1 AND assignments_revision = $2";
    if c.execute(sql, values![instance, expected]).await? != 1 {
        return Ok(Update::Stale);
    }
    c.execute("DELETE FROM assignments WHERE instance = $1", values![instance]).await?;
    let kinds = || assignments.iter().map(|one| assignment_kind_number(one.kind)).collect::<Vec<_>>();
    let targets = || assignments.iter().map(|one| &*one.target).collect::<Vec<_>>();
    let sql = "INSERT INTO assignments (instance, kind, target) SELECT $1, t.kind, t.target FROM unnest($2, $3) AS t (kind, target)";
    c.execute(sql, values![instance, kinds(), targets()]).await?;
    let searches: Vec<_> = assignments.iter().map(|one| search_text(&one.target, None)).collect();
    let searches: Vec<&str> = searches.iter().map(String::as_str).collect();
    let sql = "INSERT INTO directory (subscription, kind, id, name, search, revision) \
               SELECT i.subscription, t.kind, t.target, NULL, t.search, 1 \
               FROM instances i, unnest($2, $3, $4) AS t (kind, target, search) WHERE i.id = $1 ON CONFLICT DO NOTHING";
    c.execute(sql, values![instance, kinds(), targets(), searches]).await?;
    Ok(Update::Applied)
}

/// `targets` are in order, the most specific first, and so are the results.
async fn assigned(
    c: &Session,
    subscription: &str,
    targets: &[(AssignmentKind, String)],
) -> Result<Vec<(InstanceRecord, Option<BaseSettingsRecord>)>> {
    let sql = format!(
        "SELECT {INSTANCE}, b.options, b.revision FROM ( \
         SELECT a.instance, min(t.place) AS place FROM unnest($2, $3) WITH ORDINALITY AS t (kind, target, place) \
         JOIN assignments a ON a.kind = t.kind AND a.target = t.target GROUP BY a.instance) AS f \
         JOIN instances i ON i.id = f.instance LEFT JOIN base_settings b ON b.type_id = i.type_id \
         WHERE i.subscription = $1 ORDER BY f.place, i.name, i.id"
    );
    let kinds: Vec<_> = targets.iter().map(|(kind, _)| assignment_kind_number(*kind)).collect();
    let names: Vec<&str> = targets.iter().map(|(_, target)| &**target).collect();
    let pair = |row: &Row| {
        let options: Option<serde_json::Value> = get(row, INSTANCE_COLUMNS)?;
        let base = match options {
            Some(options) => Some(BaseSettingsRecord { options, revision: get(row, INSTANCE_COLUMNS + 1)? }),
            None => None,
        };
        Ok((to_instance(row)?, base))
    };
    c.rows(&sql, values![subscription, kinds, names]).await?.iter().map(pair).collect()
}

async fn base_settings(c: &Session, type_id: &str) -> Result<Option<BaseSettingsRecord>> {
    let row = c.row("SELECT options, revision FROM base_settings WHERE type_id = $1", values![type_id]).await?;
    let record = |row: &Row| Ok(BaseSettingsRecord { options: get(row, 0)?, revision: get(row, 1)? });
    row.as_ref().map(record).transpose()
}

pub(super) async fn set_base_settings(c: &Session, type_id: &str, settings: &BaseSettingsRecord) -> Result<Update> {
    let sql = if settings.revision == 1 {
        "INSERT INTO base_settings (type_id, options, revision) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE base_settings SET options = $2, revision = $3 WHERE type_id = $1 AND revision = $3 - 1"
    };
    let changed = c.execute(sql, values![type_id, &settings.options, settings.revision]).await?;
    Ok(Update::from_rows(changed as usize))
}

//! Factors that users hold, and their enrolments.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::clock::SKEW_MS;
use super::idempotency::claim;
use super::limits::charge_all;
use super::rows::{ms, time};
use super::threads::Step;
use super::{passes, user_changes};
use crate::store::columns::{ACTIVE, ENDED, ENDED_SHOWN, status_number, to_status};
use crate::store::*;

#[async_trait]
impl FactorStore for SqliteStore {
    async fn begin_enrolment(&self, request: BeginEnrolment) -> Result<EnrolmentBegun> {
        self.threads.write_step_at(request.enrolment.created_at, move |c| begin(c, &request)).await
    }

    async fn enrolment(&self, subscription: &str, id: &str) -> Result<Option<EnrolmentRecord>> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.read(move |c| enrolment(c, &subscription, &id)).await
    }

    async fn charge_enrolment(&self, attempt: EnrolmentAttempt) -> Result<EnrolmentCharged> {
        self.threads.write_step_at(attempt.now, move |c| charge(c, &attempt, Take::Count)).await
    }

    async fn take_enrolment(&self, attempt: EnrolmentAttempt) -> Result<EnrolmentCharged> {
        self.threads.write_step_at(attempt.now, move |c| charge(c, &attempt, Take::UseUp)).await
    }

    async fn release_enrolment(&self, subscription: &str, id: &str) -> Result<()> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.write(move |c| release_enrolment(c, &subscription, &id)).await
    }

    async fn add_factor(&self, request: AddFactor) -> Result<FactorAdded> {
        self.threads.write_step_at(request.now, move |c| add(c, &request)).await
    }

    async fn import_factors(&self, request: ImportFactors) -> Result<Vec<(usize, FactorAdded)>> {
        self.threads.write_step_at(request.now, move |c| import(c, request)).await
    }

    async fn factors(&self, user: BucketKey, ended: bool) -> Result<Vec<FactorRecord>> {
        self.threads.read(move |c| factors(c, &user, ended)).await
    }

    async fn factor(&self, subscription: &str, id: &str) -> Result<Option<FactorRecord>> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.read(move |c| factor(c, &subscription, &id)).await
    }

    async fn factor_by_unique_id(&self, unique_id: UniqueIdHash) -> Result<Option<FactorRecord>> {
        self.threads.read(move |c| by_unique_id(c, &unique_id)).await
    }

    async fn has_unique_ids(&self, subscription: &str) -> Result<bool> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| has_unique_ids(c, &subscription)).await
    }

    async fn set_factor_details(&self, subscription: &str, id: &str, details: Vec<u8>) -> Result<bool> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.write(move |c| set_details(c, &subscription, &id, &details)).await
    }

    async fn set_factor_status(
        &self,
        subscription: &str,
        id: &str,
        from: FactorStatus,
        to: FactorStatus,
    ) -> Result<bool> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.write(move |c| set_status(c, (&subscription, &id), from, to)).await
    }

    async fn end_factors(
        &self,
        user: BucketKey,
        selection: FactorSelection<'_>,
        changes: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Vec<FactorRecord>>> {
        let one = match selection {
            FactorSelection::One(id) => Some(id.to_owned()),
            FactorSelection::All => None,
        };
        let end_unchanged = move |c: &Connection| match changes {
            Some(changes) if user_changes::count(c, &user)? != changes => Ok(None),
            _ => end(c, &user, one.as_deref(), now).map(Some),
        };
        self.threads.write_at(now, end_unchanged).await
    }

    async fn cancel_enrolments(&self, user: BucketKey) -> Result<()> {
        self.threads.write(move |c| user_changes::cancel_enrolments(c, &user).map(drop)).await
    }

    async fn user_handle(&self, key: BucketKey) -> Result<Option<Vec<u8>>> {
        self.threads.read(move |c| handle(c, &key)).await
    }

    async fn add_user_handle(&self, key: BucketKey, sealed: Vec<u8>) -> Result<Vec<u8>> {
        match self.user_handle(key).await? {
            Some(stored) => Ok(stored),
            None => self.threads.write(move |c| add_handle(c, &key, &sealed)).await,
        }
    }
}

const FACTOR: &str = "id, subscription, user, instance, type_id, unique_id, status, fallback, details, state, revision, created_at, \
                      last_used_at, ended_at";

const ENROLMENT: &str = "id, subscription, user, instance, sealed, attempts, max_attempts, created_at, expires_at";

/// What counting an answer does with the enrolment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    Count,
    UseUp,
}

/// Returns the condition of an open enrolment, apart from its attempts.
fn is_current() -> String {
    format!("id = ?1 AND subscription = ?2 AND expires_at > ?3 AND created_at <= ?3 + {SKEW_MS}")
}

pub(super) fn begin(c: &Connection, request: &BeginEnrolment) -> Result<Step<EnrolmentBegun>> {
    let BeginEnrolment { enrolment: new, charges, idempotency, pass } = request;
    if let Some(idempotency) = idempotency
        && let Some(known) = claim(c, idempotency, new.created_at)?
    {
        return Ok(Step::Undo(EnrolmentBegun::Repeated(known)));
    }
    if let Some(limited) = charge_all(c, charges, new.created_at)? {
        return Ok(Step::Undo(EnrolmentBegun::Limited(limited)));
    }
    if let Some(id) = pass
        && !passes::is_in_use(c, &new.user, id, new.created_at)?
    {
        return Ok(Step::Undo(EnrolmentBegun::PassEnded));
    }
    let sql = "DELETE FROM enrolments WHERE user = ? AND instance = ?";
    c.prepare_cached(sql)?.execute(params![new.user, new.instance])?;
    let sql = format!("INSERT INTO enrolments ({ENROLMENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    c.prepare_cached(&sql)?.execute(params![
        new.id,
        new.subscription,
        new.user,
        new.instance,
        new.sealed,
        new.attempts,
        new.max_attempts,
        ms(new.created_at),
        ms(new.expires_at)
    ])?;
    Ok(Step::Keep(EnrolmentBegun::Begun))
}

pub(super) fn enrolment(c: &Connection, subscription: &str, id: &str) -> Result<Option<EnrolmentRecord>> {
    let sql = format!("SELECT {ENROLMENT} FROM enrolments WHERE id = ? AND subscription = ?");
    Ok(c.prepare_cached(&sql)?.query_row([id, subscription], to_enrolment).optional()?)
}

pub(super) fn charge(c: &Connection, attempt: &EnrolmentAttempt, take: Take) -> Result<Step<EnrolmentCharged>> {
    // Limits first: guesses at unknown enrolments count too.
    if let Some(limited) = charge_all(c, &attempt.charges, attempt.now)? {
        return Ok(Step::Undo(EnrolmentCharged::Limited(limited)));
    }
    let current = is_current();
    let attempts = match take {
        Take::Count => "attempts + 1",
        Take::UseUp => "max_attempts",
    };
    let sql = format!(
        "UPDATE enrolments SET attempts = {attempts} WHERE {current} AND attempts < max_attempts RETURNING {ENROLMENT}"
    );
    let values = params![attempt.id, attempt.subscription, ms(attempt.now)];
    let found = c.prepare_cached(&sql)?.query_row(values, to_enrolment).optional()?;
    Ok(Step::Keep(found.map_or(EnrolmentCharged::Closed, EnrolmentCharged::Verify)))
}

pub(super) fn release_enrolment(c: &Connection, subscription: &str, id: &str) -> Result<()> {
    let sql = "UPDATE enrolments SET attempts = max(attempts - 1, 0) WHERE id = ? AND subscription = ?";
    c.prepare_cached(sql)?.execute([id, subscription])?;
    Ok(())
}

pub(super) fn add(c: &Connection, request: &AddFactor) -> Result<Step<FactorAdded>> {
    let AddFactor { factor: new, enrolment, changes, replaces_earlier, max_per_user, now } = request;
    if let Some(changes) = changes
        && user_changes::count(c, &new.user)? != *changes
    {
        return Ok(Step::Undo(FactorAdded::Closed));
    }
    if let Some(id) = enrolment {
        let sql = format!("DELETE FROM enrolments WHERE {} AND user = ?4 AND instance = ?5", is_current());
        let values = params![id, new.subscription, ms(*now), new.user, new.instance];
        if c.prepare_cached(&sql)?.execute(values)? != 1 {
            return Ok(Step::Undo(FactorAdded::Closed));
        }
    }
    let held = factors(c, &new.user, false)?;
    let is_main = |held: &FactorRecord| !held.fallback && held.status == FactorStatus::Active;
    if new.fallback && !held.iter().any(is_main) {
        return Ok(Step::Undo(FactorAdded::NeedsAnother));
    }
    let mut replaced: Vec<String> =
        held.into_iter().filter(|held| held.instance == new.instance).map(|held| held.id).collect();
    if *replaces_earlier {
        for id in &replaced {
            end_one(c, id, *now)?;
        }
    } else {
        if replaced.len() >= usize::try_from(*max_per_user).unwrap_or(usize::MAX) {
            return Ok(Step::Undo(FactorAdded::TooMany));
        }
        replaced.clear();
    }
    let sql = format!(
        "INSERT INTO factors ({FACTOR}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (unique_id) DO NOTHING"
    );
    let added = c.prepare_cached(&sql)?.execute(params![
        new.id,
        new.subscription,
        new.user,
        new.instance,
        new.type_id,
        new.unique_id,
        status_number(new.status),
        new.fallback,
        new.details,
        new.state,
        new.revision,
        ms(new.created_at),
        new.last_used_at.map(ms),
        new.ended_at.map(ms)
    ])?;
    if added != 1 {
        return Ok(Step::Undo(FactorAdded::Duplicate));
    }
    user_changes::changed(c, &new.user)?;
    Ok(Step::Keep(FactorAdded::Added(replaced)))
}

pub(super) fn import(c: &Connection, request: ImportFactors) -> Result<Step<Vec<(usize, FactorAdded)>>> {
    let ImportFactors { factors, max_per_user, dry_run, now } = request;
    let mut refused = Vec::new();
    for (index, factor) in factors.into_iter().enumerate() {
        let is_known = c.prepare_cached("SELECT 1 FROM factors WHERE id = ?")?.exists([&factor.id])?;
        let outcome = if is_known {
            Step::Undo(FactorAdded::Duplicate)
        } else {
            add(c, &AddFactor { factor, enrolment: None, changes: None, replaces_earlier: false, max_per_user, now })?
        };
        // What is refused has changed nothing.
        if let Step::Undo(outcome) = outcome {
            refused.push((index, outcome));
        }
    }
    Ok(if dry_run || !refused.is_empty() { Step::Undo(refused) } else { Step::Keep(refused) })
}

pub(super) fn factors(c: &Connection, user: &BucketKey, ended: bool) -> Result<Vec<FactorRecord>> {
    let sql = format!("SELECT {FACTOR} FROM factors WHERE user = ? AND status < {ENDED} ORDER BY created_at, id");
    let mut found: Vec<FactorRecord> =
        c.prepare_cached(&sql)?.query_map([user], to_factor)?.collect::<rusqlite::Result<_>>()?;
    if ended {
        let sql = format!(
            "SELECT {FACTOR} FROM factors WHERE user = ? AND status = {ENDED} ORDER BY created_at DESC, id DESC LIMIT {ENDED_SHOWN}"
        );
        let mut statement = c.prepare_cached(&sql)?;
        for row in statement.query_map([user], to_factor)? {
            found.push(row?);
        }
        found.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    }
    Ok(found)
}

pub(super) fn factor(c: &Connection, subscription: &str, id: &str) -> Result<Option<FactorRecord>> {
    let sql = format!("SELECT {FACTOR} FROM factors WHERE id = ? AND subscription = ?");
    Ok(c.prepare_cached(&sql)?.query_row([id, subscription], to_factor).optional()?)
}

pub(super) fn has_unique_ids(c: &Connection, subscription: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM factors WHERE subscription = ? AND unique_id IS NOT NULL LIMIT 1";
    Ok(c.prepare_cached(sql)?.exists([subscription])?)
}

pub(super) fn by_unique_id(c: &Connection, unique_id: &UniqueIdHash) -> Result<Option<FactorRecord>> {
    let sql = format!("SELECT {FACTOR} FROM factors WHERE unique_id = ?");
    Ok(c.prepare_cached(&sql)?.query_row([unique_id], to_factor).optional()?)
}

pub(super) fn set_details(c: &Connection, subscription: &str, id: &str, details: &[u8]) -> Result<bool> {
    let sql = format!("UPDATE factors SET details = ? WHERE id = ? AND subscription = ? AND status < {ENDED}");
    Ok(c.prepare_cached(&sql)?.execute(params![details, id, subscription])? == 1)
}

/// A use that was verified before the change is refused after it: the revision is another one.
pub(super) fn set_status(
    c: &Connection,
    (subscription, id): (&str, &str),
    from: FactorStatus,
    to: FactorStatus,
) -> Result<bool> {
    if from == FactorStatus::Ended || to == FactorStatus::Ended {
        return Ok(false);
    }
    let sql = "UPDATE factors SET status = ?, revision = revision + 1 WHERE id = ? AND subscription = ? AND status = ? \
               RETURNING user";
    let values = params![status_number(to), id, subscription, status_number(from)];
    let user: Option<BucketKey> = c.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    if let Some(user) = &user {
        user_changes::changed(c, user)?;
    }
    Ok(user.is_some())
}

/// Stores the new state of a factor that was used. Returns false if the factor has changed since it was read.
pub(super) fn use_factor(c: &Connection, subscription: &str, used: &FactorUse, now: Timestamp) -> Result<bool> {
    let sql = format!(
        "UPDATE factors SET state = ?, revision = revision + 1, last_used_at = ? \
         WHERE id = ? AND subscription = ? AND revision = ? AND status = {ACTIVE}"
    );
    let values = params![used.state, ms(now), used.factor, subscription, used.revision];
    Ok(c.prepare_cached(&sql)?.execute(values)? == 1)
}

pub(super) fn end(c: &Connection, user: &BucketKey, one: Option<&str>, now: Timestamp) -> Result<Vec<FactorRecord>> {
    let (mut ending, mut staying): (Vec<_>, Vec<_>) =
        factors(c, user, false)?.into_iter().partition(|held| one.is_none_or(|id| id == held.id));
    if !ending.is_empty() && staying.iter().all(|held| held.fallback) {
        ending.append(&mut staying);
    }
    for one in &mut ending {
        end_one(c, &one.id, now)?;
        one.status = FactorStatus::Ended;
        one.ended_at = Some(now);
    }
    if !ending.is_empty() {
        user_changes::changed(c, user)?;
    }
    Ok(ending)
}

/// Ends all factors of an instance, and its open enrolments.
pub(super) fn end_all_of(c: &Connection, instance: &str, now: Timestamp) -> Result<()> {
    let sql = format!("SELECT id, user FROM factors WHERE instance = ? AND status < {ENDED}");
    let ending: Vec<(String, BucketKey)> = c
        .prepare_cached(&sql)?
        .query_map([instance], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, user) in ending {
        end(c, &user, Some(&id), now)?;
    }
    c.prepare_cached("DELETE FROM enrolments WHERE instance = ?")?.execute([instance])?;
    Ok(())
}

fn end_one(c: &Connection, id: &str, now: Timestamp) -> Result<()> {
    let sql = format!(
        "UPDATE factors SET status = {ENDED}, state = x'', unique_id = NULL, revision = revision + 1, ended_at = ? WHERE id = ?"
    );
    c.prepare_cached(&sql)?.execute(params![ms(now), id])?;
    Ok(())
}

/// Removes whatever is open at `now`.
pub(super) fn cancel_all(c: &Connection, now: Timestamp) -> Result<usize> {
    Ok(c.prepare_cached("DELETE FROM enrolments WHERE expires_at > ?")?.execute([ms(now)])?)
}

pub(super) fn handle(c: &Connection, key: &BucketKey) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT sealed FROM user_handles WHERE key = ?";
    Ok(c.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()?)
}

pub(super) fn add_handle(c: &Connection, key: &BucketKey, sealed: &[u8]) -> Result<Vec<u8>> {
    let sql = "INSERT INTO user_handles (key, sealed) VALUES (?, ?) ON CONFLICT (key) DO NOTHING";
    c.prepare_cached(sql)?.execute(params![key, sealed])?;
    Ok(c.prepare_cached("SELECT sealed FROM user_handles WHERE key = ?")?.query_row([key], |row| row.get(0))?)
}

fn to_factor(row: &Row<'_>) -> rusqlite::Result<FactorRecord> {
    Ok(FactorRecord {
        id: row.get(0)?,
        subscription: row.get(1)?,
        user: row.get(2)?,
        instance: row.get(3)?,
        type_id: row.get(4)?,
        unique_id: row.get(5)?,
        status: to_status(row.get(6)?),
        fallback: row.get(7)?,
        details: row.get(8)?,
        state: row.get(9)?,
        revision: row.get(10)?,
        created_at: time(row.get(11)?),
        last_used_at: row.get::<_, Option<i64>>(12)?.map(time),
        ended_at: row.get::<_, Option<i64>>(13)?.map(time),
    })
}

fn to_enrolment(row: &Row<'_>) -> rusqlite::Result<EnrolmentRecord> {
    Ok(EnrolmentRecord {
        id: row.get(0)?,
        subscription: row.get(1)?,
        user: row.get(2)?,
        instance: row.get(3)?,
        sealed: row.get(4)?,
        attempts: row.get(5)?,
        max_attempts: row.get(6)?,
        created_at: time(row.get(7)?),
        expires_at: time(row.get(8)?),
    })
}

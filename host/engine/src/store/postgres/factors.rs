//! Factors that users hold, and their enrolments. Changes of several rows of a user lock the user's guard: see [`super::begin_for`].

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::idempotency;
use super::limits::charge;
use super::session::Session;
use super::values::{SKEW_MS, get, values};
use super::{BEGIN_UNGUARDED, PostgresStore, Step, begin_for};
use super::{passes, user_changes};
use crate::store::columns::{ENDED, ENDED_SHOWN, status_number, to_status};
use crate::store::*;

#[async_trait]
impl FactorStore for PostgresStore {
    async fn begin_enrolment(&self, request: BeginEnrolment) -> Result<EnrolmentBegun> {
        self.record_time(request.enrolment.created_at).await?;
        let begin_transaction = begin_for(&request.enrolment.user);
        self.transaction(begin_transaction, request, |c, request| async move { begin(&c, &request).await }).await
    }

    async fn enrolment(&self, subscription: &str, id: &str) -> Result<Option<EnrolmentRecord>> {
        self.read((subscription.to_owned(), id.to_owned()), |c, of| async move {
            let sql = format!("SELECT {ENROLMENT} FROM enrolments WHERE id = $1 AND subscription = $2");
            c.row(&sql, values![&of.1, &of.0]).await?.as_ref().map(to_enrolment).transpose()
        })
        .await
    }

    async fn charge_enrolment(&self, attempt: EnrolmentAttempt) -> Result<EnrolmentCharged> {
        self.record_time(attempt.now).await?;
        self.transaction(BEGIN_UNGUARDED.to_owned(), attempt, |c, attempt| async move {
            charge_enrolment(&c, &attempt, Take::Count).await
        })
        .await
    }

    async fn take_enrolment(&self, attempt: EnrolmentAttempt) -> Result<EnrolmentCharged> {
        self.record_time(attempt.now).await?;
        self.transaction(BEGIN_UNGUARDED.to_owned(), attempt, |c, attempt| async move {
            charge_enrolment(&c, &attempt, Take::UseUp).await
        })
        .await
    }

    async fn release_enrolment(&self, subscription: &str, id: &str) -> Result<()> {
        self.write((subscription.to_owned(), id.to_owned()), |c, of| async move {
            let sql = "UPDATE enrolments SET attempts = greatest(attempts - 1, 0) WHERE id = $1 AND subscription = $2";
            c.execute(sql, values![&of.1, &of.0]).await?;
            Ok(())
        })
        .await
    }

    async fn add_factor(&self, request: AddFactor) -> Result<FactorAdded> {
        self.record_time(request.now).await?;
        let begin = begin_for(&request.factor.user);
        self.transaction(begin, request, |c, request| async move { add(&c, &request).await }).await
    }

    async fn import_factors(&self, request: ImportFactors) -> Result<Vec<(usize, FactorAdded)>> {
        self.record_time(request.now).await?;
        let begin = BEGIN_UNGUARDED.to_owned();
        self.transaction(begin, request, |c, request| async move { import(&c, &request).await }).await
    }

    async fn factors(&self, user: BucketKey, ended: bool) -> Result<Vec<FactorRecord>> {
        self.read(user, move |c, user| async move { factors(&c, &user, ended).await }).await
    }

    async fn factor(&self, subscription: &str, id: &str) -> Result<Option<FactorRecord>> {
        self.read((subscription.to_owned(), id.to_owned()), |c, of| async move {
            let sql = format!("SELECT {FACTOR} FROM factors WHERE id = $1 AND subscription = $2");
            c.row(&sql, values![&of.1, &of.0]).await?.as_ref().map(to_factor).transpose()
        })
        .await
    }

    async fn factor_by_unique_id(&self, unique_id: UniqueIdHash) -> Result<Option<FactorRecord>> {
        self.read(unique_id, |c, unique_id| async move {
            let sql = format!("SELECT {FACTOR} FROM factors WHERE unique_id = $1");
            c.row(&sql, values![&*unique_id]).await?.as_ref().map(to_factor).transpose()
        })
        .await
    }

    async fn has_unique_ids(&self, subscription: &str) -> Result<bool> {
        self.read(subscription.to_owned(), |c, subscription| async move {
            let sql = "SELECT EXISTS (SELECT 1 FROM factors WHERE subscription = $1 AND unique_id IS NOT NULL)";
            get(&c.only_row(sql, values![subscription.as_str()]).await?, 0)
        })
        .await
    }

    async fn set_factor_details(&self, subscription: &str, id: &str, details: Vec<u8>) -> Result<bool> {
        self.write((subscription.to_owned(), id.to_owned(), details), |c, input| async move {
            let sql =
                format!("UPDATE factors SET details = $1 WHERE id = $2 AND subscription = $3 AND status < {ENDED}");
            Ok(c.execute(&sql, values![&input.2, &input.1, &input.0]).await? == 1)
        })
        .await
    }

    async fn set_factor_status(
        &self,
        subscription: &str,
        id: &str,
        from: FactorStatus,
        to: FactorStatus,
    ) -> Result<bool> {
        if from == FactorStatus::Ended || to == FactorStatus::Ended {
            return Ok(false);
        }
        // A use that was verified before the change is refused after it: the revision has changed.
        let of = (subscription.to_owned(), id.to_owned());
        self.transaction(BEGIN_UNGUARDED.to_owned(), of, move |c, of| async move {
            set_status(&c, &of.0, &of.1, from, to).await
        })
        .await
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
        self.record_time(now).await?;
        self.transaction(begin_for(&user), one, move |c, one| async move {
            if let Some(changes) = changes
                && user_changes::locked_count_of_a_change(&c, &user).await? != changes
            {
                return Ok(Step::Undo(None));
            }
            // Without a factor that ends, the enrolments stay.
            match end(&c, &user, one.as_deref(), now).await? {
                ended if ended.is_empty() => Ok(Step::Undo(Some(ended))),
                ended => Ok(Step::Keep(Some(ended))),
            }
        })
        .await
    }

    async fn cancel_enrolments(&self, user: BucketKey) -> Result<()> {
        self.write(user, |c, user| async move { user_changes::cancel_enrolments(&c, &user).await.map(drop) }).await
    }

    async fn user_handle(&self, key: BucketKey) -> Result<Option<Vec<u8>>> {
        self.read(key, |c, key| async move {
            let sql = "SELECT sealed FROM user_handles WHERE key = $1";
            c.row(sql, values![&*key]).await?.map(|row| get(&row, 0)).transpose()
        })
        .await
    }

    async fn add_user_handle(&self, key: BucketKey, sealed: Vec<u8>) -> Result<Vec<u8>> {
        self.write(sealed, move |c, sealed| async move {
            // Returns the row in any case, whichever process inserted it.
            let sql = "INSERT INTO user_handles AS h (key, sealed) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET sealed = h.sealed \
                       RETURNING sealed";
            get(&c.only_row(sql, values![&key, &*sealed]).await?, 0)
        })
        .await
    }
}

const FACTOR: &str = "id, subscription, owner, instance, type_id, unique_id, status, fallback, details, state, revision, created_at, \
                      last_used_at, ended_at";

const ENROLMENT: &str = "id, subscription, owner, instance, sealed, attempts, max_attempts, created_at, expires_at";

/// How an answer is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    Count,
    UseUp,
}

/// Returns the condition of an open enrolment, apart from its attempts.
fn is_current() -> String {
    format!(
        "id = $1 AND subscription = $2 AND expires_at > tf1_now($3) AND created_at <= tf1_now($3) + {SKEW_MS} AND epoch = tf1_epoch()"
    )
}

async fn begin(c: &Session, request: &BeginEnrolment) -> Result<Step<EnrolmentBegun>> {
    let BeginEnrolment { enrolment: new, charges, idempotency, pass } = request;
    if let Some(claim) = idempotency
        && let Some(known) = idempotency::claim(c, claim, new.created_at, &new.id).await?
    {
        return Ok(Step::Undo(EnrolmentBegun::Repeated(known)));
    }
    if let Some(limited) = charge(c, charges, new.created_at).await? {
        return Ok(Step::Undo(EnrolmentBegun::Limited(limited)));
    }
    if let Some(id) = pass
        && !passes::is_in_use(c, &new.user, id, new.created_at).await?
    {
        return Ok(Step::Undo(EnrolmentBegun::PassEnded));
    }
    let sql = "DELETE FROM enrolments WHERE owner = $1 AND instance = $2";
    c.execute(sql, values![&new.user, &new.instance]).await?;
    let sql = format!(
        "INSERT INTO enrolments ({ENROLMENT}, epoch) VALUES ($1, $2, $3, $4, $5, $6, $7, tf1_now($8), $9 + tf1_now($8) - $8, tf1_epoch())"
    );
    let values = values![
        &new.id,
        &new.subscription,
        &new.user,
        &new.instance,
        &new.sealed,
        new.attempts,
        new.max_attempts,
        new.created_at,
        new.expires_at
    ];
    c.execute(&sql, values).await?;
    Ok(Step::Keep(EnrolmentBegun::Begun))
}

async fn charge_enrolment(c: &Session, attempt: &EnrolmentAttempt, take: Take) -> Result<Step<EnrolmentCharged>> {
    // Limits first: guesses at unknown enrolments count too.
    if let Some(limited) = charge(c, &attempt.charges, attempt.now).await? {
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
    let row = c.row(&sql, values![&attempt.id, &attempt.subscription, attempt.now]).await?;
    let found = row.as_ref().map(to_enrolment).transpose()?;
    Ok(Step::Keep(found.map_or(EnrolmentCharged::Closed, EnrolmentCharged::Verify)))
}

async fn add(c: &Session, request: &AddFactor) -> Result<Step<FactorAdded>> {
    let AddFactor { factor: new, enrolment, changes, replaces_earlier, max_per_user, now } = request;
    if let Some(id) = enrolment {
        let sql = format!("DELETE FROM enrolments WHERE {} AND owner = $4 AND instance = $5", is_current());
        if c.execute(&sql, values![id, &new.subscription, *now, &new.user, &new.instance]).await? != 1 {
            return Ok(Step::Undo(FactorAdded::Closed));
        }
    }
    if let Some(changes) = changes
        && user_changes::locked_count(c, &new.user).await? != *changes
    {
        return Ok(Step::Undo(FactorAdded::Closed));
    }
    let held = factors(c, &new.user, false).await?;
    let is_main = |held: &FactorRecord| !held.fallback && held.status == FactorStatus::Active;
    if new.fallback && !held.iter().any(is_main) {
        return Ok(Step::Undo(FactorAdded::NeedsAnother));
    }
    let mut replaced: Vec<String> =
        held.into_iter().filter(|held| held.instance == new.instance).map(|held| held.id).collect();
    if *replaces_earlier {
        for id in &replaced {
            end_one(c, id, *now).await?;
        }
    } else {
        if replaced.len() >= usize::try_from(*max_per_user).unwrap_or(usize::MAX) {
            return Ok(Step::Undo(FactorAdded::TooMany));
        }
        replaced.clear();
    }
    let sql = format!(
        "INSERT INTO factors ({FACTOR}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (unique_id) DO NOTHING"
    );
    let values = values![
        &new.id,
        &new.subscription,
        &new.user,
        &new.instance,
        &new.type_id,
        &new.unique_id,
        status_number(new.status),
        new.fallback,
        &new.details,
        &new.state,
        new.revision,
        new.created_at,
        new.last_used_at,
        new.ended_at
    ];
    let added = c.execute(&sql, values).await?;
    if added != 1 {
        return Ok(Step::Undo(FactorAdded::Duplicate));
    }
    user_changes::changed(c, &new.user).await?;
    Ok(Step::Keep(FactorAdded::Added(replaced)))
}

/// Imports factors, without the locks of their users: there are too many. A user who enrols an app at the same time may get one more than
/// allowed.
async fn import(c: &Session, request: &ImportFactors) -> Result<Step<Vec<(usize, FactorAdded)>>> {
    let ImportFactors { factors, max_per_user, dry_run, now } = request;
    let mut refused = Vec::new();
    let mut factors: Vec<_> = factors.iter().enumerate().collect();
    // Each locks the count of its user's changes: always in the same order.
    factors.sort_by_key(|(_, factor)| factor.user);
    for (index, factor) in factors {
        let is_known = c.row("SELECT 1 FROM factors WHERE id = $1", values![&factor.id]).await?.is_some();
        let outcome = if is_known {
            Step::Undo(FactorAdded::Duplicate)
        } else {
            let (factor, max_per_user, now) = (factor.clone(), *max_per_user, *now);
            let add_one =
                AddFactor { factor, enrolment: None, changes: None, replaces_earlier: false, max_per_user, now };
            add(c, &add_one).await?
        };
        // What is refused has changed nothing.
        if let Step::Undo(outcome) = outcome {
            refused.push((index, outcome));
        }
    }
    refused.sort_by_key(|(index, _)| *index);
    Ok(if *dry_run || !refused.is_empty() { Step::Undo(refused) } else { Step::Keep(refused) })
}

async fn factors(c: &Session, user: &BucketKey, ended: bool) -> Result<Vec<FactorRecord>> {
    let sql = format!(
        "SELECT * FROM (SELECT {FACTOR} FROM factors WHERE owner = $1 AND status < {ENDED} UNION ALL \
         (SELECT {FACTOR} FROM factors WHERE owner = $1 AND status = {ENDED} AND $2 \
         ORDER BY created_at DESC, id DESC LIMIT {ENDED_SHOWN})) AS f ORDER BY created_at, id"
    );
    c.rows(&sql, values![user, ended]).await?.iter().map(to_factor).collect()
}

pub(super) async fn end(c: &Session, user: &BucketKey, one: Option<&str>, now: Timestamp) -> Result<Vec<FactorRecord>> {
    // Not every caller has locked the user's guard: a factor that another change is ending must not count as one that stays.
    user_changes::locked_count_of_a_change(c, user).await?;
    let (mut ending, mut staying): (Vec<_>, Vec<_>) =
        factors(c, user, false).await?.into_iter().partition(|held| one.is_none_or(|id| id == held.id));
    if !ending.is_empty() && staying.iter().all(|held| held.fallback) {
        ending.append(&mut staying);
    }
    if !ending.is_empty() {
        user_changes::changed(c, user).await?;
    }
    for one in &mut ending {
        end_one(c, &one.id, now).await?;
        one.status = FactorStatus::Ended;
        one.ended_at = Some(now);
    }
    Ok(ending)
}

/// The guard of the user is locked first, as by everything else that changes several rows of a user. The user of a factor never changes.
async fn set_status(
    c: &Session,
    subscription: &str,
    id: &str,
    from: FactorStatus,
    to: FactorStatus,
) -> Result<Step<bool>> {
    let sql = "SELECT 1 FROM guards WHERE what = 'users ' || (SELECT get_byte(owner, 0) FROM factors WHERE id = $1 AND subscription = $2) \
               FOR UPDATE";
    c.rows(sql, values![id, subscription]).await?;
    let sql = "UPDATE factors SET status = $1, revision = revision + 1 WHERE id = $2 AND subscription = $3 AND status = $4 RETURNING owner";
    let Some(row) = c.row(sql, values![status_number(to), id, subscription, status_number(from)]).await? else {
        return Ok(Step::Undo(false));
    };
    let user: BucketKey = get(&row, 0)?;
    user_changes::changed(c, &user).await?;
    Ok(Step::Keep(true))
}

/// Ends all factors of an instance, and its open enrolments, without the locks of their users: there are too many. The enrolments come
/// first, so that none adds a factor that would stay.
pub(super) async fn end_all_of(c: &Session, instance: &str, now: Timestamp) -> Result<()> {
    c.execute("DELETE FROM enrolments WHERE instance = $1", values![instance]).await?;
    let sql = format!("SELECT id, owner FROM factors WHERE instance = $1 AND status < {ENDED} ORDER BY owner, id");
    for row in c.rows(&sql, values![instance]).await? {
        let (id, user): (String, BucketKey) = (get(&row, 0)?, get(&row, 1)?);
        end(c, &user, Some(&id), now).await?;
    }
    Ok(())
}

async fn end_one(c: &Session, id: &str, now: Timestamp) -> Result<()> {
    let sql = format!(
        "UPDATE factors SET status = {ENDED}, state = '', unique_id = NULL, revision = revision + 1, ended_at = $1 WHERE id = $2"
    );
    c.execute(&sql, values![now, id]).await?;
    Ok(())
}

fn to_factor(row: &Row) -> Result<FactorRecord> {
    Ok(FactorRecord {
        id: get(row, 0)?,
        subscription: get(row, 1)?,
        user: get(row, 2)?,
        instance: get(row, 3)?,
        type_id: get(row, 4)?,
        unique_id: get(row, 5)?,
        status: to_status(get(row, 6)?),
        fallback: get(row, 7)?,
        details: get(row, 8)?,
        state: get(row, 9)?,
        revision: get(row, 10)?,
        created_at: get(row, 11)?,
        last_used_at: get(row, 12)?,
        ended_at: get(row, 13)?,
    })
}

fn to_enrolment(row: &Row) -> Result<EnrolmentRecord> {
    Ok(EnrolmentRecord {
        id: get(row, 0)?,
        subscription: get(row, 1)?,
        user: get(row, 2)?,
        instance: get(row, 3)?,
        sealed: get(row, 4)?,
        attempts: get(row, 5)?,
        max_attempts: get(row, 6)?,
        created_at: get(row, 7)?,
        expires_at: get(row, 8)?,
    })
}

//! Challenges. Each step is one statement; steps that are more than an update are database functions.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::leases::Spent;
use super::limits::{blobs, charged, to_limited};
use super::session::Session;
use super::values::{SKEW_MS, Value, get, values};
use super::{PostgresStore, idempotency};
use crate::store::columns::{ACTIVE, closing_number, pack, to_closing, unpack};
use crate::store::*;

#[async_trait]
impl ChallengeStore for PostgresStore {
    async fn open_challenge(&self, request: OpenChallenge) -> Result<Opened> {
        let (set, mut request) = (self.times.set(request.now), request);
        let spending = match self.spend(&mut request.charges, request.now).await? {
            Spent::Spent(spending) => spending,
            Spent::Limited(limited) => return Ok(Opened::Limited(limited)),
        };
        let opened = self
            .write_repeatably(request.now, request, move |c, request, is_repeated| async move {
                match open(&c, &request, is_repeated, set).await {
                    // The first try was still running, and has committed since.
                    Err(error) if is_repeated && error.is_conflict() => open(&c, &request, is_repeated, set).await,
                    opened => opened,
                }
            })
            .await;
        self.leases.settle(&spending, &opened, |opened| *opened == Opened::Open).await;
        Ok(match opened? {
            Opened::Limited(limited) => Opened::Limited(spending.place(limited)),
            opened => opened,
        })
    }

    async fn challenge(&self, subscription: &str, id: &str) -> Result<Option<ChallengeRecord>> {
        self.read((subscription.to_owned(), id.to_owned()), |c, of| async move { challenge(&c, &of.0, &of.1).await })
            .await
    }

    async fn answer_challenge(&self, request: CodeAnswer) -> Result<Answered> {
        let call = new_call()?;
        // What is released in memory is not released in the database.
        let release = self.leases.releasable(&request.release).await;
        let mut request = request;
        request.release.retain(|key| !release.contains(key));
        let answered = self
            .write_repeatably(request.attempt.now, request, move |c, request, is_repeated| async move {
                match answer(&c, &request, &call, is_repeated).await? {
                    // The first try may have used the last attempt, or have succeeded on a primary that is gone.
                    Answered::Closed if is_repeated => Err(unknown()),
                    answered => Ok(answered),
                }
            })
            .await?;
        if matches!(answered, Answered::Right(_)) {
            self.leases.release(&release).await;
        }
        Ok(answered)
    }

    async fn charge_attempt(&self, attempt: Attempt) -> Result<Charged> {
        // An answer that is counted twice errs on the safe side.
        self.write_repeatably(attempt.now, attempt, |c, attempt, is_repeated| async move {
            match charge_attempt(&c, &attempt).await? {
                // The first try may have used the last attempt.
                Charged::Closed if is_repeated => Err(unknown()),
                charged => Ok(charged),
            }
        })
        .await
    }

    async fn consume_challenge(&self, request: Consume) -> Result<Consumed> {
        let call = new_call()?;
        // What is released in memory is not released in the database.
        let release = self.leases.releasable(&request.release).await;
        let mut request = request;
        request.release.retain(|key| !release.contains(key));
        let consumed = self
            .write_repeatably(request.now, request, move |c, request, is_repeated| async move {
                match consume(&c, &request, &call).await? {
                    // The first try may have succeeded on a primary that is gone.
                    Consumed::Closed if is_repeated => Err(unknown()),
                    consumed => Ok(consumed),
                }
            })
            .await?;
        if consumed.is_done() {
            self.leases.release(&release).await;
        }
        Ok(consumed)
    }

    async fn release_attempt(&self, subscription: &str, id: &str, person: BucketKey) -> Result<()> {
        self.write((subscription.to_owned(), id.to_owned()), move |c, of| async move {
            c.rows("SELECT 1 FROM tf1_release_attempt($1, $2, $3)", values![&of.1, &of.0, &person]).await?;
            Ok(())
        })
        .await
    }

    async fn resend_challenge(&self, request: Resend) -> Result<Resent> {
        let mut request = request;
        let spending = match self.spend(&mut request.charges, request.now).await? {
            Spent::Spent(spending) => spending,
            Spent::Limited(limited) => return Ok(Resent::Limited(limited)),
        };
        let resent = self.write_at(request.now, request, |c, request| async move { resend(&c, &request).await }).await;
        self.leases.settle(&spending, &resent, |resent| *resent == Resent::Granted).await;
        Ok(match resent? {
            Resent::Limited(limited) => Resent::Limited(spending.place(limited)),
            resent => resent,
        })
    }

    async fn hand_over_challenge(&self, request: HandOver) -> Result<bool> {
        self.write_at(request.now, request, |c, request| async move { hand_over(&c, &request).await }).await
    }

    async fn close_challenge(&self, subscription: &str, id: &str, why: Closing, now: Timestamp) -> Result<bool> {
        self.write_at(now, (subscription.to_owned(), id.to_owned()), move |c, of| async move {
            close(&c, &of.0, &of.1, why, now).await
        })
        .await
    }

    async fn use_challenge_as_proof(
        &self,
        subscription: &str,
        id: &str,
        holder: Option<BucketKey>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        self.write_at(now, (subscription.to_owned(), id.to_owned()), move |c, of| async move {
            // A challenge that was verified later than now by more than the allowed clock skew proves nothing: a clock was wrong.
            let sql = format!(
                "UPDATE challenges SET verified_at = NULL WHERE id = $1 AND subscription = $2 AND closed = 0 \
                 AND verified_at > $3 + tf1_now($4) - $4 AND verified_at <= tf1_now($4) + {SKEW_MS} AND epoch = tf1_epoch() \
                 AND ($5 IS NULL OR EXISTS (SELECT 1 FROM factors f WHERE f.owner = $5 AND f.instance = challenges.instance \
                 AND f.status = {ACTIVE} AND f.last_used_at = challenges.verified_at))"
            );
            Ok(c.execute(&sql, values![&of.1, &of.0, since, now, &holder]).await? == 1)
        })
        .await
    }

    async fn idempotency(&self, key: BucketKey, now: Timestamp) -> Result<Option<IdempotencyRecord>> {
        self.read(key, move |c, key| async move { idempotency::find(&c, &key, now).await }).await
    }

    async fn complete_idempotency(&self, key: BucketKey, holder: &str, answer: Option<Vec<u8>>) -> Result<()> {
        self.write((holder.to_owned(), answer), move |c, input| async move {
            idempotency::complete(&c, &key, &input.0, input.1.as_deref()).await
        })
        .await
    }
}

/// Returns what identifies a call, so that it can be repeated after its outcome was lost.
fn new_call() -> Result<[u8; 16]> {
    let mut call = [0; 16];
    getrandom::fill(&mut call).map_err(StoreError::unavailable)?;
    Ok(call)
}

/// The second try failed, which says nothing of the first.
pub(super) fn unknown() -> StoreError {
    StoreError::outcome_unknown("the connection was lost, and the second try does not show what came of the first")
}

/// Returns the condition for an open challenge. A challenge that was created later than now by more than the allowed clock skew is not
/// open: a clock was wrong. Nor is a challenge that was opened on another timeline.
fn is_open() -> String {
    format!(
        "closed IS NULL AND attempts < max_attempts AND expires_at > tf1_now($3) AND created_at <= tf1_now($3) + {SKEW_MS} \
         AND epoch = tf1_epoch()"
    )
}

async fn open(c: &Session, request: &OpenChallenge, is_repeated: bool, set: Option<i64>) -> Result<Opened> {
    let OpenChallenge { challenge: new, charges, person, idempotency, repeatable_for, changes, now } = request;
    let (in_a_row, in_a_day) = match new.first_factor {
        true => (person.consecutive, person.daily),
        false => {
            (person.consecutive.saturating_sub(person.consecutive_kept), person.daily.saturating_sub(person.daily_kept))
        }
    };
    let [keys, amounts, limits, windows] = charged(charges);
    let claim = idempotency.as_ref();
    let codes = pack(&new.codes);
    let repeatable_for = repeatable_for.map(|time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    let mut values: Vec<Value<'_>> = vec![
        is_repeated.into(),
        repeatable_for.into(),
        set.into(),
        (*now).into(),
        claim.map(|claim| claim.key.as_slice()).into(),
        claim.map(|claim| claim.request.as_slice()).into(),
        claim.map(|claim| claim.until).into(),
        in_a_row.into(),
        in_a_day.into(),
        person.day_ms.into(),
        keys,
        amounts,
        limits,
        windows,
        (&new.id).into(),
        (&new.subscription).into(),
        (&new.instance).into(),
        (&new.person).into(),
        new.first_factor.into(),
        (&new.sealed).into(),
        (&codes).into(),
        new.attempts.into(),
        new.max_attempts.into(),
        new.resends.into(),
        new.max_resends.into(),
        new.resend_after.into(),
        new.created_at.into(),
        new.expires_at.into(),
    ];
    let sql = match changes {
        None => {
            "SELECT outcome, reached, limited_until, first_request, first_answer, first_at FROM tf1_open($1, $2, $3, $4, $5, $6, $7, \
             $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28)"
        }
        Some((user, count)) => {
            values.extend([Value::from(user), Value::from(*count)]);
            // The count is locked as by `user_changes::locked_count`. The function depends on its row: without one it is not called.
            "WITH u AS (INSERT INTO user_changes AS t (person, count) VALUES ($29, 0) \
             ON CONFLICT (person) DO UPDATE SET count = t.count RETURNING count) \
             SELECT outcome, reached, limited_until, first_request, first_answer, first_at \
             FROM u, LATERAL tf1_open($1, $2, $3, $4 + 0 * u.count, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
             $20, $21, $22, $23, $24, $25, $26, $27, $28) WHERE u.count = $30"
        }
    };
    let Some(row) = c.row(sql, &values).await? else { return Ok(Opened::Changed) };
    match get::<i64>(&row, 0)? {
        1 => return idempotency::to_record(&row, 3).map(Opened::Repeated),
        5 => return get(&row, 2).map(Opened::TooEarly),
        _ => {}
    }
    Ok(to_limited(&row)?.map_or(Opened::Open, Opened::Limited))
}

/// Returns a challenge. If it was open on another timeline, it is shown as cancelled: it accepts nothing.
async fn challenge(c: &Session, subscription: &str, id: &str) -> Result<Option<ChallengeRecord>> {
    let sql = "SELECT instance, person, first_factor, sealed, codes, attempts, max_attempts, resends, max_resends, resend_after, \
               created_at, expires_at, CASE WHEN closed IS NULL AND epoch <> tf1_epoch() THEN 1 ELSE closed END \
               FROM challenges WHERE id = $1 AND subscription = $2";
    let Some(row) = c.row(sql, values![id, subscription]).await? else { return Ok(None) };
    let mut record = to_challenge(&row, 0, (id, subscription))?;
    record.closed = get::<Option<i64>>(&row, 12)?.map(to_closing);
    Ok(Some(record))
}

/// What the functions that count an answer return.
const COUNTED: &str = "outcome, reached, limited_until, challenge_instance, challenge_person, challenge_first_factor, challenge_sealed, \
                       challenge_codes, challenge_attempts, challenge_max_attempts, challenge_resends, challenge_max_resends, \
                       challenge_resend_after, challenge_created_at, challenge_expires_at";

/// Returns their last parameters: the limits that an answer counts against.
fn limits_of(Attempt { person, charges, .. }: &Attempt) -> [Value<'_>; 10] {
    let [keys, amounts, limits, windows] = charged(charges);
    [
        person.is_unlimited().into(),
        person.consecutive.into(),
        person.daily.into(),
        person.consecutive_kept.into(),
        person.daily_kept.into(),
        person.day_ms.into(),
        keys,
        amounts,
        limits,
        windows,
    ]
}

async fn answer(c: &Session, request: &CodeAnswer, call: &[u8; 16], is_repeated: bool) -> Result<Answered> {
    let CodeAnswer { attempt, codes, release } = request;
    let Attempt { subscription, id, now, .. } = attempt;
    let codes: Vec<Vec<u8>> = codes.iter().map(|code| pack(&[*code])).collect();
    let mut values = vec![
        is_repeated.into(),
        call.into(),
        id.into(),
        subscription.into(),
        (*now).into(),
        codes.iter().map(Vec::as_slice).collect::<Vec<_>>().into(),
        blobs(release).into(),
    ];
    values.extend(limits_of(attempt));
    let sql = format!(
        "SELECT {COUNTED} FROM tf3_answer($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
    );
    let row = c.only_row(&sql, &values).await?;
    let outcome: i64 = get(&row, 0)?;
    if let Some(limited) = to_limited(&row)? {
        return Ok(Answered::Limited(limited));
    }
    if outcome == 1 {
        return Ok(Answered::Closed);
    }
    let mut record = to_challenge(&row, 3, (id, subscription))?;
    Ok(match outcome {
        0 => {
            record.closed = Some(Closing::Used);
            Answered::Right(record)
        }
        _ => Answered::Wrong(record),
    })
}

async fn charge_attempt(c: &Session, attempt: &Attempt) -> Result<Charged> {
    let Attempt { subscription, id, now, .. } = attempt;
    let mut values = vec![id.into(), subscription.into(), (*now).into()];
    values.extend(limits_of(attempt));
    let sql = format!("SELECT {COUNTED} FROM tf1_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)");
    let row = c.only_row(&sql, &values).await?;
    Ok(match get::<i64>(&row, 0)? {
        0 => Charged::Compare(to_challenge(&row, 3, (id, subscription))?),
        1 => Charged::Closed,
        // The person's limit ended between two statements: the next answer is counted.
        _ => Charged::Limited(to_limited(&row)?.unwrap_or(Limited::PersonLocked)),
    })
}

async fn consume(c: &Session, request: &Consume, call: &[u8; 16]) -> Result<Consumed> {
    let Consume { subscription, id, code, person, release, factor, now } = request;
    let code = pack(&[*code]);
    let values = [
        id.into(),
        subscription.into(),
        (*now).into(),
        (&code).into(),
        call.into(),
        person.into(),
        blobs(release).into(),
        factor.as_ref().map(|used| &*used.factor).into(),
        factor.as_ref().map(|used| i64::try_from(used.revision).unwrap_or(i64::MAX)).into(),
        factor.as_ref().map(|used| &*used.state).into(),
    ];
    let sql = "SELECT outcome FROM tf1_consume($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    Ok(match get::<i64>(&c.only_row(sql, &values).await?, 0)? {
        0 => Consumed::Done,
        1 => Consumed::Closed,
        _ => Consumed::FactorChanged,
    })
}

async fn resend(c: &Session, request: &Resend) -> Result<Resent> {
    let Resend { subscription, id, resends, codes, resend_after, charges, person, now } = request;
    let codes = pack(codes);
    let [keys, amounts, limits, windows] = charged(charges);
    let values = [
        id.into(),
        subscription.into(),
        (*now).into(),
        (&codes).into(),
        (*resends).into(),
        (*resend_after).into(),
        person.consecutive.into(),
        person.daily.into(),
        person.consecutive_kept.into(),
        person.daily_kept.into(),
        person.day_ms.into(),
        keys,
        amounts,
        limits,
        windows,
    ];
    let sql = "SELECT outcome, reached, limited_until \
               FROM tf1_resend($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let row = c.only_row(sql, &values).await?;
    if get::<i64>(&row, 0)? == 1 {
        return Ok(Resent::Refused);
    }
    Ok(to_limited(&row)?.map_or(Resent::Granted, Resent::Limited))
}

async fn hand_over(c: &Session, request: &HandOver) -> Result<bool> {
    let open = is_open();
    let sql = format!(
        "UPDATE challenges SET instance = $4, sealed = $5, codes = coalesce($7, codes) \
         WHERE id = $1 AND subscription = $2 AND {open} AND resends = $6"
    );
    let HandOver { subscription, id, resends, instance, sealed, codes, now } = request;
    let codes = codes.as_deref().map(pack);
    Ok(c.execute(&sql, values![id, subscription, *now, instance, sealed, *resends, &codes]).await? == 1)
}

async fn close(c: &Session, subscription: &str, id: &str, why: Closing, now: Timestamp) -> Result<bool> {
    let open = is_open();
    let sql = format!("UPDATE challenges SET closed = $4 WHERE id = $1 AND subscription = $2 AND {open}");
    Ok(c.execute(&sql, values![id, subscription, now, closing_number(why)]).await? == 1)
}

const MAX_PROOF_AGE_MS: i64 = MAX_PROOF_AGE.as_millis() as i64;

/// Ends the challenges of a person that are open at `now`, and the use of verified ones as proofs. They are found by their end: so many
/// challenges are started within minutes, and resets are rare.
///
/// The open ones come first: that statement waits for answers that are being accepted, and only the next one sees what they verified.
pub(super) async fn close_of(c: &Session, person: &BucketKey, now: Timestamp) -> Result<u64> {
    let sql =
        "UPDATE challenges SET closed = 1 WHERE person = $1 AND closed IS NULL AND expires_at > (SELECT tf1_now($2))";
    let closed = c.execute(sql, values![person, now]).await?;
    let sql = "UPDATE challenges SET verified_at = NULL WHERE person = $1 AND verified_at IS NOT NULL AND expires_at > (SELECT tf1_now($2)) - $3";
    c.execute(sql, values![person, now, MAX_PROOF_AGE_MS]).await?;
    Ok(closed)
}

/// Ends all challenges that are open at `now`, and the use of recently verified ones as proofs: in the order of [`close_of`].
pub(super) async fn close_all(c: &Session, now: i64) -> Result<u64> {
    let sql = "UPDATE challenges SET closed = 1 WHERE closed IS NULL AND expires_at > $1";
    let closed = c.execute(sql, values![now]).await?;
    let sql = "UPDATE challenges SET verified_at = NULL WHERE verified_at IS NOT NULL AND expires_at > $1";
    c.execute(sql, values![now - MAX_PROOF_AGE_MS]).await?;
    Ok(closed)
}

/// Returns an open challenge whose columns begin at `n`.
fn to_challenge(row: &Row, n: usize, (id, subscription): (&str, &str)) -> Result<ChallengeRecord> {
    Ok(ChallengeRecord {
        id: id.to_owned(),
        subscription: subscription.to_owned(),
        instance: get(row, n)?,
        person: get(row, n + 1)?,
        first_factor: get(row, n + 2)?,
        sealed: get(row, n + 3)?,
        codes: unpack(&get::<Vec<u8>>(row, n + 4)?),
        attempts: get(row, n + 5)?,
        max_attempts: get(row, n + 6)?,
        resends: get(row, n + 7)?,
        max_resends: get(row, n + 8)?,
        resend_after: get(row, n + 9)?,
        created_at: get(row, n + 10)?,
        expires_at: get(row, n + 11)?,
        closed: None,
    })
}

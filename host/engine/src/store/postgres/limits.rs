//! Counters of rate limits, and of wrong answers of users.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::PostgresStore;
use super::leases::Spent;
use super::session::Session;
use super::values::{SKEW_MS, Value, get, time, values};
use crate::store::*;

#[async_trait]
impl LimitStore for PostgresStore {
    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Option<Limited>> {
        let mut charges = charges;
        let spending = match self.spend(&mut charges, now).await? {
            Spent::Spent(spending) => spending,
            Spent::Limited(limited) => return Ok(Some(limited)),
        };
        if charges.is_empty() {
            return Ok(None);
        }
        let charged =
            self.write_at(now, charges, move |c, charges| async move { charge(&c, &charges, now).await }).await;
        if self.leases.settle(&spending, &charged, Option::is_none).await {
            return Ok(None);
        }
        Ok(charged?.map(|limited| spending.place(limited)))
    }

    async fn release(&self, keys: Vec<BucketKey>) -> Result<()> {
        let keys = self.leases.release(&keys).await;
        if keys.is_empty() {
            return Ok(());
        }
        self.write(keys, |c, keys| async move { release(&c, &keys).await }).await
    }

    async fn reached_limits(
        &self,
        person: BucketKey,
        limits: PersonLimits,
        charges: Vec<Charge>,
        now: Timestamp,
    ) -> Result<ReachedLimits> {
        let mut left = Vec::new();
        for (index, charge) in charges.iter().enumerate() {
            if self.leases.has_left(&charge.key).await {
                left.push(index);
            }
        }
        let mut reached = self
            .read(charges, move |c, charges| async move { reached(&c, &person, &limits, &charges, now).await })
            .await?;
        reached.charges.retain(|(index, _)| !left.contains(index));
        Ok(reached)
    }

    async fn unlock_person(&self, person: BucketKey) -> Result<()> {
        self.write(person, |c, person| async move { unlock_person(&c, &person).await }).await
    }
}

/// Returns charges as the parameters of functions: keys, amounts, limits and windows.
pub(super) fn charged(charges: &[Charge]) -> [Value<'_>; 4] {
    let numbers = |of: fn(&Charge) -> i64| Value::from(charges.iter().map(of).collect::<Vec<_>>());
    [
        Value::from(charges.iter().map(|one| one.key.as_slice()).collect::<Vec<_>>()),
        numbers(|one| one.amount.into()),
        numbers(|one| one.limit.into()),
        numbers(|one| one.window_ms),
    ]
}

/// Returns the limit that a function reports, by its outcome, the index of the charge, and the end of the limit.
pub(super) fn to_limited(row: &Row) -> Result<Option<Limited>> {
    let outcome: i64 = get(row, 0)?;
    Ok(match outcome {
        2 => Some(Limited::Until(get(row, 2)?, get::<u32>(row, 1)? as usize)),
        3 => Some(Limited::PersonUntil(get(row, 2)?)),
        4 => Some(Limited::PersonLocked),
        _ => None,
    })
}

/// Counts each charge. If a limit is reached, returns it and counts nothing.
pub(super) async fn charge(c: &Session, charges: &[Charge], now: Timestamp) -> Result<Option<Limited>> {
    if charges.is_empty() {
        return Ok(None);
    }
    let [keys, amounts, limits, windows] = charged(charges);
    let sql = "SELECT reached, until FROM tf1_charge($1, $2, $3, $4, $5)";
    let row = c.only_row(sql, &[keys, amounts, limits, windows, now.into()]).await?;
    let reached: Option<u32> = get(&row, 0)?;
    reached.map(|index| Ok(Limited::Until(get(&row, 1)?, index as usize))).transpose()
}

async fn release(c: &Session, keys: &[BucketKey]) -> Result<()> {
    c.rows("SELECT 1 FROM tf1_release($1)", values![blobs(keys)]).await?;
    Ok(())
}

pub(super) fn blobs(keys: &[BucketKey]) -> Vec<&[u8]> {
    keys.iter().map(<BucketKey>::as_slice).collect()
}

/// Counts an answer as wrong. If a limit of the person is reached, returns it and counts nothing.
pub(super) async fn charge_person(
    c: &Session,
    person: &BucketKey,
    limits: &PersonLimits,
    now: Timestamp,
) -> Result<Option<Limited>> {
    if limits.is_unlimited() {
        return Ok(None);
    }
    let sql = "SELECT outcome, NULL::bigint, until FROM tf1_count_person($1, $2, $3, $2, $4, $5)";
    let values = values![person, limits.consecutive, limits.daily, limits.day_ms, now];
    to_limited(&c.only_row(sql, values).await?)
}

/// Takes the count of a right answer back, and resets the count of consecutive wrong answers.
pub(super) async fn absolve_person(c: &Session, person: &BucketKey) -> Result<()> {
    let sql = "UPDATE persons SET consecutive = 0, day_wrong = greatest(day_wrong - 1, 0) WHERE person = $1";
    c.execute(sql, values![person]).await?;
    Ok(())
}

pub(super) async fn unlock_person(c: &Session, person: &BucketKey) -> Result<()> {
    c.execute("DELETE FROM persons WHERE person = $1", values![person]).await?;
    Ok(())
}

/// Returns the limits that are reached, without counting.
async fn reached(
    c: &Session,
    person: &BucketKey,
    limits: &PersonLimits,
    charges: &[Charge],
    now: Timestamp,
) -> Result<ReachedLimits> {
    let sql = "SELECT consecutive, last, day_started, day_wrong, tf1_now($2) FROM persons WHERE person = $1";
    let found = c.row(sql, values![person, now]).await?;
    let mut reached = ReachedLimits { is_known: found.is_some(), ..ReachedLimits::default() };
    if let Some(row) = found {
        let (consecutive, last, started, wrong): (i64, i64, i64, i64) =
            (get(&row, 0)?, get(&row, 1)?, get(&row, 2)?, get(&row, 3)?);
        let now: i64 = get(&row, 4)?;
        let end = |since: i64| {
            let is_current = since <= now + SKEW_MS && since + limits.day_ms > now;
            is_current.then(|| time(since + limits.day_ms))
        };
        reached.locked_until = end(last).filter(|_| consecutive >= limits.consecutive.into());
        reached.day_until = end(started).filter(|_| wrong >= limits.daily.into());
    }
    let sql = format!(
        "SELECT t.place - 1, b.ends FROM unnest($1, $2, $3) WITH ORDINALITY AS t (key, most, span, place) \
         JOIN buckets b ON b.key = t.key AND b.count >= t.most AND b.ends > tf1_now($4) AND b.ends <= tf1_now($4) + t.span + {SKEW_MS} ORDER BY t.place"
    );
    let [keys, _, most, windows] = charged(charges);
    for row in c.rows(&sql, &[keys, most, windows, now.into()]).await? {
        reached.charges.push((get::<u32>(&row, 0)? as usize, get(&row, 1)?));
    }
    Ok(reached)
}

//! Parts of high limits that this process has taken, and counts against in memory.
//!
//! All processes count against a limit in one row, where they wait for each other's commits. If a limit allows much, a process takes a
//! part of it with one change of the row, and spends that until the window ends. The parts together never exceed the limit. The limit is
//! reached a little early: what other processes have taken and not spent is missing, even if they ended since.

use std::collections::HashMap;
use std::ops::Add;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::timeout;

use super::PostgresStore;
use super::pool::{TURN, WAITING_FOR_EACH, Waiting, Work};
use super::session::Session;
use super::values::{get, values};
use crate::store::{BucketKey, Charge, Limited, Result, StoreError, StoreErrorKind};

/// How many a second a limit must allow to be taken in parts.
const PER_SECOND: i64 = 50;

/// A part is the limit divided by this.
const PARTS: u32 = 1000;

/// Limits of shorter windows are not taken in parts.
const SHORTEST_WINDOW_MS: i64 = 60_000;

/// How many limits are taken in parts at a time.
const LIMITS: usize = 10_000;

/// How long a limit that was reached is not asked for again.
const REACHED: Duration = Duration::from_secs(1);

type SharedLease = Arc<tokio::sync::Mutex<Lease>>;

/// What this process has taken of limits.
#[derive(Default)]
pub(super) struct Leases {
    all: Mutex<HashMap<BucketKey, SharedLease>>,
    waiting: AtomicUsize,
}

/// A moment by both clocks of this process: one may be set, and the other stands still while the machine is suspended.
#[derive(Clone, Copy)]
struct Moment {
    monotonic: Instant,
    wall: Timestamp,
}

impl Moment {
    fn now() -> Self {
        Self { monotonic: Instant::now(), wall: Timestamp::now() }
    }

    fn is_before(&self, other: Self) -> bool {
        self.monotonic < other.monotonic && self.wall < other.wall
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let wall = self.wall.checked_add(duration).unwrap_or(Timestamp::MAX);
        Self { monotonic: self.monotonic + duration, wall }
    }
}

/// What this process has taken of a limit in its current window.
#[derive(Default)]
struct Lease {
    /// When its window ends, at the latest. None before the first part.
    until: Option<Moment>,
    /// The end of the window, for callers.
    ends: Timestamp,
    taken: u32,
    left: u32,
    /// Nothing more can be taken before this.
    reached_until: Option<Moment>,
}

/// Charges of which some were counted in memory.
pub(super) enum Spent {
    /// The rest is counted in the database.
    Spent(Spending),
    /// A limit is reached, and nothing was counted.
    Limited(Limited),
}

/// What was counted in memory. If it is dropped, it stays counted.
#[derive(Default)]
pub(super) struct Spending {
    counted: Vec<Counted>,
    /// The index that each of the other charges had, if some were counted.
    places: Vec<usize>,
}

/// An amount that was counted in memory, in the window that ends then.
struct Counted {
    key: BucketKey,
    amount: u32,
    ends: Timestamp,
}

impl Spending {
    /// Gives the index of a charge in the database back the place that the charge had.
    pub(super) fn place(&self, limited: Limited) -> Limited {
        match limited {
            Limited::Until(until, index) => Limited::Until(until, self.places.get(index).copied().unwrap_or(index)),
            other => other,
        }
    }
}

impl Lease {
    fn is_current(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| now.is_before(until))
    }

    /// Adds a part of a window that lasts for so many milliseconds. It was asked for at `asked`: the window ends early rather than late.
    fn add(&mut self, taken: u32, lasts: i64, ends: Timestamp, asked: Moment) {
        if !self.is_current(asked) || self.ends != ends {
            *self = Self { ends, ..Self::default() };
        }
        self.until = Some(asked + Duration::from_millis(u64::try_from(lasts).unwrap_or(0)));
        self.taken = self.taken.saturating_add(taken);
        self.left = self.left.saturating_add(taken);
    }

    fn spend(&mut self, amount: u32, now: Moment) -> bool {
        let is_enough = self.is_current(now) && self.left >= amount;
        if is_enough {
            self.left -= amount;
        }
        is_enough
    }

    fn give_back(&mut self, amount: u32, now: Moment) -> bool {
        // Never more than was taken in this window.
        let is_possible = self.is_current(now) && self.taken - self.left >= amount;
        if is_possible {
            self.left += amount;
        }
        is_possible
    }
}

/// What became of a charge, and when its window ends.
enum Count {
    Counted(Timestamp),
    Reached(Timestamp),
}

/// Returns how much of a limit is taken at a time, if it is taken in parts.
fn part(charge: &Charge) -> Option<u32> {
    let is_high = i64::from(charge.limit).saturating_mul(1000) >= PER_SECOND.saturating_mul(charge.window_ms);
    let is_leased = is_high && charge.limit < u32::MAX && charge.window_ms >= SHORTEST_WINDOW_MS;
    let part = charge.limit / PARTS;
    // An amount of 0 takes nothing.
    (is_leased && (1..=part).contains(&charge.amount)).then_some(part)
}

impl Leases {
    fn of(&self, key: &BucketKey) -> Option<SharedLease> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Returns the lease of a key, or a new one if there is room.
    fn of_or_new(&self, key: &BucketKey) -> Option<SharedLease> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= LIMITS && !all.contains_key(key) {
            let now = Moment::now();
            all.retain(|_, lease| lease.try_lock().is_ok_and(|lease| lease.is_current(now)));
            if all.len() >= LIMITS {
                return None;
            }
        }
        Some(all.entry(*key).or_default().clone())
    }

    /// Takes back what was counted in memory if the call had no effect. Returns whether it took effect.
    pub(super) async fn settle<T>(
        &self,
        spending: &Spending,
        result: &Result<T>,
        took_effect: impl FnOnce(&T) -> bool,
    ) -> bool {
        let took_effect = match result {
            Ok(result) => took_effect(result),
            // It may have taken effect.
            Err(error) if error.kind() == StoreErrorKind::OutcomeUnknown => return false,
            Err(_) => false,
        };
        if !took_effect {
            self.give_back(spending).await;
        }
        took_effect
    }

    /// Takes back what was counted in memory.
    async fn give_back(&self, spending: &Spending) {
        for Counted { key, amount, ends } in &spending.counted {
            let Some(lease) = self.of(key) else { continue };
            let mut lease = lease.lock().await;
            // What was counted in an earlier window frees nothing in this one.
            if lease.ends == *ends {
                lease.give_back(*amount, Moment::now());
            }
        }
    }

    /// Takes back one from the count under each key that is counted in memory, and returns the other keys.
    pub(super) async fn release(&self, keys: &[BucketKey]) -> Vec<BucketKey> {
        let mut others = Vec::new();
        for key in keys {
            let lease = self.of(key);
            let is_released = match &lease {
                Some(lease) => lease.lock().await.give_back(1, Moment::now()),
                None => false,
            };
            if !is_released {
                others.push(*key);
            }
        }
        others
    }

    /// Returns the keys that are counted in memory.
    pub(super) async fn releasable(&self, keys: &[BucketKey]) -> Vec<BucketKey> {
        let mut found = Vec::new();
        for key in keys {
            if let Some(lease) = self.of(key)
                && lease.lock().await.is_current(Moment::now())
            {
                found.push(*key);
            }
        }
        found
    }

    /// Returns whether this process can still count against a limit in memory.
    pub(super) async fn has_left(&self, key: &BucketKey) -> bool {
        match self.of(key) {
            Some(lease) => {
                let lease = lease.lock().await;
                lease.is_current(Moment::now()) && lease.left > 0
            }
            None => false,
        }
    }
}

impl PostgresStore {
    /// Counts in memory what can be, and removes it from the charges.
    pub(super) async fn spend(&self, charges: &mut Vec<Charge>, now: Timestamp) -> Result<Spent> {
        let mut spending = Spending::default();
        if charges.iter().all(|charge| charge.amount > 0 && part(charge).is_none()) {
            return Ok(Spent::Spent(spending));
        }
        for (place, charge) in std::mem::take(charges).into_iter().enumerate() {
            if charge.amount == 0 && self.leases.has_left(&charge.key).await {
                continue;
            }
            let lease = part(&charge).and_then(|part| Some((part, self.leases.of_or_new(&charge.key)?)));
            let Some((part, lease)) = lease else {
                charges.push(charge);
                spending.places.push(place);
                continue;
            };
            match self.count(&charge, part, lease, now).await {
                Ok(Count::Counted(ends)) => {
                    spending.counted.push(Counted { key: charge.key, amount: charge.amount, ends });
                }
                Ok(Count::Reached(ends)) => {
                    self.leases.give_back(&spending).await;
                    return Ok(Spent::Limited(Limited::Until(ends, place)));
                }
                Err(error) => {
                    self.leases.give_back(&spending).await;
                    return Err(error);
                }
            }
        }
        Ok(Spent::Spent(spending))
    }

    /// Counts a charge in memory.
    async fn count(&self, charge: &Charge, part: u32, lease: SharedLease, now: Timestamp) -> Result<Count> {
        let mut lease = match lease.clone().try_lock_owned() {
            Ok(lease) => lease,
            // Somebody takes a part.
            Err(_) => {
                let waiting = Waiting::enter(&self.leases.waiting);
                if waiting.before >= self.pool.connections() * WAITING_FOR_EACH {
                    return Err(StoreError::busy("too many calls are waiting for a part of a limit"));
                }
                let late = |_| StoreError::busy("no part of a limit could be taken in time");
                timeout(TURN, lease.lock_owned()).await.map_err(late)?
            }
        };
        let asked = Moment::now();
        if lease.spend(charge.amount, asked) {
            return Ok(Count::Counted(lease.ends));
        }
        if lease.reached_until.is_some_and(|until| asked.is_before(until)) {
            return Ok(Count::Reached(lease.ends));
        }
        self.record_time(now).await?;
        let (pool, charge) = (self.pool.clone(), *charge);
        // The part is not lost if the caller gives up.
        let counted = tokio::spawn(async move {
            let Charge { key, limit, window_ms, .. } = charge;
            let take = move |c: Arc<Session>, _| async move {
                let sql = "SELECT taken, lasts, until FROM tf1_lease($1, $2, $3, $4, $5)";
                let row = c.only_row(sql, values![&key, part, limit, window_ms, now]).await?;
                Ok((get(&row, 0)?, get(&row, 1)?, get(&row, 2)?))
            };
            let (taken, lasts, ends) = pool.run(Work::Write, take).await?;
            lease.add(taken, lasts, ends, asked);
            // It was granted at a moment of the window, even if that has ended by now.
            if lease.left < charge.amount {
                lease.reached_until = Some(asked + REACHED);
                return Ok(Count::Reached(ends));
            }
            lease.left -= charge.amount;
            Ok(Count::Counted(ends))
        });
        counted.await.map_err(|_| StoreError::unavailable("the database operation was aborted"))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_high_limits_of_long_windows_are_taken_in_parts() {
        let of = |limit, window_ms, amount| part(&Charge { key: [1; 16], amount, limit, window_ms });
        let hour = 3_600_000;
        assert_eq!(of(100_000, hour, 1), None);
        assert_eq!(of(180_000, hour, 1), Some(180));
        assert_eq!(of(180_000, hour, 0), None);
        assert_eq!(of(180_000, hour, 181), None);
        assert_eq!(of(u32::MAX, hour, 1), None);
        assert_eq!(of(4_000_000, 24 * hour, 1), None);
        assert_eq!(of(5_000_000, 24 * hour, 1), Some(5000));
        assert_eq!(of(5000, 1000, 1), None);
    }

    #[test]
    fn a_part_is_spent_in_its_window_only_and_given_back_once() {
        let begun = Moment::now();
        let after = |ms| begun + Duration::from_millis(ms);
        let first: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap_or_default();
        let mut lease = Lease::default();
        assert!(!lease.spend(1, begun) && !lease.give_back(1, begun));
        lease.add(3, 1000, first, begun);
        assert!(!lease.give_back(1, begun), "nothing is spent");
        assert!(lease.spend(2, after(1)) && !lease.spend(2, after(1)));
        assert!(lease.give_back(1, after(2)) && lease.spend(2, after(2)));
        lease.add(3, 900, first, after(100));
        assert!(lease.spend(3, after(200)) && lease.give_back(6, after(200)) && !lease.give_back(1, after(200)));
        // The window has ended.
        assert!(!lease.spend(1, after(1000)) && !lease.give_back(1, after(1000)));
        lease.add(2, 1000, first + Duration::from_secs(1), after(1001));
        assert!(lease.spend(2, after(1002)) && !lease.spend(1, after(1002)));
        // It had ended already when the database answered.
        lease.add(2, -5, first + Duration::from_secs(2), after(3000));
        assert!(!lease.spend(1, after(3000)));
    }

    #[test]
    fn a_window_ends_also_while_the_machine_is_suspended() {
        let begun = Moment::now();
        let mut lease = Lease::default();
        lease.add(3, 1000, begun.wall + Duration::from_secs(1), begun);
        assert!(lease.spend(1, begun));
        let resumed = Moment { monotonic: begun.monotonic, ..begun + Duration::from_secs(2) };
        assert!(!lease.spend(1, resumed) && !lease.give_back(1, resumed));
        let set_back = Moment { wall: begun.wall, ..begun + Duration::from_secs(2) };
        assert!(!lease.spend(1, set_back));
    }

    #[tokio::test]
    async fn what_was_counted_in_one_window_is_not_given_back_to_the_next() {
        let leases = Leases::default();
        let key = [1; 16];
        let first: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap_or_default();
        let next = first + Duration::from_secs(60);
        let lease = leases.of_or_new(&key).unwrap_or_default();
        let mut changed = lease.lock().await;
        changed.add(3, 60_000, next, Moment::now());
        assert!(changed.spend(2, Moment::now()));
        drop(changed);
        for (ends, left) in [(first, 1), (next, 2)] {
            let counted = vec![Counted { key, amount: 1, ends }];
            leases.give_back(&Spending { counted, places: Vec::new() }).await;
            assert_eq!(lease.lock().await.left, left);
        }
    }
}

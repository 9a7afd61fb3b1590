//! Whose turn it is: how many calls are in flight, over all providers and of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::limits::Limits;
use super::pace::Habit;

pub(crate) struct Turns {
    all: Semaphore,
    of_each: usize,
    shares: Mutex<HashMap<String, Arc<Share>>>,
}

/// The turns that one provider may have at once, whatever version of it is called.
pub(super) struct Share {
    turns: Semaphore,
    pub(super) habit: Habit,
    /// What options that are checked by its schema wait for: one at a time.
    pub(super) checks: Arc<Semaphore>,
}

/// A turn, until it is dropped.
pub(super) struct Turn<'a> {
    _own: Option<SemaphorePermit<'a>>,
    _of_all: SemaphorePermit<'a>,
}

impl Turns {
    pub(super) fn new(limits: &Limits) -> Self {
        let of_each = limits.calls_of_one_provider.min(limits.calls_in_flight) as usize;
        Self { all: Semaphore::new(limits.calls_in_flight as usize), of_each, shares: Mutex::default() }
    }

    pub(super) fn share(&self, type_id: &str) -> Arc<Share> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let (turns, checks) = (Semaphore::new(self.of_each), Arc::new(Semaphore::new(1)));
            Share { turns, habit: Habit::new(), checks }
        };
        shares.entry(type_id.to_owned()).or_insert_with(|| Arc::new(new())).clone()
    }

    /// Waits among the calls of the same provider first, and only then among all: those that hang keep no other provider from its
    /// turn.
    pub(super) async fn take<'a>(&'a self, share: Option<&'a Share>) -> Option<Turn<'a>> {
        let own = match share {
            Some(share) => Some(share.turns.acquire().await.ok()?),
            None => None,
        };
        Some(Turn { _own: own, _of_all: self.all.acquire().await.ok()? })
    }
}

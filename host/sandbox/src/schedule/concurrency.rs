//! Limits the calls in flight, of all providers and of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::epoch_clock::Habit;
use crate::limits::SandboxLimits;

pub(crate) struct Concurrency {
    all: Semaphore,
    of_each: usize,
    shares: Mutex<HashMap<String, Arc<Share>>>,
}

/// The turns that one provider may have at once, whatever version of it is called.
pub(crate) struct Share {
    turns: Semaphore,
    pub(crate) habit: Habit,
    /// The semaphore for options that are checked by its schema: one at a time.
    pub(crate) checks: Arc<Semaphore>,
}

/// A turn, until it is dropped.
pub(crate) struct Turn<'a> {
    _own: Option<SemaphorePermit<'a>>,
    _of_all: SemaphorePermit<'a>,
}

impl Concurrency {
    pub(crate) fn new(limits: &SandboxLimits) -> Self {
        let of_each = limits.calls_of_one_provider.min(limits.calls_in_flight) as usize;
        Self { all: Semaphore::new(limits.calls_in_flight as usize), of_each, shares: Mutex::default() }
    }

    pub(crate) fn share(&self, type_id: &str) -> Arc<Share> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let (turns, checks) = (Semaphore::new(self.of_each), Arc::new(Semaphore::new(1)));
            Share { turns, habit: Habit::new(), checks }
        };
        shares.entry(type_id.to_owned()).or_insert_with(|| Arc::new(new())).clone()
    }

    /// Waits among the calls of the same provider first, and only then among all: those that hang keep no other provider from its
    /// turn.
    pub(crate) async fn take<'a>(&'a self, share: Option<&'a Share>) -> Option<Turn<'a>> {
        let own = match share {
            Some(share) => Some(share.turns.acquire().await.ok()?),
            None => None,
        };
        Some(Turn { _own: own, _of_all: self.all.acquire().await.ok()? })
    }
}

//! Limits the calls in flight and their memory, of all providers and of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::epoch_clock::Habit;
use super::memory::{CallMemory, SharedMemory};
use crate::limits::SandboxLimits;

pub(crate) struct Concurrency {
    all: Semaphore,
    of_each: usize,
    memory: Arc<SharedMemory>,
    memory_of_each: usize,
    shares: Mutex<HashMap<String, Arc<Share>>>,
}

/// The turns that one provider may have at the same time, whatever version of it is called.
pub(crate) struct Share {
    turns: Semaphore,
    memory: Arc<SharedMemory>,
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
        Self {
            all: Semaphore::new(limits.calls_in_flight as usize),
            of_each,
            memory: Arc::new(SharedMemory::new(limits.memory_of_all_calls_bytes)),
            memory_of_each: limits.memory_of_one_provider_bytes,
            shares: Mutex::default(),
        }
    }

    pub(crate) fn share(&self, type_id: &str) -> Arc<Share> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let (turns, checks) = (Semaphore::new(self.of_each), Arc::new(Semaphore::new(1)));
            let memory = Arc::new(SharedMemory::new(self.memory_of_each));
            Share { turns, memory, habit: Habit::new(), checks }
        };
        shares.entry(type_id.to_owned()).or_insert_with(|| Arc::new(new())).clone()
    }

    /// Returns the memory of a new call.
    pub(crate) fn memory(&self, share: Option<&Share>) -> CallMemory {
        let own = share.map(|share| share.memory.clone());
        CallMemory::new([Some(self.memory.clone()), own].into_iter().flatten().collect())
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

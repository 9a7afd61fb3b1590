//! Bounds how many notices are on their way at the same time: of all subscriptions, and of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many notices are sent at the same time.
const AT_ONCE: usize = 16;

/// How many of them may be of one subscription: its upstreams may hang, and the users of others must be told all the same.
const OF_EACH: usize = 4;

/// Permission to send notices.
pub(super) struct NoticeTurns {
    all: Arc<Semaphore>,
    of_each: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A turn, until it is dropped.
pub(super) struct NoticeTurn {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl NoticeTurns {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), of_each: Mutex::default() }
    }

    /// Waits among the notices of the same subscription first, and only then among all.
    pub(super) async fn take(&self, subscription: &str) -> Option<NoticeTurn> {
        let own = {
            let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds or waits for.
            of_each.retain(|_, one| Arc::strong_count(one) > 1);
            of_each.entry(subscription.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(OF_EACH))).clone()
        };
        let own = own.acquire_owned().await.ok()?;
        Some(NoticeTurn { _own: own, _of_all: self.all.clone().acquire_owned().await.ok()? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn notices_of_one_subscription_that_hang_leave_turns_for_others() {
        let turns = Arc::new(NoticeTurns::new());
        let mut hanging = Vec::new();
        for _ in 0..OF_EACH {
            hanging.push(turns.take("a").await.unwrap());
        }
        let others: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let turns = turns.clone();
                tokio::spawn(async move { turns.take("a").await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(others.iter().all(|one| !one.is_finished()));
        turns.take("b").await.unwrap();
        drop(hanging);
        for one in others {
            one.await.unwrap().unwrap();
        }
        turns.take("c").await.unwrap();
        assert_eq!(turns.of_each.lock().unwrap().len(), 1, "what nobody uses is forgotten");
    }
}

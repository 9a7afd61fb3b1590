//! Bounds how many notices are on their way at the same time: of all subscriptions, and of each.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::challenge::{Turn, Turns};

/// How many notices are sent at the same time.
const AT_ONCE: usize = 16;

/// How many of them may be of one subscription where there are several: its upstreams may hang, and the users of others must be told all
/// the same.
const OF_EACH: usize = 4;

/// Permission to send notices.
pub(super) struct NoticeTurns {
    all: Arc<Semaphore>,
    of_each: Turns,
}

impl NoticeTurns {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), of_each: Turns::default() }
    }

    /// Waits among the notices of the same subscription first, and only then among all.
    pub(super) async fn take(&self, subscription: &str, is_only_one: bool) -> Option<[Turn; 2]> {
        let most = if is_only_one { AT_ONCE } else { OF_EACH };
        let own = self.of_each.take(subscription.to_owned(), most).await?;
        Some([own, self.all.clone().acquire_owned().await.ok()?])
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
            hanging.push(turns.take("a", false).await.unwrap());
        }
        let others: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let turns = turns.clone();
                tokio::spawn(async move { turns.take("a", false).await.map(drop) })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(others.iter().all(|one| !one.is_finished()));
        drop(turns.take("b", false).await.unwrap());
        drop(hanging);
        for one in others {
            one.await.unwrap().unwrap();
        }
    }
}

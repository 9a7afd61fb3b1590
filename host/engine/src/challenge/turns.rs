//! Concurrency permits per key, so that hanging calls of one key cannot block others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use twofactor_sandbox::{DeliveryFailure, Reason, SandboxLimits};

/// The turns that are taken or waited for, by key and number of turns.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<(String, usize), Arc<Semaphore>>>);

/// A turn, until it is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

impl Turns {
    /// Waits for one of the `most` turns of a key, behind those who waited before.
    pub(crate) async fn take(&self, key: String, most: usize) -> Option<Turn> {
        let turns = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody has or waits for.
            all.retain(|_, one| Arc::strong_count(one) > 1);
            all.entry((key, most)).or_insert_with(|| Arc::new(Semaphore::new(most))).clone()
        };
        turns.acquire_owned().await.ok()
    }

    /// Waits for a turn of a subscription among the calls of a type that wait for an upstream, as long as a call may wait.
    ///
    /// # Errors
    /// If there was none: nothing was sent.
    pub(super) async fn take_of_type(
        &self,
        (type_id, whose): (&str, &str),
        subscriptions: u32,
        limits: &SandboxLimits,
    ) -> Result<Turn, DeliveryFailure> {
        let turns = limits.calls_of_one_provider.min(limits.calls_in_flight);
        let most = turns.div_ceil(subscriptions.clamp(1, SHARES));
        let taking = self.take(format!("{type_id} {whose}"), most as usize);
        match tokio::time::timeout(limits.queue_time, taking).await {
            Ok(Some(turn)) => Ok(turn),
            // As the sandbox says it.
            Ok(None) | Err(_) => {
                let reason = Reason::new(Reason::BUSY, "too many calls are in flight");
                Err(DeliveryFailure::RetryLater { after_seconds: None, reason })
            }
        }
    }
}

/// One subscription of this many or more has that part of the turns of a type. Of fewer, each has an equal part.
pub(super) const SHARES: u32 = 4;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn calls_of_one_subscription_that_hang_leave_turns_for_others() {
        let mut limits = SandboxLimits::default();
        (limits.calls_of_one_provider, limits.queue_time) = (8, Duration::from_millis(20));
        for (subscriptions, most) in [(0, 8), (1, 8), (2, 4), (4, 2), (100, 2)] {
            let turns = Turns::default();
            let take = |whose: &'static str| turns.take_of_type(("email", whose), subscriptions, &limits);
            let mut hanging = Vec::new();
            for _ in 0..most {
                hanging.push(take("a").await.unwrap());
            }
            let busy = take("a").await.unwrap_err();
            assert!(busy.is_of_the_host(), "{busy:?}");
            drop(take("b").await.unwrap());
            drop(hanging);
            drop(take("a").await.unwrap());
            assert_eq!(turns.0.lock().unwrap().len(), 1, "what nobody uses is forgotten");
        }
    }
}

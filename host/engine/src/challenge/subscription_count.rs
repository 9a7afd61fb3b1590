//! How many subscriptions share the totals of the installation.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::store::{Part, Store};

/// How long a count is used: the parts of subscriptions do not have to change immediately when one is added.
const COUNT_AGE: Duration = Duration::from_secs(60);

/// The last count.
#[derive(Default)]
pub(super) struct SubscriptionCount(Mutex<Option<(Instant, u32)>>);

impl SubscriptionCount {
    /// Returns how many subscriptions there are, at most `most`.
    pub(super) async fn get(&self, store: &dyn Store, most: u32) -> Result<u32, Error> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, count)) = last
            && at.elapsed() < COUNT_AGE
        {
            return Ok(count);
        }
        let count = store.subscriptions(None, Part { after: None, limit: most }).await?.len();
        let count = u32::try_from(count).unwrap_or(most);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), count));
        Ok(count)
    }
}

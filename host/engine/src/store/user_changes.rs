//! How often the factors, verified addresses and temporary passes of a user have changed.
//!
//! A change is: a factor is added, suspended, resumed or ended, an address is verified or removed, a pass is issued or ended, or the user
//! is reset. The use of a factor or a pass is none. Whatever begins with a proof reads the count before the proof is checked, and passes
//! it to the transaction in which it ends. If anything has changed in between, the proof may no longer be enough, and that transaction
//! changes nothing.

use async_trait::async_trait;

use super::{BucketKey, Result};

/// Counts changes of users. Each change counts itself, in its own transaction.
#[async_trait]
pub trait UserChangeStore {
    /// Returns how often the factors, verified addresses and passes of a user have changed.
    async fn user_changes(&self, person: BucketKey) -> Result<u64>;
}

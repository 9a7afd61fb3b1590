//! Subscriptions: the owners of instances.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Part, Removal, Result, Update};

/// A subscription, which owns instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Chosen by the operator; never changes.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Stores subscriptions.
#[async_trait]
pub trait SubscriptionStore {
    /// Adds a subscription. A conflict if its id is taken.
    async fn create_subscription(&self, subscription: Subscription) -> Result<()>;

    /// Returns subscriptions in the order of their ids: all, or those of `among` that exist.
    async fn subscriptions(&self, among: Option<Vec<String>>, part: Part<String>) -> Result<Vec<Subscription>>;

    /// Returns one subscription.
    async fn subscription(&self, id: &str) -> Result<Option<Subscription>>;

    /// Replaces a subscription if its revision is still `expected_revision`. `subscription` holds the new revision. The id
    /// and `created_at` do not change.
    async fn update_subscription(&self, subscription: Subscription, expected_revision: u64) -> Result<Update>;

    /// Removes a subscription with its directory and its sign-in page, if its revision is still `expected_revision`.
    ///
    /// It is in use while it has an instance, or while an account or a token that is valid at `now` is bound to it: that
    /// account or token would gain access to the next subscription with this id. What its users held stays: the engine uses no id twice.
    async fn delete_subscription(&self, id: &str, expected_revision: u64, now: Timestamp) -> Result<Removal>;
}

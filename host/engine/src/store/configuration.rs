//! Several changes of the configuration, applied together.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    AssignmentRecord, BaseSettingsRecord, DirectoryRecord, InstanceRecord, Result, SignInPageRecord, Subscription,
    Update,
};

/// A change of the configuration. Each variant does what the method of the same name does. A number is the expected revision.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "few exist at a time, for a moment")]
pub enum ConfigurationChange {
    /// Adds a subscription.
    CreateSubscription(Subscription),
    /// Replaces a subscription.
    UpdateSubscription(Subscription, u64),
    /// Adds an instance.
    InsertInstance(InstanceRecord),
    /// Replaces an instance.
    UpdateInstance(InstanceRecord, u64),
    /// Removes an instance and its assignments, and ends its factors.
    DeleteInstance(String, u64, Timestamp),
    /// Replaces all assignments of an instance.
    SetAssignments(String, Vec<AssignmentRecord>, u64),
    /// Adds and replaces entries of a subscription's directory.
    PutDirectory(String, Vec<DirectoryRecord>),
    /// Replaces the installation's options for a type.
    SetBaseSettings(String, BaseSettingsRecord),
    /// Replaces the settings of a subscription's sign-in page.
    SetSignInPage(SignInPageRecord, u64),
}

/// Stores several changes of the configuration in one transaction.
#[async_trait]
pub trait ConfigurationStore {
    /// Applies changes in their order: all of them, or none if one of them is stale or a conflict, or if a subscription to which they add
    /// instances would have more than `most_instances` then.
    async fn apply_changes(&self, changes: Vec<ConfigurationChange>, most_instances: u32) -> Result<Update>;
}

/// Returns the subscriptions to which changes add instances.
pub(super) fn growing(changes: &[ConfigurationChange]) -> BTreeSet<&str> {
    let mut growing = BTreeSet::new();
    for change in changes {
        if let ConfigurationChange::InsertInstance(instance) = change {
            growing.insert(&*instance.subscription);
        }
    }
    growing
}

//! Changes to what is configured, to be made together.

use super::{AssignmentRecord, BaseSettingsRecord, DirectoryRecord, InstanceRecord, SignInPageRecord, Subscription};

/// A change as the method of [`super::Store`] of its name makes it. A number is the revision that is expected.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "few of them, for a moment")]
pub enum ConfigurationChange {
    /// Adds a subscription.
    CreateSubscription(Subscription),
    /// Replaces a subscription.
    UpdateSubscription(Subscription, u64),
    /// Adds an instance.
    InsertInstance(InstanceRecord),
    /// Replaces an instance.
    UpdateInstance(InstanceRecord, u64),
    /// Removes an instance and its assignments.
    DeleteInstance(String, u64),
    /// Replaces all assignments of an instance.
    SetAssignments(String, Vec<AssignmentRecord>, u64),
    /// Adds and replaces entries of a subscription's directory.
    PutDirectory(String, Vec<DirectoryRecord>),
    /// Replaces the installation's options for a type.
    SetBaseSettings(String, BaseSettingsRecord),
    /// Sets a subscription's sign-in page.
    SetSignInPage(SignInPageRecord, u64),
}

//! The directory: names of what instances can be assigned to.

use async_trait::async_trait;

use super::{AssignmentKind, AssignmentRecord, InstanceRecord, Part, Removal, Result, Update};

/// A target that instances can be assigned to, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryRecord {
    /// Its kind and id.
    pub target: AssignmentRecord,
    /// Display name, if one was given.
    pub name: Option<String>,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
}

/// Stores directories, one for each subscription.
#[async_trait]
pub trait DirectoryStore {
    /// Returns a subscription's directory, in the order of kind and id. `kind` selects one kind, `search` a text that occurs
    /// in the id or the name, in any case.
    async fn directory(
        &self,
        subscription: &str,
        kind: Option<AssignmentKind>,
        search: &str,
        part: Part<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>>;

    /// Returns those of `targets` that are in a subscription's directory.
    async fn directory_entries(
        &self,
        subscription: &str,
        targets: Vec<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>>;

    /// Returns a subscription's instances that are assigned to a target, in the order of their names.
    async fn instances_assigned(&self, subscription: &str, target: AssignmentRecord) -> Result<Vec<InstanceRecord>>;

    /// Adds and replaces entries if the revision of each is still the one before its own; 0 stands for no entry. All entries
    /// are written, or none. A conflict if the subscription does not exist.
    async fn put_directory(&self, subscription: &str, entries: Vec<DirectoryRecord>) -> Result<Update>;

    /// Removes an entry if its revision is still `expected_revision`. It is in use while an instance is assigned to it.
    async fn delete_directory_entry(
        &self,
        subscription: &str,
        target: AssignmentRecord,
        expected_revision: u64,
    ) -> Result<Removal>;
}

//! Instances, their assignments, and the base service settings of their types.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Part, Result, Update};

/// A TwoFactor instance.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceRecord {
    /// Opaque, unique over all subscriptions.
    pub id: String,
    /// The subscription that owns it.
    pub subscription: String,
    /// The provider's type.
    pub type_id: String,
    /// Display name.
    pub name: String,
    /// Whether it may be used.
    pub active: bool,
    /// Its options, sealed.
    pub options: serde_json::Value,
    /// Its own policy, if any.
    pub policy: Option<serde_json::Value>,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The kind of an assignment's target, least specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssignmentKind {
    /// A tenant.
    Tenant,
    /// An identity provider.
    Idp,
    /// A client application.
    ClientApplication,
    /// One user.
    User,
}

impl AssignmentKind {
    /// Returns its name in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Idp => "idp",
            Self::ClientApplication => "client_application",
            Self::User => "user",
        }
    }
}

/// A target that an instance is assigned to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssignmentRecord {
    /// The kind of the target.
    pub kind: AssignmentKind,
    /// Its id, as the host application names it.
    pub target: String,
}

/// The assignments of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignmentsRecord {
    /// Counts how often the assignments were replaced.
    pub revision: u64,
    /// The targets, each with its name in the directory.
    pub targets: Vec<(AssignmentRecord, Option<String>)>,
}

/// The installation's options for a type.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseSettingsRecord {
    /// The options, sealed.
    pub options: serde_json::Value,
    /// Counts changes, from 1.
    pub revision: u64,
}

/// The targets that a sign-in belongs to. `Debug` does not show the user.
#[derive(Clone, Copy, Default)]
pub struct Targets<'a> {
    /// The tenant.
    pub tenant: Option<&'a str>,
    /// The identity provider.
    pub idp: Option<&'a str>,
    /// The client application.
    pub client_application: Option<&'a str>,
    /// The user.
    pub user: Option<&'a str>,
}

impl std::fmt::Debug for Targets<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tenant, idp, client_application, user: _ } = self;
        let mut shown = f.debug_struct("Targets");
        shown.field("tenant", tenant).field("idp", idp).field("client_application", client_application);
        shown.finish_non_exhaustive()
    }
}

/// The result of [`InstanceStore::insert_instance`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceInserted {
    /// It was added.
    Inserted,
    /// Its subscription has as many instances as allowed.
    TooMany,
}

/// Stores instances, their assignments, and base service settings.
#[async_trait]
pub trait InstanceStore {
    /// Adds an instance, unless its subscription would have more than `most` then. A conflict if its id is taken or its subscription is
    /// unknown.
    async fn insert_instance(&self, instance: InstanceRecord, most: u32) -> Result<InstanceInserted>;

    /// Returns one instance, of any subscription.
    async fn instance(&self, id: &str) -> Result<Option<InstanceRecord>>;

    /// Returns which of these instances exist.
    async fn existing_instances(&self, among: Vec<String>) -> Result<Vec<String>>;

    /// Returns a subscription's instances, the oldest first; those of one moment in the order of their ids.
    async fn instances(&self, subscription: &str, part: Part<(Timestamp, String)>) -> Result<Vec<InstanceRecord>>;

    /// Replaces an instance if its revision is still `expected_revision`. `instance` holds the new revision. The id, the
    /// subscription, the type and `created_at` do not change.
    async fn update_instance(&self, instance: InstanceRecord, expected_revision: u64) -> Result<Update>;

    /// Removes an instance and its assignments, and ends its factors, if its revision is still `expected_revision`.
    async fn delete_instance(&self, id: &str, expected_revision: u64, now: Timestamp) -> Result<Update>;

    /// Returns the assignments of an instance; none if the instance does not exist.
    async fn assignments(&self, instance: &str) -> Result<AssignmentsRecord>;

    /// Replaces all assignments of an instance if their revision is still `expected_revision`, and increments that revision.
    /// Targets that the subscription's directory lacks are added to it, without a name.
    ///
    /// Also stale if the instance does not exist.
    async fn set_assignments(
        &self,
        instance: &str,
        assignments: Vec<AssignmentRecord>,
        expected_revision: u64,
    ) -> Result<Update>;

    /// Returns a subscription's instances, active or not, that are assigned to one of `targets`: each once, with the base
    /// settings of its type. Those with the most specific assignment come first; ties are in the order of their names.
    async fn assigned(
        &self,
        subscription: &str,
        targets: Targets<'_>,
    ) -> Result<Vec<(InstanceRecord, Option<BaseSettingsRecord>)>>;

    /// Returns the installation's options for a type.
    async fn base_settings(&self, type_id: &str) -> Result<Option<BaseSettingsRecord>>;

    /// Replaces the installation's options for a type if their revision is still the one before that of `settings`; 0 stands
    /// for no settings.
    async fn set_base_settings(&self, type_id: &str, settings: BaseSettingsRecord) -> Result<Update>;
}

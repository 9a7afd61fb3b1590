//! What the store keeps, as plain values.
//!
//! Nothing here is readable without the keyring where it matters: secret options are sealed by the instance room,
//! codes are MACs, people and addresses are keyed hashes or sealed blobs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keyring::KeyId;

/// An owner of instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Chosen by the operator; never changes.
    pub id: String,
    /// For people.
    pub name: String,
    /// Counts changes, from 1.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Which part of a list is wanted: what comes after a key, at most so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<K> {
    /// The key of the last one that is known already.
    pub after: Option<K>,
    /// How many at most.
    pub limit: u32,
}

impl<K> Part<K> {
    /// The whole list.
    pub fn whole() -> Self {
        Self { after: None, limit: u32::MAX }
    }
}

/// What became of a wish to remove something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Done,
    /// It was changed since it was read, or is not there any more.
    PassedOver,
    /// Something depends on it.
    InUse,
}

/// A configured factor of a type.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceRecord {
    /// Opaque, unique over all subscriptions.
    pub id: String,
    /// Who owns it.
    pub subscription: String,
    /// The provider's type.
    pub type_id: String,
    /// For people.
    pub name: String,
    /// Whether it may be used.
    pub active: bool,
    /// Its options, secrets sealed in place.
    pub options: serde_json::Value,
    /// Its own policy, if it has one.
    pub policy: Option<serde_json::Value>,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What an instance can be assigned to, the least specific first.
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
    /// The word that stands for it in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Idp => "idp",
            Self::ClientApplication => "client_application",
            Self::User => "user",
        }
    }
}

/// One target an instance is assigned to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssignmentRecord {
    /// What the target is.
    pub kind: AssignmentKind,
    /// Its id, as the host application names it.
    pub target: String,
}

/// What an instance is assigned to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignmentsRecord {
    /// Counts how often the assignments were replaced.
    pub revision: u64,
    /// The targets, each with its name in the directory.
    pub targets: Vec<(AssignmentRecord, Option<String>)>,
}

/// Something that instances can be assigned to, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryRecord {
    /// What it is, and its id.
    pub target: AssignmentRecord,
    /// For people, if somebody said one.
    pub name: Option<String>,
    /// Counts changes, from 1.
    pub revision: u64,
}

/// Options for a type, for the whole installation.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseSettingsRecord {
    /// The options, secrets sealed in place.
    pub options: serde_json::Value,
    /// Counts changes, from 1.
    pub revision: u64,
}

/// The four things a sign-in can be assigned by. `Debug` does not show the user.
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

/// A provider's component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRecord {
    /// SHA-256 of `component`, in hex.
    pub digest: String,
    /// The type it serves.
    pub type_id: String,
    /// The bytes.
    pub component: Vec<u8>,
    /// The minisign signature that came with it.
    pub signature: Option<String>,
    /// When it was added.
    pub added_at: Timestamp,
    /// That whoever put it here has the installation's keys: over all of the above.
    pub seal: Vec<u8>,
}

/// What tells a provider that was added from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMark {
    /// The type it serves.
    pub type_id: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// When it was added.
    pub added_at: Timestamp,
}

/// An access token, of which only the digest is known.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Names the token in lists and in the audit log.
    pub id: String,
    /// For people.
    pub name: String,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// Its role, as JSON.
    pub role: String,
    /// The subscriptions it is bound to.
    pub subscriptions: Vec<String>,
    /// Whether it is an application's: then whoever administers its subscription sees it.
    pub application: bool,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl std::fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenRecord").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// One line of the audit log, chained to the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done, such as `instance.update`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// More, without secrets.
    pub detail: String,
    /// Which key `mac` was made with.
    pub key: KeyId,
    /// Over this line and the `mac` of the line before.
    pub mac: [u8; 32],
}

/// Which line of the audit log is the last, kept apart from the lines: a cut-off tail shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The line's number.
    pub seq: u64,
    /// The line's MAC.
    pub mac: [u8; 32],
    /// Which key `seal` was made with.
    pub key: KeyId,
    /// A MAC over `seq` and `mac`: whoever cuts lines off cannot make an earlier one the last.
    pub seal: [u8; 32],
}

/// A key of the keyring that something in this store depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInUse {
    /// Which key.
    pub id: KeyId,
    /// A MAC over a constant: tells a wrong secret under the right id.
    pub check: [u8; 32],
}

/// How often something happened with an instance in an hour: see [`crate::Statistic`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticRecord {
    /// When the hour began.
    pub hour: Timestamp,
    /// Whose instance.
    pub subscription: String,
    /// The instance.
    pub instance: String,
    /// What happened.
    pub event: String,
    /// More of it.
    pub label: String,
    /// How often.
    pub count: u64,
    /// When for the last time.
    pub last: Timestamp,
}

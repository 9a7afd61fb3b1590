//! Configuration as code: a document that says what subscriptions and base service settings there are, taken out of an
//! installation and brought into one.
//!
//! What a document names is made so; what it does not name stays. Tokens, accounts, providers and challenges are not part of it.

mod export;
mod import;
mod plan;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use import::{Planned, Sign};
pub use secrets::{ExportedSecrets, Reference};

use crate::sign_in::SignInPage;
use crate::store::AssignmentKind;

/// The form of documents that this version writes and reads.
const FORM: u32 = 1;

/// Subscriptions and base service settings. `Debug` shows no options.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The form of the document: 1.
    pub twofactor: u32,
    /// Options by type, for the whole installation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub base_settings: BTreeMap<String, Value>,
    /// By id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subscriptions: BTreeMap<String, SubscriptionDocument>,
}

/// A subscription with what belongs to it. `Debug` shows no options.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionDocument {
    /// For people.
    pub name: String,
    /// How its sign-in page is set. Left out, that stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_page: Option<SignInPage>,
    /// Names of what instances are assigned to, by kind and id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub directory: BTreeMap<AssignmentKind, BTreeMap<String, String>>,
    /// By id: 1 to 64 letters, digits, `-`, `_` or `.`, the only one in the installation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub instances: BTreeMap<String, InstanceDocument>,
}

/// A TwoFactor instance with what it is assigned to. `Debug` shows no options.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceDocument {
    /// The type, which names the provider. It never changes.
    #[serde(rename = "type")]
    pub type_id: String,
    /// For people.
    pub name: String,
    /// Whether sign-ins may use it; `true`.
    #[serde(default = "yes")]
    pub active: bool,
    /// Its own options. In place of a secret there may be what stands for it, see [`ExportedSecrets`].
    #[serde(default = "nothing")]
    pub options: Value,
    /// Its own policy, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// All that it is assigned to, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub assigned: BTreeMap<AssignmentKind, BTreeSet<String>>,
}

fn yes() -> bool {
    true
}

fn nothing() -> Value {
    Value::Object(Default::default())
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("subscriptions", &self.subscriptions).finish_non_exhaustive()
    }
}

impl fmt::Debug for InstanceDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceDocument")
            .field("type", &self.type_id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

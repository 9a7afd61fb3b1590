//! Configuration as code: a document that describes subscriptions and base service settings,
//! exported from an installation and imported into one.
//!
//! An import creates and changes what the document contains; everything else stays. Tokens,
//! accounts, providers and challenges are not part of it.

mod export;
mod import;
mod plan;
mod secrets;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use secrets::{ExportedSecrets, Reference};
pub use step::{Planned, Sign};

use crate::sign_in::SignInPage;
use crate::store::AssignmentKind;

/// The format version of documents that this version writes and reads.
const FORM: u32 = 1;

/// Subscriptions and base service settings. `Debug` shows no options.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The format version of the document: 1.
    pub twofactor: u32,
    /// Options by type, for the whole installation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub base_settings: BTreeMap<String, Value>,
    /// By id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subscriptions: BTreeMap<String, SubscriptionDocument>,
}

/// A subscription and what belongs to it. `Debug` shows no options.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionDocument {
    /// The display name.
    pub name: String,
    /// The settings of its sign-in page. If missing, they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_page: Option<SignInPage>,
    /// Display names of assignment targets, by kind and id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub directory: BTreeMap<AssignmentKind, BTreeMap<String, String>>,
    /// By id: 1 to 64 letters, digits, `-`, `_` or `.`, unique in the installation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub instances: BTreeMap<String, InstanceDocument>,
}

/// A TwoFactor instance with its assignments. `Debug` shows no options.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceDocument {
    /// The type, which names the provider. It never changes.
    #[serde(rename = "type")]
    pub type_id: String,
    /// The display name.
    pub name: String,
    /// Whether sign-ins may use it. Default: `true`.
    #[serde(default = "yes")]
    pub active: bool,
    /// Its own options. A secret may be represented as in [`ExportedSecrets`].
    #[serde(default = "nothing")]
    pub options: Value,
    /// Its own policy, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// All its assignments, by kind.
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

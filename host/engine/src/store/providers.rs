//! Components of providers: a stack for each type, whose topmost component is in use.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Result, Update};

/// How many components of a type are kept: the one in use and those before it.
pub const PROVIDERS_KEPT: u32 = 5;

/// A component of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRecord {
    /// SHA-256 of `component`, in hexadecimal.
    pub digest: String,
    /// The type it serves.
    pub type_id: String,
    /// The bytes of the component.
    pub component: Vec<u8>,
    /// The minisign signature that came with it.
    pub signature: Option<String>,
    /// When it was added.
    pub added_at: Timestamp,
    /// A MAC over all of the above. It proves that it was added by a process with the installation's keys.
    pub seal: Vec<u8>,
}

/// Identifies a component that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMark {
    /// The type it serves.
    pub type_id: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// When it was added.
    pub added_at: Timestamp,
}

/// Stores components of providers.
#[async_trait]
pub trait ProviderStore {
    /// Adds a component on top of those of its type if the topmost has the digest `replaces`; `None` stands for no component.
    /// The last [`PROVIDERS_KEPT`] of a type are kept.
    async fn push_provider(&self, provider: ProviderRecord, replaces: Option<&str>) -> Result<Update>;

    /// Removes the topmost component of a type if it has this digest.
    async fn pop_provider(&self, type_id: &str, digest: &str) -> Result<Update>;

    /// Removes all components of a type if the topmost has this digest.
    async fn remove_providers(&self, type_id: &str, digest: &str) -> Result<Update>;

    /// Returns the topmost component of a type and the one below it.
    async fn top_providers(&self, type_id: &str) -> Result<(Option<ProviderRecord>, Option<ProviderRecord>)>;

    /// Returns the marks of the topmost components, in the order of their types.
    async fn provider_marks(&self) -> Result<Vec<ProviderMark>>;
}

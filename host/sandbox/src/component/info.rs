//! Information on a loaded component, and the error if one cannot be loaded.

use jiff::Timestamp;
use serde::Serialize;

use super::capability::Capability;
use super::manifest::Manifest;

/// Information on a loaded component: its manifest, and facts that the host determined.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ProviderInfo {
    /// Its manifest.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// SHA-256 of the component, in hexadecimal. The bytes that were hashed are those that run.
    pub digest: String,
    /// The names of the interfaces it imports.
    pub imports: Vec<String>,
    /// What its imports and its manifest allow it to do.
    pub capabilities: Vec<Capability>,
    /// The trusted key that signed it, by the operator's name for the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// When it was added; `None` for one that comes with the program or its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_at: Option<Timestamp>,
}

/// The reason why a component was not loaded, and what to do. Of the component it repeats only names.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(String);

impl LoadError {
    /// Creates an error that says why, in a sentence.
    pub fn new(why: String) -> Self {
        Self(why)
    }
}

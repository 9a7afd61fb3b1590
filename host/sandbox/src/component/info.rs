//! What is known of a loaded component, and why one was not loaded.

use jiff::Timestamp;
use serde::Serialize;

use super::capability::Capability;
use super::manifest::Manifest;

/// What is known of a provider.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ProviderInfo {
    /// What it says of itself.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// SHA-256 of the component, in hexadecimal: the bytes that were hashed are those that run.
    pub digest: String,
    /// The names of the interfaces it imports.
    pub imports: Vec<String>,
    /// What these imports, and what its manifest asks for, let it do.
    pub capabilities: Vec<Capability>,
    /// Whose signature it carries, of those that this installation trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// When it was added; `None` for one that comes with the program or its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_at: Option<Timestamp>,
}

/// Why a component was not loaded, in a sentence that says what to do. Holds nothing of the component but names.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(String);

impl LoadError {
    /// An error that says why, in a sentence.
    pub fn new(why: String) -> Self {
        Self(why)
    }
}

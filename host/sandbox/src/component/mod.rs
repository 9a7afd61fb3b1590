//! What is known of a component without calling it: its imports, its manifest, who signed it, and its compiled code.

pub(crate) mod capability;
mod changes;
pub(crate) mod code_cache;
pub(crate) mod imports;
mod info;
mod manifest;
mod signers;

pub use capability::Capability;
pub use changes::ProviderChanges;
pub use code_cache::{CacheSeal, CodeCache};
pub use info::{LoadError, ProviderInfo};
pub use manifest::{Manifest, RecipientKind};
pub use signers::{SignerError, Signers};

//! Providers: components that are loaded, asked who they are, judged by what they import, and called.
//!
//! The way of a component: bytes are hashed, compiled or found in the [`cache`], their [`imports`] compared
//! with what a provider may have, and their manifest read. Each [`call`] then gets a fresh instance under
//! the bounds of [`limits`].

mod bindings;
mod cache;
mod call;
mod capability;
mod changes;
mod egress;
mod engine;
mod imports;
mod limits;
mod load;
mod manifest;
mod outcome;
mod pace;
mod placeholder;
mod report;
mod schema;
mod signers;
mod slice;
mod speech;
mod state;
mod steady;
mod turns;
mod validation;
mod verification;
mod wasi_http;

pub use cache::{CacheSeal, CodeCache};
pub(crate) use call::CallFailure;
pub use capability::Capability;
pub use changes::ProviderChanges;
pub use engine::{Sandbox, SandboxError};
pub use limits::Limits;
pub use load::LoadError;
pub use load::{Provider, ProviderInfo};
pub use manifest::{Manifest, RecipientKind};
pub use outcome::{Begun, DeliveryFailure, Message, Problem, Reason, Receipt, Sent, Verdict};
pub use report::Fate;
pub use schema::{OptionsSchema, escape};
pub use signers::{SignerError, Signers};
pub use slice::on_thread_start;
pub(crate) use validation::Schema;
pub use verification::CODE_LENGTHS;

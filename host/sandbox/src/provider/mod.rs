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

pub(crate) use call::CallFailure;
pub use capability::Capability;
pub use changes::ProviderChanges;
pub(crate) use engine::Sandbox;
pub use limits::Limits;
pub use load::LoadError;
pub(crate) use load::Provider;
pub use load::ProviderInfo;
pub use manifest::{Manifest, RecipientKind};
pub(crate) use outcome::Sent;
pub use outcome::{Begun, DeliveryFailure, Message, Problem, Reason, Receipt, Verdict};
pub use report::Fate;
pub(crate) use schema::{OptionsSchema, escape};
pub use signers::{SignerError, Signers};
pub use slice::on_thread_start;
pub(crate) use validation::Schema;
pub(crate) use verification::CODE_LENGTHS;

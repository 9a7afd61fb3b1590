//! Tools for authors of providers: make a project, check a component against the contract, try it with a real upstream, inspect it.
//!
//! The binary `twofactor-toolkit` has these commands only. `twofactor provider` has them beside those that need a server's store.

pub mod body_texts;
mod cassette;
mod check;
mod command;
mod compile_cache;
mod credentials;
mod inspect;
mod new;
pub mod output;
mod phone_number;
mod sample;
mod try_provider;
pub mod wording;

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

pub use cassette::{Cassette, RecordedResponse};
pub use check::{CheckArgs, Finding, Report, Verdict, check, check_component};
pub use command::Command;
pub use compile_cache::CompileCacheArgs;
pub use credentials::is_token_request;
pub use inspect::inspect;
pub use new::{Language, ProjectKind, new};
pub use try_provider::{TryArgs, try_provider};

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn read_options(file: &Path) -> anyhow::Result<Value> {
    serde_json::from_slice(&read(file)?).with_context(|| format!("{} is not JSON", file.display()))
}

//! `twofactor provider`: what an author and an operator do with a component before it serves anybody.

mod add;
mod attempt;
mod cache;
mod cassette;
mod check;
mod credentials;
mod inspect;
mod new;
mod phone_number;

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

pub use add::{Addition, add, list, remove, roll_back};
pub use attempt::attempt;
pub use cache::Cache;
pub(crate) use cassette::{Answer as RecordedAnswer, Cassette};
pub use check::{Check, check};
pub(crate) use credentials::is_token_request;
pub use inspect::inspect;
pub use new::{Language, new};

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn read_options(file: &Path) -> anyhow::Result<Value> {
    serde_json::from_slice(&read(file)?).with_context(|| format!("{} is not JSON", file.display()))
}

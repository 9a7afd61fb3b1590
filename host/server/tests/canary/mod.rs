//! What the search for canaries works with: a server that is listened to, and upstreams that repeat what they are told.

mod mail;
mod memory;
mod search;
mod upstream;
mod watched;

pub(crate) use mail::MailServer;
pub(crate) use memory::Watch;
pub(crate) use search::Canaries;
pub(crate) use upstream::{ACCESS_TOKEN, Quote, Scene, Upstream};
pub(crate) use watched::Watched;

//! The parts of the search for canaries: a server whose output is recorded, and upstreams that
//! repeat what they receive.

mod mail;
mod memory;
mod upstream;
mod watched;

pub(crate) use mail::MailServer;
pub(crate) use memory::Watch;
pub(crate) use twofactor_tests::canaries::Canaries;
pub(crate) use upstream::{ACCESS_TOKEN, Quote, Scene, Upstream};
pub(crate) use watched::Watched;

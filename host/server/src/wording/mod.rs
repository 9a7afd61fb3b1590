//! What the engine says as data, in sentences: for the REST API and the command line in English, for the admin UI in its language.

mod audit;
mod capability;
mod connection;
mod german;
mod language;
mod message;
mod policy;
mod sentence;

pub(crate) use audit::{action, actions, details};
pub(crate) use capability::capabilities;
pub(crate) use connection::{connection, destination};
pub(crate) use language::{LANGUAGE_COOKIE, Language};
pub(crate) use message::{challenge_state, limit, outcome, outcome_kind};
pub(crate) use policy::policy_warning;
pub(crate) use sentence::{sentence, spoken};

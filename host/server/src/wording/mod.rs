//! Words the engine's data: in English for the REST API and the command line, in the reader's
//! language for the admin UI.

mod audit;
mod capability;
mod connection;
mod factor;
mod german;
mod language;
mod message;
mod policy;
mod sentence;

pub(crate) use audit::{action, actions, details};
pub(crate) use capability::{capabilities, capability};
pub(crate) use connection::{connection, destination};
pub(crate) use factor::{address_kind, factor_facts, factor_status, factor_type, user_event, uuid};
pub(crate) use language::{LANGUAGE_COOKIE, Language};
pub(crate) use message::{challenge_state, limit, outcome, outcome_kind};
pub(crate) use policy::policy_warning;
pub(crate) use sentence::{sentence, spoken};

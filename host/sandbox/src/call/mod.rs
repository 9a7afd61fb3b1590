//! One call of a component: a fresh instance, with all limits in force and its texts redacted.

mod effects;
mod hide;
mod host_functions;
mod log;
mod outcome;
mod outside;
mod price;
mod run;
mod sandbox;
mod state;
mod wasi_http;

pub(crate) use hide::{CallRedactor, GivenOptions, NoPlaceholder, Placeholder};
pub(crate) use log::CallLog;
pub(crate) use outcome::LONGEST_WAIT;
pub use outcome::{
    DeliveryFailure, DeliveryReport, DeliveryStatus, Message, Reason, Receipt, Sent, StartedVerification, Verdict,
};
pub use price::Price;
pub(crate) use run::{Call, CallFailure};
pub use sandbox::{Sandbox, SandboxError};
pub(crate) use state::State;

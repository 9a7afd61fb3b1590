//! Factors that a person holds: the input and the results of a factor component, in the host's own types, and the checks that
//! every result passes.
//!
//! A component is not trusted: what it returns has a bounded size and satisfies the comments of `wit/factor/`, or the call fails.

pub(crate) mod bounds;
pub(crate) mod checked;
mod code_format;
mod context;
mod facts;
mod manifest;
mod outcome;
mod state;

pub use code_format::{CodeAlphabet, CodeFormat};
pub use context::{FactorContext, FactorUser, Requirements, Site, TrustedAuthenticator, UserVerification};
pub use facts::{FactorFacts, UnmetRequirement};
pub use manifest::{AnswerKind, FactorManifest};
pub use outcome::{
    AcceptedAnswer, BegunEnrolment, BegunFactorChallenge, EnrolledFactor, EnrolmentVerdict, FactorVerdict, Observation,
    Reveal, Signal, SignalKind, Suspicion,
};
pub use state::{FactorState, StateError};

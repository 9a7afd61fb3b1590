//! The trait [`Factor`] and its metadata.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    Accepted, AnswerKind, BegunChallenge, BegunEnrolment, CodeFormat, Context, Enrolled, EnrolmentError, Problem,
    Signal, Site, VerificationError,
};

/// A kind of factor that a person holds.
pub trait Factor {
    /// The options of an instance. Their JSON Schema is derived: doc comments become descriptions. None is a secret.
    type Options: DeserializeOwned + schemars::JsonSchema;
    /// What is stored for an enrolled factor. Its serialized form (JSON) has at most 8192 bytes, and is what
    /// [`Metadata::state_format`] numbers.
    type State: Serialize + DeserializeOwned;
    /// What [`finish_enrolment`](Self::finish_enrolment) needs from [`begin_enrolment`](Self::begin_enrolment): at most 8192 bytes of JSON.
    type Pending: Serialize + DeserializeOwned;
    /// What [`verify`](Self::verify) needs from [`begin_challenge`](Self::begin_challenge): at most 8192 bytes of JSON.
    type Challenge: Serialize + DeserializeOwned;

    /// The factor's metadata.
    const METADATA: Metadata;

    /// Validates the options, and returns the format of the codes that people type, if they type codes.
    ///
    /// # Errors
    /// What is wrong with the options; each problem names its option.
    fn configure(options: &Self::Options, site: &Site) -> Result<Option<CodeFormat>, Vec<Problem>>;

    /// Begins an enrolment. `existing` are the user's factors of this instance.
    fn begin_enrolment(
        options: &Self::Options,
        context: &Context,
        existing: &[Self::State],
    ) -> BegunEnrolment<Self::Pending>;

    /// Ends an enrolment with the person's answer. For [`AnswerKind::ShowOnce`] it is empty.
    ///
    /// # Errors
    /// Why the factor is not enrolled.
    fn finish_enrolment(
        options: &Self::Options,
        context: &Context,
        pending: Self::Pending,
        answer: &str,
    ) -> Result<Enrolled<Self::State>, EnrolmentError>;

    /// Begins a challenge for a user who has these factors. In a passwordless sign-in, the list is empty.
    fn begin_challenge(
        options: &Self::Options,
        context: &Context,
        factors: &[Self::State],
    ) -> BegunChallenge<Self::Challenge>;

    /// Returns the unique id of the factor that an answer claims to come from.
    fn identify(_answer: &str) -> Option<Vec<u8>> {
        None
    }

    /// Verifies an answer.
    ///
    /// # Errors
    /// Why it is not accepted.
    fn verify(
        options: &Self::Options,
        context: &Context,
        factors: Vec<Held<Self::State>>,
        challenge: Self::Challenge,
        answer: &str,
    ) -> Result<Accepted<Self::State>, VerificationError>;

    /// Converts the data of a state of a lower format than [`Metadata::state_format`]. Returns nothing for damaged data.
    fn upgrade(_format: u32, _data: &[u8]) -> Option<Self::State> {
        None
    }

    /// Returns what a page tells the browser after factors were changed.
    fn signals(_context: &Context, _remaining: &[Self::State], _removed: Option<&Self::State>) -> Vec<Signal> {
        Vec::new()
    }
}

/// A factor's metadata: see `manifest` in the contract.
#[derive(Debug, Clone, Copy)]
pub struct Metadata {
    /// The type of the instances it serves.
    pub type_id: &'static str,
    /// Its display name.
    pub name: &'static str,
    /// Its version (semver).
    pub version: &'static str,
    /// How an enrolment is finished: any kind except [`AnswerKind::WebauthnGet`].
    pub enrolment: AnswerKind,
    /// How a challenge is answered: [`AnswerKind::TypedCode`] or [`AnswerKind::WebauthnGet`].
    pub challenge: AnswerKind,
    /// How many factors of one instance a user may have: 1 to 100.
    pub max_per_user: u32,
    /// Whether a newly enrolled factor ends the user's earlier ones of this instance.
    pub replaces_earlier: bool,
    /// Whether it is only ever a fallback.
    pub never_sole: bool,
    /// The format of [`Factor::State`].
    pub state_format: u32,
}

/// A factor that a user holds. `Debug` does not show its state.
#[derive(Clone, PartialEq, Eq)]
pub struct Held<S> {
    /// Its index in the list that the host passed.
    pub index: u32,
    /// Its state.
    pub state: S,
}

impl<S> fmt::Debug for Held<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("index", &self.index).finish_non_exhaustive()
    }
}

/// Returns a problem with the option at this JSON Pointer.
pub fn problem(pointer: &str, message: impl Into<String>) -> Problem {
    Problem { pointer: pointer.to_owned(), message: message.into() }
}

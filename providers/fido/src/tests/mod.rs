//! One test for each check, named for what is refused. [`crate::testing`] has the authenticator.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod assertions;
mod attestations;
mod authenticator_data;
mod keys;
mod pages;
mod registrations;
mod states;
mod vectors;
mod wycheproof;

use serde_json::Value;
use twofactor_factor::testing;

use crate::testing::{Assertion, Authenticator, Creation, ORIGIN};
use crate::*;

/// A registration: what each side knows.
struct Registration {
    context: Context,
    pending: Pending,
    authenticator: Authenticator,
    creation: Creation,
}

impl Registration {
    fn begin(authenticator: Authenticator, context: Context) -> Self {
        let begun = Fido::begin_enrolment(&Options::default(), &context, &[]);
        let creation = authenticator.create(&begun.public, ORIGIN);
        Self { context, pending: begun.pending, authenticator, creation }
    }

    fn new() -> Self {
        Self::begin(Authenticator::new(key::Algorithm::Es256, "one"), testing::context())
    }

    fn answer(&self) -> String {
        self.creation.answer(&self.authenticator)
    }

    fn finish(&self, answer: &str) -> Result<Enrolled<State>, EnrolmentError> {
        Fido::finish_enrolment(&Options::default(), &self.context, self.pending.clone(), answer)
    }

    fn verdict(&self) -> Result<Enrolled<State>, EnrolmentError> {
        self.finish(&self.answer())
    }
}

/// Changes a registration, and returns why it is refused.
fn refused_registration(change: impl FnOnce(&mut Registration)) -> EnrolmentError {
    let mut registration = Registration::new();
    assert!(registration.verdict().is_ok());
    change(&mut registration);
    registration.verdict().err().unwrap()
}

/// An authentication: what each side knows.
struct Authentication {
    context: Context,
    state: State,
    challenge: Challenge,
    authenticator: Authenticator,
    assertion: Assertion,
}

impl Authentication {
    fn begin(authenticator: Authenticator, state: State, context: Context) -> Self {
        let factors = if context.requirements.passwordless { vec![] } else { vec![state.clone()] };
        let begun = Fido::begin_challenge(&Options::default(), &context, &factors);
        let assertion = authenticator.get(&begun.public, ORIGIN);
        Self { context, state, challenge: begun.challenge, authenticator, assertion }
    }

    fn new() -> Self {
        Self::with(Authenticator::new(key::Algorithm::Es256, "one"), testing::context())
    }

    /// Registers an authenticator, and begins an authentication.
    fn with(authenticator: Authenticator, context: Context) -> Self {
        let registration = Registration::begin(authenticator, testing::context());
        let state = registration.verdict().unwrap().state;
        Self::begin(registration.authenticator, state, context)
    }

    fn verify(&self, answer: &str) -> Result<Accepted<State>, VerificationError> {
        let factors = vec![Held { index: 3, state: self.state.clone() }];
        Fido::verify(&Options::default(), &self.context, factors, self.challenge.clone(), answer)
    }

    fn verdict(&self) -> Result<Accepted<State>, VerificationError> {
        self.verify(&self.assertion.answer(&self.authenticator))
    }
}

/// Changes an authentication, and returns why it is refused.
fn refused_authentication(change: impl FnOnce(&mut Authentication)) -> VerificationError {
    let mut authentication = Authentication::new();
    assert!(authentication.verdict().is_ok());
    change(&mut authentication);
    authentication.verdict().err().unwrap()
}

/// Returns an answer with one member of it changed.
fn changed(answer: &str, pointer: &str, value: Value) -> String {
    let mut answer: Value = serde_json::from_str(answer).unwrap();
    *answer.pointer_mut(pointer).unwrap() = value;
    answer.to_string()
}

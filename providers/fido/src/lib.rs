//! Passkeys and security keys: a relying party of WebAuthn Level 3 (<https://www.w3.org/TR/webauthn-3/>).
//!
//! `registration` and `assertion` are the two ceremonies; what both check is in `checks`.

mod assertion;
mod attestation;
mod authenticator_data;
mod cbor;
mod checks;
mod client_data;
mod credential;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod key;
mod options;
mod page;
mod refusal;
mod registration;
mod state;
#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub mod testing;
#[cfg(test)]
mod tests;

use options::Options;
use twofactor_factor::{
    Accepted, AnswerKind, BegunChallenge, BegunEnrolment, Bytes, CodeFormat, Context, Enrolled, EnrolmentError, Factor,
    Facts, Held, Metadata, Problem, Signal, Site, VerificationError,
};

use refusal::Refusal;
pub use state::{Challenge, Pending, State};

/// The factor.
pub struct Fido;

/// The length of challenges in bytes. Level 3 requires 16 (section 13.4.3).
const CHALLENGE: usize = 32;

impl Factor for Fido {
    type Options = Options;
    type State = State;
    type Pending = Pending;
    type Challenge = Challenge;
    const METADATA: Metadata = Metadata {
        type_id: "fido",
        name: "Passkey or security key",
        version: env!("CARGO_PKG_VERSION"),
        enrolment: AnswerKind::WebauthnCreate,
        challenge: AnswerKind::WebauthnGet,
        max_per_user: 20,
        replaces_earlier: false,
        never_sole: false,
        state_format: 1,
    };

    fn configure(options: &Options, site: &Site) -> Result<Option<CodeFormat>, Vec<Problem>> {
        options.check(site)?;
        Ok(None)
    }

    fn begin_enrolment(options: &Options, context: &Context, existing: &[State]) -> BegunEnrolment<Pending> {
        let pending = Pending {
            challenge: context.entropy.draw::<CHALLENGE>().into(),
            began: context.now,
            user_handle: Bytes(context.user.handle.clone()),
            user_verification: checks::requires_user_verification(&context.requirements),
        };
        let public = page::creation(options, context, &pending, existing);
        BegunEnrolment::new(pending).public(public)
    }

    fn finish_enrolment(
        options: &Options,
        context: &Context,
        pending: Pending,
        answer: &str,
    ) -> Result<Enrolled<State>, EnrolmentError> {
        let registered = registration::verify(context, options.timeout.0, &pending, answer)?;
        let unique_id = registered.state.id.0.clone();
        let facts = Facts {
            user_present: Some(true),
            user_verified: Some(registered.user_verified),
            ..registered.state.facts()
        };
        Ok(Enrolled { unique_id, ..Enrolled::new(registered.state).facts(facts) })
    }

    fn begin_challenge(options: &Options, context: &Context, factors: &[State]) -> BegunChallenge<Challenge> {
        let usable: Vec<State> = factors
            .iter()
            .filter(|state| state.meets(&context.requirements) && state.rp_id == context.site.rp_id)
            .cloned()
            .collect();
        let challenge = Challenge {
            challenge: context.entropy.draw::<CHALLENGE>().into(),
            began: context.now,
            allowed: usable.iter().map(|state| state::shortened(&state.id)).collect(),
            user_verification: checks::requires_user_verification(&context.requirements),
        };
        let public = page::request(options, context, &challenge, &usable);
        BegunChallenge::new(challenge).public(public)
    }

    fn identify(answer: &str) -> Option<Vec<u8>> {
        credential::id(answer)
    }

    fn verify(
        options: &Options,
        context: &Context,
        factors: Vec<Held<State>>,
        challenge: Challenge,
        answer: &str,
    ) -> Result<Accepted<State>, VerificationError> {
        assertion::verify(context, options.timeout.0, factors, &challenge, answer)
    }

    fn signals(context: &Context, remaining: &[State], removed: Option<&State>) -> Vec<Signal> {
        page::signals(context, remaining, removed)
    }
}

twofactor_factor::export!(Fido);

//! Recovery codes: ten codes on paper, each good for one sign-in.

mod code;

use code::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use twofactor_factor::{
    Accepted, AnswerKind, BegunChallenge, BegunEnrolment, CodeAlphabet, CodeFormat, Context, Enrolled, EnrolmentError,
    Factor, Facts, Held, Metadata, Problem, Reveal, Site, VerificationError,
};

/// The factor.
pub struct Recovery;

/// How many codes a person gets.
pub const CODES: usize = 10;

/// Recovery codes have no options.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {}

/// The digests of the codes that were not used yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    unused: Vec<Digest>,
}

impl State {
    fn facts(&self) -> Facts {
        Facts { uses_left: u32::try_from(self.unused.len()).ok(), ..Facts::default() }
    }

    /// Returns the state after this code was used, or nothing if it is none of the unused ones.
    fn without(&self, used: &Digest) -> Option<Self> {
        // All are compared, so that the time does not tell which one was right.
        let matches: Vec<bool> = self.unused.iter().map(|digest| digest.ct_eq(used).into()).collect();
        let position = matches.iter().position(|matches| *matches)?;
        let mut unused = self.unused.clone();
        unused.remove(position);
        Some(Self { unused })
    }
}

impl Factor for Recovery {
    type Options = Options;
    type State = State;
    type Pending = State;
    type Challenge = ();
    const METADATA: Metadata = Metadata {
        type_id: "recovery",
        name: "Recovery codes",
        version: env!("CARGO_PKG_VERSION"),
        enrolment: AnswerKind::ShowOnce,
        challenge: AnswerKind::TypedCode,
        max_per_user: 1,
        replaces_earlier: true,
        never_sole: true,
        state_format: 1,
    };

    fn configure(_: &Options, _: &Site) -> Result<Option<CodeFormat>, Vec<Problem>> {
        Ok(Some(CodeFormat { alphabet: CodeAlphabet::LettersAndDigits, length: code::LETTERS }))
    }

    fn begin_enrolment(_: &Options, context: &Context, _: &[State]) -> BegunEnrolment<State> {
        let codes: [String; CODES] = std::array::from_fn(|_| code::from_random(context.entropy.draw()));
        let unused = codes.iter().map(|code| Digest::of(code)).collect();
        BegunEnrolment::new(State { unused })
            .reveal(Reveal::Codes(codes.iter().map(|code| code::grouped(code)).collect()))
    }

    fn finish_enrolment(_: &Options, _: &Context, pending: State, _: &str) -> Result<Enrolled<State>, EnrolmentError> {
        let facts = pending.facts();
        Ok(Enrolled::new(pending).facts(facts))
    }

    fn begin_challenge(_: &Options, _: &Context, _: &[State]) -> BegunChallenge<()> {
        BegunChallenge::new(())
    }

    fn verify(
        _: &Options,
        _: &Context,
        factors: Vec<Held<State>>,
        (): (),
        answer: &str,
    ) -> Result<Accepted<State>, VerificationError> {
        let code = code::canonical(answer).ok_or(VerificationError::Malformed("this is not the form of a code"))?;
        let used = Digest::of(&code);
        let accepted: Vec<_> =
            factors.iter().map(|held| Some(Held { index: held.index, state: held.state.without(&used)? })).collect();
        let held =
            accepted.into_iter().flatten().next().ok_or(VerificationError::Wrong("it is none of the unused codes"))?;
        let facts = held.state.facts();
        Ok(Accepted::new(held).facts(facts))
    }
}

twofactor_factor::export!(Recovery);

#[cfg(test)]
mod tests;

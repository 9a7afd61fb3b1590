//! Calls a component as the host does, with a time and random numbers that are chosen.

use std::cell::Cell;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use twofactor_sandbox::{
    AcceptedAnswer, BegunEnrolment, BegunFactorChallenge, Component, ConfiguredFactor, EnrolledFactor,
    EnrolmentVerdict, FactorContext, FactorState, FactorUser, FactorVerdict, Requirements, Site,
};

use super::person::Person;
use crate::sample;

/// How long lies between two uses, in seconds: longer than the period of an authenticator app.
pub(super) const BETWEEN: i64 = 600;

/// A component, and the calls of it.
pub(super) struct Trial<'a> {
    component: &'a Component,
    pub(super) factor: &'a ConfiguredFactor,
    pub(super) site: Site,
    /// The most fuel that one verification used.
    pub(super) most_fuel: Cell<u64>,
}

/// When a call is made, for whom, and with which random numbers.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) now: i64,
    pub(super) user: FactorUser,
    pub(super) requirements: Requirements,
    pub(super) seed: u8,
}

/// A factor that a simulated person holds.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) person: Person,
    pub(super) enrolled: EnrolledFactor,
    /// The answer that ended the enrolment.
    pub(super) answer: String,
}

impl Held {
    pub(super) fn state(&self) -> FactorState {
        self.enrolled.state.clone()
    }
}

/// Returns the site on which the component is tried.
pub(super) fn site() -> Site {
    let text = str::to_owned;
    Site {
        rp_id: text("example.com"),
        name: text("Example Shop"),
        origins: vec![text("https://login.example.com"), text("https://shop.example.com")],
        top_origins: Vec::new(),
    }
}

/// Returns the user of a call.
pub(super) fn user(name: &str) -> FactorUser {
    let handle = [Sha256::digest(name), Sha256::digest([name, "2"].concat())].concat();
    FactorUser { handle, name: format!("{name}@example.com"), display_name: name.to_owned() }
}

/// Returns a call for a user, this many uses after the enrolment.
pub(super) fn call(name: &str, uses: i64) -> Call {
    let (now, seed) = (sample::NOW + uses * BETWEEN, u8::try_from(uses.rem_euclid(200)).unwrap_or_default());
    Call { now, user: user(name), requirements: Requirements::default(), seed }
}

impl Call {
    pub(super) fn seed(self, seed: u8) -> Self {
        Self { seed, ..self }
    }

    pub(super) fn at(self, now: i64) -> Self {
        Self { now, ..self }
    }

    pub(super) fn requirements(self, requirements: Requirements) -> Self {
        Self { requirements, ..self }
    }

    /// Returns 256 bytes that look random and depend on the seed and the user.
    fn entropy(&self) -> [u8; 256] {
        let mut bytes = [0; 256];
        for (n, chunk) in (0_u8..).zip(bytes.chunks_mut(32)) {
            let input = [&self.user.handle[..], &[self.seed, n]].concat();
            chunk.copy_from_slice(&Sha256::digest(input));
        }
        bytes
    }
}

impl<'a> Trial<'a> {
    pub(super) fn new(component: &'a Component, factor: &'a ConfiguredFactor) -> Self {
        Self { component, factor, site: site(), most_fuel: Cell::default() }
    }

    fn context<'b>(&'b self, call: &'b Call) -> FactorContext<'b> {
        let now = Timestamp::from_second(call.now).unwrap_or(Timestamp::UNIX_EPOCH);
        FactorContext { now, site: &self.site, user: &call.user, requirements: call.requirements, trusted: &[] }
    }

    fn with(&self, call: &Call) -> ConfiguredFactor {
        self.factor.with_fixed_entropy(call.entropy())
    }

    pub(super) async fn begin_enrolment(
        &self,
        call: &Call,
        existing: &[FactorState],
    ) -> Result<BegunEnrolment, String> {
        let begun = self.with(call).begin_enrolment(&self.context(call), existing).await;
        begun.map_err(|reason| format!("`begin-enrolment` failed: {reason}"))
    }

    pub(super) async fn finish_enrolment(
        &self,
        call: &Call,
        pending: &[u8],
        answer: &str,
    ) -> Result<EnrolmentVerdict, String> {
        let verdict = self.with(call).finish_enrolment(&self.context(call), pending, answer).await;
        verdict.map_err(|reason| format!("`finish-enrolment` failed: {reason}"))
    }

    pub(super) async fn begin_challenge(
        &self,
        call: &Call,
        factors: &[FactorState],
    ) -> Result<BegunFactorChallenge, String> {
        let begun = self.with(call).begin_challenge(&self.context(call), factors).await;
        begun.map_err(|reason| format!("`begin-challenge` failed: {reason}"))
    }

    pub(super) async fn verify(
        &self,
        call: &Call,
        factors: &[FactorState],
        pending: &[u8],
        answer: &str,
    ) -> Result<FactorVerdict, String> {
        self.component.take_fuel();
        let verdict = self.with(call).verify(&self.context(call), factors, pending, answer).await;
        self.most_fuel.set(self.most_fuel.get().max(self.component.take_fuel()));
        verdict.map_err(|reason| format!("`verify` failed: {reason}"))
    }

    pub(super) async fn signals(
        &self,
        call: &Call,
        remaining: &[FactorState],
        removed: Option<&FactorState>,
    ) -> Result<Vec<twofactor_sandbox::Signal>, String> {
        let signals = self.with(call).signals(&self.context(call), remaining, removed).await;
        signals.map_err(|reason| format!("`signals` failed: {reason}"))
    }

    /// Enrols a factor with the right answer.
    pub(super) async fn enrol(&self, call: &Call, existing: &[FactorState]) -> Result<Held, String> {
        let begun = self.begin_enrolment(call, existing).await?;
        let mut person = Person::of(&begun, call.seed)?;
        let answer = person.answer_enrolment(&begun, &self.site, call.now)?;
        match self.finish_enrolment(call, &begun.pending, &answer).await? {
            EnrolmentVerdict::Enrolled(enrolled) => Ok(Held { person, enrolled, answer }),
            EnrolmentVerdict::Wrong => Err("the right answer is wrong".to_owned()),
            EnrolmentVerdict::Malformed => Err("the right answer is malformed".to_owned()),
            EnrolmentVerdict::Unmet(what) => Err(format!("the right answer does not meet {what:?}")),
        }
    }

    /// Begins a challenge and has the person answer it.
    pub(super) async fn answered(
        &self,
        call: &Call,
        person: &mut Person,
        factors: &[FactorState],
    ) -> Result<(BegunFactorChallenge, String), String> {
        let begun = self.begin_challenge(call, factors).await?;
        let answer = person.answer(&begun, &self.site, call.now)?;
        Ok((begun, answer))
    }

    /// Uses a factor with the right answer.
    pub(super) async fn use_rightly(
        &self,
        call: &Call,
        person: &mut Person,
        factors: &[FactorState],
    ) -> Result<(AcceptedAnswer, String), String> {
        let (begun, answer) = self.answered(call, person, factors).await?;
        match self.verify(call, factors, &begun.pending, &answer).await? {
            FactorVerdict::Right(accepted) => Ok((accepted, answer)),
            other => Err(format!("the right answer is {}", name(&other))),
        }
    }
}

/// Returns the name of a verdict, as the contract names it.
pub(super) fn name(verdict: &FactorVerdict) -> &'static str {
    match verdict {
        FactorVerdict::Right(_) => "right",
        FactorVerdict::Wrong => "wrong",
        FactorVerdict::Malformed => "malformed",
        FactorVerdict::Suspicious { .. } => "suspicious",
        FactorVerdict::Expired => "expired",
    }
}

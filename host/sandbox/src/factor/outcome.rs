//! The results of a factor component, checked.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use super::facts::{FactorFacts, UnmetRequirement};
use super::state::FactorState;

/// A secret that is shown to the person, and only once. `Debug` shows nothing of it, and it is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub enum Reveal {
    /// The secret of an authenticator app.
    Otpauth {
        /// The `otpauth:` URI.
        uri: String,
        /// The secret in base32, for people who type it.
        secret: String,
    },
    /// Codes to store.
    Codes(Vec<String>),
}

impl fmt::Debug for Reveal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Otpauth { .. } => "Otpauth",
            Self::Codes(_) => "Codes",
        })
    }
}

impl Drop for Reveal {
    fn drop(&mut self) {
        match self {
            Self::Otpauth { uri, secret } => {
                uri.zeroize();
                secret.zeroize();
            }
            Self::Codes(codes) => codes.zeroize(),
        }
    }
}

/// An enrolment that has begun. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct BegunEnrolment {
    /// What the page needs: a JSON object.
    pub public: Value,
    /// What is shown once.
    pub reveal: Option<Reveal>,
    /// What [`finish_enrolment`](crate::ConfiguredFactor::finish_enrolment) needs: at most 8192 bytes, to be stored sealed.
    pub pending: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for BegunEnrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BegunEnrolment").finish_non_exhaustive()
    }
}

/// A factor that was enrolled. `Debug` shows neither its state nor its id.
#[derive(Clone)]
pub struct EnrolledFactor {
    /// Its state.
    pub state: FactorState,
    /// An id that no two factors may share, even of different users: at most 1023 bytes, empty if there is none.
    pub unique_id: Vec<u8>,
    /// What is known about it.
    pub facts: FactorFacts,
}

impl fmt::Debug for EnrolledFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolledFactor").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// The verdict on the end of an enrolment.
#[derive(Debug, Clone)]
pub enum EnrolmentVerdict {
    /// The factor is enrolled.
    Enrolled(EnrolledFactor),
    /// The answer is well-formed, but wrong.
    Wrong,
    /// The answer is not of the expected form.
    Malformed,
    /// The factor works, but does not meet a requirement.
    Unmet(UnmetRequirement),
}

/// A challenge that has begun. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct BegunFactorChallenge {
    /// What the page needs: a JSON object.
    pub public: Value,
    /// What [`verify`](crate::ConfiguredFactor::verify) needs: at most 8192 bytes, to be stored sealed.
    pub pending: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for BegunFactorChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BegunFactorChallenge").finish_non_exhaustive()
    }
}

/// An accepted answer.
#[derive(Debug, Clone)]
pub struct AcceptedAnswer {
    /// The index of the factor that was used, in the list that was passed.
    pub index: usize,
    /// Its new state, of the component's current format.
    pub state: FactorState,
    /// What is known about this use.
    pub facts: FactorFacts,
    /// What to note, each at most once.
    pub observations: Vec<Observation>,
}

/// Something to note about an accepted answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observation {
    /// The signature counter did not increase: there may be a copy of the authenticator.
    CounterNotIncreased,
    /// The credential was device-bound and can be copied now.
    BecameCopyable,
    /// The clock of the person's device is off by a step or more.
    ClockDrift,
}

/// A reason to suspect that a factor was copied or manipulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suspicion {
    /// The signature counter went back.
    CounterWentBack,
    /// A property that cannot change did change.
    PropertyChanged,
}

/// The verdict on an answer to a challenge. Callers must not be able to tell `Wrong`, `Suspicious` and `Expired` apart.
#[derive(Debug, Clone)]
pub enum FactorVerdict {
    /// The answer is right.
    Right(AcceptedAnswer),
    /// The answer is well-formed, but wrong.
    Wrong,
    /// The answer is not of the expected form.
    Malformed,
    /// The answer is right but for a property that raises suspicion.
    Suspicious {
        /// The index of the factor, in the list that was given.
        index: usize,
        /// Why.
        suspicion: Suspicion,
    },
    /// The challenge no longer accepts an answer.
    Expired,
}

/// What a page tells the browser after factors were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalKind {
    /// `PublicKeyCredential.signalUnknownCredential`.
    UnknownCredential,
    /// `PublicKeyCredential.signalAllAcceptedCredentials`.
    AllAcceptedCredentials,
    /// `PublicKeyCredential.signalCurrentUserDetails`.
    CurrentUserDetails,
}

/// A signal for the browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signal {
    /// The function to call.
    pub kind: SignalKind,
    /// Its argument: a JSON object.
    pub argument: Value,
}

//! Why an answer is refused.

use twofactor_factor::{EnrolmentError, UnmetRequirement, VerificationError};

/// Why an answer is refused. Details are constants, so they repeat nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It has not the form that a browser sends.
    Malformed(&'static str),
    /// It has the form, and a check fails.
    Wrong(&'static str),
    /// It is right, and does not meet a requirement.
    Unmet(UnmetRequirement),
}

impl From<Refusal> for EnrolmentError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(detail) => Self::Malformed(detail),
            Refusal::Wrong(detail) => Self::Wrong(detail),
            Refusal::Unmet(requirement) => Self::Unmet(requirement),
        }
    }
}

impl From<Refusal> for VerificationError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(detail) => Self::Malformed(detail),
            Refusal::Wrong(detail) => Self::Wrong(detail),
            Refusal::Unmet(UnmetRequirement::UserVerification) => {
                Self::Wrong("the authenticator did not verify its user")
            }
            Refusal::Unmet(UnmetRequirement::DeviceBound) => Self::Wrong("the passkey can be copied between devices"),
            Refusal::Unmet(_) => Self::Wrong("the authenticator does not meet a requirement"),
        }
    }
}

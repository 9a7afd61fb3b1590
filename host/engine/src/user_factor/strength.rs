//! Which factors satisfy a sign-in.

use jiff::Timestamp;
use twofactor_sandbox::{FactorFacts, Requirements, UserVerification};

use super::assurance::{Acr, is_hardware};
use crate::error::Error;
use crate::instance::RequiredFactor;

impl RequiredFactor {
    /// Returns what is required if an application asks for an `acr`, too.
    pub(crate) fn with_acr(self, acr: Option<&str>) -> Result<Self, Error> {
        Ok(match acr {
            None => self,
            Some(name) => self.max(match Acr::of_name(name) {
                Some(Acr::PhishingResistant) => Self::PhishingResistant,
                Some(Acr::PhishingResistantHardware) => Self::Attested,
                None => return Err(Error::requirement_unmet("acr")),
            }),
        })
    }

    /// Returns whether a factor satisfies it.
    pub(crate) fn is_met(self, is_webauthn: bool, facts: &FactorFacts) -> bool {
        match self {
            Self::Any => true,
            Self::PhishingResistant => is_webauthn,
            Self::DeviceBound => is_webauthn && facts.device_bound == Some(true),
            Self::Attested => is_webauthn && is_hardware(facts),
        }
    }

    /// Returns what a component is told.
    pub(crate) fn requirements(self, passwordless: bool) -> Requirements {
        Requirements {
            user_verification: if passwordless { UserVerification::Required } else { UserVerification::Preferred },
            device_bound: self >= Self::DeviceBound,
            attested: self >= Self::Attested,
            passwordless,
        }
    }
}

/// Sorts by strength: attested, device-bound, other passkeys, typed codes, fallbacks. Equal ones are sorted by their last use.
pub(super) fn rank(
    is_webauthn: bool,
    fallback: bool,
    facts: &FactorFacts,
    last_used_at: Option<Timestamp>,
) -> (u8, Option<Timestamp>) {
    let strength = match (is_webauthn, fallback) {
        (_, true) => 0,
        (false, false) => 1,
        (true, false) if is_hardware(facts) => 4,
        (true, false) if facts.device_bound == Some(true) => 3,
        (true, false) => 2,
    };
    (strength, last_used_at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_acr_that_is_asked_for_raises_the_requirement_and_an_unknown_one_is_refused() {
        use RequiredFactor::{Any, Attested, DeviceBound, PhishingResistant};
        for (own, acr, required) in [
            (Any, None, Any),
            (Any, Some("phr"), PhishingResistant),
            (DeviceBound, Some("phr"), DeviceBound),
            (Any, Some("phrh"), Attested),
        ] {
            assert_eq!(own.with_acr(acr).unwrap(), required);
        }
        for unknown in ["", "PHR", "aal3", "urn:mace:incommon:iap:silver"] {
            assert_eq!(Any.with_acr(Some(unknown)).unwrap_err().requirement(), Some("acr"));
        }
    }

    #[test]
    fn each_requirement_is_met_by_its_factors_only() {
        let facts = |device_bound, attested| FactorFacts { device_bound, attested, ..FactorFacts::default() };
        for (is_webauthn, facts, met) in [
            (false, facts(Some(true), true), RequiredFactor::Any),
            (true, facts(None, false), RequiredFactor::PhishingResistant),
            (true, facts(Some(false), true), RequiredFactor::PhishingResistant),
            (true, facts(Some(true), false), RequiredFactor::DeviceBound),
            (true, facts(Some(true), true), RequiredFactor::Attested),
        ] {
            use RequiredFactor::{Any, Attested, DeviceBound, PhishingResistant};
            for required in [Any, PhishingResistant, DeviceBound, Attested] {
                assert_eq!(required.is_met(is_webauthn, &facts), required <= met, "{required:?} {facts:?}");
            }
        }
    }

    #[test]
    fn a_stronger_factor_ranks_higher_and_of_equal_ones_the_one_that_was_used_last() {
        let facts = |device_bound, attested| FactorFacts { device_bound, attested, ..FactorFacts::default() };
        // From the weakest to the strongest, each as it is if it was never used, long ago, and recently.
        let strengths = [
            (false, true, facts(None, false)),
            (false, false, facts(None, false)),
            (true, false, facts(Some(false), true)),
            (true, false, facts(Some(true), false)),
            (true, false, facts(Some(true), true)),
        ];
        let long_ago = Timestamp::UNIX_EPOCH;
        let uses = [None, Some(long_ago), Some(long_ago + Duration::from_secs(1))];
        let mut ranks = Vec::new();
        for (is_webauthn, fallback, facts) in &strengths {
            ranks.extend(uses.map(|last_used_at| rank(*is_webauthn, *fallback, facts, last_used_at)));
        }
        assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{ranks:?}");
    }
}

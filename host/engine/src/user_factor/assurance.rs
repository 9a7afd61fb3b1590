//! What a verified answer proves. The host derives it from the kind of answer and from facts; a component never claims it.
//!
//! `docs/factors/assurance.md` has the table; each of its rows is a row of the tests below.

use serde::{Deserialize, Serialize};
use twofactor_sandbox::FactorFacts;

/// An authenticator assurance level (NIST SP 800-63B-4 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aal {
    /// One factor.
    Aal1,
    /// Two factors.
    Aal2,
    /// Two factors, one of them a key that cannot be exported.
    Aal3,
}

impl Aal {
    /// Returns its stable name, such as `aal2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Aal3 => "aal3",
        }
    }
}

/// An authentication context class (OpenID Connect EAP ACR Values 1.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Acr {
    /// `phr`: phishing-resistant.
    #[serde(rename = "phr")]
    PhishingResistant,
    /// `phrh`: phishing-resistant, with a key in protected hardware.
    #[serde(rename = "phrh")]
    PhishingResistantHardware,
}

impl Acr {
    /// Returns its registered value.
    pub fn name(self) -> &'static str {
        match self {
            Self::PhishingResistant => "phr",
            Self::PhishingResistantHardware => "phrh",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::PhishingResistant, Self::PhishingResistantHardware].into_iter().find(|acr| acr.name() == name)
    }
}

/// What is known about the strength of a verified answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Assurance {
    /// The level that this sign-in reaches, together with the first factor if the application stated that the person has passed it.
    pub aal: Aal,
    /// Whether the answer is worthless on any other site.
    pub phishing_resistant: bool,
    /// Whether the authenticator verified its user, by PIN or biometrics.
    pub user_verified: bool,
    /// Whether the factor cannot be copied to another device, as far as is known.
    pub device_bound: bool,
    /// Whether the model of the authenticator was proved and is trusted.
    pub attested: bool,
    /// Whether no factor was used now, because one was used in this browser some days ago. That is not authentication (NIST SP 800-63B-4
    /// section 5.1): `amr` is empty.
    pub remembered: bool,
}

impl Assurance {
    const LOWEST: Self = Self {
        aal: Aal::Aal1,
        phishing_resistant: false,
        user_verified: false,
        device_bound: false,
        attested: false,
        remembered: false,
    };
}

/// What an application learns about how a person was authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proved {
    /// Authentication method references (RFC 8176).
    pub(crate) amr: Vec<String>,
    pub(crate) acr: Option<Acr>,
    pub(crate) assurance: Assurance,
}

/// Returns whether the key is known to be in hardware that it cannot leave.
pub(super) fn is_hardware(facts: &FactorFacts) -> bool {
    facts.attested && facts.device_bound == Some(true)
}

fn texts(amr: &[&str]) -> Vec<String> {
    amr.iter().map(|one| (*one).to_owned()).collect()
}

/// Returns what a right answer from a factor proves.
pub(crate) fn of_factor(is_webauthn: bool, facts: &FactorFacts, first_factor: bool) -> Proved {
    if !is_webauthn {
        // Whatever a component says: nothing else is known about a typed code.
        return typed_code(texts(&["otp"]), first_factor);
    }
    let hardware = is_hardware(facts);
    let key = match (hardware, facts.device_bound) {
        (true, _) => "hwk",
        (false, Some(false)) => "swk",
        (false, _) => "pop",
    };
    // The host does not learn by which of PIN and biometrics the user was verified, so it is neither `pin` nor `fpt`.
    let amr = if facts.user_present == Some(true) { texts(&[key, "user"]) } else { texts(&[key]) };
    let user_verified = facts.user_verified == Some(true);
    let aal = match (user_verified || first_factor, hardware) {
        (false, _) => Aal::Aal1,
        (true, false) => Aal::Aal2,
        (true, true) => Aal::Aal3,
    };
    Proved {
        amr,
        acr: Some(if hardware { Acr::PhishingResistantHardware } else { Acr::PhishingResistant }),
        assurance: Assurance {
            aal,
            phishing_resistant: true,
            user_verified,
            device_bound: facts.device_bound == Some(true),
            attested: facts.attested,
            remembered: false,
        },
    }
}

/// Returns what a code proves that was delivered with these methods. Email and chat prove no possession of an authenticator
/// (NIST SP 800-63B-4 section 3.1.3.1).
pub(crate) fn of_delivered_code(amr: Vec<String>, by_phone: bool, first_factor: bool) -> Proved {
    typed_code(amr, first_factor && by_phone)
}

fn typed_code(amr: Vec<String>, second: bool) -> Proved {
    let aal = if second { Aal::Aal2 } else { Aal::Aal1 };
    Proved { amr, acr: None, assurance: Assurance { aal, ..Assurance::LOWEST } }
}

/// Returns what a remembered browser proves: that a factor was used in it some days ago.
pub(crate) fn of_remembered_browser() -> Proved {
    Proved { amr: Vec::new(), acr: None, assurance: Assurance { remembered: true, ..Assurance::LOWEST } }
}

/// Returns what a temporary pass proves. It is a one-time password (RFC 8176 section 2, `otp`), but the administrator knows it too, so
/// it reaches no level that takes a second factor, whatever came before.
pub(crate) fn of_temporary_pass() -> Proved {
    typed_code(texts(&["otp"]), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User present and verified, device-bound, attested.
    fn facts(up: bool, uv: bool, device_bound: Option<bool>, attested: bool) -> FactorFacts {
        FactorFacts {
            user_present: Some(up),
            user_verified: Some(uv),
            device_bound,
            attested,
            ..FactorFacts::default()
        }
    }

    /// Facts, `amr`, `acr`, and the level alone and after a first factor.
    type Row = (FactorFacts, &'static [&'static str], &'static str, Aal, Aal);

    const BOUND: Option<bool> = Some(true);
    const SYNCED: Option<bool> = Some(false);

    #[test]
    fn each_row_of_the_table_for_passkeys() {
        let rows: [Row; 11] = [
            (facts(true, true, SYNCED, false), &["swk", "user"], "phr", Aal::Aal2, Aal::Aal2),
            (facts(true, false, SYNCED, false), &["swk", "user"], "phr", Aal::Aal1, Aal::Aal2),
            (facts(true, true, SYNCED, true), &["swk", "user"], "phr", Aal::Aal2, Aal::Aal2),
            (facts(true, true, BOUND, false), &["pop", "user"], "phr", Aal::Aal2, Aal::Aal2),
            (facts(true, false, BOUND, false), &["pop", "user"], "phr", Aal::Aal1, Aal::Aal2),
            (facts(true, true, None, false), &["pop", "user"], "phr", Aal::Aal2, Aal::Aal2),
            (facts(true, true, None, true), &["pop", "user"], "phr", Aal::Aal2, Aal::Aal2),
            (facts(true, true, BOUND, true), &["hwk", "user"], "phrh", Aal::Aal3, Aal::Aal3),
            (facts(true, false, BOUND, true), &["hwk", "user"], "phrh", Aal::Aal1, Aal::Aal3),
            (facts(false, false, SYNCED, false), &["swk"], "phr", Aal::Aal1, Aal::Aal2),
            (facts(false, true, BOUND, true), &["hwk"], "phrh", Aal::Aal3, Aal::Aal3),
        ];
        for (facts, amr, acr, alone, second) in rows {
            for (first_factor, aal) in [(false, alone), (true, second)] {
                let proved = of_factor(true, &facts, first_factor);
                assert_eq!(proved.amr, amr, "{facts:?}");
                assert_eq!(proved.acr.map(Acr::name), Some(acr), "{facts:?}");
                assert_eq!(proved.assurance.aal, aal, "{facts:?}");
                assert!(proved.assurance.phishing_resistant);
                assert_eq!(proved.assurance.user_verified, facts.user_verified == Some(true));
                assert_eq!(proved.assurance.device_bound, facts.device_bound == Some(true));
                assert_eq!(proved.assurance.attested, facts.attested);
            }
        }
    }

    #[test]
    fn a_typed_code_is_otp_whatever_its_component_says() {
        for facts in [FactorFacts::default(), facts(true, true, BOUND, true)] {
            for (first_factor, aal) in [(false, Aal::Aal1), (true, Aal::Aal2)] {
                let proved = of_factor(false, &facts, first_factor);
                assert_eq!((proved.amr, proved.acr, proved.assurance.aal), (texts(&["otp"]), None, aal));
                assert!(!proved.assurance.phishing_resistant && !proved.assurance.user_verified);
                assert!(!proved.assurance.device_bound && !proved.assurance.attested);
            }
        }
    }

    #[test]
    fn a_remembered_browser_says_that_no_factor_was_used_and_a_pass_is_a_low_one_time_password() {
        let remembered = of_remembered_browser();
        assert!(remembered.amr.is_empty() && remembered.acr.is_none());
        assert!(remembered.assurance.remembered && remembered.assurance.aal == Aal::Aal1);
        let pass = of_temporary_pass();
        assert_eq!((pass.amr, pass.acr, pass.assurance.aal), (texts(&["otp"]), None, Aal::Aal1));
        assert!(!pass.assurance.remembered);
    }

    #[test]
    fn a_delivered_code_is_a_second_factor_only_if_it_went_to_a_phone() {
        for (by_phone, first_factor, aal) in
            [(true, true, Aal::Aal2), (true, false, Aal::Aal1), (false, true, Aal::Aal1), (false, false, Aal::Aal1)]
        {
            let proved = of_delivered_code(texts(&["otp"]), by_phone, first_factor);
            assert_eq!((proved.acr, proved.assurance.aal), (None, aal));
        }
    }
}

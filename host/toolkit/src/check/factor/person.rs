//! A simulated person: holds what was revealed, or an authenticator, and answers.

use twofactor_sandbox::{BegunEnrolment, BegunFactorChallenge, Reveal, Site};

use super::authenticator::Authenticator;
use super::otpauth::App;

/// A simulated person who holds one factor.
#[derive(Clone)]
pub(super) enum Person {
    /// With an authenticator app.
    App(App),
    /// With codes on paper, and how many of them were used.
    Paper(Vec<String>, usize),
    /// With a passkey.
    Passkey(Box<Authenticator>),
}

impl Person {
    /// Returns the person who got what an enrolment reveals.
    ///
    /// # Errors
    /// If nothing can be done with it.
    pub(super) fn of(begun: &BegunEnrolment, seed: u8) -> Result<Self, String> {
        match &begun.reveal {
            Some(Reveal::Otpauth { uri, secret }) => Ok(Self::App(App::scan(uri, secret)?)),
            Some(Reveal::Codes(codes)) => Ok(Self::Paper(codes.clone(), 0)),
            None if begun.public.get("challenge").is_some() => Ok(Self::Passkey(Box::new(Authenticator::new(seed)?))),
            None => Err("nothing is revealed, so nobody can know the answers".to_owned()),
        }
    }

    /// Returns the right answer to an enrolment.
    pub(super) fn answer_enrolment(&mut self, begun: &BegunEnrolment, site: &Site, now: i64) -> Result<String, String> {
        match self {
            Self::App(app) => Ok(app.code(now)),
            Self::Paper(..) => Ok(String::new()),
            Self::Passkey(authenticator) => Ok(authenticator.create(&begun.public, &site.origins[0])?.to_string()),
        }
    }

    /// Returns the right answer to a challenge.
    pub(super) fn answer(&mut self, begun: &BegunFactorChallenge, site: &Site, now: i64) -> Result<String, String> {
        match self {
            Self::App(app) => Ok(app.code(now)),
            Self::Paper(codes, used) => {
                let code = codes.get(*used).cloned().ok_or("all codes are used")?;
                *used += 1;
                Ok(code)
            }
            Self::Passkey(authenticator) => Ok(authenticator.get(&begun.public, &site.origins[0])?.to_string()),
        }
    }
}

//! Whether a change of a user's factors comes from the user.

use std::net::IpAddr;

use super::Factors;
use super::request::Proof;
use crate::error::Error;
use crate::instance::{Policy, SignIn};
use crate::user_factor::HeldFactor;

/// What a proof is for.
pub(super) struct ProofFor<'a> {
    /// The sign-in, with its user.
    pub(super) sign_in: &'a SignIn,
    /// The policy of the instance to enrol with; none for a removal.
    #[allow(dead_code, reason = "policies of the first enrolment will read it")]
    pub(super) policy: Option<&'a Policy>,
    /// The user's factors.
    pub(super) held: &'a [HeldFactor],
    #[allow(dead_code, reason = "limits of passes will read it")]
    pub(super) client_address: Option<IpAddr>,
}

/// A proof that was enough, and was used.
pub(super) struct AcceptedProof {
    /// Its name, for the audit log.
    pub(super) name: &'static str,
}

impl Factors {
    /// Verifies a proof and uses it, each once. Whoever holds a factor must prove it with one (NIST SP 800-63B-4 section 4.1.2.1): a first
    /// factor, or a code that was delivered, would let somebody in who has only these. A suspended factor counts as held.
    pub(super) async fn accept_proof(&self, proof: &Proof, what: ProofFor<'_>) -> Result<AcceptedProof, Error> {
        match proof {
            Proof::Administrator => Ok(AcceptedProof { name: "administrator" }),
            Proof::Session => Ok(AcceptedProof { name: "session" }),
            Proof::FirstFactor if what.policy.is_some() && what.held.is_empty() => {
                Ok(AcceptedProof { name: "first factor" })
            }
            Proof::FirstFactor => Err(Error::proof_required(
                "the user holds a factor: pass a challenge that was verified with it, as `proof`",
            )),
            Proof::Challenge(id) => self.accept_challenge(id, &what).await,
            Proof::Pass(_) => Err(Error::proof_required("the pass is not valid")),
        }
    }

    async fn accept_challenge(&self, id: &str, what: &ProofFor<'_>) -> Result<AcceptedProof, Error> {
        let (subscription, user) = (&what.sign_in.subscription, what.sign_in.user.as_deref().unwrap_or_default());
        let unfit = || {
            Error::proof_required(
                "the challenge is no proof: it must be of this user, verified in the last ten minutes, and not used as a proof before",
            )
        };
        let by_factor = self.challenges.was_answered_by_factor(subscription, user, id).await?.ok_or_else(unfit)?;
        if !what.held.is_empty() && !by_factor {
            return Err(Error::proof_required(
                "the user holds a factor: the challenge must be answered with it and not with a code that was delivered",
            ));
        }
        if !self.challenges.use_as_proof(subscription, id).await? {
            return Err(unfit());
        }
        Ok(AcceptedProof { name: "challenge" })
    }
}

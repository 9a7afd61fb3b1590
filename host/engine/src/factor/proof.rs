//! Checks whether a change of a user's sign-in methods comes from the user.

use std::net::IpAddr;

use jiff::Timestamp;

use super::Factors;
use super::request::{Basis, Proof};
use crate::challenge::{Answered, AnsweredBy, UserAddress, user_person};
use crate::error::Error;
use crate::instance::{Policy, SignIn};
use crate::store::{AddressRecord, BucketKey};
use crate::user_factor::HeldFactor;

/// What a proof is for.
pub(super) struct ProofFor<'a> {
    /// The sign-in, with its user.
    pub(super) sign_in: &'a SignIn,
    /// The change.
    pub(super) change: Change<'a>,
    /// The user's factors.
    pub(super) held: &'a [HeldFactor],
    /// The person's own network address, for limits.
    pub(super) client_address: Option<IpAddr>,
    /// Who begins the enrolment: see [`NewEnrolment::holder`](super::NewEnrolment::holder).
    pub(super) holder: Option<&'a str>,
}

/// A change of a user's sign-in methods.
#[derive(Clone, Copy)]
pub(super) enum Change<'a> {
    /// A factor is enrolled with an instance that has this policy.
    Enrol(&'a Policy),
    /// An address is verified, to which an instance with this policy delivers.
    AddAddress(&'a Policy),
    /// A factor is removed.
    RemoveFactor,
    /// This address is removed.
    RemoveAddress(&'a AddressRecord),
}

impl Change<'_> {
    /// Returns whether the first factor is enough for a user who has nothing better.
    fn allows_first_factor(self, now: Timestamp) -> bool {
        match self {
            Self::Enrol(policy) | Self::AddAddress(policy) => policy.allows_first_enrolment(now),
            Self::RemoveFactor | Self::RemoveAddress(_) => false,
        }
    }

    /// Returns whether a code is enough that went to an address which was verified on the first factor only. An address that is added with
    /// such a code is one of this kind, too.
    fn allows_address_of_first_factor(self, now: Timestamp) -> bool {
        match self {
            Self::Enrol(policy) => policy.allows_first_enrolment(now),
            Self::AddAddress(_) => true,
            Self::RemoveFactor => false,
            Self::RemoveAddress(address) => address.first_factor_only,
        }
    }
}

/// A proof that was enough, and was used.
pub(super) struct AcceptedProof {
    /// Its name, for the audit log.
    pub(super) name: &'static str,
    /// The id of the pass, if it was one.
    pub(super) pass: Option<String>,
    /// Whether it proves nothing but the first factor.
    pub(super) first_factor_only: bool,
}

impl AcceptedProof {
    fn named(name: &'static str) -> Self {
        Self { name, pass: None, first_factor_only: false }
    }

    fn of_pass(id: String) -> Self {
        Self { pass: Some(id), ..Self::named("temporary pass") }
    }
}

/// What somebody who holds no factor signed in with.
#[derive(Clone, Copy)]
pub(crate) enum SignedInBy<'a> {
    /// A challenge, by its id.
    Challenge(&'a str),
    /// A temporary pass.
    Pass,
}

/// The purposes of challenges that prove a change: a code that somebody typed for something else does not.
const PURPOSES: [&str; 2] = ["sign-in", "factors"];

/// The name of a proof by the session of an account.
pub(super) const OF_ACCOUNT: &str = "session of the account";

impl Factors {
    /// Verifies what a change rests on; a proof is used up. Whoever holds a factor must prove it with one (NIST SP 800-63B-4 section 4.1.2.1): a first
    /// factor, or a code that was delivered, would let somebody in who has only these. A suspended factor counts as held. For a user who
    /// holds none but has verified addresses, a code that was delivered to one of these is a proof.
    pub(super) async fn accept_proof(&self, basis: &Basis, what: ProofFor<'_>) -> Result<AcceptedProof, Error> {
        if *basis != Basis::Account {
            self.check_no_account(what.sign_in.user.as_deref().unwrap_or_default()).await?;
        }
        match basis {
            Basis::Account => Ok(AcceptedProof::named(OF_ACCOUNT)),
            Basis::UsedFactor(factor) => {
                let is_used = |held: &HeldFactor| held.record.id == *factor && held.is_active();
                match what.held.iter().any(is_used) {
                    true => Ok(AcceptedProof::named("session")),
                    false => Err(Error::proof_required("the factor that was used can no longer be used")),
                }
            }
            Basis::Proof(Proof::FirstFactor) => self.accept_first_factor(&what).await,
            Basis::Proof(Proof::Challenge(id)) => self.accept_challenge(id, None, &what).await,
            Basis::UsedChallenge { challenge, enrolment } => {
                self.accept_challenge(challenge, Some(enrolment), &what).await
            }
            Basis::UsedPass(id) => match self.is_pass_in_use(what.sign_in, id).await? {
                // The store checks it again, in the transaction that begins the enrolment.
                true => Ok(AcceptedProof::of_pass(id.clone())),
                false => Err(Error::proof_required("the pass is not valid")),
            },
            Basis::Proof(Proof::Pass(pass)) => self.accept_pass(pass, &what).await,
        }
    }

    /// Refuses changes of factors of an administrator's account by anybody but its owner and administrators: whoever administers a
    /// subscription that serves logins of administrators must not get into their accounts.
    pub(crate) async fn check_no_account(&self, user: &str) -> Result<(), Error> {
        match self.store.account(user).await? {
            Some(_) => Err(Error::proof_required(
                "the user is an administrator's account: applications cannot change its factors; its owner can, on the account page",
            )),
            None => Ok(()),
        }
    }

    /// Returns whether the application's word is enough for a change: the user holds nothing, and the policy allows it.
    async fn may_use_first_factor(
        &self,
        sign_in: &SignIn,
        change: Change<'_>,
        held: &[HeldFactor],
    ) -> Result<bool, Error> {
        let is_open = held.is_empty() && change.allows_first_factor(self.clock.now());
        Ok(is_open && self.verified_addresses(sign_in).await?.is_empty())
    }

    async fn accept_first_factor(&self, what: &ProofFor<'_>) -> Result<AcceptedProof, Error> {
        if self.may_use_first_factor(what.sign_in, what.change, what.held).await? {
            return Ok(AcceptedProof { first_factor_only: true, ..AcceptedProof::named("first factor") });
        }
        Err(Error::proof_required(match what.held {
            [] => {
                "the first factor alone is not enough: pass a challenge that was verified at a verified address of the user, or a temporary pass"
            }
            _ => "the user holds a factor: pass a challenge that was verified with it, as `proof`",
        }))
    }

    /// Accepts a challenge, once; or again, if the enrolment that it was used for is still open.
    async fn accept_challenge(
        &self,
        id: &str,
        given_up: Option<&String>,
        what: &ProofFor<'_>,
    ) -> Result<AcceptedProof, Error> {
        let (subscription, user) = (&what.sign_in.subscription, what.sign_in.user.as_deref().unwrap_or_default());
        let unfit = || {
            Error::proof_required(
                "the challenge cannot be used as a proof: it must belong to this user, have been verified in the last ten minutes with purpose \
                 `sign-in` or `factors`, and not have been used as a proof",
            )
        };
        let answered = self.challenges.answered(subscription, user, id).await?.ok_or_else(unfit)?;
        if !PURPOSES.contains(&&*answered.purpose) {
            return Err(unfit());
        }
        let (mut holder, mut first_factor_only) = (None, false);
        match answered.by {
            AnsweredBy::Factor => holder = Some(self.held.key(subscription, user)),
            AnsweredBy::DeliveredCode(_) if !what.held.is_empty() => {
                return Err(Error::proof_required(
                    "the user holds a factor: the challenge must be answered with that factor; a delivered code is not enough",
                ));
            }
            AnsweredBy::DeliveredCode(hash) => {
                let proved = self.proved_by_code(what.sign_in, &hash, what.change).await?;
                first_factor_only = proved.ok_or_else(|| {
                    Error::proof_required(
                        "the code of the challenge must have gone to a verified address of the user; where policy demands a temporary pass for \
                         the first enrolment, to one that was not verified on the first factor alone",
                    )
                })?;
            }
        }
        let is_accepted = match given_up {
            None => self.challenges.use_as_proof(subscription, id, holder).await?,
            Some(enrolment) => {
                let open = self.open_enrolment(subscription, enrolment, what.holder, self.clock.now()).await;
                open.is_ok_and(|(record, ..)| record.user == self.held.key(subscription, user))
            }
        };
        match is_accepted {
            true => Ok(AcceptedProof { first_factor_only, ..AcceptedProof::named("challenge") }),
            false => Err(unfit()),
        }
    }

    /// Returns whether a delivered code proves nothing but the first factor; none if it does not prove the change of a user who holds no
    /// factor. A code that went to a verified address proves as much as that was verified on: whoever passed only the first factor could
    /// have verified it. If the user has no verified address, any code proves the first factor.
    async fn proved_by_code(
        &self,
        sign_in: &SignIn,
        hash: &BucketKey,
        change: Change<'_>,
    ) -> Result<Option<bool>, Error> {
        let (verified, now) = (self.verified_addresses(sign_in).await?, self.clock.now());
        Ok(match verified.iter().find(|one| one.record.hash == *hash) {
            Some(address) if !address.record.first_factor_only => Some(false),
            Some(_) => change.allows_address_of_first_factor(now).then_some(true),
            None => (verified.is_empty() && change.allows_first_factor(now)).then_some(true),
        })
    }

    /// Returns whether policy lets sign-ins like this one offer factors.
    pub(crate) async fn are_offered_in_sign_ins(&self, sign_in: &SignIn) -> Result<bool, Error> {
        Ok(self.instances.policies(sign_in).await?.iter().any(|(_, policy)| policy.enrol_in_sign_in))
    }

    /// Returns the instances with which the sign-in page offers a user who holds no factor to enrol the first one: those whose policy says
    /// so, if the code that was just entered, or a temporary pass, is proof enough.
    pub(crate) async fn offered_in_sign_in(&self, sign_in: &SignIn, by: SignedInBy<'_>) -> Result<Vec<String>, Error> {
        let (subscription, user) = (&sign_in.subscription, sign_in.user.as_deref().unwrap_or_default());
        let mut policies = self.instances.policies(sign_in).await?;
        policies.retain(|(_, policy)| policy.enrol_in_sign_in);
        if policies.is_empty()
            || self.store.account(user).await?.is_some()
            || !self.held.of(subscription, user, false).await?.is_empty()
        {
            return Ok(Vec::new());
        }
        let hash = match by {
            SignedInBy::Pass => None,
            SignedInBy::Challenge(id) => match self.challenges.answered(subscription, user, id).await? {
                Some(Answered { purpose, by: AnsweredBy::DeliveredCode(hash) }) if PURPOSES.contains(&&*purpose) => {
                    Some(hash)
                }
                _ => return Ok(Vec::new()),
            },
        };
        let mut offered = Vec::new();
        for (id, policy) in policies {
            let is_enough = match &hash {
                Some(hash) => self.proved_by_code(sign_in, hash, Change::Enrol(&policy)).await?.is_some(),
                None => true,
            };
            if is_enough {
                offered.push(id);
            }
        }
        Ok(offered)
    }

    async fn accept_pass(&self, pass: &str, what: &ProofFor<'_>) -> Result<AcceptedProof, Error> {
        let (subscription, user) = (&what.sign_in.subscription, what.sign_in.user.as_deref().unwrap_or_default());
        let used = self.use_pass((subscription, user), pass, what.client_address).await?;
        let id = used.ok_or_else(|| Error::proof_required("the pass is not valid"))?;
        Ok(AcceptedProof::of_pass(id))
    }

    /// Returns how often the factors and verified addresses of the user of a sign-in have changed. It is read before a proof is checked:
    /// see [`UserChangeStore`](crate::store::UserChangeStore).
    pub(crate) async fn changes(&self, sign_in: &SignIn) -> Result<u64, Error> {
        Ok(self.store.user_changes(self.user_key(sign_in)).await?)
    }

    /// Returns the key of the user of a sign-in.
    pub(crate) fn user_key(&self, sign_in: &SignIn) -> BucketKey {
        user_person(&self.keyring, &sign_in.subscription, sign_in.user.as_deref().unwrap_or_default())
    }

    /// Returns the verified addresses of the user of a sign-in.
    pub(crate) async fn verified_addresses(&self, sign_in: &SignIn) -> Result<Vec<UserAddress>, Error> {
        let mut addresses = self.challenges.user_addresses(self.user_key(sign_in)).await?;
        addresses.retain(|address| address.record.verified_at.is_some());
        Ok(addresses)
    }
}

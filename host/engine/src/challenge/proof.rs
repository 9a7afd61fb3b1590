//! A verified challenge as a proof that a change comes from its user.

use super::account_challenge::StartedFor;
use super::{Challenges, VerifiedBy};
use crate::error::Error;
use crate::store::{BucketKey, Closing, MAX_PROOF_AGE};

/// A challenge that its user answered.
pub(crate) struct Answered {
    /// What it was for.
    pub(crate) purpose: String,
    pub(crate) by: AnsweredBy,
}

/// What a challenge was answered with.
pub(crate) enum AnsweredBy {
    /// A factor that the user holds.
    Factor,
    /// A code that was delivered to the address with this hash: see [`AddressRecord::hash`](crate::store::AddressRecord::hash).
    DeliveredCode(BucketKey),
}

impl Challenges {
    /// Returns how a challenge of this user was answered, if it was. It may have been used as a proof before: see
    /// [`Self::use_as_proof`]. Returns none for one that verified an address: its code was typed for that only.
    pub(crate) async fn answered(&self, subscription: &str, user: &str, id: &str) -> Result<Option<Answered>, Error> {
        let id = StartedFor::User.own(id);
        let record = self.store.challenge(subscription, id).await?.filter(|one| one.closed == Some(Closing::Used));
        let Some(record) = record else { return Ok(None) };
        let details = self.details(&record)?;
        if details.sign_in.user.as_deref() != Some(user) || details.verifies_address {
            return Ok(None);
        }
        let by = match details.verified_by {
            VerifiedBy::Factor(_) => AnsweredBy::Factor,
            VerifiedBy::Host | VerifiedBy::Upstream(_) => {
                AnsweredBy::DeliveredCode(self.address_hash(subscription, &details.bucket))
            }
        };
        Ok(Some(Answered { purpose: details.purpose, by }))
    }

    /// Uses a challenge as a proof, once. Returns false if it was not verified in the last ten minutes, or was used before. With a
    /// `holder`, it must be the last use of an active factor of that user.
    pub(crate) async fn use_as_proof(
        &self,
        subscription: &str,
        id: &str,
        holder: Option<BucketKey>,
    ) -> Result<bool, Error> {
        let now = self.clock.now();
        Ok(self.store.use_challenge_as_proof(subscription, id, holder, now - MAX_PROOF_AGE, now).await?)
    }
}

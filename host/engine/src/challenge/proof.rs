//! A verified challenge as a proof that a change comes from its user.

use std::time::Duration;

use super::Challenges;
use crate::error::Error;
use crate::store::Closing;

/// For how long a verified challenge is a proof.
const FRESH: Duration = Duration::from_secs(600);

impl Challenges {
    /// Returns whether a challenge of this user was verified, and if so, whether it was answered with a factor that the user holds. It may
    /// have been used as a proof before: see [`Self::use_as_proof`].
    pub(crate) async fn was_answered_by_factor(
        &self,
        subscription: &str,
        user: &str,
        id: &str,
    ) -> Result<Option<bool>, Error> {
        let record = self.store.challenge(subscription, id).await?.filter(|one| one.closed == Some(Closing::Used));
        let Some(record) = record else { return Ok(None) };
        let details = self.details(&record)?;
        let is_theirs = details.sign_in.user.as_deref() == Some(user);
        Ok(is_theirs.then_some(details.held().is_some()))
    }

    /// Uses a challenge as a proof, once. Returns false if it was not verified in the last ten minutes, or was used before.
    pub(crate) async fn use_as_proof(&self, subscription: &str, id: &str) -> Result<bool, Error> {
        let now = self.clock.now();
        Ok(self.store.use_challenge_as_proof(subscription, id, now - FRESH, now).await?)
    }
}

//! Judging an answer.

use std::net::IpAddr;

use super::request::Verified;
use super::{Challenges, code, limits};
use crate::error::Error;
use crate::store::{Attempt, Charged, Consume};

impl Challenges {
    pub(crate) async fn verify(
        &self,
        subscription: &str,
        id: &str,
        input: &str,
        client_address: Option<IpAddr>,
    ) -> Result<Verified, Error> {
        let input = code::canonical(input)?;
        let now = self.clock.now();
        let (names, charges): (Vec<_>, _) = self.limits.answer(&self.keyring, client_address).into_iter().unzip();
        let attempt = Attempt {
            subscription: subscription.to_owned(),
            id: id.to_owned(),
            charges,
            person: self.limits.person(),
            now,
        };
        let record = match self.store.charge_attempt(attempt).await? {
            Charged::Compare(record) => record,
            Charged::Closed => return Err(Error::closed()),
            Charged::Limited(limited) => return Err(Self::limited(&limited, &names, now)),
        };
        let details = self.details(&record)?;
        let chosen = self.still_available(&record, &details).await?;
        let Some(code) = code::fits(&self.keyring, &details.binding(id), &record.codes, &input) else {
            self.statistics.count(&record.subscription, &record.instance, "wrong-answer", "");
            return Err(Error::code_rejected(record.max_attempts.saturating_sub(record.attempts)));
        };
        // Each of its messages was counted.
        let messages = if details.prefix.is_empty() { 0 } else { 1 + record.resends as usize };
        let prefix = limits::prefix_bucket(&self.keyring, &record.subscription, &details.prefix);
        let consume = Consume {
            subscription: record.subscription.clone(),
            id: record.id,
            code,
            person: record.person,
            release: vec![prefix; messages],
            now: self.clock.now(),
        };
        if !self.store.consume_challenge(consume).await? {
            return Err(Error::closed());
        }
        self.statistics.count(&record.subscription, &record.instance, "verified", details.country);
        Ok(Verified { user: details.sign_in.user, two_factor: record.instance, amr: chosen.amr, verified_at: now })
    }
}

//! What the sign-in page shows of a challenge, before and after its start.

use jiff::Timestamp;

use super::request::{Challenge, NewChallenge};
use super::{Challenges, Details, VerifiedBy, code};
use crate::error::Error;
use crate::store::{ChallengeRecord, Closing};
use crate::user_factor::RequiredFactor;

/// A way in which a code can reach a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryOption {
    /// The instance.
    pub two_factor: String,
    /// Its display name.
    pub name: String,
    /// The channel, such as `email` or `sms`.
    pub channel: String,
    /// The recipient, masked.
    pub recipient_hint: String,
}

/// Whether a challenge accepts an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeStatus {
    /// It does.
    Open,
    /// It has expired.
    Expired,
    /// Its attempts are used up.
    Exhausted,
    /// It was used or cancelled, or its message was not delivered.
    Closed,
}

impl ChallengeStatus {
    fn of(record: &ChallengeRecord, now: Timestamp) -> Self {
        match record.closed {
            Some(Closing::Used | Closing::Cancelled | Closing::Undelivered) => Self::Closed,
            None if record.attempts >= record.max_attempts => Self::Exhausted,
            None if record.expires_at <= now => Self::Expired,
            None => Self::Open,
        }
    }
}

impl Challenges {
    /// Returns the instances that fit a sign-in and its recipient, the most specific first.
    ///
    /// # Errors
    /// As at the start of a challenge that is to be delivered: even if a delivered code does not satisfy what the sign-in requires.
    pub(crate) async fn delivery_options(&self, start: &NewChallenge) -> Result<Vec<DeliveryOption>, Error> {
        let start = &start.clone().checked()?;
        let required = start.required.with_acr(start.acr.as_deref())?;
        if required != RequiredFactor::Any {
            return Err(Error::requirement_unmet(required.name()));
        }
        let (mut delivery_options, mut unfit) = (Vec::new(), None);
        for one in self.instances.choose(&start.sign_in, None).await? {
            match start.recipient.canonical(one.recipient_kind, &one.policy) {
                Ok(canonical) => delivery_options.push(DeliveryOption {
                    two_factor: one.id,
                    name: one.name,
                    channel: one.channel,
                    recipient_hint: canonical.hint,
                }),
                Err(why) => unfit = Some(why),
            }
        }
        if delivery_options.is_empty() {
            Err(unfit.unwrap_or_else(Error::no_instance_available))
        } else {
            Ok(delivery_options)
        }
    }

    /// Returns the state of a challenge, if it exists.
    pub(crate) async fn look(
        &self,
        subscription: &str,
        id: &str,
    ) -> Result<Option<(Challenge, ChallengeStatus)>, Error> {
        let Some(record) = self.store.challenge(subscription, id).await? else {
            return Ok(None);
        };
        let details = self.details(&record)?;
        let mut status = ChallengeStatus::of(&record, self.clock.now());
        if status == ChallengeStatus::Open && !self.is_answerable(&record, &details).await? {
            status = ChallengeStatus::Closed;
        }
        Ok(Some((self.view(&record, &details), status)))
    }

    /// Returns whether an answer would be verified: the instance may have been removed. Only if its
    /// upstream verifies must it be valid.
    async fn is_answerable(&self, record: &ChallengeRecord, details: &Details) -> Result<bool, Error> {
        match &details.verified_by {
            VerifiedBy::Host | VerifiedBy::Factor(_) => {
                self.instances.is_assigned(&details.sign_in, &record.instance).await
            }
            VerifiedBy::Upstream(_) => {
                // Whether it can be verified at this moment is said to the person who answers.
                let chosen = self.instances.choose(&details.sign_in, Some(&record.instance)).await;
                Ok(chosen.map_or(true, |chosen| !chosen.is_empty()))
            }
        }
    }
}

/// Returns how many digits were typed, ignoring separators.
pub(crate) fn typed(input: &str) -> Result<usize, Error> {
    Ok(code::canonical(input)?.len())
}

//! Verifying an answer.

use std::sync::Arc;

use jiff::Timestamp;

use super::account_challenge::{StartedFor, counted_for, is_of_account};
use super::amr::amr;
use super::factor_verify::other_kind;
use super::quota::Used;
use super::request::{Answer, Given, OwnedAnswer, Verified};
use super::start::is_open;
use super::{Challenges, Details, VerifiedBy, code, limits};
use crate::completion::to_the_end;
use crate::error::Error;
use crate::instance::{Chosen, credential_form};
use crate::store::{Answered, Attempt, BucketKey, ChallengeRecord, Charged, CodeAnswer, CodeMac, Consume};
use crate::user_factor::of_delivered_code;
use twofactor_sandbox::{CODE_LENGTHS, Verdict};

impl Challenges {
    /// Verifies an answer to a challenge of a sign-in.
    pub(crate) async fn verify(self: &Arc<Self>, subscription: &str, answer: Answer<'_>) -> Result<Verified, Error> {
        self.verify_for(subscription, answer, StartedFor::User).await
    }

    /// Verifies an answer to the challenge of a login to an account.
    pub(crate) async fn verify_for_account(
        self: &Arc<Self>,
        subscription: &str,
        answer: Answer<'_>,
    ) -> Result<Verified, Error> {
        self.verify_for(subscription, answer, StartedFor::Account).await
    }

    /// Verifies an answer to a challenge of an address, which signs in nobody.
    pub(crate) async fn verify_address(
        self: &Arc<Self>,
        subscription: &str,
        answer: Answer<'_>,
    ) -> Result<Verified, Error> {
        self.verify_for(subscription, answer, StartedFor::Address).await
    }

    async fn verify_for(
        self: &Arc<Self>,
        subscription: &str,
        answer: Answer<'_>,
        whose: StartedFor,
    ) -> Result<Verified, Error> {
        let (this, subscription, answer) = (self.clone(), subscription.to_owned(), OwnedAnswer::from(answer));
        // Runs to completion even if the caller disconnects: an upstream accepts a right answer only once, a suspicion must be recorded,
        // and what is not to count is taken back.
        to_the_end(
            async move { this.verify_answer(&subscription, answer.get(), whose).await.map_err(Error::of_answer) },
        )
        .await
    }

    async fn verify_answer(
        &self,
        subscription: &str,
        answer: Answer<'_>,
        whose: StartedFor,
    ) -> Result<Verified, Error> {
        let Answer { challenge: id, given, client_address } = answer;
        let id = whose.own(id);
        let now = self.clock.now();
        let input = match given {
            Given::Code(code) => match code::canonical(code) {
                Ok(digits) => digits,
                Err(malformed) => self.typed_for_factor(subscription, id, (code, malformed), now).await?,
            },
            Given::Credential(credential) => credential_form(credential)?,
        };
        let limits = self.limits.answer(&self.keyring, whose.counted_for(subscription), client_address);
        let (names, charges): (Vec<_>, Vec<_>) = limits.into_iter().unzip();
        let shared = limits::shared_keys(&names, &charges);
        let attempt = Attempt {
            subscription: subscription.to_owned(),
            id: id.to_owned(),
            charges,
            person: self.limits.person(),
            now,
        };
        if let Given::Code(_) = given
            && let Some((record, details)) = self.open_with_code_of_host(subscription, id, whose, now).await?
        {
            let codes = code::macs_of_answer(&self.keyring, &details.binding(id), &record.codes, &input);
            let release = self.released(&record, &details);
            let answered = self.store.answer_challenge(CodeAnswer { attempt, codes, release }).await?;
            return match answered {
                Answered::Right(now_closed) => {
                    // Another instance may have sent it again since.
                    let details = if now_closed.sealed == record.sealed { details } else { self.details(&now_closed)? };
                    Ok(self.verified(now_closed, details, now))
                }
                Answered::Wrong(record) => Err(self.wrong(&record)),
                Answered::Closed => Err(self.closed(shared).await),
                Answered::Limited(limited) => Err(Self::limited(&limited, &names, now)),
            };
        }
        let record = match self.store.charge_attempt(attempt).await? {
            Charged::Compare(record) => record,
            Charged::Closed => return Err(self.closed(shared).await),
            Charged::Limited(limited) => return Err(Self::limited(&limited, &names, now)),
        };
        let details = self.details(&record)?;
        if details.verifies_address != (whose == StartedFor::Address) {
            return Err(Error::closed());
        }
        if details.held().is_some() {
            // Boxed: the future of every answer would hold it.
            return Box::pin(self.verify_factor(record, details, given, input)).await;
        }
        if matches!(given, Given::Credential(_)) {
            return Err(self.not_counted(&record, other_kind(given)).await);
        }
        let state = match &details.verified_by {
            VerifiedBy::Upstream(state) => state,
            // It was not open a moment ago.
            VerifiedBy::Host | VerifiedBy::Factor(_) => return Err(Error::closed()),
        };
        let chosen = self.still_available(&record, &details).await?;
        let code = self.ask(&chosen, &record, state, &input).await?;
        self.conclude(record, details, code).await
    }

    /// Has the upstream verify an answer. A code that the challenge drew itself, and that was sent
    /// to nobody, represents the upstream's code.
    async fn ask(
        &self,
        chosen: &Chosen,
        record: &ChallengeRecord,
        state: &str,
        answer: &str,
    ) -> Result<Option<CodeMac>, Error> {
        // It cannot be the code, and a text this short is not a usable placeholder.
        if !u32::try_from(answer.len()).is_ok_and(|digits| CODE_LENGTHS.contains(&digits)) {
            return Ok(None);
        }
        let (instance, type_id) = (&chosen.id, &chosen.type_id);
        let verdict = match self.turn_of(type_id, counted_for(record)).await {
            Ok(_turn) => chosen.check(state, answer).await,
            Err(busy) => Err(busy),
        };
        self.note_used(chosen, counted_for(record), &Used { segments: 0, bytes: chosen.take_bytes() }).await;
        match verdict {
            Ok(Verdict::Right) => Ok(record.codes.last().copied()),
            Ok(Verdict::Wrong) => Ok(None),
            // The challenge stays open: another right answer may be about to end it, or a newer
            // message may be on its way.
            Ok(Verdict::Expired) => {
                tracing::warn!(%instance, %type_id, "the upstream accepts no more answers");
                self.statistics.count(&record.subscription, instance, "expired-at-upstream", "");
                Err(Error::closed())
            }
            Err(failure) => {
                tracing::warn!(%instance, %type_id, outcome = failure.name(), reason = %failure.reason(), "not verified");
                self.statistics.count(&record.subscription, instance, "verification-failed", "");
                Err(Error::verification(&failure, record.max_attempts.saturating_sub(record.attempts)))
            }
        }
    }

    /// Returns a challenge of this kind that is open, and whose code this host has drawn and compares.
    ///
    /// Its instance must still be assigned. Whether it is valid does not matter: its provider is not called.
    async fn open_with_code_of_host(
        &self,
        subscription: &str,
        id: &str,
        whose: StartedFor,
        now: Timestamp,
    ) -> Result<Option<(ChallengeRecord, Details)>, Error> {
        let found = self.store.challenge(subscription, id).await?;
        let Some(record) = found.filter(|record| is_open(record, now)) else { return Ok(None) };
        let details = self.details(&record)?;
        let is_of_host = matches!(details.verified_by, VerifiedBy::Host);
        let is_of_kind = details.verifies_address == (whose == StartedFor::Address);
        if !is_of_host || !is_of_kind || !self.instances.is_assigned(&details.sign_in, &record.instance).await? {
            return Ok(None);
        }
        Ok(Some((record, details)))
    }

    /// Ends the challenge if the upstream accepted the answer and no other request did so first.
    async fn conclude(
        &self,
        record: ChallengeRecord,
        details: Details,
        code: Option<CodeMac>,
    ) -> Result<Verified, Error> {
        let now = self.clock.now();
        let Some(code) = code else {
            return Err(self.wrong(&record));
        };
        let consume = Consume {
            subscription: record.subscription.clone(),
            id: record.id.clone(),
            code,
            person: record.person,
            release: self.released(&record, &details),
            factor: None,
            now,
        };
        if !self.store.consume_challenge(consume).await?.is_done() {
            return Err(Error::closed());
        }
        Ok(self.verified(record, details, now))
    }

    /// Returns the counters of messages whose codes were not verified that a right answer reduces: one for each of its messages.
    fn released(&self, record: &ChallengeRecord, details: &Details) -> Vec<BucketKey> {
        let is_counted =
            !details.prefix.is_empty() && self.limits.prefix_per_hour < u32::MAX && !is_of_account(&record.id);
        let messages = if !is_counted { 0 } else { 1 + record.resends as usize };
        vec![limits::prefix_bucket(&self.keyring, &record.subscription, &details.prefix); messages]
    }

    /// Returns the error of a challenge that is not open, whose answer was counted.
    async fn closed(&self, shared: Vec<BucketKey>) -> Error {
        // What one subscription makes up must not count in the others.
        if !shared.is_empty()
            && let Err(error) = self.store.release(shared).await
        {
            return error.into();
        }
        Error::closed()
    }

    fn wrong(&self, record: &ChallengeRecord) -> Error {
        self.statistics.count(&record.subscription, &record.instance, "wrong-answer", "");
        Error::code_rejected(record.max_attempts.saturating_sub(record.attempts))
    }

    fn verified(&self, record: ChallengeRecord, details: Details, now: Timestamp) -> Verified {
        let proved = of_delivered_code(amr(&details), !details.prefix.is_empty(), record.first_factor);
        self.statistics.count(&record.subscription, &record.instance, "verified", details.country);
        let Details { sign_in, purpose, .. } = details;
        Verified {
            user: sign_in.user,
            two_factor: record.instance,
            purpose,
            amr: proved.amr,
            acr: None,
            assurance: proved.assurance,
            factor: None,
            uses_left: None,
            verified_at: now,
        }
    }
}

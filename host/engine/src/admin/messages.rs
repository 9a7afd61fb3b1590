//! Why somebody got no code: the outcomes of their messages, and the limits that block them at the
//! moment.

use jiff::Timestamp;
use serde::Serialize;

use super::Administration;
use crate::challenge::{Facts, MessageOutcome, ReachedLimit, Recipient, is_of_account, recipient_key, user_person};
use crate::error::Error;
use crate::store::{ChallengeRecord, Closing, HistoryKey, HistoryRecord, UpstreamHealthRecord};
use crate::user_factor::user_persons;
use twofactor_sandbox::Price;

/// The maximum number of events shown.
const SHOWN: u32 = 200;

/// Selects whose messages to show. `Debug` does not show it.
#[derive(Clone)]
pub enum MessageQuery {
    /// Those of a user.
    User(String),
    /// Those to a recipient: an email address, a phone number in international form, or a
    /// provider's handle. It is compared by a keyed hash.
    Recipient(String),
    /// Those of a challenge.
    Challenge(String),
}

/// An event: the outcome of a message, or why there was none.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MessageEvent {
    /// The time; the last time if several events are counted together.
    pub at: Timestamp,
    /// What happened.
    pub outcome: MessageOutcome,
    /// How many times: requests that led to no message are counted together by the hour.
    pub count: u32,
    /// The challenge, if there was one.
    pub challenge: Option<String>,
    /// The user, if the application named one.
    pub user: Option<String>,
    /// The masked address; empty if there was none.
    pub recipient_hint: String,
    /// The instance; empty if there was none.
    pub instance: String,
    /// Its type; empty if there was none.
    pub type_id: String,
    /// The upstream's reference or code, or the name of a limit; may be empty.
    pub code: String,
    /// The provider's text; may be empty.
    pub detail: String,
    /// When the limit ends, if the event is a limit.
    pub until: Option<Timestamp>,
    /// The price, if the upstream reported it.
    pub price: Option<Price>,
}

/// The state of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChallengeState {
    /// Open: it accepts answers.
    Open,
    /// The right code was entered.
    Used,
    /// The application cancelled it.
    Cancelled,
    /// Its message was not delivered.
    Undelivered,
    /// It has expired.
    Expired,
    /// Its attempts are used up.
    AnswersUsedUp,
}

/// A challenge that was asked about. It is known until a day after its end.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ChallengeFacts {
    /// Its state.
    pub state: ChallengeState,
    /// Answers so far, right and wrong.
    pub answers: u32,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it expires, or ended.
    pub expires_at: Timestamp,
}

/// The message history of a person.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MessageHistory {
    /// The events, newest first; at most 200.
    pub events: Vec<MessageEvent>,
    /// The limits that block the person at the moment.
    pub limits: Vec<ReachedLimit>,
    /// The challenge, if one was asked about and is still known.
    pub challenge: Option<ChallengeFacts>,
    /// For how many days events are kept.
    pub days: u16,
}

/// The latest responses of an instance's upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UpstreamHealth {
    /// When it last accepted a message.
    pub accepted_at: Option<Timestamp>,
    /// When a message last failed because of the upstream or the instance's options.
    pub failed_at: Option<Timestamp>,
    /// The kind of that failure.
    pub outcome: Option<MessageOutcome>,
    /// The upstream's or host's code of that failure; may be empty.
    pub code: String,
    /// For how many seconds this node does not use the instance, after consecutive failures.
    pub paused_seconds: Option<u32>,
}

impl UpstreamHealth {
    /// Returns whether the last message failed.
    pub fn is_failing(&self) -> bool {
        self.paused_seconds.is_some()
            || self.failed_at.is_some_and(|failed| self.accepted_at.is_none_or(|ok| ok < failed))
    }
}

impl Administration {
    /// Returns the outcomes of a person's messages in the days that are kept, and the limits that
    /// block the person at the moment. Events of other nodes arrive within a few seconds.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription. An error if the store is not available.
    pub async fn messages(&self, subscription: &str, query: &MessageQuery) -> Result<MessageHistory, Error> {
        self.known(subscription).await?;
        self.history.flush().await?;
        let since = self.history.limits().since(self.clock.now());
        let keyring = &self.instances.keyring;
        let keys = match query {
            MessageQuery::Challenge(id) if self.hides(id) => Vec::new(),
            MessageQuery::User(user) => vec![HistoryKey::Person(user_person(keyring, subscription, user))],
            MessageQuery::Recipient(text) => {
                let key = |known: String| HistoryKey::Recipient(recipient_key(keyring, subscription, &known));
                Recipient::buckets(text).into_iter().map(key).collect()
            }
            MessageQuery::Challenge(id) => vec![HistoryKey::Challenge(id.clone())],
        };
        let mut records = Vec::new();
        for key in keys {
            records.extend(self.store().history(subscription, key, since, SHOWN).await?);
        }
        let challenge = match query {
            MessageQuery::Challenge(id) if !self.hides(id) => self.store().challenge(subscription, id).await?,
            _ => None,
        };
        let limits = self.limits_of(subscription, query, &records, challenge.as_ref()).await?;
        let events = records.iter().filter_map(|record| self.event(record)).collect();
        let challenge = challenge.map(|record| self.challenge_facts(&record));
        Ok(MessageHistory { events, limits, challenge, days: self.history.limits().days })
    }

    /// Returns whether the actor must not know a challenge: that of a login to an account.
    fn hides(&self, challenge: &str) -> bool {
        !self.sees_installation && is_of_account(challenge)
    }

    fn event(&self, record: &HistoryRecord) -> Option<MessageEvent> {
        // A newer version on the same store may write outcomes that this one does not know.
        let outcome = MessageOutcome::of_name(&record.outcome)?;
        // Its outcome is as uncertain as the rest. The other events are shown all the same.
        let (outcome, facts) = match self.history.facts(record) {
            Some(facts) => (outcome, facts),
            None => (MessageOutcome::Unreadable, Facts::default()),
        };
        let Facts { user, hint, instance, type_id, code, detail, until, price } = facts;
        let (at, count) = (record.at, record.count);
        let challenge = record.challenge.clone().filter(|id| !self.hides(id));
        Some(MessageEvent {
            at,
            outcome,
            count,
            challenge,
            user,
            recipient_hint: hint,
            instance,
            type_id,
            code,
            detail,
            until,
            price,
        })
    }

    fn challenge_facts(&self, record: &ChallengeRecord) -> ChallengeFacts {
        let state = match record.closed {
            Some(Closing::Used) => ChallengeState::Used,
            Some(Closing::Cancelled) => ChallengeState::Cancelled,
            Some(Closing::Undelivered) => ChallengeState::Undelivered,
            None if record.attempts >= record.max_attempts => ChallengeState::AnswersUsedUp,
            None if record.expires_at <= self.clock.now() => ChallengeState::Expired,
            None => ChallengeState::Open,
        };
        let (created_at, expires_at) = (record.created_at, record.expires_at);
        ChallengeFacts { state, answers: record.attempts, created_at, expires_at }
    }

    /// Returns the limits of the person a query is about, as far as known: of the person, of the
    /// typed recipient, of the recipients in the events.
    async fn limits_of(
        &self,
        subscription: &str,
        query: &MessageQuery,
        records: &[HistoryRecord],
        challenge: Option<&ChallengeRecord>,
    ) -> Result<Vec<ReachedLimit>, Error> {
        let keyring = &self.instances.keyring;
        let mut persons = match query {
            MessageQuery::User(user) => user_persons(keyring, subscription, user).to_vec(),
            _ => challenge.map(|record| record.person).into_iter().collect(),
        };
        persons.extend(records.iter().map(|record| record.person));
        let mut recipients: Vec<_> = records.iter().filter_map(|record| record.recipient).collect();
        let mut typed = Vec::new();
        if let MessageQuery::Recipient(text) = query {
            typed = Recipient::buckets(text);
            recipients.extend(typed.iter().map(|it| recipient_key(keyring, subscription, it)));
        }
        for keys in [&mut persons, &mut recipients] {
            keys.sort_unstable();
            keys.dedup();
            // The first of many are enough: so many recipients do not belong to one person.
            keys.truncate(16);
        }
        let mut limits = self.challenges.reached_limits(subscription, &persons, &recipients, &typed).await?;
        // What others do is not theirs to see.
        limits.retain(|one| self.sees_installation || !one.is_of_all_subscriptions());
        Ok(limits)
    }

    /// Returns the latest responses of an instance's upstream.
    ///
    /// # Errors
    /// [`Error::is_not_found`]. An error if the store is not available.
    pub async fn upstream_health(&self, subscription: &str, id: &str) -> Result<UpstreamHealth, Error> {
        let record = self.record(subscription, id).await?;
        self.history.flush().await?;
        let UpstreamHealthRecord { accepted_at, failed_at, outcome, code } =
            self.store().health(id).await?.unwrap_or_default();
        let paused_seconds = self.challenges.pause_left(&record).await;
        let outcome = MessageOutcome::of_name(&outcome);
        Ok(UpstreamHealth { accepted_at, failed_at, outcome, code, paused_seconds })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::TwoFactor;
    use crate::audit::Actor;
    use crate::store::HistoryBounds;

    #[tokio::test]
    async fn an_entry_whose_data_is_not_its_own_is_shown_as_unreadable() {
        let engine = TwoFactor::builder().build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("s", "S").await.unwrap();
        let record = HistoryRecord {
            subscription: "s".to_owned(),
            at: admin.clock.now(),
            person: user_person(&admin.instances.keyring, "s", "alice"),
            recipient: None,
            challenge: None,
            group: None,
            outcome: MessageOutcome::Accepted.name().to_owned(),
            count: 1,
            sealed: vec![1; 100],
        };
        let bounds = HistoryBounds { since: Timestamp::UNIX_EPOCH, rows: 1000, rows_of_person: 500 };
        admin.store().add_history(vec![record], bounds).await.unwrap();
        let history = admin.messages("s", &MessageQuery::User("alice".to_owned())).await.unwrap();
        let shown: Vec<_> = history.events.iter().map(|event| (event.outcome, event.user.as_deref())).collect();
        assert_eq!(shown, [(MessageOutcome::Unreadable, None)]);
    }
}

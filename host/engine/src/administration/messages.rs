//! Why somebody got no code: what became of their messages, and which limits hold them now.

use jiff::Timestamp;
use serde::Serialize;

use super::Administration;
use crate::challenge::{Facts, MessageOutcome, ReachedLimit, Recipient, recipient_key, user_person};
use crate::error::Error;
use crate::store::{ChallengeRecord, Closing, HistoryKey, HistoryRecord, UpstreamHealthRecord};

/// How many events are shown at most.
const SHOWN: u32 = 200;

/// Whose messages are wanted. `Debug` does not show it.
#[derive(Clone)]
pub enum MessageQuery {
    /// Those of a user.
    User(String),
    /// Those to a recipient: an email address, a telephone number in international form, or a provider's handle. It is compared by a
    /// keyed hash.
    Recipient(String),
    /// Those of a challenge.
    Challenge(String),
}

/// What became of a message, or why there was none.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MessageEvent {
    /// When; of several that are counted together, the last time.
    pub at: Timestamp,
    /// What happened.
    pub outcome: MessageOutcome,
    /// How often: requests that led to no message are counted together by the hour.
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
    /// The provider's words; may be empty.
    pub detail: String,
    /// When the limit ends, if that is what happened.
    pub until: Option<Timestamp>,
}

/// How a challenge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChallengeState {
    /// It takes answers.
    Open,
    /// The right code was given.
    Used,
    /// The application cancelled it.
    Cancelled,
    /// Its message was not delivered.
    Undelivered,
    /// Its time has passed.
    Expired,
    /// Its answers are used up.
    AnswersUsedUp,
}

/// A challenge that was asked about. It is known for a day after its end.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ChallengeFacts {
    /// How it stands.
    pub state: ChallengeState,
    /// Answers given so far, right and wrong.
    pub answers: u32,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it ends, or ended.
    pub expires_at: Timestamp,
}

/// What is known of somebody's messages.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MessageHistory {
    /// What happened, the newest first; at most 200.
    pub events: Vec<MessageEvent>,
    /// Which limits hold them now.
    pub limits: Vec<ReachedLimit>,
    /// The challenge, if one was asked about and is still known.
    pub challenge: Option<ChallengeFacts>,
    /// How many days are kept.
    pub days: u16,
}

/// The last answers of an instance's upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UpstreamHealth {
    /// When it accepted a message last.
    pub accepted_at: Option<Timestamp>,
    /// When a message failed last for a reason that lies with the upstream or the instance's options.
    pub failed_at: Option<Timestamp>,
    /// How that one failed.
    pub outcome: Option<MessageOutcome>,
    /// The upstream's or the host's code for it; may be empty.
    pub code: String,
    /// For how many seconds this node does not try the instance, after failures in a row.
    pub paused_seconds: Option<u32>,
}

impl UpstreamHealth {
    /// Whether the last message failed.
    pub fn is_failing(&self) -> bool {
        self.paused_seconds.is_some()
            || self.failed_at.is_some_and(|failed| self.accepted_at.is_none_or(|ok| ok < failed))
    }
}

impl Administration {
    /// What became of somebody's messages in the days that are kept, and which limits hold them now. Other nodes bring what they know
    /// every few seconds.
    ///
    /// # Errors
    /// Not found if there is no such subscription; when the store is not available.
    pub async fn messages(&self, subscription: &str, query: &MessageQuery) -> Result<MessageHistory, Error> {
        self.known(subscription).await?;
        self.history.settle().await?;
        let since = self.history.limits().since(self.clock.now());
        let keyring = &self.instances.keyring;
        let keys = match query {
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
            MessageQuery::Challenge(id) => self.store().challenge(subscription, id).await?,
            _ => None,
        };
        let limits = self.limits_of(subscription, query, &records, challenge.as_ref()).await?;
        let events = records.iter().filter_map(|record| self.event(record).transpose()).collect::<Result<_, _>>()?;
        let challenge = challenge.map(|record| self.challenge_facts(&record));
        Ok(MessageHistory { events, limits, challenge, days: self.history.limits().days })
    }

    fn event(&self, record: &HistoryRecord) -> Result<Option<MessageEvent>, Error> {
        // A newer version on the same store may know more outcomes.
        let Some(outcome) = MessageOutcome::of_name(&record.outcome) else { return Ok(None) };
        let Facts { user, hint, instance, type_id, code, detail, until } = self.history.facts(record)?;
        let (at, count, challenge) = (record.at, record.count, record.challenge.clone());
        Ok(Some(MessageEvent {
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
        }))
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

    /// The limits of whom a query is about, as far as they are known: of the person, of the recipient that was typed, of recipients in
    /// what was found.
    async fn limits_of(
        &self,
        subscription: &str,
        query: &MessageQuery,
        records: &[HistoryRecord],
        challenge: Option<&ChallengeRecord>,
    ) -> Result<Vec<ReachedLimit>, Error> {
        let keyring = &self.instances.keyring;
        let mut persons = match query {
            MessageQuery::User(user) => vec![user_person(keyring, subscription, user)],
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
            // Of many the first are enough: who shares so much is no single person.
            keys.truncate(16);
        }
        self.challenges.reached_limits(subscription, &persons, &recipients, &typed).await
    }

    /// How the upstream of an instance answered last.
    ///
    /// # Errors
    /// Not found; when the store is not available.
    pub async fn upstream_health(&self, subscription: &str, id: &str) -> Result<UpstreamHealth, Error> {
        let record = self.record(subscription, id).await?;
        self.history.settle().await?;
        let UpstreamHealthRecord { accepted_at, failed_at, outcome, code } =
            self.store().health(id).await?.unwrap_or_default();
        let paused_seconds = self.challenges.pause_left(&record).await;
        let outcome = MessageOutcome::of_name(&outcome);
        Ok(UpstreamHealth { accepted_at, failed_at, outcome, code, paused_seconds })
    }
}

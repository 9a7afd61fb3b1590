//! The message history: it answers why somebody got no code, and is kept for some days.
//!
//! Events are collected in memory and written every few seconds, a few rows per commit, so that no
//! sign-in waits for them. A process that is killed loses those of its last seconds. Requests that
//! lead to no message are counted together by the hour. Beyond [`GATHERED`] of either kind between
//! two writes, further ones are dropped, which bounds the cost of a flood.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::bucket::bucket;
use crate::clock::Clock;
use crate::error::Error;
use crate::keyring::Keyring;
use crate::store::{BucketKey, HistoryBounds, HistoryRecord, Store, UpstreamHealthRecord};
use twofactor_sandbox::{DeliveryFailure, Price, Reason};

/// How often the collected events are written.
const EVERY: Duration = Duration::from_secs(5);

/// How many messages, and how many groups of refused requests, are collected at most between two
/// writes.
const GATHERED: usize = 20_000;

/// How many rows share a commit: other writes must not wait long.
const AT_ONCE: usize = 64;

/// How many rows are kept per person.
const ROWS_OF_PERSON: u32 = 500;

const HOUR_MS: i64 = 3_600_000;

/// The context in which rows are sealed.
const SEALED: &str = "history";

/// Longer texts of an upstream are truncated to this many characters.
const TEXT_CHARS: usize = 200;

/// How much of the message history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryLimits {
    /// For how many days, 1 to 90. Default: 7.
    pub days: u16,
    /// How many rows in total, of about 500 bytes each. Default: 1,000,000. Beyond it, the subscription with the most rows loses its
    /// oldest ones.
    pub rows: u32,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { days: 7, rows: 1_000_000 }
    }
}

impl HistoryLimits {
    pub(crate) fn check(self) -> Result<(), Error> {
        if !(1..=90).contains(&self.days) || self.rows < 1000 {
            return Err(Error::invalid("the message history must have 1 to 90 `days` and at least 1000 `rows`"));
        }
        Ok(())
    }

    pub(crate) fn since(self, now: Timestamp) -> Timestamp {
        now - SignedDuration::from_hours(24 * i64::from(self.days))
    }

    fn bounds(self, now: Timestamp) -> HistoryBounds {
        HistoryBounds { since: self.since(now), rows: self.rows.into(), rows_of_person: ROWS_OF_PERSON }
    }
}

/// The outcome of a message, or why there was no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MessageOutcome {
    /// The upstream accepted it; the code is the upstream's reference.
    Accepted,
    /// The upstream reported that it arrived.
    ReportedDelivered,
    /// The upstream reported that it did not arrive.
    ReportedFailed,
    /// Not sent: the upstream could not be reached or does not accept messages at the moment.
    RetryLater,
    /// It may have been sent.
    OutcomeUnknown,
    /// The upstream rejected the recipient.
    RejectedRecipient,
    /// The upstream rejected the message.
    RejectedMessage,
    /// The operator must fix something.
    Misconfigured,
    /// The upstream suspects fraud.
    Blocked,
    /// Not tried: the instance is paused after consecutive failures.
    Paused,
    /// Not tried: a quota is used up; the code is its name.
    QuotaUsed,
    /// No message: a limit was reached; the code is its name.
    Limited,
    /// No message: too many wrong answers in a row.
    UserLocked,
    /// No message: no instance is active, valid and assigned to this sign-in.
    NoInstance,
    /// No message: messages to this country, which is the code, are not enabled.
    CountryNotEnabled,
    /// No message: the recipient is missing or malformed.
    RecipientMalformed,
    /// Not known: what is stored of the event was changed in the database, or another version wrote it.
    Unreadable,
}

impl MessageOutcome {
    /// Returns its stable name, such as `reported-delivered`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::ReportedDelivered => "reported-delivered",
            Self::ReportedFailed => "reported-failed",
            Self::RetryLater => "retry-later",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::RejectedRecipient => "rejected-recipient",
            Self::RejectedMessage => "rejected-message",
            Self::Misconfigured => "misconfigured",
            Self::Blocked => "blocked",
            Self::Paused => "paused",
            Self::QuotaUsed => "quota-used",
            Self::Limited => "limited",
            Self::UserLocked => "user-locked",
            Self::NoInstance => "no-instance",
            Self::CountryNotEnabled => "country-not-enabled",
            Self::RecipientMalformed => "recipient-malformed",
            Self::Unreadable => "unreadable",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }

    pub(super) fn of(failure: &DeliveryFailure) -> Self {
        match failure {
            DeliveryFailure::RetryLater { reason, .. } if reason.code == Reason::PAUSED => Self::Paused,
            DeliveryFailure::RetryLater { reason, .. } if reason.code == Reason::QUOTA_USED => Self::QuotaUsed,
            DeliveryFailure::RetryLater { .. } => Self::RetryLater,
            DeliveryFailure::OutcomeUnknown(_) => Self::OutcomeUnknown,
            DeliveryFailure::Rejected { recipient: true, .. } => Self::RejectedRecipient,
            DeliveryFailure::Rejected { .. } => Self::RejectedMessage,
            DeliveryFailure::Misconfigured(_) => Self::Misconfigured,
            DeliveryFailure::Blocked(_) => Self::Blocked,
        }
    }

    /// Returns whether it says something about the instance's upstream.
    fn is_of_the_upstream(self) -> bool {
        matches!(self, Self::Accepted | Self::RetryLater | Self::OutcomeUnknown | Self::Misconfigured | Self::Blocked)
    }
}

/// The data of an event besides the hashes by which it is found. It is sealed at rest.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) user: Option<String>,
    /// The masked address; empty if there was none.
    pub(crate) hint: String,
    pub(crate) instance: String,
    pub(crate) type_id: String,
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) until: Option<Timestamp>,
    #[serde(default)]
    pub(crate) price: Option<Price>,
}

/// The person and the challenge by which an event is found.
pub(crate) struct About<'a> {
    pub(crate) subscription: &'a str,
    pub(crate) person: BucketKey,
    /// The recipient as limits count it; empty if there was none.
    pub(crate) recipient: &'a str,
    pub(crate) challenge: Option<&'a str>,
}

/// Collects events. Cheap to clone; all clones share one state.
#[derive(Clone)]
pub(crate) struct History(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    limits: HistoryLimits,
    gathered: Mutex<Gathered>,
}

#[derive(Default)]
struct Gathered {
    messages: Vec<Event>,
    refusals: HashMap<BucketKey, Event>,
    health: HashMap<String, UpstreamHealthRecord>,
}

/// An event before it is sealed: that happens when it is written.
struct Event {
    record: HistoryRecord,
    facts: Facts,
}

/// Returns the keyed hash by which a recipient is found: that of the limit of messages to it.
pub(crate) fn recipient_key(keyring: &Keyring, subscription: &str, recipient: &str) -> BucketKey {
    bucket(keyring, "recipient", &[subscription.as_bytes(), recipient.as_bytes()])
}

impl History {
    pub(crate) fn new(store: Arc<dyn Store>, keyring: Keyring, clock: Arc<dyn Clock>, limits: HistoryLimits) -> Self {
        let history = Self(Arc::new(Inner { store, keyring, clock, limits, gathered: Mutex::default() }));
        tokio::spawn(keep(Arc::downgrade(&history.0)));
        history
    }

    pub(crate) fn limits(&self) -> HistoryLimits {
        self.0.limits
    }

    /// Records the outcome of a message.
    pub(crate) fn message(&self, about: &About<'_>, outcome: MessageOutcome, facts: Facts) {
        let event = self.event(about, outcome, facts, None);
        let mut gathered = self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome.is_of_the_upstream() {
            let health = gathered.health.entry(event.facts.instance.clone()).or_default();
            if outcome == MessageOutcome::Accepted {
                health.accepted_at = Some(event.record.at);
            } else {
                health.failed_at = Some(event.record.at);
                (health.outcome, health.code) = (outcome.name().to_owned(), event.facts.code.clone());
            }
        }
        if gathered.messages.len() < GATHERED {
            gathered.messages.push(event);
        } else {
            metrics::counter!("twofactor_history_dropped_total").increment(1);
        }
    }

    /// Records a request that led to no message. Those of one person, recipient and hour are
    /// counted together.
    pub(crate) fn refusal(&self, about: &About<'_>, outcome: MessageOutcome, facts: Facts) {
        let hour = self.0.clock.now().as_millisecond().div_euclid(HOUR_MS);
        let group = self.0.keyring.bucket(
            "history-group",
            &[
                about.subscription.as_bytes(),
                &about.person,
                about.recipient.as_bytes(),
                about.challenge.unwrap_or_default().as_bytes(),
                outcome.name().as_bytes(),
                facts.code.as_bytes(),
                &hour.to_be_bytes(),
            ],
        );
        let event = self.event(about, outcome, facts, Some(group));
        let mut gathered = self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let room = gathered.refusals.len() < GATHERED;
        match gathered.refusals.get_mut(&group) {
            Some(known) => {
                let count = known.record.count.saturating_add(1);
                *known = event;
                known.record.count = count;
            }
            None if room => _ = gathered.refusals.insert(group, event),
            None => metrics::counter!("twofactor_history_dropped_total").increment(1),
        }
    }

    fn event(&self, about: &About<'_>, outcome: MessageOutcome, mut facts: Facts, group: Option<BucketKey>) -> Event {
        for text in [&mut facts.code, &mut facts.detail] {
            if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS) {
                text.truncate(end);
            }
        }
        let recipient = Some(about.recipient).filter(|recipient| !recipient.is_empty());
        let record = HistoryRecord {
            subscription: about.subscription.to_owned(),
            at: self.0.clock.now(),
            person: about.person,
            recipient: recipient.map(|it| recipient_key(&self.0.keyring, about.subscription, it)),
            challenge: about.challenge.map(str::to_owned),
            group,
            outcome: outcome.name().to_owned(),
            count: 1,
            sealed: Vec::new(),
        };
        Event { record, facts }
    }

    /// Returns the data of a row, unsealed; none if it is not this row's, or another version wrote it.
    pub(crate) fn facts(&self, record: &HistoryRecord) -> Option<Facts> {
        let place = place(record);
        let plain = self.0.keyring.open(SEALED, &place.each_ref().map(|part| &**part), &record.sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// Writes everything that was collected to the store.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        self.0.flush().await
    }
}

impl Inner {
    async fn flush(&self) -> Result<(), Error> {
        let gathered = std::mem::take(&mut *self.gathered.lock().unwrap_or_else(PoisonError::into_inner));
        if !gathered.health.is_empty() {
            self.store.set_health(gathered.health.into_iter().collect()).await?;
        }
        let bounds = self.limits.bounds(self.clock.now());
        let events: Vec<Event> = gathered.messages.into_iter().chain(gathered.refusals.into_values()).collect();
        let mut records = Vec::with_capacity(AT_ONCE.min(events.len()));
        for Event { mut record, facts } in events {
            let plain = serde_json::to_vec(&facts).map_err(Error::unavailable)?;
            let place = place(&record);
            let sealed = self.keyring.seal(SEALED, &place.each_ref().map(|part| &**part), &plain);
            record.sealed = sealed.map_err(Error::unavailable)?;
            records.push(record);
            if records.len() == AT_ONCE {
                self.store.add_history(std::mem::take(&mut records), bounds).await?;
            }
        }
        if !records.is_empty() {
            self.store.add_history(records, bounds).await?;
        }
        while self.store.trim_history(bounds).await? > 0 {}
        Ok(())
    }
}

/// Returns what the data of a row is bound to: whoever can write to the database cannot show it in another row, as another person's.
fn place(record: &HistoryRecord) -> [Vec<u8>; 7] {
    let HistoryRecord { subscription, at, person, recipient, challenge, group, outcome, count: _, sealed: _ } = record;
    let bytes = |hash: &Option<BucketKey>| hash.map(Vec::from).unwrap_or_default();
    // The time of events that are counted together changes with each of them.
    let at = if group.is_some() { Vec::new() } else { at.as_millisecond().to_be_bytes().to_vec() };
    [
        subscription.clone().into_bytes(),
        person.to_vec(),
        bytes(recipient),
        challenge.clone().unwrap_or_default().into_bytes(),
        bytes(group),
        outcome.clone().into_bytes(),
        at,
    ]
}

/// Writes periodically, as long as the engine exists.
async fn keep(history: Weak<Inner>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(history) = history.upgrade() else { return };
        if let Err(error) = history.flush().await {
            tracing::warn!(error = error.operator_detail(), "message history of the last seconds was lost");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::store::{HistoryKey, SqliteStore};

    #[tokio::test]
    async fn the_data_of_a_row_opens_in_no_other_row() {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        let clock = Arc::new(ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap()));
        let history = History::new(store.clone(), Keyring::generate().unwrap(), clock, HistoryLimits::default());
        let about = About { subscription: "s", person: [1; 16], recipient: "r", challenge: Some("c") };
        let facts = Facts { user: Some("alice".to_owned()), ..Facts::default() };
        history.message(&about, MessageOutcome::RejectedMessage, facts.clone());
        history.refusal(&about, MessageOutcome::Limited, facts);
        history.flush().await.unwrap();
        let rows = store.history("s", HistoryKey::Person([1; 16]), Timestamp::UNIX_EPOCH, 9).await.unwrap();
        assert_eq!(rows.iter().filter(|row| row.group.is_some()).count(), 1);
        assert_eq!(rows.len(), 2);
        for row in rows {
            assert_eq!(history.facts(&row).unwrap().user.as_deref(), Some("alice"));
            let others = [
                HistoryRecord { subscription: "t".to_owned(), ..row.clone() },
                HistoryRecord { person: [2; 16], ..row.clone() },
                HistoryRecord { recipient: None, ..row.clone() },
                HistoryRecord { challenge: None, ..row.clone() },
                HistoryRecord { group: Some([3; 16]), ..row.clone() },
                HistoryRecord { outcome: "blocked".to_owned(), ..row.clone() },
            ];
            for other in others {
                assert!(history.facts(&other).is_none(), "{other:?}");
            }
            let later = HistoryRecord { at: row.at + Duration::from_secs(1), ..row.clone() };
            assert_eq!(history.facts(&later).is_some(), row.group.is_some());
        }
    }
}

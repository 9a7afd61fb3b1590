//! Notices to users about changes of their sign-in methods (NIST SP 800-63B-4 section 4.6).
//!
//! Nobody may add a sign-in method unnoticed. So each change is recorded for the user to read, and a notice goes to every address
//! that is known: verified ones, and those that applications gave recently. No call waits for it. A notice that was certainly not sent is
//! tried again a few times; the audit log records the outcome, without addresses.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use super::Factors;
use super::notice_turns::NoticeTurns;
use crate::audit::{Actor, AuditLog};
use crate::challenge::{
    Challenges, Notice, NoticeEvent, NoticeOutcome, NoticeSubject, NoticeTo, NoticeTurn, UserAddress, user_person,
};
use crate::error::Error;
use crate::keyring::Keyring;
use crate::random;
use crate::store::{AddressKind, BucketKey, FactorEventRecord, Store};
use crate::user_factor::{FactorEvent, FactorEventKind};

/// How many events of a user are stored.
const MOST_EVENTS: u32 = 50;

/// How many events are returned.
const SHOWN_EVENTS: u32 = 20;

/// How many addresses that applications gave are remembered for a user.
pub(crate) const MOST_GIVEN: u32 = 4;

/// To how many addresses a notice goes.
const MOST_ADDRESSES: usize = 10;

/// How long to wait before each further attempt.
const WAITS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];

const SEALED: &str = "user-event";

/// A kind of event that concerns a user's sign-in methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UserEventKind {
    /// A factor was enrolled, or an address verified.
    Added,
    /// A newer factor replaced it.
    Replaced,
    /// A factor or an address was removed.
    Removed,
    /// A factor cannot be used until an administrator reactivates it.
    Suspended,
    /// A factor can be used again.
    Resumed,
    /// An administrator ended all factors, and whatever else the user could sign in with.
    Reset,
    /// An administrator issued a temporary pass.
    PassIssued,
    /// A temporary pass was used.
    PassUsed,
    /// A browser was remembered.
    BrowserRemembered,
    /// A browser is no longer remembered.
    BrowserForgotten,
    /// Not known: what is stored of the event was changed in the database, or another version wrote it.
    Unreadable,
}

impl UserEventKind {
    /// Returns its stable name, such as `pass-issued`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Reset => "reset",
            Self::PassIssued => "pass-issued",
            Self::PassUsed => "pass-used",
            Self::BrowserRemembered => "browser-remembered",
            Self::BrowserForgotten => "browser-forgotten",
            Self::Unreadable => "unreadable",
        }
    }
}

/// An event that concerns a user's sign-in methods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserEvent {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub kind: UserEventKind,
    /// The subject of the event: the type of a factor such as `totp`, or `email-address` or `phone-number`.
    pub subject: Option<String>,
}

/// What is sealed of an event.
#[derive(Serialize, Deserialize)]
struct EventDetails {
    kind: UserEventKind,
    subject: Option<String>,
}

/// The name of a kind of address as the subject of an event.
pub(crate) fn address_subject(kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Email => "email-address",
        AddressKind::Phone => "phone-number",
    }
}

/// Records events and notifies users of them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Notices {
    store: Arc<dyn Store>,
    keyring: Keyring,
    audit: Arc<AuditLog>,
    challenges: Arc<Challenges>,
    turns: Arc<NoticeTurns>,
}

impl From<FactorEvent> for Happened {
    fn from(event: FactorEvent) -> Self {
        let FactorEvent { subscription, user, factor, kind, at } = event;
        let kind = match kind {
            FactorEventKind::Enrolled => UserEventKind::Added,
            FactorEventKind::Replaced => UserEventKind::Replaced,
            FactorEventKind::Removed => UserEventKind::Removed,
            FactorEventKind::Suspended => UserEventKind::Suspended,
            FactorEventKind::Resumed => UserEventKind::Resumed,
        };
        Self { subscription, user, kind, subject: Some(factor.type_id), at, also: Vec::new() }
    }
}

/// An event that was committed.
pub(crate) struct Happened {
    pub(crate) subscription: String,
    pub(crate) user: String,
    pub(crate) kind: UserEventKind,
    pub(crate) subject: Option<String>,
    pub(crate) at: Timestamp,
    /// Addresses that get the notice before all others: those that were just removed, or verified until now.
    pub(crate) also: Vec<UserAddress>,
}

impl Notices {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        keyring: Keyring,
        audit: Arc<AuditLog>,
        challenges: Arc<Challenges>,
    ) -> Self {
        Self { store, keyring, audit, challenges, turns: Arc::new(NoticeTurns::new()) }
    }

    /// Returns a listener for events of factors. It does not keep the challenges alive, because they own what it listens to.
    pub(crate) fn listener(&self) -> impl Fn(FactorEvent) + Send + Sync + 'static {
        let Self { store, keyring, audit, challenges, turns } = self.clone();
        let challenges = Arc::downgrade(&challenges);
        move |event| {
            let Some(challenges) = challenges.upgrade() else { return };
            let (store, keyring, audit) = (store.clone(), keyring.clone(), audit.clone());
            Self { store, keyring, audit, challenges, turns: turns.clone() }.happened(event.into());
        }
    }

    /// Records an event and notifies the user, in the background.
    pub(crate) fn happened(&self, event: Happened) {
        let this = self.clone();
        let work = async move {
            if let Err(error) = this.record(&event).await {
                tracing::error!(error = error.operator_detail(), "could not record an event for a user");
            }
            if let Err(error) = this.tell(&event).await {
                tracing::error!(error = error.operator_detail(), "could not notify a user of a change");
            }
        };
        tokio::spawn(work.in_current_span());
    }

    /// Records an event, and notifies the user in the background. For events that end something, such as a reset.
    pub(crate) async fn record_then_notify(&self, event: Happened) -> Result<(), Error> {
        self.record(&event).await?;
        let this = self.clone();
        let work = async move {
            if let Err(error) = this.tell(&event).await {
                tracing::error!(error = error.operator_detail(), "could not notify a user of a change");
            }
        };
        tokio::spawn(work.in_current_span());
        Ok(())
    }

    /// Returns the last events of a user, the newest first, at most 20.
    pub(crate) async fn events(&self, subscription: &str, user: &str) -> Result<Vec<UserEvent>, Error> {
        let person = user_person(&self.keyring, subscription, user);
        let records = self.store.factor_events(person, SHOWN_EVENTS).await?;
        let view = |record: FactorEventRecord| {
            // The other events are shown all the same.
            let unreadable = EventDetails { kind: UserEventKind::Unreadable, subject: None };
            let EventDetails { kind, subject } = self.details(&record).unwrap_or(unreadable);
            UserEvent { at: record.at, kind, subject }
        };
        Ok(records.into_iter().map(view).collect())
    }

    /// Returns what is sealed of an event; none if it is not this event's, or another version wrote it.
    fn details(&self, record: &FactorEventRecord) -> Option<EventDetails> {
        let at = record.at.as_millisecond().to_be_bytes();
        let plain = self.keyring.open(SEALED, &place(&record.person, &at), &record.sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// Records an event without a notice.
    pub(crate) async fn record(&self, event: &Happened) -> Result<(), Error> {
        let person = user_person(&self.keyring, &event.subscription, &event.user);
        let details = EventDetails { kind: event.kind, subject: event.subject.clone() };
        let plain = serde_json::to_vec(&details).map_err(Error::unavailable)?;
        let at = event.at.as_millisecond().to_be_bytes();
        let sealed = self.keyring.seal(SEALED, &place(&person, &at), &plain).map_err(Error::unavailable)?;
        let record = FactorEventRecord { person, at: event.at, sealed };
        Ok(self.store.add_factor_event(record, MOST_EVENTS).await?)
    }

    async fn tell(&self, event: &Happened) -> Result<(), Error> {
        let Some(told) = notice_event(event.kind, event.subject.as_deref()) else { return Ok(()) };
        let person = user_person(&self.keyring, &event.subscription, &event.user);
        match self
            .challenges
            .notice_turn(&person, &[event.kind.name(), event.subject.as_deref().unwrap_or_default()])
            .await?
        {
            NoticeTurn::Now => {}
            NoticeTurn::Later(wait) => tokio::time::sleep(wait).await,
            NoticeTurn::WithAnother => return Ok(()),
        }
        // Whoever removes an address must not be able to hide it behind others.
        let mut addresses = event.also.clone();
        for known in self.known(person, &event.subscription).await? {
            let is_known =
                |one: &UserAddress| (one.record.kind, one.record.hash) == (known.record.kind, known.record.hash);
            if !addresses.iter().any(is_known) {
                addresses.push(known);
            }
        }
        addresses.truncate(MOST_ADDRESSES);
        let notice = self.notice(&event.subscription, told, event.at).await?;
        let is_only_one = self.challenges.subscriptions().await? <= 1;
        let mut outcomes = Outcomes::default();
        let mut waits = WAITS.into_iter();
        loop {
            let mut again = Vec::new();
            for address in addresses {
                // Not held while waiting: others go on.
                let _turn = self.turns.take(&event.subscription, is_only_one).await;
                let to = NoticeTo {
                    sign_in: &address.known.sign_in,
                    kind: address.record.kind,
                    address: &address.known.address,
                    locale: address.known.locale.as_deref(),
                };
                match self.challenges.notify(&to, &notice).await? {
                    NoticeOutcome::TryAgain => again.push(address),
                    outcome => outcomes.count(address.record.kind, outcome),
                }
            }
            match waits.next() {
                Some(wait) if !again.is_empty() => tokio::time::sleep(jittered(wait)).await,
                _ => {
                    again.iter().for_each(|address| outcomes.count(address.record.kind, NoticeOutcome::Failed));
                    break;
                }
            }
            addresses = again;
        }
        let subject = format!("{}/{}", event.subscription, event.user);
        let detail = format!("{}; {outcomes}", event.kind.name());
        self.audit.append(&Actor::new("engine"), "user.notice", &subject, &detail).await
    }

    /// Returns the addresses of a user, and remembers those that applications gave recently: the next notice may come when they have
    /// given none for long.
    async fn known(&self, person: BucketKey, subscription: &str) -> Result<Vec<UserAddress>, Error> {
        let given = self.challenges.addresses_given_lately(person, subscription).await?;
        if !given.is_empty() {
            let records = given.into_iter().map(|address| address.record).collect();
            self.store.put_addresses(records, MOST_GIVEN).await?;
        }
        self.challenges.user_addresses(person).await
    }

    async fn notice(&self, subscription: &str, event: NoticeEvent, at: Timestamp) -> Result<Notice, Error> {
        let page = self.store.sign_in_page(subscription).await?.map(|page| page.settings).unwrap_or_default();
        let text = |name: &str| page.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let application = match text("application_name") {
            Some(name) => name,
            None => self.store.subscription(subscription).await?.map(|it| it.name).unwrap_or_default(),
        };
        Ok(Notice { event, at, application, support_url: text("support_url") })
    }
}

/// Returns what an event is bound to: whoever can write to the database cannot show it as another user's, or at another time.
fn place<'a>(person: &'a BucketKey, at: &'a [u8; 8]) -> [&'a [u8]; 2] {
    [person, at]
}

/// Returns the notice for an event, if the user gets one.
fn notice_event(kind: UserEventKind, subject: Option<&str>) -> Option<NoticeEvent> {
    let subject = match subject {
        Some("fido") => NoticeSubject::Passkey,
        Some("totp") => NoticeSubject::App,
        Some("recovery") => NoticeSubject::RecoveryCodes,
        Some("email-address") => NoticeSubject::Email,
        Some("phone-number") => NoticeSubject::Phone,
        _ => NoticeSubject::Other,
    };
    match kind {
        UserEventKind::Added => Some(NoticeEvent::Added(subject)),
        UserEventKind::Removed => Some(NoticeEvent::Removed(subject)),
        UserEventKind::Suspended => Some(NoticeEvent::Suspended(subject)),
        UserEventKind::Resumed => Some(NoticeEvent::Resumed(subject)),
        UserEventKind::Reset => Some(NoticeEvent::Reset),
        UserEventKind::PassIssued => Some(NoticeEvent::PassIssued),
        UserEventKind::PassUsed => Some(NoticeEvent::PassUsed),
        // The notice is about the factor that replaces it. Remembered browsers are only listed.
        UserEventKind::Replaced | UserEventKind::BrowserRemembered | UserEventKind::BrowserForgotten => None,
        // Nobody records it.
        UserEventKind::Unreadable => None,
    }
}

/// Returns half of a time to one and a half of it: clients that failed together must not retry together.
fn jittered(wait: Duration) -> Duration {
    let mut chance = [128];
    // Without random numbers it is the time itself.
    let _ = random::fill(&mut chance);
    wait / 2 + wait * u32::from(chance[0]) / 256
}

impl Factors {
    /// Returns the last events of a user, the newest first.
    pub(crate) async fn events(&self, subscription: &str, user: &str) -> Result<Vec<UserEvent>, Error> {
        self.notices.events(subscription, &super::request::checked_user(user)?).await
    }
}

/// How many notices went where.
#[derive(Default)]
struct Outcomes {
    /// By email and by phone.
    sent: [u32; 2],
    failed: u32,
    no_instance: u32,
    limited: u32,
}

impl Outcomes {
    fn count(&mut self, kind: AddressKind, outcome: NoticeOutcome) {
        match (outcome, kind) {
            (NoticeOutcome::Sent, AddressKind::Email) => self.sent[0] += 1,
            (NoticeOutcome::Sent, AddressKind::Phone) => self.sent[1] += 1,
            (NoticeOutcome::NoInstance, _) => self.no_instance += 1,
            (NoticeOutcome::Limited, _) => self.limited += 1,
            (NoticeOutcome::Failed | NoticeOutcome::TryAgain, _) => self.failed += 1,
        }
    }
}

impl std::fmt::Display for Outcomes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sent: [email, phone], failed, no_instance, limited } = self;
        if email + phone + failed + no_instance + limited == 0 {
            return f.write_str("no address is known");
        }
        let mut text = format!("sent by email: {email}, by phone: {phone}");
        if *failed > 0 {
            write!(text, "; not sent: {failed}")?;
        }
        if *no_instance > 0 {
            write!(text, "; no instance available: {no_instance}")?;
        }
        if *limited > 0 {
            write!(text, "; throttled: {limited}")?;
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::TwoFactor;

    #[tokio::test]
    async fn an_event_that_was_moved_to_another_user_or_time_is_shown_as_unreadable() {
        let factors = TwoFactor::builder().build().await.unwrap().accounts().factors;
        let event = Happened {
            subscription: "s".to_owned(),
            user: "alice".to_owned(),
            kind: UserEventKind::Added,
            subject: Some("totp".to_owned()),
            at: factors.clock.now(),
            also: Vec::new(),
        };
        factors.notices.record(&event).await.unwrap();
        let person = |user| user_person(&factors.keyring, "s", user);
        let stored = factors.store.factor_events(person("alice"), 1).await.unwrap().remove(0);
        for moved in [
            FactorEventRecord { at: stored.at + Duration::from_secs(1), ..stored.clone() },
            FactorEventRecord { person: person("bob"), ..stored },
        ] {
            factors.store.add_factor_event(moved, MOST_EVENTS).await.unwrap();
        }
        for (user, kinds) in [
            ("alice", &[UserEventKind::Unreadable, UserEventKind::Added][..]),
            ("bob", &[UserEventKind::Unreadable][..]),
        ] {
            let events = factors.events("s", user).await.unwrap();
            assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), kinds);
        }
    }

    #[test]
    fn the_audit_log_says_what_became_of_a_notice() {
        let mut outcomes = Outcomes::default();
        assert_eq!(outcomes.to_string(), "no address is known");
        outcomes.count(AddressKind::Email, NoticeOutcome::Sent);
        assert_eq!(outcomes.to_string(), "sent by email: 1, by phone: 0");
        outcomes.count(AddressKind::Phone, NoticeOutcome::Failed);
        outcomes.count(AddressKind::Phone, NoticeOutcome::NoInstance);
        outcomes.count(AddressKind::Email, NoticeOutcome::Limited);
        let text = "sent by email: 1, by phone: 0; not sent: 1; no instance available: 1; throttled: 1";
        assert_eq!(outcomes.to_string(), text);
    }

    #[test]
    fn each_bundled_type_has_its_word() {
        for (type_id, subject) in [
            ("fido", NoticeSubject::Passkey),
            ("totp", NoticeSubject::App),
            ("recovery", NoticeSubject::RecoveryCodes),
            ("other", NoticeSubject::Other),
        ] {
            assert_eq!(notice_event(UserEventKind::Added, Some(type_id)), Some(NoticeEvent::Added(subject)));
        }
        assert_eq!(notice_event(UserEventKind::Replaced, Some("recovery")), None);
    }
}

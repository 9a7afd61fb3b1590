//! Challenges: a code is generated, sent and verified.
//!
//! Safety depends on the order. To start: count, store, *then* send. To verify: charge the attempt,
//! *then* compare, *then* consume, *then* respond; each step is committed before the next. So no
//! crash and no second node ever gives an attempt back, and a code is accepted once.

mod account_challenge;
mod amr;
mod bucket;
mod canonical;
mod code;
mod delivery_options;
mod delivery_report;
mod digits;
mod factor_start;
mod factor_verify;
mod history;
mod limits;
mod mail_html;
mod mailbox;
mod notice;
mod notice_text;
mod phone_number;
mod proof;
mod quota;
mod reached_limits;
mod recipient;
mod request;
pub(crate) mod request_texts;
mod send;
mod start;
mod subscription_count;
mod text;
mod turns;
mod user_address;
mod verify;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use account_challenge::is_of_account;
pub(crate) use delivery_options::typed;
pub use delivery_options::{ChallengeStatus, DeliveryOption};
pub(crate) use history::{Facts, History, recipient_key};
pub use history::{HistoryLimits, MessageOutcome};
pub use limits::RateLimits;
pub(crate) use limits::{CountedFor, shared_keys};
pub(crate) use notice::{NoticeOutcome, NoticeTo, NoticeTurn};
pub(crate) use notice_text::{Notice, NoticeEvent, NoticeSubject};
pub(crate) use proof::{Answered, AnsweredBy};
pub use reached_limits::ReachedLimit;
pub use recipient::Recipient;
pub(crate) use recipient::{email_address, phone_number};
pub(crate) use request::OwnedAnswer;
pub use request::{Answer, AvailableInstance, Challenge, ChallengeKind, NewChallenge, Verified};
pub(crate) use send::sample_message;
pub(crate) use turns::{Turn, Turns};
pub(crate) use user_address::{AddressProof, UserAddress};

pub(crate) use crate::user_factor::user_person;

use self::subscription_count::SubscriptionCount;
use crate::clock::Clock;
use crate::error::Error;
use crate::instance::{Chosen, Instances, SignIn};
use crate::keyring::Keyring;
use crate::statistics::Statistics;
use crate::store::{BucketKey, ChallengeRecord, Limited, Store};
use crate::user_factor::{UserFactors, account_persons};
use twofactor_sandbox::DeliveryFailure;

/// The challenges of an engine.
pub(crate) struct Challenges {
    store: Arc<dyn Store>,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    instances: Arc<Instances>,
    limits: RateLimits,
    statistics: Statistics,
    history: History,
    held: UserFactors,
    started: AtomicU64,
    subscriptions: SubscriptionCount,
    /// The turns of subscriptions among the calls that wait for upstreams.
    turns: Turns,
    /// The base URL for delivery reports, without a slash at its end.
    reports: Option<String>,
}

/// The personal data in a challenge's record, sealed at rest.
#[derive(Serialize, Deserialize)]
struct Details {
    sign_in: SignIn,
    purpose: String,
    locale: Option<String>,
    address: String,
    bucket: String,
    prefix: String,
    country: String,
    hint: String,
    channel: String,
    digits: u8,
    webotp_host: Option<String>,
    #[serde(default)]
    verified_by: VerifiedBy,
    /// Whether the right answer verifies the address.
    #[serde(default)]
    verifies_address: bool,
    /// The proof for that.
    #[serde(default)]
    address_proof: AddressProof,
}

/// Who verifies an answer.
#[derive(Default, Serialize, Deserialize)]
enum VerifiedBy {
    /// The host, which generated the code.
    #[default]
    Host,
    /// The upstream, which generated the code. The provider finds the verification by this state.
    Upstream(String),
    /// The component of a factor that the user holds.
    Factor(Box<factor_start::FactorChallenge>),
}

impl Details {
    /// Returns what is stored of a challenge that is answered with a factor that the user holds.
    fn held(&self) -> Option<&factor_start::FactorChallenge> {
        match &self.verified_by {
            VerifiedBy::Factor(held) => Some(held),
            VerifiedBy::Host | VerifiedBy::Upstream(_) => None,
        }
    }
}

const SEALED: &str = "challenge";

impl Challenges {
    pub(crate) fn new(
        keyring: Keyring,
        clock: Arc<dyn Clock>,
        instances: Arc<Instances>,
        limits: RateLimits,
        (statistics, history): (Statistics, History),
        held: UserFactors,
        reports: Option<String>,
    ) -> Self {
        let (store, started) = (instances.store.clone(), AtomicU64::new(0));
        let (subscriptions, turns) = Default::default();
        Self {
            store,
            keyring,
            clock,
            instances,
            limits,
            statistics,
            history,
            held,
            started,
            subscriptions,
            turns,
            reports,
        }
    }

    /// Returns how many subscriptions share the totals of the rate limits, and turns, as far as it makes a difference.
    pub(crate) async fn subscriptions(&self) -> Result<u32, Error> {
        self.subscriptions.get(&*self.store, self.limits.most_shares().max(turns::SHARES)).await
    }

    /// Waits for a turn among the calls of a type that wait for an upstream. Logins to accounts have turns of their own.
    pub(crate) async fn turn_of(&self, type_id: &str, whose: CountedFor<'_>) -> Result<Turn, DeliveryFailure> {
        let whose = match whose {
            CountedFor::Subscription(subscription) => subscription,
            CountedFor::Accounts => "",
        };
        // If they cannot be counted, nothing is gained by not sending.
        let subscriptions = self.subscriptions().await.unwrap_or(turns::SHARES);
        let limits = self.instances.providers.sandbox().limits();
        self.turns.take_of_type((type_id, whose), subscriptions, limits).await
    }

    pub(crate) fn limits(&self) -> &RateLimits {
        &self.limits
    }

    fn seal(&self, subscription: &str, id: &str, details: &Details) -> Result<Vec<u8>, Error> {
        let plain = serde_json::to_vec(details).map_err(Error::unavailable)?;
        self.keyring.seal(SEALED, &[subscription.as_bytes(), id.as_bytes()], &plain).map_err(Error::unavailable)
    }

    fn details(&self, record: &ChallengeRecord) -> Result<Details, Error> {
        let place = [record.subscription.as_bytes(), record.id.as_bytes()];
        let plain = self.keyring.open(SEALED, &place, &record.sealed).map_err(Error::unavailable)?;
        serde_json::from_slice(&plain).map_err(Error::unavailable)
    }

    /// Returns the instance that a challenge started with, if it is still available to that
    /// sign-in.
    async fn still_available(&self, record: &ChallengeRecord, details: &Details) -> Result<Chosen, Error> {
        let chosen = self.instances.choose(&details.sign_in, Some(&record.instance)).await?;
        chosen.into_iter().next().ok_or_else(Error::closed)
    }

    /// Returns the person whom wrong answers count against: the user, or without one the person at
    /// that address.
    fn person(&self, sign_in: &SignIn, bucket: &str, of_account: bool) -> BucketKey {
        match &sign_in.user {
            Some(account) if of_account => account_persons(&self.keyring, account)[0],
            Some(user) => user_person(&self.keyring, &sign_in.subscription, user),
            None => {
                let what: [&[u8]; 3] = [sign_in.subscription.as_bytes(), b"address", bucket.as_bytes()];
                bucket::bucket(&self.keyring, "person", &what)
            }
        }
    }

    /// Maps a limit to the error for somebody who already has a challenge: a locked person gets the
    /// same response as for a closed one. The operator learns which of the `names` it was.
    pub(crate) fn limited(limited: &Limited, names: &[&'static str], now: Timestamp) -> Error {
        let name = match limited {
            Limited::Until(_, n) => names.get(*n).copied().unwrap_or_default(),
            Limited::PersonUntil(_) => "wrong-answers-per-day",
            Limited::PersonLocked => "lockout",
        };
        tracing::warn!(limit = name, "rate limit reached");
        metrics::counter!("twofactor_limits_reached_total", "limit" => name).increment(1);
        match limited {
            Limited::Until(until, _) | Limited::PersonUntil(until) => {
                Error::rate_limited((*until - now).try_into().unwrap_or_default())
            }
            Limited::PersonLocked => Error::closed(),
        }
    }

    fn view(&self, record: &ChallengeRecord, details: &Details) -> Challenge {
        let held = details.held();
        Challenge {
            id: record.id.clone(),
            two_factor: record.instance.clone(),
            kind: held.map_or(ChallengeKind::TypedCode, |held| held.kind),
            channel: details.channel.clone(),
            public: held.map(|held| held.public.clone()),
            recipient_hint: held.is_none().then(|| details.hint.clone()),
            expires_at: record.expires_at,
            resend_after: held.is_none().then_some(record.resend_after),
            attempts_left: record.max_attempts.saturating_sub(record.attempts),
            code_length: held.map_or(Some(details.digits.into()), |held| held.code_length),
        }
    }
}

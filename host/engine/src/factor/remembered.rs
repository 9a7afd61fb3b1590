//! Remembered browsers: a user is not asked for a factor in them for some days.
//!
//! Off unless a policy says otherwise. A remembered browser is not authentication (NIST SP 800-63B-4 section 5.1): the result of such a sign-in has
//! no `amr` and says that no factor was used. The browser holds a secret of 256 random bits, of which a digest is stored. Any change of
//! the user's factors forgets all of the user's browsers.
//!
//! A remembered browser is enough for an ordinary sign-in only: not if the application asks for a kind of factor, and not to confirm
//! anything else.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor_sandbox::Secret;

use super::Factors;
use super::notices::{Happened, Notices, UserEventKind};
use super::request::checked_user;
use crate::audit::{Actor, AuditLog};
use crate::challenge::{NewChallenge, Verified, user_person};
use crate::clock::Clock;
use crate::completion::to_the_end;
use crate::error::Error;
use crate::instance::{Instances, Policy, SignIn};
use crate::keyring::Keyring;
use crate::random;
use crate::secret_kind::SecretKind;
use crate::store::{BrowserSelection, BucketKey, RememberedBrowserRecord, Store};
use crate::user_factor::{RequiredFactor, of_remembered_browser};

/// How many secrets of one request are looked up.
const LOOKED_UP: usize = 10;

/// How many browsers of a user are remembered.
const MOST: u32 = 20;

/// How much is stored of a browser's `User-Agent`, in characters.
const AGENT_CHARS: usize = 300;

const SEALED: &str = "remembered-device";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The remembered browsers of users. Cheap to clone.
#[derive(Clone)]
pub struct RememberedBrowsers {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) instances: Arc<Instances>,
    pub(crate) notices: Notices,
}

impl fmt::Debug for RememberedBrowsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RememberedBrowsers").finish_non_exhaustive()
    }
}

/// A remembered browser, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RememberedBrowser {
    /// The opaque id. Not a secret.
    pub id: String,
    /// The browser's `User-Agent`, cut off after 300 characters.
    pub user_agent: Option<String>,
    /// When it was remembered.
    pub created_at: Timestamp,
    /// When it last replaced a factor.
    pub last_used_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// A browser that was recognized.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecognizedBrowser {
    /// The browser.
    pub browser: String,
    /// When it was remembered.
    pub remembered_at: Timestamp,
    /// The result of the sign-in: no `amr`, and an assurance that says that no factor was used now. The instance is the one that was
    /// used when the browser was remembered.
    pub verified: Verified,
}

/// What an application asks for, as far as it decides whether a remembered browser or a temporary pass is enough.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignInRequirements<'a> {
    /// Which factors satisfy it.
    pub required: RequiredFactor,
    /// The authentication context class.
    pub acr: Option<&'a str>,
    /// What is confirmed; `sign-in` by default.
    pub purpose: Option<&'a str>,
}

impl SignInRequirements<'_> {
    /// Returns whether it is an ordinary sign-in: no strength is asked for, and nothing else is confirmed.
    pub fn is_ordinary(&self) -> bool {
        let is_sign_in = self.purpose.is_none_or(|purpose| purpose == NewChallenge::PURPOSE);
        self.required == RequiredFactor::Any && self.acr.is_none() && is_sign_in
    }
}

/// What is sealed of a browser.
#[derive(Serialize, Deserialize)]
struct Details {
    two_factor: String,
    /// What the policy of the instance required of the factor that was used.
    #[serde(default)]
    required_factor: RequiredFactor,
    user_agent: Option<String>,
}

impl RememberedBrowsers {
    /// Returns for how many days a browser in which an instance is used in this sign-in may be remembered; none if it may not.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn days(&self, sign_in: &SignIn, two_factor: &str) -> Result<Option<u32>, Error> {
        Ok(self.policy(sign_in, two_factor).await?.map(|policy| policy.remembered_days))
    }

    /// Returns the policy of an instance, if it allows browsers to be remembered.
    async fn policy(&self, sign_in: &SignIn, two_factor: &str) -> Result<Option<Policy>, Error> {
        let policies = self.instances.policies(sign_in).await?;
        let of = policies.into_iter().find(|(id, policy)| id == two_factor && policy.remembered_days > 0);
        Ok(of.map(|(_, policy)| policy))
    }

    /// Remembers the browser in which a user has just used a factor. Returns the secret that the browser stores, or none if the policy
    /// of the instance does not allow it, or the user's factors or addresses change at this moment. Each secret is valid for the user of this
    /// sign-in only.
    ///
    /// # Errors
    /// Invalid input without a user; an error if the store is not available.
    pub async fn remember(
        &self,
        sign_in: &SignIn,
        two_factor: &str,
        user_agent: Option<&str>,
    ) -> Result<Option<Secret>, Error> {
        let sign_in = sign_in.clone().in_one_spelling()?;
        let changes = self.store.user_changes(self.person(&sign_in)?).await?;
        self.remember_unchanged(&sign_in, two_factor, user_agent, changes).await
    }

    /// Remembers a browser as [`Self::remember`] does, if the count of the user's changes is still what it was before the user's answer was
    /// verified.
    pub(crate) async fn remember_unchanged(
        &self,
        sign_in: &SignIn,
        two_factor: &str,
        user_agent: Option<&str>,
        changes: u64,
    ) -> Result<Option<Secret>, Error> {
        let sign_in = &sign_in.clone().in_one_spelling()?;
        let Some(policy) = self.policy(sign_in, two_factor).await? else { return Ok(None) };
        let (person, id, now) = (self.person(sign_in)?, random::id()?, self.clock.now());
        let (secret, digest) = SecretKind::RememberedBrowser.draw()?;
        let user_agent = user_agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect());
        let details =
            Details { two_factor: two_factor.to_owned(), required_factor: policy.required_factor, user_agent };
        let plain = serde_json::to_vec(&details).map_err(Error::unavailable)?;
        let sealed = self.keyring.seal(SEALED, &[id.as_bytes(), &person], &plain).map_err(Error::unavailable)?;
        let browser = RememberedBrowserRecord {
            id,
            person,
            digest,
            sealed,
            created_at: now,
            last_used_at: now,
            expires_at: now + DAY * policy.remembered_days,
        };
        let (this, subscription) = (self.clone(), sign_in.subscription.clone());
        let user = sign_in.user.clone().unwrap_or_default();
        // Runs to completion even if the caller disconnects: the user finds each remembered browser among the events.
        let is_added = to_the_end(async move {
            let (actor, whose) = (Factors::person(&user), format!("{subscription}/{user}"));
            let detail = format!("browser {}", browser.id);
            this.audit.append(&actor, "device.remember", &whose, &detail).await?;
            if !this.store.add_remembered_browser(browser, MOST, changes).await? {
                let detail = format!("not applied: {detail}: a sign-in method has changed in the meantime");
                this.audit.append(&actor, "device.remember", &whose, &detail).await?;
                return Ok(false);
            }
            this.record(&subscription, &user, UserEventKind::BrowserRemembered).await?;
            Ok(true)
        })
        .await?;
        Ok(is_added.then_some(secret))
    }

    /// Recognizes a browser by the secrets that it stores, of which only the first 10 are looked up. The instance that was used must
    /// still be available to this sign-in, and its policy must still allow it for so long, and must not require a stronger factor than
    /// it did then. Recognizes none if the application requires more than an ordinary sign-in: see [`SignInRequirements::is_ordinary`].
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn recognize(
        &self,
        sign_in: &SignIn,
        demand: SignInRequirements<'_>,
        secrets: &[String],
    ) -> Result<Option<RecognizedBrowser>, Error> {
        let Some((found, details)) = self.find(sign_in, demand, secrets).await? else { return Ok(None) };
        let now = self.clock.now();
        // It may have been forgotten in the meantime.
        let used = self.store.use_remembered_browser(found.person, found.digest, now).await?;
        let Some(RememberedBrowserRecord { id: browser, created_at: remembered_at, .. }) = used else {
            return Ok(None);
        };
        let user = sign_in.clone().in_one_spelling()?.user.unwrap_or_default();
        let verified = Verified::of(of_remembered_browser(), user, details.two_factor, now);
        Ok(Some(RecognizedBrowser { browser, remembered_at, verified }))
    }

    /// Returns the browser that [`Self::recognize`] would recognize, without using it.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn peek(
        &self,
        sign_in: &SignIn,
        demand: SignInRequirements<'_>,
        secrets: &[String],
    ) -> Result<Option<String>, Error> {
        Ok(self.find(sign_in, demand, secrets).await?.map(|(record, _)| record.id))
    }

    async fn find(
        &self,
        sign_in: &SignIn,
        demand: SignInRequirements<'_>,
        secrets: &[String],
    ) -> Result<Option<(RememberedBrowserRecord, Details)>, Error> {
        let digests = secrets.iter().filter_map(|secret| SecretKind::RememberedBrowser.digest(secret));
        let digests: Vec<[u8; 32]> = digests.take(LOOKED_UP).collect();
        if digests.is_empty() || sign_in.user.is_none() || !demand.is_ordinary() {
            return Ok(None);
        }
        let sign_in = &sign_in.clone().in_one_spelling()?;
        let (person, now) = (self.person(sign_in)?, self.clock.now());
        let mut known = self.store.remembered_browsers(person, now).await?;
        known.retain(|record| digests.contains(&record.digest));
        if known.is_empty() {
            return Ok(None);
        }
        let policies = self.instances.policies(sign_in).await?;
        for record in known {
            let details = self.details(&record)?;
            let policy = policies.iter().find(|(id, _)| *id == details.two_factor);
            // The policy may have become stricter since.
            let is_enough = policy.is_some_and(|(_, policy)| {
                record.created_at + DAY * policy.remembered_days > now
                    && details.required_factor >= policy.required_factor
            });
            if is_enough {
                return Ok(Some((record, details)));
            }
        }
        Ok(None)
    }

    /// Returns a user's remembered browsers, the newest first.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn list(&self, subscription: &str, user: &str) -> Result<Vec<RememberedBrowser>, Error> {
        let person = user_person(&self.keyring, subscription, &checked_user(user)?);
        let records = self.store.remembered_browsers(person, self.clock.now()).await?;
        let view = |record: RememberedBrowserRecord| {
            let user_agent = self.details(&record)?.user_agent;
            let RememberedBrowserRecord { id, created_at, last_used_at, expires_at, .. } = record;
            Ok(RememberedBrowser { id, user_agent, created_at, last_used_at, expires_at })
        };
        records.into_iter().map(view).collect()
    }

    /// Forgets a browser of a user.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such browser.
    pub async fn forget(&self, subscription: &str, user: &str, id: &str) -> Result<(), Error> {
        let user = &checked_user(user)?;
        self.forget_as(&Factors::person(user), (subscription, user), Some(id)).await.map(drop)
    }

    /// Forgets all browsers of a user. Returns how many.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn forget_all(&self, subscription: &str, user: &str) -> Result<u64, Error> {
        let user = &checked_user(user)?;
        self.forget_as(&Factors::person(user), (subscription, user), None).await
    }

    /// Forgets a browser of a user on behalf of an actor, or without `id` all. Returns how many; if none, nothing is audited.
    pub(crate) async fn forget_as(
        &self,
        actor: &Actor,
        (subscription, user): (&str, &str),
        id: Option<&str>,
    ) -> Result<u64, Error> {
        let (this, actor, id) = (self.clone(), actor.clone(), id.map(str::to_owned));
        let (subscription, user) = (subscription.to_owned(), user.to_owned());
        // Runs to completion even if the caller disconnects: the user finds it among the events.
        to_the_end(async move {
            let person = user_person(&this.keyring, &subscription, &user);
            let known = this.store.remembered_browsers(person, this.clock.now()).await?;
            let not_found = || Error::not_found("remembered browser");
            let (which, detail) = match id {
                Some(id) if known.iter().all(|one| one.id != id) => return Err(not_found()),
                None if known.is_empty() => return Ok(0),
                Some(id) => {
                    let detail = format!("browser {id}");
                    (BrowserSelection::One(id), detail)
                }
                None => (BrowserSelection::All, "all".to_owned()),
            };
            let is_one = matches!(which, BrowserSelection::One(_));
            this.audit.append(&actor, "device.forget", &format!("{subscription}/{user}"), &detail).await?;
            match this.store.forget_remembered_browsers(person, which).await? {
                0 if is_one => Err(not_found()),
                0 => Ok(0),
                forgotten => {
                    this.record(&subscription, &user, UserEventKind::BrowserForgotten).await?;
                    Ok(forgotten)
                }
            }
        })
        .await
    }

    /// Records an event for the user to read.
    async fn record(&self, subscription: &str, user: &str, kind: UserEventKind) -> Result<(), Error> {
        let (subscription, user, at) = (subscription.to_owned(), user.to_owned(), self.clock.now());
        self.notices.record(&Happened { subscription, user, kind, subject: None, at, also: Vec::new() }).await
    }

    fn person(&self, sign_in: &SignIn) -> Result<BucketKey, Error> {
        let user = sign_in.user.as_deref().ok_or_else(|| Error::invalid_at("/user", "is required"))?;
        Ok(user_person(&self.keyring, &sign_in.subscription, user))
    }

    fn details(&self, record: &RememberedBrowserRecord) -> Result<Details, Error> {
        let place: [&[u8]; 2] = [record.id.as_bytes(), &record.person];
        let plain = self.keyring.open(SEALED, &place, &record.sealed).map_err(Error::unavailable)?;
        serde_json::from_slice(&plain).map_err(Error::unavailable)
    }
}

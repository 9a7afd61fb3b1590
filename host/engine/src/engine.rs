//! Putting an engine together, and what an application then calls.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::account::{AccountPolicy, Accounts, Guard, Passwords};
use crate::administration::{Actor, Administration};
use crate::audit::AuditLog;
use crate::challenge::{
    Available, Challenge, Challenges, History, HistoryLimits, Policy, RateLimits, SignIn, Start, Verified,
};
use crate::clock::{Clock, ClockCheck, Resumed, SystemClock};
use crate::error::Error;
use crate::instance::{Instances, Providers};
use crate::keyring::Keyring;
use crate::sign_in::HostedSignIns;
use crate::statistics::Statistics;
use crate::store::{Part, SqliteStore, Store};
use crate::token::{Identity, Tokens};
use twofactor_sandbox::Network;
use twofactor_sandbox::{Sandbox, SandboxLimits, Signers};

/// The engine. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct TwoFactor {
    instances: Arc<Instances>,
    challenges: Arc<Challenges>,
    clock: Arc<dyn Clock>,
    audit: Arc<AuditLog>,
    tokens: Arc<Tokens>,
    accounts: Accounts,
    statistics: Statistics,
    /// When the store was last found ready.
    last_ready: Arc<tokio::sync::Mutex<Option<Instant>>>,
    clock_check: Arc<ClockCheck>,
    history: History,
}

impl TwoFactor {
    /// Begins an engine. Without further settings it keeps everything in memory under a key of its own, reaches public
    /// addresses only, and has no provider.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The instances that could serve a sign-in, most specific first.
    ///
    /// # Errors
    /// [`Error::is_invalid_input`] for an id that has no spelling; when the store is not available.
    pub async fn available(&self, sign_in: &SignIn) -> Result<Vec<Available>, Error> {
        let chosen = self.instances.choose(&sign_in.clone().in_one_spelling()?, None).await?;
        Ok(chosen
            .into_iter()
            .map(|one| Available { id: one.id, type_id: one.type_id, name: one.name, channel: one.channel })
            .collect())
    }

    /// Makes a code and has it delivered.
    ///
    /// # Errors
    /// [`Error::is_no_instance_available`], [`Error::is_recipient_rejected`], [`Error::is_rate_limited`], [`Error::is_delivery_failed`],
    /// [`Error::is_invalid_input`], [`Error::is_conflict`] (the first request with this idempotency key is in progress), [`Error::is_key_reused`].
    pub async fn start(&self, start: Start) -> Result<Challenge, Error> {
        self.challenges.start(start).await
    }

    /// Judges an answer. The right one is accepted once.
    ///
    /// # Errors
    /// [`Error::is_code_rejected`], [`Error::is_closed`], [`Error::is_rate_limited`], [`Error::is_invalid_input`]; where the upstream judges the
    /// answers and cannot be asked, [`Error::is_delivery_failed`].
    pub async fn verify(
        &self,
        subscription: &str,
        id: &str,
        code: &str,
        client_address: Option<IpAddr>,
    ) -> Result<Verified, Error> {
        self.challenges.verify(subscription, id, code, client_address).await
    }

    /// Sends a challenge's message again.
    ///
    /// # Errors
    /// [`Error::is_closed`], [`Error::is_rate_limited`], and those of a delivery.
    pub async fn resend(&self, subscription: &str, id: &str) -> Result<Challenge, Error> {
        self.challenges.resend(subscription, id, None).await
    }

    /// Ends a challenge.
    ///
    /// # Errors
    /// [`Error::is_closed`] if it is over already.
    pub async fn cancel(&self, subscription: &str, id: &str) -> Result<(), Error> {
        self.challenges.cancel(subscription, id).await
    }

    /// Takes what an upstream reports of a message: `message` is what follows [`Builder::report_url`] and its slash, the headers and the
    /// body are the request's. It is counted ([`Administration::statistics`]) once, if the upstream signed it.
    ///
    /// # Errors
    /// [`Error::is_not_found`] for what is not believed, whatever it lacks.
    pub async fn report(&self, message: &str, headers: &http::HeaderMap, body: &[u8]) -> Result<(), Error> {
        self.challenges.report(message, headers, body).await
    }

    /// Sign-ins for which a browser comes to a page of whoever serves one.
    pub fn hosted_sign_ins(&self) -> HostedSignIns {
        let Instances { store, keyring, .. } = &*self.instances;
        HostedSignIns::new(store.clone(), keyring.clone(), self.clock.clone(), self.challenges.clone())
    }

    /// Whom a token stands for, if it is good.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Identity>, Error> {
        self.tokens.authenticate(token).await
    }

    /// The accounts of people who administer: invitations, log-ins, sessions.
    pub fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    /// Everything that is configured, on behalf of an actor.
    pub fn administration(&self, actor: Actor) -> Administration {
        Administration {
            instances: self.instances.clone(),
            clock: self.clock.clone(),
            audit: self.audit.clone(),
            tokens: self.tokens.clone(),
            statistics: self.statistics.clone(),
            history: self.history.clone(),
            challenges: self.challenges.clone(),
            actor,
            guard: self.accounts.guard.clone(),
            changes_guards: true,
        }
    }

    /// Takes over what another process on the same store added or took away of providers: to be called now and then where several
    /// work on one store.
    ///
    /// # Errors
    /// Invalid input if a provider cannot be loaded or may not serve here: it does not, and those that served go on. When the store is
    /// not available.
    pub async fn refresh_providers(&self) -> Result<(), Error> {
        let providers = &self.instances.providers;
        let refused = providers.refresh(&providers.changing().await).await?;
        self.instances.forget_replaced();
        refused.into_iter().next().map_or(Ok(()), |refused| Err(Error::invalid(refused.to_string())))
    }

    /// Brings the figures of the last seconds, and what became of messages in them, to the store: to be called before the process ends.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn settle(&self) -> Result<(), Error> {
        self.statistics.settle().await?;
        self.history.settle().await
    }

    /// Returns whether the store can be read and written, and its time agrees with the clock of this process. The store is asked at most
    /// once a second.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store cannot be used, because of a full disk for example; [`Error::is_clock_skew`].
    pub async fn ready(&self) -> Result<(), Error> {
        let mut last = self.last_ready.lock().await;
        if last.is_some_and(|at| at.elapsed() < READY_FOR) {
            return Ok(());
        }
        *last = None;
        self.instances.store.subscriptions(None, Part { after: None, limit: 1 }).await?;
        self.check_clock().await?;
        *last = Some(Instant::now());
        Ok(())
    }

    /// Compares the clock of this process with the time of the store, and logs when they begin and cease to differ. Call it every few
    /// seconds; [`TwoFactor::ready`] does the same.
    ///
    /// # Errors
    /// [`Error::is_clock_skew`] if they differ by more than [`store::MAX_CLOCK_SKEW`](crate::store::MAX_CLOCK_SKEW); if the store is
    /// not available.
    pub async fn check_clock(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let store = self.instances.store.check_time(now).await?;
        self.clock_check.compare(now, store).map_or(Ok(()), |behind| Err(Error::clock_skew(behind)))
    }
}

/// How long the store is believed to be ready.
const READY_FOR: Duration = Duration::from_secs(1);
/// The components that come with TwoFactor, by the type of their instances, whether they are loaded or not.
#[cfg(feature = "bundled")]
pub fn bundled_components() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    twofactor_bundle::BY_TYPE.into_iter()
}

/// Puts an engine together.
#[derive(Default)]
pub struct Builder {
    store: Option<Arc<dyn Store>>,
    keyring: Option<Keyring>,
    key_file: Option<PathBuf>,
    network: Option<Network>,
    clock: Option<Arc<dyn Clock>>,
    cache: Option<PathBuf>,
    components: Vec<Vec<u8>>,
    signers: Signers,
    reports: Option<String>,
    limits: SandboxLimits,
    policy: Policy,
    rate_limits: RateLimits,
    history: HistoryLimits,
    accounts: AccountPolicy,
}

impl Builder {
    /// Where everything durable lives.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The keys that seal secrets and sign codes. Kept apart from the store.
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// The file these keys are in. It is made for a store that nothing was kept in yet; for any other it must be there.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key_file = Some(path.into());
        self
    }

    /// What may be reached at all, and how.
    pub fn network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    /// What time it is.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// A folder to keep compiled components in, so that only the first start compiles.
    pub fn cache_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// A provider, as the bytes of its component.
    pub fn provider(mut self, component: impl Into<Vec<u8>>) -> Self {
        self.components.push(component.into());
        self
    }

    /// The usual providers that come with TwoFactor: `email`, `ecall` and `twilio`.
    #[cfg(feature = "bundled")]
    pub fn bundled_providers(mut self) -> Self {
        self.components.extend(twofactor_bundle::usual().map(<[u8]>::to_vec));
        self
    }

    /// One provider that comes with TwoFactor, by the type of its instances: beside those three `ses`, `slack`, `twilio-verify`, `twilio-voice` or
    /// `webhook`.
    ///
    /// # Errors
    /// [`Error::is_invalid_input`] for any other word, with those there are.
    #[cfg(feature = "bundled")]
    pub fn bundled_provider(mut self, type_id: &str) -> Result<Self, Error> {
        let all = twofactor_bundle::BY_TYPE;
        let Some((_, component)) = all.iter().find(|(known, _)| *known == type_id) else {
            let names = all.map(|(known, _)| format!("`{known}`")).join(", ");
            return Err(Error::invalid(format!("no provider `{type_id}` comes with TwoFactor: there are {names}")));
        };
        // One that is there already is not compiled again.
        if !self.components.iter().any(|loaded| loaded == component) {
            self.components.push(component.to_vec());
        }
        Ok(self)
    }

    /// Whose signature a component must carry to be added. Those that are given here need none.
    pub fn signers(mut self, signers: Signers) -> Self {
        self.signers = signers;
        self
    }

    /// Where upstreams may report what becomes of messages: an `https` URL that leads to [`TwoFactor::report`], which gets what follows
    /// it. Without it nobody is asked to.
    pub fn report_url(mut self, url: impl Into<String>) -> Self {
        self.reports = Some(url.into().trim_end_matches('/').to_owned());
        self
    }

    /// What a component may use.
    pub fn limits(mut self, limits: SandboxLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The policy of instances that state none of their own.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How much is too much.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = limits;
        self
    }

    /// How much of what became of messages is kept.
    pub fn history(mut self, limits: HistoryLimits) -> Self {
        self.history = limits;
        self
    }

    /// The subscription whose instances deliver the second factor of log-ins to accounts, until a system administrator chooses one
    /// ([`Accounts::set_second_factor`]): those assigned to the client application `twofactor-admin`, or to a user named by an account's
    /// id.
    pub fn second_factor_for_accounts(mut self, subscription: impl Into<String>) -> Self {
        self.accounts.second_factor = Some(subscription.into());
        self
    }

    /// Whether a log-in to an account is refused if no instance is available for its second factor, also before any ever was. The log-in
    /// that follows on an invitation is then let in, so that somebody can set it up.
    pub fn require_second_factor_for_accounts(mut self, required: bool) -> Self {
        self.accounts.require_second_factor = required;
        self
    }

    /// How long a session of an account lasts without use, and in all; 30 minutes and 12 hours.
    pub fn session_times(mut self, idle: Duration, longest: Duration) -> Self {
        (self.accounts.idle, self.accounts.longest) = (idle, longest);
        self
    }

    /// Builds the engine: opens the store's books, compiles or loads the components, asks each who it is. Providers that
    /// were added to the store take the place of those given here; one that cannot be loaded any more, or may not serve, leaves its
    /// type without a provider, and the log says why.
    ///
    /// # Errors
    /// [`Error::is_invalid_input`] for a component that cannot be loaded or a policy out of bounds, saying why;
    /// [`Error::is_unavailable`] for a store that cannot be read or does not fit the keyring.
    pub async fn build(self) -> Result<TwoFactor, Error> {
        self.policy.check().map_err(|why| Error::invalid(why.to_string()))?;
        self.accounts.check()?;
        self.history.check()?;
        let store = match self.store {
            Some(store) => store,
            None => Arc::new(SqliteStore::in_memory()?) as Arc<dyn Store>,
        };
        let keyring = match (self.keyring, &self.key_file) {
            (Some(keyring), _) => Ok(keyring),
            (None, Some(path)) if store.keys_in_use().await?.is_empty() => Keyring::open_or_create(path),
            (None, Some(path)) => Keyring::from_file(path),
            (None, None) => Keyring::generate(),
        }
        .map_err(Error::unavailable)?;
        let network = match self.network {
            Some(network) => network,
            None => Network::builder().build().map_err(|error| Error::invalid(error.to_string()))?,
        };
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        keyring.check_against(&*store).await?;
        let now = clock.now();
        let clock: Arc<dyn Clock> = Arc::new(Resumed::new(clock, now, store.resume(now).await?));
        let sandbox = Sandbox::new(self.limits, network).map_err(|error| Error::invalid(error.to_string()))?;
        let providers =
            Providers::new(store.clone(), sandbox, keyring.clone(), self.cache, self.signers, clock.clone());
        for component in self.components {
            let provider = providers.load(&component).await.map_err(|error| Error::invalid(error.to_string()))?;
            providers.install_own(provider);
        }
        providers.begin().await?;
        let instances = Arc::new(Instances::new(store.clone(), keyring.clone(), providers, self.policy));
        let tokens = Arc::new(Tokens::new(store.clone(), clock.clone()));
        let audit = Arc::new(AuditLog::new(store.clone(), keyring.clone(), clock.clone()));
        let statistics = Statistics::new(store.clone(), clock.clone());
        let history = History::new(store.clone(), keyring.clone(), clock.clone(), self.history);
        let limits = self.rate_limits;
        for (type_id, quota) in &limits.types {
            quota.check().map_err(|why| Error::invalid(format!("the quota of the type `{type_id}`: {why}")))?;
            if instances.provider(type_id).is_none() {
                tracing::warn!(%type_id, "there is a quota of this type, and no provider serves it now");
            }
        }
        let challenges = Arc::new(Challenges::new(
            store.clone(),
            keyring.clone(),
            clock.clone(),
            instances.clone(),
            limits.clone(),
            (statistics.clone(), history.clone()),
            self.reports,
        ));
        let guard = Guard::new(store.clone(), self.accounts.second_factor.clone());
        let accounts = Accounts {
            guard,
            store,
            keyring,
            clock: clock.clone(),
            audit: audit.clone(),
            instances: instances.clone(),
            challenges: challenges.clone(),
            passwords: Passwords::new(),
            limits,
            policy: self.accounts,
        };
        Ok(TwoFactor {
            instances,
            challenges,
            clock,
            audit,
            tokens,
            accounts,
            statistics,
            history,
            last_ready: Arc::default(),
            clock_check: Arc::default(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::error::ErrorKind;

    #[tokio::test]
    async fn a_store_that_was_used_does_not_start_without_its_key_file_and_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let build = || async {
            let store = SqliteStore::open(folder.path().join("db")).unwrap();
            TwoFactor::builder().store(store).key_file(&key).build().await.map(drop)
        };
        build().await.unwrap();
        build().await.unwrap();

        std::fs::rename(&key, folder.path().join("kept")).unwrap();
        assert!(build().await.unwrap_err().operator_detail().unwrap().contains("is missing"));
        assert!(!key.exists());

        Keyring::open_or_create(&key).unwrap();
        assert!(build().await.unwrap_err().operator_detail().unwrap().contains("start with that key file"));

        std::fs::rename(folder.path().join("kept"), &key).unwrap();
        Keyring::rotate(&key).unwrap();
        build().await.unwrap();
    }

    #[tokio::test]
    async fn a_process_whose_clock_is_off_is_not_ready_until_it_agrees_again() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let noon = "2026-11-24T12:00:00Z".parse().unwrap();
        let build = async |clock: &ManualClock| {
            let store = SqliteStore::open(folder.path().join("db")).unwrap();
            TwoFactor::builder().store(store).key_file(&key).clock(clock.clone()).build().await.unwrap()
        };
        let (ahead, behind) = (ManualClock::new(noon), ManualClock::new(noon));
        let (one, other) = (build(&ahead).await, build(&behind).await);
        one.ready().await.unwrap();
        other.ready().await.unwrap();
        ahead.advance(Duration::from_secs(5));
        one.check_clock().await.unwrap();
        other.check_clock().await.unwrap();
        ahead.advance(Duration::from_secs(1));
        one.check_clock().await.unwrap();
        let error = other.check_clock().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ClockSkew);
        assert_eq!(error.clock_behind(), Some(SignedDuration::from_secs(6)));
        *other.last_ready.lock().await = None;
        assert!(other.ready().await.unwrap_err().is_clock_skew());
        behind.advance(Duration::from_secs(4));
        other.ready().await.unwrap();
    }
}

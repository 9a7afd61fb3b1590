//! Building an engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use twofactor_sandbox::{CodeCache, Network, Sandbox, SandboxLimits, Signers, TrustedAuthenticator};

use crate::accounts::{AccountPolicy, Accounts, Guard, Passwords, Refusals};
use crate::audit::AuditLog;
use crate::challenge::{Challenges, History, HistoryLimits, RateLimits};
use crate::clock::{Clock, Resumed, SystemClock};
use crate::engine::TwoFactor;
use crate::error::Error;
use crate::factor::{Factors, KeysInUse, Notices, PassKeeper};
use crate::instance::{Instances, Policy, Providers};
use crate::keyring::{KeyId, Keyring};
use crate::random;
use crate::site::Sites;
use crate::statistics::Statistics;
use crate::store::{BucketKey, KeyInUse, SqliteStore, Store};
use crate::token::Tokens;
use crate::user_factor::UserFactors;

/// Returns the bundled components by the type of their instances, whether they are loaded or not.
#[cfg(feature = "bundled")]
pub fn bundled_components() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    twofactor_bundle::BY_TYPE.into_iter()
}

/// Builds an engine.
#[derive(Default)]
pub struct Builder {
    store: Option<Arc<dyn Store>>,
    keyring: Option<Keyring>,
    key_file: Option<PathBuf>,
    network: Option<Network>,
    clock: Option<Arc<dyn Clock>>,
    cache: Option<PathBuf>,
    code_cache: Option<CodeCache>,
    components: Vec<Vec<u8>>,
    signers: Signers,
    reports: Option<String>,
    public_url: Option<String>,
    limits: SandboxLimits,
    policy: Policy,
    rate_limits: RateLimits,
    history: HistoryLimits,
    accounts: AccountPolicy,
    trusted_authenticators: Vec<TrustedAuthenticator>,
}

impl TwoFactor {
    /// Returns a builder. By default the engine stores everything in memory with a new key, reaches only public addresses, and has no
    /// provider.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Sets the store. Default: in memory.
    ///
    /// For a store that outlives the process, set its keys too, with [`key_file`](Self::key_file) or [`keyring`](Self::keyring). Without them
    /// new keys are generated, and no later process can read what this one stores.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets the keys that seal secrets and sign codes. They must not be in the store.
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// Sets the file of these keys. It is created for a new store; for any other store it must exist.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key_file = Some(path.into());
        self
    }

    /// Sets which addresses can be reached at all, and how.
    pub fn network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    /// Sets the clock. Default: that of the system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets a folder for compiled components, so that only the first start compiles them.
    pub fn cache_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// Caches compiled components here. The cache authenticates them with its own key, not with the keyring's.
    pub fn code_cache(mut self, cache: CodeCache) -> Self {
        self.code_cache = Some(cache);
        self
    }

    /// Adds a provider, as the bytes of its component.
    pub fn provider(mut self, component: impl Into<Vec<u8>>) -> Self {
        self.components.push(component.into());
        self
    }

    /// Adds the bundled providers `email`, `ecall` and `twilio`.
    #[cfg(feature = "bundled")]
    pub fn bundled_providers(mut self) -> Self {
        self.components.extend(twofactor_bundle::usual().map(<[u8]>::to_vec));
        self
    }

    /// Adds one bundled provider, by the type of its instances, such as `slack` or `infobip`.
    ///
    /// # Errors
    /// [`Error::is_invalid_input`] for any other type. The text lists the types that exist.
    #[cfg(feature = "bundled")]
    pub fn bundled_provider(mut self, type_id: &str) -> Result<Self, Error> {
        let all = twofactor_bundle::BY_TYPE;
        let Some((_, component)) = all.iter().find(|(known, _)| *known == type_id) else {
            let names = all.map(|(known, _)| format!("`{known}`")).join(", ");
            return Err(Error::invalid(format!("TwoFactor ships no provider `{type_id}`; available: {names}")));
        };
        // One that is there already is not compiled again.
        if !self.components.iter().any(|loaded| loaded == component) {
            self.components.push(component.to_vec());
        }
        Ok(self)
    }

    /// Sets the signers that are trusted, and whether a component needs a signature to be added to the store. Components of the builder
    /// need none.
    pub fn signers(mut self, signers: Signers) -> Self {
        self.signers = signers;
        self
    }

    /// Sets the base URL for delivery reports of upstreams: an `https` URL whose requests are passed to
    /// [`TwoFactor::handle_delivery_report`]. Without it, upstreams are not asked for reports.
    pub fn report_url(mut self, url: impl Into<String>) -> Self {
        self.reports = Some(url.into().trim_end_matches('/').to_owned());
        self
    }

    /// Sets where people reach the server that belongs to the engine, such as `https://login.example.com`. Its host and its origin are
    /// the defaults of [`SignInPage::rp_id`](crate::sign_in::SignInPage::rp_id) and
    /// [`SignInPage::origins`](crate::sign_in::SignInPage::origins), if passkeys can be used there: over `https:` with a host name, or
    /// on `localhost`.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Sets the limits of a component.
    pub fn limits(mut self, limits: SandboxLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the policy of instances that do not have their own.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the rate limits.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = limits;
        self
    }

    /// Sets the authenticator models that satisfy a required attestation, each with the certificates that its attestations chain to.
    /// Default: none, so that nothing satisfies it.
    pub fn trusted_authenticators(mut self, models: Vec<TrustedAuthenticator>) -> Self {
        self.trusted_authenticators = models;
        self
    }

    /// Sets how much of the message history is kept.
    pub fn history(mut self, limits: HistoryLimits) -> Self {
        self.history = limits;
        self
    }

    /// Sets the subscription whose instances deliver the second factor of accounts, until a system administrator chooses one
    /// ([`Accounts::set_second_factor`]). Those assigned to the client application `twofactor-admin`, or to a user with the id of the
    /// account, are used.
    pub fn second_factor_for_accounts(mut self, subscription: impl Into<String>) -> Self {
        self.accounts.second_factor = Some(subscription.into());
        self
    }

    /// Sets whether a login to an account is refused if no instance is available for its second factor, even if none has ever been used.
    /// Until then a login with an invitation is accepted without one, so that someone can set it up.
    pub fn require_second_factor_for_accounts(mut self, required: bool) -> Self {
        self.accounts.require_second_factor = required;
        self
    }

    /// Sets how long a session of an account lasts without use, and in any case. Defaults: 30 minutes and 12 hours.
    pub fn session_times(mut self, idle: Duration, longest: Duration) -> Self {
        (self.accounts.idle, self.accounts.longest) = (idle, longest);
        self
    }

    /// Builds the engine: opens the store, compiles or loads the components, and calls `describe` of each. Providers that were added
    /// to the store replace those given here. If one of them can no longer be loaded or is not allowed, its type has no provider,
    /// and the log says why.
    ///
    /// # Errors
    /// [`Error::is_invalid_input`], with the reason, if a component cannot be loaded or the policy is out of bounds.
    /// [`Error::is_unavailable`] if the store cannot be read or belongs to another keyring.
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
        check_keys(&keyring, &*store).await?;
        let now = clock.now();
        let clock: Arc<dyn Clock> = Arc::new(Resumed::new(clock, now, store.resume(now).await?));
        let sandbox = Sandbox::new(self.limits, network).map_err(|error| Error::invalid(error.to_string()))?;
        let folder = self.cache.map(|folder| CodeCache::new(folder, keyring.clone()));
        let cache = self.code_cache.or(folder);
        let providers = Providers::new(store.clone(), sandbox, keyring.clone(), cache, self.signers, clock.clone());
        for component in self.components {
            let provider = providers.load(&component).await.map_err(|error| Error::invalid(error.to_string()))?;
            providers.install_own(provider);
        }
        providers.begin().await?;
        let instances = Arc::new(Instances::new(
            store.clone(),
            keyring.clone(),
            providers,
            Sites::new(store.clone(), self.public_url.as_deref()),
            self.policy,
            self.trusted_authenticators,
        ));
        let tokens = Arc::new(Tokens::new(store.clone(), clock.clone()));
        let audit = Arc::new(AuditLog::new(store.clone(), keyring.clone(), clock.clone()));
        let statistics = Statistics::new(store.clone(), clock.clone());
        let history = History::new(store.clone(), keyring.clone(), clock.clone(), self.history);
        let held = UserFactors::new(store.clone(), keyring.clone(), clock.clone(), audit.clone());
        let limits = self.rate_limits;
        if !(1..=100).contains(&limits.subscription_share_percent) {
            return Err(Error::invalid("the rate limit `subscription_share_percent` must be 1 to 100"));
        }
        for (type_id, quota) in &limits.types {
            quota.check().map_err(|why| Error::invalid(format!("quota of the type `{type_id}`: {why}")))?;
            if instances.provider(type_id).is_none() {
                tracing::warn!(%type_id, "there is a quota for this type, but no provider for it is loaded");
            }
        }
        let challenges = Arc::new(Challenges::new(
            keyring.clone(),
            clock.clone(),
            instances.clone(),
            limits.clone(),
            (statistics.clone(), history.clone()),
            held.clone(),
            self.reports,
        ));
        let notices = Notices::new(store.clone(), keyring.clone(), audit.clone(), challenges.clone());
        held.events.listen(notices.listener());
        let factors = Factors {
            store: store.clone(),
            keyring: keyring.clone(),
            clock: clock.clone(),
            audit: audit.clone(),
            instances: instances.clone(),
            challenges: challenges.clone(),
            held,
            passes: PassKeeper {
                store: store.clone(),
                keyring: keyring.clone(),
                clock: clock.clone(),
                limits: limits.clone(),
            },
            notices,
            keys_in_use: KeysInUse::default(),
        };
        let guard = Guard::new(store.clone(), self.accounts.second_factor.clone());
        let accounts = Accounts {
            guard,
            store,
            keyring,
            clock: clock.clone(),
            audit: audit.clone(),
            instances: instances.clone(),
            challenges: challenges.clone(),
            factors: factors.clone(),
            passwords: Passwords::new(),
            limits,
            policy: self.accounts,
            refusals: Refusals::default(),
        };
        Ok(TwoFactor {
            instances,
            challenges,
            factors,
            clock,
            audit,
            tokens,
            accounts,
            statistics,
            history,
            last_ready: Arc::default(),
            clock_check: Arc::default(),
            node: Arc::new((random::id()?, now)),
            has_left: Arc::default(),
        })
    }
}

/// Checks that every key that the store depends on is in the keyring, and records the newest one in the store.
pub(crate) async fn check_keys(keyring: &Keyring, store: &dyn Store) -> Result<(), Error> {
    let missing = |id: KeyId| {
        Error::unavailable(format!(
            "the store was used with the key {id:08x}, which is not in the key file; start with the key file that contains it"
        ))
    };
    let used = store.keys_in_use().await?;
    if let Some(used) = used.iter().find(|used| !keyring.has(used.id, &used.check)) {
        return Err(missing(used.id));
    }
    if !used.is_empty() {
        check_oldest_key(keyring, store).await?;
    }
    let (id, check) = keyring.newest_check();
    let mut known: Vec<KeyId> = used.iter().map(|used| used.id).collect();
    known.push(id);
    if store.add_key_in_use(KeyInUse { id, check }, known).await? {
        return check_oldest_key(keyring, store).await;
    }
    // Another process started on the new store at the same time, with a key file of its own.
    let used = store.keys_in_use().await?;
    let other = used.iter().find(|used| !keyring.has(used.id, &used.check));
    Err(missing(other.map_or(id, |other| other.id)))
}

/// Where the store has the check value of the oldest key: among the handles of users, whose keys are keyed hashes.
const OLDEST_KEY: BucketKey = [0; 16];

/// Checks that the oldest key is the one with which the store was created, and records it in a new store. Factors, addresses and limits of
/// users are found by keyed hashes, which are made with it: with another key, users would seem to hold nothing.
async fn check_oldest_key(keyring: &Keyring, store: &dyn Store) -> Result<(), Error> {
    let oldest = keyring.oldest_check();
    if store.add_user_handle(OLDEST_KEY, oldest.to_vec()).await? == oldest {
        return Ok(());
    }
    Err(Error::unavailable(
        "the last key of the key file is not the one with which the store was created: start with the whole key file, its lines in their \
         order, the newest first",
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
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
        assert!(
            build().await.unwrap_err().operator_detail().unwrap().contains("start with the key file that contains it")
        );

        std::fs::rename(folder.path().join("kept"), &key).unwrap();
        Keyring::rotate(&key).unwrap();
        build().await.unwrap();
    }

    #[tokio::test]
    async fn a_store_does_not_start_with_another_oldest_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let build = || async {
            let store = SqliteStore::open(folder.path().join("db")).unwrap();
            TwoFactor::builder().store(store).key_file(&key).build().await.map(drop)
        };
        let refused = |built: Result<(), Error>| {
            let error = built.unwrap_err();
            assert!(error.operator_detail().unwrap().contains("its lines in their order"), "{error:?}");
        };
        let lines = || -> Vec<String> {
            let text = std::fs::read_to_string(&key).unwrap();
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
        };
        Keyring::open_or_create(&key).unwrap();
        Keyring::rotate(&key).unwrap();
        build().await.unwrap();
        let keys = lines();
        let [newest, oldest] = &keys[..] else { panic!("there are two keys") };
        for wrong in [format!("{oldest}\n{newest}\n"), format!("{newest}\n")] {
            std::fs::write(&key, wrong).unwrap();
            refused(build().await);
        }
        std::fs::write(&key, format!("{newest}\n{oldest}\n")).unwrap();
        build().await.unwrap();
    }

    #[tokio::test]
    async fn a_share_of_nothing_and_one_of_more_than_everything_are_refused() {
        for percent in [0, 101] {
            let limits = RateLimits { subscription_share_percent: percent, ..RateLimits::default() };
            let refused = TwoFactor::builder().rate_limits(limits).build().await.map(drop).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{percent}");
        }
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

//! The engine: what an application calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::accounts::Accounts;
use crate::admin::Administration;
use crate::audit::{Actor, AuditLog};
use crate::challenge::{Answer, AvailableInstance, Challenge, Challenges, History, NewChallenge, Verified};
use crate::clock::{Clock, ClockCheck};
use crate::error::Error;
use crate::instance::{Instances, SignIn};
use crate::sign_in::HostedSignIns;
use crate::site::Site;
use crate::statistics::Statistics;
use crate::store::Part;
use crate::token::{Identity, Tokens};
use twofactor_sandbox::ReportRequest;

/// How long the result of a check of readiness is used.
const READY_FOR: Duration = Duration::from_secs(1);

/// The engine. Cheap to clone; all clones share one state.
#[derive(Clone)]
pub struct TwoFactor {
    pub(crate) instances: Arc<Instances>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) accounts: Accounts,
    pub(crate) statistics: Statistics,
    /// When the engine was last found ready.
    pub(crate) last_ready: Arc<tokio::sync::Mutex<Option<Instant>>>,
    pub(crate) clock_check: Arc<ClockCheck>,
    pub(crate) history: History,
}

impl TwoFactor {
    /// Returns the instances that are available to a sign-in, the most specific first.
    ///
    /// # Errors
    /// Invalid input if an id has no canonical form. An error if the store is not available.
    pub async fn available(&self, sign_in: &SignIn) -> Result<Vec<AvailableInstance>, Error> {
        let chosen = self.instances.choose(&sign_in.clone().in_one_spelling()?, None).await?;
        Ok(chosen
            .into_iter()
            .map(|one| AvailableInstance { id: one.id, type_id: one.type_id, name: one.name, channel: one.channel })
            .collect())
    }

    /// Starts a challenge: generates a code and has it delivered.
    ///
    /// # Errors
    /// [`Error::is_no_instance_available`], [`Error::is_recipient_rejected`], [`Error::is_rate_limited`], [`Error::is_delivery_failed`],
    /// [`Error::is_invalid_input`], [`Error::is_conflict`] (the first request with this idempotency key is in progress), [`Error::is_key_reused`].
    pub async fn start(&self, start: NewChallenge) -> Result<Challenge, Error> {
        self.challenges.start(start).await
    }

    /// Verifies an answer to a challenge. The right one is accepted once.
    ///
    /// # Errors
    /// [`Error::is_code_rejected`], [`Error::is_closed`], [`Error::is_rate_limited`], [`Error::is_invalid_input`]; [`Error::is_delivery_failed`] if the
    /// upstream verifies the answers and cannot be reached.
    pub async fn verify(&self, subscription: &str, answer: Answer<'_>) -> Result<Verified, Error> {
        self.challenges.verify(subscription, answer).await
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
    /// [`Error::is_closed`] if it is closed already.
    pub async fn cancel(&self, subscription: &str, id: &str) -> Result<(), Error> {
        self.challenges.cancel(subscription, id).await
    }

    /// Handles a delivery report of an upstream. `message` is the part of the URL after [`Builder::report_url`](crate::Builder::report_url) and its slash; `request`
    /// is the request itself. A report that the upstream proved to be its own is counted once ([`Administration::statistics`]).
    ///
    /// # Errors
    /// [`Error::is_not_found`] for a report that is not accepted, whatever the reason.
    pub async fn handle_delivery_report(&self, message: &str, request: &ReportRequest<'_>) -> Result<(), Error> {
        self.challenges.report(message, request).await
    }

    /// Returns the site on which a subscription's people use their factors.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn site(&self, subscription: &str) -> Result<Site, Error> {
        self.instances.sites.of(subscription).await
    }

    /// Returns what a server at the RP ID's host lists at `/.well-known/webauthn`: the origins in other domains whose pages may use passkeys
    /// of this RP ID. A change shows after a minute.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn related_origins(&self, rp_id: &str) -> Result<Vec<String>, Error> {
        self.instances.sites.related_origins(rp_id).await
    }

    /// Returns the sign-ins that take place on a hosted page.
    pub fn hosted_sign_ins(&self) -> HostedSignIns {
        let Instances { store, keyring, .. } = &*self.instances;
        HostedSignIns::new(store.clone(), keyring.clone(), self.clock.clone(), self.challenges.clone())
    }

    /// Returns the caller that a token authenticates, if the token is valid.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Identity>, Error> {
        self.tokens.authenticate(token).await
    }

    /// Returns the accounts of administrators: invitations, logins, sessions.
    pub fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    /// Returns the administration of the installation, on behalf of an actor.
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

    /// Reloads providers that another process added or removed. Call it periodically if several processes share a store.
    ///
    /// # Errors
    /// Invalid input if a provider cannot be loaded or is not allowed here; the providers that were in use stay in use. An error if the
    /// store is not available.
    pub async fn refresh_providers(&self) -> Result<(), Error> {
        let providers = &self.instances.providers;
        let refused = providers.refresh(&providers.changing().await).await?;
        self.instances.forget_replaced();
        refused.into_iter().next().map_or(Ok(()), |refused| Err(Error::invalid(refused.to_string())))
    }

    /// Writes the statistics and the message history of the last seconds to the store. Call it before the process ends.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn flush(&self) -> Result<(), Error> {
        self.statistics.flush().await?;
        self.history.flush().await
    }

    /// Checks that the store can be read and written, and that its time agrees with the clock of this process. The store is used for
    /// this at most once per second.
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

    /// Compares the clock of this process with the time of the store, and logs when they start and stop to differ. Call it every few
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

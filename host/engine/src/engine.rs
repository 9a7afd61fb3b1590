//! The engine: what an application calls.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::{Interval, MissedTickBehavior};

use crate::accounts::Accounts;
use crate::admin::Administration;
use crate::audit::{Actor, AuditLog};
use crate::challenge::{Answer, AvailableInstance, Challenge, Challenges, History, NewChallenge, Verified};
use crate::clock::{Clock, ClockCheck};
use crate::completion::to_the_end;
use crate::error::Error;
use crate::factor::{
    EnrollableFactor, Enrolment, EnrolmentAnswer, Factors, NewAddress, NewEnrolment, Proof, RememberedBrowsers,
    RemovedFactors, TrustedAuthenticator, UserEvent, UserFactor, VerifiedAddress,
};
use crate::instance::{Instances, SignIn};
use crate::node::{self, Node};
use crate::sign_in::HostedSignIns;
use crate::site::Site;
use crate::statistics::Statistics;
use crate::store::{NodeRecord, Part};
use crate::token::{Identity, Tokens};
use twofactor_sandbox::ReportRequest;

/// How long the result of a check of readiness is used.
const READY_FOR: Duration = Duration::from_secs(1);
/// How often added providers are reloaded.
const PROVIDER_INTERVAL: Duration = Duration::from_secs(1);
/// How often a process reports itself to the others on the store.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// How often what is known of instances that others deleted is forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);

/// Returns an interval that does not catch up after a late turn.
fn turns(interval: Duration) -> Interval {
    let mut turns = tokio::time::interval(interval);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turns
}

/// The engine. Cheap to clone; all clones share one state.
#[derive(Clone)]
pub struct TwoFactor {
    pub(crate) instances: Arc<Instances>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) factors: Factors,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) accounts: Accounts,
    pub(crate) statistics: Statistics,
    /// When the engine was last found ready.
    pub(crate) last_ready: Arc<tokio::sync::Mutex<Option<Instant>>>,
    pub(crate) clock_check: Arc<ClockCheck>,
    /// Identifies this process among those on the store, and when it started.
    pub(crate) node: Arc<(String, Timestamp)>,
    /// Whether the process has left the list of those on the store. Whoever reports it holds this.
    pub(crate) has_left: Arc<tokio::sync::Mutex<bool>>,
    pub(crate) history: History,
}

impl TwoFactor {
    /// Returns the instances that are available to a sign-in, the most specific first.
    ///
    /// # Errors
    /// Invalid input if an id has no canonical form. An error if the store is not available.
    pub async fn available(&self, sign_in: &SignIn) -> Result<Vec<AvailableInstance>, Error> {
        self.challenges.available(&sign_in.clone().in_one_spelling()?).await
    }

    /// Starts a challenge: generates a code and has it delivered.
    ///
    /// # Errors
    /// [`Error::is_no_instance_available`], [`Error::is_recipient_rejected`], [`Error::is_rate_limited`], [`Error::is_delivery_failed`],
    /// [`Error::is_invalid_input`], [`Error::is_conflict`] (the first request with this idempotency key is in progress), [`Error::is_idempotency_key_reused`].
    pub async fn start(&self, start: NewChallenge) -> Result<Challenge, Error> {
        self.challenges.start(start).await
    }

    /// Verifies an answer to a challenge. The right one is accepted once.
    ///
    /// # Errors
    /// [`Error::is_code_rejected`], [`Error::is_closed`], [`Error::is_rate_limited`], [`Error::is_invalid_input`]; [`Error::is_delivery_failed`] if the
    /// upstream verifies the answers and cannot be reached; [`Error::is_outcome_unknown`] if the answer may have been accepted.
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

    /// Begins the enrolment of a factor: an authenticator app, a passkey, recovery codes. Only the newest of a user's enrolments with one
    /// instance is open.
    ///
    /// # Errors
    /// [`Error::is_proof_required`], [`Error::is_no_instance_available`], [`Error::is_requirement_unmet`], [`Error::is_conflict`] (the user has
    /// as many factors as allowed, or needs another one first), [`Error::is_rate_limited`], [`Error::is_invalid_input`].
    pub async fn enrol(&self, new: NewEnrolment) -> Result<Enrolment, Error> {
        self.factors.enrol(new).await
    }

    /// Returns an open enrolment as it was begun, for a page that is loaded again. `holder` is that of [`NewEnrolment::holder`].
    ///
    /// # Errors
    /// [`Error::is_enrolment_closed`].
    pub async fn enrolment(&self, subscription: &str, id: &str, holder: Option<&str>) -> Result<Enrolment, Error> {
        self.factors.enrolment(subscription, id, holder).await
    }

    /// Finishes an enrolment. The factor can be used from then on.
    ///
    /// # Errors
    /// [`Error::is_code_rejected`], [`Error::is_enrolment_closed`], [`Error::is_requirement_unmet`], [`Error::is_conflict`] (the authenticator is
    /// already enrolled), [`Error::is_rate_limited`]; [`Error::is_invalid_input`] for an answer of another form, which is not counted.
    pub async fn finish_enrolment(&self, subscription: &str, answer: EnrolmentAnswer) -> Result<UserFactor, Error> {
        self.factors.finish_enrolment(subscription, answer).await
    }

    /// Returns the factors of a user that have not ended, the oldest first.
    ///
    /// # Errors
    /// Invalid input if the user's id has no canonical form.
    pub async fn factors(&self, subscription: &str, user: &str) -> Result<Vec<UserFactor>, Error> {
        self.factors.list(subscription, user, false).await
    }

    /// Returns the instances with which a user can enrol factors, the most specific first.
    ///
    /// # Errors
    /// Invalid input if an id has no canonical form.
    pub async fn enrollable(&self, sign_in: &SignIn) -> Result<Vec<EnrollableFactor>, Error> {
        self.factors.enrollable(sign_in).await
    }

    /// Changes the name of a factor; `None` removes it.
    ///
    /// # Errors
    /// [`Error::is_not_found`]. Invalid input for a name that cannot be displayed.
    pub async fn rename_factor(
        &self,
        subscription: &str,
        user: &str,
        id: &str,
        label: Option<&str>,
    ) -> Result<UserFactor, Error> {
        self.factors.rename(subscription, user, id, label).await
    }

    /// Removes a factor. Fallbacks, such as recovery codes, end with the last other factor.
    ///
    /// # Errors
    /// [`Error::is_not_found`]; [`Error::is_proof_required`].
    pub async fn remove_factor(
        &self,
        subscription: &str,
        user: &str,
        id: &str,
        proof: &Proof,
    ) -> Result<RemovedFactors, Error> {
        self.factors.remove(subscription, user, id, &proof.clone().into()).await
    }

    /// Handles a delivery report of an upstream. `message` is the part of the URL after [`Builder::report_url`](crate::Builder::report_url) and its slash; `request`
    /// is the request itself. A report that the upstream proved to be its own is counted once ([`Administration::statistics`]).
    ///
    /// # Errors
    /// [`Error::is_not_found`] for a report that is not accepted, whatever the reason.
    pub async fn handle_delivery_report(&self, message: &str, request: &ReportRequest<'_>) -> Result<(), Error> {
        self.challenges.report(message, request).await
    }

    /// Returns the site on which a subscription's users use their factors.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn site(&self, subscription: &str) -> Result<Site, Error> {
        self.instances.sites.of(subscription).await
    }

    /// Returns what a server at the RP ID's host lists at `/.well-known/webauthn`: the origins in other domains whose pages may use passkeys
    /// of this RP ID. A change takes effect after a minute.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn related_origins(&self, rp_id: &str) -> Result<Vec<String>, Error> {
        self.instances.sites.related_origins(rp_id).await
    }

    /// Replaces the authenticator models that satisfy a required attestation:
    /// see [`Builder::trusted_authenticators`](crate::Builder::trusted_authenticators). Enrolments in progress use the new ones.
    pub fn set_trusted_authenticators(&self, models: Vec<TrustedAuthenticator>) {
        self.instances.set_trusted_authenticators(models);
    }

    /// Signs a user in with a temporary pass, which is used up. The result is weak: `otp`, and no more than one factor.
    ///
    /// # Errors
    /// [`Error::is_no_instance_available`] if no instance of this sign-in has a policy that lets passes sign in. [`Error::is_closed`] for a
    /// pass that is not valid; [`Error::is_rate_limited`], [`Error::is_invalid_input`].
    pub async fn sign_in_with_pass(
        &self,
        sign_in: &SignIn,
        pass: &str,
        client_address: Option<IpAddr>,
    ) -> Result<Verified, Error> {
        self.factors.sign_in_with_pass(sign_in, pass, client_address).await.map(|(verified, _)| verified)
    }

    /// Returns the instance in whose place a temporary pass may sign in, if a policy allows it. It does not say whether there is a pass.
    ///
    /// # Errors
    /// Invalid input if an id has no canonical form.
    pub async fn pass_signs_in(&self, sign_in: &SignIn) -> Result<Option<String>, Error> {
        self.factors.pass_signs_in(sign_in).await
    }

    /// Returns the remembered browsers of users: browsers in which users are not asked for a factor.
    pub fn remembered_browsers(&self) -> RememberedBrowsers {
        self.factors.remembered()
    }

    /// Returns recent events of a user's sign-in methods, the newest first, at most 20.
    ///
    /// # Errors
    /// Invalid input if the user's id has no canonical form.
    pub async fn user_events(&self, subscription: &str, user: &str) -> Result<Vec<UserEvent>, Error> {
        self.factors.events(subscription, user).await
    }

    /// Returns the verified addresses of a user.
    ///
    /// # Errors
    /// Invalid input if the user's id has no canonical form.
    pub async fn addresses(&self, subscription: &str, user: &str) -> Result<Vec<VerifiedAddress>, Error> {
        self.factors.addresses(subscription, user).await
    }

    /// Sends a code to an address of a user, to verify it: see [`TwoFactor::confirm_address`].
    ///
    /// # Errors
    /// [`Error::is_proof_required`], [`Error::is_conflict`] (the user has five verified addresses), and those of [`TwoFactor::start`].
    pub async fn add_address(&self, new: NewAddress) -> Result<Challenge, Error> {
        self.factors.add_address(new).await
    }

    /// Verifies the code that was sent to an address. From then on a challenge of this user needs no recipient.
    ///
    /// # Errors
    /// Those of [`TwoFactor::verify`].
    pub async fn confirm_address(&self, subscription: &str, answer: Answer<'_>) -> Result<VerifiedAddress, Error> {
        self.factors.confirm_address(subscription, answer).await
    }

    /// Removes a verified address of a user.
    ///
    /// # Errors
    /// [`Error::is_not_found`]; [`Error::is_proof_required`].
    pub async fn remove_address(&self, subscription: &str, user: &str, id: &str, proof: &Proof) -> Result<(), Error> {
        self.factors.remove_address(subscription, user, id, proof).await
    }

    /// Returns the sign-ins that take place on a hosted page.
    pub fn hosted_sign_ins(&self) -> HostedSignIns {
        let Instances { store, keyring, .. } = &*self.instances;
        let (clock, challenges) = (self.clock.clone(), self.challenges.clone());
        HostedSignIns::new(store.clone(), keyring.clone(), clock, challenges, self.factors.clone())
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
            factors: self.factors.clone(),
            actor,
            guard: self.accounts.guard.clone(),
            changes_guards: true,
            sees_installation: true,
        }
    }

    /// Keeps this process in step with the others on the store. Runs until it is dropped: spawn it when the process begins to serve.
    /// Errors are logged, and the next turn tries again.
    ///
    /// Every second it does what [`TwoFactor::refresh_providers`] does. Every five seconds it reports this process to the others under
    /// `name`, which is for operators ([`TwoFactor::nodes`]), sets the metrics of all processes, and logs when the clock of this process
    /// and the time of the store start or stop differing. Every minute it forgets what it knows of instances that another process deleted.
    pub async fn maintain(self, name: String) {
        tokio::join!(self.follow_providers(), self.report_regularly(&name), self.forget_deleted_instances());
    }

    async fn follow_providers(&self) {
        let mut logged = String::new();
        let mut turns = turns(PROVIDER_INTERVAL);
        loop {
            turns.tick().await;
            let error = self.refresh_providers().await.err().map(|error| error.to_string()).unwrap_or_default();
            if !error.is_empty() && error != logged {
                tracing::error!(error, "an added provider cannot be used");
            }
            logged = error;
        }
    }

    async fn report_regularly(&self, name: &str) {
        let mut turns = turns(REPORT_INTERVAL);
        loop {
            turns.tick().await;
            // A clock that is off is logged where it is found, and `ready` fails while the store cannot be used.
            let _ = self.report_node(name).await;
        }
    }

    async fn forget_deleted_instances(&self) {
        let mut turns = turns(FORGET_INTERVAL);
        loop {
            turns.tick().await;
            if let Err(error) = self.instances.forget_deleted().await {
                tracing::warn!(error = error.operator_detail(), "could not find out which instances were deleted");
            }
        }
    }

    /// Stops using the store: writes the statistics and the message history of the last seconds, and removes this process from those
    /// that [`TwoFactor::nodes`] lists: a report that is on its way is awaited, and a later one is not stored. Call it before the process
    /// ends, after the last request and the end of [`TwoFactor::maintain`].
    ///
    /// # Errors
    /// If the store is not available. What was not written is lost, and the others list this process as silent for a day.
    pub async fn close(&self) -> Result<(), Error> {
        let flushed = self.flush().await;
        let mut has_left = self.has_left.lock().await;
        *has_left = true;
        self.instances.store.remove_node(&self.node.0).await?;
        flushed
    }

    /// Reloads providers that another process added or removed.
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

    /// Writes the statistics and the message history of the last seconds to the store. [`TwoFactor::close`] does it as well.
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
    /// [`Error::is_unavailable`] if the store cannot be used, because of a full disk for example; [`Error::is_clock_skew`] if the
    /// times differ by more than [`store::MAX_CLOCK_SKEW`](crate::store::MAX_CLOCK_SKEW).
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

    /// Compares the clock of this process with the time of the store, and logs when they start or stop differing.
    pub(crate) async fn check_clock(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let store = self.instances.store.check_time(now).await?;
        self.clock_check.compare(now, store).map_or(Ok(()), |behind| Err(Error::clock_skew(behind)))
    }

    /// Reports this process to the others on the store, unless it has left, and sets the metrics of all of them. Compares the clocks as
    /// well.
    async fn report_node(&self, name: &str) -> Result<(), Error> {
        let now = self.clock.now();
        let store = self.instances.store.check_time(now).await?;
        self.clock_check.compare(now, store);
        let (id, started_at) = &*self.node;
        let providers = self.instances.providers.all().into_iter();
        let record = NodeRecord {
            id: id.clone(),
            name: name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            providers: providers.map(|one| (one.manifest.type_id, one.digest)).collect(),
            clock_behind_ms: i64::try_from(store.duration_since(now).as_millis()).unwrap_or(i64::MAX),
            started_at: *started_at,
            seen_at: store,
        };
        let (store, has_left) = (self.instances.store.clone(), self.has_left.clone());
        // Runs to completion even if the maintenance ends: otherwise the store could list the process again after it has left.
        to_the_end(async move {
            let has_left = has_left.lock().await;
            if !*has_left {
                store.report_node(record).await?;
            }
            Ok(())
        })
        .await?;
        node::measure(&self.nodes().await?);
        Ok(())
    }

    /// Returns the processes that use the store and reported themselves within a day, in the order of their names.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn nodes(&self) -> Result<Vec<Node>, Error> {
        let (nodes, now) = self.instances.store.nodes(self.clock.now()).await?;
        Ok(nodes.into_iter().map(|record| Node::new(record, now, &self.node.0)).collect())
    }
}

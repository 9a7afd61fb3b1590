//! Listing, renaming and removing factors.

use twofactor_sandbox::{FactorContext, FactorState, FactorUser, Requirements, Signal};

use super::Factors;
use super::proof::{Change, ProofFor};
use super::request::{Basis, EnrollableFactor, RemovedFactors, checked_user, label};
use crate::audit::Actor;
use crate::completion::to_the_end;
use crate::error::Error;
use crate::instance::{Available, ChosenFactor, SignIn};
use crate::store::{FactorSelection, FactorStatus};
use crate::user_factor::{FactorEventKind, FactorPlace, HeldFactor, UserFactor};

impl Factors {
    /// Returns the factors of a user that have not ended, the oldest first; with `ended` those that have, too.
    pub(crate) async fn list(&self, subscription: &str, user: &str, ended: bool) -> Result<Vec<UserFactor>, Error> {
        let held = self.held.of(subscription, &checked_user(user)?, ended).await?;
        Ok(held.iter().map(HeldFactor::view).collect())
    }

    /// Returns the instances with which a user can enrol factors, whether the user holds one or not, the most specific first.
    pub(crate) async fn enrollable(&self, sign_in: &SignIn) -> Result<Vec<EnrollableFactor>, Error> {
        let available = self.instances.choose_any(&sign_in.clone().in_one_spelling()?, None).await?;
        let enrollable = |one| match one {
            Available::Factor(chosen) => {
                let code_format = chosen.code_format();
                let passwordless = chosen.is_webauthn() && chosen.policy.passwordless;
                let required = chosen.policy.required_factor;
                let ChosenFactor { id, type_id, name, manifest, .. } = chosen;
                Some(EnrollableFactor { two_factor: id, type_id, name, manifest, code_format, passwordless, required })
            }
            Available::Delivery(_) => None,
        };
        Ok(available.into_iter().filter_map(enrollable).collect())
    }

    /// Changes the name of a factor.
    pub(crate) async fn rename(
        &self,
        subscription: &str,
        user: &str,
        id: &str,
        name: Option<&str>,
    ) -> Result<UserFactor, Error> {
        let user = checked_user(user)?;
        self.check_no_account(&user).await?;
        let mut held = self.held.one(subscription, &user, id).await?;
        held.label = label(name)?;
        let details = self.held.seal_details(FactorPlace::of(&held.record), &user, held.label.as_deref())?;
        // Without the name: a person chooses it.
        let detail = format!("factor {id} of type {}", held.record.type_id);
        self.audit.append(&Self::person(&user), "factor.rename", &format!("{subscription}/{user}"), &detail).await?;
        if !self.store.set_factor_details(subscription, id, details).await? {
            return Err(Error::not_found("factor"));
        }
        Ok(held.view())
    }

    /// Removes a factor on behalf of its user, and fallbacks that would be left as the only ones.
    pub(crate) async fn remove(
        &self,
        subscription: &str,
        user: &str,
        id: &str,
        basis: &Basis,
    ) -> Result<RemovedFactors, Error> {
        let (this, basis) = (self.clone(), basis.clone());
        let (subscription, user, id) = (subscription.to_owned(), user.to_owned(), id.to_owned());
        // Runs to completion even if the caller disconnects: the user is notified of what was removed.
        to_the_end(async move { this.remove_on(&basis, (&subscription, &user), &id).await }).await
    }

    async fn remove_on(
        &self,
        basis: &Basis,
        (subscription, user): (&str, &str),
        id: &str,
    ) -> Result<RemovedFactors, Error> {
        let user = checked_user(user)?;
        let sign_in = SignIn::new(subscription).user(&user);
        let changes = self.changes(&sign_in).await?;
        let held = self.held.of(subscription, &user, false).await?;
        if !held.iter().any(|held| held.record.id == id) {
            return Err(Error::not_found("factor"));
        }
        let change = Change::RemoveFactor;
        let what = ProofFor { sign_in: &sign_in, change, held: &held, client_address: None, holder: None };
        let proof = self.accept_proof(basis, what).await?;
        let why = format!("proof: {}", proof.name);
        let (whose, which) = ((subscription, &*user), FactorSelection::One(id));
        self.end(&Self::person(&user), whose, (held, Some(changes)), which, &why).await
    }

    /// Ends factors of a user, who holds these. Whether the actor may do so was decided; by the user's proof only as long as the count of
    /// the user's changes is this one. Callers run it to completion: a notice must follow.
    pub(crate) async fn end(
        &self,
        actor: &Actor,
        (subscription, user): (&str, &str),
        (held, changes): (Vec<HeldFactor>, Option<u64>),
        selection: FactorSelection<'_>,
        why: &str,
    ) -> Result<RemovedFactors, Error> {
        let what = match selection {
            FactorSelection::One(id) => format!("factor {id}"),
            FactorSelection::All => "all factors".to_owned(),
        };
        let (whose, detail) = (format!("{subscription}/{user}"), format!("{what}; {why}"));
        self.audit.append(actor, "factor.remove", &whose, &detail).await?;
        let now = self.clock.now();
        let ended = self.store.end_factors(self.held.key(subscription, user), selection, changes, now).await?;
        let Some(ended) = ended else {
            return Err(self.overtaken(actor, ("factor.remove", &whose), &detail).await);
        };
        let is_ended = |one: &HeldFactor| ended.iter().any(|ended| ended.id == one.record.id);
        let (gone, remaining): (Vec<_>, Vec<_>) = held.into_iter().partition(is_ended);
        if gone.is_empty() {
            return Err(Error::not_found("factor"));
        }
        let (mut views, mut signals) = (Vec::new(), Vec::new());
        for one in &gone {
            let mut view = one.view();
            (view.status, view.ended_at) = (FactorStatus::Ended, Some(now));
            self.announce(subscription, user, view.clone(), FactorEventKind::Removed);
            views.push(view);
        }
        // After that: a component that takes its time delays no notice.
        for one in &gone {
            signals.extend(self.signals(subscription, user, &remaining, one).await);
        }
        Ok(RemovedFactors { ended: views, signals })
    }

    /// Records that a change was not applied, because the user was changed while its proof was checked. Returns the error for the caller.
    pub(super) async fn overtaken(&self, actor: &Actor, (action, whose): (&str, &str), detail: &str) -> Error {
        let detail = format!("not applied: {detail}: a sign-in method has changed since the proof was checked");
        match self.audit.append(actor, action, whose, &detail).await {
            Ok(_) => Error::proof_required("a sign-in method has changed in the meantime; prove the change again"),
            Err(error) => error,
        }
    }

    /// Returns what a page tells the browser. If that fails, the factor is removed all the same.
    async fn signals(
        &self,
        subscription: &str,
        user: &str,
        remaining: &[HeldFactor],
        removed: &HeldFactor,
    ) -> Vec<Signal> {
        let signals = async {
            let Some(chosen) = self.instances.factor(subscription, &removed.record.instance).await? else {
                return Ok(Vec::new());
            };
            let handle = self.handle_for(&chosen, subscription, user).await?;
            let factor_user = FactorUser { handle, name: user.to_owned(), display_name: user.to_owned() };
            let context = FactorContext {
                now: self.clock.now(),
                site: &chosen.site,
                user: &factor_user,
                requirements: Requirements::default(),
                trusted: &[],
            };
            let states: Vec<FactorState> = remaining
                .iter()
                .filter(|one| one.record.instance == removed.record.instance)
                .filter_map(|one| one.state.clone())
                .collect();
            let signals = chosen.configured()?.signals(&context, &states, removed.state.as_ref()).await;
            signals.map_err(|why| chosen.failed(&why))
        };
        signals.await.unwrap_or_else(|error: Error| {
            tracing::warn!(error = error.operator_detail(), "the browser is not notified of a removed factor");
            Vec::new()
        })
    }
}

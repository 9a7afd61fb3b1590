//! TwoFactor instances: their configuration, whether they are valid, and whom they serve.

mod chosen_factor;
mod circuit_breaker;
mod country;
mod destinations;
mod gsm;
mod options;
mod policy;
mod prepared;
mod providers;
mod quota;
mod required_factor;
mod sealed_for;
mod sign_in;
mod validity;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use serde_json::Value;

pub(crate) use chosen_factor::{ChosenFactor, credential_form};
pub(crate) use circuit_breaker::{Pause, PauseAfter};
pub(crate) use destinations::{Changed, listed};
#[cfg(test)]
pub(crate) use gsm::is_of_gsm;
pub use options::MASK;
pub use policy::{FirstEnrolment, Policy, PolicyError, PolicyWarning};
pub(crate) use prepared::Prepared;
pub(crate) use providers::Providers;
pub use providers::RefusedProvider;
pub use quota::Quota;
pub(crate) use quota::{BYTES, MESSAGES, SEGMENTS};
pub use required_factor::RequiredFactor;
pub(crate) use sealed_for::SealedFor;
pub use sign_in::SignIn;
pub(crate) use twofactor_sandbox::Layers;
pub use validity::AffectedInstance;

use crate::error::Error;
use crate::keyring::Keyring;
use crate::site::Sites;
use crate::store::{InstanceRecord, Store, Targets};
use twofactor_sandbox::{
    DeliveryFailure, Message, Provider, RecipientKind, Requirements, Sent, Site, TrustedAuthenticator, Verdict,
};

/// The instances of this installation and their providers.
pub(crate) struct Instances {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Keyring,
    pub(crate) providers: Providers,
    /// Where factors are used.
    pub(crate) sites: Sites,
    default_policy: Policy,
    trusted: RwLock<Arc<[TrustedAuthenticator]>>,
    /// Evaluated instances, by id: evaluation costs a call of the component, which a sign-in should
    /// not.
    evaluated: Mutex<HashMap<String, Arc<Evaluated>>>,
}

/// What is known of an instance.
#[derive(Default)]
struct Evaluated {
    known: Mutex<Option<Arc<Prepared>>>,
    /// Held while it is evaluated: all that ask at the same time need one result.
    evaluating: tokio::sync::Mutex<()>,
}

/// An instance that may serve a sign-in.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) id: String,
    pub(crate) type_id: String,
    pub(crate) name: String,
    pub(crate) channel: String,
    pub(crate) recipient_kind: RecipientKind,
    pub(crate) policy: Policy,
    prepared: Arc<Prepared>,
}

/// An instance that is available to a sign-in.
pub(crate) enum Available {
    /// One that delivers codes.
    Delivery(Chosen),
    /// One whose factors users hold.
    Factor(ChosenFactor),
}

impl Available {
    fn delivery(self) -> Option<Chosen> {
        match self {
            Self::Delivery(chosen) => Some(chosen),
            Self::Factor(_) => None,
        }
    }
}

fn available(record: InstanceRecord, policy: Policy, prepared: Arc<Prepared>) -> Option<Available> {
    let provider = prepared.provider.clone().filter(|_| prepared.is_valid())?;
    let manifest = provider.manifest();
    let InstanceRecord { id, type_id, name, .. } = record;
    match (&manifest.factor, manifest.recipient) {
        (Some(factor), _) => {
            let (manifest, site) = (factor.clone(), prepared.site.clone().unwrap_or_default());
            Some(Available::Factor(ChosenFactor { id, type_id, name, policy, manifest, site, prepared }))
        }
        (None, Some(recipient_kind)) => {
            let channel = manifest.channel.clone();
            Some(Available::Delivery(Chosen { id, type_id, name, channel, recipient_kind, policy, prepared }))
        }
        (None, None) => None,
    }
}

impl Chosen {
    /// Has it deliver a message.
    pub(crate) async fn deliver(&self, message: Message) -> Result<Sent, DeliveryFailure> {
        self.prepared.deliver(message).await
    }

    /// Returns how many bytes were exchanged with its upstream since the last call.
    pub(crate) fn take_bytes(&self) -> u64 {
        self.prepared.take_bytes()
    }

    /// Returns whether its upstream generates the codes and verifies the answers.
    pub(crate) fn verifies(&self) -> bool {
        self.prepared.provider.as_ref().is_some_and(|provider| provider.verifies())
    }

    /// Returns whether it delivers texts of any kind: its component needs no code.
    pub(crate) fn delivers_texts(&self) -> bool {
        self.prepared.provider.as_ref().is_some_and(|it| !it.verifies() && !it.manifest().needs_code)
    }

    /// Has its upstream verify an answer.
    pub(crate) async fn check(&self, state: &str, answer: &str) -> Result<Verdict, DeliveryFailure> {
        self.prepared.check(state, answer).await
    }

    /// Returns whether its upstream sends delivery reports.
    pub(crate) fn has_reports(&self) -> bool {
        self.prepared.has_reports()
    }

    /// Returns the results of the last deliveries, since something of it was changed.
    pub(crate) fn pause(&self) -> &Pause {
        &self.prepared.pause
    }
}

impl Instances {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        keyring: Keyring,
        providers: Providers,
        sites: Sites,
        default_policy: Policy,
        trusted: Vec<TrustedAuthenticator>,
    ) -> Self {
        let trusted = RwLock::new(trusted.into());
        Self { store, keyring, providers, sites, default_policy, trusted, evaluated: Mutex::default() }
    }

    /// Returns the authenticator models that satisfy these requirements: none if no attestation is required, because none is requested.
    pub(crate) fn trusted_authenticators(&self, requirements: Requirements) -> Arc<[TrustedAuthenticator]> {
        match requirements.attested {
            true => self.trusted.read().unwrap_or_else(PoisonError::into_inner).clone(),
            false => Arc::default(),
        }
    }

    pub(crate) fn set_trusted_authenticators(&self, models: Vec<TrustedAuthenticator>) {
        *self.trusted.write().unwrap_or_else(PoisonError::into_inner) = models.into();
    }

    /// Returns the component that is used for a type.
    pub(crate) fn provider(&self, type_id: &str) -> Option<Arc<Provider>> {
        self.providers.of(type_id)
    }

    /// Returns the instances available to a sign-in that deliver codes: see [`Self::choose_any`].
    pub(crate) async fn choose(&self, sign_in: &SignIn, wanted: Option<&str>) -> Result<Vec<Chosen>, Error> {
        let available = self.choose_any(sign_in, wanted).await?;
        Ok(available.into_iter().filter_map(Available::delivery).collect())
    }

    /// Returns the instances available to a sign-in (active, valid, and assigned to one of its
    /// four), most specific first: user, client application, IDP, tenant. With `wanted`, only the
    /// one with that id.
    pub(crate) async fn choose_any(&self, sign_in: &SignIn, wanted: Option<&str>) -> Result<Vec<Available>, Error> {
        let assigned = self.store.assigned(&sign_in.subscription, targets(sign_in)).await?;
        let (mut chosen, mut unknown): (Vec<Available>, _) = (Vec::with_capacity(assigned.len()), None);
        for (record, base) in assigned {
            let asked = wanted.is_none_or(|id| id == record.id);
            if !record.active || !asked {
                continue;
            }
            let (policy, base) = (self.policy(&record), base.map(|settings| settings.options));
            // Boxed: the future of every caller would hold it.
            let prepared = match Box::pin(self.prepared_with(&record, &policy, base)).await {
                Ok(prepared) => prepared,
                // Another one may be available.
                Err(error) => {
                    let (instance, type_id) = (&record.id, &record.type_id);
                    tracing::warn!(%instance, %type_id, error = error.operator_detail(), "an instance could not be validated");
                    unknown = Some(error);
                    continue;
                }
            };
            chosen.extend(available(record, policy, prepared));
        }
        match unknown {
            Some(error) if chosen.is_empty() => Err(error),
            _ => Ok(chosen),
        }
    }

    /// Returns an instance with which factors are enrolled, if it is active and valid, whoever it
    /// is assigned to.
    pub(crate) async fn factor(&self, subscription: &str, id: &str) -> Result<Option<ChosenFactor>, Error> {
        let record = self.store.instance(id).await?;
        let Some(record) = record.filter(|record| record.subscription == subscription && record.active) else {
            return Ok(None);
        };
        let (prepared, policy) = (self.prepared(&record).await?, self.policy(&record));
        Ok(match available(record, policy, prepared) {
            Some(Available::Factor(chosen)) => Some(chosen),
            _ => None,
        })
    }

    /// Returns the site of a subscription, if the component depends on it.
    async fn site_for(&self, provider: Option<&Provider>, subscription: &str) -> Result<Option<Site>, Error> {
        match provider.filter(|provider| provider.manifest().factor.is_some()) {
            Some(_) => Ok(Some(self.sites.of(subscription).await?)),
            None => Ok(None),
        }
    }

    /// Returns whether an instance is active and assigned to a sign-in, valid or not.
    pub(crate) async fn is_assigned(&self, sign_in: &SignIn, id: &str) -> Result<bool, Error> {
        let assigned = self.store.assigned(&sign_in.subscription, targets(sign_in)).await?;
        Ok(assigned.iter().any(|(record, _)| record.id == id && record.active))
    }

    /// Returns the policies of the instances that are active and assigned to a sign-in, by id, the
    /// most specific first.
    pub(crate) async fn policies(&self, sign_in: &SignIn) -> Result<Vec<(String, Policy)>, Error> {
        let assigned = self.store.assigned(&sign_in.subscription, targets(sign_in)).await?;
        let active = assigned.into_iter().filter(|(record, _)| record.active);
        Ok(active.map(|(record, _)| (record.id.clone(), self.policy(&record))).collect())
    }

    /// Returns the evaluated record: from memory if nothing it depends on has changed.
    pub(crate) async fn prepared(&self, record: &InstanceRecord) -> Result<Arc<Prepared>, Error> {
        let base = self.store.base_settings(&record.type_id).await?.map(|settings| settings.options);
        self.prepared_with(record, &self.policy(record), base).await
    }

    async fn prepared_with(
        &self,
        record: &InstanceRecord,
        policy: &Policy,
        base: Option<Value>,
    ) -> Result<Arc<Prepared>, Error> {
        let provider = self.provider(&record.type_id);
        let evaluated = self.evaluated_of(&record.id);
        let site = self.site_for(provider.as_deref(), &record.subscription).await?;
        let known = || {
            let known = evaluated.known.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
            let is_same = known.is_of(record, base.as_ref(), provider.as_ref()) && known.site == site;
            let is_same = is_same && known.required == policy.required_factor;
            (is_same && !known.is_to_be_asked_again(self.now())).then_some(known)
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        let limits = self.providers.sandbox().limits();
        let turn = tokio::time::timeout(limits.queue_time + limits.configure_time, evaluated.evaluating.lock()).await;
        let Ok(_turn) = turn else { return Err(Error::unavailable("the provider is not available at the moment")) };
        if let Some(known) = known() {
            return Ok(known);
        }
        let plain = self.opened_base(&record.type_id, base.as_ref())?;
        let own = self.open_options(record)?;
        let prepared =
            Box::pin(self.evaluate_over(provider, Layers { base: &plain, own: &own, site: site.as_ref() })).await?;
        let prepared = prepared.under(policy);
        if !prepared.is_valid() {
            let (instance, type_id) = (&record.id, &record.type_id);
            tracing::warn!(%instance, %type_id, "the instance is not valid and not available; administrators are shown its problems");
        }
        let before = evaluated.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let prepared = Arc::new(prepared.of(record, (base.as_ref(), site), before.as_deref(), self.now()));
        *evaluated.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(prepared.clone());
        Ok(prepared)
    }

    fn evaluated_of(&self, id: &str) -> Arc<Evaluated> {
        let mut evaluated = self.evaluated.lock().unwrap_or_else(PoisonError::into_inner);
        match evaluated.get(id) {
            Some(evaluated) => evaluated.clone(),
            None => evaluated.entry(id.to_owned()).or_default().clone(),
        }
    }

    /// Forgets the evaluation of an instance, including its secrets.
    pub(crate) fn forget(&self, id: &str) {
        self.evaluated.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Forgets the evaluations of instances that no longer exist: another process may have deleted them.
    pub(crate) async fn forget_deleted(&self) -> Result<(), Error> {
        let known: Vec<String> =
            self.evaluated.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        if known.is_empty() {
            return Ok(());
        }
        let existing: BTreeSet<String> = self.store.existing_instances(known.clone()).await?.into_iter().collect();
        for id in known.iter().filter(|id| !existing.contains(*id)) {
            self.forget(id);
        }
        Ok(())
    }

    /// Forgets the evaluations of components that are no longer in use.
    pub(crate) fn forget_replaced(&self) {
        let mut evaluated = self.evaluated.lock().unwrap_or_else(PoisonError::into_inner);
        evaluated.retain(|_, evaluated| {
            let known = evaluated.known.lock().unwrap_or_else(PoisonError::into_inner);
            let of = known.as_ref().and_then(|known| known.provider.as_ref());
            of.is_none_or(|of| self.provider(&of.manifest().type_id).is_some_and(|serving| Arc::ptr_eq(&serving, of)))
        });
    }

    fn now(&self) -> Timestamp {
        self.providers.now()
    }

    /// Returns the base service settings of a type.
    pub(crate) async fn base_options(&self, type_id: &str) -> Result<Value, Error> {
        let sealed = self.store.base_settings(type_id).await?.map(|settings| settings.options);
        self.opened_base(type_id, sealed.as_ref())
    }

    fn opened_base(&self, type_id: &str, sealed: Option<&Value>) -> Result<Value, Error> {
        match sealed {
            Some(sealed) => self.open_base_settings(type_id, sealed),
            None => Ok(Value::Object(Default::default())),
        }
    }

    /// Returns the policy of an instance: its own fields over the installation's.
    pub(crate) fn policy(&self, record: &InstanceRecord) -> Policy {
        let own = record.policy.as_ref().and_then(|policy| self.default_policy.overridden_by(policy).ok());
        own.unwrap_or_else(|| self.default_policy.clone())
    }

    pub(crate) fn default_policy(&self) -> &Policy {
        &self.default_policy
    }
}

fn targets(sign_in: &SignIn) -> Targets<'_> {
    Targets {
        tenant: sign_in.tenant.as_deref(),
        idp: sign_in.idp.as_deref(),
        client_application: sign_in.client_application.as_deref(),
        user: sign_in.user.as_deref(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::TwoFactor;
    use crate::store::{InstanceInserted, Subscription};

    #[tokio::test]
    async fn what_is_known_of_an_instance_is_forgotten_after_another_process_deleted_it() {
        let engine = TwoFactor::builder().build().await.unwrap();
        let (instances, now) = (&engine.instances, engine.clock.now());
        let subscription = Subscription { id: "s".to_owned(), name: "S".to_owned(), revision: 1, created_at: now };
        instances.store.create_subscription(subscription).await.unwrap();
        for id in ["deleted", "kept"] {
            let options = instances.seal_options(id, &serde_json::json!({}), None).unwrap();
            let record = InstanceRecord {
                id: id.to_owned(),
                subscription: "s".to_owned(),
                type_id: "t".to_owned(),
                name: "I".to_owned(),
                active: true,
                options,
                policy: None,
                revision: 1,
                created_at: now,
                updated_at: now,
            };
            let inserted = instances.store.insert_instance(record.clone(), 2).await.unwrap();
            assert_eq!(inserted, InstanceInserted::Inserted);
            instances.prepared(&record).await.unwrap();
        }
        let known = || instances.evaluated.lock().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(known().len(), 2);
        assert!(instances.store.delete_instance("deleted", 1, now).await.unwrap().is_applied());
        let maintenance = tokio::spawn(engine.clone().maintain("test".to_owned()));
        let forgotten = async {
            while known().len() == 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), forgotten).await.unwrap();
        maintenance.abort();
        assert_eq!(known(), BTreeSet::from(["kept".to_owned()]));
    }
}

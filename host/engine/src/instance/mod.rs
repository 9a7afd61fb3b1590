//! TwoFactor instances: what is configured, whether it is valid, whom it serves.

mod options;
mod pause;
mod prepared;
mod providers;
mod rules;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

pub use options::MASK;
pub(crate) use options::merge;
pub(crate) use pause::{Pause, PauseAfter};
pub(crate) use prepared::Prepared;
pub(crate) use providers::Providers;
pub use providers::RefusedProvider;

use crate::challenge::{Policy, SignIn};
use crate::error::Error;
use crate::keyring::Keyring;
use crate::provider::{DeliveryFailure, Message, Provider, Reason, RecipientKind, Sent, Verdict};
use crate::store::{InstanceRecord, Store, Targets};

/// The instances of this installation and the providers they run on.
pub(crate) struct Instances {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Keyring,
    pub(crate) providers: Providers,
    default_policy: Policy,
    /// Judged instances, by id: judging costs a call of the component, a sign-in should not.
    prepared: RwLock<HashMap<String, Arc<Prepared>>>,
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

impl Chosen {
    /// Has it deliver a message.
    pub(crate) async fn deliver(&self, message: Message) -> Result<Sent, DeliveryFailure> {
        self.prepared.deliver(message).await
    }

    /// How many bytes went to and from its upstream since this was asked last.
    pub(crate) fn take_bytes(&self) -> u64 {
        self.prepared.take_bytes()
    }

    /// Whether its upstream makes the codes and judges the answers.
    pub(crate) fn verifies(&self) -> bool {
        self.prepared.provider.as_ref().is_some_and(|provider| provider.verifies())
    }

    /// Has its upstream judge an answer.
    pub(crate) async fn check(&self, state: &str, answer: &str) -> Result<Verdict, DeliveryFailure> {
        self.prepared.check(state, answer).await
    }

    /// Whether its upstream reports what becomes of messages.
    pub(crate) fn has_reports(&self) -> bool {
        self.prepared.has_reports()
    }

    /// How the last deliveries went, since something of it was changed.
    pub(crate) fn pause(&self) -> &Pause {
        &self.prepared.pause
    }
}

impl Instances {
    pub(crate) fn new(store: Arc<dyn Store>, keyring: Keyring, providers: Providers, default_policy: Policy) -> Self {
        Self { store, keyring, providers, default_policy, prepared: RwLock::default() }
    }

    /// The component that serves a type.
    pub(crate) fn provider(&self, type_id: &str) -> Option<Arc<Provider>> {
        self.providers.of(type_id)
    }

    /// The instances available to a sign-in (active, valid, and assigned to one of its four), most specific first: user, client
    /// application, IDP, tenant. With `wanted` only the one of that id.
    pub(crate) async fn choose(&self, sign_in: &SignIn, wanted: Option<&str>) -> Result<Vec<Chosen>, Error> {
        let assigned = self.store.assigned(&sign_in.subscription, targets(sign_in)).await?;
        let mut chosen: Vec<Chosen> = Vec::with_capacity(assigned.len());
        for (record, base) in assigned {
            let asked = wanted.is_none_or(|id| id == record.id);
            if !record.active || !asked {
                continue;
            }
            let prepared = self.prepared_with(&record, base.map(|settings| settings.options)).await?;
            if let (true, Some(provider)) = (prepared.is_valid(), &prepared.provider) {
                let manifest = provider.manifest();
                chosen.push(Chosen {
                    policy: self.policy(&record),
                    id: record.id,
                    type_id: record.type_id,
                    name: record.name,
                    channel: manifest.channel.clone(),
                    recipient_kind: manifest.recipient,
                    prepared: prepared.clone(),
                });
            }
        }
        Ok(chosen)
    }

    /// Whether an instance is active and assigned to a sign-in, valid or not.
    pub(crate) async fn is_assigned(&self, sign_in: &SignIn, id: &str) -> Result<bool, Error> {
        let assigned = self.store.assigned(&sign_in.subscription, targets(sign_in)).await?;
        Ok(assigned.iter().any(|(record, _)| record.id == id && record.active))
    }

    /// The record judged: from memory if nothing it depends on has changed.
    pub(crate) async fn prepared(&self, record: &InstanceRecord) -> Result<Arc<Prepared>, Error> {
        let base = self.store.base_settings(&record.type_id).await?.map(|settings| settings.options);
        self.prepared_with(record, base).await
    }

    async fn prepared_with(&self, record: &InstanceRecord, base: Option<Value>) -> Result<Arc<Prepared>, Error> {
        let provider = self.provider(&record.type_id);
        let known = self.prepared.read().unwrap_or_else(PoisonError::into_inner).get(&record.id).cloned();
        if let Some(known) = known
            && known.is_of(record, base.as_ref(), provider.as_ref())
        {
            return Ok(known);
        }
        let merged = self.merged(&record.type_id, base.as_ref(), &self.open_options(record)?)?;
        let judged = Prepared::judge(provider, &merged, self.providers.sandbox().network()).await;
        let Ok(judged) = judged else {
            return Err(Error::unavailable("the provider could not be asked now"));
        };
        let judged = Arc::new(judged.of(record, base));
        self.prepared.write().unwrap_or_else(PoisonError::into_inner).insert(record.id.clone(), judged.clone());
        Ok(judged)
    }

    /// Where an instance's secrets would go that they do not go to now, if this component served it.
    pub(crate) async fn new_destinations(
        &self,
        record: &InstanceRecord,
        provider: Arc<Provider>,
    ) -> Result<Vec<String>, Error> {
        let before = self.prepared(record).await?.destinations();
        let base = self.store.base_settings(&record.type_id).await?.map(|settings| settings.options);
        let merged = self.merged(&record.type_id, base.as_ref(), &self.open_options(record)?)?;
        let judged = Prepared::judge(Some(provider), &merged, self.providers.sandbox().network()).await;
        let after = judged.map_err(Error::unavailable)?.destinations();
        Ok(after.into_iter().filter(|destination| !before.contains(destination)).collect())
    }

    /// An instance's own options over the installation's, which are sealed.
    fn merged(&self, type_id: &str, base: Option<&Value>, own: &Value) -> Result<Value, Error> {
        let inherited = match base {
            Some(sealed) => self.open_base_settings(type_id, sealed)?,
            None => Value::Object(Default::default()),
        };
        Ok(merge(&inherited, own))
    }

    /// Options that are not stored, judged as if they were.
    pub(crate) async fn judge_options(&self, type_id: &str, own: &Value) -> Result<Prepared, Error> {
        let base = self.store.base_settings(type_id).await?.map(|settings| settings.options);
        self.judge(type_id, &self.merged(type_id, base.as_ref(), own)?).await
    }

    /// Options that are merged already.
    pub(crate) async fn judge(&self, type_id: &str, merged: &Value) -> Result<Prepared, Error> {
        let judged = Prepared::judge(self.provider(type_id), merged, self.providers.sandbox().network()).await;
        judged.map_err(|reason: Reason| Error::unavailable(reason))
    }

    /// The policy of an instance: its own where it states one, else the installation's.
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

/// RFC 8176 section 2 names `otp`, `sms` and `tel`; email has no name there and keeps its own.
pub(crate) fn amr(channel: &str) -> Vec<String> {
    let way = match channel {
        "voice" => "tel",
        other => other,
    };
    vec!["otp".to_owned(), way.to_owned()]
}

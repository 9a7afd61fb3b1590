//! The component that is used for each type. The store decides, for all processes on it. Where it
//! says nothing, the one that ships with the program is used.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, MutexGuard};

use crate::clock::Clock;
use crate::error::Error;
use crate::keyring::Keyring;
use crate::store::{ProviderMark, ProviderRecord, Store};
use twofactor_sandbox::{CodeCache, LoadError, Provider, ProviderInfo, Sandbox, Signers};

pub(crate) struct Providers {
    store: Arc<dyn Store>,
    sandbox: Sandbox,
    keyring: Keyring,
    cache: Option<CodeCache>,
    signers: Signers,
    clock: Arc<dyn Clock>,
    serving: RwLock<BTreeMap<String, Arc<Provider>>>,
    /// The components that ship with the program.
    own: RwLock<BTreeMap<String, Arc<Provider>>>,
    refused: RwLock<Vec<RefusedProvider>>,
    /// Serializes changes in this process.
    changing: Mutex<()>,
}

/// A component that was added and is not in use in this process.
#[derive(Debug, Clone, thiserror::Error)]
#[error("type `{type_id}`, sha256:{digest}: {why}")]
#[non_exhaustive]
pub struct RefusedProvider {
    /// The type it was added for.
    pub type_id: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// When it was added.
    pub added_at: Timestamp,
    /// Why it is not in use: a sentence for the operator.
    pub why: String,
    evaluated: Timestamp,
}

/// A component may be unusable because of a temporary lack of resources: after this time it is
/// loaded again.
const CHECK_AGAIN: Duration = Duration::from_secs(300);

const SEAL: &str = "provider";

/// Returns the data that a component's seal covers. The digest represents the bytes.
fn sealed_parts(record: &ProviderRecord) -> [Vec<u8>; 5] {
    let signed = [u8::from(record.signature.is_some())];
    [
        record.type_id.as_bytes().to_vec(),
        record.digest.as_bytes().to_vec(),
        signed.to_vec(),
        record.signature.as_deref().unwrap_or_default().as_bytes().to_vec(),
        record.added_at.as_millisecond().to_be_bytes().to_vec(),
    ]
}

/// Returns whether a component ships in this program.
fn is_bundled(component: &[u8]) -> bool {
    #[cfg(feature = "bundled")]
    return twofactor_bundle::BY_TYPE.into_iter().any(|(_, bundled)| bundled == component);
    #[cfg(not(feature = "bundled"))]
    {
        let _ = component;
        false
    }
}

impl Providers {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        sandbox: Sandbox,
        keyring: Keyring,
        cache: Option<CodeCache>,
        signers: Signers,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (serving, own, refused) = (RwLock::default(), RwLock::default(), RwLock::default());
        Self { store, sandbox, keyring, cache, signers, clock, serving, own, refused, changing: Mutex::default() }
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Returns who signed a component, if anybody did. Whoever runs this program trusts the
    /// components that ship in it, so these need no signature.
    ///
    /// # Errors
    /// Why the component is not allowed here.
    pub(crate) fn signed_by(&self, component: &[u8], signature: Option<&str>) -> Result<Option<String>, LoadError> {
        if signature.is_none() && is_bundled(component) {
            return Ok(None);
        }
        self.signers.verify(component, signature)
    }

    /// Returns the component that is used for a type.
    pub(crate) fn of(&self, type_id: &str) -> Option<Arc<Provider>> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).get(type_id).cloned()
    }

    /// Returns the component that is used for a type if none was added.
    pub(crate) fn own(&self, type_id: &str) -> Option<Arc<Provider>> {
        self.own.read().unwrap_or_else(PoisonError::into_inner).get(type_id).cloned()
    }

    /// Returns all components in use.
    pub(crate) fn all(&self) -> Vec<ProviderInfo> {
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner);
        serving.values().map(|provider| provider.info().clone()).collect()
    }

    /// Returns the components that were added and are not in use.
    pub(crate) fn refused(&self) -> Vec<RefusedProvider> {
        self.refused.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads a component without using it.
    pub(crate) async fn load(&self, component: &[u8]) -> Result<Provider, LoadError> {
        Provider::load(&self.sandbox, component, self.cache.as_ref()).await
    }

    /// Loads a component for a preview: nothing of it stays on disk.
    pub(crate) async fn examine(&self, component: &[u8]) -> Result<Provider, LoadError> {
        Provider::load(&self.sandbox, component, None).await
    }

    /// Loads a component from the store, if it is allowed here: somebody who can write to the
    /// database and lacks the keys cannot add one.
    pub(crate) async fn admit_stored(&self, record: &ProviderRecord) -> Result<Provider, LoadError> {
        let parts = sealed_parts(record);
        let place = parts.each_ref().map(|part| &part[..]);
        let is_ours = self.keyring.open_signed(SEAL, &place, &record.seal).is_some();
        if !is_ours || hex::encode(Sha256::digest(&record.component)) != record.digest {
            let why = "it lacks this installation's seal: someone without the keys wrote it to the store";
            return Err(LoadError::new(why.to_owned()));
        }
        self.admit(record, None).await
    }

    /// Returns the seal with which a record is stored.
    pub(crate) fn seal(&self, record: &ProviderRecord) -> Vec<u8> {
        let parts = sealed_parts(record);
        self.keyring.sign(SEAL, &parts.each_ref().map(|part| &part[..]), &[])
    }

    /// Loads an added component, if it is allowed here. `examined` is the component if it was
    /// compiled before.
    pub(crate) async fn admit(
        &self,
        record: &ProviderRecord,
        examined: Option<Provider>,
    ) -> Result<Provider, LoadError> {
        let signed_by = self.signed_by(&record.component, record.signature.as_deref())?;
        let digest = hex::encode(Sha256::digest(&record.component));
        let provider = match examined.filter(|examined| examined.info().digest == digest) {
            Some(examined) => {
                // Other processes on the store load it from there.
                if let Some(cache) = &self.cache {
                    examined.keep_compiled(cache);
                }
                examined
            }
            None => self.load(&record.component).await?,
        };
        Ok(provider.with_provenance(signed_by, record.added_at))
    }

    /// Uses a component that ships with the program for its type.
    pub(crate) fn install_own(&self, provider: Provider) {
        let (type_id, provider) = (provider.manifest().type_id.clone(), Arc::new(provider));
        self.own.write().unwrap_or_else(PoisonError::into_inner).insert(type_id, provider.clone());
        self.install(provider);
    }

    /// Uses a provider for all instances of its type from now on. Calls in progress finish on the
    /// component they started on.
    pub(crate) fn install(&self, provider: Arc<Provider>) {
        let type_id = &provider.manifest().type_id;
        self.refused.write().unwrap_or_else(PoisonError::into_inner).retain(|refused| refused.type_id != *type_id);
        let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
        serving.insert(provider.manifest().type_id.clone(), provider);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A lock to hold from reading the components in use until they were changed.
    pub(crate) async fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Applies what another process added or removed. A component that cannot be loaded, or is not
    /// allowed here, changes nothing and is named in the result.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn refresh(&self, _changing: &MutexGuard<'_, ()>) -> Result<Vec<RefusedProvider>, Error> {
        let kept = self.store.provider_marks().await?;
        {
            let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
            let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
            let is_kept = |type_id: &String| kept.iter().any(|mark| mark.type_id == *type_id);
            serving.retain(|type_id, provider| provider.info().added_at.is_none() || is_kept(type_id));
            for (type_id, provider) in own.iter().filter(|(type_id, _)| !is_kept(type_id)) {
                serving.insert(type_id.clone(), provider.clone());
            }
        }
        let (before, mut refused, now) = (self.refused(), Vec::new(), self.clock.now());
        for ProviderMark { type_id, digest, added_at } in kept {
            // A component that ships with the program may be the same, without the signature.
            let known =
                |serving: &Arc<Provider>| serving.info().digest == digest && serving.info().added_at == Some(added_at);
            if self.of(&type_id).as_ref().is_some_and(known) {
                continue;
            }
            // Checking it each time would mean compiling it each time.
            let is_it = |refused: &&RefusedProvider| {
                let same = refused.type_id == type_id && refused.digest == digest && refused.added_at == added_at;
                same && now.duration_since(refused.evaluated).unsigned_abs() < CHECK_AGAIN
            };
            if let Some(known) = before.iter().find(is_it) {
                refused.push(known.clone());
                continue;
            }
            let Some(record) = self.store.top_providers(&type_id).await?.0 else { continue };
            match self.admit_stored(&record).await {
                Ok(provider) => self.install(Arc::new(provider)),
                Err(why) => {
                    let (digest, added_at, why) = (record.digest, record.added_at, why.to_string());
                    refused.push(RefusedProvider { type_id, digest, added_at, why, evaluated: self.clock.now() });
                }
            }
        }
        self.refused.write().unwrap_or_else(PoisonError::into_inner).clone_from(&refused);
        Ok(refused)
    }

    /// Refreshes for the first time: a type whose component is not allowed has none, rather than the one that
    /// was replaced.
    pub(crate) async fn begin(&self) -> Result<(), Error> {
        for refused in self.refresh(&self.changing().await).await? {
            tracing::error!(%refused, "an added provider is not in use");
            self.serving.write().unwrap_or_else(PoisonError::into_inner).remove(&refused.type_id);
        }
        Ok(())
    }
}

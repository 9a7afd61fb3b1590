//! The components that serve: shown, added, and taken back.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Administration;
use crate::capability::Destination;
use crate::error::Error;
use crate::instance::{AffectedInstance, RefusedProvider, listed};
use crate::provider::{Provider, ProviderInfo};
use crate::store::ProviderRecord;

/// A component to be installed, and what is expected of it.
#[derive(Clone)]
pub struct NewProvider {
    component: Vec<u8>,
    signature: Option<String>,
    digest: Option<String>,
    replaces: Option<String>,
    allow_older: bool,
    destinations: Vec<String>,
    any_destination: bool,
    allow_invalid: bool,
    /// What was compiled of it before.
    examined: Option<Compiled>,
}

/// A component that was compiled to be looked at.
#[derive(Clone)]
struct Compiled(Arc<Provider>);

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiled(…)")
    }
}

/// What a component is, and what it would change.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExaminedProvider {
    /// What is known of it.
    pub info: ProviderInfo,
    /// Where secrets of the instances of its type would go that they do not go to now. Judged anew when it is added.
    pub new_destinations: Vec<Destination>,
    /// The valid instances of its type that would no longer be valid. Judged anew when it is added.
    pub made_invalid: Vec<AffectedInstance>,
    compiled: Compiled,
}

impl NewProvider {
    /// These bytes.
    pub fn new(component: impl Into<Vec<u8>>) -> Self {
        Self {
            component: component.into(),
            signature: None,
            digest: None,
            replaces: None,
            allow_older: false,
            destinations: Vec::new(),
            any_destination: false,
            examined: None,
            allow_invalid: false,
        }
    }

    /// Uses what was compiled when the component was examined, so that it is not compiled again to be added.
    pub fn examined(mut self, examined: ExaminedProvider) -> Self {
        self.examined = Some(examined.compiled);
        self
    }

    /// The text of a minisign signature of the component.
    pub fn signature(mut self, text: impl Into<String>) -> Self {
        self.signature = Some(text.into());
        self
    }

    /// Refuses the component if its SHA-256 is another, in hexadecimal, with or without `sha256:` before it.
    pub fn digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = Some(digest.into());
        self
    }

    /// Refuses to replace another component than the one with this digest; an empty text stands for none. What somebody approved was
    /// the change from that one.
    pub fn replacing(mut self, digest: impl Into<String>) -> Self {
        self.replaces = Some(digest.into());
        self
    }

    /// Whether it may have a lower version than the component it replaces: an old fault that comes back is an attack as a rule.
    pub fn allow_older(mut self, allowed: bool) -> Self {
        self.allow_older = allowed;
        self
    }
}

impl NewProvider {
    /// Where secrets of instances may go that they do not go to now: [`ExaminedProvider::new_destinations`], which somebody approved. Any
    /// other is refused.
    pub fn destinations(mut self, allowed: impl IntoIterator<Item = impl ToString>) -> Self {
        self.destinations = allowed.into_iter().map(|one| one.to_string()).collect();
        self
    }

    /// Whether it may make instances invalid that are valid now: [`ExaminedProvider::made_invalid`]. They serve nobody until their options are
    /// changed.
    pub fn allow_invalid(mut self, allowed: bool) -> Self {
        self.allow_invalid = allowed;
        self
    }

    /// Whether they may go to wherever the component says: for development.
    pub fn any_destination(mut self, allowed: bool) -> Self {
        self.any_destination = allowed;
        self
    }
}

impl From<&[u8]> for NewProvider {
    fn from(component: &[u8]) -> Self {
        Self::new(component)
    }
}

impl From<Vec<u8>> for NewProvider {
    fn from(component: Vec<u8>) -> Self {
        Self::new(component)
    }
}

impl From<&Vec<u8>> for NewProvider {
    fn from(component: &Vec<u8>) -> Self {
        Self::new(&component[..])
    }
}

impl Administration {
    /// The providers that are loaded.
    pub fn providers(&self) -> Vec<ProviderInfo> {
        self.instances.providers.all()
    }

    /// Components that were added and do not serve in this process, by their types: the component before one of them, if any, goes on until
    /// the process ends.
    pub fn refused_providers(&self) -> Vec<RefusedProvider> {
        self.instances.providers.refused()
    }

    /// Looks at a component as adding it would, signature and digest too, and keeps nothing of it.
    ///
    /// # Errors
    /// Invalid input, saying why, if it cannot be loaded or may not serve here; when the store is not available.
    pub async fn examine_provider(&self, new: impl Into<NewProvider>) -> Result<ExaminedProvider, Error> {
        let new = new.into();
        let providers = &self.instances.providers;
        // Before anything is compiled.
        expected_digest(&new, &hex::encode(Sha256::digest(&new.component)))?;
        let signed_by = providers.signers().judge(&new.component, new.signature.as_deref()).map_err(invalid)?;
        let examined = Arc::new(providers.examine(&new.component).await.map_err(invalid)?);
        let mut info = examined.info().clone();
        info.signed_by = signed_by;
        let new_destinations = self.instances.new_destinations(&examined).await?;
        let made_invalid = self.instances.made_invalid_by(&examined).await?;
        Ok(ExaminedProvider { info, new_destinations, made_invalid, compiled: Compiled(examined) })
    }

    /// Loads a provider and keeps it. It serves all instances of its type from now on, in each process that works on the store as soon
    /// as it looks ([`TwoFactor::refresh_providers`](crate::TwoFactor::refresh_providers)).
    ///
    /// # Errors
    /// Invalid input, saying why, if it cannot be loaded, is not signed as it must be, has another digest or an older version than
    /// allowed, would send secrets of instances to where they do not go now ([`NewProvider::destinations`]) or make instances invalid
    /// ([`NewProvider::allow_invalid`]); [`Error::is_passed_over`] if another component serves than the one it was to replace.
    pub async fn add_provider(&self, new: impl Into<NewProvider>) -> Result<ProviderInfo, Error> {
        let new = new.into();
        let record = ProviderRecord {
            digest: String::new(),
            type_id: String::new(),
            component: new.component.clone(),
            signature: new.signature.clone(),
            // As precise as stores are.
            added_at: Timestamp::from_millisecond(self.clock.now().as_millisecond()).map_err(Error::unavailable)?,
            seal: Vec::new(),
        };
        expected_digest(&new, &hex::encode(Sha256::digest(&new.component)))?;
        let mut new = new;
        let examined = new.examined.take().and_then(|compiled| Arc::into_inner(compiled.0));
        let provider = Arc::new(self.instances.providers.admit(&record, examined).await.map_err(invalid)?);
        let info = provider.info().clone();
        let type_id = info.manifest.type_id.clone();
        let providers = &self.instances.providers;
        let mut record = ProviderRecord { digest: info.digest.clone(), type_id: type_id.clone(), ..record };
        record.seal = providers.seal(&record);

        let changing = providers.changing().await;
        let refused = providers.refresh(&changing).await?;
        let serving = providers.of(&type_id);
        let served = serving.as_ref().map_or("", |provider| &provider.info().digest);
        if new.replaces.as_ref().is_some_and(|expected| expected != served) {
            return Err(Error::passed_over());
        }
        if let Some(serving) = &serving
            && info.manifest.is_older_than(serving.manifest())
            && !new.allow_older
        {
            return Err(Error::invalid(format!(
                "version {} is older than {}, which serves: an older one is taken only where that is allowed by name (`allow_older`)",
                info.manifest.version,
                serving.manifest().version
            )));
        }
        let (top, _) = self.store().top_providers(&type_id).await?;
        // What was compared above is what is replaced, but for one that may not serve.
        let compared = serving.as_ref().filter(|serving| serving.info().added_at.is_some());
        let compared = compared.map(|serving| &*serving.info().digest);
        let is_refused = refused.iter().any(|refused| refused.type_id == type_id);
        if serving.is_some() && !is_refused && top.as_ref().map(|top| &*top.digest) != compared {
            return Err(Error::passed_over());
        }
        let is_there = |top: &ProviderRecord| top.digest == record.digest && top.signature == record.signature;
        if !is_refused && top.as_ref().is_some_and(is_there) {
            return Ok(serving.map_or(info, |serving| serving.info().clone()));
        }
        let mut elsewhere = self.instances.new_destinations(&provider).await?;
        elsewhere.retain(|destination| !new.destinations.contains(&destination.to_string()));
        if !elsewhere.is_empty() && !new.any_destination {
            return Err(Error::invalid(format!(
                "with it secrets of instances would go to where they do not go now ({}): that is taken only where it is allowed by name \
                 (`destinations`)",
                listed(&elsewhere)
            )));
        }
        if !new.allow_invalid {
            self.none_becomes_invalid(&provider).await?;
        }
        self.audit("provider.add", &type_id, &told(&info, serving.as_ref())).await?;
        let replaces = top.as_ref().map(|top| &*top.digest);
        if !self.store().push_provider(record, replaces).await? {
            self.did_not_happen("provider.add", &type_id).await?;
            return Err(Error::passed_over());
        }
        providers.install(provider);
        Ok(info)
    }

    /// Takes the component that serves a type away, and has the one before it serve again: the one it replaced, or the one that comes
    /// with the program. With a digest only if that is the one that is taken away. Unless `allow_invalid`, no valid instance may become invalid.
    ///
    /// # Errors
    /// Not found if none was added; a conflict if there is none before it ([`Self::remove_provider`] takes it away all the same);
    /// invalid input if that one may not serve here any more, or secrets would go to where they do not go now;
    /// [`Error::is_passed_over`] if another one was added since.
    pub async fn roll_back_provider(
        &self,
        type_id: &str,
        digest: Option<&str>,
        allow_invalid: bool,
    ) -> Result<ProviderInfo, Error> {
        let providers = &self.instances.providers;
        let _changing = providers.changing().await;
        let (top, below) = self.store().top_providers(type_id).await?;
        let top = meant(top, digest)?;
        let before = match &below {
            Some(record) => Some(Arc::new(providers.admit_stored(record).await.map_err(invalid)?)),
            None => providers.own(type_id),
        };
        let before = before.ok_or_else(|| {
            Error::conflict(format!("there is no provider of type `{type_id}` before this one: it can be removed only"))
        })?;
        self.nothing_goes_elsewhere(&before).await?;
        if !allow_invalid {
            self.none_becomes_invalid(&before).await?;
        }
        let detail = format!("sha256:{} instead of sha256:{}", before.info().digest, top.digest);
        self.audit("provider.roll_back", type_id, &detail).await?;
        if !self.store().pop_provider(type_id, &top.digest).await? {
            self.did_not_happen("provider.roll_back", type_id).await?;
            return Err(Error::passed_over());
        }
        let info = before.info().clone();
        providers.install(before);
        Ok(info)
    }

    /// Takes all components away that were added for a type. The one that comes with the program serves then, or none. With a digest
    /// only if that is the newest of them. Unless `allow_invalid`, no valid instance may become invalid, if one comes with the program.
    ///
    /// # Errors
    /// Not found if none was added; invalid input if with the one that comes with the program secrets would go to where they do not go
    /// now; [`Error::is_passed_over`] if another one was added since.
    pub async fn remove_provider(&self, type_id: &str, digest: Option<&str>, allow_invalid: bool) -> Result<(), Error> {
        let providers = &self.instances.providers;
        let changing = providers.changing().await;
        let (top, _) = self.store().top_providers(type_id).await?;
        let top = meant(top, digest)?;
        if let Some(own) = providers.own(type_id) {
            self.nothing_goes_elsewhere(&own).await?;
            if !allow_invalid {
                self.none_becomes_invalid(&own).await?;
            }
        }
        self.audit("provider.remove", type_id, &format!("sha256:{}", top.digest)).await?;
        if !self.store().remove_providers(type_id, &top.digest).await? {
            self.did_not_happen("provider.remove", type_id).await?;
            return Err(Error::passed_over());
        }
        providers.refresh(&changing).await?;
        Ok(())
    }

    /// Refuses a component with which valid instances would not be valid, and so serve nobody.
    async fn none_becomes_invalid(&self, provider: &Arc<Provider>) -> Result<(), Error> {
        let affected = self.instances.made_invalid_by(provider).await?;
        match AffectedInstance::sentence(&affected) {
            None => Ok(()),
            Some(named) => Err(Error::invalid(format!(
                "with this component, {} instances that are valid now would be invalid and send nothing ({named}): change their options so that \
                 both components accept them, or allow it explicitly (`allow_invalid`)",
                affected.len()
            ))),
        }
    }

    /// Refuses to take back a component with which secrets would go to where they do not go now: nobody is asked to approve that here.
    async fn nothing_goes_elsewhere(&self, before: &Arc<Provider>) -> Result<(), Error> {
        let elsewhere = self.instances.destinations_back(before).await?;
        if elsewhere.is_empty() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "with the component before, secrets of instances would go to where they do not go now ({}): add that component anew, which asks \
             for an approval",
            listed(&elsewhere)
        )))
    }
}

/// The component that is to be taken away, if it is the one that somebody saw.
fn meant(top: Option<ProviderRecord>, digest: Option<&str>) -> Result<ProviderRecord, Error> {
    let top = top.ok_or_else(|| Error::not_found("provider that was added"))?;
    let meant = digest.map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest));
    if meant.is_some_and(|meant| !meant.eq_ignore_ascii_case(&top.digest)) {
        return Err(Error::passed_over());
    }
    Ok(top)
}

fn invalid(why: crate::provider::LoadError) -> Error {
    Error::invalid(why.to_string())
}

fn expected_digest(new: &NewProvider, digest: &str) -> Result<(), Error> {
    let expected = new.digest.as_deref().map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest));
    if expected.is_some_and(|expected| !expected.eq_ignore_ascii_case(digest)) {
        return Err(Error::invalid(format!("this is not the component that was meant: its digest is sha256:{digest}")));
    }
    Ok(())
}

/// For the audit log.
fn told(info: &ProviderInfo, before: Option<&Arc<Provider>>) -> String {
    let one = |info: &ProviderInfo| format!("{} sha256:{}", info.manifest.version, info.digest);
    let signer = info.signed_by.as_ref().map(|name| format!(", signed by {name}")).unwrap_or_default();
    let before = before.map(|before| format!(" instead of {}", one(before.info()))).unwrap_or_default();
    format!("{}{signer}{before}", one(info))
}

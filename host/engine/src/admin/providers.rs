//! The providers' components: listed, added, and rolled back.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Administration;
use crate::error::Error;
use crate::instance::{AffectedInstance, RefusedProvider, listed};
use crate::store::{ProviderRecord, Update};
use twofactor_sandbox::Destination;
use twofactor_sandbox::{Provider, ProviderInfo};

/// A component to install, and what is expected of it.
#[derive(Clone)]
pub struct NewProvider {
    component: Vec<u8>,
    signature: Option<String>,
    digest: Option<String>,
    replaces: Option<String>,
    allow_downgrade: bool,
    destinations: Vec<String>,
    any_destination: bool,
    allow_invalid: bool,
    /// The component, if it was compiled before.
    examined: Option<Compiled>,
}

/// A component that was compiled for a preview.
#[derive(Clone)]
struct Compiled(Arc<Provider>);

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiled(…)")
    }
}

/// A preview of a component: what it is, and what it would change.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExaminedProvider {
    /// What is known of the component.
    pub info: ProviderInfo,
    /// Where it would send secrets of instances that do not go there now. Checked again when it is
    /// added.
    pub new_destinations: Vec<Destination>,
    /// The valid instances of its type that would become invalid. Checked again when it is added.
    pub made_invalid: Vec<AffectedInstance>,
    compiled: Compiled,
}

impl NewProvider {
    /// Installs these bytes.
    pub fn new(component: impl Into<Vec<u8>>) -> Self {
        Self {
            component: component.into(),
            signature: None,
            digest: None,
            replaces: None,
            allow_downgrade: false,
            destinations: Vec::new(),
            any_destination: false,
            examined: None,
            allow_invalid: false,
        }
    }

    /// Uses the compiled component of a preview, so that it is not compiled twice.
    pub fn examined(mut self, examined: ExaminedProvider) -> Self {
        self.examined = Some(examined.compiled);
        self
    }

    /// Sets the text of a minisign signature of the component.
    pub fn signature(mut self, text: impl Into<String>) -> Self {
        self.signature = Some(text.into());
        self
    }

    /// Refuses the component if its SHA-256 differs, in hexadecimal, with or without the prefix
    /// `sha256:`.
    pub fn digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = Some(digest.into());
        self
    }

    /// Refuses to replace any component but the one with this digest; an empty text stands for
    /// none. So the change is the one that somebody approved.
    pub fn replacing(mut self, digest: impl Into<String>) -> Self {
        self.replaces = Some(digest.into());
        self
    }

    /// Allows a lower version than that of the component it replaces. Downgrades are usually an
    /// attack.
    pub fn allow_downgrade(mut self, allowed: bool) -> Self {
        self.allow_downgrade = allowed;
        self
    }
}

impl NewProvider {
    /// Approves new destinations of secrets: [`ExaminedProvider::new_destinations`]. Any other is
    /// refused.
    pub fn destinations(mut self, allowed: impl IntoIterator<Item = impl ToString>) -> Self {
        self.destinations = allowed.into_iter().map(|one| one.to_string()).collect();
        self
    }

    /// Allows valid instances to become invalid: [`ExaminedProvider::made_invalid`]. They are not
    /// available until their options are changed.
    pub fn allow_invalid(mut self, allowed: bool) -> Self {
        self.allow_invalid = allowed;
        self
    }

    /// Allows any destination that the component names: for development.
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
    /// Returns the loaded providers.
    pub fn providers(&self) -> Vec<ProviderInfo> {
        self.instances.providers.all()
    }

    /// Returns the components that were added and are not in use in this process, by type. The
    /// component before one of them, if any, stays in use until the process ends.
    pub fn refused_providers(&self) -> Vec<RefusedProvider> {
        self.instances.providers.refused()
    }

    /// Previews a component: checks everything that adding it would, including signature and
    /// digest, and stores nothing.
    ///
    /// # Errors
    /// Invalid input, with the reason, if it cannot be loaded or is not allowed here. An error if
    /// the store is not available.
    pub async fn examine_provider(&self, new: impl Into<NewProvider>) -> Result<ExaminedProvider, Error> {
        let new = new.into();
        let providers = &self.instances.providers;
        // Before anything is compiled.
        expected_digest(&new, &hex::encode(Sha256::digest(&new.component)))?;
        let signed_by = providers.signed_by(&new.component, new.signature.as_deref()).map_err(invalid)?;
        let examined = Arc::new(providers.examine(&new.component).await.map_err(invalid)?);
        let mut info = examined.info().clone();
        info.signed_by = signed_by;
        let new_destinations = self.instances.new_destinations(&examined).await?;
        let made_invalid = self.instances.made_invalid_by(&examined).await?;
        Ok(ExaminedProvider { info, new_destinations, made_invalid, compiled: Compiled(examined) })
    }

    /// Loads and stores a provider. From now on it serves all instances of its type, in every
    /// process on the same store as soon as that process refreshes
    /// ([`TwoFactor::refresh_providers`](crate::TwoFactor::refresh_providers)).
    ///
    /// # Errors
    /// Invalid input, with the reason, if it cannot be loaded, lacks a required signature, has
    /// another digest or a lower version than allowed, would send secrets of instances to new
    /// destinations ([`NewProvider::destinations`]) or would make instances invalid
    /// ([`NewProvider::allow_invalid`]). [`Error::is_revision_conflict`] if another component is in use
    /// than the one to be replaced.
    pub async fn add_provider(&self, new: impl Into<NewProvider>) -> Result<ProviderInfo, Error> {
        let new = new.into();
        let record = ProviderRecord {
            digest: String::new(),
            type_id: String::new(),
            component: new.component.clone(),
            signature: new.signature.clone(),
            // With the precision of stores.
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
            return Err(Error::revision_conflict());
        }
        if let Some(serving) = &serving
            && info.manifest.is_older_than(serving.manifest())
            && !new.allow_downgrade
        {
            return Err(Error::invalid(format!(
                "version {} is lower than the current version {}: allow the downgrade with `allow_downgrade`",
                info.manifest.version,
                serving.manifest().version
            )));
        }
        let (top, _) = self.store().top_providers(&type_id).await?;
        // What was compared above is what gets replaced, except for one that is not allowed here.
        let compared = serving.as_ref().filter(|serving| serving.info().added_at.is_some());
        let compared = compared.map(|serving| &*serving.info().digest);
        let is_refused = refused.iter().any(|refused| refused.type_id == type_id);
        if serving.is_some() && !is_refused && top.as_ref().map(|top| &*top.digest) != compared {
            return Err(Error::revision_conflict());
        }
        let is_there = |top: &ProviderRecord| top.digest == record.digest && top.signature == record.signature;
        if !is_refused && top.as_ref().is_some_and(is_there) {
            return Ok(serving.map_or(info, |serving| serving.info().clone()));
        }
        let mut elsewhere = self.instances.new_destinations(&provider).await?;
        elsewhere.retain(|destination| !new.destinations.contains(&destination.to_string()));
        if !elsewhere.is_empty() && !new.any_destination {
            return Err(Error::invalid(format!(
                "this component would send secrets of instances to new destinations ({}): approve each of them (`destinations`)",
                listed(&elsewhere)
            )));
        }
        if !new.allow_invalid {
            self.none_becomes_invalid(&provider).await?;
        }
        let entry = ("provider.add", type_id, described(&info, serving.as_ref()));
        let (store, replaces) = (self.store().clone(), top.map(|top| top.digest));
        let change = async move { store.push_provider(record, replaces.as_deref()).await.map(Update::is_applied) };
        if !self.apply(vec![entry], change).await? {
            return Err(Error::revision_conflict());
        }
        providers.install(provider);
        Ok(info)
    }

    /// Rolls a type back to the previous component: the one that the current component replaced, or
    /// the one that ships with the program. With a digest, only if that is the current one. Unless
    /// `allow_invalid`, no valid instance may become invalid.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if none was added. A conflict if there is no previous one
    /// ([`Self::remove_provider`] removes it anyway). Invalid input if the previous one is not
    /// allowed here, or would send secrets to new destinations. [`Error::is_revision_conflict`] if
    /// another one was added since.
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
            Error::conflict(format!("there is no previous provider of type `{type_id}`; this one can only be removed"))
        })?;
        self.nothing_goes_elsewhere(&before).await?;
        if !allow_invalid {
            self.none_becomes_invalid(&before).await?;
        }
        let detail = format!("sha256:{} instead of sha256:{}", before.info().digest, top.digest);
        let (store, of_type) = (self.store().clone(), type_id.to_owned());
        let change = async move { store.pop_provider(&of_type, &top.digest).await.map(Update::is_applied) };
        if !self.apply(vec![("provider.roll_back", type_id.to_owned(), detail)], change).await? {
            return Err(Error::revision_conflict());
        }
        let info = before.info().clone();
        providers.install(before);
        Ok(info)
    }

    /// Removes all components that were added for a type. The one that ships with the program is
    /// used then, or none. With a digest, only if that is the newest of them. Unless
    /// `allow_invalid`, no valid instance may become invalid, if one ships with the program.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if none was added. Invalid input if the one that ships with the program would send
    /// secrets to new destinations. [`Error::is_revision_conflict`] if another one was added since.
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
        let entry = ("provider.remove", type_id.to_owned(), format!("sha256:{}", top.digest));
        let (store, of_type) = (self.store().clone(), type_id.to_owned());
        let change = async move { store.remove_providers(&of_type, &top.digest).await.map(Update::is_applied) };
        if !self.apply(vec![entry], change).await? {
            return Err(Error::revision_conflict());
        }
        providers.refresh(&changing).await?;
        Ok(())
    }

    /// Refuses a component that would make valid instances invalid, and so unavailable.
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

    /// Refuses a rollback to a component that would send secrets to new destinations: nobody is
    /// asked to approve that here.
    async fn nothing_goes_elsewhere(&self, before: &Arc<Provider>) -> Result<(), Error> {
        let elsewhere = self.instances.destinations_back(before).await?;
        if elsewhere.is_empty() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the previous component would send secrets of instances to new destinations ({}): install that component again to approve them",
            listed(&elsewhere)
        )))
    }
}

/// Returns the component to be removed, if it is the one that was approved.
fn meant(top: Option<ProviderRecord>, digest: Option<&str>) -> Result<ProviderRecord, Error> {
    let top = top.ok_or_else(|| Error::not_found("added provider"))?;
    let meant = digest.map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest));
    if meant.is_some_and(|meant| !meant.eq_ignore_ascii_case(&top.digest)) {
        return Err(Error::revision_conflict());
    }
    Ok(top)
}

fn invalid(why: twofactor_sandbox::LoadError) -> Error {
    Error::invalid(why.to_string())
}

fn expected_digest(new: &NewProvider, digest: &str) -> Result<(), Error> {
    let expected = new.digest.as_deref().map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest));
    if expected.is_some_and(|expected| !expected.eq_ignore_ascii_case(digest)) {
        return Err(Error::invalid(format!("the component does not have the expected digest: it is sha256:{digest}")));
    }
    Ok(())
}

/// Returns the text for the audit log.
fn described(info: &ProviderInfo, before: Option<&Arc<Provider>>) -> String {
    let one = |info: &ProviderInfo| format!("{} sha256:{}", info.manifest.version, info.digest);
    let signer = info.signed_by.as_ref().map(|name| format!(", signed by {name}")).unwrap_or_default();
    let before = before.map(|before| format!(" instead of {}", one(before.info()))).unwrap_or_default();
    format!("{}{signer}{before}", one(info))
}

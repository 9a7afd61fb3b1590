//! The components that serve: shown, added, and taken back.

use std::sync::Arc;

use jiff::Timestamp;

use super::Administration;
use crate::error::Error;
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
}

impl NewProvider {
    /// These bytes.
    pub fn new(component: impl Into<Vec<u8>>) -> Self {
        Self { component: component.into(), signature: None, digest: None, replaces: None, allow_older: false }
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

    /// Looks at a component as adding it would, signature and digest too, and keeps nothing of it.
    ///
    /// # Errors
    /// Invalid input, saying why, if it cannot be loaded or may not serve here.
    pub async fn examine_provider(&self, new: impl Into<NewProvider>) -> Result<ProviderInfo, Error> {
        let new = new.into();
        let providers = &self.instances.providers;
        let signed_by = providers.signers().judge(&new.component, new.signature.as_deref()).map_err(invalid)?;
        let examined = providers.examine(&new.component).await.map_err(invalid)?;
        let mut info = examined.info().clone();
        expected_digest(&new, &info)?;
        info.signed_by = signed_by;
        Ok(info)
    }

    /// Loads a provider and keeps it. It serves all instances of its type from now on, in each process that works on the store as soon
    /// as it looks ([`TwoFactor::refresh_providers`](crate::TwoFactor::refresh_providers)).
    ///
    /// # Errors
    /// Invalid input, saying why, if it cannot be loaded, is not signed as it must be, has another digest or an older version than
    /// allowed; [`Error::is_passed_over`] if another component serves than the one it was to replace.
    pub async fn add_provider(&self, new: impl Into<NewProvider>) -> Result<ProviderInfo, Error> {
        let new = new.into();
        let record = ProviderRecord {
            digest: String::new(),
            type_id: String::new(),
            component: new.component.clone(),
            signature: new.signature.clone(),
            // As precise as stores are.
            added_at: Timestamp::from_millisecond(self.clock.now().as_millisecond()).map_err(Error::unavailable)?,
        };
        let provider = self.instances.providers.admit(&record).await.map_err(invalid)?;
        let info = provider.info().clone();
        expected_digest(&new, &info)?;
        let type_id = info.manifest.type_id.clone();
        let record = ProviderRecord { digest: info.digest.clone(), type_id: type_id.clone(), ..record };

        let providers = &self.instances.providers;
        let changing = providers.changing().await;
        providers.refresh(&changing).await?;
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
        if top.as_ref().is_some_and(|top| top.digest == record.digest && top.signature == record.signature) {
            return Ok(serving.map_or(info, |serving| serving.info().clone()));
        }
        self.audit("provider.add", &type_id, &told(&info, serving.as_ref())).await?;
        let replaces = top.as_ref().map(|top| &*top.digest);
        if !self.store().push_provider(record, replaces).await? {
            self.did_not_happen("provider.add", &type_id).await?;
            return Err(Error::passed_over());
        }
        providers.install(Arc::new(provider));
        Ok(info)
    }

    /// Takes the component that serves a type away, and has the one before it serve again: the one it replaced, or the one that comes
    /// with the program.
    ///
    /// # Errors
    /// Not found if none was added; a conflict if there is none before it ([`Self::remove_provider`] takes it away all the same);
    /// invalid input if that one may not serve here any more.
    pub async fn roll_back_provider(&self, type_id: &str) -> Result<ProviderInfo, Error> {
        let providers = &self.instances.providers;
        let _changing = providers.changing().await;
        let (top, below) = self.store().top_providers(type_id).await?;
        let top = top.ok_or_else(|| Error::not_found("provider that was added"))?;
        let before = match &below {
            Some(record) => Some(Arc::new(providers.admit(record).await.map_err(invalid)?)),
            None => providers.own(type_id),
        };
        let before = before.ok_or_else(|| {
            Error::conflict(format!("there is no provider of type `{type_id}` before this one: it can be removed only"))
        })?;
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

    /// Takes all components away that were added for a type. The one that comes with the program serves then, or none.
    ///
    /// # Errors
    /// Not found if none was added.
    pub async fn remove_provider(&self, type_id: &str) -> Result<(), Error> {
        let providers = &self.instances.providers;
        let changing = providers.changing().await;
        let (top, _) = self.store().top_providers(type_id).await?;
        let mut top = Some(top.ok_or_else(|| Error::not_found("provider that was added"))?);
        self.audit("provider.remove", type_id, "").await?;
        while let Some(record) = top {
            self.store().pop_provider(type_id, &record.digest).await?;
            top = self.store().top_providers(type_id).await?.0;
        }
        providers.refresh(&changing).await?;
        Ok(())
    }
}

fn invalid(why: crate::provider::LoadError) -> Error {
    Error::invalid(why.to_string())
}

fn expected_digest(new: &NewProvider, info: &ProviderInfo) -> Result<(), Error> {
    let expected = new.digest.as_deref().map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest));
    if expected.is_some_and(|expected| !expected.eq_ignore_ascii_case(&info.digest)) {
        return Err(Error::invalid(format!(
            "this is not the component that was meant: its digest is sha256:{}",
            info.digest
        )));
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

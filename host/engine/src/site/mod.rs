//! The site of a subscription: where its people use their factors.
//!
//! A passkey belongs to a relying party id (WebAuthn Level 3 section 4) for as long as it exists, and
//! only pages of listed origins may use it. Both are part of the settings of the sign-in page; by
//! default they are the host and the origin of the server's public URL.

mod origin;
mod rp_id;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use origin::WebOrigin;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
pub use twofactor_sandbox::Site;

pub(crate) use settings::SiteSettings;

use crate::error::Error;
use crate::store::{Part, Store};

/// Finds the site of a subscription.
#[derive(Clone)]
pub(crate) struct Sites {
    store: Arc<dyn Store>,
    /// The origin of the server's public URL, if passkeys can be used there.
    own: Option<WebOrigin>,
    related: Arc<Mutex<Option<Related>>>,
}

/// Related origins by RP ID, and when they were read.
struct Related {
    read_at: Instant,
    origins: BTreeMap<String, BTreeSet<String>>,
}

/// For how long related origins are used once they are read: whoever asks for them is not authenticated.
const RELATED_FOR: Duration = Duration::from_secs(60);

impl Sites {
    /// `public_url` is where people reach the server that belongs to the engine.
    pub(crate) fn new(store: Arc<dyn Store>, public_url: Option<&str>) -> Self {
        Self { store, own: public_url.and_then(WebOrigin::of_url), related: Arc::default() }
    }

    /// Returns the site of a subscription. It has no RP ID if neither the settings nor the server's public URL have one; then
    /// passkeys cannot be used.
    pub(crate) async fn of(&self, subscription: &str) -> Result<Site, Error> {
        let record = self.store.sign_in_page(subscription).await?;
        let page = record.map(|it| Page::read(&it.settings)).transpose()?.unwrap_or_default();
        self.site(subscription, page).await
    }

    /// Returns whether the pages of this server are among those that may use the passkeys of a subscription.
    pub(crate) async fn is_own(&self, subscription: &str) -> Result<bool, Error> {
        let Some(own) = &self.own else { return Ok(false) };
        Ok(self.of(subscription).await?.origins.contains(&own.text))
    }

    /// Returns the site that a subscription has with these settings of its sign-in page.
    pub(crate) async fn with(&self, subscription: &str, settings: &impl Serialize) -> Result<Site, Error> {
        let settings = serde_json::to_value(settings).map_err(Error::unavailable)?;
        self.site(subscription, Page::read(&settings)?).await
    }

    async fn site(&self, subscription: &str, page: Page) -> Result<Site, Error> {
        let name = match page.application_name {
            Some(name) => name,
            None => self.store.subscription(subscription).await?.map(|it| it.name).unwrap_or_default(),
        };
        Ok(page.site.site(name, self.own.as_ref()))
    }

    /// Returns the related origins of all subscriptions with this RP ID (WebAuthn Level 3 section 5.11). A change shows a minute later.
    pub(crate) async fn related_origins(&self, rp_id: &str) -> Result<Vec<String>, Error> {
        let mut related = self.related.lock().await;
        if related.as_ref().is_none_or(|known| known.read_at.elapsed() >= RELATED_FOR) {
            *related = Some(Related { read_at: Instant::now(), origins: self.read_related_origins().await? });
        }
        let origins = related.as_ref().and_then(|known| known.origins.get(rp_id));
        Ok(origins.into_iter().flatten().cloned().collect())
    }

    async fn read_related_origins(&self) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for subscription in self.store.subscriptions(None, Part::whole()).await? {
            let Some(record) = self.store.sign_in_page(&subscription.id).await? else { continue };
            let site = Page::read(&record.settings)?.site;
            if let Some(rp_id) = site.rp_id(self.own.as_ref()) {
                found.entry(rp_id.to_owned()).or_default().extend(site.related_origins.iter().cloned());
            }
        }
        Ok(found)
    }

    /// Returns whether these settings change where factors are used. `before` are those that are stored.
    pub(crate) fn differs(before: Option<&Value>, after: &SiteSettings) -> Result<bool, Error> {
        Ok(before.map(Page::read).transpose()?.unwrap_or_default().site != *after)
    }

    /// Returns whether these settings add related origins to the RP ID of another subscription. They are published for all that share it:
    /// browsers may use its passkeys there, and ignore all but a few.
    pub(crate) async fn relates_origins_to_others(
        &self,
        subscription: &str,
        before: Option<&Value>,
        after: &SiteSettings,
    ) -> Result<bool, Error> {
        let before = before.map(Page::read).transpose()?.unwrap_or_default().site;
        let is_new = |origin| !before.related_origins.contains(origin);
        if before.rp_id == after.rp_id && !after.related_origins.iter().any(is_new) {
            return Ok(false);
        }
        let Some(rp_id) = after.rp_id(self.own.as_ref()).filter(|_| !after.related_origins.is_empty()) else {
            return Ok(false);
        };
        for other in self.store.subscriptions(None, Part::whole()).await? {
            if other.id != subscription && self.of(&other.id).await?.rp_id == rp_id {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns whether these settings change the RP ID of a subscription that has passkeys, which would then stop working. `before` are its
    /// settings as stored.
    pub(crate) async fn ends_passkeys(
        &self,
        subscription: &str,
        before: Option<&Value>,
        after: &SiteSettings,
    ) -> Result<bool, Error> {
        let before = before.map(Page::read).transpose()?.unwrap_or_default().site;
        let own = self.own.as_ref();
        Ok(before.rp_id(own) != after.rp_id(own) && self.store.has_unique_ids(subscription).await?)
    }

    /// Checks settings before they are saved.
    pub(crate) fn check(&self, settings: &SiteSettings) -> Result<(), Error> {
        match settings.problems(self.own.as_ref()) {
            problems if problems.is_empty() => Ok(()),
            problems => Err(Error::invalid_because(problems)),
        }
    }
}

/// The fields of a sign-in page's settings that a site has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    application_name: Option<String>,
    #[serde(flatten)]
    site: SiteSettings,
}

impl Page {
    fn read(settings: &Value) -> Result<Self, Error> {
        Self::deserialize(settings).map_err(Error::unavailable)
    }
}

#[cfg(test)]
mod tests;

//! Exporting a document from an installation.

use std::collections::BTreeMap;

use super::secrets::Owner;
use super::{Document, ExportedSecrets, FORM, InstanceDocument, SubscriptionDocument};
use crate::admin::Administration;
use crate::error::Error;
use crate::store::{Part, Subscription};

impl Administration {
    /// Returns the installation, or one subscription of it, as a document: the same each time while
    /// nothing changes.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription. With sealed secrets, unavailable if a component does not say where its
    /// secrets go.
    pub async fn export(&self, subscription: Option<&str>, secrets: ExportedSecrets) -> Result<Document, Error> {
        let mut document = Document { twofactor: FORM, base_settings: BTreeMap::new(), subscriptions: BTreeMap::new() };
        let subscriptions = match subscription {
            Some(id) => vec![self.subscription(id).await?],
            None => {
                document.base_settings = self.base_settings_as_code(secrets).await?;
                self.subscriptions().await?
            }
        };
        for subscription in subscriptions {
            let id = subscription.id.clone();
            document.subscriptions.insert(id, self.subscription_as_code(subscription, secrets).await?);
        }
        Ok(document)
    }

    async fn base_settings_as_code(
        &self,
        secrets: ExportedSecrets,
    ) -> Result<BTreeMap<String, serde_json::Value>, Error> {
        let mut all = BTreeMap::new();
        for provider in self.providers() {
            let type_id = provider.manifest.type_id;
            let Some(settings) = self.store().base_settings(&type_id).await? else { continue };
            let options = self.instances.open_base_settings(&type_id, &settings.options)?;
            let owner = Owner("base", &type_id);
            let options = self.instances.options_as_code(owner, &type_id, (None, &options), secrets).await?;
            all.insert(type_id, options);
        }
        Ok(all)
    }

    async fn subscription_as_code(
        &self,
        subscription: Subscription,
        secrets: ExportedSecrets,
    ) -> Result<SubscriptionDocument, Error> {
        let id = &subscription.id;
        let page = self.store().sign_in_page(id).await?;
        let page = page.map(|page| serde_json::from_value(page.settings)).transpose().map_err(Error::unavailable)?;
        let mut directory: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for entry in self.store().directory(id, None, "", Part::whole()).await? {
            // One without a name exists because of an assignment, which creates it again.
            if let Some(name) = entry.name {
                directory.entry(entry.target.kind).or_default().insert(entry.target.target, name);
            }
        }
        let mut instances = BTreeMap::new();
        for record in self.store().instances(id, Part::whole()).await? {
            let options = self.instances.open_options(&record)?;
            let (owner, base) = (Owner("instance", &record.id), self.instances.base_options(&record.type_id).await?);
            let layers = (Some(&base), &options);
            let options = self.instances.options_as_code(owner, &record.type_id, layers, secrets).await?;
            let mut assigned: BTreeMap<_, std::collections::BTreeSet<_>> = BTreeMap::new();
            for (target, _) in self.store().assignments(&record.id).await?.targets {
                assigned.entry(target.kind).or_default().insert(target.target);
            }
            let instance = InstanceDocument {
                type_id: record.type_id,
                name: record.name,
                active: record.active,
                options,
                policy: record.policy,
                assigned,
            };
            instances.insert(record.id, instance);
        }
        Ok(SubscriptionDocument { name: subscription.name, sign_in_page: page, directory, instances })
    }
}

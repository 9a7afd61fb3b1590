//! Base service settings: options per type for the whole installation.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Administration, ROUNDS, as_read};
use crate::changes::Changes;
use crate::error::Error;
use crate::instance::AffectedInstance;
use crate::store::{BaseSettingsRecord, Update};
use twofactor_sandbox::FieldError;

/// The base service settings of a type.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct BaseSettings {
    /// The options, with secrets masked.
    pub options: Value,
    /// The number of changes; 0 if there are no settings yet.
    pub revision: u64,
}

/// A preview of base service settings: what they would do if they were saved.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct BaseSettingsCheck {
    /// What is wrong with the settings themselves, without what they leave to instances.
    pub problems: Vec<FieldError>,
    /// The instances that they would make valid or invalid.
    pub instances: Vec<AffectedInstance>,
}

impl BaseSettingsCheck {
    /// Returns whether somebody should confirm before the settings are saved.
    pub fn is_harmful(&self) -> bool {
        !self.problems.is_empty() || self.instances.iter().any(|instance| !instance.valid)
    }
}

impl Administration {
    /// Returns the base service settings of a type, with secrets masked.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is neither a provider nor settings of this type.
    pub async fn base_settings(&self, type_id: &str) -> Result<BaseSettings, Error> {
        let (options, revision) = self.stored_base_settings(type_id).await?;
        Ok(BaseSettings { options: self.instances.masked(type_id, &options), revision })
    }

    /// Replaces the base service settings of a type. A mask keeps the stored secret. With
    /// `expected_revision`, only if nobody changed them since that revision was read.
    ///
    /// # Errors
    /// [`Error::is_not_found`] as for [`Self::base_settings`]. A revision conflict if someone else changed them.
    /// Invalid input if the options are not an object, and if a stored secret, of these settings or
    /// of an instance, would go to a destination it was not entered for. They need not be complete.
    pub async fn set_base_settings(
        &self,
        type_id: &str,
        options: Value,
        expected_revision: Option<u64>,
    ) -> Result<BaseSettings, Error> {
        let _turn = self.audit.turn_of(type_id).await;
        for _ in 0..ROUNDS {
            let (stored, revision) = self.stored_base_settings(type_id).await?;
            as_read(expected_revision, revision)?;
            let (options, kept) = self.instances.read_options(type_id, options.clone(), &stored, "")?;
            self.instances.base_same_destinations(type_id, (&stored, &options, kept), &BTreeMap::new()).await?;
            let detail = Changes::default().options(&self.instances, type_id, "", &stored, &options).text();
            let sealed = self.instances.seal_base_settings(type_id, &options)?;
            let record = BaseSettingsRecord { options: sealed, revision: revision + 1 };
            let (store, of_type) = (self.store().clone(), type_id.to_owned());
            let change = async move { store.set_base_settings(&of_type, record).await.map(Update::is_applied) };
            if self.apply(vec![("base-settings.set", type_id.to_owned(), detail)], change).await? {
                let options = self.instances.masked(type_id, &options);
                return Ok(BaseSettings { options, revision: revision + 1 });
            }
        }
        Err(Error::revision_conflict())
    }

    /// Previews base service settings without saving them. A mask keeps the stored secret.
    ///
    /// # Errors
    /// [`Error::is_not_found`] as for [`Self::base_settings`]. Invalid input if [`Self::set_base_settings`] would
    /// refuse the options.
    pub async fn check_base_settings(&self, type_id: &str, options: Value) -> Result<BaseSettingsCheck, Error> {
        let (stored, _) = self.stored_base_settings(type_id).await?;
        let (options, kept) = self.instances.read_options(type_id, options, &stored, "")?;
        self.instances.base_same_destinations(type_id, (&stored, &options, kept), &BTreeMap::new()).await?;
        let problems = match self.instances.provider(type_id) {
            Some(provider) => provider.broken_rules_of_a_part(&options).await.map_err(Error::unavailable)?,
            None => Vec::new(),
        };
        Ok(BaseSettingsCheck { problems, instances: self.instances.affected_by_base(type_id, &options).await? })
    }

    pub(super) async fn stored_base_settings(&self, type_id: &str) -> Result<(Value, u64), Error> {
        match self.store().base_settings(type_id).await? {
            Some(it) => Ok((self.instances.open_base_settings(type_id, &it.options)?, it.revision)),
            None if self.instances.provider(type_id).is_some() => Ok((Value::Object(Default::default()), 0)),
            None => Err(Error::not_found("type")),
        }
    }
}

//! Base service settings: options per type for the whole installation.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::changes::Changes;
use super::{Administration, ROUNDS, as_read};
use crate::error::Error;
use crate::instance::AffectedInstance;
use crate::provider::Problem;
use crate::store::BaseSettingsRecord;

/// The base service settings of a type.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct BaseSettings {
    /// The options, secrets masked.
    pub options: Value,
    /// Counts changes; 0 if there are no settings yet.
    pub revision: u64,
}

/// What base service settings would do if they were saved.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct BaseSettingsCheck {
    /// What is wrong with the settings themselves. What they leave to instances is not among it.
    pub problems: Vec<Problem>,
    /// The instances that they would make valid or invalid.
    pub instances: Vec<AffectedInstance>,
}

impl BaseSettingsCheck {
    /// Whether somebody should look at it before the settings are saved.
    pub fn is_harmful(&self) -> bool {
        !self.problems.is_empty() || self.instances.iter().any(|instance| !instance.valid)
    }
}

impl Administration {
    /// The base service settings of a type, secrets masked.
    ///
    /// # Errors
    /// Not found if neither a provider nor settings of this type are there.
    pub async fn base_settings(&self, type_id: &str) -> Result<BaseSettings, Error> {
        let (options, revision) = self.stored_base_settings(type_id).await?;
        Ok(BaseSettings { options: self.instances.masked(type_id, &options), revision })
    }

    /// Replaces the base service settings of a type. A mask sent back keeps the secret that stands there. With
    /// `expected_revision` only if nobody else changed them since that was read.
    ///
    /// # Errors
    /// Not found as [`Self::base_settings`]; passed over if somebody else changed them; invalid input if the options are no
    /// object, and if a stored secret, of these settings or of an instance, would go to a destination it was not entered for. They need
    /// not be complete.
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
            self.audit("base-settings.set", type_id, &detail).await?;
            let record = BaseSettingsRecord { options: sealed, revision: revision + 1 };
            if self.store().set_base_settings(type_id, record).await? {
                let options = self.instances.masked(type_id, &options);
                return Ok(BaseSettings { options, revision: revision + 1 });
            }
            self.did_not_happen("base-settings.set", type_id).await?;
        }
        Err(Error::passed_over())
    }

    /// Tells what base service settings would do, and saves nothing. A mask keeps the secret that is stored there.
    ///
    /// # Errors
    /// Not found as [`Self::base_settings`]; invalid input if [`Self::set_base_settings`] would refuse the options.
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

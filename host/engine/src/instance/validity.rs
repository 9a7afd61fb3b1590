//! The instances that a change would make valid or invalid, determined before it is made.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Instances, Layers, Prepared};
use crate::error::Error;
use crate::store::InstanceRecord;
use twofactor_sandbox::{FieldError, Provider};

/// An instance that a change makes valid or invalid.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct AffectedInstance {
    /// Its id.
    pub id: String,
    /// The subscription it belongs to.
    pub subscription: String,
    /// Its name.
    pub name: String,
    /// Whether it is valid after the change; before, it was the opposite.
    pub valid: bool,
    /// Why it is not valid after the change.
    pub problems: Vec<FieldError>,
}

/// Instances that a sentence lists.
const NAMED: usize = 10;

impl AffectedInstance {
    fn new(record: InstanceRecord, after: Prepared) -> Self {
        let InstanceRecord { id, subscription, name, .. } = record;
        Self { id, subscription, name, valid: after.is_valid(), problems: after.problems }
    }

    /// Lists the instances that become invalid, each with its first problem. `None` if there is
    /// none.
    pub(crate) fn sentence(all: &[Self]) -> Option<String> {
        let invalid: Vec<&Self> = all.iter().filter(|instance| !instance.valid).collect();
        let one = |instance: &&Self| {
            let problem = instance.problems.first().map(|problem| format!(": {} {}", problem.pointer, problem.detail));
            format!("`{}` ({}){}", instance.name.escape_debug(), instance.id, problem.unwrap_or_default())
        };
        let mut named: Vec<String> = invalid.iter().take(NAMED).map(one).collect();
        if invalid.len() > NAMED {
            named.push(format!("{} more", invalid.len() - NAMED));
        }
        (!named.is_empty()).then(|| named.join("; "))
    }
}

impl Instances {
    /// Returns the valid instances that would become invalid, and so unavailable, if this component
    /// were used for their type.
    pub(crate) async fn made_invalid_by(&self, provider: &Arc<Provider>) -> Result<Vec<AffectedInstance>, Error> {
        let mut affected = Vec::new();
        for record in self.of_type(&provider.manifest().type_id).await? {
            if !self.prepared(&record).await.is_ok_and(|before| before.is_valid()) {
                continue;
            }
            let after = self.evaluate_with(&record, provider).await?;
            if !after.is_valid() {
                affected.push(AffectedInstance::new(record, after));
            }
        }
        Ok(affected)
    }

    /// Returns the instances of a type that other base service settings would make valid or
    /// invalid.
    pub(crate) async fn affected_by_base(&self, type_id: &str, base: &Value) -> Result<Vec<AffectedInstance>, Error> {
        let provider = self.provider(type_id);
        let mut affected = Vec::new();
        for record in self.of_type(type_id).await? {
            let before = self.prepared(&record).await?;
            let own = self.open_options(&record)?;
            let site = self.site_for(provider.as_deref(), &record.subscription).await?;
            let layers = Layers { base, own: &own, site: site.as_ref() };
            let after = self.evaluate_over(provider.clone(), layers).await?.under(&self.policy(&record));
            if before.is_valid() != after.is_valid() {
                affected.push(AffectedInstance::new(record, after));
            }
        }
        Ok(affected)
    }
}

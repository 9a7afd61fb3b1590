//! Instances: create, change, assign.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Administration, title};
use crate::error::Error;
use crate::instance::{Instances, Prepared};
use crate::provider::Problem;
use crate::random;
use crate::store::{AssignmentKind, AssignmentRecord, InstanceRecord};

/// A TwoFactor instance as an administrator sees it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Instance {
    /// Opaque.
    pub id: String,
    /// Whose it is.
    pub subscription: String,
    /// The type, which names the provider.
    #[serde(rename = "type")]
    pub type_id: String,
    /// For people.
    pub name: String,
    /// Whether sign-ins may use it.
    pub active: bool,
    /// Whether its options, merged over the base service settings, satisfy the provider.
    pub valid: bool,
    /// What is wrong if they do not.
    pub problems: Vec<Problem>,
    /// What it may reach, in words.
    pub connections: Vec<String>,
    /// Its own options, secrets masked.
    pub options: Value,
    /// Its own policy, if it has one.
    pub policy: Option<Value>,
    /// Counts changes.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// An instance to be created. `Debug` does not show its options.
#[derive(Clone)]
pub struct NewInstance {
    /// The type of a loaded provider. It never changes.
    pub type_id: String,
    /// For people.
    pub name: String,
    /// Whether sign-ins may use it.
    pub active: bool,
    /// Its own options. They may be incomplete: the instance is saved, says what is missing, and is not available.
    pub options: Value,
    /// Its own policy, as a JSON object with the fields of [`crate::Policy`] it states.
    pub policy: Option<Value>,
}

impl NewInstance {
    /// An active instance of a type, with its options.
    pub fn new(type_id: impl Into<String>, name: impl Into<String>, options: Value) -> Self {
        Self { type_id: type_id.into(), name: name.into(), active: true, options, policy: None }
    }
}

impl fmt::Debug for NewInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { type_id, name, active, policy, options: _ } = self;
        let mut shown = f.debug_struct("NewInstance");
        shown.field("type_id", type_id).field("name", name).field("active", active).field("policy", policy);
        shown.finish_non_exhaustive()
    }
}

/// A change to an instance: what is `None` stays. `Debug` does not show its options.
#[derive(Clone, Default)]
pub struct InstanceChange {
    /// The new name.
    pub name: Option<String>,
    /// Whether sign-ins may use it.
    pub active: Option<bool>,
    /// All its own options; a mask keeps the secret that stands there.
    pub options: Option<Value>,
    /// Its own policy; `Some(None)` removes it.
    pub policy: Option<Option<Value>>,
}

impl fmt::Debug for InstanceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, active, policy, options: _ } = self;
        let mut shown = f.debug_struct("InstanceChange");
        shown.field("name", name).field("active", active).field("policy", policy).finish_non_exhaustive()
    }
}

/// One thing an instance is assigned to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// What it is.
    pub kind: AssignmentKind,
    /// Its id, as the application names it.
    pub id: String,
}

impl Assignment {
    /// An assignment to a tenant.
    pub fn tenant(id: impl Into<String>) -> Self {
        Self { kind: AssignmentKind::Tenant, id: id.into() }
    }
}

impl Administration {
    /// Adds an instance to a subscription. It serves nobody until it is assigned.
    ///
    /// # Errors
    /// Not found for an unknown subscription; invalid input for an unknown type, a name that is no line, options that are no
    /// object, or a policy out of bounds.
    pub async fn create_instance(&self, subscription: &str, new: NewInstance) -> Result<Instance, Error> {
        if self.store().subscription(subscription).await?.is_none() {
            return Err(Error::not_found("subscription"));
        }
        title(&new.name)?;
        self.check_policy(new.policy.as_ref())?;
        let (options, _) = self.instances.read_options(&new.type_id, new.options, &Value::Null)?;
        let id = random::id()?;
        let now = self.clock.now();
        let record = InstanceRecord {
            options: self.instances.seal_options(&id, &options)?,
            id,
            subscription: subscription.to_owned(),
            type_id: new.type_id,
            name: new.name,
            active: new.active,
            policy: new.policy,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        self.audit("instance.create", &record.id, &record.type_id).await?;
        self.store().insert_instance(record.clone()).await?;
        self.view(&record).await
    }

    /// A subscription's instances.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn instances(&self, subscription: &str) -> Result<Vec<Instance>, Error> {
        let mut views = Vec::new();
        for record in self.store().instances(subscription).await? {
            views.push(self.view(&record).await?);
        }
        Ok(views)
    }

    /// One instance.
    ///
    /// # Errors
    /// Not found, for another subscription's instance too.
    pub async fn instance(&self, subscription: &str, id: &str) -> Result<Instance, Error> {
        let record = self.record(subscription, id).await?;
        self.view(&record).await
    }

    /// Changes an instance; with `expected_revision` only if nobody else did since that was read.
    ///
    /// # Errors
    /// A conflict if somebody else changed it; invalid input as for a new one, and if a stored secret would go to a destination
    /// it was not entered for: then it must be entered again.
    pub async fn update_instance(
        &self,
        subscription: &str,
        id: &str,
        change: InstanceChange,
        expected_revision: Option<u64>,
    ) -> Result<Instance, Error> {
        let passed_over = || Error::conflict("the instance was changed by somebody else: read it again");
        let mut record = self.record(subscription, id).await?;
        let revision = record.revision;
        if expected_revision.is_some_and(|expected| expected != revision) {
            return Err(passed_over());
        }
        if let Some(name) = change.name {
            title(&name)?;
            record.name = name;
        }
        if let Some(policy) = change.policy {
            self.check_policy(policy.as_ref())?;
            record.policy = policy;
        }
        if let Some(options) = change.options {
            let stored = self.instances.open_options(&record)?;
            let (options, kept) = self.instances.read_options(&record.type_id, options, &stored)?;
            if kept {
                self.instances.same_destinations(&record.type_id, &stored, &options).await?;
            }
            record.options = self.instances.seal_options(&record.id, &options)?;
        }
        record.active = change.active.unwrap_or(record.active);
        record.revision = revision + 1;
        record.updated_at = self.clock.now();
        self.audit("instance.update", id, &record.type_id).await?;
        if !self.store().update_instance(record.clone(), revision).await? {
            return Err(passed_over());
        }
        self.view(&record).await
    }

    /// Removes an instance and its assignments. Challenges under way on it are refused from now on.
    ///
    /// # Errors
    /// Not found.
    pub async fn delete_instance(&self, subscription: &str, id: &str) -> Result<(), Error> {
        self.record(subscription, id).await?;
        self.audit("instance.delete", id, "").await?;
        if self.store().delete_instance(id).await? { Ok(()) } else { Err(Error::not_found("instance")) }
    }

    /// What an instance is assigned to.
    ///
    /// # Errors
    /// Not found.
    pub async fn assignments(&self, subscription: &str, id: &str) -> Result<Vec<Assignment>, Error> {
        self.record(subscription, id).await?;
        let records = self.store().assignments(id).await?;
        Ok(records.into_iter().map(|record| Assignment { kind: record.kind, id: record.target }).collect())
    }

    /// Replaces what an instance is assigned to.
    ///
    /// # Errors
    /// Not found; invalid input if an id is empty or longer than 256 characters, or there are more than 10 000.
    pub async fn set_assignments(
        &self,
        subscription: &str,
        id: &str,
        assignments: Vec<Assignment>,
    ) -> Result<Vec<Assignment>, Error> {
        self.record(subscription, id).await?;
        if assignments.len() > 10_000 {
            return Err(Error::invalid("an instance takes at most 10000 assignments"));
        }
        if assignments.iter().any(|one| one.id.is_empty() || one.id.chars().count() > 256) {
            return Err(Error::invalid("the `id` of an assignment must have 1 to 256 characters"));
        }
        let assignments: BTreeSet<Assignment> = assignments.into_iter().collect();
        let records =
            assignments.iter().map(|one| AssignmentRecord { kind: one.kind, target: one.id.clone() }).collect();
        self.audit("instance.assign", id, &format!("{} assignments", assignments.len())).await?;
        self.store().set_assignments(id, records).await?;
        Ok(assignments.into_iter().collect())
    }

    pub(super) async fn record(&self, subscription: &str, id: &str) -> Result<InstanceRecord, Error> {
        let record = self.store().instance(id).await?;
        record.filter(|record| record.subscription == subscription).ok_or_else(|| Error::not_found("instance"))
    }

    fn check_policy(&self, policy: Option<&Value>) -> Result<(), Error> {
        match policy {
            Some(policy) => self
                .instances
                .default_policy()
                .overridden_by(policy)
                .map(|_| ())
                .map_err(|why| Error::invalid(why.to_string())),
            None => Ok(()),
        }
    }

    async fn view(&self, record: &InstanceRecord) -> Result<Instance, Error> {
        let prepared = self.instances.prepared(record).await?;
        let options = self.instances.open_options(record)?;
        Ok(Instance {
            id: record.id.clone(),
            subscription: record.subscription.clone(),
            type_id: record.type_id.clone(),
            name: record.name.clone(),
            active: record.active,
            valid: prepared.is_valid(),
            problems: prepared.problems.clone(),
            connections: prepared.connections(),
            options: self.instances.masked(&record.type_id, &options),
            policy: record.policy.clone(),
            revision: record.revision,
            created_at: record.created_at,
            updated_at: record.updated_at,
        })
    }
}

impl Instances {
    /// Refuses new options that would send a stored secret to somewhere else than it was entered for.
    pub(crate) async fn same_destinations(&self, type_id: &str, stored: &Value, options: &Value) -> Result<(), Error> {
        let before: Prepared = self.judge_options(type_id, stored).await?;
        let after = self.judge_options(type_id, options).await?;
        // Options that are not valid reach nowhere. The step from there to a destination is judged here as well, since
        // nothing is then known of what the secret was entered for.
        if after.is_valid() && before.destinations() != after.destinations() {
            return Err(Error::invalid(
                "this change sends a stored secret to another destination: enter the secret again instead of its mask",
            ));
        }
        Ok(())
    }
}

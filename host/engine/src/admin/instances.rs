//! Instances: create, change, delete.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::page::{PAGE_BYTES, page, part};
use super::{Administration, Page, ROUNDS, as_read};
use crate::changes::Changes;
use crate::display_name;
use crate::error::Error;
use crate::instance::Layers;
use crate::instance::PolicyWarning;
use crate::random;
use crate::store::{InstanceInserted, InstanceRecord, Part, Update};
use twofactor_sandbox::FieldError;
use twofactor_sandbox::GrantedConnection;

/// How many instances a subscription can have. Each process keeps in memory what it knows of them.
pub const MAX_INSTANCES: u32 = 1000;

/// How many instances are read at a time for a page.
const READ_AT_ONCE: u32 = 128;

/// A TwoFactor instance as an administrator sees it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Instance {
    /// The opaque id.
    pub id: String,
    /// The subscription that owns it.
    pub subscription: String,
    /// The type, which names the provider.
    #[serde(rename = "type")]
    pub type_id: String,
    /// The display name.
    pub name: String,
    /// Whether sign-ins may use it.
    pub active: bool,
    /// Whether its options, merged over the base service settings, satisfy the provider.
    pub valid: bool,
    /// What is wrong if they do not.
    pub problems: Vec<FieldError>,
    /// The allowed connections.
    pub connections: Vec<GrantedConnection>,
    /// Its own options, with secrets masked.
    pub options: Value,
    /// Its own policy, if it has one.
    pub policy: Option<Value>,
    /// What should be reconsidered in the policy in force: its own over the installation's.
    pub policy_warnings: Vec<PolicyWarning>,
    /// The number of changes.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A request to create an instance. `Debug` does not show its options.
#[derive(Clone)]
pub struct NewInstance {
    /// The type of a loaded provider. It never changes.
    pub type_id: String,
    /// The display name.
    pub name: String,
    /// Whether sign-ins may use it.
    pub active: bool,
    /// Its own options. They may be incomplete: the instance is saved, reports what is missing, and
    /// is not available.
    pub options: Value,
    /// Its own policy, as a JSON object with the fields of [`crate::instance::Policy`] that it sets.
    pub policy: Option<Value>,
}

impl NewInstance {
    /// Returns a request to create an active instance of a type, with its options.
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

/// A change to an instance: fields that are `None` stay as they are. `Debug` does not show its
/// options.
#[derive(Clone, Default)]
pub struct InstanceChange {
    /// The new name.
    pub name: Option<String>,
    /// Whether sign-ins may use it.
    pub active: Option<bool>,
    /// All its own options; a mask keeps the stored secret.
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

impl Administration {
    /// Creates an instance in a subscription. It is not available until it is assigned.
    ///
    /// # Errors
    /// [`Error::is_not_found`] for an unknown subscription. Invalid input for an unknown type, a name that is not
    /// a single line, options that are not an object, or a policy out of bounds. A conflict if the subscription has
    /// [`MAX_INSTANCES`] already.
    pub async fn create_instance(&self, subscription: &str, new: NewInstance) -> Result<Instance, Error> {
        self.known(subscription).await?;
        display_name::check_field(&new.name)?;
        self.check_policy(new.policy.as_ref())?;
        let (options, _) = self.instances.read_options(&new.type_id, new.options, &Value::Null, "/options")?;
        let id = random::id()?;
        let now = self.clock.now();
        let base = &self.instances.base_options(&new.type_id).await?;
        let sent_to = self.instances.destinations_of(&new.type_id, Layers { base, own: &options, site: None }).await;
        let record = InstanceRecord {
            options: self.instances.seal_options(&id, &options, sent_to)?,
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
        let detail = self.instance_changes(None, Some((&record, &options))).text();
        self.audit("instance.create", &record.id, &detail).await?;
        match self.store().insert_instance(record.clone(), MAX_INSTANCES).await? {
            InstanceInserted::Inserted => self.view(&record).await,
            InstanceInserted::TooMany => {
                let detail = "not applied: the subscription has the maximum number of instances";
                self.audit("instance.create", &record.id, detail).await?;
                Err(Error::conflict(format!(
                    "a subscription can have at most {MAX_INSTANCES} instances; delete one that is not used"
                )))
            }
        }
    }

    /// Returns a subscription's instances, oldest first.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription.
    pub async fn instances(&self, subscription: &str) -> Result<Vec<Instance>, Error> {
        self.known(subscription).await?;
        let found = self.store().instances(subscription, Part::whole()).await?;
        self.views(&found).await
    }

    /// Returns a page of a subscription's instances, oldest first: `limit` of them, or fewer if their options are long.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription. Invalid input if `after` is not the `next` of a
    /// previous page.
    pub async fn instances_page(
        &self,
        subscription: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Instance>, Error> {
        self.known(subscription).await?;
        let key = |record: &InstanceRecord| (record.created_at, record.id.clone());
        let Part { mut after, limit: wanted } = part::<(Timestamp, String)>(after, limit)?;
        let at_once = wanted.min(READ_AT_ONCE);
        let (mut found, mut fits, mut bytes) = (Vec::new(), 0_u32, 0);
        loop {
            let read = self.store().instances(subscription, Part { after, limit: at_once }).await?;
            let is_end = read.len() < at_once as usize;
            after = read.last().map(key);
            for record in read {
                if found.len() == fits as usize && fits < limit && bytes < PAGE_BYTES {
                    bytes += size(&record);
                    fits += 1;
                }
                found.push(record);
            }
            // One that does not fit shows that there is a next page.
            if is_end || found.len() > fits as usize {
                break;
            }
        }
        let Page { items, next } = page(found, fits, key);
        Ok(Page { items: self.views(&items).await?, next })
    }

    /// Returns an instance.
    ///
    /// # Errors
    /// [`Error::is_not_found`], also for instances of other subscriptions.
    pub async fn instance(&self, subscription: &str, id: &str) -> Result<Instance, Error> {
        let record = self.record(subscription, id).await?;
        self.view(&record).await
    }

    /// Changes an instance. With `expected_revision`, only if nobody changed it since that revision
    /// was read.
    ///
    /// # Errors
    /// [`Error::is_forbidden`] if it protects logins to accounts and the actor may not change that.
    /// A revision conflict if someone else changed it. Invalid input as for a new one, and if a
    /// stored secret would go to a destination it was not entered for: then it must be entered
    /// again.
    pub async fn update_instance(
        &self,
        subscription: &str,
        id: &str,
        change: InstanceChange,
        expected_revision: Option<u64>,
    ) -> Result<Instance, Error> {
        if let Some(name) = &change.name {
            display_name::check_field(name)?;
        }
        self.check_policy(change.policy.as_ref().and_then(Option::as_ref))?;
        let turn = self.audit.turn_of(id).await;
        for _ in 0..ROUNDS {
            let before = self.record(subscription, id).await?;
            self.check_guard(subscription, id, &[]).await?;
            as_read(expected_revision, before.revision)?;
            let stored = self.instances.open_options(&before)?;
            let (after, options) = self.changed(&before, &stored, change.clone()).await?;
            let detail = self.instance_changes(Some((&before, &stored)), Some((&after, &options))).text();
            let (store, changed, revision) = (self.store().clone(), after.clone(), before.revision);
            let change = async move { store.update_instance(changed, revision).await.map(Update::is_applied) };
            if self.apply(vec![("instance.update", id.to_owned(), detail)], change).await? {
                drop(turn);
                return self.view(&after).await;
            }
        }
        Err(Error::revision_conflict())
    }

    /// Returns the record with a change applied, and its options.
    async fn changed(
        &self,
        before: &InstanceRecord,
        stored: &Value,
        change: InstanceChange,
    ) -> Result<(InstanceRecord, Value), Error> {
        let mut record = before.clone();
        let mut now = stored.clone();
        if let Some(options) = change.options {
            let (options, kept) = self.instances.read_options(&record.type_id, options, stored, "/options")?;
            let base = &self.instances.base_options(&record.type_id).await?;
            let (then, after) = (Layers { base, own: stored, site: None }, Layers { base, own: &options, site: None });
            let sent_to = if kept {
                let sent_to = self.instances.sent_to(before)?;
                self.instances.kept_destinations(&record.type_id, then, after, sent_to).await?.0
            } else {
                self.instances.destinations_of(&record.type_id, after).await
            };
            record.options = self.instances.seal_options(&record.id, &options, sent_to)?;
            now = options;
        }
        record.name = change.name.unwrap_or(record.name);
        record.policy = change.policy.unwrap_or(record.policy);
        record.active = change.active.unwrap_or(record.active);
        record.revision += 1;
        record.updated_at = self.clock.now();
        Ok((record, now))
    }

    /// Deletes an instance and its assignments, and ends the factors that users hold of it. With `expected_revision`, only if nobody changed it
    /// since that revision was read. Its open challenges are refused from now on.
    ///
    /// # Errors
    /// [`Error::is_not_found`]; a revision conflict; [`Error::is_forbidden`] as for [`Self::update_instance`].
    pub async fn delete_instance(
        &self,
        subscription: &str,
        id: &str,
        expected_revision: Option<u64>,
    ) -> Result<(), Error> {
        let _turn = self.audit.turn_of(id).await;
        for _ in 0..ROUNDS {
            let before = self.record(subscription, id).await?;
            self.check_guard(subscription, id, &[]).await?;
            as_read(expected_revision, before.revision)?;
            let stored = self.instances.open_options(&before)?;
            let detail = self.instance_changes(Some((&before, &stored)), None).text();
            let (store, deleted) = (self.store().clone(), id.to_owned());
            let (revision, now) = (before.revision, self.clock.now());
            let change = async move { store.delete_instance(&deleted, revision, now).await.map(Update::is_applied) };
            if self.apply(vec![("instance.delete", id.to_owned(), detail)], change).await? {
                self.instances.forget(id);
                return Ok(());
            }
        }
        Err(Error::revision_conflict())
    }

    /// Returns the differences between two states of an instance, each with its options.
    pub(super) fn instance_changes(
        &self,
        before: Option<(&InstanceRecord, &Value)>,
        after: Option<(&InstanceRecord, &Value)>,
    ) -> Changes {
        let nothing = Value::Object(Default::default());
        let options = |side: Option<(_, &Value)>| side.map_or(nothing.clone(), |(_, options)| options.clone());
        let (old, new) = (before.map(|it| it.0), after.map(|it| it.0));
        let type_id = new.or(old).map_or("", |record| &record.type_id);
        let mut changes = Changes::default()
            .options(&self.instances, type_id, "/options", &options(before), &options(after))
            .field("/subscription", old.map(|it| &it.subscription), new.map(|it| &it.subscription))
            .field("/type", old.map(|it| &it.type_id), new.map(|it| &it.type_id))
            .field("/name", old.map(|it| &it.name), new.map(|it| &it.name))
            .field("/active", old.map(|it| it.active), new.map(|it| it.active));
        let policy = |side: Option<&InstanceRecord>| {
            side.and_then(|it| it.policy.as_ref()).and_then(Value::as_object).cloned().unwrap_or_default()
        };
        let (old, new) = (policy(old), policy(new));
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            changes = changes.field(&format!("/policy/{name}"), old.get(name), new.get(name));
        }
        changes
    }

    pub(super) async fn record(&self, subscription: &str, id: &str) -> Result<InstanceRecord, Error> {
        let record = self.store().instance(id).await?;
        record.filter(|record| record.subscription == subscription).ok_or_else(|| Error::not_found("instance"))
    }

    pub(super) fn check_policy(&self, policy: Option<&Value>) -> Result<(), Error> {
        let Some(policy) = policy else { return Ok(()) };
        let wrong = |why: crate::instance::PolicyError| Error::invalid_because(why.under("/policy"));
        self.instances.default_policy().overridden_by(policy).map(|_| ()).map_err(wrong)
    }

    async fn views(&self, records: &[InstanceRecord]) -> Result<Vec<Instance>, Error> {
        let mut views = Vec::with_capacity(records.len());
        for record in records {
            views.push(self.view(record).await?);
        }
        Ok(views)
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
            policy_warnings: self.instances.policy(record).warnings(),
            revision: record.revision,
            created_at: record.created_at,
            updated_at: record.updated_at,
        })
    }
}

/// Returns about how many bytes an instance has on a page.
fn size(record: &InstanceRecord) -> usize {
    let policy = record.policy.as_ref().map_or(0, |policy| policy.to_string().len());
    record.options.as_str().map_or(0, str::len) + policy
}

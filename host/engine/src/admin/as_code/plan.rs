//! The plan of an import: what a document would change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::secrets::Owner;
use super::step::{Planned, Resolve, Sign, Step};
use super::{InstanceDocument, SubscriptionDocument};
use crate::admin::assignments::{differences, too_many};
use crate::admin::sign_in_page::page_changes;
use crate::admin::subscriptions::FORMER;
use crate::admin::target::place;
use crate::admin::{Administration, CHOSEN_ID, MANY, MAX_INSTANCES, is_chosen_id};
use crate::changes::Changes;
use crate::display_name;
use crate::error::Error;
use crate::instance::{AffectedInstance, Changed, Layers, Policy, SealedFor};
use crate::sign_in::SignInPage;
use crate::store::{
    AssignmentKind, AssignmentRecord, AssignmentsRecord, BaseSettingsRecord, ConfigurationChange, DirectoryRecord,
    InstanceRecord, Part, SignInPageRecord, Subscription,
};
use twofactor_sandbox::readable::{self, Unreadable};
use twofactor_sandbox::{FieldError, Site, escape};

const NOT_LOADED: &str = "is not the type of a loaded provider; add the provider first";

/// The changes of a document, determined piece by piece.
pub(super) struct Plan<'a> {
    administration: &'a Administration,
    resolve: Resolve<'a>,
    steps: Vec<Step>,
    problems: Vec<FieldError>,
    /// The base settings of the document, by type.
    base: BTreeMap<String, ChangedBase>,
    /// The instances of the document that depend on changed base settings, and those that it
    /// deletes.
    together: BTreeMap<String, Option<Changed>>,
}

/// Base settings of the document.
struct ChangedBase {
    before: Value,
    after: Value,
    /// Whether a mask keeps one of the stored secrets.
    kept: bool,
    /// What the sealed secrets were sealed for.
    sealed: BTreeSet<SealedFor>,
}

/// Options of the document.
struct Wanted {
    options: Value,
    /// Whether a mask keeps one of the stored secrets.
    kept: bool,
    /// What the sealed secrets were sealed for.
    sealed: BTreeSet<SealedFor>,
}

/// An instance of the document, and the pointer to it.
#[derive(Clone, Copy)]
struct Named<'a> {
    subscription: &'a str,
    /// The settings of the sign-in page in the document.
    page: Option<&'a SignInPage>,
    id: &'a str,
    at: &'a str,
}

impl<'a> Plan<'a> {
    pub(super) fn new(administration: &'a Administration, resolve: Resolve<'a>) -> Self {
        let (steps, problems, base, together) = Default::default();
        Self { administration, resolve, steps, problems, base, together }
    }

    /// Returns the steps, in order, or everything that is wrong.
    pub(super) async fn finish(mut self) -> Result<Vec<Step>, Error> {
        self.check_guards().await?;
        // Together with the document's instances: destinations depend on both.
        for (type_id, ChangedBase { before, after, kept, sealed }) in std::mem::take(&mut self.base) {
            let instances = &self.administration.instances;
            let same = instances.base_same_destinations(&type_id, (&before, &after, kept), &self.together).await;
            let at = format!("/base_settings/{}", escape(&type_id));
            self.sound(&at, same)?;
            if before == after {
                continue;
            }
            if !sealed.is_empty() {
                let checked = instances.check_base_sealed(&type_id, &after, &sealed, &self.together).await;
                self.sound(&at, checked)?;
            }
            let mut affected = instances.affected_by_base(&type_id, &after).await?;
            // Those that the document changes as well are checked with their own changes, and those
            // that it deletes need not be valid.
            let has_step = |id: &str| {
                let is_of =
                    |step: &Step| step.audited == id && matches!(step.action, "instance.update" | "instance.delete");
                self.steps.iter().any(is_of)
            };
            affected.retain(|instance| !has_step(&instance.id));
            let named = AffectedInstance::sentence(&affected);
            if let Some(step) = self.steps.iter_mut().find(|step| step.planned.subject == at) {
                step.planned.makes_invalid = named;
            }
        }
        if self.problems.is_empty() { Ok(self.steps) } else { Err(Error::invalid_because(self.problems)) }
    }
}

impl Plan<'_> {
    /// Refuses steps that change what guards the logins of administrators, as each change by itself
    /// would be refused.
    async fn check_guards(&self) -> Result<(), Error> {
        let mut added = BTreeMap::new();
        for step in &self.steps {
            let (id, wanted) = match &step.change {
                ConfigurationChange::InsertInstance(record) => {
                    added.insert(&record.id, &record.subscription);
                    continue;
                }
                ConfigurationChange::UpdateInstance(record, _) => (&record.id, &[][..]),
                ConfigurationChange::DeleteInstance(id, ..) => (id, &[][..]),
                ConfigurationChange::SetAssignments(id, targets, _) => (id, &targets[..]),
                _ => continue,
            };
            let subscription = match added.get(id) {
                Some(subscription) => Some((*subscription).clone()),
                None => self.administration.store().instance(id).await?.map(|record| record.subscription),
            };
            if let Some(subscription) = subscription {
                self.administration.check_guard(&subscription, id, wanted).await?;
            }
        }
        Ok(())
    }
}

impl Plan<'_> {
    fn wrong(&mut self, at: impl Into<String>, detail: impl Into<String>) {
        self.problems.push(FieldError::new(at.into(), detail.into()));
    }

    /// Returns the result, or none if the document is at fault: then the next problem is looked for
    /// as well.
    fn sound<T>(&mut self, at: &str, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(it) => Ok(Some(it)),
            Err(error) if error.is_invalid_input() => {
                if error.field_errors().is_empty() {
                    self.wrong(at, error.to_string());
                }
                self.problems.extend(error.field_errors().iter().cloned());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn step(
        &mut self,
        sign: Sign,
        subject: String,
        fields: String,
        (action, audited): (&'static str, &str),
        change: ConfigurationChange,
    ) {
        let planned =
            Planned { sign, subject, fields, problems: Vec::new(), makes_invalid: None, ends_passkeys: false };
        self.steps.push(Step { planned, action, audited: audited.to_owned(), change });
    }

    /// Returns the options that are meant, also where secrets are kept or sealed. None if they
    /// cannot be determined.
    async fn options(
        &mut self,
        owner: Owner<'_>,
        type_id: &str,
        written: &Value,
        stored: &Value,
        at: &str,
    ) -> Result<Option<Wanted>, Error> {
        let instances = &self.administration.instances;
        let read = instances.options_from_code(owner, type_id, written.clone(), at, self.resolve);
        let Some((options, sealed)) = self.sound(at, read)? else { return Ok(None) };
        let read = instances.read_options(type_id, options, stored, at);
        let Some((options, kept)) = self.sound(at, read)? else { return Ok(None) };
        Ok(Some(Wanted { options, kept, sealed }))
    }

    pub(super) async fn base_settings(&mut self, type_id: &str, written: &Value) -> Result<(), Error> {
        let at = format!("/base_settings/{}", escape(type_id));
        let administration = self.administration;
        if administration.instances.provider(type_id).is_none() {
            self.wrong(at, NOT_LOADED);
            return Ok(());
        }
        let (stored, revision) = administration.stored_base_settings(type_id).await?;
        let wanted = self.options(Owner("base", type_id), type_id, written, &stored, &at).await?;
        let Some(Wanted { options, kept, sealed }) = wanted else { return Ok(()) };
        let changed = ChangedBase { before: stored.clone(), after: options.clone(), kept, sealed };
        self.base.insert(type_id.to_owned(), changed);
        if revision > 0 && options == stored {
            return Ok(());
        }
        let fields = Changes::default().options(&administration.instances, type_id, "", &stored, &options).text();
        let sealed = administration.instances.seal_base_settings(type_id, &options)?;
        let record = BaseSettingsRecord { options: sealed, revision: revision + 1 };
        let sign = if revision == 0 { Sign::Create } else { Sign::Change };
        let change = ConfigurationChange::SetBaseSettings(type_id.to_owned(), record);
        self.step(sign, at, fields, ("base-settings.set", type_id), change);
        Ok(())
    }

    pub(super) async fn subscription(
        &mut self,
        id: &str,
        wanted: &SubscriptionDocument,
        prune: bool,
    ) -> Result<(), Error> {
        let at = format!("/subscriptions/{}", escape(id));
        if !is_chosen_id(id) {
            self.wrong(at, format!("must have an id of {CHOSEN_ID}"));
            return Ok(());
        }
        if let Err(why) = display_name::check(&wanted.name) {
            self.wrong(format!("{at}/name"), why.to_string());
        }
        let store = self.administration.store();
        let now = self.administration.clock.now();
        let name = wanted.name.clone();
        match store.subscription(id).await? {
            None if self.administration.is_former(id).await? => self.wrong(at.clone(), FORMER),
            None => {
                let fields = Changes::default().field("/name", None::<()>, Some(&name)).text();
                let new = Subscription { id: id.to_owned(), name, revision: 1, created_at: now };
                let change = ConfigurationChange::CreateSubscription(new);
                self.step(Sign::Create, at.clone(), fields, ("subscription.create", id), change);
            }
            Some(before) if before.name != name => {
                let fields = Changes::default().field("/name", Some(&before.name), Some(&name)).text();
                let revision = before.revision;
                let after = Subscription { name, revision: revision + 1, ..before };
                let change = ConfigurationChange::UpdateSubscription(after, revision);
                self.step(Sign::Change, at.clone(), fields, ("subscription.change", id), change);
            }
            Some(_) => {}
        }
        let stored = store.instances(id, Part::whole()).await?;
        let kept = stored.iter().map(|record| &record.id).filter(|_| !prune);
        let count = wanted.instances.keys().chain(kept).collect::<BTreeSet<_>>().len();
        if count > stored.len().max(MAX_INSTANCES as usize) {
            let detail = format!("exceeds the {MAX_INSTANCES} instances that a subscription can have");
            self.wrong(format!("{at}/instances"), detail);
            return Ok(());
        }
        if let Some(page) = &wanted.sign_in_page {
            self.sign_in_page(id, page, &format!("{at}/sign_in_page")).await?;
        }
        self.directory(id, wanted, &format!("{at}/directory")).await?;
        let wanted_page = wanted.sign_in_page.as_ref();
        for (instance, wanted) in &wanted.instances {
            let at = &*format!("{at}/instances/{}", escape(instance));
            let named = Named { subscription: id, page: wanted_page, id: instance, at };
            self.instance(named, wanted).await?;
        }
        if prune {
            for record in stored {
                if !wanted.instances.contains_key(&record.id) {
                    let stored = self.administration.instances.open_options(&record)?;
                    let fields = self.administration.instance_changes(Some((&record, &stored)), None).text();
                    let subject = format!("{at}/instances/{}", escape(&record.id));
                    self.together.insert(record.id.clone(), None);
                    let change = ConfigurationChange::DeleteInstance(
                        record.id.clone(),
                        record.revision,
                        self.administration.clock.now(),
                    );
                    self.step(Sign::Remove, subject, fields, ("instance.delete", &record.id), change);
                }
            }
        }
        Ok(())
    }

    async fn sign_in_page(&mut self, id: &str, wanted: &SignInPage, at: &str) -> Result<(), Error> {
        if self.sound(at, wanted.check(&self.administration.instances.sites))?.is_none() {
            return Ok(());
        }
        let before = self.administration.store().sign_in_page(id).await?;
        let (old, revision) = before.map_or((None, 0), |it| (Some(it.settings), it.revision));
        let new = serde_json::to_value(wanted).map_err(Error::unavailable)?;
        if old.as_ref() == Some(&new) {
            return Ok(());
        }
        let sites = &self.administration.instances.sites;
        let ends_passkeys = sites.ends_passkeys(id, old.as_ref(), &wanted.site()).await?;
        let fields = page_changes(old.as_ref(), &new);
        let record = SignInPageRecord { subscription: id.to_owned(), settings: new, revision: revision + 1 };
        let sign = if revision == 0 { Sign::Create } else { Sign::Change };
        let change = ConfigurationChange::SetSignInPage(record, revision);
        self.step(sign, at.to_owned(), fields.text(), ("sign-in-page.set", id), change);
        if let Some(step) = self.steps.last_mut() {
            step.planned.ends_passkeys = ends_passkeys;
        }
        Ok(())
    }

    async fn directory(&mut self, id: &str, wanted: &SubscriptionDocument, at: &str) -> Result<(), Error> {
        let mut names = BTreeMap::new();
        for (kind, entries) in &wanted.directory {
            for (target, name) in entries {
                let (target, why) = one_spelling(*kind, target);
                if let Some(why) = why.or_else(|| display_name::check(name).err()) {
                    self.wrong(format!("{at}{}", place(&target)), why.to_string());
                }
                names.insert(target, name);
            }
        }
        let known = self.administration.store().directory_entries(id, names.keys().cloned().collect()).await?;
        let known: BTreeMap<_, _> = known.into_iter().map(|it| (it.target.clone(), it)).collect();
        let (mut fields, mut entries) = (Changes::default(), Vec::new());
        for (target, name) in names {
            let before = known.get(&target);
            let old = before.and_then(|it| it.name.as_ref());
            if old == Some(name) {
                continue;
            }
            fields = fields.field(&place(&target), old, Some(name));
            let revision = before.map_or(1, |it| it.revision + 1);
            entries.push(DirectoryRecord { target, name: Some(name.clone()), revision });
        }
        if !entries.is_empty() {
            let sign = if known.is_empty() { Sign::Create } else { Sign::Change };
            let change = ConfigurationChange::PutDirectory(id.to_owned(), entries);
            self.step(sign, at.to_owned(), fields.text(), ("directory.put", id), change);
        }
        Ok(())
    }

    async fn instance(&mut self, named: Named<'_>, wanted: &InstanceDocument) -> Result<(), Error> {
        let Named { subscription, id, at, .. } = named;
        let administration = self.administration;
        if !is_chosen_id(id) {
            self.wrong(at, format!("must have an id of {CHOSEN_ID}"));
            return Ok(());
        }
        if let Err(why) = display_name::check(&wanted.name) {
            self.wrong(format!("{at}/name"), why.to_string());
        }
        if let Some(policy) = &wanted.policy
            && let Err(why) = administration.instances.default_policy().overridden_by(policy)
        {
            self.problems.extend(why.under(&format!("{at}/policy")));
        }
        if administration.instances.provider(&wanted.type_id).is_none() {
            self.wrong(format!("{at}/type"), NOT_LOADED);
            return Ok(());
        }
        let before = administration.store().instance(id).await?;
        match &before {
            Some(before) if before.subscription != subscription => {
                self.wrong(at, "is the id of an instance in another subscription; choose another id");
                return Ok(());
            }
            Some(before) if before.type_id != wanted.type_id => {
                self.wrong(format!("{at}/type"), "cannot be changed; use another id for an instance of another type");
                return Ok(());
            }
            _ => {}
        }
        let stored = match &before {
            Some(before) => administration.instances.open_options(before)?,
            None => Value::Object(Default::default()),
        };
        let owner = Owner("instance", id);
        let read = self.options(owner, &wanted.type_id, &wanted.options, &stored, &format!("{at}/options")).await?;
        let Some(read) = read else { return Ok(()) };
        self.same_destinations(named, &wanted.type_id, before.is_some().then_some(&stored), &read).await?;
        let base = &self.base_after(&wanted.type_id).await?;
        let own = Layers { base, own: &read.options, site: None };
        let sent_to = administration.instances.destinations_of(&wanted.type_id, own).await;
        // Where a stored secret was sent is not forgotten because the options are invalid now.
        let is_stored = read.kept || before.is_some() && stored == read.options;
        let is_new = !is_stored && read.sealed.is_empty();
        let sent_to = match (sent_to.filter(|sent_to| is_new || !sent_to.is_empty()), &before) {
            (None, Some(before)) if is_stored => administration.instances.sent_to(before)?,
            (sent_to, _) => sent_to,
        };
        self.record(named, wanted, before.as_ref().map(|it| (it, &stored)), (&read.options, sent_to)).await?;
        self.assignments(id, wanted, at, before.is_some()).await
    }

    /// Checks that no stored or sealed secret of an instance goes elsewhere. If the document changes
    /// the base settings too, that is checked at the end for stored ones.
    async fn same_destinations(
        &mut self,
        named: Named<'_>,
        type_id: &str,
        stored: Option<&Value>,
        Wanted { options, kept, sealed }: &Wanted,
    ) -> Result<(), Error> {
        let instances = &self.administration.instances;
        // A sealed secret that is the stored one is given to nothing new by the instance itself, only by other base settings.
        let is_same = stored == Some(options);
        let base_changes = self.base.get(type_id).is_some_and(|base| base.before != base.after);
        if (!is_same || base_changes) && !sealed.is_empty() {
            let base = &self.base_after(type_id).await?;
            let checked =
                instances.check_sealed(type_id, Layers { base, own: options, site: None }, sealed, is_same).await;
            self.sound(&format!("{}/options", named.at), checked)?;
        }
        let kept = *kept || is_same && !sealed.is_empty();
        if base_changes {
            let (type_id, before, after) = (type_id.to_owned(), stored.cloned(), options.clone());
            self.together.insert(named.id.to_owned(), Some(Changed { type_id, before, after, kept }));
        } else if let Some(stored) = stored.filter(|stored| kept && *stored != options) {
            let base = &instances.base_options(type_id).await?;
            let (before, after) = (Layers { base, own: stored, site: None }, Layers { base, own: options, site: None });
            let same = instances.same_destinations(type_id, before, after).await;
            self.sound(&format!("{}/options", named.at), same)?;
        }
        Ok(())
    }

    /// Returns the instance, before with its current options.
    async fn record(
        &mut self,
        Named { subscription, page, id, at }: Named<'_>,
        wanted: &InstanceDocument,
        stored: Option<(&InstanceRecord, &Value)>,
        (options, sent_to): (&Value, Option<Vec<String>>),
    ) -> Result<(), Error> {
        let before = stored.map(|(record, _)| record);
        let administration = self.administration;
        let now = administration.clock.now();
        let new = InstanceRecord {
            id: id.to_owned(),
            subscription: subscription.to_owned(),
            type_id: wanted.type_id.clone(),
            name: wanted.name.clone(),
            active: wanted.active,
            options: administration.instances.seal_options(id, options, sent_to)?,
            policy: wanted.policy.clone(),
            revision: before.map_or(0, |it| it.revision) + 1,
            created_at: before.map_or(now, |it| it.created_at),
            updated_at: now,
        };
        let alike = |(old, stored): (&InstanceRecord, &Value)| {
            old.name == new.name && old.active == new.active && old.policy == new.policy && stored == options
        };
        if stored.is_some_and(alike) {
            return Ok(());
        }
        let fields = administration.instance_changes(stored, Some((&new, options))).text();
        let policy = administration.instances.policy(&new);
        match before {
            None => {
                let change = ConfigurationChange::InsertInstance(new);
                self.step(Sign::Create, at.to_owned(), fields, ("instance.create", id), change);
            }
            Some(old) => {
                let change = ConfigurationChange::UpdateInstance(new, old.revision);
                self.step(Sign::Change, at.to_owned(), fields, ("instance.update", id), change);
            }
        }
        let site = match page {
            Some(page) => administration.instances.sites.with(subscription, page).await?,
            None => administration.instances.sites.of(subscription).await?,
        };
        let problems = self.problems_of(&wanted.type_id, options, &site, &policy).await?;
        let is_broken = match before {
            Some(before) if !problems.is_empty() => administration.instances.prepared(before).await?.is_valid(),
            _ => false,
        };
        if let Some(step) = self.steps.last_mut() {
            step.planned.makes_invalid = is_broken.then(|| format!("`{}` ({id})", wanted.name.escape_debug()));
            step.planned.problems = problems;
        }
        Ok(())
    }

    /// Returns the base service settings of a type after the import.
    async fn base_after(&self, type_id: &str) -> Result<Value, Error> {
        match self.base.get(type_id) {
            Some(base) => Ok(base.after.clone()),
            None => self.administration.instances.base_options(type_id).await,
        }
    }

    /// Returns what will be wrong with options over the base settings of the document, on this site and under this policy.
    async fn problems_of(
        &self,
        type_id: &str,
        own: &Value,
        site: &Site,
        policy: &Policy,
    ) -> Result<Vec<FieldError>, Error> {
        let administration = self.administration;
        let base = self.base_after(type_id).await?;
        let provider = administration.instances.provider(type_id);
        let layers = Layers { base: &base, own, site: Some(site) };
        Ok(administration.instances.evaluate_over(provider, layers).await?.under(policy).problems)
    }

    async fn assignments(
        &mut self,
        id: &str,
        wanted: &InstanceDocument,
        at: &str,
        is_there: bool,
    ) -> Result<(), Error> {
        let mut targets = BTreeSet::new();
        for (kind, ids) in &wanted.assigned {
            for target in ids {
                let (target, why) = one_spelling(*kind, target);
                if let Some(why) = why {
                    self.wrong(format!("{at}/assigned{}", place(&target)), why.to_string());
                }
                targets.insert(target);
            }
        }
        if targets.len() > MANY {
            self.wrong(format!("{at}/assigned"), too_many());
            return Ok(());
        }
        let before =
            if is_there { self.administration.store().assignments(id).await? } else { AssignmentsRecord::default() };
        if before.targets.iter().map(|(target, _)| target).eq(targets.iter()) {
            return Ok(());
        }
        let targets: Vec<AssignmentRecord> = targets.into_iter().collect();
        let fields = differences(&before, &targets).text();
        let sign = if before.targets.is_empty() { Sign::Create } else { Sign::Change };
        let change = ConfigurationChange::SetAssignments(id.to_owned(), targets, before.revision);
        self.step(sign, format!("{at}/assigned"), fields, ("instance.assign", id), change);
        Ok(())
    }
}

/// Returns a target in its canonical form, or as it is with the reason why it has none.
fn one_spelling(kind: AssignmentKind, id: &str) -> (AssignmentRecord, Option<Unreadable>) {
    match readable::identifier(id) {
        Ok(target) => (AssignmentRecord { kind, target }, None),
        Err(why) => (AssignmentRecord { kind, target: id.to_owned() }, Some(why)),
    }
}

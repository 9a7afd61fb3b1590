//! A subscription's directory: the targets of assignments, with display names.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{page, part};
use super::target::place;
use super::{Administration, Assignment, MANY, Page, ROUNDS, as_read};
use crate::changes::Changes;
use crate::display_name;
use crate::error::Error;
use crate::store::{AssignmentKind, AssignmentRecord, DirectoryRecord, Removal, Update};
use twofactor_sandbox::{FieldError, readable};

/// An entry of the directory: a target that instances can be assigned to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectoryEntry {
    /// The kind.
    pub kind: AssignmentKind,
    /// Its id, as the application names it.
    pub id: String,
    /// The display name. None for an entry that an assignment created.
    pub name: Option<String>,
    /// The number of changes.
    pub revision: u64,
}

impl From<DirectoryRecord> for DirectoryEntry {
    fn from(record: DirectoryRecord) -> Self {
        let DirectoryRecord { target, name, revision } = record;
        Self { kind: target.kind, id: target.target, name, revision }
    }
}

/// A display name for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTarget {
    /// The target.
    pub target: Assignment,
    /// The display name.
    pub name: String,
}

/// A filter of directory entries.
#[derive(Debug, Clone, Default)]
pub struct DirectoryFilter {
    /// Only this kind.
    pub kind: Option<AssignmentKind>,
    /// Only with this text in id or name, ignoring case. Empty for all.
    pub search: String,
}

/// The result of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectoryChanges {
    /// How many entries were added.
    pub created: u64,
    /// How many were renamed.
    pub changed: u64,
    /// How many existed unchanged.
    pub unchanged: u64,
}

impl Administration {
    /// Returns a page of a subscription's directory, by kind and id.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription. Invalid input if `after` is not the `next` of a
    /// previous page.
    pub async fn directory(
        &self,
        subscription: &str,
        filter: &DirectoryFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<DirectoryEntry>, Error> {
        self.known(subscription).await?;
        let part = part::<(AssignmentKind, String)>(after, limit)?;
        let after = part.after.map(|(kind, target)| AssignmentRecord { kind, target });
        let part = crate::store::Part { after, limit: part.limit };
        let found = self.store().directory(subscription, filter.kind, &filter.search, part).await?;
        let Page { items, next } = page(found, limit, |last| (last.target.kind, last.target.target.clone()));
        Ok(Page { items: items.into_iter().map(DirectoryEntry::from).collect(), next })
    }

    /// Returns an entry, with id and name of each instance assigned to it.
    ///
    /// # Errors
    /// [`Error::is_not_found`].
    pub async fn directory_entry(
        &self,
        subscription: &str,
        target: &Assignment,
    ) -> Result<(DirectoryEntry, Vec<(String, String)>), Error> {
        let target = record(target);
        let found = self.store().directory_entries(subscription, vec![target.clone()]).await?;
        let entry = found.into_iter().next().ok_or_else(|| Error::not_found("entry"))?;
        let assigned = self.store().instances_assigned(subscription, target).await?;
        Ok((entry.into(), assigned.into_iter().map(|it| (it.id, it.name)).collect()))
    }

    /// Adds entries to a subscription's directory and renames existing ones: all of them, or none.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription. Invalid input if there are more than 10,000, one
    /// occurs twice, an id does not have 1 to 256 characters or a name is not a single line of 1 to
    /// 100.
    pub async fn import_directory(
        &self,
        subscription: &str,
        entries: Vec<NamedTarget>,
    ) -> Result<DirectoryChanges, Error> {
        self.known(subscription).await?;
        check(&entries)?;
        let _turn = self.audit.turn_of(subscription).await;
        for _ in 0..ROUNDS {
            if let Some(done) = self.put_directory(subscription, &entries, None).await? {
                return Ok(done);
            }
        }
        Err(Error::revision_conflict())
    }

    /// Adds or renames an entry. With `expected_revision`, only if nobody changed it since that
    /// revision was read (0: if it does not exist).
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription; a revision conflict; invalid input as for an
    /// import.
    pub async fn name_target(
        &self,
        subscription: &str,
        entry: NamedTarget,
        expected_revision: Option<u64>,
    ) -> Result<DirectoryEntry, Error> {
        self.known(subscription).await?;
        readable::identifier(&entry.target.id).map_err(|why| Error::invalid_at("/id", why.to_string()))?;
        display_name::check_field(&entry.name)?;
        let _turn = self.audit.turn_of(subscription).await;
        let target = entry.target.clone();
        for _ in 0..ROUNDS {
            if self.put_directory(subscription, std::slice::from_ref(&entry), expected_revision).await?.is_some() {
                return Ok(self.directory_entry(subscription, &target).await?.0);
            }
        }
        Err(Error::revision_conflict())
    }

    /// Returns none if somebody else's change came in between.
    async fn put_directory(
        &self,
        subscription: &str,
        entries: &[NamedTarget],
        expected: Option<u64>,
    ) -> Result<Option<DirectoryChanges>, Error> {
        let targets = entries.iter().map(|entry| record(&entry.target)).collect();
        let known = self.store().directory_entries(subscription, targets).await?.into_iter();
        let known: BTreeMap<AssignmentRecord, DirectoryRecord> = known.map(|it| (it.target.clone(), it)).collect();
        let mut done = DirectoryChanges::default();
        let mut changes = Changes::default();
        let mut new = Vec::new();
        for entry in entries {
            let target = record(&entry.target);
            let before = known.get(&target);
            as_read(expected, before.map_or(0, |it| it.revision))?;
            let old_name = before.and_then(|it| it.name.as_ref());
            match before {
                Some(_) if old_name == Some(&entry.name) => {
                    done.unchanged += 1;
                    continue;
                }
                Some(_) => done.changed += 1,
                None => done.created += 1,
            }
            changes = changes.field(&place(&target), old_name, Some(&entry.name));
            let revision = before.map_or(1, |it| it.revision + 1);
            new.push(DirectoryRecord { target, name: Some(entry.name.clone()), revision });
        }
        if new.is_empty() {
            return Ok(Some(done));
        }
        let (store, whose) = (self.store().clone(), subscription.to_owned());
        let change = async move { store.put_directory(&whose, new).await.map(Update::is_applied) };
        let is_applied = self.apply(vec![("directory.put", subscription.to_owned(), changes.text())], change).await?;
        Ok(is_applied.then_some(done))
    }

    /// Deletes an entry. With `expected_revision`, only if nobody changed it since that revision
    /// was read.
    ///
    /// # Errors
    /// [`Error::is_not_found`]; a revision conflict; a conflict, naming them, while instances are assigned to it.
    pub async fn delete_directory_entry(
        &self,
        subscription: &str,
        target: &Assignment,
        expected_revision: Option<u64>,
    ) -> Result<(), Error> {
        let _turn = self.audit.turn_of(subscription).await;
        for _ in 0..ROUNDS {
            let (before, assigned) = self.directory_entry(subscription, target).await?;
            as_read(expected_revision, before.revision)?;
            if !assigned.is_empty() {
                return Err(in_use(&assigned));
            }
            let target = record(target);
            let name = before.name.unwrap_or_default();
            let detail = Changes::default().field(&place(&target), Some(name), None::<()>).text();
            let (store, whose, revision) = (self.store().clone(), subscription.to_owned(), before.revision);
            let change = async move {
                let removal = store.delete_directory_entry(&whose, target, revision).await;
                removal.map(|removal| removal == Removal::Removed)
            };
            if self.apply(vec![("directory.delete", subscription.to_owned(), detail)], change).await? {
                return Ok(());
            }
        }
        Err(Error::revision_conflict())
    }
}

fn in_use(assigned: &[(String, String)]) -> Error {
    let names: Vec<String> = assigned.iter().take(5).map(|(id, name)| format!("`{name}` ({id})")).collect();
    let more = match assigned.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Error::conflict(format!("assigned to it: {}{more}", names.join(", ")))
}

fn record(target: &Assignment) -> AssignmentRecord {
    // One without a canonical form is known to nobody.
    let id = readable::identifier(&target.id).unwrap_or_else(|_| target.id.clone());
    AssignmentRecord { kind: target.kind, target: id }
}

fn check(entries: &[NamedTarget]) -> Result<(), Error> {
    if entries.len() > MANY {
        return Err(Error::invalid_at("", format!("an import can have at most {MANY} entries")));
    }
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        if let Err(why) = readable::identifier(&entry.target.id) {
            wrong.push(FieldError::new(format!("/{n}/id"), why.to_string()));
        }
        if let Err(why) = display_name::check(&entry.name) {
            wrong.push(FieldError::new(format!("/{n}/name"), why.to_string()));
        }
        if !seen.insert(record(&entry.target)) {
            wrong.push(FieldError::new(format!("/{n}"), "stands twice"));
        }
        if wrong.len() >= 32 {
            break;
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::invalid_because(wrong)) }
}

//! Assignments of instances.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::target::place;
use super::{Administration, MANY, ROUNDS, as_read};
use crate::changes::Changes;
use crate::error::Error;
use crate::store::{AssignmentKind, AssignmentRecord, AssignmentsRecord, Update};
use twofactor_sandbox::{FieldError, readable};

/// An assignment of an instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The kind.
    pub kind: AssignmentKind,
    /// Its id, as the application names it.
    pub id: String,
}

impl Assignment {
    /// Returns an assignment to a tenant.
    pub fn tenant(id: impl Into<String>) -> Self {
        Self { kind: AssignmentKind::Tenant, id: id.into() }
    }
}

/// An assignment of an instance, as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Assigned {
    /// The kind.
    pub kind: AssignmentKind,
    /// Its id, as the application names it.
    pub id: String,
    /// Its name in the subscription's directory, if it has one there.
    pub name: Option<String>,
}

/// The assignments of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Assignments {
    /// Sorted by kind and id.
    pub assigned: Vec<Assigned>,
    /// The number of replacements.
    pub revision: u64,
}

impl From<AssignmentsRecord> for Assignments {
    fn from(record: AssignmentsRecord) -> Self {
        let targets = record.targets.into_iter();
        let assigned = targets.map(|(it, name)| Assigned { kind: it.kind, id: it.target, name });
        Self { assigned: assigned.collect(), revision: record.revision }
    }
}

impl Administration {
    /// Returns the assignments of an instance.
    ///
    /// # Errors
    /// [`Error::is_not_found`].
    pub async fn assignments(&self, subscription: &str, id: &str) -> Result<Assignments, Error> {
        self.record(subscription, id).await?;
        Ok(self.store().assignments(id).await?.into())
    }

    /// Replaces the assignments of an instance. Targets that are missing in the subscription's
    /// directory are added to it.
    ///
    /// # Errors
    /// [`Error::is_not_found`]. [`Error::is_forbidden`] if the instance protects logins to accounts, or would,
    /// and the actor may not change that. Invalid input if an id is empty or longer than 256
    /// characters, or there are more than 10,000.
    pub async fn set_assignments(
        &self,
        subscription: &str,
        id: &str,
        assignments: Vec<Assignment>,
    ) -> Result<Assignments, Error> {
        self.replace_assignments(subscription, id, assignments, None).await
    }

    /// As [`Self::set_assignments`]. With `expected_revision`, only if nobody replaced them since
    /// that revision was read.
    ///
    /// # Errors
    /// As for [`Self::set_assignments`]; a revision conflict if someone else replaced them.
    pub async fn replace_assignments(
        &self,
        subscription: &str,
        id: &str,
        assignments: Vec<Assignment>,
        expected_revision: Option<u64>,
    ) -> Result<Assignments, Error> {
        self.record(subscription, id).await?;
        if assignments.len() > MANY {
            return Err(Error::invalid_at("", too_many()));
        }
        let (mut wanted, mut wrong) = (BTreeSet::new(), Vec::new());
        for (n, one) in assignments.into_iter().enumerate() {
            match readable::identifier(&one.id) {
                Ok(target) => drop(wanted.insert(AssignmentRecord { kind: one.kind, target })),
                Err(why) => wrong.push(FieldError::new(format!("/{n}/id"), why.to_string())),
            }
        }
        if !wrong.is_empty() {
            wrong.truncate(32);
            return Err(Error::invalid_because(wrong));
        }
        let wanted: Vec<AssignmentRecord> = wanted.into_iter().collect();
        let _turn = self.audit.turn_of(id).await;
        for _ in 0..ROUNDS {
            self.check_guard(subscription, id, &wanted).await?;
            let before = self.store().assignments(id).await?;
            as_read(expected_revision, before.revision)?;
            let detail = differences(&before, &wanted).text();
            let (store, instance) = (self.store().clone(), id.to_owned());
            let (targets, revision) = (wanted.clone(), before.revision);
            let change =
                async move { store.set_assignments(&instance, targets, revision).await.map(Update::is_applied) };
            if self.apply(vec![("instance.assign", id.to_owned(), detail)], change).await? {
                return self.assignments(subscription, id).await;
            }
            self.record(subscription, id).await?;
        }
        Err(Error::revision_conflict())
    }
}

pub(super) fn too_many() -> String {
    format!("an instance can have at most {MANY} assignments")
}

/// Returns whether each target was and is assigned, where that differs.
pub(super) fn differences(before: &AssignmentsRecord, after: &[AssignmentRecord]) -> Changes {
    let mut targets: BTreeMap<&AssignmentRecord, (bool, bool)> = BTreeMap::new();
    for (target, _) in &before.targets {
        targets.entry(target).or_default().0 = true;
    }
    for target in after {
        targets.entry(target).or_default().1 = true;
    }
    targets
        .into_iter()
        .fold(Changes::default(), |changes, (target, (was, is))| changes.field(&place(target), Some(was), Some(is)))
}

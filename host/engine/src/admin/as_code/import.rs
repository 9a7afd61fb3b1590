//! Importing a document: everything is validated first, then applied in one step of the store.

use std::fmt;

use super::plan::Plan;
use super::{Document, FORM, Reference};
use crate::administration::Administration;
use crate::error::{Error, FieldError};
use crate::store::ConfigurationChange;
use twofactor_sandbox::Problem;

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It is created.
    Create,
    /// It is changed.
    Change,
    /// It is deleted.
    Remove,
}

/// A change. `Display` is a line for people; it contains no secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Planned {
    /// The kind.
    pub sign: Sign,
    /// The target: a pointer into the document.
    pub subject: String,
    /// The fields before and after, as in the audit log: JSON.
    pub fields: String,
    /// Why an instance will not be valid, if it will not.
    pub problems: Vec<Problem>,
    /// The instances that are valid and will not be, as text; including those that a change of base
    /// service settings makes invalid.
    pub makes_invalid: Option<String>,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.sign {
            Sign::Create => '+',
            Sign::Change => '~',
            Sign::Remove => '-',
        };
        write!(f, "{sign} {} {}", self.subject, self.fields)?;
        for problem in &self.problems {
            write!(f, "\n    not valid: {} {}", problem.option, problem.message)?;
        }
        if let Some(instances) = &self.makes_invalid {
            write!(f, "\n    makes invalid what is valid now: {instances}")?;
        }
        Ok(())
    }
}

/// A step of an import: its description, its entry in the audit log, and the operation of the
/// store.
pub(super) struct Step {
    pub(super) planned: Planned,
    pub(super) action: &'static str,
    pub(super) audited: String,
    pub(super) change: ConfigurationChange,
}

/// Reads the text of a referenced secret.
pub(super) type Resolve<'a> = &'a (dyn Fn(&Reference) -> Result<String, String> + Send + Sync);

impl Administration {
    /// Returns what an import would change, in order; nothing if everything is already so. With
    /// `prune`, the instances of its subscriptions that the document does not contain are deleted.
    /// `resolve` reads the texts of referenced secrets.
    ///
    /// # Errors
    /// Invalid input for a document that cannot be imported, each problem with its pointer into the
    /// document.
    pub async fn plan_import(
        &self,
        document: &Document,
        prune: bool,
        resolve: Resolve<'_>,
    ) -> Result<Vec<Planned>, Error> {
        Ok(self.steps(document, prune, resolve).await?.into_iter().map(|step| step.planned).collect())
    }

    /// Imports a document: all of it, or none. Returns the changes. Unless `allow_invalid`, no
    /// valid instance may become invalid.
    ///
    /// # Errors
    /// As for [`Self::plan_import`]. Invalid input if valid instances would become invalid. A
    /// revision conflict if somebody else changed part of it.
    pub async fn import(
        &self,
        document: &Document,
        (prune, allow_invalid): (bool, bool),
        resolve: Resolve<'_>,
    ) -> Result<Vec<Planned>, Error> {
        let steps = self.steps(document, prune, resolve).await?;
        let made_invalid = steps.iter().filter_map(|step| {
            let named = step.planned.makes_invalid.as_ref()?;
            let detail = format!("makes instances invalid that are valid now: {named}");
            Some(FieldError::new(step.planned.subject.clone(), detail))
        });
        let made_invalid: Vec<FieldError> = made_invalid.collect();
        if !allow_invalid && !made_invalid.is_empty() {
            return Err(Error::invalid_because(made_invalid));
        }
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        for step in &steps {
            self.audit(step.action, &step.audited, &step.planned.fields).await?;
        }
        let changes = steps.iter().map(|step| step.change.clone()).collect();
        if !self.store().apply_changes(changes).await?.is_applied() {
            for step in &steps {
                self.did_not_happen(step.action, &step.audited).await?;
            }
            return Err(Error::revision_conflict());
        }
        Ok(steps.into_iter().map(|step| step.planned).collect())
    }

    async fn steps(&self, document: &Document, prune: bool, resolve: Resolve<'_>) -> Result<Vec<Step>, Error> {
        if document.twofactor != FORM {
            return Err(Error::invalid_at(
                "/twofactor",
                format!("must be {FORM}: another form of document is not known"),
            ));
        }
        let mut plan = Plan::new(self, resolve);
        for (type_id, options) in &document.base_settings {
            plan.base_settings(type_id, options).await?;
        }
        for (id, subscription) in &document.subscriptions {
            plan.subscription(id, subscription, prune).await?;
        }
        plan.finish().await
    }
}

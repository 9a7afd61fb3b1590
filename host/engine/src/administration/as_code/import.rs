//! Bringing a document into an installation: everything is judged first, then all of it is changed in one step of the store.

use std::fmt;

use super::plan::Plan;
use super::{Document, FORM, Reference};
use crate::administration::Administration;
use crate::error::{Error, InputProblem};
use crate::provider::Problem;
use crate::store::ConfigurationChange;

/// What happens to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It is new.
    Create,
    /// It becomes another.
    Change,
    /// It goes.
    Remove,
}

/// One thing that changes. `Display` is a line for people; no secret stands in it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Planned {
    /// What happens to it.
    pub sign: Sign,
    /// What it is: a pointer into the document.
    pub subject: String,
    /// The fields before and after, as the audit log has them: JSON.
    pub fields: String,
    /// Why an instance will not be valid, if it will not.
    pub problems: Vec<Problem>,
    /// The instances that are valid now and will not be, in words; also those that a change of base service settings makes invalid.
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

/// What is to be done: what people see of it, its line of the audit log, and what the store does.
pub(super) struct Step {
    pub(super) planned: Planned,
    pub(super) action: &'static str,
    pub(super) audited: String,
    pub(super) change: ConfigurationChange,
}

/// How secrets that are referred to are had.
pub(super) type Resolve<'a> = &'a (dyn Fn(&Reference) -> Result<String, String> + Send + Sync);

impl Administration {
    /// What bringing in a document would change, in order; nothing if everything is so already. With `prune` the instances of
    /// its subscriptions that it does not name go. `resolve` has the texts of secrets that are referred to.
    ///
    /// # Errors
    /// Invalid input for a document that cannot be brought in, each problem with its pointer into the document.
    pub async fn plan_import(
        &self,
        document: &Document,
        prune: bool,
        resolve: Resolve<'_>,
    ) -> Result<Vec<Planned>, Error> {
        Ok(self.steps(document, prune, resolve).await?.into_iter().map(|step| step.planned).collect())
    }

    /// Brings in a document: all of it, or none. Answers what it changed. Unless `allow_invalid`, no instance that is valid may become invalid.
    ///
    /// # Errors
    /// As [`Self::plan_import`]; invalid input if valid instances would become invalid; passed over if somebody else changed something of it.
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
            Some(InputProblem::new(step.planned.subject.clone(), detail))
        });
        let made_invalid: Vec<InputProblem> = made_invalid.collect();
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
        if !self.store().change_together(changes).await? {
            for step in &steps {
                self.did_not_happen(step.action, &step.audited).await?;
            }
            return Err(Error::passed_over());
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

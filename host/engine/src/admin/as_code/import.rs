//! Importing a document: everything is validated first, then applied in one step of the store.

use super::plan::Plan;
use super::step::{Planned, Resolve, Step};
use super::{Document, FORM};
use crate::admin::{Administration, MAX_INSTANCES};
use crate::error::Error;
use crate::store::Update;
use twofactor_sandbox::FieldError;

impl Administration {
    /// Returns the changes that an import would make, in order; none if everything is already as in
    /// the document. With `prune`, the instances of its subscriptions that the document does not
    /// contain are deleted. `resolve` reads the texts of referenced secrets.
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
    /// valid instance may become invalid, and no passkey may stop working.
    ///
    /// # Errors
    /// As for [`Self::plan_import`]. Invalid input if valid instances would become invalid, or passkeys stop working. A
    /// revision conflict if someone else changed part of it.
    pub async fn import(
        &self,
        document: &Document,
        (prune, allow_invalid): (bool, bool),
        resolve: Resolve<'_>,
    ) -> Result<Vec<Planned>, Error> {
        let steps = self.steps(document, prune, resolve).await?;
        let made_invalid = steps.iter().filter_map(|step| {
            let named = step.planned.makes_invalid.as_ref()?;
            let detail = format!("makes valid instances invalid: {named}");
            Some(FieldError::new(step.planned.subject.clone(), detail))
        });
        let ended = steps.iter().filter(|step| step.planned.ends_passkeys).map(|step| {
            FieldError::new(step.planned.subject.clone(), "changes the RP ID: existing passkeys stop working")
        });
        let made_invalid: Vec<FieldError> = made_invalid.chain(ended).collect();
        if !allow_invalid && !made_invalid.is_empty() {
            return Err(Error::invalid_because(made_invalid));
        }
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let entry = |step: &Step| (step.action, step.audited.clone(), step.planned.fields.clone());
        let changes: Vec<_> = steps.iter().map(|step| step.change.clone()).collect();
        let store = self.store().clone();
        let change = async move { store.apply_changes(changes, MAX_INSTANCES).await.map(Update::is_applied) };
        if !self.apply(steps.iter().map(entry).collect(), change).await? {
            return Err(Error::revision_conflict());
        }
        Ok(steps.into_iter().map(|step| step.planned).collect())
    }

    async fn steps(&self, document: &Document, prune: bool, resolve: Resolve<'_>) -> Result<Vec<Step>, Error> {
        if document.twofactor != FORM {
            return Err(Error::invalid_at("/twofactor", format!("must be {FORM}, the only supported version")));
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

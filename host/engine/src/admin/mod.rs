//! Administration. Every change is written to the audit log before it is applied: what could not be
//! audited did not happen.

pub mod as_code;
mod assignments;
mod audit_check;
mod audit_search;
mod directory;
mod factor_import;
mod instances;
mod messages;
mod page;
mod providers;
mod settings;
mod sign_in_page;
mod subscriptions;
mod target;
mod test_send;
mod tokens;
mod user_factors;
mod users;

use std::sync::Arc;

use jiff::Timestamp;

pub use assignments::{Assigned, Assignment, Assignments};
pub use audit_search::AuditSearch;
pub use directory::{DirectoryChanges, DirectoryEntry, DirectoryFilter, NamedTarget};
pub use factor_import::{AppImport, ExistingApp, ImportRefusal, MAX_IMPORTED_APPS};
pub use instances::{Instance, InstanceChange, MAX_INSTANCES, NewInstance};
pub use messages::{ChallengeFacts, ChallengeState, MessageEvent, MessageHistory, MessageQuery, UpstreamHealth};
pub use page::Page;
pub use providers::{ExaminedProvider, NewProvider};
pub use settings::{BaseSettings, BaseSettingsCheck};
pub use test_send::{TestMessage, TestReport};
pub use user_factors::ResetUser;

use crate::accounts::Guard;
use crate::audit::{Actor, AuditEntry, AuditLog};
use crate::challenge::{Challenges, History};
use crate::clock::Clock;
use crate::completion::to_the_end;
use crate::error::Error;
use crate::factor::Factors;
use crate::instance::Instances;
use crate::instance::Policy;
use crate::statistics::{Statistic, Statistics};
use crate::store::{AssignmentRecord, Store, StoreError};
use crate::token::Tokens;

/// The administration of an engine, on behalf of one actor. It checks no permissions: the caller
/// decides who may do what.
#[derive(Clone)]
pub struct Administration {
    pub(crate) instances: Arc<Instances>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) statistics: Statistics,
    pub(crate) history: History,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) factors: Factors,
    pub(crate) actor: Actor,
    pub(crate) guard: Guard,
    /// Whether the actor may change what protects logins to accounts.
    pub(crate) changes_guards: bool,
    /// Whether the actor may see what concerns the whole installation.
    pub(crate) sees_installation: bool,
}

impl Administration {
    /// Restricts it to someone who administers subscriptions but not the installation: they may
    /// not change what protects logins of administrators, in any subscription, nor see what others do.
    pub fn of_subscriptions(self) -> Self {
        Self { changes_guards: false, sees_installation: false, ..self }
    }

    /// Restricts it to someone who only reads, in the whole installation.
    pub fn of_auditor(self) -> Self {
        Self { changes_guards: false, ..self }
    }

    /// Refuses a change of an instance that protects logins to accounts, or would with its new
    /// assignments.
    async fn check_guard(&self, subscription: &str, id: &str, wanted: &[AssignmentRecord]) -> Result<(), Error> {
        if self.changes_guards {
            return Ok(());
        }
        let before = self.store().assignments(id).await?;
        let before: Vec<AssignmentRecord> = before.targets.into_iter().map(|(target, _)| target).collect();
        if self.guard.is_guarding(subscription, &[&before, wanted].concat()).await? {
            return Err(Error::forbidden(
                "this instance delivers the second factor of administrators; only a system administrator can change it",
            ));
        }
        Ok(())
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.instances.store
    }

    /// Returns the actor.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    async fn audit(&self, action: &str, subject: &str, detail: &str) -> Result<(), Error> {
        self.audit.append(&self.actor, action, subject, detail).await
    }

    /// Writes entries to the audit log, each with its action, subject and detail, and then makes the change that they describe. Returns
    /// false if somebody else was first: then the log says so.
    async fn apply(
        &self,
        entries: Vec<(&'static str, String, String)>,
        change: impl Future<Output = Result<bool, StoreError>> + Send + 'static,
    ) -> Result<bool, Error> {
        let this = self.clone();
        // Runs to completion even if the caller disconnects: the log must not list a change that was refused.
        to_the_end(async move {
            for (action, subject, detail) in &entries {
                this.audit(action, subject, detail).await?;
            }
            let is_applied = change.await?;
            if !is_applied {
                for (action, subject, _) in &entries {
                    this.audit(action, subject, "not applied: modified by someone else first").await?;
                }
            }
            Ok(is_applied)
        })
        .await
    }

    /// Returns the policy of instances that have none of their own.
    pub fn policy(&self) -> &Policy {
        self.instances.default_policy()
    }

    /// Returns statistics of a subscription's challenges and deliveries from `since` on, by hour.
    /// Kept for 90 days.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn statistics(&self, subscription: &str, since: Timestamp) -> Result<Vec<Statistic>, Error> {
        self.statistics.flush().await?;
        let records = self.store().statistics(subscription, since).await?;
        Ok(records.into_iter().map(Statistic::from).collect())
    }

    /// Returns entries of the audit log after number `after`, at most `limit`.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn audit_log(&self, after: u64, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        self.audit.read(after, limit).await
    }
}

/// How many items one change may contain: assignments of an instance, entries of a directory.
const MANY: usize = 10_000;

/// Ids that people choose: they occur in paths and in logs.
const CHOSEN_ID: &str = "1 to 64 letters, digits, `-`, `_` or `.`, and not `.` or `..`";

fn is_chosen_id(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    // These two are directories in paths.
    (1..=64).contains(&id.len()) && id.chars().all(fits) && id != "." && id != ".."
}

pub(crate) fn identifier(what: &str, id: &str) -> Result<(), Error> {
    if is_chosen_id(id) {
        return Ok(());
    }
    Err(Error::invalid_at("/id", format!("of a {what} must be {CHOSEN_ID}")))
}

/// How often a change without an expected revision is retried when somebody else's came in between.
const ROUNDS: usize = 16;

/// Refuses a change of something that has changed since it was read.
fn as_read(expected: Option<u64>, revision: u64) -> Result<(), Error> {
    if expected.is_some_and(|expected| expected != revision) { Err(Error::revision_conflict()) } else { Ok(()) }
}

//! Several changes of the configuration in one transaction.

use async_trait::async_trait;

use super::session::Session;
use super::{PostgresStore, Step, directory, instances, sign_ins, subscriptions};
use crate::store::configuration::growing;
use crate::store::*;

#[async_trait]
impl ConfigurationStore for PostgresStore {
    async fn apply_changes(&self, changes: Vec<ConfigurationChange>, most_instances: u32) -> Result<Update> {
        self.change(changes, move |c, changes| async move { change(&c, &changes, most_instances).await }).await
    }
}

async fn change(c: &Session, changes: &[ConfigurationChange], most_instances: u32) -> Result<Step<Update>> {
    use ConfigurationChange as Change;
    for change in changes {
        let made = match change {
            Change::CreateSubscription(subscription) => {
                subscriptions::create_subscription(c, subscription).await.map(|()| Update::Applied)
            }
            Change::UpdateSubscription(subscription, expected) => {
                subscriptions::update_subscription(c, subscription, *expected).await
            }
            Change::InsertInstance(instance) => instances::insert_instance(c, instance).await.map(|()| Update::Applied),
            Change::UpdateInstance(instance, expected) => instances::update_instance(c, instance, *expected).await,
            Change::DeleteInstance(id, expected, now) => instances::delete_instance(c, id, *expected, *now).await,
            Change::SetAssignments(id, targets, expected) => {
                instances::set_assignments(c, id, targets, *expected).await
            }
            Change::PutDirectory(subscription, entries) => {
                directory::put(c, subscription, entries).await.map(|step| match step {
                    Step::Keep(update) | Step::Undo(update) => update,
                })
            }
            Change::SetBaseSettings(type_id, settings) => instances::set_base_settings(c, type_id, settings).await,
            Change::SetSignInPage(page, expected) => sign_ins::set_page(c, page, *expected).await,
        };
        match made {
            Ok(Update::Applied) => {}
            Ok(Update::Stale) => return Ok(Step::Undo(Update::Stale)),
            // Another change used that id first.
            Err(error) if error.is_conflict() => return Ok(Step::Undo(Update::Stale)),
            Err(error) => return Err(error),
        }
    }
    // At the end: others may be removed after some were added.
    for subscription in growing(changes) {
        if instances::count(c, subscription).await? > i64::from(most_instances) {
            return Ok(Step::Undo(Update::Stale));
        }
    }
    Ok(Step::Keep(Update::Applied))
}

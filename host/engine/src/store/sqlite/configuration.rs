//! Several changes of the configuration in one transaction.

use async_trait::async_trait;
use rusqlite::Connection;

use super::threads::Step;
use super::{SqliteStore, directory, instances, sign_ins, subscriptions};
use crate::store::configuration::growing;
use crate::store::*;

#[async_trait]
impl ConfigurationStore for SqliteStore {
    async fn apply_changes(&self, changes: Vec<ConfigurationChange>, most_instances: u32) -> Result<Update> {
        self.threads.write_step(move |c| change(c, &changes, most_instances)).await
    }
}

fn change(c: &Connection, changes: &[ConfigurationChange], most_instances: u32) -> Result<Step<Update>> {
    use ConfigurationChange as Change;
    for change in changes {
        let made = match change {
            Change::CreateSubscription(subscription) => {
                subscriptions::create_subscription(c, subscription).map(|()| Update::Applied)
            }
            Change::UpdateSubscription(subscription, expected) => {
                subscriptions::update_subscription(c, subscription, *expected)
            }
            Change::InsertInstance(instance) => instances::insert_instance(c, instance).map(|()| Update::Applied),
            Change::UpdateInstance(instance, expected) => instances::update_instance(c, instance, *expected),
            Change::DeleteInstance(id, expected, now) => instances::delete_instance(c, id, *expected, *now),
            Change::SetAssignments(id, targets, expected) => instances::set_assignments(c, id, targets, *expected),
            Change::PutDirectory(subscription, entries) => {
                directory::put(c, subscription, entries).map(|step| match step {
                    Step::Keep(update) | Step::Undo(update) => update,
                })
            }
            Change::SetBaseSettings(type_id, settings) => instances::set_base_settings(c, type_id, settings),
            Change::SetSignInPage(page, expected) => sign_ins::set_page(c, page, *expected),
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
        if instances::count(c, subscription)? > most_instances {
            return Ok(Step::Undo(Update::Stale));
        }
    }
    Ok(Step::Keep(Update::Applied))
}

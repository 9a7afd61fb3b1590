//! Several changes to what is configured, in one transaction.

use rusqlite::Connection;

use super::super::*;
use super::writer::Step;
use super::{configuration, directory, owners, sign_ins};

pub(super) fn change(c: &Connection, changes: &[ConfigurationChange]) -> Result<Step<bool>> {
    use ConfigurationChange as Change;
    for change in changes {
        let made = match change {
            Change::CreateSubscription(subscription) => owners::create_subscription(c, subscription).map(|()| true),
            Change::UpdateSubscription(subscription, expected) => {
                owners::update_subscription(c, subscription, *expected)
            }
            Change::InsertInstance(instance) => configuration::insert_instance(c, instance).map(|()| true),
            Change::UpdateInstance(instance, expected) => configuration::update_instance(c, instance, *expected),
            Change::DeleteInstance(id, expected) => configuration::delete_instance(c, id, *expected),
            Change::SetAssignments(id, targets, expected) => configuration::set_assignments(c, id, targets, *expected),
            Change::PutDirectory(subscription, entries) => {
                directory::put(c, subscription, entries).map(|step| matches!(step, Step::Keep(true)))
            }
            Change::SetBaseSettings(type_id, settings) => configuration::set_base_settings(c, type_id, settings),
            Change::SetSignInPage(page, expected) => sign_ins::set_page(c, page, *expected),
        };
        match made {
            Ok(true) => {}
            Ok(false) => return Ok(Step::Undo(false)),
            // Somebody else was quicker to use that id.
            Err(error) if error.is_conflict() => return Ok(Step::Undo(false)),
            Err(error) => return Err(error),
        }
    }
    Ok(Step::Keep(true))
}

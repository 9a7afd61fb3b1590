//! Display names: of subscriptions, instances, tokens, accounts and tenants.

use crate::error::Error;
use twofactor_sandbox::readable::{self, Unreadable};

/// Checks a display name.
pub(crate) fn check(name: &str) -> Result<(), Unreadable> {
    readable::check(name, 1..=100)
}

/// Checks the reason of a change, which the audit log records.
pub(crate) fn check_reason(reason: &str) -> Result<(), Error> {
    readable::check(reason, 1..=200).map_err(|why| Error::invalid_at("/reason", why.to_string()))
}

/// Checks a display name that is the input's field `/name`.
pub(crate) fn check_field(name: &str) -> Result<(), Error> {
    check(name).map_err(|why| Error::invalid_at("/name", why.to_string()))
}

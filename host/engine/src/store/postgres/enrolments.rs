//! Enrolments in progress.

use super::session::Session;
use super::values::values;
use crate::store::{BucketKey, Result};

/// Ends the enrolments of a user. Returns how many there were.
pub(super) async fn cancel_enrolments(c: &Session, user: &BucketKey) -> Result<u64> {
    c.execute("DELETE FROM enrolments WHERE owner = $1", values![user]).await
}

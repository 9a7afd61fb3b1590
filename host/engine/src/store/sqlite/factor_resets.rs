//! Resetting a user.

use async_trait::async_trait;
use rusqlite::Connection;

use super::{SqliteStore, addresses, challenges, factors, passes, sessions, user_changes};
use crate::store::*;

#[async_trait]
impl FactorResetStore for SqliteStore {
    async fn reset_factors(&self, reset: FactorReset) -> Result<FactorResetOutcome> {
        self.threads.write_at(reset.now, move |c| run(c, &reset)).await
    }
}

pub(super) fn run(c: &Connection, reset: &FactorReset) -> Result<FactorResetOutcome> {
    let mut ended = FactorResetOutcome {
        // Before the factors, which take both along.
        browsers: user_changes::forget_browsers(c, &reset.user)?,
        enrolments: user_changes::cancel_enrolments(c, &reset.user)?,
        factors: factors::end(c, &reset.user, None, reset.now)?,
        pass: passes::end(c, &reset.user)?,
        challenges: 0,
        addresses: addresses::unverify(c, &reset.user)?,
    };
    // Also if there was nothing to end: what began before rests on less.
    user_changes::changed(c, &reset.user)?;
    for person in &reset.persons {
        ended.challenges += challenges::close_of(c, person, reset.now)?;
    }
    if let Some(account) = &reset.account {
        sessions::end_sessions(c, account, &SessionSelection::AllExcept(String::new()))?;
    }
    Ok(ended)
}

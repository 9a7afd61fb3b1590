//! Resetting a user.

use async_trait::async_trait;

use super::session::Session;
use super::{PostgresStore, Step, addresses, begin_for, challenges, factors, passes, sessions, user_changes};
use crate::store::*;

#[async_trait]
impl FactorResetStore for PostgresStore {
    async fn reset_factors(&self, reset: FactorReset) -> Result<FactorResetOutcome> {
        self.record_time(reset.now).await?;
        self.transaction(begin_for(&reset.user), reset, |c, reset| async move { run(&c, &reset).await.map(Step::Keep) })
            .await
    }
}

async fn run(c: &Session, reset: &FactorReset) -> Result<FactorResetOutcome> {
    let mut ended = FactorResetOutcome {
        // These two come first: ending the factors would also remove them.
        browsers: user_changes::forget_browsers(c, &reset.user).await?,
        enrolments: user_changes::cancel_enrolments(c, &reset.user).await?,
        factors: factors::end(c, &reset.user, None, reset.now).await?,
        pass: passes::end(c, &reset.user).await?,
        challenges: 0,
        addresses: addresses::unverify(c, &reset.user).await?,
    };
    // Also if there was nothing to end: what began before rests on less.
    user_changes::changed(c, &reset.user).await?;
    for person in &reset.persons {
        ended.challenges += challenges::close_of(c, person, reset.now).await?;
    }
    if let Some(account) = &reset.account {
        sessions::end_sessions(c, account, &SessionSelection::AllExcept(String::new())).await?;
    }
    Ok(ended)
}

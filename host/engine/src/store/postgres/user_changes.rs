//! How often the factors, verified addresses and passes of a user have changed, and what ends with each change.

use async_trait::async_trait;

use super::PostgresStore;
use super::session::Session;
use super::values::{get, values};
use crate::store::*;

#[async_trait]
impl UserChangeStore for PostgresStore {
    async fn user_changes(&self, person: BucketKey) -> Result<u64> {
        self.read(person, |c, person| async move {
            let sql = "SELECT count FROM user_changes WHERE person = $1";
            c.row(sql, values![&*person]).await?.map_or(Ok(0), |row| get(&row, 0))
        })
        .await
    }
}

/// Returns the count, which no other transaction changes until this one ends. Not every change locks the user's guard:
/// the end of an instance, and an import, change many users.
pub(super) async fn locked_count(c: &Session, person: &BucketKey) -> Result<u64> {
    let sql = "SELECT count FROM user_changes WHERE person = $1 FOR UPDATE";
    if let Some(row) = c.row(sql, values![person]).await? {
        return get(&row, 0);
    }
    let sql = "INSERT INTO user_changes AS u (person, count) VALUES ($1, 0) \
               ON CONFLICT (person) DO UPDATE SET count = u.count RETURNING count";
    get(&c.only_row(sql, values![person]).await?, 0)
}

/// Removes what [`locked_count`] has stored for a user of whom nothing has ever changed: a sign-in leaves no row.
pub(super) async fn forget_no_changes(c: &Session, person: &BucketKey) -> Result<()> {
    c.execute("DELETE FROM user_changes WHERE person = $1 AND count = 0", values![person]).await?;
    Ok(())
}

/// Ends the user's enrolments, and returns the count. For what changes the user anyway if the count is the expected one: this order of locks
/// is that of [`changed`].
pub(super) async fn locked_count_of_a_change(c: &Session, person: &BucketKey) -> Result<u64> {
    cancel_enrolments(c, person).await?;
    locked_count(c, person).await
}

/// Counts a change, and ends what rests on what was before it: enrolments and remembered browsers. Enrolments are locked before counts, and
/// counts before factors, wherever users are not guarded.
pub(super) async fn changed(c: &Session, person: &BucketKey) -> Result<()> {
    passes_changed(c, person).await?;
    forget_browsers(c, person).await?;
    Ok(())
}

/// Counts a change of passes, and ends the enrolments. No browser is remembered by a pass.
pub(super) async fn passes_changed(c: &Session, person: &BucketKey) -> Result<()> {
    cancel_enrolments(c, person).await?;
    let sql = "INSERT INTO user_changes AS u (person, count) VALUES ($1, 1) \
               ON CONFLICT (person) DO UPDATE SET count = u.count + 1";
    c.execute(sql, values![person]).await?;
    Ok(())
}

/// Ends the enrolments of a user. Returns how many there were.
pub(super) async fn cancel_enrolments(c: &Session, user: &BucketKey) -> Result<u64> {
    c.execute("DELETE FROM enrolments WHERE owner = $1", values![user]).await
}

/// Forgets the remembered browsers of a user. Returns how many there were.
pub(super) async fn forget_browsers(c: &Session, person: &BucketKey) -> Result<u64> {
    c.execute("DELETE FROM remembered_devices WHERE person = $1", values![person]).await
}

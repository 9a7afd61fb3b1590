//! Values as columns hold them, and rows that several files read.

use jiff::Timestamp;
use rusqlite::Row;

use crate::store::*;

pub(super) fn ms(time: Timestamp) -> i64 {
    time.as_millisecond()
}

pub(super) fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) const INSTANCE: &str =
    "i.id, i.subscription, i.type_id, i.name, i.active, i.options, i.policy, i.revision, i.created_at, i.updated_at";

pub(super) fn to_instance(row: &Row<'_>) -> rusqlite::Result<InstanceRecord> {
    Ok(InstanceRecord {
        id: row.get(0)?,
        subscription: row.get(1)?,
        type_id: row.get(2)?,
        name: row.get(3)?,
        active: row.get(4)?,
        options: row.get(5)?,
        policy: row.get(6)?,
        revision: row.get(7)?,
        created_at: time(row.get(8)?),
        updated_at: time(row.get(9)?),
    })
}

/// Returns a list as one parameter.
pub(super) fn array(ids: &[String]) -> serde_json::Value {
    ids.iter().map(String::as_str).collect()
}

pub(super) const ACCOUNT: &str = "a.seq, a.id, a.email, a.sealed, a.role, a.password, a.identity, a.disabled, a.generation, \
                       a.revision, a.created_at, a.last_login_at";

pub(super) const ACCOUNT_COLUMNS: usize = 12;

pub(super) const ACTIVE: &str = "(password IS NOT NULL OR identity IS NOT NULL) AND disabled = 0";

pub(super) fn to_account(row: &Row<'_>) -> rusqlite::Result<AccountRecord> {
    Ok(AccountRecord {
        seq: row.get(0)?,
        id: row.get(1)?,
        email: row.get(2)?,
        sealed: row.get(3)?,
        role: row.get(4)?,
        password: row.get(5)?,
        identity: row.get(6)?,
        disabled: row.get(7)?,
        generation: row.get(8)?,
        revision: row.get(9)?,
        created_at: time(row.get(10)?),
        last_login_at: row.get::<_, Option<i64>>(11)?.map(time),
    })
}

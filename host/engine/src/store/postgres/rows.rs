//! Conversions of rows that several modules read.

use tokio_postgres::Row;

use super::values::get;
use crate::store::*;

pub(super) const INSTANCE: &str =
    "i.id, i.subscription, i.type_id, i.name, i.active, i.options, i.policy, i.revision, i.created_at, i.updated_at";

pub(super) const INSTANCE_COLUMNS: usize = 10;

pub(super) fn to_instance(row: &Row) -> Result<InstanceRecord> {
    Ok(InstanceRecord {
        id: get(row, 0)?,
        subscription: get(row, 1)?,
        type_id: get(row, 2)?,
        name: get(row, 3)?,
        active: get(row, 4)?,
        options: get(row, 5)?,
        policy: get(row, 6)?,
        revision: get(row, 7)?,
        created_at: get(row, 8)?,
        updated_at: get(row, 9)?,
    })
}

/// Returns a list as one parameter.
pub(super) fn texts(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

pub(super) const ACCOUNT: &str = "a.seq, a.id, a.email, a.sealed, a.role, a.password, a.identity, a.disabled, a.generation, \
                                  a.revision, a.created_at, a.last_login_at";

pub(super) const ACCOUNT_COLUMNS: usize = 12;

pub(super) const ACTIVE: &str = "(password IS NOT NULL OR identity IS NOT NULL) AND NOT disabled";

pub(super) fn to_account(row: &Row) -> Result<AccountRecord> {
    Ok(AccountRecord {
        seq: get(row, 0)?,
        id: get(row, 1)?,
        email: get(row, 2)?,
        sealed: get(row, 3)?,
        role: get(row, 4)?,
        password: get(row, 5)?,
        identity: get(row, 6)?,
        disabled: get(row, 7)?,
        generation: get(row, 8)?,
        revision: get(row, 9)?,
        created_at: get(row, 10)?,
        last_login_at: get(row, 11)?,
    })
}

//! Accounts, invitations, and the settings of their second factor.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::rows::{ACCOUNT, ACTIVE, ms, time, to_account};
use super::sessions::end_all_of;
use super::threads::Step;
use crate::store::*;

#[async_trait]
impl AccountStore for SqliteStore {
    async fn insert_account(&self, account: AccountRecord, invitation: InvitationRecord) -> Result<()> {
        self.threads.write(move |c| insert_account(c, &account, &invitation)).await
    }

    async fn insert_external_account(&self, account: AccountRecord) -> Result<()> {
        self.threads.write(move |c| insert(c, &account)).await
    }

    async fn account(&self, id: &str) -> Result<Option<AccountRecord>> {
        let id = id.to_owned();
        self.threads.read(move |c| account(c, &id)).await
    }

    async fn account_by_identity(&self, identity: &BucketKey) -> Result<Option<AccountRecord>> {
        let identity = *identity;
        self.threads.read(move |c| account_by_identity(c, &identity)).await
    }

    async fn account_by_email(&self, email: &BucketKey) -> Result<Option<AccountRecord>> {
        let email = *email;
        self.threads.read(move |c| account_by_email(c, &email)).await
    }

    async fn accounts(&self, after: u64, limit: u32) -> Result<Vec<AccountRecord>> {
        self.threads.read(move |c| accounts(c, after, limit)).await
    }

    async fn has_active_account(&self) -> Result<bool> {
        self.threads.read(has_active_account).await
    }

    async fn update_account(&self, account: AccountRecord, expected_revision: u64) -> Result<AccountUpdate> {
        self.threads.write_step(move |c| update_account(c, &account, expected_revision)).await
    }

    async fn delete_account(&self, id: &str) -> Result<AccountUpdate> {
        let id = id.to_owned();
        self.threads.write_step(move |c| delete_account(c, &id)).await
    }

    async fn put_invitation(&self, invitation: InvitationRecord, now: Timestamp) -> Result<bool> {
        self.threads.write_at(now, move |c| put_invitation(c, &invitation)).await
    }

    async fn invitation(&self, digest: &[u8; 32]) -> Result<Option<InvitationRecord>> {
        let digest = *digest;
        self.threads.read(move |c| invitation(c, &digest)).await
    }

    async fn redeem_invitation(&self, request: Redeem) -> Result<Option<AccountRecord>> {
        self.threads.write_step_at(request.now, move |c| redeem(c, &request)).await
    }

    async fn set_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<bool> {
        let account = account.to_owned();
        self.threads.write(move |c| set_password(c, &account, generation, &password)).await
    }

    async fn rehash_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<()> {
        let account = account.to_owned();
        self.threads.write(move |c| rehash_password(c, &account, generation, &password)).await
    }

    async fn second_factor(&self) -> Result<Option<SecondFactorRecord>> {
        self.threads.read(second_factor).await
    }

    async fn set_second_factor(&self, record: SecondFactorRecord, expected_revision: u64) -> Result<Update> {
        self.threads.write(move |c| set_second_factor(c, &record, expected_revision)).await
    }
}

pub(super) fn insert_account(c: &Connection, account: &AccountRecord, invitation: &InvitationRecord) -> Result<()> {
    insert(c, account)?;
    insert_invitation(c, invitation)
}

fn insert(c: &Connection, a: &AccountRecord) -> Result<()> {
    let sql = "INSERT INTO accounts (id, email, sealed, role, password, identity, disabled, generation, revision, created_at, \
               last_login_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        a.id,
        a.email,
        a.sealed,
        a.role,
        a.password,
        a.identity,
        a.disabled,
        a.generation,
        a.revision,
        ms(a.created_at),
        a.last_login_at.map(ms)
    ])?;
    Ok(())
}

pub(super) fn account_by_identity(c: &Connection, identity: &BucketKey) -> Result<Option<AccountRecord>> {
    let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE a.identity = ?");
    Ok(c.prepare_cached(&sql)?.query_row([identity], to_account).optional()?)
}

pub(super) fn account(c: &Connection, id: &str) -> Result<Option<AccountRecord>> {
    let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE a.id = ?");
    Ok(c.prepare_cached(&sql)?.query_row([id], to_account).optional()?)
}

pub(super) fn account_by_email(c: &Connection, email: &BucketKey) -> Result<Option<AccountRecord>> {
    let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE a.email = ?");
    Ok(c.prepare_cached(&sql)?.query_row([email], to_account).optional()?)
}

pub(super) fn accounts(c: &Connection, after: u64, limit: u32) -> Result<Vec<AccountRecord>> {
    let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE a.seq > ? ORDER BY a.seq LIMIT ?");
    let mut statement = c.prepare_cached(&sql)?;
    Ok(statement.query_map(params![after, limit], to_account)?.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn has_active_account(c: &Connection) -> Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM accounts WHERE {ACTIVE})");
    Ok(c.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
}

/// Returns whether somebody who can log in may do everything.
fn has_system_admin(c: &Connection) -> Result<bool> {
    let sql = format!("SELECT 1 FROM accounts WHERE role ->> '$.role' = 'system_admin' AND {ACTIVE}");
    Ok(c.prepare_cached(&sql)?.exists([])?)
}

/// Keeps what `change` did, unless it took the last system administrator away.
fn but_the_last(c: &Connection, change: impl FnOnce() -> Result<bool>) -> Result<Step<AccountUpdate>> {
    let before = has_system_admin(c)?;
    if !change()? {
        return Ok(Step::Undo(AccountUpdate::Stale));
    }
    if before && !has_system_admin(c)? {
        return Ok(Step::Undo(AccountUpdate::LastSystemAdmin));
    }
    Ok(Step::Keep(AccountUpdate::Applied))
}

pub(super) fn update_account(c: &Connection, a: &AccountRecord, expected: u64) -> Result<Step<AccountUpdate>> {
    but_the_last(c, || update(c, a, expected))
}

fn update(c: &Connection, a: &AccountRecord, expected: u64) -> Result<bool> {
    let sql = "UPDATE accounts SET sealed = ?, role = ?, disabled = ?, generation = ?, revision = ? \
               WHERE id = ? AND revision = ? RETURNING generation";
    let before: Option<u64> = c
        .prepare_cached("SELECT generation FROM accounts WHERE id = ?")?
        .query_row([&a.id], |row| row.get(0))
        .optional()?;
    let changed: Option<u64> = c
        .prepare_cached(sql)?
        .query_row(params![a.sealed, a.role, a.disabled, a.generation, a.revision, a.id, expected], |row| row.get(0))
        .optional()?;
    if changed.is_some() && changed != before {
        end_all_of(c, &a.id)?;
    }
    if changed.is_some() && a.disabled {
        c.prepare_cached("DELETE FROM invitations WHERE account = ?")?.execute([&a.id])?;
    }
    Ok(changed.is_some())
}

pub(super) fn delete_account(c: &Connection, id: &str) -> Result<Step<AccountUpdate>> {
    but_the_last(c, || Ok(c.prepare_cached("DELETE FROM accounts WHERE id = ?")?.execute([id])? == 1))
}

fn insert_invitation(c: &Connection, invitation: &InvitationRecord) -> Result<()> {
    c.prepare_cached("DELETE FROM invitations WHERE account IS ?")?.execute([&invitation.account])?;
    let sql = "INSERT INTO invitations (digest, account, expires_at, without_second_factor) VALUES (?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        invitation.digest,
        invitation.account,
        ms(invitation.expires_at),
        invitation.without_second_factor
    ])?;
    Ok(())
}

pub(super) fn put_invitation(c: &Connection, invitation: &InvitationRecord) -> Result<bool> {
    let wanted = match &invitation.account {
        Some(id) => account(c, id)?.is_some_and(|account| !account.disabled && account.identity.is_none()),
        None => !has_active_account(c)?,
    };
    if wanted {
        insert_invitation(c, invitation)?;
    }
    Ok(wanted)
}

pub(super) fn invitation(c: &Connection, digest: &[u8; 32]) -> Result<Option<InvitationRecord>> {
    let sql = "SELECT digest, account, expires_at, without_second_factor FROM invitations WHERE digest = ?";
    let found = |row: &Row<'_>| {
        Ok(InvitationRecord {
            digest: row.get(0)?,
            account: row.get(1)?,
            expires_at: time(row.get(2)?),
            without_second_factor: row.get(3)?,
        })
    };
    Ok(c.prepare_cached(sql)?.query_row([digest], found).optional()?)
}

/// Redeems an invitation or a link. One that is refused leaves no trace, so that a link whose address is taken can be used again.
pub(super) fn redeem(c: &Connection, request: &Redeem) -> Result<Step<Option<AccountRecord>>> {
    let sql = "DELETE FROM invitations WHERE digest = ? AND expires_at > ? RETURNING account";
    let of: Option<Option<String>> =
        c.prepare_cached(sql)?.query_row(params![request.digest, ms(request.now)], |row| row.get(0)).optional()?;
    let id = match (of, &request.account) {
        (Some(Some(of)), Redeemed::Password(id, password)) if of == *id => {
            let sql = "UPDATE accounts SET password = ?, generation = generation + 1, revision = revision + 1 \
                       WHERE id = ? AND disabled = 0";
            if c.prepare_cached(sql)?.execute(params![password, id])? != 1 {
                return Ok(Step::Undo(None));
            }
            end_all_of(c, id)?;
            id
        }
        (Some(None), Redeemed::First(first)) if !has_active_account(c)? => {
            insert(c, first)?;
            &first.id
        }
        _ => return Ok(Step::Undo(None)),
    };
    Ok(Step::Keep(account(c, id)?))
}

pub(super) fn set_password(c: &Connection, id: &str, generation: u64, password: &[u8]) -> Result<bool> {
    let sql = format!(
        "UPDATE accounts SET password = ?, generation = generation + 1, revision = revision + 1 \
         WHERE id = ? AND generation = ? AND {ACTIVE}"
    );
    let changed = c.prepare_cached(&sql)?.execute(params![password, id, generation])? == 1;
    if changed {
        end_all_of(c, id)?;
        c.prepare_cached("DELETE FROM invitations WHERE account = ?")?.execute([id])?;
    }
    Ok(changed)
}

pub(super) fn rehash_password(c: &Connection, id: &str, generation: u64, password: &[u8]) -> Result<()> {
    let sql = "UPDATE accounts SET password = ? WHERE id = ? AND generation = ?";
    c.prepare_cached(sql)?.execute(params![password, id, generation])?;
    Ok(())
}

pub(super) fn second_factor(c: &Connection) -> Result<Option<SecondFactorRecord>> {
    let sql = "SELECT subscription, demanded_since, revision FROM second_factor";
    let found = |row: &Row<'_>| {
        Ok(SecondFactorRecord {
            subscription: row.get(0)?,
            demanded_since: row.get::<_, Option<i64>>(1)?.map(time),
            revision: row.get(2)?,
        })
    };
    Ok(c.prepare_cached(sql)?.query_row([], found).optional()?)
}

pub(super) fn set_second_factor(c: &Connection, record: &SecondFactorRecord, expected: u64) -> Result<Update> {
    let sql = "INSERT INTO second_factor (one, subscription, demanded_since, revision) SELECT 1, ?1, ?2, ?3 \
               WHERE ?4 = 0 OR EXISTS (SELECT 1 FROM second_factor) \
               ON CONFLICT (one) DO UPDATE SET subscription = ?1, demanded_since = ?2, revision = ?3 WHERE revision = ?4";
    let SecondFactorRecord { subscription, demanded_since, revision } = record;
    let changed = c.prepare_cached(sql)?.execute(params![subscription, demanded_since.map(ms), revision, expected])?;
    Ok(Update::from_rows(changed))
}

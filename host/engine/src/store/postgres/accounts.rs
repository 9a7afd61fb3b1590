//! Accounts, invitations, and the settings of their second factor. Changes lock the guard of the configuration: see [`super::BEGIN`].

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::rows::{ACCOUNT, ACTIVE, to_account};
use super::session::Session;
use super::sessions::end_all_of;
use super::values::{get, values};
use super::{PostgresStore, Step};
use crate::store::*;

#[async_trait]
impl AccountStore for PostgresStore {
    async fn insert_account(&self, account: AccountRecord, invitation: InvitationRecord) -> Result<()> {
        self.change((account, invitation), |c, new| async move {
            insert(&c, &new.0).await?;
            insert_invitation(&c, &new.1).await.map(Step::Keep)
        })
        .await
    }

    async fn insert_external_account(&self, account: AccountRecord) -> Result<()> {
        self.change(account, |c, account| async move { insert(&c, &account).await.map(Step::Keep) }).await
    }

    async fn account(&self, id: &str) -> Result<Option<AccountRecord>> {
        self.read(id.to_owned(), |c, id| async move { account(&c, &id).await }).await
    }

    async fn account_by_identity(&self, identity: &BucketKey) -> Result<Option<AccountRecord>> {
        self.read(*identity, |c, identity| async move { account_by(&c, "identity", &identity).await }).await
    }

    async fn account_by_email(&self, email: &BucketKey) -> Result<Option<AccountRecord>> {
        self.read(*email, |c, email| async move { account_by(&c, "email", &email).await }).await
    }

    async fn accounts(&self, after: u64, limit: u32) -> Result<Vec<AccountRecord>> {
        self.read((), move |c, _| async move {
            let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE a.seq > $1 ORDER BY a.seq LIMIT $2");
            c.rows(&sql, values![after, limit]).await?.iter().map(to_account).collect()
        })
        .await
    }

    async fn has_active_account(&self) -> Result<bool> {
        self.read((), |c, _| async move { has_active_account(&c).await }).await
    }

    async fn update_account(&self, account: AccountRecord, expected_revision: u64) -> Result<AccountUpdate> {
        self.change(account, move |c, account| async move {
            let before = has_system_admin(&c).await?;
            if !update(&c, &account, expected_revision).await? {
                return Ok(Step::Undo(AccountUpdate::Stale));
            }
            but_the_last(&c, before).await
        })
        .await
    }

    async fn delete_account(&self, id: &str) -> Result<AccountUpdate> {
        self.change(id.to_owned(), |c, id| async move {
            let before = has_system_admin(&c).await?;
            if c.execute("DELETE FROM accounts WHERE id = $1", values![&*id]).await? != 1 {
                return Ok(Step::Undo(AccountUpdate::Stale));
            }
            but_the_last(&c, before).await
        })
        .await
    }

    async fn put_invitation(&self, invitation: InvitationRecord, now: Timestamp) -> Result<bool> {
        self.change_at(
            now,
            invitation,
            |c, invitation| async move { put_invitation(&c, &invitation).await.map(Step::Keep) },
        )
        .await
    }

    async fn invitation(&self, digest: &[u8; 32]) -> Result<Option<InvitationRecord>> {
        self.read(*digest, |c, digest| async move { invitation(&c, &digest).await }).await
    }

    async fn redeem_invitation(&self, request: Redeem) -> Result<Option<AccountRecord>> {
        self.change_at(request.now, request, |c, request| async move { redeem(&c, &request).await }).await
    }

    async fn set_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<bool> {
        self.change((account.to_owned(), password), move |c, input| async move {
            set_password(&c, &input.0, generation, &input.1).await.map(Step::Keep)
        })
        .await
    }

    async fn rehash_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<()> {
        self.write((account.to_owned(), password), move |c, input| async move {
            let sql = "UPDATE accounts SET password = $1 WHERE id = $2 AND generation = $3";
            c.execute(sql, values![&input.1, &input.0, generation]).await?;
            Ok(())
        })
        .await
    }

    async fn second_factor(&self) -> Result<Option<SecondFactorRecord>> {
        self.read((), |c, _| async move { second_factor(&c).await }).await
    }

    async fn set_second_factor(&self, record: SecondFactorRecord, expected_revision: u64) -> Result<Update> {
        self.write(record, move |c, record| async move { set_second_factor(&c, &record, expected_revision).await })
            .await
    }
}

async fn insert(c: &Session, a: &AccountRecord) -> Result<()> {
    let sql = "INSERT INTO accounts (id, email, sealed, role, password, identity, disabled, generation, revision, created_at, \
               last_login_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = values![
        &a.id,
        &a.email,
        &a.sealed,
        &a.role,
        &a.password,
        &a.identity,
        a.disabled,
        a.generation,
        a.revision,
        a.created_at,
        a.last_login_at
    ];
    c.execute(sql, values).await?;
    Ok(())
}

async fn account(c: &Session, id: &str) -> Result<Option<AccountRecord>> {
    let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE a.id = $1");
    c.row(&sql, values![id]).await?.as_ref().map(to_account).transpose()
}

async fn account_by(c: &Session, column: &str, hash: &BucketKey) -> Result<Option<AccountRecord>> {
    let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE a.{column} = $1");
    c.row(&sql, values![hash]).await?.as_ref().map(to_account).transpose()
}

async fn has_active_account(c: &Session) -> Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM accounts WHERE {ACTIVE})");
    get(&c.only_row(&sql, &[]).await?, 0)
}

/// Returns whether there is a system administrator who can log in.
async fn has_system_admin(c: &Session) -> Result<bool> {
    let sql =
        format!("SELECT EXISTS (SELECT 1 FROM accounts WHERE role::json ->> 'role' = 'system_admin' AND {ACTIVE})");
    get(&c.only_row(&sql, &[]).await?, 0)
}

/// Keeps a change unless it removed the last system administrator.
async fn but_the_last(c: &Session, before: bool) -> Result<Step<AccountUpdate>> {
    if before && !has_system_admin(c).await? {
        return Ok(Step::Undo(AccountUpdate::LastSystemAdmin));
    }
    Ok(Step::Keep(AccountUpdate::Applied))
}

async fn update(c: &Session, a: &AccountRecord, expected: u64) -> Result<bool> {
    let row = c.row("SELECT generation FROM accounts WHERE id = $1", values![&a.id]).await?;
    let before: Option<u64> = row.map(|row| get(&row, 0)).transpose()?;
    let sql = "UPDATE accounts SET sealed = $1, role = $2, disabled = $3, generation = $4, revision = $5 \
               WHERE id = $6 AND revision = $7";
    let values = values![&a.sealed, &a.role, a.disabled, a.generation, a.revision, &a.id, expected];
    if c.execute(sql, values).await? != 1 {
        return Ok(false);
    }
    if before != Some(a.generation) {
        end_all_of(c, &a.id).await?;
    }
    if a.disabled {
        c.execute("DELETE FROM invitations WHERE account = $1", values![&a.id]).await?;
    }
    Ok(true)
}

async fn insert_invitation(c: &Session, invitation: &InvitationRecord) -> Result<()> {
    let InvitationRecord { digest, account, expires_at, without_second_factor } = invitation;
    c.execute("DELETE FROM invitations WHERE account IS NOT DISTINCT FROM $1", values![account]).await?;
    let sql = "INSERT INTO invitations (digest, account, expires_at, without_second_factor) VALUES ($1, $2, $3, $4)";
    c.execute(sql, values![digest, account, *expires_at, *without_second_factor]).await?;
    Ok(())
}

async fn put_invitation(c: &Session, invitation: &InvitationRecord) -> Result<bool> {
    let wanted = match &invitation.account {
        Some(id) => account(c, id).await?.is_some_and(|account| !account.disabled && account.identity.is_none()),
        None => !has_active_account(c).await?,
    };
    if wanted {
        insert_invitation(c, invitation).await?;
    }
    Ok(wanted)
}

async fn invitation(c: &Session, digest: &[u8; 32]) -> Result<Option<InvitationRecord>> {
    let sql = "SELECT digest, account, expires_at, without_second_factor FROM invitations WHERE digest = $1";
    let found = |row: &Row| {
        Ok(InvitationRecord {
            digest: get(row, 0)?,
            account: get(row, 1)?,
            expires_at: get(row, 2)?,
            without_second_factor: get(row, 3)?,
        })
    };
    c.row(sql, values![digest]).await?.as_ref().map(found).transpose()
}

/// A refused request changes nothing, so a link can be used again if its address was taken.
async fn redeem(c: &Session, request: &Redeem) -> Result<Step<Option<AccountRecord>>> {
    let sql = "DELETE FROM invitations WHERE digest = $1 AND expires_at > tf1_now($2) RETURNING account";
    let row = c.row(sql, values![&request.digest, request.now]).await?;
    let of: Option<Option<String>> = row.map(|row| get(&row, 0)).transpose()?;
    let id = match (of, &request.account) {
        (Some(Some(of)), Redeemed::Password(id, password)) if of == *id => {
            let sql = "UPDATE accounts SET password = $1, generation = generation + 1, revision = revision + 1 \
                       WHERE id = $2 AND NOT disabled";
            if c.execute(sql, values![password, id]).await? != 1 {
                return Ok(Step::Undo(None));
            }
            end_all_of(c, id).await?;
            id
        }
        (Some(None), Redeemed::First(first)) if !has_active_account(c).await? => {
            insert(c, first).await?;
            &first.id
        }
        _ => return Ok(Step::Undo(None)),
    };
    Ok(Step::Keep(account(c, id).await?))
}

async fn set_password(c: &Session, id: &str, generation: u64, password: &[u8]) -> Result<bool> {
    let sql = format!(
        "UPDATE accounts SET password = $1, generation = generation + 1, revision = revision + 1 \
         WHERE id = $2 AND generation = $3 AND {ACTIVE}"
    );
    let changed = c.execute(&sql, values![password, id, generation]).await? == 1;
    if changed {
        end_all_of(c, id).await?;
        c.execute("DELETE FROM invitations WHERE account = $1", values![id]).await?;
    }
    Ok(changed)
}

async fn second_factor(c: &Session) -> Result<Option<SecondFactorRecord>> {
    let sql = "SELECT subscription, demanded_since, revision FROM second_factor";
    let found = |row: &Row| {
        Ok(SecondFactorRecord { subscription: get(row, 0)?, demanded_since: get(row, 1)?, revision: get(row, 2)? })
    };
    c.row(sql, &[]).await?.as_ref().map(found).transpose()
}

async fn set_second_factor(c: &Session, record: &SecondFactorRecord, expected: u64) -> Result<Update> {
    let sql = "INSERT INTO second_factor AS s (one, subscription, demanded_since, revision) SELECT true, $1, $2, $3 \
               WHERE $4 = 0 OR EXISTS (SELECT 1 FROM second_factor) \
               ON CONFLICT (one) DO UPDATE SET subscription = $1, demanded_since = $2, revision = $3 WHERE s.revision = $4";
    let SecondFactorRecord { subscription, demanded_since, revision } = record;
    let changed = c.execute(sql, values![subscription, *demanded_since, *revision, expected]).await?;
    Ok(Update::from_rows(changed as usize))
}

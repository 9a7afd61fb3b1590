//! Accounts, invitations, log-ins and sessions.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::*;
use super::writer::Step;
use super::{clock, limits, ms, time};

const ACCOUNT: &str = "a.seq, a.id, a.email, a.sealed, a.role, a.password, a.identity, a.disabled, a.generation, \
                       a.revision, a.created_at, a.last_log_in";
const ACCOUNT_COLUMNS: usize = 12;

const ACTIVE: &str = "(password IS NOT NULL OR identity IS NOT NULL) AND disabled = 0";

fn to_account(row: &Row<'_>) -> rusqlite::Result<AccountRecord> {
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
        last_log_in: row.get::<_, Option<i64>>(11)?.map(time),
    })
}

pub(super) fn insert_account(c: &Connection, account: &AccountRecord, invitation: &InvitationRecord) -> Result<()> {
    insert(c, account)?;
    insert_invitation(c, invitation)
}

fn insert(c: &Connection, a: &AccountRecord) -> Result<()> {
    let sql = "INSERT INTO accounts (id, email, sealed, role, password, identity, disabled, generation, revision, created_at, \
               last_log_in) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
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
        a.last_log_in.map(ms)
    ])?;
    Ok(())
}

pub(super) fn insert_vouched(c: &Connection, account: &AccountRecord) -> Result<()> {
    insert(c, account)
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

/// Whether somebody who can log in may do everything.
fn has_system_admin(c: &Connection) -> Result<bool> {
    let sql = format!("SELECT 1 FROM accounts WHERE role ->> '$.role' = 'system_admin' AND {ACTIVE}");
    Ok(c.prepare_cached(&sql)?.exists([])?)
}

/// Keeps what `change` did, unless it took the last system administrator away.
fn but_the_last(c: &Connection, change: impl FnOnce() -> Result<bool>) -> Result<Step<AccountStep>> {
    let before = has_system_admin(c)?;
    if !change()? {
        return Ok(Step::Undo(AccountStep::PassedOver));
    }
    if before && !has_system_admin(c)? {
        return Ok(Step::Undo(AccountStep::LastSystemAdmin));
    }
    Ok(Step::Keep(AccountStep::Done))
}

pub(super) fn update_account(c: &Connection, a: &AccountRecord, expected: u64) -> Result<Step<AccountStep>> {
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

pub(super) fn delete_account(c: &Connection, id: &str) -> Result<Step<AccountStep>> {
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

pub(super) fn put_invitation(c: &Connection, invitation: &InvitationRecord, now: Timestamp) -> Result<bool> {
    clock::note(c, now)?;
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

/// What is refused leaves no trace, so that a link whose address is taken can be used again.
pub(super) fn redeem(c: &Connection, wish: &Redeem) -> Result<Step<Option<AccountRecord>>> {
    clock::note(c, wish.now)?;
    let sql = "DELETE FROM invitations WHERE digest = ? AND expires_at > ? RETURNING account";
    let of: Option<Option<String>> =
        c.prepare_cached(sql)?.query_row(params![wish.digest, ms(wish.now)], |row| row.get(0)).optional()?;
    let id = match (of, &wish.account) {
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
        // The time is kept: what was over stays so.
        (None, _) => return Ok(Step::Keep(None)),
        _ => return Ok(Step::Undo(None)),
    };
    Ok(Step::Keep(account(c, id)?))
}

pub(super) fn put_browser(c: &Connection, digest: &[u8; 32], account: &str, now: Timestamp) -> Result<()> {
    clock::note(c, now)?;
    let sql = "INSERT INTO browsers (digest, account, used_at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (digest) DO UPDATE SET used_at = max(used_at, ?3) WHERE account = ?2";
    c.prepare_cached(sql)?.execute(params![digest, account, ms(now)])?;
    let sql = "DELETE FROM browsers WHERE account = ?1 AND digest IN \
               (SELECT digest FROM browsers WHERE account = ?1 ORDER BY used_at DESC, digest LIMIT -1 OFFSET ?2)";
    c.prepare_cached(sql)?.execute(params![account, BROWSERS_KEPT])?;
    Ok(())
}

pub(super) fn browser_account(c: &Connection, digest: &[u8; 32]) -> Result<Option<String>> {
    let sql = "SELECT account FROM browsers WHERE digest = ?";
    Ok(c.prepare_cached(sql)?.query_row([digest], |row| row.get(0)).optional()?)
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

pub(super) fn set_second_factor(c: &Connection, record: &SecondFactorRecord, expected: u64) -> Result<bool> {
    let sql = "INSERT INTO second_factor (one, subscription, demanded_since, revision) SELECT 1, ?1, ?2, ?3 \
               WHERE ?4 = 0 OR EXISTS (SELECT 1 FROM second_factor) \
               ON CONFLICT (one) DO UPDATE SET subscription = ?1, demanded_since = ?2, revision = ?3 WHERE revision = ?4";
    let SecondFactorRecord { subscription, demanded_since, revision } = record;
    Ok(c.prepare_cached(sql)?.execute(params![subscription, demanded_since.map(ms), revision, expected])? == 1)
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

pub(super) fn keep_log_in(c: &Connection, log_in: &LogInRecord, now: Timestamp) -> Result<()> {
    clock::note(c, now)?;
    let sql = "INSERT INTO log_ins (digest, account, generation, subscription, challenge, expires_at) VALUES (?, ?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        log_in.digest,
        log_in.account,
        log_in.generation,
        log_in.subscription,
        log_in.challenge,
        ms(log_in.expires_at)
    ])?;
    Ok(())
}

pub(super) fn log_in(c: &Connection, digest: &[u8; 32]) -> Result<Option<LogInRecord>> {
    let sql = "SELECT digest, account, generation, subscription, challenge, expires_at FROM log_ins WHERE digest = ?";
    let found = |row: &Row<'_>| {
        Ok(LogInRecord {
            digest: row.get(0)?,
            account: row.get(1)?,
            generation: row.get(2)?,
            subscription: row.get(3)?,
            challenge: row.get(4)?,
            expires_at: time(row.get(5)?),
        })
    };
    Ok(c.prepare_cached(sql)?.query_row([digest], found).optional()?)
}

/// The account first: while it is being changed nobody else can change it.
pub(super) fn open_session(c: &Connection, wish: &OpenSession) -> Result<Step<bool>> {
    clock::note(c, wish.now)?;
    let session = &wish.session;
    let log_in = wish.log_in.then(|| ms(wish.now));
    let sql = format!(
        "UPDATE accounts SET last_log_in = coalesce(?, last_log_in) WHERE id = ? AND generation = ? AND {ACTIVE}"
    );
    if c.prepare_cached(&sql)?.execute(params![log_in, session.account, wish.generation])? != 1 {
        return Ok(Step::Undo(false));
    }
    let given_up = match &wish.instead_of {
        InsteadOf::Nothing => 1,
        InsteadOf::LogIn(digest) => {
            let sql = "DELETE FROM log_ins WHERE digest = ? AND account = ? AND expires_at > ?";
            c.prepare_cached(sql)?.execute(params![digest, session.account, ms(wish.now)])?
        }
        InsteadOf::Session(digest) => {
            let sql = "DELETE FROM sessions WHERE digest = ? AND account = ?";
            c.prepare_cached(sql)?.execute(params![digest, session.account])?
        }
    };
    if given_up != 1 {
        return Ok(Step::Undo(false));
    }
    let sql = "INSERT INTO sessions (digest, id, account, second_factor, origin, created_at, authenticated_at, last_used_at, ends_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        session.digest,
        session.id,
        session.account,
        session.second_factor,
        session.from,
        ms(session.created_at),
        ms(session.authenticated_at),
        ms(session.last_used_at),
        ms(session.ends_at)
    ])?;
    Ok(Step::Keep(true))
}

const SESSION: &str = "s.digest, s.id, s.account, s.second_factor, s.origin, s.created_at, s.authenticated_at, \
                       s.last_used_at, s.ends_at";

/// A session whose columns begin at `n`.
fn to_session(row: &Row<'_>, n: usize) -> rusqlite::Result<SessionRecord> {
    Ok(SessionRecord {
        digest: row.get(n)?,
        id: row.get(n + 1)?,
        account: row.get(n + 2)?,
        second_factor: row.get(n + 3)?,
        from: row.get(n + 4)?,
        created_at: time(row.get(n + 5)?),
        authenticated_at: time(row.get(n + 6)?),
        last_used_at: time(row.get(n + 7)?),
        ends_at: time(row.get(n + 8)?),
    })
}

pub(super) fn session(c: &Connection, digest: &[u8; 32]) -> Result<Option<(SessionRecord, AccountRecord)>> {
    let sql =
        format!("SELECT {ACCOUNT}, {SESSION} FROM sessions s JOIN accounts a ON a.id = s.account WHERE s.digest = ?");
    let found = |row: &Row<'_>| Ok((to_session(row, ACCOUNT_COLUMNS)?, to_account(row)?));
    Ok(c.prepare_cached(&sql)?.query_row([digest], found).optional()?)
}

pub(super) fn sessions(c: &Connection, account: &str) -> Result<Vec<SessionRecord>> {
    let sql = format!("SELECT {SESSION} FROM sessions s WHERE s.account = ? ORDER BY s.created_at DESC, s.id");
    let mut statement = c.prepare_cached(&sql)?;
    Ok(statement.query_map([account], |row| to_session(row, 0))?.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn touch_session(c: &Connection, digest: &[u8; 32], now: Timestamp) -> Result<()> {
    clock::note(c, now)?;
    let sql = "UPDATE sessions SET last_used_at = max(last_used_at, ?) WHERE digest = ?";
    c.prepare_cached(sql)?.execute(params![ms(now), digest])?;
    Ok(())
}

pub(super) fn end_sessions(c: &Connection, account: &str, which: &Which) -> Result<u64> {
    let (sql, id) = match which {
        Which::One(id) => ("DELETE FROM sessions WHERE account = ? AND id = ?", id),
        Which::AllBut(id) => ("DELETE FROM sessions WHERE account = ? AND id <> ?", id),
    };
    Ok(c.prepare_cached(sql)?.execute([account, id])? as u64)
}

fn end_all_of(c: &Connection, account: &str) -> Result<()> {
    c.prepare_cached("DELETE FROM sessions WHERE account = ?")?.execute([account])?;
    c.prepare_cached("DELETE FROM log_ins WHERE account = ?")?.execute([account])?;
    // Whoever knew the password before may have had one.
    c.prepare_cached("DELETE FROM browsers WHERE account = ?")?.execute([account])?;
    Ok(())
}

/// Nobody can say how long they have lasted.
pub(super) fn end_all(c: &Connection) -> Result<()> {
    for table in ["sessions", "log_ins", "errands", "invitations"] {
        c.prepare_cached(&format!("DELETE FROM {table}"))?.execute([])?;
    }
    Ok(())
}

/// Counts, or says which limit is reached and counts nothing.
pub(super) fn charge(c: &Connection, charges: &[Charge], now: Timestamp) -> Result<Step<Option<Limited>>> {
    clock::note(c, now)?;
    Ok(match limits::charge_all(c, charges, now)? {
        None => Step::Keep(None),
        limited => Step::Undo(limited),
    })
}

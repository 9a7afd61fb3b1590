//! Sessions, pending logins, known browsers, and authorization requests.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::rows::{ACCOUNT, ACCOUNT_COLUMNS, ACTIVE, ms, time, to_account};
use super::threads::Step;
use crate::store::*;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn open_session(&self, request: OpenSession) -> Result<bool> {
        self.threads.write_step_at(request.now, move |c| open_session(c, &request)).await
    }

    async fn session(&self, digest: &[u8; 32]) -> Result<Option<(SessionRecord, AccountRecord)>> {
        let digest = *digest;
        self.threads.read(move |c| session(c, &digest)).await
    }

    async fn sessions(&self, account: &str) -> Result<Vec<SessionRecord>> {
        let account = account.to_owned();
        self.threads.read(move |c| sessions(c, &account)).await
    }

    async fn touch_session(&self, digest: &[u8; 32], now: Timestamp) -> Result<()> {
        let digest = *digest;
        self.threads.write_at(now, move |c| touch_session(c, &digest, now)).await
    }

    async fn end_sessions(&self, account: &str, selection: SessionSelection) -> Result<u64> {
        let account = account.to_owned();
        self.threads.write(move |c| end_sessions(c, &account, &selection)).await
    }

    async fn insert_login(&self, login: LoginRecord, now: Timestamp) -> Result<()> {
        self.threads.write_at(now, move |c| insert_login(c, &login)).await
    }

    async fn login(&self, digest: &[u8; 32]) -> Result<Option<LoginRecord>> {
        let digest = *digest;
        self.threads.read(move |c| login(c, &digest)).await
    }

    async fn put_browser(&self, digest: &[u8; 32], account: &str, now: Timestamp) -> Result<()> {
        let (digest, account) = (*digest, account.to_owned());
        self.threads.write_at(now, move |c| put_browser(c, &digest, &account, now)).await
    }

    async fn browser_account(&self, digest: &[u8; 32]) -> Result<Option<String>> {
        let digest = *digest;
        self.threads.read(move |c| browser_account(c, &digest)).await
    }

    async fn insert_authorization_request(&self, request: AuthorizationRequestRecord, now: Timestamp) -> Result<()> {
        self.threads.write_at(now, move |c| insert_authorization_request(c, &request)).await
    }

    async fn take_authorization_request(
        &self,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<AuthorizationRequestRecord>> {
        let digest = *digest;
        self.threads.write_at(now, move |c| take_authorization_request(c, &digest, now)).await
    }
}

/// Opens a session. The account comes first: while it is being changed, nobody else can change it.
pub(super) fn open_session(c: &Connection, request: &OpenSession) -> Result<Step<bool>> {
    let session = &request.session;
    let login = request.is_login.then(|| ms(request.now));
    let sql = format!(
        "UPDATE accounts SET last_login_at = coalesce(?, last_login_at) WHERE id = ? AND generation = ? AND {ACTIVE}"
    );
    if c.prepare_cached(&sql)?.execute(params![login, session.account, request.generation])? != 1 {
        return Ok(Step::Undo(false));
    }
    let given_up = match &request.replaces {
        Replaces::Nothing => 1,
        Replaces::Login(digest) => {
            let sql = "DELETE FROM logins WHERE digest = ? AND account = ? AND expires_at > ?";
            c.prepare_cached(sql)?.execute(params![digest, session.account, ms(request.now)])?
        }
        Replaces::Session(digest) => {
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

/// Returns a session whose columns begin at `n`.
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
    let sql = "UPDATE sessions SET last_used_at = max(last_used_at, ?) WHERE digest = ?";
    c.prepare_cached(sql)?.execute(params![ms(now), digest])?;
    Ok(())
}

pub(super) fn end_sessions(c: &Connection, account: &str, selection: &SessionSelection) -> Result<u64> {
    let (sql, id) = match selection {
        SessionSelection::One(id) => ("DELETE FROM sessions WHERE account = ? AND id = ?", id),
        SessionSelection::AllExcept(id) => {
            c.prepare_cached("DELETE FROM logins WHERE account = ?")?.execute([account])?;
            ("DELETE FROM sessions WHERE account = ? AND id <> ?", id)
        }
    };
    Ok(c.prepare_cached(sql)?.execute([account, id])? as u64)
}

pub(super) fn end_all_of(c: &Connection, account: &str) -> Result<()> {
    c.prepare_cached("DELETE FROM sessions WHERE account = ?")?.execute([account])?;
    c.prepare_cached("DELETE FROM logins WHERE account = ?")?.execute([account])?;
    // Whoever knew the password before may have had one.
    c.prepare_cached("DELETE FROM browsers WHERE account = ?")?.execute([account])?;
    Ok(())
}

/// Nobody can say how long they have lasted.
pub(super) fn end_all(c: &Connection) -> Result<()> {
    for table in ["sessions", "logins", "authorization_requests", "invitations"] {
        c.prepare_cached(&format!("DELETE FROM {table}"))?.execute([])?;
    }
    Ok(())
}

pub(super) fn insert_login(c: &Connection, login: &LoginRecord) -> Result<()> {
    let sql = "INSERT INTO logins (digest, account, generation, subscription, challenge, expires_at) VALUES (?, ?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        login.digest,
        login.account,
        login.generation,
        login.subscription,
        login.challenge,
        ms(login.expires_at)
    ])?;
    Ok(())
}

pub(super) fn login(c: &Connection, digest: &[u8; 32]) -> Result<Option<LoginRecord>> {
    let sql = "SELECT digest, account, generation, subscription, challenge, expires_at FROM logins WHERE digest = ?";
    let found = |row: &Row<'_>| {
        Ok(LoginRecord {
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

pub(super) fn put_browser(c: &Connection, digest: &[u8; 32], account: &str, now: Timestamp) -> Result<()> {
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

pub(super) fn insert_authorization_request(c: &Connection, request: &AuthorizationRequestRecord) -> Result<()> {
    let sql = "INSERT INTO authorization_requests (digest, return_to, expires_at) VALUES (?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![request.digest, request.return_to, ms(request.expires_at)])?;
    Ok(())
}

pub(super) fn take_authorization_request(
    c: &Connection,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<Option<AuthorizationRequestRecord>> {
    let sql = "DELETE FROM authorization_requests WHERE digest = ? AND expires_at > ? RETURNING return_to, expires_at";
    let taken = c
        .prepare_cached(sql)?
        .query_row(params![digest, ms(now)], |row| {
            Ok(AuthorizationRequestRecord { digest: *digest, return_to: row.get(0)?, expires_at: time(row.get(1)?) })
        })
        .optional()?;
    Ok(taken)
}

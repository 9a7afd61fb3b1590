//! Sessions, pending logins, known browsers, and authorization requests.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::rows::{ACCOUNT, ACCOUNT_COLUMNS, ACTIVE, to_account};
use super::session::Session;
use super::values::{get, values};
use super::{BEGIN_UNGUARDED, PostgresStore, Step};
use crate::store::*;

#[async_trait]
impl SessionStore for PostgresStore {
    async fn open_session(&self, request: OpenSession) -> Result<bool> {
        self.change_at(request.now, request, |c, request| async move { open_session(&c, &request).await }).await
    }

    async fn session(&self, digest: &[u8; 32]) -> Result<Option<(SessionRecord, AccountRecord)>> {
        self.read(*digest, |c, digest| async move { session(&c, &digest).await }).await
    }

    async fn sessions(&self, account: &str) -> Result<Vec<SessionRecord>> {
        self.read(account.to_owned(), |c, account| async move { sessions(&c, &account).await }).await
    }

    async fn touch_session(&self, digest: &[u8; 32], now: Timestamp) -> Result<()> {
        self.write_at(now, *digest, move |c, digest| async move {
            let sql = "UPDATE sessions SET last_used_at = greatest(last_used_at, tf1_now($1)) WHERE digest = $2";
            c.execute(sql, values![now, &*digest]).await?;
            Ok(())
        })
        .await
    }

    async fn end_sessions(&self, account: &str, selection: SessionSelection) -> Result<u64> {
        self.transaction(BEGIN_UNGUARDED.to_owned(), (account.to_owned(), selection), |c, input| async move {
            end_sessions(&c, &input.0, &input.1).await.map(Step::Keep)
        })
        .await
    }

    async fn insert_login(&self, login: LoginRecord, now: Timestamp) -> Result<()> {
        self.write_at(now, login, |c, login| async move { insert_login(&c, &login).await }).await
    }

    async fn login(&self, digest: &[u8; 32]) -> Result<Option<LoginRecord>> {
        self.read(*digest, |c, digest| async move { login(&c, &digest).await }).await
    }

    async fn put_browser(&self, digest: &[u8; 32], account: &str, now: Timestamp) -> Result<()> {
        let digest = *digest;
        self.change_at(now, account.to_owned(), move |c, account| async move {
            put_browser(&c, &digest, &account, now).await.map(Step::Keep)
        })
        .await
    }

    async fn browser_account(&self, digest: &[u8; 32]) -> Result<Option<String>> {
        self.read(*digest, |c, digest| async move {
            let row = c.row("SELECT account FROM browsers WHERE digest = $1", values![&*digest]).await?;
            row.map(|row| get(&row, 0)).transpose()
        })
        .await
    }

    async fn insert_authorization_request(&self, request: AuthorizationRequestRecord, now: Timestamp) -> Result<()> {
        self.write_at(now, request, |c, request| async move {
            let sql = "INSERT INTO authorization_requests (digest, return_to, expires_at) VALUES ($1, $2, $3)";
            c.execute(sql, values![&request.digest, &request.return_to, request.expires_at]).await?;
            Ok(())
        })
        .await
    }

    async fn take_authorization_request(
        &self,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<AuthorizationRequestRecord>> {
        self.write_at(now, *digest, move |c, digest| async move { take_authorization_request(&c, &digest, now).await })
            .await
    }
}

async fn open_session(c: &Session, request: &OpenSession) -> Result<Step<bool>> {
    let session = &request.session;
    let login = request.is_login.then_some(request.now);
    let sql = format!(
        "UPDATE accounts SET last_login_at = coalesce($1, last_login_at) WHERE id = $2 AND generation = $3 AND {ACTIVE}"
    );
    if c.execute(&sql, values![login, &session.account, request.generation]).await? != 1 {
        return Ok(Step::Undo(false));
    }
    let given_up = match &request.replaces {
        Replaces::Nothing => 1,
        Replaces::Login(digest) => {
            let sql = "DELETE FROM logins WHERE digest = $1 AND account = $2 AND expires_at > tf1_now($3)";
            c.execute(sql, values![digest, &session.account, request.now]).await?
        }
        Replaces::Session(digest) => {
            let sql = "DELETE FROM sessions WHERE digest = $1 AND account = $2";
            c.execute(sql, values![digest, &session.account]).await?
        }
    };
    if given_up != 1 {
        return Ok(Step::Undo(false));
    }
    let sql = "INSERT INTO sessions (digest, id, account, second_factor, origin, created_at, authenticated_at, last_used_at, ends_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = values![
        &session.digest,
        &session.id,
        &session.account,
        session.second_factor,
        &session.from,
        session.created_at,
        session.authenticated_at,
        session.last_used_at,
        session.ends_at
    ];
    c.execute(sql, values).await?;
    Ok(Step::Keep(true))
}

const SESSION: &str = "s.digest, s.id, s.account, s.second_factor, s.origin, s.created_at, s.authenticated_at, \
                       s.last_used_at, s.ends_at";

/// Returns a session whose columns begin at `n`.
fn to_session(row: &Row, n: usize) -> Result<SessionRecord> {
    Ok(SessionRecord {
        digest: get(row, n)?,
        id: get(row, n + 1)?,
        account: get(row, n + 2)?,
        second_factor: get(row, n + 3)?,
        from: get(row, n + 4)?,
        created_at: get(row, n + 5)?,
        authenticated_at: get(row, n + 6)?,
        last_used_at: get(row, n + 7)?,
        ends_at: get(row, n + 8)?,
    })
}

async fn session(c: &Session, digest: &[u8; 32]) -> Result<Option<(SessionRecord, AccountRecord)>> {
    let sql =
        format!("SELECT {ACCOUNT}, {SESSION} FROM sessions s JOIN accounts a ON a.id = s.account WHERE s.digest = $1");
    let found = |row: &Row| Ok((to_session(row, ACCOUNT_COLUMNS)?, to_account(row)?));
    c.row(&sql, values![digest]).await?.as_ref().map(found).transpose()
}

async fn sessions(c: &Session, account: &str) -> Result<Vec<SessionRecord>> {
    let sql = format!("SELECT {SESSION} FROM sessions s WHERE s.account = $1 ORDER BY s.created_at DESC, s.id");
    c.rows(&sql, values![account]).await?.iter().map(|row| to_session(row, 0)).collect()
}

pub(super) async fn end_sessions(c: &Session, account: &str, selection: &SessionSelection) -> Result<u64> {
    let (sql, id) = match selection {
        SessionSelection::One(id) => ("DELETE FROM sessions WHERE account = $1 AND id = $2", id),
        SessionSelection::AllExcept(id) => {
            c.execute("DELETE FROM logins WHERE account = $1", values![account]).await?;
            ("DELETE FROM sessions WHERE account = $1 AND id <> $2", id)
        }
    };
    c.execute(sql, values![account, id]).await
}

pub(super) async fn end_all_of(c: &Session, account: &str) -> Result<()> {
    // A person who knew the old password may also have had a known browser.
    for table in ["sessions", "logins", "browsers"] {
        c.execute(&format!("DELETE FROM {table} WHERE account = $1"), values![account]).await?;
    }
    Ok(())
}

async fn insert_login(c: &Session, login: &LoginRecord) -> Result<()> {
    let LoginRecord { digest, account, generation, subscription, challenge, expires_at } = login;
    let sql = "INSERT INTO logins (digest, account, generation, subscription, challenge, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    c.execute(sql, values![digest, account, *generation, subscription, challenge, *expires_at]).await?;
    Ok(())
}

async fn login(c: &Session, digest: &[u8; 32]) -> Result<Option<LoginRecord>> {
    let sql = "SELECT digest, account, generation, subscription, challenge, expires_at FROM logins WHERE digest = $1";
    let found = |row: &Row| {
        Ok(LoginRecord {
            digest: get(row, 0)?,
            account: get(row, 1)?,
            generation: get(row, 2)?,
            subscription: get(row, 3)?,
            challenge: get(row, 4)?,
            expires_at: get(row, 5)?,
        })
    };
    c.row(sql, values![digest]).await?.as_ref().map(found).transpose()
}

async fn put_browser(c: &Session, digest: &[u8; 32], account: &str, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO browsers AS b (digest, account, used_at) VALUES ($1, $2, $3) \
               ON CONFLICT (digest) DO UPDATE SET used_at = greatest(b.used_at, $3) WHERE b.account = $2";
    c.execute(sql, values![digest, account, now]).await?;
    let sql = "DELETE FROM browsers WHERE account = $1 AND digest IN \
               (SELECT digest FROM browsers WHERE account = $1 ORDER BY used_at DESC, digest OFFSET $2)";
    c.execute(sql, values![account, BROWSERS_KEPT]).await?;
    Ok(())
}

async fn take_authorization_request(
    c: &Session,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<Option<AuthorizationRequestRecord>> {
    let sql = "DELETE FROM authorization_requests WHERE digest = $1 AND expires_at > tf1_now($2) RETURNING return_to, expires_at";
    let taken = |row: &Row| {
        Ok(AuthorizationRequestRecord { digest: *digest, return_to: get(row, 0)?, expires_at: get(row, 1)? })
    };
    c.row(sql, values![digest, now]).await?.as_ref().map(taken).transpose()
}

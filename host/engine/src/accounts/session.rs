//! Sessions: opened at each login; they end after a time without use, after a maximum time, or when
//! they are revoked.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use super::browser::PasswordPlace;
use super::{Account, Accounts, Client, actor_name, password};
use crate::audit::Actor;
use crate::completion::to_the_end;
use crate::error::Error;
use crate::random;
use crate::secret_kind::SecretKind;
use crate::store::{AccountRecord, OpenSession, Replaces, SessionRecord, SessionSelection};
use twofactor_sandbox::Secret;

/// How often the last use is recorded at most: not every request is a write.
const NOTED: Duration = Duration::from_secs(60);

/// A session of a logged-in person, in its current state.
#[derive(Clone)]
#[non_exhaustive]
pub struct Session {
    /// The id for lists and the audit log. It is not a secret.
    pub id: String,
    /// The account, with its role.
    pub account: Account,
    /// Whether a second factor was used. If not, none was available: tell the person.
    pub second_factor: bool,
    /// When the person logged in.
    pub created_at: Timestamp,
    /// When the person last entered the password.
    pub authenticated_at: Timestamp,
    /// When it expires, however much it is used.
    pub ends_at: Timestamp,
    now: Timestamp,
    generation: u64,
    record: Box<SessionRecord>,
}

impl Session {
    /// Returns whether the person entered the password within this time. If not, ask again
    /// ([`Accounts::reauthenticate`]) before anything that must not be possible at an unattended
    /// screen.
    pub fn is_fresh(&self, within: Duration) -> bool {
        self.now.duration_since(self.authenticated_at).unsigned_abs() <= within
    }

    /// Returns the actor that the audit log records for this session.
    pub fn actor(&self, from: Option<IpAddr>) -> Actor {
        Actor { name: actor_name(&self.account.id), from }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("second_factor", &self.second_factor)
            .finish_non_exhaustive()
    }
}

/// A session with its secret, shown only once.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenedSession {
    /// The secret that a browser sends back, in a cookie.
    pub secret: Secret,
    /// The session.
    pub session: Session,
    /// The secret that the browser stores for half a year, in a separate cookie, to be recognized
    /// at the next login ([`Client::browsers`]); none if it has one already. It grants no access.
    pub browser: Option<Secret>,
}

/// An entry in the list of a person's sessions. `Debug` does not show the address.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The id.
    pub id: String,
    /// Whether it is the session that asks.
    pub current: bool,
    /// Whether a second factor was used.
    pub second_factor: bool,
    /// The address it was opened from.
    pub from: Option<String>,
    /// When the person logged in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
}

impl fmt::Debug for SessionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionInfo").field("id", &self.id).field("current", &self.current).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Returns a session that begins now. Its digest is that of its secret.
    pub(super) fn begin(&self, account: &str, second_factor: bool, client: &Client) -> Result<SessionRecord, Error> {
        let now = self.clock.now();
        Ok(SessionRecord {
            digest: [0; 32],
            id: random::id()?,
            account: account.to_owned(),
            second_factor,
            from: client.address.map(|address| address.to_canonical().to_string()),
            created_at: now,
            authenticated_at: now,
            last_used_at: now,
            ends_at: now + self.policy.longest,
        })
    }

    /// Opens a session for a logged-in person, and remembers the browser.
    pub(super) async fn open_in(
        &self,
        session: SessionRecord,
        generation: u64,
        replaces: Replaces,
        client: &Client,
    ) -> Result<Option<OpenedSession>, Error> {
        let account = session.account.clone();
        let Some(opened) = self.open(session, generation, replaces, true).await? else { return Ok(None) };
        let browser = self.remember_browser(&account, client).await?;
        Ok(Some(OpenedSession { browser, ..opened }))
    }

    /// Each session gets a new secret, so none from before the login is valid.
    pub(super) async fn open(
        &self,
        mut session: SessionRecord,
        generation: u64,
        replaces: Replaces,
        is_login: bool,
    ) -> Result<Option<OpenedSession>, Error> {
        let (secret, digest) = SecretKind::Session.draw()?;
        session.digest = digest;
        let now = self.clock.now();
        if !self.store.open_session(OpenSession { session, generation, replaces, is_login, now }).await? {
            return Ok(None);
        }
        let found = self.store.session(&digest).await?;
        found
            .map(|(record, account)| Ok(OpenedSession { secret, session: self.seen(record, &account)?, browser: None }))
            .transpose()
    }

    fn seen(&self, record: SessionRecord, account: &AccountRecord) -> Result<Session, Error> {
        Ok(Session {
            id: record.id.clone(),
            account: self.view(account)?,
            second_factor: record.second_factor,
            created_at: record.created_at,
            authenticated_at: record.authenticated_at,
            ends_at: record.ends_at,
            now: self.clock.now(),
            generation: account.generation,
            record: Box::new(record),
        })
    }

    fn is_over(&self, record: &SessionRecord) -> bool {
        let now = self.clock.now();
        record.ends_at <= now || record.last_used_at + self.policy.idle <= now
    }

    /// Returns the session that a secret opens, if it has not ended. The lookup counts as use.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, Error> {
        let Some(digest) = SecretKind::Session.digest(secret) else { return Ok(None) };
        let Some((mut record, account)) = self.store.session(&digest).await? else { return Ok(None) };
        if self.is_over(&record) || !account.is_active() {
            // Setting the clock back must not revive it.
            self.store.end_sessions(&record.account, SessionSelection::One(record.id)).await?;
            return Ok(None);
        }
        let now = self.clock.now();
        if record.last_used_at + NOTED <= now {
            self.store.touch_session(&digest, now).await?;
            record.last_used_at = now;
        }
        Ok(Some(self.seen(record, &account)?))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn log_out(&self, session: &Session, client: &Client) -> Result<(), Error> {
        self.audit.append(&session.actor(client.address), "account.logout", &session.account.id, "").await?;
        self.store.end_sessions(&session.account.id, SessionSelection::One(session.id.clone())).await?;
        Ok(())
    }

    /// Returns the sessions of this session's account, newest first.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn sessions(&self, session: &Session) -> Result<Vec<SessionInfo>, Error> {
        let all = self.store.sessions(&session.account.id).await?;
        let alive = all.into_iter().filter(|record| !self.is_over(record));
        Ok(alive
            .map(|record| SessionInfo {
                current: record.id == session.id,
                id: record.id,
                second_factor: record.second_factor,
                from: record.from,
                created_at: record.created_at,
                last_used_at: record.last_used_at,
            })
            .collect())
    }

    /// Ends one of the sessions of this session's account.
    ///
    /// # Errors
    /// [`Error::is_not_found`], also for sessions of other accounts.
    pub async fn end_session(&self, session: &Session, id: &str, client: &Client) -> Result<(), Error> {
        let account = &session.account.id;
        if !self.store.sessions(account).await?.iter().any(|record| record.id == id) {
            return Err(Error::not_found("session"));
        }
        self.audit.append(&session.actor(client.address), "account.end-session", account, id).await?;
        self.store.end_sessions(account, SessionSelection::One(id.to_owned())).await?;
        Ok(())
    }

    /// Ends all other sessions of this session's account, and its pending logins. Returns how many sessions.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn end_other_sessions(&self, session: &Session, client: &Client) -> Result<u64, Error> {
        let account = &session.account.id;
        let audited =
            self.audit.append(&session.actor(client.address), "account.end-session", account, "all others").await;
        // They end even if the audit log cannot be written: after a first factor, no later change would end them.
        let ended = self.store.end_sessions(account, SessionSelection::AllExcept(session.id.clone())).await?;
        audited?;
        Ok(ended)
    }

    /// Changes the account's password. All its other sessions and its invitation end; this session
    /// continues with a new secret.
    ///
    /// # Errors
    /// [`Error::is_invalid_credentials`] if the current password is wrong, [`Error::is_rate_limited`] after
    /// too many wrong ones. Invalid input, with the reason, if the new one is too short, too long
    /// or too easy to guess. [`Error::is_closed`] if the session has ended.
    pub async fn change_password(
        &self,
        session: &Session,
        current: &str,
        new: &str,
        client: &Client,
    ) -> Result<OpenedSession, Error> {
        let record = self.own_password(session, current, client).await?;
        let accepted = password::accept(new, &self.person(&record)?.names())?;
        let sealed = self.seal_password(&record.id, &self.passwords.hash(accepted).await?)?;
        self.audit.append(&session.actor(client.address), "account.change-password", &record.id, "").await?;
        if !self.store.set_password(&record.id, session.generation, sealed).await? {
            return Err(Error::login_closed());
        }
        let opened = self.renew(session, session.generation + 1, Replaces::Nothing).await?;
        // The secrets in other browsers become invalid.
        let browser = self.remember_browser(&record.id, client).await?;
        Ok(OpenedSession { browser, ..opened })
    }

    /// Verifies the password again. The session continues with a new secret and counts as fresh.
    ///
    /// # Errors
    /// As for [`Accounts::change_password`].
    pub async fn reauthenticate(
        &self,
        session: &Session,
        password: &str,
        client: &Client,
    ) -> Result<OpenedSession, Error> {
        let record = self.own_password(session, password, client).await?;
        self.audit.append(&session.actor(client.address), "account.reauthenticate", &record.id, "").await?;
        self.renew(session, session.generation, Replaces::Session(session.record.digest)).await
    }

    /// Checks that a session has not ended since it was looked up.
    pub(super) async fn check_alive(&self, session: &Session) -> Result<(), Error> {
        match self.store.session(&session.record.digest).await? {
            Some(_) => Ok(()),
            None => Err(Error::login_closed()),
        }
    }

    /// Continues a session whose person has just proved a second factor.
    pub(super) async fn with_second_factor(&self, session: &Session) -> Result<OpenedSession, Error> {
        let record = SessionRecord { second_factor: true, ..(*session.record).clone() };
        let opened = self.open(record, session.generation, Replaces::Session(session.record.digest), false).await?;
        opened.ok_or_else(Error::login_closed)
    }

    pub(super) async fn own_password(
        &self,
        session: &Session,
        password: &str,
        client: &Client,
    ) -> Result<AccountRecord, Error> {
        let (this, session, client) = (self.clone(), session.clone(), client.clone());
        let password = Zeroizing::new(password.to_owned());
        // Runs to completion even if the browser disconnects, as a login does.
        to_the_end(async move { this.verify_own_password(&session, &password, &client).await }).await
    }

    async fn verify_own_password(
        &self,
        session: &Session,
        password: &str,
        client: &Client,
    ) -> Result<AccountRecord, Error> {
        // An ended session must not be usable for guessing passwords.
        self.check_alive(session).await?;
        let record = self.record(&session.account.id).await?;
        let key = record.email;
        let place = PasswordPlace::Session(&session.id);
        self.verify_password(&key, Some(record), password, (place, "account.password-refused"), client).await
    }

    async fn renew(&self, session: &Session, generation: u64, replaces: Replaces) -> Result<OpenedSession, Error> {
        let now = self.clock.now();
        let record = SessionRecord { authenticated_at: now, last_used_at: now, ..(*session.record).clone() };
        self.open(record, generation, replaces, false).await?.ok_or_else(Error::login_closed)
    }
}

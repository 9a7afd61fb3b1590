//! Sessions of administrators, and how they begin: pending logins, known browsers, requests to identity providers.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{AccountRecord, Result};

/// How many browsers of an account are remembered.
pub const BROWSERS_KEPT: u32 = 10;

/// A login that waits for its second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginRecord {
    /// SHA-256 of the secret that continues it.
    pub digest: [u8; 32],
    /// The account.
    pub account: String,
    /// The account's `generation` when the password was verified.
    pub generation: u64,
    /// The subscription of the challenge it waits for.
    pub subscription: String,
    /// The challenge it waits for.
    pub challenge: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl fmt::Debug for LoginRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRecord").field("account", &self.account).finish_non_exhaustive()
    }
}

/// An authorization request: a browser was sent to an identity provider and will come back.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationRequestRecord {
    /// SHA-256 of the secret that the browser holds.
    pub digest: [u8; 32],
    /// The page to return to after the login.
    pub return_to: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl fmt::Debug for AuthorizationRequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequestRecord").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A session of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of its secret.
    pub digest: [u8; 32],
    /// Identifies it in lists and in the audit log.
    pub id: String,
    /// The account.
    pub account: String,
    /// Whether it was opened with a second factor.
    pub second_factor: bool,
    /// The address it was opened from.
    pub from: Option<String>,
    /// When the person logged in.
    pub created_at: Timestamp,
    /// When the person last entered the password.
    pub authenticated_at: Timestamp,
    /// When it was last used, to a minute.
    pub last_used_at: Timestamp,
    /// When it ends, however much it is used.
    pub ends_at: Timestamp,
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord").field("id", &self.id).field("account", &self.account).finish_non_exhaustive()
    }
}

/// A request to open a session.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// The session.
    pub session: SessionRecord,
    /// The account's `generation` when the person was authenticated.
    pub generation: u64,
    /// What it replaces.
    pub replaces: Replaces,
    /// Whether the person logged in: the time is then stored with the account.
    pub is_login: bool,
    /// The current time.
    pub now: Timestamp,
}

/// What a new session replaces and ends. If that does not exist, the session is not opened.
#[derive(Clone, PartialEq, Eq)]
pub enum Replaces {
    /// Nothing.
    Nothing,
    /// The pending login with this digest, whose second factor was verified.
    Login([u8; 32]),
    /// The session with this digest, which gets a new secret.
    Session([u8; 32]),
}

impl fmt::Debug for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Login(_) => "Login(…)",
            Self::Session(_) => "Session(…)",
        })
    }
}

/// Selects sessions of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionSelection {
    /// The one with this id.
    One(String),
    /// All except the one with this id, and all pending logins.
    AllExcept(String),
}

/// Stores sessions, pending logins, known browsers, and authorization requests.
#[async_trait]
pub trait SessionStore {
    /// Opens a session of an active account if the account's generation is still the one named and what the session replaces
    /// exists. Returns false otherwise.
    async fn open_session(&self, request: OpenSession) -> Result<bool>;

    /// Returns the session with this digest and its account, even if it has ended.
    async fn session(&self, digest: &[u8; 32]) -> Result<Option<(SessionRecord, AccountRecord)>>;

    /// Returns an account's sessions, the newest first, also those that have ended.
    async fn sessions(&self, account: &str) -> Result<Vec<SessionRecord>>;

    /// Stores when a session was last used.
    async fn touch_session(&self, digest: &[u8; 32], now: Timestamp) -> Result<()>;

    /// Ends sessions of an account. Returns how many; pending logins are not counted.
    async fn end_sessions(&self, account: &str, selection: SessionSelection) -> Result<u64>;

    /// Adds a login that waits for its second factor.
    async fn insert_login(&self, login: LoginRecord, now: Timestamp) -> Result<()>;

    /// Returns the pending login with this digest, even if it has expired.
    async fn login(&self, digest: &[u8; 32]) -> Result<Option<LoginRecord>>;

    /// Remembers a browser in which somebody logged in to an account, or that it was used. The last [`BROWSERS_KEPT`] of an
    /// account are kept.
    async fn put_browser(&self, digest: &[u8; 32], account: &str, now: Timestamp) -> Result<()>;

    /// Returns the account that somebody logged in to in the browser with this digest.
    async fn browser_account(&self, digest: &[u8; 32]) -> Result<Option<String>>;

    /// Adds an authorization request.
    async fn insert_authorization_request(&self, request: AuthorizationRequestRecord, now: Timestamp) -> Result<()>;

    /// Removes the authorization request with this digest and returns it, if it has not expired.
    async fn take_authorization_request(
        &self,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<AuthorizationRequestRecord>>;
}

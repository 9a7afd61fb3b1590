//! What the store keeps of those who administer, as plain values.
//!
//! People, addresses and passwords are sealed; secrets that somebody holds are digests.

use std::fmt;

use jiff::Timestamp;

use super::BucketKey;

/// An account of somebody who administers.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// Counts accounts in the order they were made; the store gives it.
    pub seq: u64,
    /// Random; names the account in lists and in the audit log.
    pub id: String,
    /// Keyed hash of the email address it logs in with; no two accounts have the same.
    pub email: BucketKey,
    /// Name, email address and telephone number, sealed and bound to `id`.
    pub sealed: Vec<u8>,
    /// Its role, as JSON: an object whose `role` is the role's name.
    pub role: String,
    /// The password's hash, sealed and bound to `id`; none until the person sets one.
    pub password: Option<Vec<u8>>,
    /// Keyed hash of issuer and subject, if an identity provider vouches for its person; no two accounts have the same.
    pub identity: Option<BucketKey>,
    /// Whether it may not log in.
    pub disabled: bool,
    /// Counts what ends all sessions: a new password, another role, being disabled. A log-in that began before does not succeed.
    pub generation: u64,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody last logged in to it.
    pub last_log_in: Option<Timestamp>,
}

impl AccountRecord {
    /// Whether somebody can log in to it.
    pub fn is_active(&self) -> bool {
        (self.password.is_some() || self.identity.is_some()) && !self.disabled
    }
}

impl fmt::Debug for AccountRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRecord").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A link with which somebody sets a password.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationRecord {
    /// SHA-256 of the link's secret.
    pub digest: [u8; 32],
    /// To which account; none for the first administrator, whose account is made when the link is used.
    pub account: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether whoever uses it gets in without a second factor, though one is demanded.
    pub without_second_factor: bool,
}

impl fmt::Debug for InvitationRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationRecord").field("account", &self.account).finish_non_exhaustive()
    }
}

/// A link that is used: all of it is committed, or nothing.
#[derive(Clone, Debug)]
pub struct Redeem {
    /// SHA-256 of the link's secret.
    pub digest: [u8; 32],
    /// The account the link must be for, or the first administrator's, which is added now.
    pub account: Redeemed,
    /// The time.
    pub now: Timestamp,
}

/// What a link is used for.
#[derive(Clone)]
pub enum Redeemed {
    /// The account with this id gets this password, sealed.
    Password(String, Vec<u8>),
    /// The first administrator's account, with its password. Only while no account is active.
    First(AccountRecord),
}

impl fmt::Debug for Redeemed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(id, _) => f.debug_tuple("Password").field(id).finish_non_exhaustive(),
            Self::First(account) => f.debug_tuple("First").field(account).finish(),
        }
    }
}

/// How the second factor of accounts is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorRecord {
    /// The subscription whose instances deliver it, if one was chosen.
    pub subscription: Option<String>,
    /// Since when every log-in demands it, if it does.
    pub demanded_since: Option<Timestamp>,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
}

/// A log-in that waits for its second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct LogInRecord {
    /// SHA-256 of the secret that continues it.
    pub digest: [u8; 32],
    /// Whose.
    pub account: String,
    /// The account's `generation` when the password was right.
    pub generation: u64,
    /// Whose challenge it waits for.
    pub subscription: String,
    /// Which.
    pub challenge: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl fmt::Debug for LogInRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogInRecord").field("account", &self.account).finish_non_exhaustive()
    }
}

/// A browser that is at an identity provider and will come back.
#[derive(Clone, PartialEq, Eq)]
pub struct ErrandRecord {
    /// SHA-256 of the secret it holds.
    pub digest: [u8; 32],
    /// The page it wants to come to.
    pub aim: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl fmt::Debug for ErrandRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrandRecord").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A session of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of its secret.
    pub digest: [u8; 32],
    /// Names it in lists and in the audit log.
    pub id: String,
    /// Whose.
    pub account: String,
    /// Whether it was opened with a second factor.
    pub second_factor: bool,
    /// Where it was opened from.
    pub from: Option<String>,
    /// When the person logged in.
    pub created_at: Timestamp,
    /// When the person last gave the password.
    pub authenticated_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Timestamp,
    /// When it ends, however much it is used.
    pub ends_at: Timestamp,
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord").field("id", &self.id).field("account", &self.account).finish_non_exhaustive()
    }
}

/// A wish to open a session.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// The session.
    pub session: SessionRecord,
    /// The account's `generation` when the person proved who it is.
    pub generation: u64,
    /// What it takes the place of, and ends.
    pub instead_of: InsteadOf,
    /// Whether the person logged in, which is noted with the account.
    pub log_in: bool,
    /// The time.
    pub now: Timestamp,
}

/// What a new session takes the place of. Without it there is no new session.
#[derive(Clone, PartialEq, Eq)]
pub enum InsteadOf {
    /// Of nothing.
    Nothing,
    /// Of the log-in with this digest, which had its second factor.
    LogIn([u8; 32]),
    /// Of the session with this digest, whose secret is replaced.
    Session([u8; 32]),
}

impl fmt::Debug for InsteadOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::LogIn(_) => "LogIn(…)",
            Self::Session(_) => "Session(…)",
        })
    }
}

/// What came of changing or removing an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStep {
    /// It was done.
    Done,
    /// It was changed since it was read, or is not there any more.
    PassedOver,
    /// Nobody could administer the installation any more: it is the only account of role `system_admin` that is active.
    LastSystemAdmin,
}

/// Which of an account's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with this id.
    One(String),
    /// All but the one with this id.
    AllBut(String),
}

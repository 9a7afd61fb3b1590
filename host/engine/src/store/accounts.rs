//! Accounts of administrators, their invitations, and the settings of their second factor.
//!
//! Names and addresses are sealed; of secrets only digests are stored.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{BucketKey, Result, Update};

/// An account of an administrator.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// Counts accounts in the order they were created; assigned by the store.
    pub seq: u64,
    /// Random. Identifies the account in lists and in the audit log.
    pub id: String,
    /// A keyed hash of the email address it logs in with. Unique.
    pub email: BucketKey,
    /// Name, email address and phone number, sealed and bound to `id`.
    pub sealed: Vec<u8>,
    /// Its role, as JSON: an object whose `role` is the role's name.
    pub role: String,
    /// The hash of the password, sealed and bound to `id`; none until the person sets one.
    pub password: Option<Vec<u8>>,
    /// A keyed hash of issuer and subject, if an identity provider authenticates the person. Unique.
    pub identity: Option<BucketKey>,
    /// Whether nobody may log in to it.
    pub disabled: bool,
    /// Counts the changes that end all sessions: a new password, another role, being disabled. A login that began before such
    /// a change does not succeed.
    pub generation: u64,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When somebody last logged in to it.
    pub last_login_at: Option<Timestamp>,
}

impl AccountRecord {
    /// Returns whether somebody can log in to it.
    pub fn is_active(&self) -> bool {
        (self.password.is_some() || self.identity.is_some()) && !self.disabled
    }
}

impl fmt::Debug for AccountRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRecord").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// An invitation: a link with which a person sets the password of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationRecord {
    /// SHA-256 of the link's secret.
    pub digest: [u8; 32],
    /// The account it is for; none for the first administrator, whose account is created when the link is used.
    pub account: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Whether its user may log in without a second factor although one is required.
    pub without_second_factor: bool,
}

impl fmt::Debug for InvitationRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationRecord").field("account", &self.account).finish_non_exhaustive()
    }
}

/// The use of an invitation. All of it is committed, or nothing.
#[derive(Clone, Debug)]
pub struct Redeem {
    /// SHA-256 of the link's secret.
    pub digest: [u8; 32],
    /// What the invitation must be for.
    pub account: Redeemed,
    /// The current time.
    pub now: Timestamp,
}

/// What an invitation is used for.
#[derive(Clone)]
pub enum Redeemed {
    /// The account with this id gets this password, sealed.
    Password(String, Vec<u8>),
    /// The first administrator's account is added, with its password. Only while no account is active.
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

/// The settings of the second factor of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorRecord {
    /// The subscription whose instances deliver it, if one was chosen.
    pub subscription: Option<String>,
    /// Since when every login requires it, if it does.
    pub demanded_since: Option<Timestamp>,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
}

/// The result of changing or removing an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountUpdate {
    /// The change was made.
    Applied,
    /// The account was changed since it was read, or does not exist.
    Stale,
    /// The change would leave nobody to administer the installation: this is the only active account of role `system_admin`.
    LastSystemAdmin,
}

/// Stores accounts, invitations, and the settings of the second factor.
#[async_trait]
pub trait AccountStore {
    /// Adds an account and its invitation. A conflict if its email is taken.
    async fn insert_account(&self, account: AccountRecord, invitation: InvitationRecord) -> Result<()>;

    /// Adds an account whose person an identity provider authenticates. A conflict if its identity or its email is taken.
    async fn insert_external_account(&self, account: AccountRecord) -> Result<()>;

    /// Returns one account.
    async fn account(&self, id: &str) -> Result<Option<AccountRecord>>;

    /// Returns the account with this hash of its issuer and subject.
    async fn account_by_identity(&self, identity: &BucketKey) -> Result<Option<AccountRecord>>;

    /// Returns the account with this hash of its email address.
    async fn account_by_email(&self, email: &BucketKey) -> Result<Option<AccountRecord>>;

    /// Returns accounts whose `seq` is greater than `after`, the oldest first.
    async fn accounts(&self, after: u64, limit: u32) -> Result<Vec<AccountRecord>>;

    /// Returns whether somebody can log in to any account.
    async fn has_active_account(&self) -> Result<bool>;

    /// Replaces an account if its revision is still `expected_revision`. `account` holds the new revision. The id, email,
    /// password, identity, `created_at` and `last_login_at` do not change.
    ///
    /// Another generation ends its sessions and pending logins; being disabled ends its invitation. The only active account of
    /// role `system_admin` stays active and keeps that role.
    async fn update_account(&self, account: AccountRecord, expected_revision: u64) -> Result<AccountUpdate>;

    /// Removes an account with everything that belongs to it, unless it is the only active one of role `system_admin`.
    async fn delete_account(&self, id: &str) -> Result<AccountUpdate>;

    /// Replaces the invitation of an account, or of the first administrator. Returns false if the account does not exist, is
    /// disabled or has an identity; for the first administrator, if an account is active.
    async fn put_invitation(&self, invitation: InvitationRecord, now: Timestamp) -> Result<bool>;

    /// Returns the invitation with this digest, even if it has expired.
    async fn invitation(&self, digest: &[u8; 32]) -> Result<Option<InvitationRecord>>;

    /// Uses an invitation and sets a password with it, which ends the account's sessions and pending logins. Returns `None` if
    /// the invitation is unknown, has expired, was used or is for another account.
    async fn redeem_invitation(&self, request: Redeem) -> Result<Option<AccountRecord>>;

    /// Replaces the password of an active account if its generation is still `generation`, and begins the next generation: its
    /// sessions, pending logins and invitation end. Returns false otherwise.
    async fn set_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<bool>;

    /// Stores a new hash of the same password if the account's generation is still `generation`.
    async fn rehash_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<()>;

    /// Returns the settings of the second factor of accounts.
    async fn second_factor(&self) -> Result<Option<SecondFactorRecord>>;

    /// Replaces the settings of the second factor if their revision is still `expected_revision`; 0 stands for no settings.
    /// `record` holds the new revision.
    async fn set_second_factor(&self, record: SecondFactorRecord, expected_revision: u64) -> Result<Update>;
}

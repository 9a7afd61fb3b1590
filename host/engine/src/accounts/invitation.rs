//! Links with which people set a password, the first time and later.

use std::time::Duration;

use jiff::Timestamp;

use super::login::Proof;
use super::{Account, Accounts, Client, LoginOutcome, Person, actor_name, password};
use crate::audit::Actor;
use crate::error::Error;
use crate::secret_kind::SecretKind;
use crate::store::{InvitationRecord, Redeem, Redeemed};
use crate::token::Role;
use twofactor_sandbox::Secret;

/// How long a link is valid.
const GOOD: Duration = Duration::from_secs(24 * 3600);

/// A link, shown only once. It can be used once, within 24 hours, until a newer one is created for
/// the same account.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Invitation {
    /// The secret in the link.
    pub secret: Secret,
    /// The account; none for the first administrator, whose account is created when the link is
    /// used.
    pub account: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// Returns the path of the link.
    pub fn path(&self) -> String {
        format!("/admin/invitation/{}", self.secret.expose())
    }
}

/// What a link is for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Invited {
    /// The account whose password it sets; none for the first administrator:
    /// [`Accounts::accept_first_invitation`].
    pub account: Option<Account>,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl Accounts {
    pub(super) fn invitation_ends(&self) -> Timestamp {
        self.clock.now() + GOOD
    }

    /// Creates a link with which a person sets the password of an account, and invalidates the
    /// earlier link. An existing password stays valid until the link is used.
    ///
    /// # Errors
    /// [`Error::is_not_found`]. A conflict if the account is disabled, or if its person logs in through an
    /// identity provider.
    pub async fn invite(&self, actor: &Actor, id: &str) -> Result<Invitation, Error> {
        self.invite_with(actor, id, false).await
    }

    /// Creates a link that also lets its user in without the second factor, if one is required: the
    /// way back if the second factor is broken. Only for those who have access to the keys and the
    /// store.
    ///
    /// # Errors
    /// As [`Self::invite`].
    pub async fn invite_without_second_factor(&self, actor: &Actor, id: &str) -> Result<Invitation, Error> {
        self.invite_with(actor, id, true).await
    }

    async fn invite_with(&self, actor: &Actor, id: &str, without_second_factor: bool) -> Result<Invitation, Error> {
        let disabled = || Error::conflict("the account is disabled; enable it first");
        let record = self.record(id).await?;
        if record.disabled {
            return Err(disabled());
        }
        // With a password, somebody could log in whom the identity provider has since locked out.
        if record.identity.is_some() {
            return Err(Error::conflict("this account logs in through an identity provider and has no password"));
        }
        let detail = if without_second_factor { "no second factor required" } else { "" };
        self.audit.append(actor, "account.invite", id, detail).await?;
        self.make(Some(id.to_owned()), without_second_factor).await?.ok_or_else(disabled)
    }

    /// Creates the link with which somebody becomes the first system administrator, and invalidates
    /// the earlier one. Works while no account is active.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn first_invitation(&self) -> Result<Option<Invitation>, Error> {
        if self.store.has_active_account().await? {
            return Ok(None);
        }
        self.audit.append(&Actor::new("start-up"), "account.invite", "first administrator", "").await?;
        self.make(None, false).await
    }

    async fn make(&self, account: Option<String>, without_second_factor: bool) -> Result<Option<Invitation>, Error> {
        let (secret, digest) = SecretKind::Invitation.draw()?;
        let expires_at = self.invitation_ends();
        let record = InvitationRecord { digest, account: account.clone(), expires_at, without_second_factor };
        let made = self.store.put_invitation(record, self.clock.now()).await?;
        Ok(made.then_some(Invitation { secret, account, expires_at }))
    }

    /// Returns what a link is for, if it is valid. This does not use it up.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn invitation(&self, secret: &str) -> Result<Option<Invited>, Error> {
        let Some(found) = self.good(secret).await? else { return Ok(None) };
        let account = match &found.account {
            Some(id) => Some(self.get(id).await?),
            None => None,
        };
        Ok(Some(Invited { account, expires_at: found.expires_at }))
    }

    async fn good(&self, secret: &str) -> Result<Option<InvitationRecord>, Error> {
        let Some(digest) = SecretKind::Invitation.digest(secret) else { return Ok(None) };
        let found = self.store.invitation(&digest).await?.filter(|found| found.expires_at > self.clock.now());
        match found {
            // No longer the first administrator's.
            Some(InvitationRecord { account: None, .. }) if self.store.has_active_account().await? => Ok(None),
            found => Ok(found),
        }
    }

    /// Sets a password with a link and logs in. All existing sessions of the account end. The
    /// second factor is asked for if one is available. If none was ever used, its absence does not
    /// block this login, whatever the configuration requires: somebody must be able to log in to
    /// set one up.
    ///
    /// # Errors
    /// [`Error::is_closed`] if the link was used, replaced, has expired or is the first
    /// administrator's. Invalid input, with the reason, if the password is too short, too long or
    /// too easy to guess; then the link stays valid. Otherwise those of [`Accounts::log_in`].
    pub async fn accept_invitation(
        &self,
        secret: &str,
        password: &str,
        client: &Client,
    ) -> Result<LoginOutcome, Error> {
        let good = self.good(secret).await?.ok_or_else(Error::invitation_closed)?;
        let Some(id) = good.account.clone() else { return Err(Error::invitation_closed()) };
        let person = self.person(&self.record(&id).await?)?;
        let hash = self.passwords.hash(password::accept(password, &person.names())?).await?;
        let sealed = self.seal_password(&id, &hash)?;
        self.redeem(&good, Redeemed::Password(id.clone(), sealed), &id, client).await
    }

    /// Creates the account of the first system administrator with a link of
    /// [`Accounts::first_invitation`] and logs in. The person enters name and email address.
    ///
    /// # Errors
    /// As for [`Accounts::accept_invitation`] and [`Accounts::create`].
    pub async fn accept_first_invitation(
        &self,
        secret: &str,
        name: &str,
        email: &str,
        password: &str,
        client: &Client,
    ) -> Result<LoginOutcome, Error> {
        let good = self.good(secret).await?.ok_or_else(Error::invitation_closed)?;
        if good.account.is_some() {
            return Err(Error::invitation_closed());
        }
        let person = Person::new(name, email, None)?;
        let mut record = self.new_record(&person, &Role::SystemAdmin)?;
        if self.store.account_by_email(&record.email).await?.is_some() {
            return Err(Error::conflict("an account with this email address already exists"));
        }
        let hash = self.passwords.hash(password::accept(password, &person.names())?).await?;
        record.password = Some(self.seal_password(&record.id, &hash)?);
        let id = record.id.clone();
        self.redeem(&good, Redeemed::First(record), &id, client).await
    }

    async fn redeem(
        &self,
        good: &InvitationRecord,
        account: Redeemed,
        id: &str,
        client: &Client,
    ) -> Result<LoginOutcome, Error> {
        let actor = client.actor(actor_name(id));
        self.audit.append(&actor, "account.accept-invitation", id, "").await?;
        let request = Redeem { digest: good.digest, account, now: self.clock.now() };
        let record = self.store.redeem_invitation(request).await?.ok_or_else(Error::invitation_closed)?;
        self.admit(record, Proof::Invitation { without_second_factor: good.without_second_factor }, client).await
    }
}

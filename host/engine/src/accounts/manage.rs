//! Creating, changing and deleting accounts, done by other administrators.

use std::fmt;

use super::{Account, AccountState, Accounts, Invitation, Person, reachable};
use crate::audit::Actor;
use crate::changes::Changes;
use crate::completion::to_the_end;
use crate::display_name;
use crate::error::Error;
use crate::random;
use crate::secret_kind::SecretKind;
use crate::store::{AccountRecord, AccountUpdate, InvitationRecord};
use crate::token::Role;

/// A request to create an account. `Debug` does not show the person.
#[derive(Clone)]
pub struct NewAccount {
    /// The person's name.
    pub name: String,
    /// The email address to log in with. It never changes.
    pub email: String,
    /// The phone number for second factors, in international form.
    pub phone: Option<String>,
    /// The account's role; not [`Role::Application`].
    pub role: Role,
}

impl fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccount").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A change to an account: fields that are `None` stay as they are. `Debug` does not show name and
/// number.
#[derive(Clone, Default)]
pub struct AccountChange {
    /// The person's new name.
    pub name: Option<String>,
    /// The new number; `Some(None)` removes it.
    pub phone: Option<Option<String>>,
    /// The new role. It ends the account's sessions.
    pub role: Option<Role>,
    /// [`AccountState::Disabled`] ends the account's sessions and its invitation.
    /// [`AccountState::Active`] lets the person log in again; an account without a password is
    /// invited again.
    pub state: Option<AccountState>,
}

impl fmt::Debug for AccountChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountChange").field("role", &self.role).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Creates an account and invites its person.
    ///
    /// # Errors
    /// A conflict if the email address already has an account. Invalid input if the name is not a
    /// single line of 1 to 100 characters, if email or phone are not valid, or if the role is an
    /// application's or is not an existing subscription.
    pub async fn create(&self, actor: &Actor, new: NewAccount) -> Result<(Account, Invitation), Error> {
        let person = Person::new(&new.name, &new.email, new.phone.as_deref())?;
        self.check_role(&new.role).await?;
        let email = self.email_key(&person.email);
        if self.store.account_by_email(&email).await?.is_some() {
            return Err(Error::conflict("an account with this email address already exists"));
        }
        let record = self.new_record(&person, &new.role)?;
        let (secret, digest) = SecretKind::Invitation.draw()?;
        let expires_at = self.invitation_ends();
        self.audit.append(actor, "account.create", &record.id, new.role.name()).await?;
        let invitation =
            InvitationRecord { digest, account: Some(record.id.clone()), expires_at, without_second_factor: false };
        self.store.insert_account(record.clone(), invitation).await?;
        let account = self.get(&record.id).await?;
        Ok((account.clone(), Invitation { secret, account: Some(account.id), expires_at }))
    }

    pub(super) fn new_record(&self, person: &Person, role: &Role) -> Result<AccountRecord, Error> {
        let id = random::id()?;
        Ok(AccountRecord {
            seq: 0,
            email: self.email_key(&person.email),
            sealed: self.seal_person(&id, person)?,
            id,
            role: serde_json::to_string(role).map_err(Error::unavailable)?,
            password: None,
            identity: None,
            disabled: false,
            generation: 1,
            revision: 1,
            created_at: self.clock.now(),
            last_login_at: None,
        })
    }

    pub(super) async fn check_role(&self, role: &Role) -> Result<(), Error> {
        if matches!(role, Role::Application { .. }) {
            return Err(Error::invalid_at("/role", "must be a person's role; applications use tokens"));
        }
        role.check()?;
        for (n, subscription) in role.subscriptions().iter().enumerate() {
            if self.store.subscription(subscription).await?.is_none() {
                let detail = "is not an existing subscription; create it first";
                return Err(Error::invalid_at(format!("/subscriptions/{n}"), detail));
            }
        }
        Ok(())
    }

    /// Returns the accounts after number `after`, at most `limit`, in the order of their creation.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn list(&self, after: u64, limit: u32) -> Result<Vec<Account>, Error> {
        self.store.accounts(after, limit).await?.iter().map(|record| self.view(record)).collect()
    }

    /// Returns an account.
    ///
    /// # Errors
    /// [`Error::is_not_found`].
    pub async fn get(&self, id: &str) -> Result<Account, Error> {
        self.view(&self.record(id).await?)
    }

    /// Returns the account that logs in with an email address.
    ///
    /// # Errors
    /// [`Error::is_not_found`].
    pub async fn find(&self, email: &str) -> Result<Account, Error> {
        let found = self.store.account_by_email(&self.email_key(email)).await?;
        self.view(&found.ok_or_else(|| Error::not_found("account"))?)
    }

    pub(super) async fn record(&self, id: &str) -> Result<AccountRecord, Error> {
        self.store.account(id).await?.ok_or_else(|| Error::not_found("account"))
    }

    /// Changes an account. With `expected_revision`, only if nobody changed it since that revision
    /// was read. A new role, and disabling the account, end its sessions immediately.
    ///
    /// # Errors
    /// [`Error::is_not_found`]. A conflict if someone else changed it, or if it is the last active account of a
    /// system administrator and would stop being one. Invalid input as for a new account, and for a
    /// state that it cannot be put into.
    pub async fn update(
        &self,
        actor: &Actor,
        id: &str,
        change: AccountChange,
        expected_revision: Option<u64>,
    ) -> Result<Account, Error> {
        let conflict = Error::revision_conflict;
        let mut record = self.record(id).await?;
        let revision = record.revision;
        if expected_revision.is_some_and(|expected| expected != revision) {
            return Err(conflict());
        }
        let mut person = self.person(&record)?;
        let mut what = Changes::default();
        if let Some(name) = change.name {
            display_name::check_field(&name)?;
            let name = name.trim().to_owned();
            what = what.withheld("/name", &person.name, &name);
            person.name = name;
        }
        if let Some(phone) = change.phone {
            let phone = phone.as_deref().map(reachable).transpose()?;
            what = what.withheld("/phone", &person.phone, &phone);
            person.phone = phone;
        }
        let before = (record.role.clone(), record.disabled);
        if let Some(role) = change.role {
            self.check_role(&role).await?;
            what = role_changes(what, &record, &role)?;
            record.role = serde_json::to_string(&role).map_err(Error::unavailable)?;
        }
        match change.state {
            None => {}
            Some(AccountState::Disabled) => {
                record.disabled = true;
            }
            Some(AccountState::Active) if record.is_active() || record.disabled => {
                record.disabled = false;
            }
            Some(_) => return Err(Error::invalid("an account becomes active when its owner sets a password")),
        }
        if before != (record.role.clone(), record.disabled) {
            record.generation += 1;
        }
        record.sealed = self.seal_person(id, &person)?;
        record.revision = revision + 1;
        let what = what.field("/disabled", Some(before.1), Some(record.disabled)).text();
        let (this, actor, id) = (self.clone(), actor.clone(), id.to_owned());
        // Runs to completion even if the caller disconnects: the audit log says which change was refused.
        to_the_end(async move {
            this.audit.append(&actor, "account.update", &id, &what).await?;
            match this.store.update_account(record, revision).await? {
                AccountUpdate::Applied => this.get(&id).await,
                AccountUpdate::Stale => Err(conflict()),
                AccountUpdate::LastSystemAdmin => Err(this.last_system_admin(&actor, "account.update", &id).await?),
            }
        })
        .await
    }

    /// The previous entry recorded a change that the store then refused.
    pub(super) async fn last_system_admin(&self, actor: &Actor, action: &str, id: &str) -> Result<Error, Error> {
        let detail = "not applied: this is the last system administrator";
        self.audit.append(actor, action, id, detail).await?;
        Ok(Error::conflict(
            "this is the last system administrator who can log in; invite another one, and retry once they have set a password",
        ))
    }

    /// Deletes an account. Its sessions and the factors of its owner end immediately.
    ///
    /// # Errors
    /// [`Error::is_not_found`]. A conflict if it is the last active account of a system administrator.
    pub async fn delete(&self, actor: &Actor, id: &str) -> Result<(), Error> {
        self.record(id).await?;
        let (this, actor, id) = (self.clone(), actor.clone(), id.to_owned());
        // Runs to completion even if the caller disconnects: the factors end with the account.
        to_the_end(async move {
            this.audit.append(&actor, "account.delete", &id, "").await?;
            match this.store.delete_account(&id).await? {
                AccountUpdate::Applied => {
                    // They are of no use without the account.
                    if let Err(error) = this.end_factors(&id).await {
                        let error = error.operator_detail();
                        tracing::error!(error, "could not end the factors of a deleted account");
                    }
                    Ok(())
                }
                AccountUpdate::Stale => Err(Error::not_found("account")),
                AccountUpdate::LastSystemAdmin => Err(this.last_system_admin(&actor, "account.delete", &id).await?),
            }
        })
        .await
    }
}

/// Returns how a role differs from the account's role.
pub(super) fn role_changes(changes: Changes, before: &AccountRecord, after: &Role) -> Result<Changes, Error> {
    let before: Role = serde_json::from_str(&before.role).map_err(Error::unavailable)?;
    let bound = |role: &Role| Some(role.subscriptions().to_vec()).filter(|bound| !bound.is_empty());
    let changes = changes.field("/role", Some(before.name()), Some(after.name()));
    Ok(changes.field("/subscriptions", bound(&before), bound(after)))
}

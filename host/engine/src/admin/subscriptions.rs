//! Subscriptions: create, rename, delete.

use super::page::{page, part};
use super::{Administration, Page, ROUNDS, as_read, identifier};
use crate::changes::Changes;
use crate::display_name;
use crate::error::Error;
use crate::store::{AccountRecord, AuditFilter, AuditFrom, Part, Removal, Subscription, Update};
use crate::token::Role;

/// The action of the audit log that records a deletion.
const DELETED: &str = "subscription.delete";

/// How many entries of the audit log are read at a time.
const ENTRIES: u32 = 100;

/// Why an id cannot be used again.
pub(super) const FORMER: &str = "belonged to a subscription that was deleted; choose another id";

impl Administration {
    /// Creates a subscription.
    ///
    /// # Errors
    /// A conflict if the id is taken, or was that of a subscription that was deleted; invalid input if it is not 1 to 64 letters, digits, `-`, `_` or `.`.
    pub async fn create_subscription(&self, id: &str, name: &str) -> Result<Subscription, Error> {
        identifier("subscription", id)?;
        display_name::check_field(name)?;
        let _turn = self.audit.turn_of(id).await;
        let now = self.clock.now();
        let subscription = Subscription { id: id.to_owned(), name: name.to_owned(), revision: 1, created_at: now };
        if self.store().subscription(id).await?.is_some() {
            return Err(Error::conflict("a subscription with this id already exists"));
        }
        if self.is_former(id).await? {
            return Err(Error::conflict(format!("the id {FORMER}")));
        }
        let detail = Changes::default().field("/name", None::<()>, Some(name)).text();
        self.audit("subscription.create", id, &detail).await?;
        self.store().create_subscription(subscription.clone()).await?;
        Ok(subscription)
    }

    /// Returns all subscriptions.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        Ok(self.store().subscriptions(None, Part::whole()).await?)
    }

    /// Returns a page of the subscriptions, by id: of all, or `among` these.
    ///
    /// # Errors
    /// Invalid input if `after` is not the `next` of a previous page.
    pub async fn subscriptions_page(
        &self,
        among: Option<&[String]>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Subscription>, Error> {
        let found = self.store().subscriptions(among.map(<[_]>::to_vec), part(after, limit)?).await?;
        Ok(page(found, limit, |last| last.id.clone()))
    }

    /// Returns a subscription.
    ///
    /// # Errors
    /// [`Error::is_not_found`].
    pub async fn subscription(&self, id: &str) -> Result<Subscription, Error> {
        self.store().subscription(id).await?.ok_or_else(|| Error::not_found("subscription"))
    }

    /// Renames a subscription. With `expected_revision`, only if nobody changed it since that
    /// revision was read.
    ///
    /// # Errors
    /// [`Error::is_not_found`]; a revision conflict if someone else changed it.
    pub async fn rename_subscription(
        &self,
        id: &str,
        name: &str,
        expected_revision: Option<u64>,
    ) -> Result<Subscription, Error> {
        display_name::check_field(name)?;
        let _turn = self.audit.turn_of(id).await;
        for _ in 0..ROUNDS {
            let before = self.subscription(id).await?;
            as_read(expected_revision, before.revision)?;
            let detail = Changes::default().field("/name", Some(&before.name), Some(name)).text();
            let revision = before.revision;
            let after = Subscription { name: name.to_owned(), revision: revision + 1, ..before };
            let (store, changed) = (self.store().clone(), after.clone());
            let change = async move { store.update_subscription(changed, revision).await.map(Update::is_applied) };
            if self.apply(vec![("subscription.change", id.to_owned(), detail)], change).await? {
                return Ok(after);
            }
        }
        Err(Error::revision_conflict())
    }

    /// Deletes a subscription and its directory.
    ///
    /// # Errors
    /// [`Error::is_not_found`]; a revision conflict as for [`Self::rename_subscription`]. A conflict while it has
    /// instances, or while a valid account or token is bound to it, which would otherwise apply to
    /// the next subscription with this id.
    pub async fn delete_subscription(&self, id: &str, expected_revision: Option<u64>) -> Result<(), Error> {
        let _turn = self.audit.turn_of(id).await;
        for _ in 0..ROUNDS {
            let before = self.subscription(id).await?;
            as_read(expected_revision, before.revision)?;
            let now = self.clock.now();
            let instances = self.store().instances(id, Part::whole()).await?.len();
            let tokens = self.store().tokens(None, Part::whole()).await?.into_iter().filter(|token| {
                let good = token.revoked_at.is_none() && token.expires_at.is_none_or(|end| end > now);
                good && token.subscriptions.iter().any(|one| one == id)
            });
            let tokens = tokens.count();
            let role = |it: &AccountRecord| serde_json::from_str::<Role>(&it.role).ok();
            let bound = |role: Role| role.subscriptions().iter().any(|one| one == id);
            let accounts = self.store().accounts(0, u32::MAX).await?;
            let accounts = accounts.iter().filter_map(role).filter(|role| bound(role.clone())).count();
            if instances + tokens + accounts > 0 {
                return Err(Error::conflict(format!(
                    "the subscription is not empty: {instances} instances to remove, {tokens} tokens to revoke, \
                     {accounts} accounts of its administrators"
                )));
            }
            let detail = Changes::default().field("/name", Some(&before.name), None::<()>).text();
            let (store, deleted, revision) = (self.store().clone(), id.to_owned(), before.revision);
            let change = async move {
                store.delete_subscription(&deleted, revision, now).await.map(|removal| removal == Removal::Removed)
            };
            if self.apply(vec![(DELETED, id.to_owned(), detail)], change).await? {
                return Ok(());
            }
        }
        Err(Error::revision_conflict())
    }

    /// Returns whether a subscription with this id was deleted. What its users held is stored under keyed hashes of the id: the users of a
    /// new one with the same id must not inherit it.
    pub(super) async fn is_former(&self, id: &str) -> Result<bool, Error> {
        let mut from = AuditFrom::Newest(None);
        loop {
            let filter =
                AuditFilter { action: DELETED.to_owned(), subject: id.to_owned(), from, ..AuditFilter::default() };
            let found = self.store().find_audit(filter, ENTRIES).await?;
            if found.iter().any(|entry| entry.action == DELETED && entry.subject == id) {
                return Ok(true);
            }
            match found.last() {
                Some(last) if found.len() == ENTRIES as usize => from = AuditFrom::Newest(Some(last.seq)),
                _ => return Ok(false),
            }
        }
    }

    /// Checks that a subscription exists.
    pub(super) async fn known(&self, subscription: &str) -> Result<(), Error> {
        self.subscription(subscription).await.map(|_| ())
    }
}

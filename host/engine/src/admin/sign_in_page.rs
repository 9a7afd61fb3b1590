//! The settings of a subscription's sign-in page.

use serde_json::Value;

use super::{Administration, as_read};
use crate::changes::Changes;
use crate::error::Error;
use crate::sign_in::SignInPage;
use crate::site::{SiteSettings, Sites};
use crate::store::{SignInPageRecord, Update};

impl Administration {
    /// Returns the settings of a subscription's sign-in page, and how often they were changed.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription.
    pub async fn sign_in_page(&self, subscription: &str) -> Result<(SignInPage, u64), Error> {
        self.known(subscription).await?;
        match self.store().sign_in_page(subscription).await? {
            Some(record) => Ok((serde_json::from_value(record.settings).map_err(Error::unavailable)?, record.revision)),
            None => Ok((SignInPage::default(), 0)),
        }
    }

    /// Changes the settings. With `expected_revision`, only if nobody changed them since that
    /// revision was read. Open sign-ins end at the return URL they started with.
    ///
    /// # Errors
    /// A revision conflict if someone else changed them. Invalid input, with the reason, for what
    /// the page cannot display or must not do. A conflict if the RP ID changes and there are passkeys:
    /// see [`Self::set_sign_in_page_and_end_passkeys`]. Forbidden for those who administer only subscriptions, if the RP ID or an origin
    /// of the subscription changes that serves logins of administrators, or related origins are added to an RP ID that other subscriptions
    /// use.
    pub async fn set_sign_in_page(
        &self,
        subscription: &str,
        page: SignInPage,
        expected_revision: Option<u64>,
    ) -> Result<(SignInPage, u64), Error> {
        self.change_sign_in_page(subscription, page, expected_revision, false).await
    }

    /// Changes the settings, even if the RP ID changes and the subscription's passkeys stop working: they
    /// belong to the former one.
    ///
    /// # Errors
    /// As for [`Self::set_sign_in_page`].
    pub async fn set_sign_in_page_and_end_passkeys(
        &self,
        subscription: &str,
        page: SignInPage,
        expected_revision: Option<u64>,
    ) -> Result<(SignInPage, u64), Error> {
        self.change_sign_in_page(subscription, page, expected_revision, true).await
    }

    async fn change_sign_in_page(
        &self,
        subscription: &str,
        page: SignInPage,
        expected_revision: Option<u64>,
        may_end_passkeys: bool,
    ) -> Result<(SignInPage, u64), Error> {
        let _turn = self.audit.turn_of(subscription).await;
        self.known(subscription).await?;
        let before = self.store().sign_in_page(subscription).await?;
        let (before, revision) = before.map_or((None, 0), |it| (Some(it.settings), it.revision));
        as_read(expected_revision, revision)?;
        let sites = &self.instances.sites;
        page.check(sites)?;
        if !self.changes_guards {
            // Another origin could ask administrators for their passkeys.
            if self.moves_logins(subscription, before.as_ref(), &page.site()).await? {
                return Err(Error::forbidden(
                    "administrators use their passkeys at this site; only a system administrator can change its RP ID and origins",
                ));
            }
            if sites.relates_origins_to_others(subscription, before.as_ref(), &page.site()).await? {
                return Err(Error::forbidden(
                    "other subscriptions use this RP ID, so only a system administrator can add related origins; ask one, or set your own RP ID",
                ));
            }
        }
        if !may_end_passkeys && sites.ends_passkeys(subscription, before.as_ref(), &page.site()).await? {
            return Err(Error::conflict(ENDS_PASSKEYS));
        }
        let settings = serde_json::to_value(&page).map_err(Error::unavailable)?;
        let detail = page_changes(before.as_ref(), &settings).text();
        let record = SignInPageRecord { subscription: subscription.to_owned(), settings, revision: revision + 1 };
        let store = self.store().clone();
        let change = async move { store.set_sign_in_page(record, revision).await.map(Update::is_applied) };
        if !self.apply(vec![("sign-in-page.set", subscription.to_owned(), detail)], change).await? {
            return Err(Error::revision_conflict());
        }
        Ok((page, revision + 1))
    }

    /// Returns whether these settings change where administrators use their passkeys.
    async fn moves_logins(
        &self,
        subscription: &str,
        before: Option<&Value>,
        after: &SiteSettings,
    ) -> Result<bool, Error> {
        let is_theirs = self.guard.subscription().await?.is_some_and(|logins| logins == subscription);
        Ok(is_theirs && Sites::differs(before, after)?)
    }
}

/// Why a change of the RP ID is refused.
pub(super) const ENDS_PASSKEYS: &str =
    "this changes the RP ID, and existing passkeys stop working: confirm the change, or keep the RP ID";

/// Returns the differences between two settings of the page.
pub(super) fn page_changes(before: Option<&Value>, after: &Value) -> Changes {
    let fields = after.as_object().into_iter().flatten();
    fields.fold(Changes::default(), |changes, (name, value)| {
        changes.field(&format!("/{name}"), before.and_then(|before| before.get(name)), Some(value))
    })
}

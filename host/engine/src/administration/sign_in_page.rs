//! How a subscription's sign-in page is set.

use super::Administration;
use crate::error::Error;
use crate::sign_in::SignInPage;
use crate::store::SignInPageRecord;

impl Administration {
    /// How a subscription's sign-in page is set, and how often that was changed.
    ///
    /// # Errors
    /// Not found if there is no such subscription.
    pub async fn sign_in_page(&self, subscription: &str) -> Result<(SignInPage, u64), Error> {
        if self.store().subscription(subscription).await?.is_none() {
            return Err(Error::not_found("subscription"));
        }
        match self.store().sign_in_page(subscription).await? {
            Some(record) => Ok((serde_json::from_value(record.settings).map_err(Error::unavailable)?, record.revision)),
            None => Ok((SignInPage::default(), 0)),
        }
    }

    /// Sets it; with `expected_revision` only if nobody else did since that was read. Sign-ins under way end where they were
    /// meant to.
    ///
    /// # Errors
    /// A conflict if somebody else changed it; invalid input, in words, for what the page could not show or must not do.
    pub async fn set_sign_in_page(
        &self,
        subscription: &str,
        page: SignInPage,
        expected_revision: Option<u64>,
    ) -> Result<(SignInPage, u64), Error> {
        let passed_over = || Error::conflict("the sign-in page was changed by somebody else: read it again");
        let (_, revision) = self.sign_in_page(subscription).await?;
        if expected_revision.is_some_and(|expected| expected != revision) {
            return Err(passed_over());
        }
        page.check()?;
        let record = SignInPageRecord {
            subscription: subscription.to_owned(),
            settings: serde_json::to_value(&page).map_err(Error::unavailable)?,
            revision: revision + 1,
        };
        // Where browsers may be sent is what an auditor asks for.
        self.audit("sign-in-page.set", subscription, &page.return_urls.join(" ")).await?;
        if !self.store().set_sign_in_page(record, revision).await? {
            return Err(passed_over());
        }
        Ok((page, revision + 1))
    }
}

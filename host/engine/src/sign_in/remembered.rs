//! Browsers in which a person is not asked for a factor for some days, on the hosted pages.

use super::my_factors::Proved;
use super::request::{BrowserSecret, NextStep, Visit};
use super::{HostedPage, HostedSignIns, SignInDetails};
use crate::challenge::ChallengeStatus;
use crate::error::Error;
use crate::factor::SignInRequirements;

impl SignInDetails {
    /// Returns what the application asks for.
    pub(super) fn demand(&self) -> SignInRequirements<'_> {
        SignInRequirements { required: self.required, acr: self.acr.as_deref(), purpose: self.purpose.as_deref() }
    }
}

impl HostedSignIns {
    /// Returns for how many days the browser may be remembered after the open challenge was answered; none if it may not.
    pub(super) async fn days(&self, visit: &Visit) -> Result<Option<u32>, Error> {
        match &visit.challenge {
            Some((challenge, ChallengeStatus::Open)) if may_remember(visit) => {
                self.factors.remembered().days(&visit.details.sign_in, &challenge.two_factor).await
            }
            _ => Ok(None),
        }
    }

    /// Remembers the browser of a sign-in that ended, if its person asked for it and policy allows it; not if a first factor was added on this
    /// page, which the person has not used yet, or if anything else has changed since the answer. The sign-in has succeeded already, so a
    /// failure is only logged.
    pub(super) async fn remember(&self, visit: &Visit, proved: &Proved) -> Option<BrowserSecret> {
        let user_agent = proved.remember.as_deref().filter(|_| may_remember(visit) && !visit.is_first_added())?;
        let (browsers, sign_in) = (self.factors.remembered(), &visit.details.sign_in);
        let remembered = async {
            let Some(days) = browsers.days(sign_in, &proved.two_factor).await? else { return Ok(None) };
            let (two_factor, Some(changes)) = (&proved.two_factor, proved.changes) else { return Ok(None) };
            let secret = browsers.remember_unchanged(sign_in, two_factor, Some(user_agent), changes).await?;
            Ok::<_, Error>(secret.map(|secret| BrowserSecret { secret, days }))
        };
        remembered.await.unwrap_or_else(|error| {
            tracing::error!(error = error.operator_detail(), "could not remember a browser");
            None
        })
    }

    /// Looks whether the browser is one that is remembered for the person, by the secret that it stores. Shown on the page of the person's
    /// own factors; on a sign-in only if it is enough for that.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn look_at_browser(&self, visit: &mut Visit, secret: Option<&str>) -> Result<(), Error> {
        let demand = match visit.details.page {
            HostedPage::SignIn => visit.details.demand(),
            HostedPage::Factors => SignInRequirements::default(),
        };
        if let Some(secret) = secret {
            let secrets = [secret.to_owned()];
            visit.this_browser = self.factors.remembered().peek(&visit.details.sign_in, demand, &secrets).await?;
        }
        Ok(())
    }

    /// Ends a sign-in in a browser that is remembered for the person. The result says that no factor was used now. A browser that is not
    /// stays on the page.
    ///
    /// # Errors
    /// [`Error::is_closed`] if the sign-in has ended.
    pub async fn proceed_remembered(&self, visit: &Visit, secret: &str) -> Result<NextStep, Error> {
        if visit.details.page != HostedPage::SignIn || visit.is_proved() {
            return Ok(NextStep::Stay);
        }
        let secrets = [secret.to_owned()];
        let browsers = self.factors.remembered();
        let changes = Some(self.factors.changes(&visit.details.sign_in).await?);
        let Some(found) = browsers.recognize(&visit.details.sign_in, visit.details.demand(), &secrets).await? else {
            return Ok(NextStep::Stay);
        };
        let proceeded = self.end(visit, Proved { changes, ..Proved::of(found.verified, None) }).await?;
        self.give_up(&visit.record.subscription, visit.record.challenge.as_deref()).await;
        Ok(proceeded)
    }

    /// Forgets one browser of the person, or all. Anybody who may see them may forget them: it takes nothing from the person but comfort.
    ///
    /// # Errors
    /// A proof is required if none was given on this page. Not found.
    pub async fn forget_browsers(&self, visit: &Visit, id: Option<&str>) -> Result<(), Error> {
        let user = visit.details.sign_in.user.as_deref().filter(|_| visit.may_change);
        let user =
            user.ok_or_else(|| Error::proof_required("nothing was proved on this page in the last ten minutes"))?;
        let (browsers, subscription) = (self.factors.remembered(), &visit.record.subscription);
        match id {
            Some(id) => browsers.forget(subscription, user, id).await,
            None => browsers.forget_all(subscription, user).await.map(drop),
        }
    }
}

/// Returns whether a later sign-in like this one would be satisfied by a remembered browser.
fn may_remember(visit: &Visit) -> bool {
    let details = &visit.details;
    details.page == HostedPage::SignIn && details.sign_in.user.is_some() && details.demand().is_ordinary()
}

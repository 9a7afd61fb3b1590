//! Temporary passes on the hosted pages: they sign in where a policy says so, and let a person add a factor.

use std::net::IpAddr;

use zeroize::Zeroizing;

use super::my_factors::Proved;
use super::request::{NextStep, Visit};
use super::{HostedPage, HostedSignIns, SignInDetails};
use crate::completion::to_the_end;
use crate::error::Error;

impl HostedSignIns {
    /// Returns whether a pass signs in, whether or not there is one.
    pub(super) async fn pass_signs_in(&self, details: &SignInDetails) -> Result<bool, Error> {
        let fits =
            details.page == HostedPage::SignIn && details.sign_in.user.is_some() && details.demand().is_ordinary();
        Ok(fits && self.factors.pass_signs_in(&details.sign_in).await?.is_some())
    }

    /// Uses a pass, once. On a sign-in it ends that, or leads to the offer of a first factor. On the page of a person's own factors it allows adding factors for ten minutes;
    /// changing them needs a factor.
    ///
    /// # Errors
    /// [`Error::is_no_instance_available`] where passes are not accepted; [`Error::is_closed`] for one that is not valid;
    /// [`Error::is_rate_limited`], and invalid input, which is not counted.
    pub async fn use_pass(&self, visit: &Visit, pass: &str, client_address: Option<IpAddr>) -> Result<NextStep, Error> {
        if !visit.accepts_pass {
            return Err(Error::no_instance_available());
        }
        let (this, visit, pass) = (self.clone(), visit.clone(), Zeroizing::new(pass.to_owned()));
        // Runs to completion even if the browser disconnects: a pass is valid once.
        to_the_end(async move { this.accept_pass(&visit, &pass, client_address).await }).await
    }

    async fn accept_pass(&self, visit: &Visit, pass: &str, client_address: Option<IpAddr>) -> Result<NextStep, Error> {
        let (sign_in, client_address) = (&visit.details.sign_in, visit.details.client_address.or(client_address));
        if visit.details.page == HostedPage::SignIn {
            let changes = Some(self.factors.changes(sign_in).await?);
            let (verified, id) = self.factors.sign_in_with_pass(sign_in, pass, client_address).await?;
            let proved = Proved { pass: Some(id), changes, ..Proved::of(verified, None) };
            let proceeded = match self.offer(visit, &proved, false).await {
                true => NextStep::Stay,
                false => self.end(visit, proved).await?,
            };
            self.give_up(&visit.record.subscription, visit.record.challenge.as_deref()).await;
            return Ok(proceeded);
        }
        let user = sign_in.user.as_deref().unwrap_or_default();
        // Another window may have been faster: then the pass is not used up.
        let (step, challenge) = (visit.step(), visit.record.challenge.clone());
        if !self.store.step_sign_in(visit.id(), step, challenge, self.clock.now()).await? {
            return Ok(NextStep::Stay);
        }
        let mut stepped = visit.clone();
        stepped.record.step += 1;
        let used = self.factors.use_pass((&sign_in.subscription, user), pass, client_address).await?;
        let proved = Proved::by_pass(self.clock.now(), Some(used.ok_or_else(Error::closed)?));
        self.rewrite(&stepped, |session| session.prove(proved)).await?;
        Ok(NextStep::Stay)
    }
}

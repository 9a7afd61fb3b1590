//! The steps of a hosted sign-in: start, visit, challenge, answer, end, redeem.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::factors::{FEW_CODES, HostedPage};
use super::my_factors::{Held, Proved, Session};
use super::request::{
    Ended, HostedSignIn, NewHostedSignIn, NextStep, SignInResult, SignInStatus, StartedSignIn, SubmittedAnswer, Visit,
    VisitOutcome,
};
use super::{HostedSignIns, SignInDetails, SignInPage, digest};
use crate::challenge::{Answer, Challenge, ChallengeStatus, Challenges, DeliveryOption, request_texts, typed};
use crate::completion::to_the_end;
use crate::error::Error;
use crate::random;
use crate::store::{HostedSignInRecord, SignInEnd};

/// How long a link is valid.
const LIFETIME: Duration = Duration::from_secs(600);

/// How long a link to a person's own factors is valid: an app may have to be installed first.
const FACTORS_LIFETIME: Duration = Duration::from_secs(1800);

/// The maximum number of challenges and changes on the page of a person's own factors.
const FACTORS_STEPS: u32 = 100;

/// The maximum number of challenges of a sign-in: each accepts a few answers and can be resent a
/// few times.
const STEPS: u32 = 6;

/// The maximum length of `state`, in characters.
const STATE_CHARS: usize = 512;

/// The maximum length of `User-Agent`, in characters.
const AGENT_CHARS: usize = 1024;

/// How long a handle can be redeemed: it travels by one redirect.
const REDEEMABLE: Duration = Duration::from_secs(120);

impl HostedSignIns {
    /// Creates a link for a browser. Nothing is sent yet.
    ///
    /// # Errors
    /// Invalid input if the user is missing and no passkey can name it, or the return URL is not one of those set for this
    /// subscription. [`Error::is_no_instance_available`] or [`Error::is_recipient_rejected`] if no instance
    /// could serve it. [`Error::is_requirement_unmet`] if no factor of the user satisfies what is required, or the `acr` is unknown.
    /// [`Error::is_rate_limited`].
    pub async fn begin(&self, new: NewHostedSignIn) -> Result<StartedSignIn, Error> {
        if new.sign_in.user.is_none() && new.page == HostedPage::Factors {
            return Err(Error::invalid_at("/user", "is required for this page"));
        }
        if new.state.is_empty() || new.state.chars().count() > STATE_CHARS {
            return Err(Error::invalid(format!("`state` must have 1 to {STATE_CHARS} characters")));
        }
        if new.user_agent.as_ref().is_some_and(|agent| agent.chars().count() > AGENT_CHARS) {
            return Err(Error::invalid_at("/user_agent", format!("must have at most {AGENT_CHARS} characters")));
        }
        let page = self.page(&new.sign_in.subscription).await?;
        if !page.returns_to(&new.return_url) {
            return Err(Error::invalid(
                "`return_url` must be exactly one of the `return_urls` in this subscription's sign-in page settings",
            ));
        }
        request_texts::check_name("/user_name", new.user_name.as_deref())?;
        let sign_in = new.sign_in.in_one_spelling()?;
        if new.page == HostedPage::Factors {
            self.factors.check_no_account(sign_in.user.as_deref().unwrap_or_default()).await?;
        }
        let changes = match sign_in.user {
            Some(_) => Some(self.factors.changes(&sign_in).await?),
            None => None,
        };
        let mut details = SignInDetails {
            sign_in,
            recipient: new.recipient,
            locale: new.locale,
            purpose: new.purpose,
            client_address: new.client_address,
            user_agent: new.user_agent,
            first_factor: new.first_factor,
            changes,
            return_url: new.return_url,
            state: new.state,
            page: new.page,
            user_name: new.user_name,
            required: new.required,
            acr: new.acr,
            session: Session::default(),
        };
        // The other texts.
        details.start().checked()?;
        details.required = details.required.with_acr(details.acr.as_deref())?;
        if details.page == HostedPage::SignIn {
            self.check_way(&details).await?;
        }
        let lifetime = match details.page {
            HostedPage::SignIn => LIFETIME,
            HostedPage::Factors => FACTORS_LIFETIME,
        };
        let (now, secret) = (self.clock.now(), random::id()?);
        let mut record = HostedSignInRecord {
            id: random::id_at(now)?,
            subscription: details.sign_in.subscription.clone(),
            link: digest(&secret),
            browser: None,
            sealed: Vec::new(),
            challenge: None,
            step: 0,
            created_at: now,
            expires_at: now + lifetime,
            ended: None,
        };
        record.sealed = self.seal(&record, &details)?;
        self.count(&details).await?;
        let started = StartedSignIn { id: record.id.clone(), secret, expires_at: record.expires_at };
        self.store.insert_sign_in(record).await?;
        Ok(started)
    }

    /// Checks that there is a way to confirm a sign-in that begins.
    async fn check_way(&self, details: &SignInDetails) -> Result<(), Error> {
        let held = self.held(details).await?;
        if !held.options.is_empty() {
            return Ok(());
        }
        if details.sign_in.user.is_none() {
            let why = "is required, unless an instance for passkeys is available whose policy is `passwordless`";
            return Err(Error::invalid_at("/user", why));
        }
        if self.pass_signs_in(details).await? {
            return Ok(());
        }
        match (self.challenges.delivery_options(&details.start()).await, held.unmet) {
            // As at the start of a challenge.
            (Err(error), Some(unmet)) if error.is_no_instance_available() => {
                Err(Error::requirement_unmet(unmet.name()))
            }
            (options, _) => options.map(drop),
        }
    }

    /// Counts a sign-in that begins: each is stored for a day.
    async fn count(&self, details: &SignInDetails) -> Result<(), Error> {
        let now = self.clock.now();
        let shared = (&*details.sign_in.subscription, self.challenges.subscriptions().await?);
        let user = details.sign_in.user.as_deref();
        let limits = self.challenges.limits().sign_in(&self.keyring, shared, user, details.first_factor);
        let (names, charges): (Vec<_>, Vec<_>) = limits.into_iter().unzip();
        match self.store.charge(charges, now).await? {
            Some(limited) => Err(Challenges::limited(&limited, &names, now)),
            None => Ok(()),
        }
    }

    /// Returns the progress of a sign-in. It is not a proof: use [`Self::redeem`] for that.
    ///
    /// # Errors
    /// Not found, also for sign-ins of other subscriptions.
    pub async fn status(&self, subscription: &str, id: &str) -> Result<HostedSignIn, Error> {
        let found = self.store.sign_in(subscription, id).await?;
        let record = found.ok_or_else(|| Error::not_found("sign-in"))?;
        let purpose = self.details(&record)?.purpose().to_owned();
        let status = match record.ended {
            Some(_) => SignInStatus::Ended,
            None if record.expires_at <= self.clock.now() => SignInStatus::Expired,
            None => SignInStatus::Pending,
        };
        Ok(HostedSignIn { id: record.id, status, purpose, expires_at: record.expires_at })
    }

    /// Redeems the handle that a browser brought back, once and within two minutes. Redeem it only
    /// for the session that started the sign-in `id`: then the person in that session is the one
    /// who entered the code.
    ///
    /// # Errors
    /// [`Error::is_closed`] if the handle is unknown, was redeemed before, has expired, or belongs to another sign-in.
    pub async fn redeem(&self, subscription: &str, id: &str, handle: &str) -> Result<SignInResult, Error> {
        let now = self.clock.now();
        let redeemed = self.store.redeem_sign_in(subscription, id, digest(handle), now - REDEEMABLE, now).await?;
        let record = redeemed.ok_or_else(Error::handle_rejected)?;
        let details = self.details(&record)?;
        let Some(SignInEnd::Verified { at, two_factor, amr, .. }) = record.ended else {
            return Err(Error::handle_rejected());
        };
        let purpose = details.purpose().to_owned();
        let (id, sign_in) = (record.id, details.sign_in);
        let (acr, assurance) = details.session.proved.map(|proved| (proved.acr, proved.assurance)).unwrap_or_default();
        Ok(SignInResult { id, sign_in, purpose, two_factor, amr, acr, assurance, verified_at: at, redeemed_at: now })
    }

    /// Returns what a browser finds behind a link; `browser` is the secret it got at its first
    /// visit.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn visit(&self, secret: &str, browser: Option<&str>) -> Result<VisitOutcome, Error> {
        let Some(record) = self.store.sign_in_by_link(&digest(secret)).await? else {
            return Ok(VisitOutcome::Unknown);
        };
        if record.browser.is_some() && record.browser != browser.map(digest) {
            return Ok(VisitOutcome::Elsewhere);
        }
        let (mut details, now) = (self.details(&record)?, self.clock.now());
        let ended = ended(&record, now);
        details.session.proved = self.still_proved(&details, ended).await?;
        let page = self.page(&record.subscription).await?;
        let application = self.application(&page, &record.subscription).await?;
        let is_as_begun = details.page == HostedPage::SignIn || self.is_as_begun(&details).await?;
        // An ended sign-in does not need them; and an instance that is no longer assigned must not
        // hide that it has ended.
        let (held, delivery_options) = match ended {
            Some(_) => Default::default(),
            None => self.ways(&record.id, &details, is_as_begun, now).await?,
        };
        // Whoever holds a factor, even a suspended one, uses a factor first, or an administrator's pass: anything else is weaker.
        let proof = details.session.proof(&held.factors, now);
        let first_factor = details.page == HostedPage::Factors && details.first_factor && is_as_begun;
        let may_change = match held.factors.is_empty() {
            true => first_factor || proof.is_some_and(|proved| is_as_begun || proved.pass.is_some()),
            false => proof.is_some_and(|proved| proved.by_factor || proved.pass.is_some()),
        };
        let accepts_pass = match details.page {
            HostedPage::SignIn => ended.is_none() && self.pass_signs_in(&details).await?,
            HostedPage::Factors => proof.is_none_or(|proved| !proved.by_factor && proved.pass.is_none()),
        };
        let challenge = match &record.challenge {
            Some(id) => self.challenges.look(&record.subscription, id).await?,
            None => None,
        };
        let most = if details.page == HostedPage::SignIn { STEPS } else { FACTORS_STEPS };
        let (mut remembered_browsers, mut events) = (Vec::new(), Vec::new());
        if let (HostedPage::Factors, true, Some(user)) = (details.page, may_change, &details.sign_in.user) {
            remembered_browsers = self.factors.remembered().list(&record.subscription, user).await?;
            events = self.factors.events(&record.subscription, user).await?;
        }
        let mut visit = Box::new(Visit {
            page,
            application,
            delivery_options,
            unmet: held.is_unmet(),
            factor_options: held.options,
            factors: held.factors,
            enrollable: if may_change { held.enrollable } else { Vec::new() },
            enrolment: details.session.enrolment.clone().filter(|open| open.expires_at > now),
            signals: self.signals(&details).await?,
            may_change,
            first_factor,
            challenge,
            accepts_pass,
            remembered_days: None,
            this_browser: None,
            remembered_browsers,
            events,
            person: self.person(&details),
            more: record.step < most,
            now,
            record,
            details,
        });
        if ended.is_none() {
            visit.remembered_days = self.days(&visit).await?;
        }
        Ok(match ended {
            Some(ended) => VisitOutcome::Over(visit, ended),
            None => VisitOutcome::Open(visit),
        })
    }

    /// Returns what the person proved, if it still counts. What a pass proved ends with the pass. What was proved in an open sign-in ends with
    /// any change of the person, who then answers again: a factor may have been added that the answer does not prove, or the user was reset.
    async fn still_proved(&self, details: &SignInDetails, ended: Option<Ended>) -> Result<Option<Proved>, Error> {
        let Some(proved) = &details.session.proved else { return Ok(None) };
        if let Some(pass) = &proved.pass
            && !self.factors.is_pass_in_use(&details.sign_in, pass).await?
        {
            return Ok(None);
        }
        let ends_with_a_change = ended.is_none() && details.page == HostedPage::SignIn && proved.changes.is_some();
        if ends_with_a_change && Some(self.factors.changes(&details.sign_in).await?) != proved.changes {
            return Ok(None);
        }
        Ok(Some(proved.clone()))
    }

    /// Returns the name of the application that the person sees.
    async fn application(&self, page: &SignInPage, subscription: &str) -> Result<String, Error> {
        match &page.application_name {
            Some(name) => Ok(name.clone()),
            None => Ok(self.store.subscription(subscription).await?.map(|it| it.name).unwrap_or_default()),
        }
    }

    /// Returns what the person holds and is offered in the open sign-in `id`, and how codes can be delivered.
    async fn ways(
        &self,
        id: &str,
        details: &SignInDetails,
        is_as_begun: bool,
        now: Timestamp,
    ) -> Result<(Held, Vec<DeliveryOption>), Error> {
        let mut held = self.held(details).await?;
        if details.page == HostedPage::SignIn {
            held.enrollable = self.offers(id, details, &held, now).await?;
        }
        // A code is weaker than a factor that the person has: it does not lead to changes of that. One that adds nothing is not sent.
        let leads_on = details.sign_in.user.is_some() && details.page == HostedPage::SignIn
            || !held.is_unmet()
                && held.options.iter().all(|one| one.fallback)
                && (is_as_begun || !held.factors.is_empty());
        let delivery_options = if leads_on { self.delivery_options(details).await? } else { Vec::new() };
        Ok((held, delivery_options))
    }

    /// Binds a link to the browser that opened it first: from now on no other can use it. Returns
    /// the secret that the browser must send, or `None` if another browser was first.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn bind(&self, visit: &Visit) -> Result<Option<String>, Error> {
        let browser = random::id()?;
        let bound = self.store.bind_sign_in(visit.id(), digest(&browser), visit.now).await?;
        Ok(bound.then_some(browser))
    }

    /// Returns whether the link is bound to a browser.
    pub fn is_bound(&self, visit: &Visit) -> bool {
        visit.record.browser.is_some()
    }

    /// Starts a challenge, at most once for each step: a repeat of an earlier step finds the result
    /// of that step. `webotp_host` is the host that codes in SMS are bound to, and `locale` the
    /// language of the page on which the code is entered.
    ///
    /// # Errors
    /// Those of [`TwoFactor::start`](crate::TwoFactor::start).
    pub async fn start(
        &self,
        visit: &Visit,
        two_factor: &str,
        step: u32,
        client_address: Option<IpAddr>,
        webotp_host: Option<String>,
        locale: &str,
    ) -> Result<(), Error> {
        if step != visit.step() || open_challenge(visit).is_some_and(|pending| pending.two_factor == two_factor) {
            return Ok(());
        }
        // Whoever is not known yet is let in only by a passkey whose policy says so, whatever the browser asks for.
        if visit.details.sign_in.user.is_none() && visit.option(two_factor).is_none() {
            return Err(Error::no_instance_available());
        }
        if !visit.more {
            return Err(Error::rate_limited((visit.record.expires_at - visit.now).try_into().unwrap_or_default()));
        }
        let mut start = visit.details.start();
        start.two_factor = Some(two_factor.to_owned());
        start.client_address = start.client_address.or(client_address);
        start.webotp_host = webotp_host;
        start.locale = Some(locale.to_owned());
        // No application can send such a key: headers contain no NUL.
        start.idempotency_key = Some(format!("\0{}\0{step}", visit.id()));
        let (this, id, subscription) = (self.clone(), visit.id().to_owned(), visit.record.subscription.clone());
        let before = visit.record.challenge.clone();
        // Runs to completion even if the browser disconnects: a message that was sent belongs to
        // this step.
        to_the_end(async move {
            match this.challenges.start(start).await {
                Ok(challenge) => {
                    let now = this.clock.now();
                    if this.store.step_sign_in(&id, step, Some(challenge.id.clone()), now).await? {
                        this.give_up(&subscription, before.as_deref()).await;
                    } else {
                        let record = this.store.sign_in(&subscription, &id).await?;
                        // Otherwise this was a repeat, and the first request has stored it.
                        if record.is_none_or(|record| record.challenge.as_deref() != Some(&*challenge.id)) {
                            this.give_up(&subscription, Some(&challenge.id)).await;
                        }
                    }
                    Ok(())
                }
                // Another window of the same browser was first.
                Err(error) if error.is_conflict() => Ok(()),
                Err(error) => {
                    // It may have been sent. The person's next request is not a repeat of it.
                    if error.is_delivery_failed() && !error.is_retryable() {
                        this.store.step_sign_in(&id, step, before, this.clock.now()).await?;
                    }
                    Err(error)
                }
            }
        })
        .await
    }

    /// Resends the message of the open challenge, in the language `locale` of the page on which its
    /// code is entered.
    ///
    /// # Errors
    /// Those of [`TwoFactor::resend`](crate::TwoFactor::resend).
    pub async fn resend(&self, visit: &Visit, locale: &str) -> Result<(), Error> {
        let challenge = open_challenge(visit).ok_or_else(Error::closed)?;
        self.challenges.resend(&visit.record.subscription, &challenge.id, Some(locale)).await.map(drop)
    }

    /// Verifies an answer. A right one ends a sign-in, once; returns the handle that the browser takes to the application. With few
    /// recovery codes left, the page first offers new ones; whoever holds no factor is offered the first one, where policy says so. On the page of a person's own factors it permits changes. `remember` is the
    /// `User-Agent` of the browser, if the person asked to remember it: that is done at the end, where policy allows it.
    ///
    /// # Errors
    /// Those of [`TwoFactor::verify`](crate::TwoFactor::verify). An answer that does not have the form of the code is invalid
    /// input and not counted.
    pub async fn answer(
        &self,
        visit: &Visit,
        given: SubmittedAnswer<'_>,
        remember: Option<&str>,
        client_address: Option<IpAddr>,
    ) -> Result<NextStep, Error> {
        // Who signs in with a passkey alone is asked for it the next time, too.
        let remember = remember.filter(|_| visit.details.sign_in.user.is_some());
        let remember = remember.map(|agent| agent.chars().take(AGENT_CHARS).collect());
        let challenge = open_challenge(visit).ok_or_else(Error::closed)?;
        let length = challenge.code_length.filter(|_| challenge.recipient_hint.is_some());
        if let (SubmittedAnswer::Code(code), Some(length)) = (given, length)
            && u32::try_from(typed(code)?) != Ok(length)
        {
            return Err(Error::invalid(format!("the code has {length} digits")));
        }
        let (text, is_credential) = match given {
            SubmittedAnswer::Code(code) => (code, false),
            SubmittedAnswer::Credential(credential) => (credential, true),
        };
        let (address, text) = (visit.details.client_address.or(client_address), Zeroizing::new(text.to_owned()));
        let (this, mut visit, challenge) = (self.clone(), visit.clone(), challenge.id.clone());
        // Runs to completion even if the browser disconnects: its next request finds the sign-in
        // verified.
        to_the_end(async move {
            let answer =
                if is_credential { Answer::credential(&challenge, &text) } else { Answer::new(&challenge, &text) };
            let answer = answer.client_address(address);
            // Nobody knows yet who answers with a passkey alone.
            let changes = match visit.details.sign_in.user {
                Some(_) => Some(this.factors.changes(&visit.details.sign_in).await?),
                None => None,
            };
            let verified = this.challenges.verify(&visit.record.subscription, answer).await?;
            // A passkey names the person of a sign-in that did not.
            visit.details.sign_in.user = visit.details.sign_in.user.or_else(|| verified.user.clone());
            let has_few_codes = verified.uses_left.is_some_and(|left| left <= FEW_CODES);
            let proved = Proved { remember, changes, ..Proved::of(verified, Some(challenge)) };
            if visit.details.page == HostedPage::Factors {
                this.rewrite(&visit, |session| session.prove(proved)).await?;
                return Ok(NextStep::Stay);
            }
            if this.offer(&visit, &proved, has_few_codes).await {
                return Ok(NextStep::Stay);
            }
            this.end(&visit, proved).await
        })
        .await
    }

    /// Ends a sign-in that the page did not end with the right answer, because it offered something.
    ///
    /// # Errors
    /// [`Error::is_closed`] if nothing was proved, or it has ended already.
    pub async fn proceed(&self, visit: &Visit) -> Result<NextStep, Error> {
        let fits = |proved: &Proved| visit.details.page == HostedPage::SignIn && proved.is_by_one_of(&visit.factors);
        let proved = visit.details.session.proved.clone().filter(fits);
        self.end(visit, proved.ok_or_else(Error::closed)?).await
    }

    /// Ends a sign-in, if the count of its person's changes is still that of the proof, where the person was known then: a reset, or another
    /// change, may come at any moment.
    pub(super) async fn end(&self, visit: &Visit, proved: Proved) -> Result<NextStep, Error> {
        if visit.details.sign_in.user.is_none() {
            return Err(Error::closed());
        }
        let handle = random::id()?;
        let (at, two_factor, amr) = (proved.at, proved.two_factor.clone(), proved.amr.clone());
        let end = SignInEnd::Verified { at, two_factor, amr, handle: Some(digest(&handle)) };
        let mut details = visit.details.clone();
        details.session = Session { proved: Some(proved.clone()), ..Session::default() };
        let sealed = self.seal(&visit.record, &details)?;
        let changes = proved.changes.map(|count| (self.factors.user_key(&visit.details.sign_in), count));
        if !self.store.end_sign_in(visit.id(), end, Some(sealed), changes).await? {
            return Err(Error::closed());
        }
        Ok(NextStep::Return { handle, remembered: self.remember(visit, &proved).await })
    }

    /// Cancels a sign-in.
    ///
    /// # Errors
    /// [`Error::is_closed`] if it has ended already.
    pub async fn cancel(&self, visit: &Visit) -> Result<(), Error> {
        let end = SignInEnd::Cancelled { at: self.clock.now() };
        if !self.store.end_sign_in(visit.id(), end, None, None).await? {
            return Err(Error::closed());
        }
        self.give_up(&visit.record.subscription, visit.record.challenge.as_deref()).await;
        Ok(())
    }

    /// Returns whether nothing of the person has changed since the link was made. What was closed to the first factor then, or to a code
    /// that goes to the address in the link, is not opened to it by a reset: the address may be somebody else's.
    pub(super) async fn is_as_begun(&self, details: &SignInDetails) -> Result<bool, Error> {
        Ok(details.changes.is_some() && details.changes == Some(self.factors.changes(&details.sign_in).await?))
    }

    fn person(&self, details: &SignInDetails) -> String {
        let user = details.sign_in.user.as_deref().unwrap_or_default();
        let hash = self.keyring.bucket("hosted-person", &[details.sign_in.subscription.as_bytes(), user.as_bytes()]);
        hex::encode(&hash[..8])
    }

    async fn page(&self, subscription: &str) -> Result<SignInPage, Error> {
        match self.store.sign_in_page(subscription).await? {
            Some(record) => serde_json::from_value(record.settings).map_err(Error::unavailable),
            None => Ok(SignInPage::default()),
        }
    }

    /// None if what was available at the start no longer is, or if a delivered code is not enough.
    async fn delivery_options(&self, details: &SignInDetails) -> Result<Vec<DeliveryOption>, Error> {
        match self.challenges.delivery_options(&details.start()).await {
            Err(error)
                if error.is_no_instance_available()
                    || error.is_recipient_rejected()
                    || error.is_requirement_unmet()
                    || error.is_invalid_input() =>
            {
                Ok(Vec::new())
            }
            other => other,
        }
    }

    pub(super) async fn give_up(&self, subscription: &str, challenge: Option<&str>) {
        if let Some(id) = challenge {
            // It expires soon anyway, and it may have ended already.
            let _ = self.challenges.cancel(subscription, id).await;
        }
    }
}

fn ended(record: &HostedSignInRecord, now: Timestamp) -> Option<Ended> {
    match &record.ended {
        Some(SignInEnd::Verified { .. }) => Some(Ended::Verified),
        Some(SignInEnd::Cancelled { .. }) => Some(Ended::Cancelled),
        None if record.expires_at <= now => Some(Ended::Expired),
        None => None,
    }
}

fn open_challenge(visit: &Visit) -> Option<&Challenge> {
    visit.challenge.as_ref().filter(|(_, status)| *status == ChallengeStatus::Open).map(|(challenge, _)| challenge)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{Actor, SignIn, TwoFactor};

    #[tokio::test]
    async fn a_sign_in_ends_only_for_a_user() {
        let engine = TwoFactor::builder().build().await.unwrap();
        engine.administration(Actor::new("test")).create_subscription("shop", "Shop").await.unwrap();
        let sign_ins = engine.hosted_sign_ins();
        let ended = async |id: &str, sign_in: SignIn| {
            let now = sign_ins.clock.now();
            let details = SignInDetails {
                sign_in,
                recipient: crate::Recipient::default(),
                locale: None,
                purpose: None,
                client_address: None,
                user_agent: None,
                first_factor: false,
                changes: None,
                return_url: String::new(),
                state: String::new(),
                page: HostedPage::SignIn,
                user_name: None,
                required: crate::factor::RequiredFactor::Any,
                acr: None,
                session: Session::default(),
            };
            let mut record = HostedSignInRecord {
                id: id.to_owned(),
                subscription: "shop".to_owned(),
                link: digest(id),
                browser: None,
                sealed: Vec::new(),
                challenge: None,
                step: 0,
                created_at: now,
                expires_at: now + LIFETIME,
                ended: None,
            };
            record.sealed = sign_ins.seal(&record, &details).unwrap();
            sign_ins.store.insert_sign_in(record).await.unwrap();
            let VisitOutcome::Open(visit) = sign_ins.visit(id, None).await.unwrap() else { panic!("it is not open") };
            sign_ins.end(&visit, Proved::by_pass(now, None)).await
        };
        assert!(ended("nobody", SignIn::new("shop")).await.err().unwrap().is_closed());
        assert!(ended("alice", SignIn::new("shop").user("alice")).await.is_ok());
    }
}

//! Logging in: a password, and a second factor if there is one.

use std::time::Duration;

use zeroize::Zeroizing;

use super::password::Verdict;
use super::{Accounts, Client, OpenedSession, Use, actor_name};
use crate::capability::Secret;
use crate::challenge::{Challenge, Challenges, SignIn, Start, to_the_end};
use crate::error::Error;
use crate::provider::RecipientKind;
use crate::store::{AccountRecord, BucketKey, InsteadOf, LogInRecord};

/// The client application that log-ins to accounts are sign-ins to: what instances are assigned to for them.
const CLIENT_APPLICATION: &str = "twofactor-admin";

/// What the codes are for.
const PURPOSE: &str = "administration";

/// How long a log-in waits for its second factor.
const WAITS: Duration = Duration::from_secs(600);

/// How far a log-in came.
#[derive(Debug)]
pub enum LoggedIn {
    /// To its end.
    Session(OpenedSession),
    /// A code was sent: [`Accounts::second_factor`] goes on with it.
    SecondFactor {
        /// Continues this log-in, for 10 minutes. It opens nothing by itself.
        pending: Secret,
        /// What was sent.
        challenge: Challenge,
    },
}

/// What somebody proved to be an account's owner with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Password,
    Invitation,
    /// An identity provider's word, and whether it asked for a second factor.
    Vouched {
        second_factor: bool,
    },
}

/// Whom nobody is logged in as.
pub(super) const NOBODY: &str = "nobody";

impl Accounts {
    /// Judges a password. Wrong passwords are counted for the account and the client's address, and an unknown account costs and
    /// answers what a wrong password does.
    ///
    /// # Errors
    /// [`Error::is_log_in_refused`]; [`Error::is_limited`] after too many wrong passwords. After a right one
    /// [`Error::is_not_available`] if a second factor is required and there is none, and those of
    /// [`TwoFactor::start`](crate::TwoFactor::start).
    pub async fn log_in(&self, email: &str, password: &str, client: &Client) -> Result<LoggedIn, Error> {
        let key = self.email_key(email);
        let found = self.store.account_by_email(&key).await?;
        let record = self.judge(&key, found, password, "account.log-in-refused", client).await?;
        self.challenges.purge();
        self.admit(record, Proof::Password, client).await
    }

    /// Counts, compares, and takes back what was counted if the password was right.
    pub(super) async fn judge(
        &self,
        key: &BucketKey,
        found: Option<AccountRecord>,
        password: &str,
        refusal: &str,
        client: &Client,
    ) -> Result<AccountRecord, Error> {
        let now = self.clock.now();
        let (names, charges): (Vec<_>, Vec<_>) =
            self.limits.password(&self.keyring, key, client.address).into_iter().unzip();
        let counted = charges.iter().map(|charge| charge.key).collect();
        if let Some(limited) = self.store.charge(charges, now).await? {
            return Err(Challenges::limited(&limited, &names, now));
        }
        let hash = match found.as_ref().filter(|record| record.is_active()) {
            Some(record) => self.password(record)?,
            None => None,
        };
        let verdict = self.passwords.verify(password, hash).await?;
        let (Some(record), Verdict::Right { stale }) = (&found, verdict) else {
            // What was typed as an address is not noted: it may be a password.
            let subject = found.as_ref().map_or("unknown", |record| &record.id);
            self.audit.append(&client.actor(NOBODY.to_owned()), refusal, subject, "").await?;
            return Err(Error::log_in_refused());
        };
        self.store.release(counted).await?;
        if stale && let Ok(accepted) = super::password::accept(password, &[]) {
            let hash = self.passwords.hash(accepted).await?;
            let sealed = self.seal_password(&record.id, &hash)?;
            self.store.rehash_password(&record.id, record.generation, sealed).await?;
        }
        Ok(record.clone())
    }

    /// Asks for the second factor, or opens a session if there is none.
    pub(super) async fn admit(&self, record: AccountRecord, proof: Proof, client: &Client) -> Result<LoggedIn, Error> {
        let actor = client.actor(actor_name(&record.id));
        let had_second_factor = proof == Proof::Vouched { second_factor: true };
        if !had_second_factor && let Some(start) = self.second_factor_start(&record, client).await? {
            let subscription = start.sign_in.subscription.clone();
            let challenge = self.challenges.start(start).await?;
            let (pending, digest) = Use::LogIn.draw()?;
            let now = self.clock.now();
            let log_in = LogInRecord {
                digest,
                account: record.id,
                generation: record.generation,
                subscription,
                challenge: challenge.id.clone(),
                expires_at: now + WAITS,
            };
            self.store.keep_log_in(log_in, now).await?;
            return Ok(LoggedIn::SecondFactor { pending, challenge });
        }
        if self.policy.require_second_factor && proof != Proof::Invitation && !had_second_factor {
            self.audit.append(&actor, "account.log-in-refused", &record.id, "no second factor is available").await?;
            return Err(Error::not_available());
        }
        let how =
            if had_second_factor { "with the identity provider's second factor" } else { "without a second factor" };
        self.audit.append(&actor, "account.log-in", &record.id, how).await?;
        let session = self.begin(&record.id, had_second_factor, client)?;
        let opened = self.open(session, record.generation, InsteadOf::Nothing, true).await?;
        // Somebody changed the account while the password was judged.
        opened.map(LoggedIn::Session).ok_or_else(Error::log_in_refused)
    }

    /// How to ask for the second factor; none if no instance that could reach the person is available.
    async fn second_factor_start(&self, record: &AccountRecord, client: &Client) -> Result<Option<Start>, Error> {
        let Some(subscription) = &self.policy.second_factor else { return Ok(None) };
        let sign_in = SignIn::new(subscription).client_application(CLIENT_APPLICATION).user(&record.id);
        let person = self.person(record)?;
        let reaches = |kind| match kind {
            RecipientKind::EmailAddress => true,
            RecipientKind::PhoneNumber => person.phone.is_some(),
            RecipientKind::Handle => false,
        };
        if !self.instances.choose(&sign_in, None).await?.iter().any(|one| reaches(one.recipient_kind)) {
            return Ok(None);
        }
        let mut start = Start::new(sign_in).email(person.email);
        start.recipient.phone = person.phone;
        start.locale = client.locale.clone();
        start.purpose = Some(PURPOSE.to_owned());
        start.client_address = client.address;
        Ok(Some(start))
    }

    /// A log-in that waits. What changed its account since ended it.
    async fn waiting(&self, pending: &str) -> Result<LogInRecord, Error> {
        let digest = Use::LogIn.digest(pending).ok_or_else(Error::log_in_over)?;
        let found = self.store.log_in(&digest).await?.filter(|log_in| log_in.expires_at > self.clock.now());
        found.ok_or_else(Error::log_in_over)
    }

    /// Ends a log-in with the code that was sent.
    ///
    /// # Errors
    /// [`Error::is_code_rejected`]; [`Error::is_closed`] if the log-in or its challenge is over; [`Error::is_limited`].
    pub async fn second_factor(&self, pending: &str, code: &str, client: &Client) -> Result<OpenedSession, Error> {
        let (this, client) = (self.clone(), client.clone());
        let (pending, code) = (Zeroizing::new(pending.to_owned()), Zeroizing::new(code.to_owned()));
        // To the end, though the browser may not wait: the audit log tells of each code that was used.
        to_the_end(async move { this.judge_second_factor(&pending, &code, &client).await }).await
    }

    async fn judge_second_factor(&self, pending: &str, code: &str, client: &Client) -> Result<OpenedSession, Error> {
        let log_in = self.waiting(pending).await?;
        let account = &log_in.account;
        let judged = self.challenges.verify(&log_in.subscription, &log_in.challenge, code, client.address).await;
        match judged {
            Ok(verified) if verified.user.as_ref() == Some(account) => {}
            Ok(_) => return Err(Error::log_in_over()),
            Err(error) => {
                if error.is_code_rejected() {
                    let actor = client.actor(NOBODY.to_owned());
                    self.audit.append(&actor, "account.log-in-refused", account, "second factor").await?;
                }
                return Err(error);
            }
        }
        let actor = client.actor(actor_name(account));
        self.audit.append(&actor, "account.log-in", account, "with a second factor").await?;
        let session = self.begin(account, true, client)?;
        let opened = self.open(session, log_in.generation, InsteadOf::LogIn(log_in.digest), true).await?;
        opened.ok_or_else(Error::log_in_over)
    }

    /// Sends the code of a log-in again.
    ///
    /// # Errors
    /// [`Error::is_closed`] if the log-in or its challenge is over; [`Error::is_limited`]; those of a delivery.
    pub async fn resend(&self, pending: &str) -> Result<Challenge, Error> {
        let log_in = self.waiting(pending).await?;
        self.challenges.resend(&log_in.subscription, &log_in.challenge).await
    }
}

//! Logging in: a password, and a second factor if there is one.

use std::time::Duration;

use zeroize::Zeroizing;

use super::browser::Place;
use super::password::Verdict;
use super::second_factor::{CLIENT_APPLICATION, reaches};
use super::{Accounts, Client, OpenedSession, Use, actor_name};
use crate::capability::Secret;
use crate::challenge::{Challenge, Challenges, SignIn, Start, to_the_end};
use crate::error::Error;
use crate::store::{AccountRecord, BucketKey, InsteadOf, LogInRecord};

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
    /// A link, and whether it lets in without a second factor though one is demanded.
    Invitation {
        without_second_factor: bool,
    },
    /// An identity provider's word, and whether it asked for a second factor.
    Vouched {
        second_factor: bool,
    },
}

/// Whom nobody is logged in as.
pub(super) const NOBODY: &str = "nobody";

impl Accounts {
    /// Verifies a password. Wrong passwords are counted for the account and the client's address, or for the client's browser alone if
    /// somebody logged in to the account there before. An unknown account costs and answers what a wrong password does.
    ///
    /// # Errors
    /// [`Error::is_log_in_refused`]; [`Error::is_limited`] after too many wrong passwords. After a right one
    /// [`Error::is_not_available`] if a second factor is required and there is none, and those of
    /// [`TwoFactor::start`](crate::TwoFactor::start).
    pub async fn log_in(&self, email: &str, password: &str, client: &Client) -> Result<LoggedIn, Error> {
        let key = self.email_key(email);
        let found = self.store.account_by_email(&key).await?;
        let place = match self.known_browser(found.as_ref(), client).await? {
            Some(digest) => Place::Browser(digest),
            None => Place::Anywhere,
        };
        let record = self.judge(&key, found, password, (place, "account.log-in-refused"), client).await?;
        self.challenges.purge();
        self.admit(record, Proof::Password, client).await
    }

    /// Counts, compares, and takes back what was counted if the password was right.
    pub(super) async fn judge(
        &self,
        key: &BucketKey,
        found: Option<AccountRecord>,
        password: &str,
        (place, refusal): (Place<'_>, &str),
        client: &Client,
    ) -> Result<AccountRecord, Error> {
        let now = self.clock.now();
        let charges = match &place {
            Place::Anywhere => self.limits.password(&self.keyring, key, client.address),
            Place::Browser(digest) => self.limits.password_in(&self.keyring, digest),
            Place::Session(id) => self.limits.password_in(&self.keyring, id.as_bytes()),
        };
        let (names, charges): (Vec<_>, Vec<_>) = charges.into_iter().unzip();
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

    /// Asks for the second factor. Where none is available a session is opened only if none is demanded: see the module
    /// `second_factor`.
    pub(super) async fn admit(&self, record: AccountRecord, proof: Proof, client: &Client) -> Result<LoggedIn, Error> {
        let actor = client.actor(actor_name(&record.id));
        let had_second_factor = proof == Proof::Vouched { second_factor: true };
        let passes = proof == Proof::Invitation { without_second_factor: true };
        let start = match had_second_factor || passes {
            true => None,
            false => self.second_factor_start(&record, client).await?,
        };
        if let Some(start) = start {
            let subscription = start.sign_in.subscription.clone();
            let challenge = self.challenges.start_for_account(start).await?;
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
        // What the configuration requires hinders no link: somebody must come in to set it up. What was set up and is gone hinders all.
        let is_link = matches!(proof, Proof::Invitation { .. });
        let demanded = self.guard.settings().await?.demanded_since.is_some();
        if !had_second_factor && !passes && (demanded || self.policy.require_second_factor && !is_link) {
            self.audit.append(&actor, "account.log-in-refused", &record.id, "no second factor is available").await?;
            return Err(Error::not_available());
        }
        let how = match (had_second_factor, passes) {
            (true, _) => "with the identity provider's second factor",
            (_, true) => "without a second factor: its link lets in without",
            _ => "without a second factor",
        };
        self.audit.append(&actor, "account.log-in", &record.id, how).await?;
        let session = self.begin(&record.id, had_second_factor, client)?;
        let opened = self.open_in(session, record.generation, InsteadOf::Nothing, client).await?;
        // Somebody changed the account while the password was judged.
        opened.map(LoggedIn::Session).ok_or_else(Error::log_in_refused)
    }

    /// How to ask for the second factor; none if no instance that could reach the person is available.
    async fn second_factor_start(&self, record: &AccountRecord, client: &Client) -> Result<Option<Start>, Error> {
        let Some(subscription) = self.guard.settings().await?.subscription else { return Ok(None) };
        let sign_in = SignIn::new(subscription).client_application(CLIENT_APPLICATION).user(&record.id);
        let person = self.person(record)?;
        let phone = person.phone.as_deref();
        if !self.instances.choose(&sign_in, None).await?.iter().any(|one| reaches(one.recipient_kind, phone)) {
            return Ok(None);
        }
        let mut start = Start::new(sign_in).email(person.email);
        start.recipient.phone = person.phone;
        start.locale = client.locale.clone();
        start.purpose = Some(PURPOSE.to_owned());
        start.client_address = client.address;
        start.first_factor = true;
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
        self.second_factor_worked(&actor, &log_in.subscription).await?;
        let session = self.begin(account, true, client)?;
        let opened = self.open_in(session, log_in.generation, InsteadOf::LogIn(log_in.digest), client).await?;
        opened.ok_or_else(Error::log_in_over)
    }

    /// Sends the code of a log-in again.
    ///
    /// # Errors
    /// [`Error::is_closed`] if the log-in or its challenge is over; [`Error::is_limited`]; those of a delivery.
    pub async fn resend(&self, pending: &str) -> Result<Challenge, Error> {
        let log_in = self.waiting(pending).await?;
        self.challenges.resend(&log_in.subscription, &log_in.challenge, None).await
    }
}

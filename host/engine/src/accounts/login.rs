//! Logging in with a password, and a second factor if one is available.

use std::time::Duration;

use zeroize::Zeroizing;

use super::browser::Place;
use super::password::PasswordCheck;
use super::second_factor::{CLIENT_APPLICATION, reaches};
use super::{Accounts, Client, OpenedSession, Use, actor_name};
use crate::challenge::{Answer, Challenge, Challenges, NewChallenge, to_the_end};
use crate::error::Error;
use crate::instance::SignIn;
use crate::store::{AccountRecord, BucketKey, LoginRecord, Replaces};
use twofactor_sandbox::Secret;

/// The purpose of the codes.
const PURPOSE: &str = "administration";

/// How long a login waits for its second factor.
const WAITS: Duration = Duration::from_secs(600);

/// The state of a login.
#[derive(Debug)]
pub enum LoggedIn {
    /// Complete.
    Session(OpenedSession),
    /// A code was sent: continue with [`Accounts::second_factor`].
    SecondFactor {
        /// The token that continues this login, valid for 10 minutes. It grants no access by
        /// itself.
        pending: Secret,
        /// The challenge that was sent.
        challenge: Challenge,
    },
}

/// How somebody proved to be an account's owner.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Password,
    /// A link, and whether it lets its user in without a required second factor.
    Invitation {
        without_second_factor: bool,
    },
    /// An external identity provider, and whether it verified a second factor.
    External {
        second_factor: bool,
    },
}

/// The id of nobody, for failed logins.
pub(super) const NOBODY: &str = "nobody";

impl Accounts {
    /// Verifies a password. Wrong passwords count against the account and the client's address, or
    /// only against the client's browser if somebody logged in to the account with it before. An
    /// unknown account costs as much and gives the same response as a wrong password.
    ///
    /// # Errors
    /// [`Error::is_invalid_credentials`]; [`Error::is_rate_limited`] after too many wrong passwords. After a
    /// right password, [`Error::is_no_instance_available`] if a second factor is required and none is
    /// available, and those of [`TwoFactor::start`](crate::TwoFactor::start).
    pub async fn log_in(&self, email: &str, password: &str, client: &Client) -> Result<LoggedIn, Error> {
        let key = self.email_key(email);
        let found = self.store.account_by_email(&key).await?;
        let place = match self.known_browser(found.as_ref(), client).await? {
            Some(digest) => Place::Browser(digest),
            None => Place::Anywhere,
        };
        let record = self.verify_password(&key, found, password, (place, "account.login-refused"), client).await?;
        self.challenges.purge();
        self.admit(record, Proof::Password, client).await
    }

    /// Counts the attempt, verifies the password, and takes the count back if it was right.
    pub(super) async fn verify_password(
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
        let (Some(record), PasswordCheck::Right { stale }) = (&found, verdict) else {
            // The typed address is not recorded: it could be a password.
            let subject = found.as_ref().map_or("unknown", |record| &record.id);
            self.audit.append(&client.actor(NOBODY.to_owned()), refusal, subject, "").await?;
            return Err(Error::invalid_credentials());
        };
        self.store.release(counted).await?;
        if stale && let Ok(accepted) = super::password::accept(password, &[]) {
            let hash = self.passwords.hash(accepted).await?;
            let sealed = self.seal_password(&record.id, &hash)?;
            self.store.rehash_password(&record.id, record.generation, sealed).await?;
        }
        Ok(record.clone())
    }

    /// Asks for the second factor. If none is available, a session is opened only if none is
    /// required: see the module `second_factor`.
    pub(super) async fn admit(&self, record: AccountRecord, proof: Proof, client: &Client) -> Result<LoggedIn, Error> {
        let actor = client.actor(actor_name(&record.id));
        let had_second_factor = proof == Proof::External { second_factor: true };
        let passes = proof == Proof::Invitation { without_second_factor: true };
        let start = match had_second_factor || passes {
            true => None,
            false => self.second_factor_start(&record, client).await?,
        };
        if let Some(start) = start {
            let subscription = start.sign_in.subscription.clone();
            let challenge = self.challenges.start_for_account(start).await?;
            let (pending, digest) = Use::Login.draw()?;
            let now = self.clock.now();
            let login = LoginRecord {
                digest,
                account: record.id,
                generation: record.generation,
                subscription,
                challenge: challenge.id.clone(),
                expires_at: now + WAITS,
            };
            self.store.insert_login(login, now).await?;
            return Ok(LoggedIn::SecondFactor { pending, challenge });
        }
        // The configured requirement does not block a link: somebody must be able to log in to set
        // it up. A second factor that was set up and is gone blocks everybody.
        let is_link = matches!(proof, Proof::Invitation { .. });
        let demanded = self.guard.settings().await?.demanded_since.is_some();
        if !had_second_factor && !passes && (demanded || self.policy.require_second_factor && !is_link) {
            self.audit.append(&actor, "account.login-refused", &record.id, "no second factor is available").await?;
            return Err(Error::no_instance_available());
        }
        let how = match (had_second_factor, passes) {
            (true, _) => "with the identity provider's second factor",
            (_, true) => "without a second factor, as its link allows",
            _ => "without a second factor",
        };
        self.audit.append(&actor, "account.login", &record.id, how).await?;
        let session = self.begin(&record.id, had_second_factor, client)?;
        let opened = self.open_in(session, record.generation, Replaces::Nothing, client).await?;
        // Somebody changed the account while the password was being verified.
        opened.map(LoggedIn::Session).ok_or_else(Error::invalid_credentials)
    }

    /// Returns how to ask for the second factor; none if no instance that could reach the person is
    /// available.
    async fn second_factor_start(
        &self,
        record: &AccountRecord,
        client: &Client,
    ) -> Result<Option<NewChallenge>, Error> {
        let Some(subscription) = self.guard.settings().await?.subscription else { return Ok(None) };
        let sign_in = SignIn::new(subscription).client_application(CLIENT_APPLICATION).user(&record.id);
        let person = self.person(record)?;
        let phone = person.phone.as_deref();
        if !self.instances.choose(&sign_in, None).await?.iter().any(|one| reaches(one.recipient_kind, phone)) {
            return Ok(None);
        }
        let mut start = NewChallenge::new(sign_in).email(person.email);
        start.recipient.phone = person.phone;
        start.locale = client.locale.clone();
        start.purpose = Some(PURPOSE.to_owned());
        start.client_address = client.address;
        start.first_factor = true;
        Ok(Some(start))
    }

    /// Returns a pending login. A change to its account ends it.
    async fn waiting(&self, pending: &str) -> Result<LoginRecord, Error> {
        let digest = Use::Login.digest(pending).ok_or_else(Error::login_closed)?;
        let found = self.store.login(&digest).await?.filter(|login| login.expires_at > self.clock.now());
        found.ok_or_else(Error::login_closed)
    }

    /// Completes a login with the code that was sent.
    ///
    /// # Errors
    /// [`Error::is_code_rejected`]; [`Error::is_closed`] if the login or its challenge has ended;
    /// [`Error::is_rate_limited`].
    pub async fn second_factor(&self, pending: &str, code: &str, client: &Client) -> Result<OpenedSession, Error> {
        let (this, client) = (self.clone(), client.clone());
        let (pending, code) = (Zeroizing::new(pending.to_owned()), Zeroizing::new(code.to_owned()));
        // Runs to completion even if the browser disconnects: the audit log records each code that
        // was used.
        to_the_end(async move { this.verify_second_factor(&pending, &code, &client).await }).await
    }

    async fn verify_second_factor(&self, pending: &str, code: &str, client: &Client) -> Result<OpenedSession, Error> {
        let login = self.waiting(pending).await?;
        let account = &login.account;
        let answer = Answer::new(&login.challenge, code).client_address(client.address);
        let result = self.challenges.verify(&login.subscription, answer).await;
        match result {
            Ok(verified) if verified.user.as_ref() == Some(account) => {}
            Ok(_) => return Err(Error::login_closed()),
            Err(error) => {
                if error.is_code_rejected() {
                    let actor = client.actor(NOBODY.to_owned());
                    self.audit.append(&actor, "account.login-refused", account, "second factor").await?;
                }
                return Err(error);
            }
        }
        let actor = client.actor(actor_name(account));
        self.audit.append(&actor, "account.login", account, "with a second factor").await?;
        self.second_factor_worked(&actor, &login.subscription).await?;
        let session = self.begin(account, true, client)?;
        let opened = self.open_in(session, login.generation, Replaces::Login(login.digest), client).await?;
        opened.ok_or_else(Error::login_closed)
    }

    /// Sends the code of a login again.
    ///
    /// # Errors
    /// [`Error::is_closed`] if the login or its challenge has ended; [`Error::is_rate_limited`]; those
    /// of a delivery.
    pub async fn resend(&self, pending: &str) -> Result<Challenge, Error> {
        let login = self.waiting(pending).await?;
        self.challenges.resend(&login.subscription, &login.challenge, None).await
    }
}

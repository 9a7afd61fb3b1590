//! Logging in with a password, and a second factor if one is available.

use std::time::Duration;

use zeroize::Zeroizing;

use super::browser::PasswordPlace;
use super::password::PasswordCheck;
use super::refusals::By;
use super::second_factor::reaches;
use super::{Accounts, Client, LoginFactor, OpenedSession, Session, actor_name};
use crate::challenge::{Answer, Challenge, ChallengeStatus, Challenges, NewChallenge};
use crate::completion::to_the_end;
use crate::error::Error;
use crate::instance::SignIn;
use crate::secret_kind::SecretKind;
use crate::store::{AccountRecord, BucketKey, LoginRecord, Replaces, SessionSelection};
use twofactor_sandbox::Secret;

/// The purpose of the codes.
const PURPOSE: &str = "administration";

/// How long a login waits for its second factor.
const WAITS: Duration = Duration::from_secs(600);

/// The state of a login.
#[derive(Debug)]
pub enum LoginOutcome {
    /// Complete.
    Session(OpenedSession),
    /// A second factor is asked for: continue with [`Accounts::second_factor`], or for a passkey with
    /// [`Accounts::second_factor_credential`].
    SecondFactor {
        /// The token that continues this login, valid for 10 minutes. It grants no access by
        /// itself.
        pending: Secret,
        /// The challenge: for a factor that the person holds, or a code that was sent.
        challenge: Challenge,
    },
}

/// A login that waits for its second factor.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PendingLogin {
    /// The challenge to answer.
    pub challenge: Challenge,
    /// The kinds of factors with which the person can complete the login, the strongest first; none if a code was sent.
    pub factors: Vec<LoginFactor>,
}

/// What a person answers a challenge with.
#[derive(Clone, Copy)]
enum Given {
    Code,
    Credential,
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

impl Accounts {
    /// Verifies a password. Wrong passwords count against the account and the client's address, or
    /// only against the client's browser if somebody logged in to the account with it before. An
    /// unknown account costs as much and gives the same response as a wrong password.
    ///
    /// # Errors
    /// [`Error::is_invalid_credentials`]; [`Error::is_rate_limited`] after too many wrong passwords. After a
    /// right password, [`Error::is_no_instance_available`] if a second factor is required and none is
    /// available, and those of [`TwoFactor::start`](crate::TwoFactor::start).
    pub async fn log_in(&self, email: &str, password: &str, client: &Client) -> Result<LoginOutcome, Error> {
        // Also if the login is refused: its counts are data that expire.
        self.challenges.purge_now_and_then();
        let (this, client) = (self.clone(), client.clone());
        let (email, password) = (email.to_owned(), Zeroizing::new(password.to_owned()));
        // Runs to completion even if the browser disconnects: the audit log records each wrong password, and a right one does not stay
        // counted.
        to_the_end(async move { this.log_in_with(&email, &password, &client).await }).await
    }

    async fn log_in_with(&self, email: &str, password: &str, client: &Client) -> Result<LoginOutcome, Error> {
        let key = self.email_key(email);
        let found = self.store.account_by_email(&key).await?;
        let place = match self.known_browser(found.as_ref(), client).await? {
            Some(digest) => PasswordPlace::Browser(digest),
            None => PasswordPlace::Anywhere,
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
        (place, refusal): (PasswordPlace<'_>, &str),
        client: &Client,
    ) -> Result<AccountRecord, Error> {
        let now = self.clock.now();
        let charges = match &place {
            PasswordPlace::Anywhere => self.limits.password(&self.keyring, key, client.address),
            PasswordPlace::Browser(digest) => self.limits.password_in(&self.keyring, digest),
            PasswordPlace::Session(id) => self.limits.password_in(&self.keyring, id.as_bytes()),
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
            let account = found.as_ref().map(|record| &*record.id);
            self.record_refusal(By::Password, account, (refusal, ""), client).await?;
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
    pub(super) async fn admit(
        &self,
        record: AccountRecord,
        proof: Proof,
        client: &Client,
    ) -> Result<LoginOutcome, Error> {
        let actor = client.actor(actor_name(&record.id));
        let had_second_factor = proof == Proof::External { second_factor: true };
        let passes = proof == Proof::Invitation { without_second_factor: true };
        let starts = match had_second_factor || passes {
            true => Vec::new(),
            false => self.second_factor_starts(&record, client).await?,
        };
        if let Some((subscription, challenge)) = self.start_first(starts).await? {
            let login = LoginRecord {
                digest: [0; 32],
                account: record.id,
                generation: record.generation,
                subscription,
                challenge: challenge.id.clone(),
                expires_at: self.clock.now() + WAITS,
            };
            let pending = self.wait_with(login).await?;
            return Ok(LoginOutcome::SecondFactor { pending, challenge });
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
        let opened = self.open(session, record.generation, Replaces::Nothing, true).await?;
        // Somebody changed the account while the password was being verified.
        let opened = opened.ok_or_else(Error::invalid_credentials)?;
        if !had_second_factor && !passes {
            self.end_if_a_factor_was_added(&opened.session, client).await?;
        }
        let browser = self.remember_browser(&record.id, client).await?;
        Ok(LoginOutcome::Session(OpenedSession { browser, ..opened }))
    }

    /// Ends a new session without a second factor if its account has got one since the login looked for it. An enrolment of the
    /// account's first factor stores the factor before it ends all other sessions: either it ends this one, or the factor is seen here.
    async fn end_if_a_factor_was_added(&self, session: &Session, client: &Client) -> Result<(), Error> {
        let account = &session.account.id;
        let Some(sign_in) = self.login_sign_in(account).await? else { return Ok(()) };
        if self.factors.list(&sign_in.subscription, account, false).await?.is_empty() {
            return Ok(());
        }
        let (actor, why) = (client.actor(actor_name(account)), "a second factor was added during the login");
        self.audit.append(&actor, "account.login-refused", account, why).await?;
        self.store.end_sessions(account, SessionSelection::One(session.id.clone())).await?;
        Err(Error::invalid_credentials())
    }

    /// Starts the first of these challenges whose factor is not locked: whoever locks one, by wrong answers, keeps nobody out who holds
    /// another. Returns its subscription, too; none if there are no challenges.
    ///
    /// # Errors
    /// Those of the first one if all are locked.
    async fn start_first(&self, starts: Vec<NewChallenge>) -> Result<Option<(String, Challenge)>, Error> {
        let mut locked = None;
        for start in starts {
            let subscription = start.sign_in.subscription.clone();
            match self.challenges.start_for_account(start).await {
                Ok(challenge) => return Ok(Some((subscription, challenge))),
                Err(error) if error.is_locked() => locked = locked.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        locked.map_or(Ok(None), Err)
    }

    /// Stores a login that waits for its challenge. Returns the token that continues it.
    async fn wait_with(&self, login: LoginRecord) -> Result<Secret, Error> {
        let (pending, digest) = SecretKind::Login.draw()?;
        self.store.insert_login(LoginRecord { digest, ..login }, self.clock.now()).await?;
        Ok(pending)
    }

    /// Returns how to ask for the second factor: those that the person holds, the strongest first, or without one a code that is sent.
    /// Empty if no instance that could reach the person is available.
    ///
    /// # Errors
    /// [`Error::is_no_instance_available`] if the person holds factors, none of which can be used: a weaker way must not replace them.
    async fn second_factor_starts(&self, record: &AccountRecord, client: &Client) -> Result<Vec<NewChallenge>, Error> {
        let Some(sign_in) = self.login_sign_in(&record.id).await? else { return Ok(Vec::new()) };
        let held = self.factors.list(&sign_in.subscription, &record.id, false).await?;
        let usable = self.login_factors(&sign_in, &held).await?;
        if !usable.is_empty() {
            return Ok(usable.into_iter().map(|one| with_factor(sign_in.clone(), one.two_factor, client)).collect());
        }
        if !held.is_empty() {
            let actor = client.actor(actor_name(&record.id));
            let detail = "no second factor of the account can be used";
            self.audit.append(&actor, "account.login-refused", &record.id, detail).await?;
            return Err(Error::no_instance_available());
        }
        let person = self.person(record)?;
        let phone = person.phone.as_deref();
        if !self.instances.choose(&sign_in, None).await?.iter().any(|one| reaches(one.recipient_kind, phone)) {
            return Ok(Vec::new());
        }
        let mut start = new_challenge(sign_in, client).email(person.email);
        start.recipient.phone = person.phone;
        Ok(vec![start])
    }

    /// Returns a pending login, for its page.
    ///
    /// # Errors
    /// [`Error::is_closed`] if the login or its challenge has ended.
    pub async fn pending_login(&self, pending: &str) -> Result<PendingLogin, Error> {
        let login = self.waiting(pending).await?;
        let found = self.challenges.look(&login.subscription, &login.challenge).await?;
        let (challenge, _) =
            found.filter(|(_, status)| *status == ChallengeStatus::Open).ok_or_else(Error::login_closed)?;
        let factors = match challenge.recipient_hint {
            Some(_) => Vec::new(),
            None => self.factors_for(&login).await?.1,
        };
        Ok(PendingLogin { challenge, factors })
    }

    /// Returns the kinds of factors with which the person of a login can complete it.
    async fn factors_for(&self, login: &LoginRecord) -> Result<(SignIn, Vec<LoginFactor>), Error> {
        let sign_in = self.login_sign_in(&login.account).await?;
        let sign_in = sign_in.filter(|one| one.subscription == login.subscription).ok_or_else(Error::login_closed)?;
        let held = self.factors.list(&login.subscription, &login.account, false).await?;
        let factors = self.login_factors(&sign_in, &held).await?;
        Ok((sign_in, factors))
    }

    /// Asks for another factor that the person holds. Returns the token that continues the login.
    ///
    /// # Errors
    /// [`Error::is_closed`] if the login has ended, or if the person holds no such factor; [`Error::is_rate_limited`].
    pub async fn ask_for_factor(&self, pending: &str, two_factor: &str, client: &Client) -> Result<Secret, Error> {
        let login = self.waiting(pending).await?;
        let (sign_in, factors) = self.factors_for(&login).await?;
        let chosen = factors.into_iter().find(|one| one.two_factor == two_factor).ok_or_else(Error::login_closed)?;
        let start = with_factor(sign_in, chosen.two_factor, client);
        let challenge = self.challenges.start_for_account(start).await?.id;
        self.wait_with(LoginRecord { challenge, ..login }).await
    }

    /// Returns a pending login. A change to its account ends it.
    async fn waiting(&self, pending: &str) -> Result<LoginRecord, Error> {
        let digest = SecretKind::Login.digest(pending).ok_or_else(Error::login_closed)?;
        let found = self.store.login(&digest).await?.filter(|login| login.expires_at > self.clock.now());
        found.ok_or_else(Error::login_closed)
    }

    /// Completes a login with a code: the one that was sent, or one of a factor that the person holds.
    ///
    /// # Errors
    /// [`Error::is_code_rejected`]; [`Error::is_closed`] if the login or its challenge has ended;
    /// [`Error::is_rate_limited`].
    pub async fn second_factor(&self, pending: &str, code: &str, client: &Client) -> Result<OpenedSession, Error> {
        self.answer(pending, (Given::Code, code), client).await
    }

    /// Completes a login with a passkey: in JSON what `toJSON()` of the credential returned in the browser.
    ///
    /// # Errors
    /// Those of [`Accounts::second_factor`].
    pub async fn second_factor_credential(
        &self,
        pending: &str,
        credential: &str,
        client: &Client,
    ) -> Result<OpenedSession, Error> {
        self.answer(pending, (Given::Credential, credential), client).await
    }

    async fn answer(
        &self,
        pending: &str,
        (given, text): (Given, &str),
        client: &Client,
    ) -> Result<OpenedSession, Error> {
        let (this, client) = (self.clone(), client.clone());
        let (pending, text) = (Zeroizing::new(pending.to_owned()), Zeroizing::new(text.to_owned()));
        // Runs to completion even if the browser disconnects: the audit log records each answer that
        // was right.
        to_the_end(async move { this.verify_second_factor(&pending, (given, &text), &client).await }).await
    }

    async fn verify_second_factor(
        &self,
        pending: &str,
        (given, text): (Given, &str),
        client: &Client,
    ) -> Result<OpenedSession, Error> {
        let login = self.waiting(pending).await?;
        let account = &login.account;
        let answer = match given {
            Given::Code => Answer::new(&login.challenge, text),
            Given::Credential => Answer::credential(&login.challenge, text),
        };
        let result =
            self.challenges.verify_for_account(&login.subscription, answer.client_address(client.address)).await;
        let verified = match result {
            Ok(verified) if verified.user.as_ref() == Some(account) => verified,
            Ok(_) => return Err(Error::login_closed()),
            Err(error) => {
                if error.is_code_rejected() {
                    let refused = ("account.login-refused", "second factor");
                    self.record_refusal(By::Password, Some(account), refused, client).await?;
                }
                return Err(error);
            }
        };
        // The owner may have added a factor since the code was sent. From then on, a delivered code does not replace it.
        if verified.factor.is_none() && !self.factors.list(&login.subscription, account, false).await?.is_empty() {
            return Err(Error::login_closed());
        }
        let actor = client.actor(actor_name(account));
        self.audit.append(&actor, "account.login", account, "with a second factor").await?;
        // A factor that one person holds does not show that everybody could be asked for one.
        if verified.factor.is_none() {
            self.second_factor_worked(&actor, &login.subscription).await?;
        }
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
        self.challenges.resend_for_account(&login.subscription, &login.challenge).await
    }
}

/// Returns a challenge of a login.
fn new_challenge(sign_in: SignIn, client: &Client) -> NewChallenge {
    NewChallenge {
        locale: client.locale.clone(),
        purpose: Some(PURPOSE.to_owned()),
        client_address: client.address,
        first_factor: true,
        ..NewChallenge::new(sign_in)
    }
}

/// Returns a challenge that is answered with a factor that the person holds.
fn with_factor(sign_in: SignIn, two_factor: String, client: &Client) -> NewChallenge {
    NewChallenge { two_factor: Some(two_factor), ..new_challenge(sign_in, client) }
}

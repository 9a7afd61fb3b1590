//! Log-ins that an outside identity provider vouches for, and how a browser goes there and back.
//!
//! Whoever asks the provider and checks its answer is outside of the engine. An email address is no identity: an account belongs to
//! an issuer's subject from its first log-in on, and what a provider says of email takes over no other account.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::log_in::{NOBODY, Proof};
use super::manage::role_changes;
use super::{Account, Accounts, Client, LoggedIn, Person, Use};
use crate::administration::{Changes, title};
use crate::capability::Secret;
use crate::error::Error;
use crate::store::{AccountRecord, AccountStep, BucketKey, ErrandRecord};
use crate::token::Role;

/// How long a browser may be away.
const AWAY: Duration = Duration::from_secs(600);

/// How the audit log names whoever makes and changes accounts by what a provider says.
const PROVIDER: &str = "identity provider";

/// A person as an identity provider vouches for it. `Debug` does not show who.
#[derive(Clone)]
pub struct Vouched {
    /// The provider.
    pub issuer: String,
    /// The person's name there, which is nobody else's and never changes.
    pub subject: String,
    /// The person's name, for people; the email address is shown if it is none.
    pub name: Option<String>,
    /// Where second factors go. What it is at the first log-in stays.
    pub email: Option<String>,
    /// What the person may do; without one it does not get in.
    pub role: Option<Role>,
    /// Whether the provider asks for a second factor, so that none is asked for here.
    pub second_factor: bool,
}

impl fmt::Debug for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vouched").field("issuer", &self.issuer).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A browser on its way to an identity provider and back. All that must fit when it is back follows from the one secret it holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Errand {
    /// What the browser holds, in a cookie, for 10 minutes.
    pub secret: Secret,
    /// What comes back with the browser (RFC 6749 section 4.1.1).
    pub state: String,
    /// What the provider's token must hold.
    pub nonce: String,
    /// What proves to the provider that the code is ours (RFC 7636).
    pub verifier: Secret,
    /// Its SHA-256, which goes ahead.
    pub challenge: String,
}

impl Errand {
    fn of(secret: Secret) -> Self {
        let derive = |purpose: &str| hash(&format!("{purpose} of {}", secret.expose()));
        let verifier = derive("verifier");
        let (state, nonce, challenge) = (derive("state"), derive("nonce"), hash(&verifier));
        Self { secret, state, nonce, verifier: Secret::new(verifier), challenge }
    }
}

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

impl Accounts {
    /// Sends a browser to an identity provider, from where it wants to come to the page `aim`.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn send_out(&self, aim: &str) -> Result<Errand, Error> {
        let (secret, digest) = Use::Errand.draw()?;
        let now = self.clock.now();
        let record = ErrandRecord { digest, aim: aim.to_owned(), expires_at: now + AWAY };
        self.store.keep_errand(record, now).await?;
        self.challenges.purge();
        Ok(Errand::of(secret))
    }

    /// Takes back a browser with what it holds and the `state` it brings; answers with the page it wants to come to as well. Good once.
    ///
    /// # Errors
    /// [`Error::is_closed`] if it was never sent, is back already, was away for too long, or brings another's `state`.
    pub async fn take_back(&self, secret: &str, state: &str) -> Result<(Errand, String), Error> {
        let digest = Use::Errand.digest(secret).ok_or_else(Error::log_in_over)?;
        let errand = Errand::of(Secret::new(secret));
        // Before it is used up: a link of another site must not end it.
        if !bool::from(errand.state.as_bytes().ct_eq(state.as_bytes())) {
            return Err(Error::log_in_over());
        }
        let taken = self.store.take_errand(&digest, self.clock.now()).await?.ok_or_else(Error::log_in_over)?;
        Ok((errand, taken.aim))
    }

    /// Logs in somebody whom an identity provider vouches for. The account is made at the first log-in, and its role is brought up to
    /// date at each. The second factor is asked for unless the provider did.
    ///
    /// # Errors
    /// [`Error::is_log_in_refused`] if there is no role for the person, its account is disabled, or its email address has another
    /// account; [`Error::operator_detail`] says which. Otherwise those of [`Accounts::log_in`].
    pub async fn log_in_vouched(&self, vouched: Vouched, client: &Client) -> Result<LoggedIn, Error> {
        let identity =
            self.keyring.bucket("account-identity", &[vouched.issuer.as_bytes(), vouched.subject.as_bytes()]);
        let found = self.store.account_by_identity(&identity).await?;
        if let Some(record) = found.as_ref().filter(|record| record.disabled) {
            return Err(self.turn_away(&record.id, "the account is disabled", client).await);
        }
        let subject = found.as_ref().map_or("unknown", |record| &record.id).to_owned();
        let Some(role) = &vouched.role else {
            if let Some(record) = found {
                self.change(record, "no role any more: its sessions end", client, |_| {}).await?;
            }
            return Err(self.turn_away(&subject, "no role for what the identity provider says", client).await);
        };
        match self.check_role(role).await {
            Err(error) if error.is_invalid_input() => {
                return Err(self.turn_away(&subject, "its role does not fit", client).await.with_detail(error));
            }
            checked => checked?,
        }
        let json = serde_json::to_string(role).map_err(Error::unavailable)?;
        let record = match found {
            Some(record) if record.role == json => record,
            Some(record) => {
                let what = role_changes(Changes::default(), &record, role)?.text();
                match self.change(record.clone(), &what, client, |record| record.role = json).await? {
                    Some(record) => record,
                    None => {
                        self.change(record, "its sessions end", client, |_| {}).await?;
                        let why = "the identity provider gives the last system administrator another role";
                        return Err(self.turn_away(&subject, why, client).await);
                    }
                }
            }
            None => self.welcome(&vouched, identity, role, client).await?,
        };
        self.admit(record, Proof::Vouched { second_factor: vouched.second_factor }, client).await
    }

    /// Notes why somebody does not get in. To the person all reasons are one.
    async fn turn_away(&self, subject: &str, why: &str, client: &Client) -> Error {
        let noted = self.audit.append(&client.actor(NOBODY.to_owned()), "account.log-in-refused", subject, why).await;
        noted.err().unwrap_or_else(|| Error::log_in_refused().with_detail(why))
    }

    /// Changes what ends all sessions. None if that would leave no system administrator.
    async fn change(
        &self,
        mut record: AccountRecord,
        what: &str,
        client: &Client,
        change: impl FnOnce(&mut AccountRecord),
    ) -> Result<Option<AccountRecord>, Error> {
        let (id, revision) = (record.id.clone(), record.revision);
        change(&mut record);
        record.generation += 1;
        record.revision += 1;
        let actor = client.actor(PROVIDER.to_owned());
        self.audit.append(&actor, "account.update", &id, what).await?;
        match self.store.update_account(record, revision).await? {
            AccountStep::Done => self.record(&id).await.map(Some),
            AccountStep::PassedOver => Err(Error::log_in_over()),
            AccountStep::LastSystemAdmin => {
                self.last_system_admin(&actor, "account.update", &id).await?;
                Ok(None)
            }
        }
    }

    /// The account of somebody who comes for the first time.
    async fn welcome(
        &self,
        vouched: &Vouched,
        identity: BucketKey,
        role: &Role,
        client: &Client,
    ) -> Result<AccountRecord, Error> {
        let email = vouched.email.as_deref().unwrap_or_default();
        let name = vouched.name.as_deref().filter(|name| title(name).is_ok()).unwrap_or(email);
        let Ok(person) = Person::new(name, email, None) else {
            return Err(self.turn_away("unknown", "the identity provider says no email address", client).await);
        };
        let mut record = self.new_record(&person, role)?;
        if let Some(other) = self.store.account_by_email(&record.email).await? {
            let why = "the email address that the identity provider says has this account already";
            return Err(self.turn_away(&other.id, why, client).await);
        }
        record.identity = Some(identity);
        let id = record.id.clone();
        self.audit.append(&client.actor(PROVIDER.to_owned()), "account.create", &id, role.name()).await?;
        match self.store.insert_vouched_account(record).await {
            // The same person came twice at once.
            Err(error) if error.is_conflict() => Err(Error::log_in_over()),
            inserted => {
                inserted?;
                self.record(&id).await
            }
        }
    }
}

impl Account {
    /// Whether its person logs in at an identity provider and has no password here.
    pub fn is_vouched(&self) -> bool {
        self.vouched
    }
}

//! Accounts of administrators: invitations, logins, sessions.
//!
//! Every secret that somebody holds (of an invitation, a pending login, an authorization request, a
//! session) has 256 random bits and is stored as a digest. The order is: verify the person, write
//! the audit log, then apply the change in one step of the store, which succeeds only if the
//! account is still what it was when the person was verified.

mod browser;
mod common_words;
mod external;
mod factors;
mod invitation;
mod login;
mod manage;
mod password;
mod refusals;
mod second_factor;
mod session;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use external::{AuthorizationRequest, ExternalIdentity};
pub use factors::{AddedFactor, LoginFactor, OwnFactors};
pub use invitation::{Invitation, Invited};
pub use login::{LoginOutcome, PendingLogin};
pub use manage::{AccountChange, NewAccount};
pub use second_factor::{SecondFactor, SecondFactorState};
pub use session::{OpenedSession, Session, SessionInfo};

use crate::audit::{Actor, AuditLog};
use crate::challenge::{Challenges, RateLimits, email_address, phone_number};
use crate::clock::Clock;
use crate::display_name;
use crate::error::Error;
use crate::factor::Factors;
use crate::instance::Instances;
use crate::keyring::Keyring;
use crate::store::{AccountRecord, BucketKey, Store};
use crate::token::Role;
pub(crate) use password::Passwords;
pub(crate) use refusals::Refusals;
pub(crate) use second_factor::Guard;

/// Settings of sessions and logins.
#[derive(Debug, Clone)]
pub(crate) struct AccountPolicy {
    pub(crate) idle: Duration,
    pub(crate) longest: Duration,
    pub(crate) second_factor: Option<String>,
    pub(crate) require_second_factor: bool,
}

impl Default for AccountPolicy {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            longest: Duration::from_secs(12 * 3600),
            second_factor: None,
            require_second_factor: false,
        }
    }
}

impl AccountPolicy {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let minute = Duration::from_secs(60);
        let month = minute * 60 * 24 * 30;
        if self.idle < 2 * minute || self.longest < self.idle || self.longest > month {
            return Err(Error::invalid(
                "the idle timeout of a session must be at least 2 minutes, and its lifetime at least that and at most 30 days",
            ));
        }
        if self.require_second_factor && self.second_factor.is_none() {
            return Err(Error::invalid(
                "accounts require a second factor: set the subscription whose instances deliver it",
            ));
        }
        Ok(())
    }
}

/// The accounts of an engine. Cheap to clone; all clones share one state. It checks no permissions:
/// the caller decides what a role may do.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) instances: Arc<Instances>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) factors: Factors,
    pub(crate) passwords: Passwords,
    pub(crate) limits: RateLimits,
    pub(crate) policy: AccountPolicy,
    pub(crate) guard: Guard,
    pub(crate) refusals: Refusals,
}

/// An administrator's account. `Debug` shows neither name nor address.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// Opaque id, used in the audit log.
    pub id: String,
    /// The account's number in the order of creation: the cursor of a list.
    pub seq: u64,
    /// The person's name.
    pub name: String,
    /// The email address to log in with, in lower case.
    pub email: String,
    /// The phone number for second factors, in international form.
    pub phone: Option<String>,
    /// The account's role.
    #[serde(flatten)]
    pub role: Role,
    /// Whether the account can be used to log in.
    pub state: AccountState,
    /// The number of changes.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When somebody last logged in.
    pub last_login_at: Option<Timestamp>,
    #[serde(skip)]
    external: bool,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Whether an account can be used to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Not yet: no password was set.
    Invited,
    /// A password was set, or an identity provider vouches for the person; logins are accepted.
    Active,
    /// It was disabled.
    Disabled,
}

/// The client that sends a request. `Debug` does not show the address.
#[derive(Clone, Default)]
pub struct Client {
    /// The person's own network address, for limits and the audit log.
    pub address: Option<IpAddr>,
    /// The language of messages (BCP 47, or a list as in `Accept-Language`).
    pub locale: Option<String>,
    /// The secrets that the browser stores from earlier logins, to any account:
    /// [`OpenedSession::browser`]. Only the first 10 are used.
    pub browsers: Vec<String>,
}

impl Client {
    /// Returns a client at a network address.
    pub fn at(address: IpAddr) -> Self {
        Self { address: Some(address), ..Self::default() }
    }

    fn actor(&self, name: String) -> Actor {
        Actor { name, from: self.address }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("locale", &self.locale).finish_non_exhaustive()
    }
}

/// The personal data in an account's record, sealed at rest.
#[derive(Serialize, Deserialize)]
struct Person {
    name: String,
    email: String,
    phone: Option<String>,
}

const PERSON: &str = "account";
const PASSWORD: &str = "account-password";

impl Person {
    /// In its canonical form.
    fn new(name: &str, email: &str, phone: Option<&str>) -> Result<Self, Error> {
        display_name::check_field(name)?;
        let email = email_address(email).map_err(|_| Error::invalid("`email` is not an email address"))?;
        Ok(Self { name: name.trim().to_owned(), email: one_spelling(&email), phone: phone.map(reachable).transpose()? })
    }

    /// Returns what a password must not consist of.
    fn names(&self) -> [&str; 2] {
        [&self.name, &self.email]
    }
}

fn reachable(phone: &str) -> Result<String, Error> {
    phone_number(phone).map_err(|_| {
        Error::invalid("`phone` is not a valid phone number in international format, such as +41791234567")
    })
}

fn one_spelling(email: &str) -> String {
    password::nfc(email.trim()).to_lowercase()
}

/// Returns an address as browsers send it: they convert what is typed as an email address to
/// A-labels (UTS 46).
fn with_ascii_domain(email: &str) -> String {
    let Some((local, domain)) = email.rsplit_once('@') else { return email.to_owned() };
    match url::Host::parse(domain) {
        Ok(url::Host::Domain(ascii)) => format!("{local}@{ascii}"),
        _ => email.to_owned(),
    }
}

impl Accounts {
    /// Returns the key by which an account is found. Any text has one.
    fn email_key(&self, email: &str) -> BucketKey {
        self.keyring.bucket("account-email", &[with_ascii_domain(&one_spelling(email)).as_bytes()])
    }

    fn seal_person(&self, id: &str, person: &Person) -> Result<Vec<u8>, Error> {
        let plain = Zeroizing::new(serde_json::to_vec(person).map_err(Error::unavailable)?);
        self.keyring.seal(PERSON, &[id.as_bytes()], &plain).map_err(Error::unavailable)
    }

    fn person(&self, record: &AccountRecord) -> Result<Person, Error> {
        let plain = self.keyring.open(PERSON, &[record.id.as_bytes()], &record.sealed).map_err(Error::unavailable)?;
        serde_json::from_slice(&plain).map_err(Error::unavailable)
    }

    /// The hash is sealed too: without the keyring nobody can try passwords on a stolen database.
    fn seal_password(&self, id: &str, hash: &str) -> Result<Vec<u8>, Error> {
        self.keyring.seal(PASSWORD, &[id.as_bytes()], hash.as_bytes()).map_err(Error::unavailable)
    }

    fn password(&self, record: &AccountRecord) -> Result<Option<Zeroizing<String>>, Error> {
        let Some(sealed) = &record.password else { return Ok(None) };
        let plain = self.keyring.open(PASSWORD, &[record.id.as_bytes()], sealed).map_err(Error::unavailable)?;
        Ok(Some(Zeroizing::new(std::str::from_utf8(&plain).map_err(Error::unavailable)?.to_owned())))
    }

    fn view(&self, record: &AccountRecord) -> Result<Account, Error> {
        let person = self.person(record)?;
        let state = match record.disabled {
            true => AccountState::Disabled,
            false if record.is_active() => AccountState::Active,
            false => AccountState::Invited,
        };
        Ok(Account {
            id: record.id.clone(),
            seq: record.seq,
            name: person.name,
            email: person.email,
            phone: person.phone,
            role: serde_json::from_str(&record.role).map_err(Error::unavailable)?,
            state,
            revision: record.revision,
            created_at: record.created_at,
            last_login_at: record.last_login_at,
            external: record.identity.is_some(),
        })
    }
}

/// Returns how the audit log names the owner of an account.
pub(crate) fn actor_name(account: &str) -> String {
    format!("account {account}")
}

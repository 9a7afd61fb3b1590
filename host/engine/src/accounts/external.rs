//! Logins through an external identity provider: the browser's way there and back.
//!
//! The caller, outside of the engine, talks to the provider and verifies its response. An email
//! address is not an identity: from the first login on, an account belongs to a subject of an
//! issuer, and the email address that a provider reports takes over no other account.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::login::Proof;
use super::manage::role_changes;
use super::refusals::By;
use super::{Account, Accounts, Client, LoginOutcome, Person};
use crate::challenge::Challenges;
use crate::changes::Changes;
use crate::completion::to_the_end;
use crate::display_name;
use crate::error::Error;
use crate::secret_kind::SecretKind;
use crate::store::{AccountRecord, AccountUpdate, AuthorizationRequestRecord, BucketKey};
use crate::token::Role;
use twofactor_sandbox::Secret;

/// How long a browser may be away.
const AWAY: Duration = Duration::from_secs(600);

/// Returns how the audit log names changes that are based on what a provider reports.
const PROVIDER: &str = "identity provider";

/// A person as an external identity provider reports them. `Debug` does not show the person.
#[derive(Clone)]
pub struct ExternalIdentity {
    /// The issuer.
    pub issuer: String,
    /// The subject: the person's unique and permanent id at the issuer.
    pub subject: String,
    /// The person's display name; if there is none, the email address is shown.
    pub name: Option<String>,
    /// The email address for second factors. The one of the first login stays.
    pub email: Option<String>,
    /// The person's role; without one the login is refused.
    pub role: Option<Role>,
    /// Whether the provider verified a second factor, so that none is asked for here.
    pub second_factor: bool,
}

impl fmt::Debug for ExternalIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalIdentity")
            .field("issuer", &self.issuer)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// A browser on its way to an identity provider and back. Everything that must match when it
/// returns is derived from the secret that the browser holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// The secret that the browser holds in a cookie, for 10 minutes.
    pub secret: Secret,
    /// The `state` that comes back with the browser (RFC 6749 section 4.1.1).
    pub state: String,
    /// The `nonce` that the provider's token must contain.
    pub nonce: String,
    /// The PKCE code verifier (RFC 7636).
    pub verifier: Secret,
    /// The PKCE code challenge: the verifier's SHA-256.
    pub challenge: String,
}

impl AuthorizationRequest {
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
    /// Starts an authorization request at an identity provider. The browser returns to the page
    /// `aim`. Anybody can call this, so requests are counted for the client's address, until they lead to a login.
    ///
    /// # Errors
    /// [`Error::is_rate_limited`] after too many of them. If the store is not available.
    pub async fn start_authorization(&self, aim: &str, client: &Client) -> Result<AuthorizationRequest, Error> {
        let now = self.clock.now();
        let charges = self.limits.authorization(&self.keyring, client.address);
        let (names, charges): (Vec<_>, Vec<_>) = charges.into_iter().unzip();
        if let Some(limited) = self.store.charge(charges, now).await? {
            return Err(Challenges::limited(&limited, &names, now));
        }
        let (secret, digest) = SecretKind::AuthorizationRequest.draw()?;
        let record = AuthorizationRequestRecord { digest, return_to: aim.to_owned(), expires_at: now + AWAY };
        self.store.insert_authorization_request(record, now).await?;
        self.challenges.purge_now_and_then();
        Ok(AuthorizationRequest::of(secret))
    }

    /// Completes an authorization request with the secret that the browser holds and the `state` it
    /// brings back. Also returns the page to go to. Works once.
    ///
    /// # Errors
    /// [`Error::is_closed`] if there is no such request, it was completed already, it has expired,
    /// or `state` belongs to another one.
    pub async fn complete_authorization(
        &self,
        secret: &str,
        state: &str,
    ) -> Result<(AuthorizationRequest, String), Error> {
        let digest = SecretKind::AuthorizationRequest.digest(secret).ok_or_else(Error::login_closed)?;
        let request = AuthorizationRequest::of(Secret::new(secret));
        // Checked before the request is used up: a link on another site must not end it.
        if !bool::from(request.state.as_bytes().ct_eq(state.as_bytes())) {
            return Err(Error::login_closed());
        }
        let taken =
            self.store.take_authorization_request(&digest, self.clock.now()).await?.ok_or_else(Error::login_closed)?;
        Ok((request, taken.return_to))
    }

    /// Logs in a person whom an identity provider authenticated. The first login creates the
    /// account; each login updates its role. The second factor is asked for unless the provider
    /// verified one.
    ///
    /// # Errors
    /// [`Error::is_invalid_credentials`] if the person has no role, the account is disabled, or the
    /// email address belongs to another account; [`Error::operator_detail`] says which. Otherwise
    /// those of [`Accounts::log_in`].
    pub async fn log_in_external(&self, external: ExternalIdentity, client: &Client) -> Result<LoginOutcome, Error> {
        let (this, client) = (self.clone(), client.clone());
        // Runs to completion even if the browser disconnects: sessions end with the role, and the audit log records each refusal.
        to_the_end(async move { this.accept_external(external, &client).await }).await
    }

    async fn accept_external(&self, external: ExternalIdentity, client: &Client) -> Result<LoginOutcome, Error> {
        let identity =
            self.keyring.bucket("account-identity", &[external.issuer.as_bytes(), external.subject.as_bytes()]);
        let found = self.store.account_by_identity(&identity).await?;
        if let Some(record) = found.as_ref().filter(|record| record.disabled) {
            return Err(self.turn_away(Some(&record.id), "the account is disabled", client).await);
        }
        let account = found.as_ref().map(|record| record.id.clone());
        let account = account.as_deref();
        let Some(role) = &external.role else {
            if let Some(record) = found {
                self.change(record, "role removed; sessions ended", client, |_| {}).await?;
            }
            return Err(self.turn_away(account, "the identity provider's claims grant no role", client).await);
        };
        match self.check_role(role).await {
            Err(error) if error.is_invalid_input() => {
                return Err(self.turn_away(account, "its role is not valid", client).await.with_detail(error));
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
                        self.change(record, "sessions ended", client, |_| {}).await?;
                        let why = "the identity provider would change the role of the last system administrator";
                        return Err(self.turn_away(account, why, client).await);
                    }
                }
            }
            None => self.welcome(&external, identity, role, client).await?,
        };
        // Those who may log in use up nothing.
        let counted = self.limits.authorization(&self.keyring, client.address);
        self.store.release(counted.into_iter().map(|(_, charge)| charge.key).collect()).await?;
        self.admit(record, Proof::External { second_factor: external.second_factor }, client).await
    }

    /// Records why a login is refused. The person gets the same response for every reason.
    async fn turn_away(&self, account: Option<&str>, why: &str, client: &Client) -> Error {
        let recorded = self.record_refusal(By::Provider, account, ("account.login-refused", why), client).await;
        recorded.err().unwrap_or_else(|| Error::invalid_credentials().with_detail(why))
    }

    /// Applies changes that end all sessions. Returns none if no system administrator would be
    /// left.
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
            AccountUpdate::Applied => self.record(&id).await.map(Some),
            AccountUpdate::Stale => Err(Error::login_closed()),
            AccountUpdate::LastSystemAdmin => {
                self.last_system_admin(&actor, "account.update", &id).await?;
                Ok(None)
            }
        }
    }

    /// Creates the account at a person's first login.
    async fn welcome(
        &self,
        external: &ExternalIdentity,
        identity: BucketKey,
        role: &Role,
        client: &Client,
    ) -> Result<AccountRecord, Error> {
        let email = external.email.as_deref().unwrap_or_default();
        let name = external.name.as_deref().filter(|name| display_name::check_field(name).is_ok()).unwrap_or(email);
        let Ok(person) = Person::new(name, email, None) else {
            return Err(self.turn_away(None, "the identity provider sent no email address", client).await);
        };
        let mut record = self.new_record(&person, role)?;
        if let Some(other) = self.store.account_by_email(&record.email).await? {
            let why = "the email address that the identity provider sent belongs to this account";
            return Err(self.turn_away(Some(&other.id), why, client).await);
        }
        record.identity = Some(identity);
        let id = record.id.clone();
        self.audit.append(&client.actor(PROVIDER.to_owned()), "account.create", &id, role.name()).await?;
        match self.store.insert_external_account(record).await {
            // Two first logins of the same person at the same time.
            Err(error) if error.is_conflict() => Err(Error::login_closed()),
            inserted => {
                inserted?;
                self.record(&id).await
            }
        }
    }
}

impl Account {
    /// Returns whether the person logs in through an identity provider and has no password here.
    pub fn is_external(&self) -> bool {
        self.external
    }
}

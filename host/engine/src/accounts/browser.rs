//! Known browsers: wrong passwords from strangers do not lock the owner out of a browser in which
//! they logged in before.
//!
//! A browser stores a secret for each account (OWASP, "Blocking brute force attacks with device
//! cookies"). The secret grants no access: wrong passwords that come with it are counted separately
//! from those of strangers.

use super::{Accounts, Client};
use crate::error::Error;
use crate::secret_kind::SecretKind;
use crate::store::AccountRecord;
use twofactor_sandbox::Secret;

/// How many secrets of one request are looked up.
const LOOKED_UP: usize = 10;

/// Where a password is typed, which decides what a wrong one counts against.
pub(super) enum PasswordPlace<'a> {
    /// Anywhere: counts against the client's address and the account as a whole.
    Anywhere,
    /// In a browser in which somebody logged in to this account before: the digest of its secret.
    Browser([u8; 32]),
    /// In a session of this account.
    Session(&'a str),
}

impl Accounts {
    /// Returns the known browser that a client uses, if somebody logged in to this account with it
    /// before. The cost is the same if there is no such account.
    pub(super) async fn known_browser(
        &self,
        account: Option<&AccountRecord>,
        client: &Client,
    ) -> Result<Option<[u8; 32]>, Error> {
        let mut known = None;
        let digests = client.browsers.iter().filter_map(|secret| SecretKind::KnownBrowser.digest(secret));
        for digest in digests.take(LOOKED_UP) {
            let of = self.store.browser_account(&digest).await?;
            if of.is_some() && of.as_ref() == account.map(|account| &account.id) {
                known = Some(digest);
            }
        }
        Ok(known)
    }

    /// Remembers the client's browser for an account after a login. Returns the secret that the
    /// browser must store; none if it has one already.
    pub(super) async fn remember_browser(&self, account: &str, client: &Client) -> Result<Option<Secret>, Error> {
        let record = self.record(account).await?;
        // Accounts of an external identity provider have no password that could be guessed.
        if record.password.is_none() {
            return Ok(None);
        }
        let now = self.clock.now();
        if let Some(digest) = self.known_browser(Some(&record), client).await? {
            self.store.put_browser(&digest, account, now).await?;
            return Ok(None);
        }
        let (secret, digest) = SecretKind::KnownBrowser.draw()?;
        self.store.put_browser(&digest, account, now).await?;
        Ok(Some(secret))
    }
}

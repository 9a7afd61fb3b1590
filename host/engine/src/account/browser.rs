//! Browsers in which somebody logged in before: strangers' wrong passwords do not keep the owner out there.
//!
//! A browser keeps a secret of its own for each account (OWASP, "Blocking brute force attacks with device cookies"). It opens nothing: wrong
//! passwords that come with it count for it alone, and strangers' count apart from it.

use super::{Accounts, Client, Use};
use crate::capability::Secret;
use crate::error::Error;
use crate::store::AccountRecord;

/// How many secrets of one request are looked up.
const LOOKED_UP: usize = 10;

/// Where a password is typed, which decides what a wrong one counts against.
pub(super) enum Place<'a> {
    /// Anywhere: the client's address, and the account as a whole.
    Anywhere,
    /// A browser in which somebody logged in to this account before: its digest.
    Browser([u8; 32]),
    /// A session of this account.
    Session(&'a str),
}

impl Accounts {
    /// The browser that a client is in, if somebody logged in to this account there before. It costs the same if there is no such account.
    pub(super) async fn known_browser(
        &self,
        account: Option<&AccountRecord>,
        client: &Client,
    ) -> Result<Option<[u8; 32]>, Error> {
        let mut known = None;
        let digests = client.browsers.iter().filter_map(|secret| Use::Browser.digest(secret));
        for digest in digests.take(LOOKED_UP) {
            let of = self.store.browser_account(&digest).await?;
            if of.is_some() && of.as_ref() == account.map(|account| &account.id) {
                known = Some(digest);
            }
        }
        Ok(known)
    }

    /// Makes the client's browser known for an account that somebody has just logged in to there. Returns the secret that the browser is to
    /// keep; none if it has one already.
    pub(super) async fn remember_browser(&self, account: &str, client: &Client) -> Result<Option<Secret>, Error> {
        let record = self.record(account).await?;
        // Whom an identity provider vouches for has no password that could be guessed.
        if record.password.is_none() {
            return Ok(None);
        }
        let now = self.clock.now();
        if let Some(digest) = self.known_browser(Some(&record), client).await? {
            self.store.put_browser(&digest, account, now).await?;
            return Ok(None);
        }
        let (secret, digest) = Use::Browser.draw()?;
        self.store.put_browser(&digest, account, now).await?;
        Ok(Some(secret))
    }
}

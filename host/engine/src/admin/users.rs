//! The users who sign in.

use super::Administration;
use crate::completion::to_the_end;
use crate::error::Error;
use crate::store::HistoryKey;
use crate::user_factor::user_persons;
use twofactor_sandbox::readable;

impl Administration {
    /// Resets a user's wrong answers, so that a locked user can sign in again immediately. Returns
    /// whether anything is known of that user: an id that was never seen is probably misspelled.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription; invalid input if the user's id is not 1 to 256 characters.
    pub async fn unlock_user(&self, subscription: &str, user: &str) -> Result<bool, Error> {
        let user = &readable::identifier(user).map_err(|why| Error::invalid_at("/user", why.to_string()))?;
        self.known(subscription).await?;
        self.audit("user.unlock", subscription, user).await?;
        let [person, credentials] = user_persons(&self.instances.keyring, subscription, user);
        let mut is_known = self.challenges.knows(person).await? || self.challenges.knows(credentials).await?;
        if !is_known {
            is_known = !self.store().factors(person, true).await?.is_empty()
                || !self.store().addresses(person).await?.is_empty();
        }
        if !is_known {
            self.history.flush().await?;
            let since = self.history.limits().since(self.clock.now());
            let found = self.store().history(subscription, HistoryKey::Person(person), since, 1).await?;
            is_known = !found.is_empty();
        }
        let store = self.store().clone();
        // Runs to completion even if the caller disconnects: codes and passkeys are unlocked together.
        to_the_end(async move {
            store.unlock_person(person).await?;
            store.unlock_person(credentials).await?;
            Ok(is_known)
        })
        .await
    }
}

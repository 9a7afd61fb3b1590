//! The people who sign in.

use super::Administration;
use crate::challenge::user_person;
use crate::error::Error;
use crate::readable;

impl Administration {
    /// Forgets a user's wrong answers, so that one who is locked may sign in again at once.
    ///
    /// # Errors
    /// Not found if there is no such subscription; invalid input if the user's id is not 1 to 256 characters.
    pub async fn unlock_user(&self, subscription: &str, user: &str) -> Result<(), Error> {
        let user = &readable::identifier(user).map_err(|why| Error::invalid_at("/user", why.to_string()))?;
        self.known(subscription).await?;
        self.audit("user.unlock", subscription, user).await?;
        Ok(self.store().unlock_person(user_person(&self.instances.keyring, subscription, user)).await?)
    }
}

//! Access tokens: issue, list, revoke.

use jiff::Timestamp;

use super::page::{page, part};
use super::{Administration, Page};
use crate::changes::Changes;
use crate::display_name;
use crate::error::Error;
use crate::store::Part;
use crate::token::{Role, TokenInfo};

impl Administration {
    /// Issues a token that is valid until `expires_at` or until it is revoked. The second value is
    /// the token itself: it is shown once and not stored.
    ///
    /// # Errors
    /// Invalid input if the name is not a single line of 1 to 100 characters, the time is in the
    /// past, or the role is not an existing subscription.
    pub async fn issue_token(
        &self,
        name: &str,
        role: Role,
        expires_at: Option<Timestamp>,
    ) -> Result<(TokenInfo, String), Error> {
        display_name::check_field(name)?;
        if expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(Error::invalid_at("/expires_at", "must be in the future"));
        }
        role.check()?;
        for (n, subscription) in role.subscriptions().iter().enumerate() {
            if self.store().subscription(subscription).await?.is_none() {
                let detail = "is not an existing subscription; create it first";
                return Err(Error::invalid_at(format!("/subscriptions/{n}"), detail));
            }
        }
        let detail = Changes::default()
            .field("/name", None::<()>, Some(name))
            .field("/role", None::<()>, Some(role.name()))
            .field("/subscriptions", None::<()>, Some(role.subscriptions()).filter(|bound| !bound.is_empty()))
            .field("/expires_at", None::<()>, expires_at)
            .text();
        let (record, token) = self.tokens.make(name, role, expires_at)?;
        self.audit("token.issue", &record.id, &detail).await?;
        Ok((self.tokens.keep(record).await?, token))
    }

    /// Returns all tokens, including revoked ones.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn tokens(&self) -> Result<Vec<TokenInfo>, Error> {
        self.tokens.list(None, Part::whole()).await
    }

    /// Returns a page of the tokens, newest first: of all, or of those of the applications of these
    /// subscriptions.
    ///
    /// # Errors
    /// Invalid input if `after` is not the `next` of a previous page.
    pub async fn tokens_page(
        &self,
        of_applications: Option<&[String]>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<TokenInfo>, Error> {
        let found = self.tokens.list(of_applications.map(<[_]>::to_vec), part(after, limit)?).await?;
        Ok(page(found, limit, |last| (last.created_at, last.id.clone())))
    }

    /// Returns a token, revoked or not.
    ///
    /// # Errors
    /// [`Error::is_not_found`].
    pub async fn token(&self, id: &str) -> Result<TokenInfo, Error> {
        self.tokens.find(id).await?.ok_or_else(|| Error::not_found("token"))
    }

    /// Revokes a token immediately.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such token, or if it is revoked.
    pub async fn revoke_token(&self, id: &str) -> Result<(), Error> {
        let _turn = self.audit.turn_of(id).await;
        if self.token(id).await?.revoked_at.is_some() {
            return Err(Error::not_found("token"));
        }
        let now = self.clock.now();
        let detail = Changes::default().field("/revoked_at", None::<()>, Some(now)).text();
        self.audit("token.revoke", id, &detail).await?;
        self.tokens.revoke(id, now).await
    }
}

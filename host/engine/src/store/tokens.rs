//! Access tokens.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Part, Result};

/// An access token. Only its digest is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Identifies the token in lists and in the audit log.
    pub id: String,
    /// Display name.
    pub name: String,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// Its role, as JSON.
    pub role: String,
    /// The subscriptions it is bound to.
    pub subscriptions: Vec<String>,
    /// Whether it belongs to an application. Administrators of its subscription see such a token.
    pub application: bool,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRecord").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Stores access tokens.
#[async_trait]
pub trait TokenStore {
    /// Adds a token. A conflict if a subscription it is bound to is unknown.
    async fn insert_token(&self, token: TokenRecord) -> Result<()>;

    /// Returns the token with this id, even if it was revoked or has expired.
    async fn token(&self, id: &str) -> Result<Option<TokenRecord>>;

    /// Returns the token with this digest, even if it was revoked or has expired.
    async fn token_by_digest(&self, digest: &[u8; 32]) -> Result<Option<TokenRecord>>;

    /// Returns tokens, the newest first; those of one moment in descending order of their ids. All tokens, or those of
    /// applications of these subscriptions.
    async fn tokens(
        &self,
        of_applications: Option<Vec<String>>,
        part: Part<(Timestamp, String)>,
    ) -> Result<Vec<TokenRecord>>;

    /// Revokes a token. Returns false if no such token exists or it was revoked before.
    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool>;
}

//! What an application asks of a hosted sign-in, and what a browser finds.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;

use super::{Kept, SignInPage};
use crate::challenge::{Challenge, Recipient, SignIn, Standing, Way};
use crate::store::HostedSignInRecord;

/// A wish for a hosted sign-in. `Debug` shows neither user nor recipient.
#[derive(Debug, Clone)]
pub struct NewHostedSignIn {
    /// Who signs in. The user must be said: the result names it.
    pub sign_in: SignIn,
    /// Where the person can be reached.
    pub recipient: Recipient,
    /// The language of the message and of the page (BCP 47, or a list as in `Accept-Language`).
    pub locale: Option<String>,
    /// What the codes are for; `sign-in` if not said.
    pub purpose: Option<String>,
    /// The person's own network address, for limits; that of the browser if not said.
    pub client_address: Option<IpAddr>,
    /// Where the browser goes at the end: one of [`SignInPage::return_urls`].
    pub return_url: String,
    /// Goes there with it, 1 to 512 characters: the application tells by it that the browser is the one it sent.
    pub state: String,
}

/// A hosted sign-in that a browser may come to. `Debug` does not show the secret.
#[non_exhaustive]
pub struct BegunSignIn {
    /// Opaque. For the application alone.
    pub id: String,
    /// Goes into the link, and is kept nowhere.
    pub secret: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl fmt::Debug for BegunSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BegunSignIn").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How far a hosted sign-in is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInStatus {
    /// It is open.
    Pending,
    /// The person gave the right code.
    Verified {
        /// When.
        at: Timestamp,
        /// The instance that delivered it.
        two_factor: String,
        /// Authentication method references (RFC 8176).
        amr: Vec<String>,
    },
    /// The person gave it up.
    Cancelled,
    /// Its time is over.
    Expired,
}

/// A hosted sign-in as its application sees it. `Debug` does not show the user.
#[derive(Clone)]
#[non_exhaustive]
pub struct HostedSignIn {
    /// Opaque.
    pub id: String,
    /// How far it is.
    pub status: SignInStatus,
    /// Who signs in.
    pub user: Option<String>,
    /// When it ends, or would have.
    pub expires_at: Timestamp,
}

impl fmt::Debug for HostedSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostedSignIn").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// What a browser finds behind a link.
pub enum Visited {
    /// There is no such link.
    Unknown,
    /// The link belongs to another browser.
    Elsewhere,
    /// It is over.
    Over(Box<Visit>, Ended),
    /// It is open.
    Open(Box<Visit>),
}

/// How a hosted sign-in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With the right code.
    Verified,
    /// The person gave it up.
    Cancelled,
    /// By itself.
    Expired,
}

/// A hosted sign-in as its browser sees it.
pub struct Visit {
    /// How the page is set.
    pub page: SignInPage,
    /// The application's name.
    pub application: String,
    /// The ways a code may take, the most specific first.
    pub ways: Vec<Way>,
    /// The challenge under way, and whether it takes an answer.
    pub challenge: Option<(Challenge, Standing)>,
    /// Whether another challenge may be started.
    pub more: bool,
    /// What time it is.
    pub now: Timestamp,
    pub(super) record: HostedSignInRecord,
    pub(super) kept: Kept,
}

impl Visit {
    /// The sign-in's id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Counts the challenges. What a form was made at an earlier step is not done again.
    pub fn step(&self) -> u32 {
        self.record.step
    }

    /// Who signs in, where.
    pub fn sign_in(&self) -> &SignIn {
        &self.kept.sign_in
    }

    /// The language asked for.
    pub fn locale(&self) -> Option<&str> {
        self.kept.locale.as_deref()
    }

    /// Where the browser goes at the end.
    pub fn return_url(&self) -> &str {
        &self.kept.return_url
    }

    /// What it takes there.
    pub fn state(&self) -> &str {
        &self.kept.state
    }
}

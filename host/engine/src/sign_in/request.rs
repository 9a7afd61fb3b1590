//! What an application asks of a hosted sign-in, and what a browser finds.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;

use super::{Kept, SignInPage};
use crate::challenge::{Challenge, Recipient, SignIn, Standing, Way};
use crate::store::HostedSignInRecord;

/// A request to begin a hosted sign-in. `Debug` shows neither user nor recipient.
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
    /// The network address of the browser that asked the application to sign in: for limits, and shown on the page so that the person
    /// can tell a sign-in that somebody else began. Limits take that of the browser on the page if it is not said.
    pub client_address: Option<IpAddr>,
    /// The `User-Agent` of that browser, at most 1024 characters. The page names browser and system if it knows them.
    pub user_agent: Option<String>,
    /// Whether the person has passed the first factor in this sign-in: see [`Start::first_factor`](crate::Start::first_factor).
    pub first_factor: bool,
    /// Where the browser goes at the end: one of [`SignInPage::return_urls`].
    pub return_url: String,
    /// Goes there with it, 1 to 512 characters: the application tells by it that the browser is the one it sent. Random, and kept in the
    /// session of that browser.
    pub state: String,
}

/// A hosted sign-in that a browser may come to. `Debug` does not show the secret.
#[non_exhaustive]
pub struct BegunSignIn {
    /// Opaque. For the application alone, which keeps it in the session of the browser: no other redeems the handle.
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

/// The progress of a hosted sign-in. It tells a verified one from a cancelled one to nobody: somebody else may have confirmed it than
/// the person whose browser began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInStatus {
    /// It is open.
    Pending,
    /// The person confirmed or cancelled it, and the browser was sent back.
    Ended,
    /// Its time ran out.
    Expired,
}

/// A hosted sign-in as its application sees it before a handle was redeemed: nothing in it may be trusted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HostedSignIn {
    /// Opaque.
    pub id: String,
    /// Its progress.
    pub status: SignInStatus,
    /// What its codes are for, as it was begun.
    pub purpose: String,
    /// When it expires, or would have.
    pub expires_at: Timestamp,
}

/// The result of a hosted sign-in, for the application whose browser brought back the handle. `Debug` does not show the user.
#[derive(Clone)]
#[non_exhaustive]
pub struct SignInResult {
    /// The sign-in.
    pub id: String,
    /// Who signed in, and where.
    pub sign_in: SignIn,
    /// What the code was for, as the sign-in was begun.
    pub purpose: String,
    /// The instance that delivered the code.
    pub two_factor: String,
    /// Authentication method references (RFC 8176).
    pub amr: Vec<String>,
    /// When the person gave the right code.
    pub verified_at: Timestamp,
    /// When the handle was redeemed: now.
    pub redeemed_at: Timestamp,
}

impl fmt::Debug for SignInResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInResult").field("id", &self.id).field("purpose", &self.purpose).finish_non_exhaustive()
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

    /// What its codes are for.
    pub fn purpose(&self) -> &str {
        self.kept.purpose()
    }

    /// When it was begun.
    pub fn begun_at(&self) -> Timestamp {
        self.record.created_at
    }

    /// The network address of the browser that asked the application to sign in, if the application said it.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.kept.client_address
    }

    /// The `User-Agent` of that browser, if the application said it.
    pub fn user_agent(&self) -> Option<&str> {
        self.kept.user_agent.as_deref()
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

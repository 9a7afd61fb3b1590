//! The application's request for a hosted sign-in, and what a browser finds.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;

use super::{Kept, SignInPage};
use crate::challenge::{Challenge, ChallengeStatus, DeliveryOption, Recipient};
use crate::instance::SignIn;
use crate::store::HostedSignInRecord;

/// A request to start a hosted sign-in. `Debug` shows neither user nor recipient.
#[derive(Debug, Clone)]
pub struct NewHostedSignIn {
    /// Who signs in. The user is required: the result names it.
    pub sign_in: SignIn,
    /// The person's addresses.
    pub recipient: Recipient,
    /// The language of the message and of the page (BCP 47, or a list as in `Accept-Language`).
    pub locale: Option<String>,
    /// What the codes are for; `sign-in` by default.
    pub purpose: Option<String>,
    /// The network address of the browser that asked the application to sign in: for limits, and
    /// shown on the page so that the person can recognize a sign-in that somebody else started.
    /// Without it, limits use the address of the browser on the page.
    pub client_address: Option<IpAddr>,
    /// The `User-Agent` of that browser, at most 1024 characters. The page names browser and system
    /// if it recognizes them.
    pub user_agent: Option<String>,
    /// Whether the person has passed the first factor in this sign-in: see [`NewChallenge::first_factor`](crate::NewChallenge::first_factor).
    pub first_factor: bool,
    /// Where the browser goes at the end: one of [`SignInPage::return_urls`].
    pub return_url: String,
    /// Returned with the browser, 1 to 512 characters: the application recognizes the browser it
    /// sent. It must be random, and stored in the session of that browser.
    pub state: String,
}

/// A hosted sign-in for a browser. `Debug` does not show the secret.
#[non_exhaustive]
pub struct StartedSignIn {
    /// The opaque id. For the application only, which stores it in the session of the browser: no
    /// other session redeems the handle.
    pub id: String,
    /// The secret in the link; it is not stored.
    pub secret: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl fmt::Debug for StartedSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartedSignIn").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The progress of a hosted sign-in. It does not tell a verified one from a cancelled one, because
/// somebody else than the person whose browser started it may have confirmed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInStatus {
    /// It is open.
    Pending,
    /// The person confirmed or cancelled it, and the browser was sent back.
    Ended,
    /// It has expired.
    Expired,
}

/// A hosted sign-in as its application sees it before a handle was redeemed. Nothing in it proves
/// who signed in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HostedSignIn {
    /// The opaque id.
    pub id: String,
    /// Its progress.
    pub status: SignInStatus,
    /// What its codes are for, as it was started.
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
    /// What the code was for, as the sign-in was started.
    pub purpose: String,
    /// The instance that delivered the code.
    pub two_factor: String,
    /// Authentication method references (RFC 8176).
    pub amr: Vec<String>,
    /// When the person entered the right code.
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
    /// It has ended.
    Over(Box<Visit>, Ended),
    /// It is open.
    Open(Box<Visit>),
}

/// How a hosted sign-in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With the right code.
    Verified,
    /// The person cancelled it.
    Cancelled,
    /// It expired.
    Expired,
}

/// A hosted sign-in as its browser sees it.
pub struct Visit {
    /// The settings of the page.
    pub page: SignInPage,
    /// The application's name.
    pub application: String,
    /// The ways in which a code can be delivered, the most specific first.
    pub delivery_options: Vec<DeliveryOption>,
    /// The open challenge, and whether it accepts an answer.
    pub challenge: Option<(Challenge, ChallengeStatus)>,
    /// Whether another challenge may be started.
    pub more: bool,
    /// The current time.
    pub now: Timestamp,
    pub(super) record: HostedSignInRecord,
    pub(super) kept: Kept,
}

impl Visit {
    /// Returns the sign-in's id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Returns the number of challenges so far. A form that was created at an earlier step is not
    /// processed again.
    pub fn step(&self) -> u32 {
        self.record.step
    }

    /// Returns who signs in, and where.
    pub fn sign_in(&self) -> &SignIn {
        &self.kept.sign_in
    }

    /// Returns what its codes are for.
    pub fn purpose(&self) -> &str {
        self.kept.purpose()
    }

    /// Returns when it was started.
    pub fn started_at(&self) -> Timestamp {
        self.record.created_at
    }

    /// Returns the network address of the browser that asked the application to sign in, if the
    /// application sent it.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.kept.client_address
    }

    /// Returns the `User-Agent` of that browser, if the application sent it.
    pub fn user_agent(&self) -> Option<&str> {
        self.kept.user_agent.as_deref()
    }

    /// Returns the requested language.
    pub fn locale(&self) -> Option<&str> {
        self.kept.locale.as_deref()
    }

    /// Returns where the browser goes at the end.
    pub fn return_url(&self) -> &str {
        &self.kept.return_url
    }

    /// Returns the `state` that it takes there.
    pub fn state(&self) -> &str {
        &self.kept.state
    }
}

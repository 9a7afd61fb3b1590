//! The application's request for a hosted sign-in, and what a browser finds.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;

use super::factors::{Enrollable, FEW_CODES, FactorOption, HostedPage, OpenEnrolment};
use super::{SignInDetails, SignInPage};
use crate::challenge::{Challenge, ChallengeStatus, DeliveryOption, Recipient};
use crate::factor::{Assurance, FactorStatus, RememberedBrowser, RequiredFactor, UserEvent, UserFactor};
use crate::instance::SignIn;
use crate::store::HostedSignInRecord;
use twofactor_sandbox::Secret;

/// A request to start a hosted sign-in. `Debug` shows neither user nor recipient.
#[derive(Debug, Clone)]
pub struct NewHostedSignIn {
    /// Who signs in. Without a user the page asks for a passkey, which names the person: that needs an instance whose policy is
    /// [`passwordless`](crate::instance::Policy::passwordless).
    pub sign_in: SignIn,
    /// The person's addresses.
    pub recipient: Recipient,
    /// The language of the message and of the page (BCP 47, or a list as in `Accept-Language`).
    pub locale: Option<String>,
    /// What the codes are for; `sign-in` by default.
    pub purpose: Option<String>,
    /// The network address of the browser that asked the application to sign in: for limits, and
    /// shown on the page so that the person can recognize a sign-in that someone else started.
    /// Without it, limits use the address of the browser on the page.
    pub client_address: Option<IpAddr>,
    /// The `User-Agent` of that browser, at most 1024 characters. The page names browser and system
    /// if it recognizes them.
    pub user_agent: Option<String>,
    /// Whether the person has passed the first factor in this sign-in: see [`NewChallenge::first_factor`](crate::NewChallenge::first_factor).
    pub first_factor: bool,
    /// What the browser is sent to the page for.
    pub page: HostedPage,
    /// The user's name as the person knows it, such as an email address: apps and browsers show it with a factor that is enrolled. By
    /// default the user's id.
    pub user_name: Option<String>,
    /// Which factors satisfy this sign-in, or permit changes on the page of the person's own factors.
    pub required: RequiredFactor,
    /// The authentication context class that the application asks for: `phr` or `phrh`. It is reached, or the sign-in is refused.
    pub acr: Option<String>,
    /// Where the browser goes at the end: one of [`SignInPage::return_urls`].
    pub return_url: String,
    /// Returned with the browser, 1 to 512 characters: the application recognizes the browser it
    /// sent. It must be random, and stored in the session of that browser.
    pub state: String,
}

impl NewHostedSignIn {
    /// Creates a request for a sign-in on the hosted page. The browser returns to `return_url` with `state`:
    /// see [`NewHostedSignIn::state`].
    pub fn new(sign_in: SignIn, return_url: impl Into<String>, state: impl Into<String>) -> Self {
        Self {
            sign_in,
            recipient: Recipient::default(),
            locale: None,
            purpose: None,
            client_address: None,
            user_agent: None,
            first_factor: false,
            page: HostedPage::SignIn,
            user_name: None,
            required: RequiredFactor::Any,
            acr: None,
            return_url: return_url.into(),
            state: state.into(),
        }
    }

    /// Sets the person's email address.
    pub fn email(mut self, address: impl Into<String>) -> Self {
        self.recipient.email = Some(address.into());
        self
    }

    /// Sets the person's phone number, in international form.
    pub fn phone(mut self, number: impl Into<String>) -> Self {
        self.recipient.phone = Some(number.into());
        self
    }

    /// States that the person has passed the first factor in this sign-in: see
    /// [`NewChallenge::first_factor`](crate::NewChallenge::first_factor).
    pub fn after_first_factor(mut self) -> Self {
        self.first_factor = true;
        self
    }

    /// Sets what the browser is sent to the page for.
    pub fn page(mut self, page: HostedPage) -> Self {
        self.page = page;
        self
    }
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

/// The progress of a hosted sign-in. It does not distinguish a verified one from a cancelled one, because
/// someone other than the person whose browser started it may have confirmed it.
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
    /// The instance that delivered the code, or whose factor was used.
    pub two_factor: String,
    /// Authentication method references (RFC 8176).
    pub amr: Vec<String>,
    /// The authentication context class, if one is reached.
    pub acr: Option<String>,
    /// How strong the answer is.
    pub assurance: Option<Assurance>,
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
pub enum VisitOutcome {
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

/// What a person answered.
#[derive(Clone, Copy)]
pub enum SubmittedAnswer<'a> {
    /// A typed code.
    Code(&'a str),
    /// What `toJSON()` of a credential returned, in JSON.
    Credential(&'a str),
}

/// What a remembered browser stores, and for how long.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrowserSecret {
    /// The secret by which it is recognized.
    pub secret: Secret,
    /// For how many days it is remembered.
    pub days: u32,
}

/// Where a browser goes after a step.
#[derive(Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Back to the application.
    Return {
        /// What the application redeems.
        handle: String,
        /// What the browser stores, if it is remembered from now on.
        remembered: Option<BrowserSecret>,
    },
    /// To the page again.
    Stay,
}

/// A hosted sign-in as its browser sees it.
#[derive(Clone)]
pub struct Visit {
    /// The settings of the page.
    pub page: SignInPage,
    /// The application's name.
    pub application: String,
    /// The ways in which a code can be delivered, the most specific first.
    pub delivery_options: Vec<DeliveryOption>,
    /// The factors that the person can confirm with, the strongest first and fallbacks last.
    pub factor_options: Vec<FactorOption>,
    /// Whether the person holds factors, none of which satisfies what is required here.
    pub unmet: bool,
    /// All factors of the person.
    pub factors: Vec<UserFactor>,
    /// What the person may add here, once a proof was given.
    pub enrollable: Vec<Enrollable>,
    /// The enrolment that is open on the page.
    pub enrolment: Option<OpenEnrolment>,
    /// What any page tells the browser's password manager after a removal: [`Signal`](crate::factor::Signal)s as JSON.
    pub signals: Vec<serde_json::Value>,
    /// Whether a factor was used on this page recently, or the person may add a first one.
    pub may_change: bool,
    /// The open challenge, and whether it accepts an answer.
    pub challenge: Option<(Challenge, ChallengeStatus)>,
    /// Whether a temporary pass is accepted here. It does not say whether there is one.
    pub accepts_pass: bool,
    /// For how many days the browser may be remembered once the open challenge was answered.
    pub remembered_days: Option<u32>,
    /// The remembered browser of the person that this one is: see [`HostedSignIns::look_at_browser`](super::HostedSignIns::look_at_browser).
    pub this_browser: Option<String>,
    /// The browsers in which the person is not asked for a factor, for the page of the person's own factors.
    pub remembered_browsers: Vec<RememberedBrowser>,
    /// Recent events, the newest first, for the same page.
    pub events: Vec<UserEvent>,
    /// A keyed hash of the person, which says nothing to anybody else: it tells the secrets apart that a browser stores for several people.
    pub person: String,
    /// Whether another challenge may be started.
    pub more: bool,
    /// The current time.
    pub now: Timestamp,
    /// Whether the first factor, which the application confirmed, is enough to add a factor.
    pub(super) first_factor: bool,
    pub(super) record: HostedSignInRecord,
    pub(super) details: SignInDetails,
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

    /// Returns what the browser was sent here for.
    pub fn hosted_page(&self) -> HostedPage {
        self.details.page
    }

    /// Returns whether the person signed in already and was then offered something.
    pub fn is_proved(&self) -> bool {
        self.details.session.proved.is_some()
    }

    /// Returns whether a factor was used on this page recently: renaming and removing factors needs that.
    pub fn is_proved_by_factor(&self) -> bool {
        self.details.session.proof(&self.factors, self.now).is_some_and(|proved| proved.by_factor)
    }

    /// Returns whether the person has added the first factor within this sign-in.
    pub fn is_first_added(&self) -> bool {
        self.details.session.added.is_some()
    }

    /// Returns who signs in, and where.
    pub fn sign_in(&self) -> &SignIn {
        &self.details.sign_in
    }

    /// Returns what its codes are for.
    pub fn purpose(&self) -> &str {
        self.details.purpose()
    }

    /// Returns when it was started.
    pub fn started_at(&self) -> Timestamp {
        self.record.created_at
    }

    /// Returns the network address of the browser that asked the application to sign in, if the
    /// application sent it.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.details.client_address
    }

    /// Returns the `User-Agent` of that browser, if the application sent it.
    pub fn user_agent(&self) -> Option<&str> {
        self.details.user_agent.as_deref()
    }

    /// Returns the requested language.
    pub fn locale(&self) -> Option<&str> {
        self.details.locale.as_deref()
    }

    /// Returns where the browser goes at the end.
    pub fn return_url(&self) -> &str {
        &self.details.return_url
    }

    /// Returns the `state` that it takes there.
    pub fn state(&self) -> &str {
        &self.details.state
    }

    /// Returns the factors that answer a challenge, or none if its code was delivered.
    pub fn option_of(&self, challenge: &Challenge) -> Option<&FactorOption> {
        if challenge.recipient_hint.is_some() { None } else { self.option(&challenge.two_factor) }
    }

    /// Returns the factors of an instance.
    pub fn option(&self, two_factor: &str) -> Option<&FactorOption> {
        self.factor_options.iter().find(|one| one.two_factor == two_factor)
    }

    /// Returns in how many ways a person can confirm.
    pub fn ways(&self) -> usize {
        self.factor_options.len() + self.delivery_options.len()
    }

    /// Returns how many recovery codes are left, if they are few.
    pub fn few_codes(&self) -> Option<u32> {
        let mut active = self.factors.iter().filter(|factor| factor.status == FactorStatus::Active);
        active.find_map(|factor| factor.facts.uses_left).filter(|left| *left <= FEW_CODES)
    }
}

//! The requests of applications, and their results.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::recipient::Recipient;
use super::request_texts;
use crate::error::Error;
use crate::instance::SignIn;
use crate::user_factor::{Assurance, Proved, RequiredFactor};

/// A person's answer to a challenge. `Debug` does not show the code.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub(crate) challenge: &'a str,
    pub(crate) given: Given<'a>,
    pub(crate) client_address: Option<IpAddr>,
}

/// What a person answered.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    Code(&'a str),
    Credential(&'a str),
}

impl<'a> Answer<'a> {
    /// Creates an answer: the challenge's id, and what the person typed.
    pub fn new(challenge: &'a str, code: &'a str) -> Self {
        Self { challenge, given: Given::Code(code), client_address: None }
    }

    /// Creates an answer of an authenticator: the challenge's id, and in JSON what `toJSON()` of the credential returned in the browser.
    pub fn credential(challenge: &'a str, credential: &'a str) -> Self {
        Self { challenge, given: Given::Credential(credential), client_address: None }
    }

    /// Sets the person's own network address, for limits.
    pub fn client_address(mut self, address: impl Into<Option<IpAddr>>) -> Self {
        self.client_address = address.into();
        self
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("challenge", &self.challenge).finish_non_exhaustive()
    }
}

/// An answer that outlives the request it came with. `Debug` is missing on purpose.
pub(crate) struct OwnedAnswer {
    challenge: String,
    text: Zeroizing<String>,
    is_credential: bool,
    client_address: Option<IpAddr>,
}

impl OwnedAnswer {
    /// Returns the answer.
    pub(crate) fn get(&self) -> Answer<'_> {
        let given = if self.is_credential { Given::Credential(&self.text) } else { Given::Code(&self.text) };
        Answer { challenge: &self.challenge, given, client_address: self.client_address }
    }
}

impl From<Answer<'_>> for OwnedAnswer {
    fn from(answer: Answer<'_>) -> Self {
        let Answer { challenge, given, client_address } = answer;
        let (text, is_credential) = match given {
            Given::Code(code) => (code, false),
            Given::Credential(credential) => (credential, true),
        };
        let (challenge, text) = (challenge.to_owned(), Zeroizing::new(text.to_owned()));
        Self { challenge, text, is_credential, client_address }
    }
}

/// A request to start a challenge. `Debug` shows neither user nor recipient.
#[derive(Debug, Clone)]
pub struct NewChallenge {
    /// Who signs in.
    pub sign_in: SignIn,
    /// The instance to use. If none: the most specific one that fits the recipient; without a recipient the strongest factor that the user
    /// holds.
    pub two_factor: Option<String>,
    /// The person's addresses. A factor that the user holds needs none.
    pub recipient: Recipient,
    /// The language of the message (BCP 47, or a list as in `Accept-Language`).
    pub locale: Option<String>,
    /// What the code is for; `sign-in` by default. A code is bound to it.
    pub purpose: Option<String>,
    /// The person's own network address, for limits.
    pub client_address: Option<IpAddr>,
    /// Makes a repeat of this request return the first response instead of sending again, for a
    /// day.
    pub idempotency_key: Option<String>,
    /// The host that a code in an SMS is bound to, where the person types it; replaces that of the
    /// policy.
    pub webotp_host: Option<String>,
    /// Whether the person has passed the first factor in this sign-in, as the application knows.
    /// Some of a user's wrong answers are reserved for that case, so that nobody else can use them
    /// all up: see [`RateLimits`](crate::challenge::RateLimits).
    pub first_factor: bool,
    /// Which factors satisfy this sign-in. A delivered code satisfies [`RequiredFactor::Any`] only. The policy of an instance can require
    /// more: [`Policy::required_factor`](crate::instance::Policy::required_factor).
    pub required: RequiredFactor,
    /// The authentication context class that the application asks for: `phr` or `phrh`. It is reached, or the challenge is refused.
    pub acr: Option<String>,
}

impl NewChallenge {
    /// Creates a request to start a challenge for a sign-in.
    pub fn new(sign_in: SignIn) -> Self {
        Self {
            sign_in,
            two_factor: None,
            recipient: Recipient::default(),
            locale: None,
            purpose: None,
            client_address: None,
            idempotency_key: None,
            webotp_host: None,
            first_factor: false,
            required: RequiredFactor::Any,
            acr: None,
        }
    }

    /// Sets the person's email address.
    pub fn email(mut self, address: impl Into<String>) -> Self {
        self.recipient.email = Some(address.into());
        self
    }

    /// Sets the person's handle, for a provider that delivers to handles.
    pub fn handle(mut self, name: impl Into<String>) -> Self {
        self.recipient.handle = Some(name.into());
        self
    }

    /// Sets the person's phone number, in international form.
    pub fn phone(mut self, number: impl Into<String>) -> Self {
        self.recipient.phone = Some(number.into());
        self
    }

    /// Sets the instance to use.
    pub fn two_factor(mut self, id: impl Into<String>) -> Self {
        self.two_factor = Some(id.into());
        self
    }

    /// States that the person has passed the first factor in this sign-in: see
    /// [`NewChallenge::first_factor`].
    pub fn after_first_factor(mut self) -> Self {
        self.first_factor = true;
        self
    }

    /// Sets which factors satisfy this sign-in.
    pub fn required(mut self, required: RequiredFactor) -> Self {
        self.required = required;
        self
    }

    /// Asks for an authentication context class: `phr` or `phrh`.
    pub fn acr(mut self, acr: impl Into<String>) -> Self {
        self.acr = Some(acr.into());
        self
    }

    /// Sets the language of the message.
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = Some(locale.into());
        self
    }

    /// The purpose of a challenge that states none.
    pub(crate) const PURPOSE: &'static str = "sign-in";

    /// Returns the same request with each id in its canonical form.
    ///
    /// # Errors
    /// Invalid input, with the place, for values that are not valid.
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        self.sign_in = self.sign_in.in_one_spelling()?;
        request_texts::check_purpose(self.purpose.as_deref().unwrap_or(Self::PURPOSE))?;
        request_texts::check_locale(self.locale.as_deref())?;
        request_texts::check_idempotency_key(self.idempotency_key.as_deref())?;
        request_texts::check_acr(self.acr.as_deref())?;
        request_texts::check_recipient(&self.recipient)?;
        Ok(self)
    }
}

/// How a challenge is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChallengeKind {
    /// With a code that the person types: one that was delivered, or of a factor that the person holds.
    TypedCode,
    /// With a credential: the page calls `navigator.credentials.get`.
    WebauthnGet,
}

impl ChallengeKind {
    /// Returns its stable name, such as `typed-code`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TypedCode => "typed-code",
            Self::WebauthnGet => "webauthn-get",
        }
    }
}

/// An open challenge, as its application sees it. It does not contain the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Challenge {
    /// The opaque id.
    pub id: String,
    /// The instance that delivers it, or whose factor answers it.
    pub two_factor: String,
    /// How it is answered.
    pub kind: ChallengeKind,
    /// The channel, such as `email` or `sms`. For a factor that a user holds the name of `kind`.
    pub channel: String,
    /// What the page needs, for a factor that a user holds. For [`ChallengeKind::WebauthnGet`] it is what
    /// `PublicKeyCredential.parseRequestOptionsFromJSON` accepts.
    pub public: Option<Value>,
    /// The masked recipient: enough for its owner to recognize it. None if nothing is delivered.
    pub recipient_hint: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When its message may be sent again. None if nothing is delivered.
    pub resend_after: Option<Timestamp>,
    /// How many attempts are left.
    pub attempts_left: u32,
    /// How many characters the code has. None if no code is typed.
    pub code_length: Option<u32>,
}

/// The result of a right answer, given once. `Debug` does not show the user.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// The user for whom the challenge was started, or whom the factor identified.
    pub user: Option<String>,
    /// The instance that delivered the code, or whose factor was used.
    pub two_factor: String,
    /// What the code was for, as the challenge was started with it. Compare it: a code for one
    /// purpose does not prove another.
    pub purpose: String,
    /// Authentication method references (RFC 8176): `otp`, and `sms` or `tel` for a code that went
    /// to a phone number. Email and chat have no registered value. For passkeys `swk`, `pop` or
    /// `hwk`, and `user`: see `docs/factors/assurance.md`.
    pub amr: Vec<String>,
    /// The authentication context class: `phr` or `phrh`. If the application asked for one, that one.
    pub acr: Option<String>,
    /// How strong the answer is.
    pub assurance: Assurance,
    /// The factor that was used, if the user holds it.
    pub factor: Option<String>,
    /// How many uses of that factor are left, if their number is limited.
    pub uses_left: Option<u32>,
    /// When the answer was verified.
    pub verified_at: Timestamp,
}

impl Verified {
    /// Creates the result of a sign-in without a challenge.
    pub(crate) fn of(proved: Proved, user: String, two_factor: String, verified_at: Timestamp) -> Self {
        let Proved { amr, acr, assurance } = proved;
        Self {
            user: Some(user),
            two_factor,
            purpose: NewChallenge::PURPOSE.to_owned(),
            amr,
            acr: acr.map(|acr| acr.name().to_owned()),
            assurance,
            factor: None,
            uses_left: None,
            verified_at,
        }
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Verified");
        shown.field("two_factor", &self.two_factor).field("purpose", &self.purpose).field("amr", &self.amr);
        shown.field("acr", &self.acr);
        shown.finish_non_exhaustive()
    }
}

/// An instance that is available to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AvailableInstance {
    /// The opaque id.
    pub id: String,
    /// The type.
    #[serde(rename = "type")]
    pub type_id: String,
    /// The display name.
    pub name: String,
    /// The channel, such as `email` or `sms`. For factors that users hold the name of the kind of
    /// answer, such as `webauthn-get`.
    pub channel: String,
    /// How many factors of this instance the user can use. None if it delivers codes.
    pub factors: Option<usize>,
}

//! Requests to change the factors of a user, and their results.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use twofactor_sandbox::{AnswerKind, CodeFormat, FactorManifest, Reveal, Signal, readable};

use crate::challenge::request_texts;
use crate::error::Error;
use crate::instance::SignIn;
use crate::user_factor::{RequiredFactor, UserFactor};

/// Evidence that a change of a user's factors comes from the user.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// The application states that the user has just passed the first factor. It is enough for the first factor of a user.
    FirstFactor,
    /// The id of a challenge of this user that was verified. It must have been verified in the last ten minutes, and it proves one change.
    /// If the user holds a factor, the challenge must have been answered with a factor that the user holds.
    Challenge(String),
    /// A temporary pass that an administrator issued for this user.
    Pass(String),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstFactor => "FirstFactor",
            Self::Challenge(_) => "Challenge",
            Self::Pass(_) => "Pass",
        })
    }
}

/// What a change of a user's factors rests on: what the application passes on, or what a hosted page or an account has checked.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Basis {
    /// A proof that the application passes on.
    Proof(Proof),
    /// A page on which the user used a factor a moment ago, by the factor's id. The factor must still be active.
    UsedFactor(String),
    /// A temporary pass that was used on a page before, by its id. Changes rest on it for ten minutes, until a newer pass or a reset
    /// ends it.
    UsedPass(String),
    /// A challenge that a page used as a proof before, for an enrolment that its user gave up. That one must still be open.
    UsedChallenge {
        /// The id of the challenge.
        challenge: String,
        /// The id of the enrolment that was given up.
        enrolment: String,
    },
    /// The session of an administrator's account, whose own factors change.
    Account,
}

impl From<Proof> for Basis {
    fn from(proof: Proof) -> Self {
        Self::Proof(proof)
    }
}

/// A request to begin the enrolment of a factor. `Debug` does not show the user.
#[derive(Clone)]
pub struct NewEnrolment {
    /// Whose factor it will be, and where; the user is required.
    pub sign_in: SignIn,
    /// The instance to enrol with.
    pub two_factor: String,
    /// The user's name as the person knows it, such as an email address: apps and browsers show it. By default the user's id.
    pub user_name: Option<String>,
    /// The name that people read. By default `user_name`.
    pub display_name: Option<String>,
    /// Evidence that the request comes from the user.
    pub(crate) basis: Basis,
    /// What the new factor must be. The policy of the instance can require more:
    /// [`Policy::required_factor`](crate::instance::Policy::required_factor).
    pub required: RequiredFactor,
    /// Whether the factor is to identify the user by itself: a discoverable credential.
    pub passwordless: bool,
    /// Who begins it: a token's id, or the secret of a browser. Only the same one can finish it.
    pub holder: Option<String>,
    /// The language of the person (BCP 47).
    pub locale: Option<String>,
    /// The person's own network address, for limits.
    pub client_address: Option<IpAddr>,
    /// Makes a repeat of this request return the first response, as long as the enrolment is open.
    pub idempotency_key: Option<String>,
    /// The count of the user's changes when the link to a page was made on which the user proved this: a later change ends the enrolment.
    pub(crate) changes: Option<u64>,
}

impl NewEnrolment {
    /// Creates a request.
    pub fn new(sign_in: SignIn, two_factor: impl Into<String>, proof: Proof) -> Self {
        Self::on(sign_in, two_factor, proof.into())
    }

    pub(crate) fn on(sign_in: SignIn, two_factor: impl Into<String>, basis: Basis) -> Self {
        Self {
            sign_in,
            two_factor: two_factor.into(),
            user_name: None,
            display_name: None,
            basis,
            required: RequiredFactor::Any,
            passwordless: false,
            holder: None,
            locale: None,
            client_address: None,
            idempotency_key: None,
            changes: None,
        }
    }

    /// Sets the user's name as the person knows it.
    pub fn user_name(mut self, name: impl Into<String>) -> Self {
        self.user_name = Some(name.into());
        self
    }

    /// Returns the same request with each id in its canonical form, and its user.
    pub(super) fn checked(mut self) -> Result<(Self, String), Error> {
        self.sign_in = self.sign_in.in_one_spelling()?;
        let user = self.sign_in.user.clone().ok_or_else(|| Error::invalid_at("/user", "is required"))?;
        request_texts::check_name("/user_name", self.user_name.as_deref())?;
        request_texts::check_name("/display_name", self.display_name.as_deref())?;
        request_texts::check_locale(self.locale.as_deref())?;
        request_texts::check_idempotency_key(self.idempotency_key.as_deref())?;
        Ok((self, user))
    }
}

impl fmt::Debug for NewEnrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("NewEnrolment");
        shown.field("sign_in", &self.sign_in).field("two_factor", &self.two_factor).finish_non_exhaustive()
    }
}

/// The maximum length of a label, in characters.
const MOST_LABEL_CHARS: usize = 60;

/// Returns the user's id in its canonical form.
pub(crate) fn checked_user(user: &str) -> Result<String, Error> {
    readable::identifier(user).map_err(|why| Error::invalid_at("/user", why.to_string()))
}

/// Checks the name that a person gives a factor.
pub(crate) fn label(text: Option<&str>) -> Result<Option<String>, Error> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    readable::check(text, 1..=MOST_LABEL_CHARS).map_err(|why| Error::invalid_at("/label", why.to_string()))?;
    Ok(Some(text.to_owned()))
}

/// An enrolment that has begun. `Debug` does not show what is revealed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Enrolment {
    /// The opaque id.
    pub id: String,
    /// The type of the factor, such as `totp`.
    pub type_id: String,
    /// The instance.
    pub two_factor: String,
    /// How it is finished.
    pub kind: AnswerKind,
    /// What the page needs: a JSON object. For [`AnswerKind::WebauthnCreate`] it is what
    /// `PublicKeyCredential.parseCreationOptionsFromJSON` accepts.
    pub public: Value,
    /// What is shown to the person, only now.
    pub reveal: Option<Reveal>,
    /// How many characters the code has that finishes it, if a code is typed.
    pub code_length: Option<u32>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// A person's answer that finishes an enrolment. `Debug` does not show it.
#[derive(Clone, Default)]
pub struct EnrolmentAnswer {
    /// The enrolment.
    pub enrolment: String,
    /// The typed code, for [`AnswerKind::TypedCode`].
    pub code: Option<String>,
    /// What `toJSON()` of the credential returned, in JSON, for [`AnswerKind::WebauthnCreate`].
    pub credential: Option<String>,
    /// The name that the person gives the factor.
    pub label: Option<String>,
    /// Who finishes it: the same as [`NewEnrolment::holder`].
    pub holder: Option<String>,
    /// The person's own network address, for limits.
    pub client_address: Option<IpAddr>,
}

impl EnrolmentAnswer {
    /// Creates an answer without a code and a credential, as [`AnswerKind::ShowOnce`] needs it.
    pub fn confirmed(enrolment: impl Into<String>) -> Self {
        Self { enrolment: enrolment.into(), ..Self::default() }
    }

    /// Creates an answer with a typed code.
    pub fn code(enrolment: impl Into<String>, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..Self::confirmed(enrolment) }
    }

    /// Creates an answer with a credential in JSON.
    pub fn credential(enrolment: impl Into<String>, credential: impl Into<String>) -> Self {
        Self { credential: Some(credential.into()), ..Self::confirmed(enrolment) }
    }

    /// Sets the name of the factor.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }
}

impl fmt::Debug for EnrolmentAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolmentAnswer").field("enrolment", &self.enrolment).finish_non_exhaustive()
    }
}

/// An instance with which a user can enrol factors.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct EnrollableFactor {
    /// The instance.
    pub two_factor: String,
    /// Its type, such as `totp`.
    #[serde(rename = "type")]
    pub type_id: String,
    /// Its display name.
    pub name: String,
    /// What kind of factor it is.
    pub manifest: FactorManifest,
    /// The form of its codes, if codes are typed.
    pub code_format: Option<CodeFormat>,
    /// Whether its policy lets a passkey sign in without a user name.
    pub passwordless: bool,
    /// What its policy requires of each factor.
    pub required: RequiredFactor,
}

/// The result of removing a factor.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RemovedFactors {
    /// What ended: the factor, and fallbacks that would have been left as the only ones.
    pub ended: Vec<UserFactor>,
    /// What the page tells the browser, so that it forgets removed passkeys.
    pub signals: Vec<Signal>,
}

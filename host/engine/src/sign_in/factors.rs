//! The factors of a person on the hosted pages: what they can confirm with, and what they can add.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroize as _;

use crate::error::Error;
use crate::factor::{AnswerKind, Enrolment, Reveal};

/// What a browser is sent to a hosted page for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostedPage {
    /// To sign in.
    #[default]
    SignIn,
    /// To see, add and remove the person's own factors.
    Factors,
}

/// How a person answers with a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// With a passkey: the browser asks for it.
    Passkey,
    /// With a code that is typed.
    Code {
        /// Whether it has letters too.
        letters: bool,
        /// How many characters it has, without separators.
        length: u32,
    },
}

/// Factors of one instance that a person holds: one way to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactorOption {
    /// The instance.
    pub two_factor: String,
    /// Its type, such as `totp`.
    pub type_id: String,
    /// Its display name.
    pub name: String,
    /// How a person answers.
    pub answer: AnswerForm,
    /// Whether it is only a fallback, such as recovery codes.
    pub fallback: bool,
    /// When one of them was last used.
    pub last_used_at: Option<Timestamp>,
}

/// An instance with which a person can enrol a factor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enrollable {
    /// The instance.
    pub two_factor: String,
    /// Its type, such as `totp`.
    pub type_id: String,
    /// Its display name.
    pub name: String,
    /// What is enrolled.
    pub kind: EnrolmentKind,
    /// Whether it is to identify the person by itself.
    pub passwordless: bool,
}

/// What a person enrols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentKind {
    /// A passkey.
    Passkey,
    /// A secret that is put into an app.
    Secret,
    /// Codes to store.
    Codes,
}

/// An enrolment that is open on a hosted page. `Debug` is missing on purpose.
#[derive(Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OpenEnrolment {
    /// The opaque id.
    pub id: String,
    /// The instance.
    pub two_factor: String,
    /// Its type, such as `totp`.
    pub type_id: String,
    /// Its display name.
    pub name: String,
    /// Whether it takes the place of a factor that the person has.
    pub replaces: bool,
    /// What the page shows.
    pub form: EnrolmentForm,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// What the page of an enrolment shows.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnrolmentForm {
    /// A button that creates a passkey.
    Passkey {
        /// What `PublicKeyCredential.parseCreationOptionsFromJSON` accepts.
        options: Value,
    },
    /// A secret to put into an app, and a field for its code.
    Secret {
        /// The `otpauth:` URI.
        uri: String,
        /// The secret in base32.
        secret: String,
    },
    /// Codes to store.
    Codes(Vec<String>),
}

impl Drop for EnrolmentForm {
    fn drop(&mut self) {
        match self {
            Self::Passkey { .. } => {}
            Self::Secret { uri, secret } => {
                uri.zeroize();
                secret.zeroize();
            }
            Self::Codes(codes) => codes.zeroize(),
        }
    }
}

/// The end of an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentOutcome {
    /// The factor was added.
    Added {
        /// Whether codes were stored.
        codes: bool,
    },
}

impl OpenEnrolment {
    /// Returns what the page of a new enrolment shows.
    pub(super) fn of(begun: Enrolment, name: String, replaces: bool) -> Result<Self, Error> {
        let form = match (begun.kind, &begun.reveal) {
            (AnswerKind::WebauthnCreate, _) => EnrolmentForm::Passkey { options: begun.public.clone() },
            (AnswerKind::TypedCode, Some(Reveal::Otpauth { uri, secret })) => {
                EnrolmentForm::Secret { uri: uri.clone(), secret: secret.clone() }
            }
            (_, Some(Reveal::Codes(codes))) => EnrolmentForm::Codes(codes.clone()),
            _ => return Err(Error::unavailable("a hosted page cannot show this enrolment")),
        };
        let Enrolment { id, type_id, two_factor, expires_at, .. } = begun;
        Ok(Self { id, two_factor, type_id, name, replaces, form, expires_at })
    }
}

/// The recovery codes at which the page offers new ones.
pub(super) const FEW_CODES: u32 = 3;

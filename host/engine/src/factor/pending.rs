//! The stored data of an open enrolment, sealed until it ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use twofactor_sandbox::{FactorUser, Requirements, Reveal};
use zeroize::{Zeroize as _, Zeroizing};

use super::Factors;
use super::proof::OF_ACCOUNT;
use super::request::Enrolment;
use crate::challenge::CountedFor;
use crate::error::Error;
use crate::instance::{ChosenFactor, SignIn};
use crate::store::EnrolmentRecord;
use crate::user_factor::{Pending, RequiredFactor};

const SEALED: &str = "enrolment";

/// What an enrolment is bound to, and what its end needs.
#[derive(Serialize, Deserialize)]
pub(super) struct EnrolmentDetails {
    pub(super) sign_in: SignIn,
    /// The digest of the component: another one does not understand what this one keeps.
    pub(super) digest: String,
    pub(super) user_name: String,
    pub(super) display_name: String,
    pub(super) requirements: Requirements,
    pub(super) required: RequiredFactor,
    /// A keyed hash of who began it.
    pub(super) holder: Option<[u8; 32]>,
    /// What the proof was, for the audit log.
    pub(super) proof: String,
    /// The count of the user's changes before the proof was checked: see [`UserChangeStore`](crate::store::UserChangeStore).
    #[serde(default)]
    pub(super) changes: u64,
    pub(super) pending: Pending,
    /// The response, for as long as the enrolment is open: a page that is loaded again shows the same secret.
    pub(super) public: Value,
    pub(super) reveal: Option<SealedReveal>,
}

impl EnrolmentDetails {
    /// Returns with whose requests its answers are counted.
    pub(super) fn counted_for<'a>(&self, subscription: &'a str) -> CountedFor<'a> {
        if self.proof == OF_ACCOUNT { CountedFor::Accounts } else { CountedFor::Subscription(subscription) }
    }
}

/// What was revealed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum SealedReveal {
    Otpauth { uri: String, secret: String },
    Codes(Vec<String>),
}

impl Drop for SealedReveal {
    fn drop(&mut self) {
        match self {
            Self::Otpauth { uri, secret } => {
                uri.zeroize();
                secret.zeroize();
            }
            Self::Codes(codes) => codes.zeroize(),
        }
    }
}

impl From<&Reveal> for SealedReveal {
    fn from(reveal: &Reveal) -> Self {
        match reveal {
            Reveal::Otpauth { uri, secret } => Self::Otpauth { uri: uri.clone(), secret: secret.clone() },
            Reveal::Codes(codes) => Self::Codes(codes.clone()),
        }
    }
}

impl From<&SealedReveal> for Reveal {
    fn from(reveal: &SealedReveal) -> Self {
        match reveal {
            SealedReveal::Otpauth { uri, secret } => Self::Otpauth { uri: uri.clone(), secret: secret.clone() },
            SealedReveal::Codes(codes) => Self::Codes(codes.clone()),
        }
    }
}

impl EnrolmentDetails {
    pub(super) fn user(&self) -> &str {
        self.sign_in.user.as_deref().unwrap_or_default()
    }

    /// Returns the user as the component sees it.
    pub(super) fn factor_user(&self, handle: Vec<u8>) -> FactorUser {
        FactorUser { handle, name: self.user_name.clone(), display_name: self.display_name.clone() }
    }

    pub(super) fn view(&self, record: &EnrolmentRecord, chosen: &ChosenFactor) -> Enrolment {
        Enrolment {
            id: record.id.clone(),
            type_id: chosen.type_id.clone(),
            two_factor: record.instance.clone(),
            kind: chosen.manifest.enrolment,
            public: self.public.clone(),
            reveal: self.reveal.as_ref().map(Reveal::from),
            code_length: chosen.code_length(),
            expires_at: record.expires_at,
        }
    }
}

impl Factors {
    pub(super) fn seal_details(&self, record: &EnrolmentRecord, details: &EnrolmentDetails) -> Result<Vec<u8>, Error> {
        let plain = Zeroizing::new(serde_json::to_vec(details).map_err(Error::unavailable)?);
        self.keyring.seal(SEALED, &place(record), &plain).map_err(Error::unavailable)
    }

    pub(super) fn details(&self, record: &EnrolmentRecord) -> Result<EnrolmentDetails, Error> {
        let plain = self.keyring.open(SEALED, &place(record), &record.sealed).map_err(Error::unavailable)?;
        serde_json::from_slice(&plain).map_err(Error::unavailable)
    }

    /// Returns a keyed hash of who begins or finishes an enrolment.
    pub(super) fn holder(&self, holder: Option<&str>) -> Option<[u8; 32]> {
        holder.map(|holder| self.keyring.fingerprint("enrolment-holder", &[holder.as_bytes()]))
    }

    /// Returns an open enrolment with its instance. It is closed for everybody but its holder, and if the component was replaced.
    pub(super) async fn open_enrolment(
        &self,
        subscription: &str,
        id: &str,
        holder: Option<&str>,
        now: Timestamp,
    ) -> Result<(EnrolmentRecord, EnrolmentDetails, ChosenFactor), Error> {
        let record = self.store.enrolment(subscription, id).await?.filter(|record| is_open(record, now));
        let record = record.ok_or_else(Error::enrolment_closed)?;
        let details = self.details(&record)?;
        if details.holder != self.holder(holder) {
            return Err(Error::enrolment_closed());
        }
        match self.instance(&details.sign_in, &record.instance).await {
            Ok(chosen) if chosen.digest() == details.digest => Ok((record, details, chosen)),
            Ok(_) => Err(Error::enrolment_closed()),
            Err(error) if error.is_no_instance_available() => Err(Error::enrolment_closed()),
            Err(error) => Err(error),
        }
    }
}

fn is_open(record: &EnrolmentRecord, now: Timestamp) -> bool {
    record.expires_at > now && record.attempts < record.max_attempts
}

fn place(record: &EnrolmentRecord) -> [&[u8]; 4] {
    [record.subscription.as_bytes(), record.instance.as_bytes(), &record.user, record.id.as_bytes()]
}

//! Factors as the API shows them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use twofactor::factor::{FactorFacts, FactorStatus, Signal, SignalKind, UserFactor};
use utoipa::ToSchema;

use crate::wording::uuid;

/// Whether a factor can be used.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// It can be used.
    Active,
    /// It cannot be used until an administrator resumes it.
    Suspended,
    /// It was removed or replaced.
    Ended,
}

/// What is known about a factor. A field is missing if it is not known or does not apply.
#[derive(Serialize, ToSchema)]
struct Facts {
    /// Whether the authenticator verified its user, by PIN or biometrics, when it was enrolled or last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user_verified: Option<bool>,
    /// Whether it cannot be copied to another device.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_bound: Option<bool>,
    /// Whether a copy exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    backed_up: Option<bool>,
    /// Whether the model of the authenticator was proved and is trusted.
    attested: bool,
    /// The AAGUID of the authenticator, a UUID. Unless `attested`, it proves nothing and only serves to find a name for display.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "ee882879-721c-4913-9775-3dfcce97072a")]
    aaguid: Option<String>,
    /// How many uses are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    uses_left: Option<u32>,
}

impl From<FactorFacts> for Facts {
    fn from(facts: FactorFacts) -> Self {
        Self {
            user_verified: facts.user_verified,
            device_bound: facts.device_bound,
            backed_up: facts.backed_up,
            attested: facts.attested,
            aaguid: facts.aaguid.map(uuid),
            uses_left: facts.uses_left,
        }
    }
}

/// A factor that a user holds.
#[derive(Serialize, ToSchema)]
pub(super) struct Factor {
    /// An opaque id.
    id: String,
    /// The type, such as `totp`.
    r#type: String,
    /// The instance it was enrolled with.
    two_factor: String,
    /// The name that the person gave it.
    label: Option<String>,
    status: Status,
    /// Whether it is only a fallback, which ends with the last other factor.
    fallback: bool,
    /// When it was enrolled.
    created_at: Timestamp,
    /// When it was last used.
    last_used_at: Option<Timestamp>,
    facts: Facts,
}

impl From<UserFactor> for Factor {
    fn from(factor: UserFactor) -> Self {
        let status = match factor.status {
            FactorStatus::Active => Status::Active,
            FactorStatus::Suspended => Status::Suspended,
            FactorStatus::Ended => Status::Ended,
        };
        Self {
            id: factor.id,
            r#type: factor.type_id,
            two_factor: factor.two_factor,
            label: factor.label,
            status,
            fallback: factor.fallback,
            created_at: factor.created_at,
            last_used_at: factor.last_used_at,
            facts: factor.facts.into(),
        }
    }
}

/// The factors of a user.
#[derive(Serialize, ToSchema)]
pub(super) struct FactorList {
    /// The oldest first.
    factors: Vec<Factor>,
}

impl FactorList {
    pub(super) fn of(factors: Vec<UserFactor>) -> Self {
        Self { factors: factors.into_iter().map(Factor::from).collect() }
    }
}

/// A function of `PublicKeyCredential` (WebAuthn Level 3 section 5.1.10).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum BrowserSignalKind {
    /// `signalUnknownCredential`.
    UnknownCredential,
    /// `signalAllAcceptedCredentials`.
    AllAcceptedCredentials,
    /// `signalCurrentUserDetails`.
    CurrentUserDetails,
}

/// A call that the page makes in the browser, so that it forgets removed passkeys.
#[derive(Serialize, ToSchema)]
struct BrowserSignal {
    kind: BrowserSignalKind,
    /// The argument.
    #[schema(value_type = Object)]
    argument: Value,
}

impl From<Signal> for BrowserSignal {
    fn from(signal: Signal) -> Self {
        let kind = match signal.kind {
            SignalKind::UnknownCredential => BrowserSignalKind::UnknownCredential,
            SignalKind::AllAcceptedCredentials => BrowserSignalKind::AllAcceptedCredentials,
            SignalKind::CurrentUserDetails => BrowserSignalKind::CurrentUserDetails,
        };
        Self { kind, argument: signal.argument }
    }
}

/// The result of a removal.
#[derive(Serialize, ToSchema)]
pub(super) struct RemovedFactors {
    /// What ended: the factor, and fallbacks that would have been left as the only ones.
    ended: Vec<Factor>,
    /// What the page should call in the user's browser, if it is signed in: skip functions the browser lacks.
    signals: Vec<BrowserSignal>,
}

impl From<twofactor::factor::RemovedFactors> for RemovedFactors {
    fn from(removed: twofactor::factor::RemovedFactors) -> Self {
        Self {
            ended: removed.ended.into_iter().map(Factor::from).collect(),
            signals: removed.signals.into_iter().map(BrowserSignal::from).collect(),
        }
    }
}

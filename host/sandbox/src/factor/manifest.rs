//! What a factor component is.

use serde::Serialize;

use super::bounds::FACTORS_PER_USER;
use crate::contract::factor_v0_1::twofactor::factor::types as wit;

/// How a person answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerKind {
    /// The person types a code.
    TypedCode,
    /// The page calls `navigator.credentials.create`.
    WebauthnCreate,
    /// The page calls `navigator.credentials.get`.
    WebauthnGet,
    /// The page shows what was revealed, and the person confirms having stored it.
    ShowOnce,
}

impl AnswerKind {
    /// Returns its stable name, such as `typed-code`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TypedCode => "typed-code",
            Self::WebauthnCreate => "webauthn-create",
            Self::WebauthnGet => "webauthn-get",
            Self::ShowOnce => "show-once",
        }
    }
}

impl From<wit::AnswerKind> for AnswerKind {
    fn from(kind: wit::AnswerKind) -> Self {
        match kind {
            wit::AnswerKind::TypedCode => Self::TypedCode,
            wit::AnswerKind::WebauthnCreate => Self::WebauthnCreate,
            wit::AnswerKind::WebauthnGet => Self::WebauthnGet,
            wit::AnswerKind::ShowOnce => Self::ShowOnce,
        }
    }
}

/// The part of a manifest that only factor components have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FactorManifest {
    /// How an enrolment is finished: any kind except [`AnswerKind::WebauthnGet`].
    pub enrolment: AnswerKind,
    /// How a challenge is answered: [`AnswerKind::TypedCode`] or [`AnswerKind::WebauthnGet`].
    pub challenge: AnswerKind,
    /// How many factors of one instance a user may have: 1 to 100.
    pub max_per_user: u32,
    /// Whether a newly enrolled factor ends the user's earlier ones of this instance.
    pub replaces_earlier: bool,
    /// Whether it is only ever a fallback: it cannot be enrolled without another factor and is removed with the last other one.
    pub never_sole: bool,
    /// The format of the states that it writes. It reads all lower ones.
    pub state_format: u32,
}

impl FactorManifest {
    /// Checks this part of a manifest. The error says what is wrong in a sentence.
    pub(crate) fn check(said: &wit::Manifest) -> Result<Self, String> {
        let (enrolment, challenge) = (said.enrolment.into(), said.challenge.into());
        if enrolment == AnswerKind::WebauthnGet {
            return Err("its enrolments must not be finished by `webauthn-get`, which creates no credential".to_owned());
        }
        if !matches!(challenge, AnswerKind::TypedCode | AnswerKind::WebauthnGet) {
            return Err("its challenges must be answered by `typed-code` or `webauthn-get`".to_owned());
        }
        if (enrolment == AnswerKind::WebauthnCreate) != (challenge == AnswerKind::WebauthnGet) {
            return Err(
                "`webauthn-create` and `webauthn-get` go together: one creates the credential, the other uses it"
                    .to_owned(),
            );
        }
        if !FACTORS_PER_USER.contains(&said.max_per_user) {
            return Err("its max-per-user must be 1 to 100".to_owned());
        }
        Ok(Self {
            enrolment,
            challenge,
            max_per_user: said.max_per_user,
            replaces_earlier: said.replaces_earlier,
            never_sole: said.never_sole,
            state_format: said.state_format,
        })
    }

    /// Returns whether people type codes, at enrolments or at challenges.
    pub(crate) fn has_typed_codes(&self) -> bool {
        [self.enrolment, self.challenge].contains(&AnswerKind::TypedCode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_numbers_outside_of_the_contract_are_refused() {
        use wit::AnswerKind::{ShowOnce, TypedCode, WebauthnCreate, WebauthnGet};
        let of = |enrolment, challenge, max_per_user| {
            FactorManifest::check(&wit::Manifest {
                type_id: "f".to_owned(),
                name: "F".to_owned(),
                version: "1.0.0".to_owned(),
                options_schema: "{}".to_owned(),
                enrolment,
                challenge,
                max_per_user,
                replaces_earlier: false,
                never_sole: false,
                state_format: 1,
                extra: Vec::new(),
            })
        };
        for (enrolment, challenge) in [(TypedCode, TypedCode), (ShowOnce, TypedCode), (WebauthnCreate, WebauthnGet)] {
            for (most, fits) in [(0, false), (1, true), (100, true), (101, false)] {
                assert_eq!(of(enrolment, challenge, most).is_ok(), fits, "{enrolment:?} {challenge:?} {most}");
            }
        }
        for (enrolment, challenge) in [
            (WebauthnGet, WebauthnGet),
            (WebauthnCreate, TypedCode),
            (TypedCode, WebauthnGet),
            (ShowOnce, WebauthnGet),
            (TypedCode, ShowOnce),
            (TypedCode, WebauthnCreate),
            (WebauthnCreate, WebauthnCreate),
            (WebauthnCreate, ShowOnce),
        ] {
            assert!(of(enrolment, challenge, 1).is_err(), "{enrolment:?} {challenge:?}");
        }
    }
}

//! Converts what a component returned into the host's types. Anything that breaks a rule of `wit/factor/` is an error, which says so in a
//! sentence and repeats nothing of it.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::contract::factor_v0_1::twofactor::factor::types as wit;
use crate::factor::bounds::{
    AAGUID_BYTES, CODE_CHARS, CODES, PUBLIC_BYTES, SECRET_CHARS, SHOWN_CODE_CHARS, SIGNALS, STATE_BYTES,
    UNIQUE_ID_BYTES, URI_BYTES,
};
use crate::factor::code_format::{CodeAlphabet, CodeFormat};
use crate::factor::facts::{FactorFacts, UnmetRequirement};
use crate::factor::manifest::{AnswerKind, FactorManifest};
use crate::factor::outcome::{
    AcceptedAnswer, BegunEnrolment, BegunFactorChallenge, EnrolledFactor, Observation, Reveal, Signal, SignalKind,
    Suspicion,
};
use crate::factor::state::{FactorState, StateError};

/// What a component returned against the rules: why, in a sentence.
pub(crate) type Checked<T> = Result<T, &'static str>;

/// Checks the format of typed codes, which exists exactly if people type codes.
pub(crate) fn code_format(said: Option<wit::CodeFormat>, manifest: &FactorManifest) -> Checked<Option<CodeFormat>> {
    let format = match (said, manifest.has_typed_codes()) {
        (None, false) => return Ok(None),
        (Some(format), true) => format,
        (None, true) => return Err("people type codes, and `configure` returned no code-format"),
        (Some(_), false) => return Err("`configure` returned a code-format, although no codes are typed"),
    };
    if !CODE_CHARS.contains(&format.length) {
        return Err("the length of code-format is not 4 to 64");
    }
    let alphabet = match format.alphabet {
        wit::CodeAlphabet::Digits => CodeAlphabet::Digits,
        wit::CodeAlphabet::LettersAndDigits => CodeAlphabet::LettersAndDigits,
    };
    Ok(Some(CodeFormat { alphabet, length: format.length }))
}

pub(crate) fn begun_enrolment(said: wit::BegunEnrolment, kind: AnswerKind) -> Checked<BegunEnrolment> {
    let reveal = said.reveal.map(reveal).transpose()?;
    match (kind, &reveal) {
        (AnswerKind::ShowOnce, None) => return Err("an enrolment by `show-once` reveals nothing"),
        (AnswerKind::WebauthnCreate | AnswerKind::WebauthnGet, Some(_)) => {
            return Err("an enrolment by WebAuthn reveals a secret: there is none to show");
        }
        _ => {}
    }
    let shown = match &reveal {
        Some(Reveal::Otpauth { secret, .. }) => std::slice::from_ref(secret),
        Some(Reveal::Codes(codes)) => codes,
        None => &[],
    };
    if shown.iter().any(|secret| said.public.contains(secret.as_str())) {
        return Err("`public` contains what is revealed once");
    }
    Ok(BegunEnrolment { public: object(&said.public)?, reveal, pending: pending(said.pending)? })
}

pub(crate) fn begun_challenge(said: wit::BegunChallenge) -> Checked<BegunFactorChallenge> {
    Ok(BegunFactorChallenge { public: object(&said.public)?, pending: pending(said.pending)? })
}

pub(crate) fn enrolled(said: wit::Enrolled, manifest: &FactorManifest) -> Checked<EnrolledFactor> {
    if said.unique_id.is_empty() && manifest.enrolment == AnswerKind::WebauthnCreate {
        return Err("a credential has no unique-id");
    }
    if said.unique_id.len() > UNIQUE_ID_BYTES {
        return Err("the unique-id is longer than 1023 bytes");
    }
    Ok(EnrolledFactor { state: state(said.state, manifest)?, unique_id: said.unique_id, facts: facts(&said.facts)? })
}

/// Checks an accepted answer to a challenge for these factors.
pub(crate) fn accepted(
    said: wit::Accepted,
    manifest: &FactorManifest,
    factors: &[wit::State],
) -> Checked<AcceptedAnswer> {
    let index = index(said.index, factors.len())?;
    let facts = facts(&said.facts)?;
    let before = factors.get(index).map(|state| state.data.as_slice());
    match manifest.challenge {
        AnswerKind::WebauthnGet if facts.user_present != Some(true) => {
            return Err("an assertion was accepted without the presence of a user");
        }
        // The challenge of an assertion is used once; a code would be accepted again.
        AnswerKind::TypedCode if before == Some(said.state.data.as_slice()) => {
            return Err("a code was accepted and the state is the same, so it would be accepted again");
        }
        _ => {}
    }
    let mut observations = Vec::new();
    for one in said.observations {
        let one = match one {
            wit::Observation::CounterNotIncreased => Observation::CounterNotIncreased,
            wit::Observation::BecameCopyable => Observation::BecameCopyable,
            wit::Observation::ClockDrift => Observation::ClockDrift,
        };
        if !observations.contains(&one) {
            observations.push(one);
        }
    }
    Ok(AcceptedAnswer { index, state: state(said.state, manifest)?, facts, observations })
}

/// Checks the index of a factor in a list of so many.
pub(crate) fn index(said: u32, factors: usize) -> Checked<usize> {
    let index = usize::try_from(said).ok().filter(|index| *index < factors);
    index.ok_or("the index does not refer to a factor in the list")
}

pub(crate) fn suspicion(said: wit::Suspicion) -> Suspicion {
    match said {
        wit::Suspicion::CounterWentBack => Suspicion::CounterWentBack,
        wit::Suspicion::PropertyChanged => Suspicion::PropertyChanged,
    }
}

pub(crate) fn unmet(said: wit::UnmetRequirement) -> UnmetRequirement {
    match said {
        wit::UnmetRequirement::UserVerification => UnmetRequirement::UserVerification,
        wit::UnmetRequirement::DeviceBound => UnmetRequirement::DeviceBound,
        wit::UnmetRequirement::Attested => UnmetRequirement::Attested,
        wit::UnmetRequirement::TrustedAuthenticator => UnmetRequirement::TrustedAuthenticator,
        wit::UnmetRequirement::Algorithm => UnmetRequirement::Algorithm,
    }
}

pub(crate) fn unique_id(said: Vec<u8>) -> Checked<Vec<u8>> {
    match said.len() {
        1..=UNIQUE_ID_BYTES => Ok(said),
        _ => Err("the unique id is empty or longer than 1023 bytes"),
    }
}

/// Checks a new state: components write their current format only.
pub(crate) fn state(said: wit::State, manifest: &FactorManifest) -> Checked<FactorState> {
    // First, so that the data is overwritten whatever comes.
    let state = FactorState { format: said.format, data: said.data };
    if state.format != manifest.state_format {
        return Err("the state is not of the format that the manifest names");
    }
    // A component that could not write its state: it could not read this one either.
    if state.data.is_empty() {
        return Err("the state is empty");
    }
    if state.data.len() > STATE_BYTES {
        return Err("the state is longer than 8192 bytes");
    }
    Ok(state)
}

pub(crate) fn state_error(said: wit::StateError) -> StateError {
    match said {
        wit::StateError::LaterFormat => StateError::LaterFormat,
        wit::StateError::Damaged => StateError::Damaged,
    }
}

pub(crate) fn signals(said: Vec<wit::Signal>) -> Checked<Vec<Signal>> {
    if said.len() > SIGNALS || said.iter().map(|signal| signal.argument.len()).sum::<usize>() > PUBLIC_BYTES {
        return Err("there are more than 16 signals, or they are longer than 65536 bytes");
    }
    let signal = |one: wit::Signal| {
        let kind = match one.kind {
            wit::SignalKind::UnknownCredential => SignalKind::UnknownCredential,
            wit::SignalKind::AllAcceptedCredentials => SignalKind::AllAcceptedCredentials,
            wit::SignalKind::CurrentUserDetails => SignalKind::CurrentUserDetails,
        };
        Ok(Signal { kind, argument: object(&one.argument)? })
    };
    said.into_iter().map(signal).collect()
}

fn facts(said: &wit::Facts) -> Checked<FactorFacts> {
    let aaguid = said.aaguid.as_deref().map(<[u8; AAGUID_BYTES]>::try_from).transpose();
    let facts = FactorFacts {
        user_present: said.user_present,
        user_verified: said.user_verified,
        device_bound: said.device_bound,
        backed_up: said.backed_up,
        attested: said.attested,
        aaguid: aaguid.map_err(|_| "the AAGUID does not have 16 bytes")?,
        uses_left: said.uses_left,
    };
    if facts.device_bound == Some(true) && facts.backed_up == Some(true) {
        return Err("the facts contradict each other: a device-bound factor cannot have a copy");
    }
    if facts.attested && facts.aaguid.is_none() {
        return Err("the facts contradict each other: an attested model has an AAGUID");
    }
    if facts.user_verified == Some(true) && facts.user_present == Some(false) {
        return Err("the facts contradict each other: a user who was verified was present");
    }
    Ok(facts)
}

fn pending(said: Vec<u8>) -> Checked<Zeroizing<Vec<u8>>> {
    let pending = Zeroizing::new(said);
    if pending.len() > STATE_BYTES {
        return Err("`pending` is longer than 8192 bytes");
    }
    Ok(pending)
}

fn object(text: &str) -> Checked<Value> {
    if text.len() > PUBLIC_BYTES {
        return Err("a JSON text for the page is longer than 65536 bytes");
    }
    let value = serde_json::from_str(text).ok().filter(Value::is_object);
    value.ok_or("a text for the page is not a JSON object")
}

fn reveal(said: wit::Reveal) -> Checked<Reveal> {
    let reveal = match said {
        wit::Reveal::Otpauth(said) => Reveal::Otpauth { uri: said.uri, secret: said.secret },
        wit::Reveal::Codes(codes) => Reveal::Codes(codes),
    };
    match &reveal {
        Reveal::Otpauth { uri, secret } => {
            if !SECRET_CHARS.contains(&secret.len()) || !secret.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
            {
                return Err("the secret is not 16 to 256 characters of base32 without padding");
            }
            let is_uri = uri.starts_with("otpauth://") && uri.bytes().all(|b| b.is_ascii_graphic());
            if !is_uri || uri.len() > URI_BYTES {
                return Err(
                    "the URI does not begin with `otpauth://`, has characters that are not allowed, or is longer \
                            than 2048 bytes",
                );
            }
        }
        Reveal::Codes(codes) => {
            if !CODES.contains(&codes.len()) {
                return Err("the number of revealed codes is not 1 to 100");
            }
            let is_code = |code: &String| {
                SHOWN_CODE_CHARS.contains(&code.len())
                    && code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b' '))
            };
            if !codes.iter().all(is_code) {
                return Err("a revealed code is not 8 to 128 letters, digits, `-` and blanks");
            }
        }
    }
    Ok(reveal)
}

#[cfg(test)]
mod tests;

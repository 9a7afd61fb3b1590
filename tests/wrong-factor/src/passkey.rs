//! A passkey that believes everything: it reads the id of a credential, and checks nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use twofactor_factor::bindings::twofactor::factor::types::{
    Accepted, BegunChallenge, BegunEnrolment, Context, Enrolled, EnrolmentVerdict, Facts, State, Verdict,
};

use crate::{FORMAT, no_facts};

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the id that a credential names, and some id for what is not a credential.
pub(crate) fn id(answer: &str) -> Vec<u8> {
    let credential: Value = serde_json::from_str(answer).unwrap_or_default();
    let id = credential["id"].as_str().and_then(|id| URL_SAFE_NO_PAD.decode(id).ok());
    id.filter(|id| (1..=1023).contains(&id.len())).unwrap_or_else(|| vec![7; 32])
}

fn facts() -> Facts {
    Facts { user_present: Some(true), user_verified: Some(true), device_bound: Some(true), ..no_facts() }
}

pub(crate) fn begin(context: &Context) -> BegunEnrolment {
    let challenge = encode(&context.entropy[..8]);
    let public = json!({
        "rp": {"id": context.site.rp_id, "name": context.site.name},
        "user": {"id": encode(&context.user.handle), "name": context.user.name, "displayName": context.user.name},
        "challenge": challenge,
        "pubKeyCredParams": [],
    });
    BegunEnrolment { public: public.to_string(), reveal: None, pending: challenge.into_bytes() }
}

pub(crate) fn finish(answer: &str) -> EnrolmentVerdict {
    let id = id(answer);
    let state = State { format: FORMAT, data: id.clone() };
    EnrolmentVerdict::Enrolled(Enrolled { state, unique_id: id, facts: facts() })
}

pub(crate) fn challenge(context: &Context) -> BegunChallenge {
    let public = json!({"rpId": context.site.rp_id, "challenge": encode(&context.entropy[..8])});
    BegunChallenge { public: public.to_string(), pending: Vec::new() }
}

pub(crate) fn verify(factors: &[State]) -> Verdict {
    let Some(state) = factors.first().cloned() else { return Verdict::Expired };
    Verdict::Right(Accepted { index: 0, state, facts: facts(), observations: Vec::new() })
}

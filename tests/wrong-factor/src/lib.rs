//! A factor component that is wrong in the one way that its own data names. Its kind is there too: `app` is an authenticator app,
//! `paper` are codes that are shown once, `passkey` is a passkey that believes everything.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only a component exports anything"))]

mod app;
mod misbehave;
mod paper;
mod passkey;

use std::hint::black_box;

use serde_json::{Value, json};
use twofactor_factor::bindings::exports::twofactor::factor::factor::Guest;
use twofactor_factor::bindings::twofactor::factor::types::{
    AnswerKind, BegunChallenge, BegunEnrolment, CodeFormat, Configured, Context, EnrolmentVerdict, Facts, Manifest,
    Problem, Signal, SignalKind, Site, State, StateError, Verdict,
};

/// Tests write a kind and the name of a fault in here.
static FAULT: [u8; 56] = *b"twofactor-factor:app/none                               ";

/// The format of the states. Format 1 had no counter of uses.
const FORMAT: u32 = 2;

fn kind_and_fault() -> (&'static str, &'static str) {
    let bytes: &'static [u8; 56] = black_box(&FAULT);
    std::str::from_utf8(&bytes[17..]).unwrap_or_default().trim_end().split_once('/').unwrap_or_default()
}

fn is(fault: &str) -> bool {
    kind_and_fault().1 == fault
}

fn is_paper() -> bool {
    kind_and_fault().0 == "paper"
}

fn is_passkey() -> bool {
    kind_and_fault().0 == "passkey"
}

/// What is known: nothing.
fn no_facts() -> Facts {
    Facts {
        user_present: None,
        user_verified: None,
        device_bound: None,
        backed_up: None,
        attested: false,
        aaguid: None,
        uses_left: None,
    }
}

struct Wrong;

impl Guest for Wrong {
    fn describe() -> Manifest {
        misbehave::at("describe");
        let mut properties = json!({"Issuer": {"type": "string", "title": "Issuer"}});
        if is("a secret option") {
            properties["Key"] = json!({"type": "string", "title": "Key", "writeOnly": true});
        }
        let schema =
            json!({"type": "object", "additionalProperties": false, "properties": properties, "examples": [{}]});
        Manifest {
            type_id: "wrong-factor".to_owned(),
            name: "Wrong in one way".to_owned(),
            version: "1.0.0".to_owned(),
            options_schema: schema.to_string(),
            enrolment: match is_paper() {
                _ if is("enrolled by get") => AnswerKind::WebauthnGet,
                _ if is_passkey() => AnswerKind::WebauthnCreate,
                true => AnswerKind::ShowOnce,
                false => AnswerKind::TypedCode,
            },
            challenge: if is_passkey() { AnswerKind::WebauthnGet } else { AnswerKind::TypedCode },
            max_per_user: if is("for nobody") { 0 } else { 5 },
            replaces_earlier: is_paper(),
            never_sole: is_paper(),
            state_format: FORMAT,
            extra: Vec::new(),
        }
    }

    fn configure(options: String, site: Site) -> Result<Configured, Vec<Problem>> {
        misbehave::at("configure");
        let options: Value = serde_json::from_str(&options).unwrap_or_default();
        let issuer = options["Issuer"].as_str().unwrap_or(&site.name);
        if issuer.contains(':') {
            let message = "the issuer must not contain a colon".to_owned();
            return Err(vec![Problem { pointer: "/Issuer".to_owned(), message }]);
        }
        let code_format = if is_paper() { paper::FORMAT } else { app::FORMAT };
        let length = if is("codes of 65") { 65 } else { code_format.length };
        let code_format = (!is("no code-format") && !is_passkey()).then_some(CodeFormat { length, ..code_format });
        Ok(Configured { code_format, extra: Vec::new() })
    }

    fn begin_enrolment(options: String, context: Context, existing: Vec<State>) -> BegunEnrolment {
        misbehave::at("begin");
        let _ = existing;
        let options: Value = serde_json::from_str(&options).unwrap_or_default();
        let mut begun = if is_passkey() {
            passkey::begin(&context)
        } else if is_paper() {
            paper::begin(&context)
        } else {
            app::begin(options["Issuer"].as_str().unwrap_or(&context.site.name), &context)
        };
        misbehave::in_begun(&mut begun);
        begun
    }

    fn finish_enrolment(_: String, context: Context, pending: Vec<u8>, answer: String) -> EnrolmentVerdict {
        misbehave::at("finish");
        if is_passkey() {
            return passkey::finish(&answer);
        }
        if is_paper() { paper::finish(pending) } else { app::finish(&context, pending, &answer) }
    }

    fn begin_challenge(_: String, context: Context, _: Vec<State>) -> BegunChallenge {
        misbehave::at("challenge");
        if is_passkey() {
            return passkey::challenge(&context);
        }
        let public = if is("the challenge is a list") { "[]" } else { "{}" };
        BegunChallenge { public: public.to_owned(), pending: Vec::new() }
    }

    fn identify(answer: String) -> Option<Vec<u8>> {
        is_passkey().then(|| passkey::id(&answer))
    }

    fn verify(_: String, context: Context, factors: Vec<State>, _: Vec<u8>, answer: String) -> Verdict {
        misbehave::at("verify");
        if let Some(wrong) = misbehave::instead_of_a_verdict(&factors, &answer) {
            return wrong;
        }
        if is_passkey() {
            return passkey::verify(&factors);
        }
        let verdict =
            if is_paper() { paper::verify(&factors, &answer) } else { app::verify(&context, &factors, &answer) };
        misbehave::in_verdict(verdict)
    }

    fn upgrade(state: State) -> Result<State, StateError> {
        misbehave::at("upgrade");
        if state.format > FORMAT {
            return if is("reads later states") {
                Ok(State { format: FORMAT, ..state })
            } else {
                Err(StateError::LaterFormat)
            };
        }
        if is("upgrades to anything") {
            return Ok(State { format: FORMAT, data: b"anything".to_vec() });
        }
        let data = if state.format == FORMAT { state.data } else { [&state.data[..], &[0; 4]].concat() };
        let is_whole = if is_paper() { paper::is_whole(&data) } else { app::is_whole(&data) };
        let format = if is("upgrades to the old format") { 1 } else { FORMAT };
        if is("takes damaged states") && data.is_empty() {
            // The host refuses an empty state by itself.
            return Ok(State { format, data: vec![0] });
        }
        if is_whole || is("takes damaged states") { Ok(State { format, data }) } else { Err(StateError::Damaged) }
    }

    fn signals(_: Context, _: Vec<State>, _: Option<State>) -> Vec<Signal> {
        misbehave::at("signals");
        let one = |argument: &str| Signal { kind: SignalKind::UnknownCredential, argument: argument.to_owned() };
        match kind_and_fault().1 {
            "a signal is a text" => vec![one("\"gone\"")],
            "a thousand signals" => vec![one("{}"); 1000],
            _ => Vec::new(),
        }
    }
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "the exports of a component are generated")]
mod exported {
    use super::Wrong;
    twofactor_factor::bindings::export_bindings!(Wrong with_types_in twofactor_factor::bindings);
}

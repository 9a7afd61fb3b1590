#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::verification::{begin, check, configure, describe, message};
use twofactor_provider::testing::{HttpError, Upstream, failure_name};
use twofactor_provider::{Failure, Verdict};

use super::{TwilioVerify, locale};

const SERVICE: &str = "VA0123456789abcdef0123456789abcdef";
const STATE: &str = "VE0123456789abcdef0123456789abcdef";

fn options() -> Value {
    json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioVerifyServiceSid": SERVICE})
}

#[test]
fn a_verification_is_begun_and_checked_as_twilio_documents_it() {
    let upstream = Upstream::new()
        .responds(201, &[], &json!({"sid": STATE, "status": "pending"}).to_string())
        .responds(200, &[], &json!({"sid": STATE, "status": "approved", "valid": true}).to_string());
    let begun = begin::<TwilioVerify>(&options(), &message("+41791234567")).unwrap();
    assert_eq!((&*begun.state, &*begun.receipt.reference, begun.code_length), (STATE, STATE, 6));
    assert_eq!(check::<TwilioVerify>(&options(), &begun.state, "QXZJKV").unwrap(), Verdict::Right);
    let requests = upstream.requests();
    let at = |n: usize| (requests[n].url.as_str(), String::from_utf8(requests[n].body.clone()).unwrap());
    let base = format!("https://verify.twilio.com/v2/Services/{SERVICE}");
    assert_eq!(at(0), (&*format!("{base}/Verifications"), "To=%2B41791234567&Channel=sms&Locale=en".to_owned()));
    assert_eq!(at(1), (&*format!("{base}/VerificationCheck"), format!("VerificationSid={STATE}&Code=QXZJKV")));
}

#[test]
fn only_approved_is_right() {
    let verdict = |status: u16, body: &str| {
        let _upstream = Upstream::new().responds(status, &[], body);
        check::<TwilioVerify>(&options(), STATE, "QXZJKV")
    };
    let says = |status: &str| json!({"sid": STATE, "status": status, "valid": true}).to_string();
    assert_eq!(verdict(200, &says("pending")).unwrap(), Verdict::Wrong);
    for over in ["canceled", "max_attempts_reached", "deleted", "failed", "expired"] {
        assert_eq!(verdict(200, &says(over)).unwrap(), Verdict::Expired, "{over}");
    }
    assert_eq!(verdict(404, r#"{"code":20404}"#).unwrap(), Verdict::Expired);
    assert_eq!(verdict(429, r#"{"code":60202}"#).unwrap(), Verdict::Expired);
    for (status, body) in
        [(200, says("Approved")), (200, "{}".to_owned()), (200, "<html>".to_owned()), (204, String::new())]
    {
        assert_eq!(failure_name(&verdict(status, &body).unwrap_err()), "outcome-unknown", "{body}");
    }
    assert_eq!(failure_name(&verdict(302, &says("approved")).unwrap_err()), "misconfigured");
    assert_eq!(failure_name(&verdict(500, &says("approved")).unwrap_err()), "outcome-unknown");
}

#[test]
fn each_error_code_means_the_right_failure() {
    let rows: &[(&[u32], &str)] = &[
        (&[20003, 20403, 20404, 60204, 60213, 60220, 60223, 21608], "misconfigured"),
        (&[60033, 60205, 21211, 21614, 60200], "rejected"),
        (&[20429, 60202, 60203, 60207, 60209, 60212], "retry-later"),
        (&[60410, 60605], "blocked"),
    ];
    for (codes, expected) in rows {
        for code in *codes {
            let _upstream = Upstream::new().responds(400, &[], &json!({"code": code, "status": 400}).to_string());
            let failure = begin::<TwilioVerify>(&options(), &message("+41791234567")).unwrap_err();
            assert_eq!(failure_name(&failure), *expected, "{code}");
        }
    }
    let _upstream = Upstream::new().responds(429, &[], r#"{"code":60203}"#);
    match begin::<TwilioVerify>(&options(), &message("+41791234567")).unwrap_err() {
        Failure::RetryLater(retry) => assert_eq!(retry.after_seconds, Some(600)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_that_may_have_been_sent_has_an_unknown_outcome() {
    type Script = fn(Upstream) -> Upstream;
    let scripts: [Script; 3] = [
        |upstream| upstream.responds(500, &[], ""),
        |upstream| upstream.responds(201, &[], "<html>"),
        |upstream| upstream.fails(HttpError::OutcomeUnknown("time-out".to_owned())),
    ];
    for script in scripts {
        let upstream = script(Upstream::new());
        let failure = begin::<TwilioVerify>(&options(), &message("+41791234567")).unwrap_err();
        assert_eq!((failure_name(&failure), upstream.requests().len()), ("outcome-unknown", 1));
    }
}

#[test]
fn a_language_is_named_where_twilio_has_it() {
    for (ours, twilios) in [("de-CH", Some("de")), ("en-GB", Some("en-GB")), ("pt-BR", Some("pt-BR")), ("rm", None)] {
        assert_eq!(locale(ours), twilios);
    }
}

#[test]
fn options_that_twilio_would_refuse_are_named() {
    assert_eq!(describe::<TwilioVerify>().type_id, "twilio-verify");
    for (name, value) in [
        ("TwilioAccountSid", json!("AC1")),
        ("TwilioVerifyServiceSid", json!("MG0123456789abcdef0123456789abcdef")),
        ("TwilioVerifyCodeLength", json!(3)),
        ("TwilioApiKeySid", json!(SERVICE)),
    ] {
        let mut options = options();
        options["TwilioAuthToken"] = "token".into();
        options[name] = value;
        assert_eq!(configure::<TwilioVerify>(&options).unwrap_err()[0].pointer, format!("/{name}"));
    }
}

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::{self, Upstream, configure, deliver, message};
use twofactor_provider::{Failure, RejectedPart};

use super::ECall;

fn options() -> Value {
    json!({"ECallAccountName": "account", "ECallAccountFromNumber": "Example"})
}

fn class(failure: &Failure) -> &'static str {
    match failure {
        Failure::Rejected(rejection) if rejection.part == RejectedPart::Recipient => "recipient",
        Failure::Rejected(_) => "message",
        other => testing::failure_name(other),
    }
}

fn outcome(status: u16, body: &Value) -> &'static str {
    let _upstream = Upstream::new().responds(status, &[], &body.to_string());
    class(&deliver::<ECall>(&options(), &message("+41791234567")).unwrap_err())
}

#[test]
fn a_message_is_posted_as_ecall_documents_it() {
    let upstream = Upstream::new().responds(201, &[], r#"{"messageId":"4711"}"#);
    let receipt = deliver::<ECall>(&options(), &message("+41791234567")).unwrap();
    assert_eq!(receipt.reference, "4711");
    let request = &upstream.requests()[0];
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://rest.ecall.ch/api/message"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({"channel": "Sms", "from": "Example", "to": "+41791234567",
            "content": {"type": "Text", "text": "012345 is your code.", "options": {"pageLimit": 3}}})
    );
}

#[test]
fn a_message_id_may_be_a_number() {
    let _upstream = Upstream::new().responds(201, &[], r#"{"messageId":4711}"#);
    assert_eq!(deliver::<ECall>(&options(), &message("+41791234567")).unwrap().reference, "4711");
}

#[test]
fn each_parameter_error_means_the_right_failure() {
    for (parameter, expected) in
        [("To", "recipient"), ("From", "misconfigured"), ("Content.Text", "message"), ("Channel", "message")]
    {
        let body = json!({"errorCode": "InvalidContent", "errorMessage": "m",
            "errorDetails": {"errors": [{"parameter": parameter, "messages": ["x"]}]}});
        assert_eq!(outcome(400, &body), expected, "{parameter}");
    }
}

#[test]
fn each_older_result_code_means_the_right_failure() {
    let rows: &[(&[u32], &str)] = &[
        (&[11001, 11300, 11301, 11303, 11400, 11401, 11402, 11800], "misconfigured"),
        (&[11100, 11102, 11105], "recipient"),
        (&[11200, 11201, 11204], "message"),
        (&[11403], "retry-later"),
    ];
    for (codes, expected) in rows {
        for code in *codes {
            assert_eq!(outcome(400, &json!({"errorCode": code})), *expected, "{code}");
            assert_eq!(outcome(400, &json!({"errorCode": code.to_string()})), *expected, "{code} as text");
            assert_eq!(outcome(200, &json!({"errorCode": code})), *expected, "{code} with status 200");
        }
    }
}

#[test]
fn a_status_without_a_body_means_the_right_failure() {
    for (status, expected) in [
        (401, "misconfigured"),
        (403, "misconfigured"),
        (404, "misconfigured"),
        (429, "retry-later"),
        (400, "message"),
        (500, "outcome-unknown"),
        (503, "outcome-unknown"),
        (200, "outcome-unknown"),
        (302, "misconfigured"),
    ] {
        assert_eq!(outcome(status, &json!("?")), expected, "{status}");
    }
}

#[test]
fn the_sender_must_fit() {
    for (from, fits) in [
        ("Example", true),
        ("+41791234567", true),
        ("0041791234567890", true),
        ("Twelve chars", false),
        ("Zürich", false),
    ] {
        let options = json!({"ECallAccountName": "a", "ECallAccountPassword": "p", "ECallAccountFromNumber": from});
        assert_eq!(configure::<ECall>(&options).is_ok(), fits, "{from}");
    }
}

#[test]
fn the_older_codes_of_success_are_success_only_with_a_good_status() {
    for code in [0, 11912] {
        let body = json!({"errorCode": code});
        let _upstream = Upstream::new().responds(200, &[], &body.to_string());
        assert!(deliver::<ECall>(&options(), &message("+41791234567")).is_ok(), "{code}");
        assert_eq!(outcome(400, &body), "message", "{code}");
    }
}

#[test]
fn a_reason_repeats_nothing_of_a_malformed_error_code() {
    for code in [json!({"to": "+41791234567"}), json!("to +41791234567"), json!("ann@example.org")] {
        let body = json!({"errorCode": code}).to_string();
        let _upstream = Upstream::new().responds(400, &[], &body);
        let failure = deliver::<ECall>(&options(), &message("+41791234567")).unwrap_err();
        let said = format!("{failure:?}");
        assert!(!said.contains("41791234567") && !said.contains("ann"), "{said}");
    }
}

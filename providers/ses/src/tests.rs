#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::{HttpError, Upstream, configure, deliver, failure_name, message};
use twofactor_provider::{Failure, Message};

use super::{Ses, address};

fn options() -> Value {
    json!({"SesRegion": "eu-central-1", "SesAccessKeyId": "AKIDEXAMPLE0000A", "SesSenderAddress": "codes@example.com"})
}

fn with(more: &Value) -> Value {
    let mut options = options();
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    options
}

fn outcome(status: u16, headers: &[(&str, &str)], body: &str) -> Failure {
    let _upstream = Upstream::new().responds(status, headers, body);
    deliver::<Ses>(&options(), &message("ann@example.org")).unwrap_err()
}

#[test]
fn an_email_is_posted_as_amazon_documents_it() {
    let upstream = Upstream::new().responds(200, &[], r#"{"MessageId":"m-1"}"#);
    let options = with(&json!({"SesSenderName": "Shop", "SesConfigurationSet": "codes"}));
    assert_eq!(deliver::<Ses>(&options, &message("ann@example.org")).unwrap().reference, "m-1");
    let request = &upstream.requests()[0];
    let url = "https://email.eu-central-1.amazonaws.com/v2/email/outbound-emails";
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", url));
    let utf_8 = |text: &str| json!({"Data": text, "Charset": "UTF-8"});
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({
            "FromEmailAddress": "\"Shop\" <codes@example.com>",
            "Destination": {"ToAddresses": ["ann@example.org"]},
            "Content": {"Simple": {
                "Subject": utf_8("Your code"),
                "Body": {"Text": utf_8("012345 is your code."), "Html": utf_8("<p>012345</p>")},
            }},
            "ConfigurationSetName": "codes",
        })
    );
}

#[test]
fn an_email_without_html_has_none() {
    let upstream = Upstream::new().responds(200, &[], r#"{"MessageId":"m-1"}"#);
    deliver::<Ses>(&options(), &Message { html: None, ..message("ann@example.org") }).unwrap();
    let body: Value = serde_json::from_slice(&upstream.requests()[0].body).unwrap();
    assert!(body["Content"]["Simple"]["Body"].get("Html").is_none() && body.get("ConfigurationSetName").is_none());
    assert_eq!(body["FromEmailAddress"], "codes@example.com");
}

#[test]
fn a_name_is_quoted_or_becomes_encoded_words() {
    for (name, expected) in [
        (None, "a@b.ch"),
        (Some(" "), "a@b.ch"),
        (Some("Shop, Inc."), "\"Shop, Inc.\" <a@b.ch>"),
        (Some("a \"b\" \\c"), "\"a \\\"b\\\" \\\\c\" <a@b.ch>"),
        (Some("x\" <evil@example.com>"), "\"x\\\" <evil@example.com>\" <a@b.ch>"),
        (Some("Zürich 1"), "=?UTF-8?Q?Z=C3=BCrich=201?= <a@b.ch>"),
        (Some("=?é"), "=?UTF-8?Q?=3D=3F=C3=A9?= <a@b.ch>"),
    ] {
        assert_eq!(address::mailbox(name, "a@b.ch"), expected);
    }
    let long = address::mailbox(Some(&"日本語".repeat(33)), "a@b.ch");
    let words: Vec<&str> = long.trim_end_matches(" <a@b.ch>").split(' ').collect();
    assert!(words.len() > 10 && words.iter().all(|word| word.len() <= 75), "{long}");
    let payloads = words.iter().map(|word| word.trim_start_matches("=?UTF-8?Q?").trim_end_matches("?="));
    let whole = payloads.clone().all(|payload| {
        let bytes = payload.split('=').skip(1).map(|hex| u8::from_str_radix(hex, 16).unwrap()).collect();
        String::from_utf8(bytes).is_ok()
    });
    assert!(whole, "{long}");
}

#[test]
fn a_domain_goes_out_in_punycode_and_a_name_beyond_ascii_is_refused_unsent() {
    let upstream = Upstream::new().responds(200, &[], r#"{"MessageId":"m-1"}"#);
    deliver::<Ses>(&options(), &message("ann@bücher.example")).unwrap();
    let body: Value = serde_json::from_slice(&upstream.requests()[0].body).unwrap();
    assert_eq!(body["Destination"]["ToAddresses"][0], "ann@xn--bcher-kva.example");

    let upstream = Upstream::new();
    let failure = deliver::<Ses>(&options(), &message("änn@example.org")).unwrap_err();
    assert!(matches!(failure, Failure::Rejected(_)) && upstream.requests().is_empty(), "{failure:?}");
}

#[test]
fn each_error_name_in_header_or_body_means_the_right_failure() {
    let rows: &[(&[&str], &str)] = &[
        (
            &[
                "AccountSuspendedException",
                "SendingPausedException",
                "MailFromDomainNotVerifiedException",
                "NotFoundException",
                "AccessDeniedException",
                "UnrecognizedClientException",
                "InvalidSignatureException",
                "SignatureDoesNotMatch",
                "InvalidClientTokenId",
                "MissingAuthenticationTokenException",
                "ExpiredTokenException",
                "IncompleteSignature",
                "RequestExpired",
                "OptInRequired",
                "NotAuthorized",
            ],
            "misconfigured",
        ),
        (&["TooManyRequestsException", "ThrottlingException", "LimitExceededException"], "retry-later"),
        (&["MessageRejected", "BadRequestException", "ValidationException", "SomethingNew"], "rejected"),
    ];
    for (names, expected) in rows {
        for name in *names {
            let header = format!("{name}:http://internal.amazon.com/coral/com.amazonaws/");
            let of_header = outcome(400, &[("x-amzn-errortype", &header)], "{}");
            assert_eq!(failure_name(&of_header), *expected, "{name}");
            let of_body = outcome(400, &[], &json!({"__type": format!("com.amazonaws#{name}")}).to_string());
            assert_eq!(failure_name(&of_body), *expected, "{name} in the body");
            assert!(format!("{of_body:?}").contains(name), "{of_body:?}");
        }
    }
}

#[test]
fn a_status_without_a_body_means_the_right_failure() {
    for (status, expected) in [
        (200, "outcome-unknown"),
        (202, "outcome-unknown"),
        (302, "misconfigured"),
        (400, "rejected"),
        (403, "misconfigured"),
        (404, "misconfigured"),
        (429, "retry-later"),
        (500, "outcome-unknown"),
        (503, "outcome-unknown"),
    ] {
        assert_eq!(failure_name(&outcome(status, &[], "?")), expected, "{status}");
    }
    let _upstream = Upstream::new().fails(HttpError::OutcomeUnknown("time-out".to_owned()));
    let failure = deliver::<Ses>(&options(), &message("ann@example.org")).unwrap_err();
    assert_eq!(failure_name(&failure), "outcome-unknown");
    match outcome(429, &[("retry-after", "7"), ("x-amzn-errortype", "TooManyRequestsException")], "") {
        Failure::RetryLater(retry) => assert_eq!(retry.after_seconds, Some(7)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reason_repeats_nothing_that_is_no_name() {
    for said in ["ann@example.org", "to ann", ""] {
        let failure = outcome(400, &[("x-amzn-errortype", said)], &json!({"__type": said}).to_string());
        assert!(!format!("{failure:?}").contains("ann"), "{failure:?}");
    }
}

#[test]
fn options_that_amazon_would_refuse_are_named() {
    for (name, value) in [
        ("SesRegion", "eu-central-1.example.com/"),
        ("SesRegion", "frankfurt"),
        ("SesRegion", "eu--1"),
        ("SesAccessKeyId", "AKID"),
        ("SesAccessKeyId", "AKIDEXAMPLE00/../"),
        ("SesSenderAddress", "codes"),
        ("SesSenderAddress", "codes@example"),
        ("SesSenderAddress", "a>, <b@example.com"),
        ("SesSenderAddress", "codes@bücher.example"),
        ("SesSenderAddress", "a..b@example.com"),
        ("SesSenderAddress", "codes@-example.com"),
        ("SesSenderAddress", "codes@example-.com"),
        ("SesSenderAddress", "codes@192.0.2.1"),
        ("SesSenderAddress", "@example.com"),
        ("SesSenderAddress", "a12345678901234567890123456789012345678901234567890123456789012345@example.com"),
        ("SesSenderName", "a\r\nBcc: x@example.com"),
        ("SesConfigurationSet", "a b"),
    ] {
        let options = with(&json!({"SesSecretAccessKey": "s", name: value}));
        let problems = configure::<Ses>(&options).unwrap_err();
        assert_eq!((problems.len(), &*problems[0].pointer), (1, &*format!("/{name}")), "{value}");
    }
}

#[test]
fn the_key_is_for_ses_in_its_region() {
    let connections =
        configure::<Ses>(&with(&json!({"SesSecretAccessKey": "s", "SesRegion": "us-gov-west-1"}))).unwrap();
    let shown = format!("{connections:?}");
    assert!(
        shown.contains("\"https://email.us-gov-west-1.amazonaws.com\"") && shown.contains("AwsSignature"),
        "{shown}"
    );
}

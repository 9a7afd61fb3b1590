#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::Failure;
use twofactor_provider::testing::{HttpError, Upstream, configure, deliver, failure_name, message};

use super::Webhook;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn options() -> Value {
    json!({"WebhookUrl": "https://gateway.example.com/codes?from=us"})
}

#[test]
fn a_message_is_posted_with_its_id_in_the_body_and_in_a_header() {
    let upstream = Upstream::new().responds(204, &[], "");
    deliver::<Webhook>(&options(), &message("+41791234567")).unwrap();
    let request = &upstream.requests()[0];
    let url = "https://gateway.example.com/codes?from=us";
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", url));
    let header = |name: &str| request.headers.iter().find(|header| header.name == name).unwrap().value.clone();
    assert_eq!(header("webhook-id"), "0123456789abcdef");
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({"id": "0123456789abcdef", "to": "+41791234567", "text": "012345 is your code.", "valid_seconds": 300,
            "locale": "en", "purpose": "sign-in"})
    );
}

#[test]
fn each_status_means_the_right_failure() {
    let later = [("retry-after", "9")];
    for (status, headers, expected) in [
        (400, &[][..], "rejected"),
        (413, &[], "rejected"),
        (422, &[], "rejected"),
        (401, &[], "misconfigured"),
        (403, &[], "misconfigured"),
        (404, &[], "misconfigured"),
        (405, &[], "misconfigured"),
        (410, &[], "misconfigured"),
        (415, &[], "misconfigured"),
        (302, &[], "misconfigured"),
        (408, &[], "outcome-unknown"),
        (421, &[], "retry-later"),
        (425, &[], "retry-later"),
        (429, &[], "retry-later"),
        (429, &later, "retry-later"),
        (503, &later, "retry-later"),
        (503, &[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")], "retry-later"),
        (503, &[], "outcome-unknown"),
        (500, &later, "outcome-unknown"),
        (502, &later, "outcome-unknown"),
        (504, &[], "outcome-unknown"),
    ] {
        let _upstream = Upstream::new().responds(status, headers, "{}");
        let failure = deliver::<Webhook>(&options(), &message("+41791234567")).unwrap_err();
        assert_eq!(failure_name(&failure), expected, "{status} {headers:?}");
        if let Failure::RetryLater(retry) = &failure {
            assert_eq!(retry.after_seconds, (headers == later).then_some(9), "{status}");
        }
    }
    for status in [200, 201, 202, 204] {
        let _upstream = Upstream::new().responds(status, &[], "whatever");
        assert!(deliver::<Webhook>(&options(), &message("+41791234567")).is_ok(), "{status}");
    }
    let _upstream = Upstream::new().fails(HttpError::OutcomeUnknown("time-out".to_owned()));
    let failure = deliver::<Webhook>(&options(), &message("+41791234567")).unwrap_err();
    assert_eq!(failure_name(&failure), "outcome-unknown");
}

#[test]
fn a_url_that_is_not_plain_is_named() {
    for (url, origin) in [
        ("https://gateway.example.com", Some("https://gateway.example.com")),
        ("https://gateway.example.com:8443/a?b=c", Some("https://gateway.example.com:8443")),
        ("http://gateway.example.com/", None),
        ("https://GATEWAY.example.com/", None),
        ("https://gateway/", None),
        ("https://gateway.example.com:443/", None),
        ("https://gateway.example.com:0/", None),
        ("https://gateway.example.com:x/", None),
        ("https://u:p@gateway.example.com/", None),
        ("https://example.com@127.0.0.1/", None),
        ("https://[::1]/", None),
        ("https://gateway.example.com/#a", None),
        ("https://gateway.example.com\\a", None),
        ("https://gateway.example.com/ü", None),
        ("https://gateway.example.com/a b", None),
        ("", None),
    ] {
        let result = configure::<Webhook>(&json!({"WebhookUrl": url, "WebhookSecret": SECRET}));
        match (result, origin) {
            (Ok(connections), Some(origin)) => {
                assert!(format!("{connections:?}").contains(&format!("\"{origin}\"")), "{url}")
            }
            (Err(problems), None) => assert_eq!(problems[0].pointer, "/WebhookUrl", "{url}"),
            (result, _) => panic!("{url}: {result:?}"),
        }
    }
}

#[test]
fn a_secret_in_a_wrong_format_is_named_and_not_repeated() {
    let of = |bytes: usize| format!("whsec_{}", "QUJD".repeat(bytes / 3));
    for (secret, fits) in [
        (SECRET.to_owned(), true),
        (of(24), true),
        (of(63), true),
        (format!("{}QQ==", of(63)), true),
        (format!("{}QUI=", of(63)), false),
        (of(21), false),
        (format!("{}QUI=", of(21)), false),
        (format!("{}=", of(24)), false),
        (of(24).replace("whsec_", ""), false),
        (of(24).replacen("QUJD", "QU-D", 1), false),
        ("whsec_".to_owned(), false),
    ] {
        let result =
            configure::<Webhook>(&json!({"WebhookUrl": "https://gateway.example.com", "WebhookSecret": secret}));
        assert_eq!(result.is_ok(), fits, "{secret}");
        if let Err(problems) = result {
            assert_eq!(problems[0].pointer, "/WebhookSecret");
            assert!(!problems[0].message.contains("QUJD"));
        }
    }
}

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::{Upstream, configure, deliver, failure_name, message};
use twofactor_provider::{DeliveryStatus, Entry, ReportRequest, Reports};

use super::{Options, Telnyx};

fn options() -> Value {
    json!({"TelnyxFrom": "+15005550006"})
}

#[test]
fn a_message_is_posted_as_telnyx_documents_it() {
    let upstream = Upstream::new().responds(
        200,
        &[],
        r#"{"data":{"record_type":"message","id":"b0c7e8cb","parts":1,"cost":{"amount":"0.0051","currency":"USD"},
            "to":[{"phone_number":"+41791234567","status":"queued"}],"errors":[]}}"#,
    );
    let mut message = message("+41791234567");
    message.extra = vec![Entry { name: "report-url".to_owned(), value: "https://us.example.com/r/1".to_owned() }];
    let receipt = deliver::<Telnyx>(&options(), &message).unwrap();
    let price = receipt.price.unwrap();
    assert_eq!((&*receipt.reference, receipt.segments, &*price.amount), ("b0c7e8cb", Some(1), "0.0051"));
    let request = &upstream.requests()[0];
    assert_eq!((&*request.method, &*request.url), ("POST", "https://api.telnyx.com/v2/messages"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({"from": "+15005550006", "to": "+41791234567", "text": "012345 is your code.", "type": "SMS",
            "webhook_url": "https://us.example.com/r/1"})
    );
}

#[test]
fn each_code_has_its_class() {
    let rows: &[(&[u32], &str, &str)] = &[
        (&[10009, 10010, 20100, 40305, 40306, 40010, 40312, 40313, 40321, 40333], "", "misconfigured"),
        (&[10002, 10016], "/from", "misconfigured"),
        (&[10002, 10016, 40310, 40300, 40001], "/to", "rejected"),
        (&[40322, 40302, 10015], "", "rejected"),
        (&[10011, 40318, 40320], "", "retry-later"),
    ];
    for (codes, pointer, expected) in rows {
        for code in *codes {
            let error = json!({"code": code.to_string(), "title": "t", "source": {"pointer": pointer}});
            let _upstream = Upstream::new().responds(400, &[], &json!({"errors": [error]}).to_string());
            let failure = deliver::<Telnyx>(&options(), &message("+41791234567")).unwrap_err();
            assert_eq!(failure_name(&failure), *expected, "{code}");
        }
    }
    for (status, expected) in [
        (401, "misconfigured"),
        (422, "rejected"),
        (429, "retry-later"),
        (500, "outcome-unknown"),
        (200, "outcome-unknown"),
    ] {
        let _upstream = Upstream::new().responds(status, &[], r#"{"errors":[]}"#);
        let failure = deliver::<Telnyx>(&options(), &message("+41791234567")).unwrap_err();
        assert_eq!(failure_name(&failure), expected, "{status}");
    }
}

#[test]
fn a_name_as_sender_needs_a_profile() {
    let profile = "40017f1b-0a1b-4c2d-8e3f-000000000000";
    for (from, profile, is_valid) in [
        ("+15005550006", None, true),
        ("12345", None, true),
        ("Shop", None, false),
        ("Shop", Some(profile), true),
        ("A very long name", Some(profile), false),
    ] {
        let mut options = json!({"TelnyxFrom": from, "TelnyxApiKey": "KEY1"});
        if let Some(profile) = profile {
            options["TelnyxMessagingProfileId"] = profile.into();
        }
        assert_eq!(configure::<Telnyx>(&options).is_ok(), is_valid, "{from}");
    }
}

#[test]
fn reports_need_the_public_key_and_are_parsed() {
    let of = |more: &str| serde_json::from_str::<Options>(&format!(r#"{{"TelnyxFrom":"1"{more}}}"#)).unwrap();
    assert!(Telnyx::report_proof(&of("")).is_none());
    let options = of(r#","TelnyxPublicKey":"e+0m2k9mhJQbp8yC3sVQb3o2lC0mXb1u5sU0n8dJf0s=""#);
    assert!(Telnyx::report_proof(&options).is_some());
    let parse = |kind: &str, status: &str| {
        let body = json!({"data": {"event_type": kind, "payload": {"to": [{"status": status}],
            "errors": [{"code": "40008"}], "cost": {"amount": "0.0051", "currency": "USD"}}}});
        let body = body.to_string().into_bytes();
        let request =
            ReportRequest { method: "POST".to_owned(), query: String::new(), content_type: String::new(), body };
        Telnyx::parse_report(&options, &request)
    };
    assert!(matches!(parse("message.finalized", "delivered").unwrap().status, DeliveryStatus::Delivered));
    let failed = parse("message.finalized", "delivery_failed").unwrap();
    assert_eq!((failed.code.as_str(), failed.price.unwrap().amount.as_str()), ("40008", "0.0051"));
    assert!(matches!(parse("message.sent", "sent").unwrap().status, DeliveryStatus::Pending));
    assert!(parse("message.received", "delivered").is_none());
}

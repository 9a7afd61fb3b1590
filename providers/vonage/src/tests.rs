#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::{Upstream, configure, deliver, failure_name, message};
use twofactor_provider::{DeliveryStatus, Entry, ReportRequest, Reports};

use super::{Options, Vonage};

const APPLICATION: &str = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab";

fn options() -> Value {
    json!({"VonageFrom": "Shop", "VonageApiKey": "a1b2c3d4"})
}

#[test]
fn a_message_is_posted_as_vonage_documents_it() {
    let upstream = Upstream::new().responds(202, &[], r#"{"message_uuid":"aaaaaaaa-bbbb-cccc"}"#);
    let mut message = message("+41791234567");
    message.extra = vec![Entry { name: "report-url".to_owned(), value: "https://us.example.com/r/1".to_owned() }];
    let receipt = deliver::<Vonage>(&options(), &message).unwrap();
    assert_eq!(receipt.reference, "aaaaaaaa-bbbb-cccc");
    let request = &upstream.requests()[0];
    assert_eq!((&*request.method, &*request.url), ("POST", "https://api.nexmo.com/v1/messages"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({"channel": "sms", "message_type": "text", "to": "41791234567", "from": "Shop",
            "text": "012345 is your code.", "webhook_url": "https://us.example.com/r/1", "webhook_version": "v1"})
    );
}

#[test]
fn a_country_with_a_sender_of_its_own_gets_it() {
    let mut options = options();
    options["VonageFromByCountry"] = json!({"US": "15005550006"});
    for (country, sender) in [("US", "15005550006"), ("CH", "Shop")] {
        let upstream = Upstream::new().responds(202, &[], r#"{"message_uuid":"aaaaaaaa-bbbb-cccc"}"#);
        let mut message = message("+15005550123");
        message.extra = vec![Entry { name: "recipient-country".to_owned(), value: country.to_owned() }];
        deliver::<Vonage>(&options, &message).unwrap();
        let body: Value = serde_json::from_slice(&upstream.requests()[0].body).unwrap();
        assert_eq!(body["from"], sender);
    }
}

#[test]
fn an_application_needs_its_key_and_an_api_key_its_secret() {
    for (more, pointer) in [
        (json!({"VonageApplicationId": APPLICATION, "VonagePrivateKey": "PEM"}), None),
        (json!({"VonageApiKey": "a1b2c3d4", "VonageApiSecret": "s3cret"}), None),
        (json!({"VonageApplicationId": APPLICATION}), Some("/VonagePrivateKey")),
        (json!({"VonageApiKey": "a1b2c3d4"}), Some("/VonageApiSecret")),
        (json!({}), Some("")),
    ] {
        let mut options = json!({"VonageFrom": "Shop"});
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let problem = configure::<Vonage>(&options).err().map(|problems| problems[0].pointer.clone());
        assert_eq!(problem.as_deref(), pointer, "{more}");
    }
}

#[test]
fn each_error_has_its_class() {
    let problem = |code: &str| json!({"type": format!("https://developer.vonage.com/api-errors/messages#{code}")});
    let invalid = |name: &str| json!({"type": "https://developer.vonage.com/api-errors/messages#1150", "invalid_parameters": [{"name": name}]});
    for (status, body, expected) in [
        (401, json!({"type": "https://developer.vonage.com/api-errors#unauthorized"}), "misconfigured"),
        (402, problem("1070"), "misconfigured"),
        (403, problem("forbidden"), "misconfigured"),
        (422, problem("1120"), "misconfigured"),
        (422, invalid("from"), "misconfigured"),
        (422, invalid("to"), "rejected"),
        (422, invalid("text"), "rejected"),
        (422, problem("1040"), "rejected"),
        (429, problem("1000"), "retry-later"),
        (500, problem("1030"), "outcome-unknown"),
        (202, json!({}), "outcome-unknown"),
    ] {
        let _upstream = Upstream::new().responds(status, &[], &body.to_string());
        let failure = deliver::<Vonage>(&options(), &message("+41791234567")).unwrap_err();
        assert_eq!(failure_name(&failure), expected, "{status} {body}");
    }
}

#[test]
fn reports_need_the_signature_secret_and_are_parsed() {
    let of = |options: Value| serde_json::from_value::<Options>(options).unwrap();
    assert!(Vonage::report_proof(&of(options())).is_none());
    let options = of(json!({"VonageFrom": "Shop", "VonageSignatureSecret": "s3cret"}));
    assert!(Vonage::report_proof(&options).is_some());
    let parse = |body: Value| {
        let body = body.to_string().into_bytes();
        let request =
            ReportRequest { method: "POST".to_owned(), query: String::new(), content_type: String::new(), body };
        Vonage::parse_report(&options, &request)
    };
    let delivered = parse(json!({"status": "delivered", "usage": {"currency": "EUR", "price": "0.0333"}})).unwrap();
    assert!(matches!(delivered.status, DeliveryStatus::Delivered));
    assert_eq!(delivered.price.unwrap().amount, "0.0333");
    let error = json!({"type": "https://developer.vonage.com/api-errors/messages#1260", "title": "t"});
    let failed = parse(json!({"status": "undeliverable", "error": error})).unwrap();
    assert!(matches!(failed.status, DeliveryStatus::Failed) && failed.code == "1260");
    assert!(parse(json!({"text": "hello"})).is_none());
}

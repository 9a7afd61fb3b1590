#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::{Upstream, configure, deliver, failure_name, message};
use twofactor_provider::{DeliveryStatus, Entry, ReportRequest, Reports};

use super::{Infobip, Options};

fn options() -> Value {
    json!({"InfobipBaseUrl": "xyz.api.infobip.com", "InfobipSender": "Shop"})
}

fn status(group: u32, name: &str) -> String {
    json!({"messages": [{"messageId": "m1", "status": {"groupId": group, "name": name}}]}).to_string()
}

#[test]
fn a_message_is_posted_as_infobip_documents_it() {
    let upstream = Upstream::new().responds(
        200,
        &[],
        r#"{"messages":[{"messageId":"2250be2d","status":{"groupId":1,"groupName":"PENDING","id":26,
            "name":"PENDING_ACCEPTED"},"destination":"41791234567","details":{"messageCount":2}}]}"#,
    );
    let mut message = message("+41791234567");
    message.extra = vec![Entry { name: "report-url".to_owned(), value: "https://us.example.com/r/1".to_owned() }];
    let receipt = deliver::<Infobip>(&options(), &message).unwrap();
    assert_eq!((&*receipt.reference, receipt.segments), ("2250be2d", Some(2)));
    let request = &upstream.requests()[0];
    assert_eq!(request.url, "https://xyz.api.infobip.com/sms/3/messages");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({"messages": [{"sender": "Shop", "destinations": [{"to": "41791234567"}],
            "content": {"text": "012345 is your code."},
            "options": {"validityPeriod": {"amount": 300, "timeUnit": "SECONDS"}},
            "webhooks": {"delivery": {"url": "https://us.example.com/r/1"}, "contentType": "application/json"}}]})
    );
}

#[test]
fn a_refusal_inside_a_200_has_its_class() {
    for (group, name, expected) in [
        (1, "PENDING_ACCEPTED", "delivered"),
        (3, "DELIVERED_TO_HANDSET", "delivered"),
        (2, "UNDELIVERABLE_NOT_DELIVERED", "rejected"),
        (4, "EXPIRED_EXPIRED", "retry-later"),
        (5, "REJECTED_PREFIX_MISSING", "rejected"),
        (5, "REJECTED_SENDER", "misconfigured"),
        (5, "REJECTED_NOT_ENOUGH_CREDITS", "misconfigured"),
        (5, "REJECTED_NETWORK", "misconfigured"),
        (5, "REJECTED_FLOODING_FILTER", "retry-later"),
        (5, "REJECTED_OTHERWISE", "rejected"),
        (9, "SOMETHING_NEW", "outcome-unknown"),
    ] {
        let _upstream = Upstream::new().responds(200, &[], &status(group, name));
        let outcome = deliver::<Infobip>(&options(), &message("+41791234567"));
        assert_eq!(outcome.as_ref().map_or_else(failure_name, |_| "delivered"), expected, "{name}");
    }
}

#[test]
fn a_status_has_its_class() {
    let violation = |property: &str| json!({"errorCode": "E400", "violations": [{"property": property}]}).to_string();
    for (status, body, expected) in [
        (400, violation("messages[0].destinations[0].to"), "rejected"),
        (400, violation("messages[0].sender"), "misconfigured"),
        (400, violation("messages[0].content.text"), "rejected"),
        (401, r#"{"errorCode":"E401"}"#.to_owned(), "misconfigured"),
        (403, "{}".to_owned(), "misconfigured"),
        (429, "{}".to_owned(), "retry-later"),
        (500, "{}".to_owned(), "outcome-unknown"),
        (200, r#"{"messages":[]}"#.to_owned(), "outcome-unknown"),
    ] {
        let _upstream = Upstream::new().responds(status, &[], &body);
        let failure = deliver::<Infobip>(&options(), &message("+41791234567")).unwrap_err();
        assert_eq!(failure_name(&failure), expected, "{status} {body}");
    }
}

#[test]
fn only_a_base_url_of_infobip_is_accepted() {
    for (url, is_valid) in [
        ("xyz.api.infobip.com", true),
        ("https://xyz.api.infobip.com/", true),
        ("api.infobip.com", true),
        ("evil.example.com", false),
        ("evil.example.com/.api.infobip.com", false),
        ("a.b.api.infobip.com", false),
        (".api.infobip.com", false),
    ] {
        let options = json!({"InfobipBaseUrl": url, "InfobipSender": "Shop", "InfobipApiKey": "k3y"});
        assert_eq!(configure::<Infobip>(&options).is_ok(), is_valid, "{url}");
    }
}

#[test]
fn a_report_is_parsed_with_its_price() {
    let parse = |result: Value| {
        let body = json!({"results": [result]}).to_string().into_bytes();
        let request = ReportRequest {
            method: "POST".to_owned(),
            query: String::new(),
            content_type: "application/json".to_owned(),
            body,
        };
        let options: Options = serde_json::from_value(options()).unwrap();
        Infobip::parse_report(&options, &request)
    };
    let delivered = parse(json!({"messageId": "m1", "to": "41791234567", "messageCount": 1,
        "price": {"pricePerMessage": 0.0425, "currency": "EUR"}, "status": {"groupId": 3, "name": "DELIVERED_TO_HANDSET"}}));
    let delivered = delivered.unwrap();
    assert!(matches!(delivered.status, DeliveryStatus::Delivered));
    let price = delivered.price.unwrap();
    assert_eq!((&*price.amount, &*price.currency), ("0.0425", "EUR"));
    let failed = parse(json!({"status": {"groupId": 2, "name": "UNDELIVERABLE_NOT_DELIVERED"}})).unwrap();
    assert!(matches!(failed.status, DeliveryStatus::Failed));
    assert_eq!(failed.code, "UNDELIVERABLE_NOT_DELIVERED");
    assert!(parse(json!({"status": "no"})).is_none());
}

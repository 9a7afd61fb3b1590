#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::{Upstream, configure, deliver, failure_name, message};

use super::SendGrid;

fn options() -> Value {
    json!({"SendGridSenderAddress": "codes@example.com"})
}

#[test]
fn an_email_is_posted_as_sendgrid_documents_it() {
    let upstream = Upstream::new().responds(202, &[("x-message-id", "14c5d75ce93")], "");
    let receipt = deliver::<SendGrid>(&options(), &message("alice@example.org")).unwrap();
    assert_eq!(receipt.reference, "14c5d75ce93");
    let request = &upstream.requests()[0];
    assert_eq!((&*request.method, &*request.url), ("POST", "https://api.sendgrid.com/v3/mail/send"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({"personalizations": [{"to": [{"email": "alice@example.org"}]}], "from": {"email": "codes@example.com"},
            "subject": "Your code", "content": [{"type": "text/plain", "value": "012345 is your code."},
                {"type": "text/html", "value": "<p>012345</p>"}],
            "tracking_settings": {"click_tracking": {"enable": false, "enable_text": false},
                "open_tracking": {"enable": false}}})
    );
}

#[test]
fn the_region_and_the_name_are_used() {
    let upstream = Upstream::new().responds(202, &[], "");
    let options = json!({"SendGridSenderAddress": "codes@example.com", "SendGridSenderName": "Käse & Söhne",
        "SendGridRegion": "eu"});
    deliver::<SendGrid>(&options, &message("alice@example.org")).unwrap();
    let request = &upstream.requests()[0];
    assert_eq!(request.url, "https://api.eu.sendgrid.com/v3/mail/send");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["from"]["name"], "Käse & Söhne");
}

#[test]
fn each_error_has_its_class() {
    for (status, field, expected) in [
        (400, json!("personalizations.0.to.0.email"), "rejected"),
        (400, json!("from.email"), "misconfigured"),
        (400, json!("subject"), "rejected"),
        (400, json!(null), "rejected"),
        (401, json!(null), "misconfigured"),
        (403, json!("from"), "misconfigured"),
        (406, json!(null), "misconfigured"),
        (413, json!(null), "rejected"),
        (429, json!(null), "retry-later"),
        (500, json!(null), "outcome-unknown"),
        (503, json!(null), "outcome-unknown"),
        (200, json!(null), "outcome-unknown"),
    ] {
        let body = json!({"errors": [{"message": "m", "field": field, "help": null}]}).to_string();
        let _upstream = Upstream::new().responds(status, &[], &body);
        let failure = deliver::<SendGrid>(&options(), &message("alice@example.org")).unwrap_err();
        assert_eq!(failure_name(&failure), expected, "{status} {field}");
    }
}

#[test]
fn the_sender_must_be_an_address() {
    for (address, is_valid) in [("codes@example.com", true), ("codes", false), ("@example.com", false)] {
        let options = json!({"SendGridSenderAddress": address, "SendGridApiKey": "SG.k3y"});
        assert_eq!(configure::<SendGrid>(&options).is_ok(), is_valid, "{address}");
    }
}

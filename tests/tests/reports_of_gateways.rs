//! Delivery reports of the bundled gateways, made as their vendors document them, are counted if they are signed as the guide says.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use twofactor_tests::delivery_reports::{Headers, Report, Reported, hs256, sha256};
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::{infobip, telnyx, vonage};

/// The secret that Vonage signs with, and the seed of the key that Telnyx signs with.
const KEY: &str = "signature-secret-of-the-account";

/// Signs a body with a key at a time.
type Sign = fn(&str, &str, i64) -> Headers;

/// The claims of Vonage's tokens: developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks.
fn claims_of_vonage(body: &str, at: i64) -> Value {
    json!({"iat": at, "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5", "iss": "Vonage", "payload_hash": sha256(body),
        "api_key": vonage::API_KEY, "application_id": vonage::APPLICATION})
}

fn bearer(token: &str) -> Headers {
    vec![("authorization", format!("Bearer {token}"))]
}

fn signed_by_vonage(key: &str, body: &str, at: i64) -> Headers {
    bearer(&hs256(key, &claims_of_vonage(body, at)))
}

/// Returns a key pair of Ed25519 (RFC 8032) whose seed is the hash of a text.
fn key_pair(key: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(digest(&SHA256, key.as_bytes()).as_ref()).unwrap()
}

/// developers.telnyx.com/docs/messaging/messages/receiving-webhooks
fn signed_by_telnyx(key: &str, body: &str, at: i64) -> Headers {
    let signature = STANDARD.encode(key_pair(key).sign(format!("{at}|{body}").as_bytes()));
    vec![("telnyx-signature-ed25519", signature), ("telnyx-timestamp", at.to_string())]
}

fn report_of_vonage(status: &str) -> String {
    let mut report = json!({"message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab", "to": "41791234567",
        "from": vonage::FROM, "timestamp": "2026-11-24T12:00:01Z", "status": status, "channel": "sms",
        "usage": {"currency": "EUR", "price": "0.0333"}});
    if status == "undeliverable" {
        report["error"] = json!({"type": "https://developer.vonage.com/api-errors/messages#1260", "title": "1260",
            "detail": "Destination unreachable", "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf"});
    }
    report.to_string()
}

fn report_of_telnyx(status: &str) -> String {
    let (kind, errors) = match status {
        "sent" => ("message.sent", json!([])),
        "delivery_failed" => ("message.finalized", json!([{"code": "40008", "title": "Undeliverable", "detail": "d"}])),
        _ => ("message.finalized", json!([])),
    };
    let payload = json!({"id": "b0c7e8cb-6227-4c74-9f32-c7f80c30934b", "record_type": "message", "direction": "outbound",
        "from": {"phone_number": telnyx::FROM}, "to": [{"phone_number": "+41791234567", "status": status}],
        "errors": errors, "cost": {"amount": "0.0051", "currency": "USD"}, "parts": 1, "type": "SMS"});
    json!({"data": {"event_type": kind, "id": "ac012cbf-5e09-46af-a69a-7c0e2d90993c", "payload": payload,
        "occurred_at": "2026-11-24T12:00:01.000+00:00", "record_type": "event"}, "meta": {"attempt": 1}})
    .to_string()
}

/// A vendor that signs its reports.
struct Vendor {
    place: Reported,
    sign: Sign,
    /// Makes the body of a report of a status.
    report: fn(&str) -> String,
    pending: &'static str,
    failed: &'static str,
    /// The code of the failure.
    code: &'static str,
}

async fn by_vonage() -> Vendor {
    let authority = Authority::default();
    let stand_in = vonage::start(&authority).await;
    let options = json!({"VonageApiKey": vonage::API_KEY, "VonageApiSecret": vonage::API_SECRET,
        "VonageFrom": vonage::FROM, "VonageSignatureSecret": KEY});
    let component = ("vonage", twofactor_bundle::VONAGE.to_vec());
    let place = Reported::new(component, (&authority, stand_in), options, "/webhook_url").await;
    let (pending, failed, code) = ("submitted", "undeliverable", "1260");
    Vendor { place, sign: signed_by_vonage, report: report_of_vonage, pending, failed, code }
}

async fn by_telnyx() -> Vendor {
    let authority = Authority::default();
    let stand_in = telnyx::start(&authority).await;
    let public_key = STANDARD.encode(key_pair(KEY).public_key());
    let options = json!({"TelnyxApiKey": telnyx::KEY, "TelnyxFrom": telnyx::FROM, "TelnyxPublicKey": public_key});
    let component = ("telnyx", twofactor_bundle::TELNYX.to_vec());
    let place = Reported::new(component, (&authority, stand_in), options, "/webhook_url").await;
    let (pending, failed, code) = ("sent", "delivery_failed", "40008");
    Vendor { place, sign: signed_by_telnyx, report: report_of_telnyx, pending, failed, code }
}

impl Vendor {
    /// Counts what is signed with the vendor's key, and refuses the same with another key, body, time or header.
    async fn holds(&self, more_wrong: Vec<(&str, Headers)>) {
        let &Self { ref place, sign, report, pending, failed, code } = self;
        let (now, delivered) = (place.now(), report("delivered"));
        let mut elsewhere = sign(KEY, &delivered, now);
        elsewhere[0].0 = "x-signature";
        let mut wrong = vec![
            ("it is not signed", Vec::new()),
            ("it is signed with another key", sign("another key", &delivered, now)),
            ("another body is signed", sign(KEY, &report(failed), now)),
            ("it is an hour old", sign(KEY, &delivered, now - 3600)),
            ("its signature is in another header", elsewhere),
        ];
        wrong.extend(more_wrong);
        let url = place.sent().await;
        for (why, headers) in wrong {
            assert!(!place.accepts(&url, &Report::post(headers, &delivered)).await, "{why}");
        }
        let signed = |status: &str| {
            let body = report(status);
            Report::post(sign(KEY, &body, now), &body)
        };
        assert!(place.accepts(&url, &signed(pending)).await);
        assert_eq!(place.counted().await, (0, Vec::new()));
        place.counts(("delivered", failed), code, |_, status| signed(status)).await;
    }
}

#[tokio::test]
async fn a_report_of_vonage_counts_if_its_token_is_signed_and_has_the_hash_of_its_body() {
    let vendor = by_vonage().await;
    let (now, body) = (vendor.place.now(), report_of_vonage("delivered"));
    let with = |name: &str, value: Value| {
        let mut claims = claims_of_vonage(&body, now);
        claims[name] = value;
        bearer(&hs256(KEY, &claims))
    };
    let token = hs256(KEY, &claims_of_vonage(&body, now));
    let (_, rest) = token.split_once('.').unwrap();
    let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let wrong = vec![
        ("its hash is missing", with("payload_hash", Value::Null)),
        ("somebody else issued it", with("iss", json!("Nexmo"))),
        ("its algorithm is none", bearer(&format!("{unsigned}.{rest}"))),
        ("its signature is missing", bearer(token.rsplit_once('.').unwrap().0)),
    ];
    vendor.holds(wrong).await;
}

#[tokio::test]
async fn a_report_of_telnyx_counts_if_its_time_and_its_body_are_signed() {
    let vendor = by_telnyx().await;
    let (now, body) = (vendor.place.now(), report_of_telnyx("delivered"));
    let mut at_another_time = signed_by_telnyx(KEY, &body, now);
    at_another_time[1].1 = (now + 1).to_string();
    let mut without_time = signed_by_telnyx(KEY, &body, now);
    without_time.truncate(1);
    vendor.holds(vec![("its time is not the signed one", at_another_time), ("it has no time", without_time)]).await;
}

#[tokio::test]
async fn a_report_of_infobip_counts_at_the_secret_url_of_its_message_alone() {
    let authority = Authority::default();
    let stand_in = infobip::start(&authority).await;
    let options =
        json!({"InfobipBaseUrl": infobip::HOST, "InfobipApiKey": infobip::KEY, "InfobipSender": infobip::SENDER});
    let component = ("infobip", twofactor_bundle::INFOBIP.to_vec());
    let place = Reported::new(component, (&authority, stand_in), options, "/messages/0/webhooks/delivery/url").await;
    let report = |_: &str, name: &str| {
        let group = if name == "DELIVERED_TO_HANDSET" { 3 } else { 2 };
        let result = json!({"bulkId": "b1", "messageId": "2250be2d4219-3af1-78856-aabe-1362af1edfd2",
            "to": "41791234567", "sentAt": "2026-11-24T12:00:00.000+0000", "doneAt": "2026-11-24T12:00:01.000+0000", "messageCount": 1,
            "price": {"pricePerMessage": 0.0425, "currency": "EUR"},
            "status": {"groupId": group, "name": name, "description": "d"}});
        Report::post(Headers::new(), &json!({"results": [result]}).to_string())
    };
    place.refuses_other_urls(&report("", "DELIVERED_TO_HANDSET")).await;
    let statuses = ("DELIVERED_TO_HANDSET", "UNDELIVERABLE_NOT_DELIVERED");
    place.counts(statuses, "UNDELIVERABLE_NOT_DELIVERED", report).await;
}

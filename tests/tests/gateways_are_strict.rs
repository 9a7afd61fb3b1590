//! The substitutes for the vendors of gateways refuse what the vendors refuse, as in `vendors_are_strict.rs`: a missing or wrong
//! credential, an unknown or missing field, a value of another type, and another path or method.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};
use twofactor_tests::vendors::asking::{Asked, holds};
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::{bird, infobip, matrix, sendgrid, sinch, telegram, telnyx, vonage, whatsapp};

#[tokio::test]
async fn vonage_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let vendor = vonage::start(&authority).await;
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("{}:{secret}", vonage::API_KEY)));
    let right = Asked::post(
        "/v1/messages",
        &basic(vonage::API_SECRET),
        json!({"channel": "sms", "message_type": "text", "to": "41791234567", "from": vonage::FROM, "text": "x",
            "webhook_url": "https://us.example.com/r", "webhook_version": "v1", "ttl": 300}),
    );
    let kind = |code: &str| json!(format!("https://developer.vonage.com/api-errors/messages#{code}"));
    let wrong = vec![
        (right.without_credential(), 401, kind("unauthorized")),
        (right.credential(&basic("other-secret")), 401, kind("unauthorized")),
        (right.credential("Bearer e30.e30.e30"), 401, kind("unauthorized")),
        (right.and("", "Text", json!("x")), 422, kind("1010")),
        (right.without("", "text"), 422, kind("1010")),
        (right.as_text(), 422, kind("1010")),
        (right.with("/text", json!(7)), 422, kind("1150")),
        (right.with("/to", json!("+41791234567")), 422, kind("1150")),
        (right.with("/to", json!(41_791_234_567_u64)), 422, kind("1150")),
        (right.with("/channel", json!("fax")), 422, kind("1150")),
        (right.with("/webhook_url", json!("http://us.example.com/r")), 422, kind("1150")),
        (right.without("", "webhook_version"), 422, kind("1150")),
        (right.with("/ttl", json!("300")), 422, kind("1150")),
        (right.with("/from", json!("Other")), 422, kind("1120")),
        (right.at("/v0.1/messages"), 404, kind("not-found")),
        (right.by(Method::PUT), 404, kind("not-found")),
    ];
    holds(&authority, &vendor, &right, "/type", wrong).await;
}

#[tokio::test]
async fn infobip_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let vendor = infobip::start(&authority).await;
    let right = Asked::post(
        "/sms/3/messages",
        &format!("App {}", infobip::KEY),
        json!({"messages": [{"sender": infobip::SENDER, "destinations": [{"to": "41791234567"}],
            "content": {"text": "x"}, "options": {"validityPeriod": {"amount": 300, "timeUnit": "SECONDS"}},
            "webhooks": {"delivery": {"url": "https://us.example.com/r"}, "contentType": "application/json"}}]}),
    );
    let wrong = vec![
        (right.without_credential(), 401, Value::Null),
        (right.credential("App other-key"), 401, Value::Null),
        (right.credential(&format!("Bearer {}", infobip::KEY)), 401, Value::Null),
        (right.as_text(), 400, json!("body")),
        (right.and("", "message", json!({})), 400, json!("messages")),
        (right.and("/messages/0", "text", json!("x")), 400, json!("messages[0]")),
        (right.without("/messages/0", "content"), 400, json!("messages[0]")),
        (right.with("/messages/0/content/text", json!(7)), 400, json!("messages[0].content.text")),
        (right.with("/messages/0/destinations", json!({})), 400, json!("messages[0].destinations")),
        (
            right.with("/messages/0/destinations/0/to", json!("+41791234567")),
            400,
            json!("messages[0].destinations[0].to"),
        ),
        (right.with("/messages/0/options", json!({})), 400, json!("messages[0].options")),
        (
            right.with("/messages/0/options/validityPeriod/timeUnit", json!("YEARS")),
            400,
            json!("messages[0].options.validityPeriod"),
        ),
        (
            right.with("/messages/0/options/validityPeriod/amount", json!("300")),
            400,
            json!("messages[0].options.validityPeriod"),
        ),
        (
            right.with("/messages/0/webhooks/delivery/url", json!("http://us.example.com/r")),
            400,
            json!("messages[0].webhooks.delivery.url"),
        ),
        (
            right.and("/messages/0/webhooks/delivery", "method", json!("GET")),
            400,
            json!("messages[0].webhooks.delivery.url"),
        ),
        (
            right.with("/messages/0/webhooks/contentType", json!("text/csv")),
            400,
            json!("messages[0].webhooks.contentType"),
        ),
        (right.with("/messages/0/sender", json!(7)), 400, json!("messages[0].sender")),
        (right.at("/sms/2/text/advanced"), 404, Value::Null),
        (right.by(Method::PUT), 404, Value::Null),
    ];
    holds(&authority, &vendor, &right, "/violations/0/property", wrong).await;
}

#[tokio::test]
async fn sinch_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let vendor = sinch::start(&authority).await;
    let right = Asked::post(
        &format!("/xms/v1/{}/batches", sinch::PLAN),
        &format!("Bearer {}", sinch::TOKEN),
        json!({"type": "mt_text", "from": sinch::FROM, "to": ["+41791234567"], "body": "x",
            "expire_at": "2999-01-01T00:00:00.000Z", "delivery_report": "per_recipient_final",
            "callback_url": "https://us.example.com/r"}),
    );
    let (format, constraint) = ("syntax_invalid_parameter_format", "syntax_constraint_violation");
    let wrong = vec![
        (right.without_credential(), 401, Value::Null),
        (right.credential("Bearer other-token"), 401, Value::Null),
        (right.as_text(), 400, json!("syntax_invalid_json")),
        (right.and("", "text", json!("x")), 400, json!(format)),
        (right.without("", "body"), 400, json!(format)),
        (right.with("/to", json!("+41791234567")), 400, json!(constraint)),
        (right.with("/to/0", json!("0791234567")), 400, json!(constraint)),
        (right.with("/body", json!(7)), 400, json!(constraint)),
        (right.with("/type", json!("mt_binary")), 400, json!(constraint)),
        (right.with("/expire_at", json!("1.1.2999")), 400, json!(format)),
        (right.with("/expire_at", json!("2020-01-01T00:00:00.000Z")), 400, json!(format)),
        (right.with("/delivery_report", json!("always")), 400, json!(format)),
        (right.with("/callback_url", json!("http://us.example.com/r")), 400, json!(format)),
        (right.with("/from", json!("Other")), 403, json!("forbidden")),
        (right.at("/xms/v1/another-plan/batches"), 404, json!("not_found")),
        (right.by(Method::PUT), 404, json!("not_found")),
    ];
    holds(&authority, &vendor, &right, "/code", wrong).await;
}

#[tokio::test]
async fn bird_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let vendor = bird::start(&authority).await;
    let right = Asked::post(
        "/messages",
        &format!("AccessKey {}", bird::KEY),
        json!({"originator": bird::ORIGINATOR, "recipients": ["41791234567"], "body": "x", "datacoding": "auto",
            "validity": 300, "reference": "m1", "reportUrl": "https://us.example.com/r"}),
    );
    let (missing, invalid) = (json!(9), json!(10));
    let wrong = vec![
        (right.without_credential(), 401, json!(2)),
        (right.credential("AccessKey other-key"), 401, json!(2)),
        (right.as_text(), 400, json!(21)),
        (right.and("", "text", json!("x")), 422, invalid.clone()),
        (right.without("", "body"), 422, missing.clone()),
        (right.without("", "recipients"), 422, missing.clone()),
        (right.with("/recipients", json!("41791234567")), 422, missing.clone()),
        (right.with("/recipients/0", json!("+41791234567")), 422, missing),
        (right.with("/body", json!(7)), 422, invalid.clone()),
        (right.with("/datacoding", json!("utf-8")), 422, invalid.clone()),
        (right.with("/validity", json!("300")), 422, invalid.clone()),
        (right.with("/validity", json!(4)), 422, invalid.clone()),
        (right.without("", "reference"), 422, invalid.clone()),
        (right.with("/reportUrl", json!("http://us.example.com/r")), 422, invalid.clone()),
        (right.with("/originator", json!("Other")), 422, invalid),
        (right.at("/message"), 404, json!(20)),
        (right.by(Method::PUT), 405, json!(98)),
    ];
    holds(&authority, &vendor, &right, "/errors/0/code", wrong).await;
}

#[tokio::test]
async fn telnyx_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let vendor = telnyx::start(&authority).await;
    let right = Asked::post(
        "/v2/messages",
        &format!("Bearer {}", telnyx::KEY),
        json!({"from": telnyx::FROM, "to": "+41791234567", "text": "x", "type": "SMS",
            "webhook_url": "https://us.example.com/r"}),
    );
    let wrong = vec![
        (right.without_credential(), 401, json!("10009")),
        (right.credential("Bearer other-key"), 401, json!("10009")),
        (right.as_text(), 415, json!("10014")),
        (right.and("", "body", json!("x")), 400, json!("10015")),
        (right.without("", "text"), 400, json!("10004")),
        (right.without("", "to"), 400, json!("10004")),
        (right.with("/to", json!("0791234567")), 400, json!("10016")),
        (right.with("/to", json!(["+41791234567"])), 400, json!("10016")),
        (right.with("/from", json!("Shop")), 400, json!("40313")),
        (right.with("/from", json!("+15005550007")), 400, json!("40305")),
        (right.with("/webhook_url", json!("http://us.example.com/r")), 422, json!("10003")),
        (right.with("/text", json!(7)), 422, json!("10015")),
        (right.with("/type", json!("MMS")), 422, json!("10015")),
        (right.and("", "use_profile_webhooks", json!("no")), 422, json!("10015")),
        (right.at("/v2/message"), 404, json!("10005")),
        (right.by(Method::PUT), 404, json!("10005")),
    ];
    holds(&authority, &vendor, &right, "/errors/0/code", wrong).await;
}

#[tokio::test]
async fn whatsapp_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let vendor = whatsapp::start(&authority).await;
    let code = json!([{"type": "text", "text": "012345"}]);
    let template = json!({"name": whatsapp::TEMPLATE, "language": {"code": "de"}, "components": [
        {"type": "body", "parameters": code},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": code}]});
    let right = Asked::post(
        &format!("/v23.0/{}/messages", whatsapp::NUMBER_ID),
        &format!("Bearer {}", whatsapp::TOKEN),
        json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+41791234567",
            "type": "template", "template": template}),
    );
    let wrong = vec![
        (right.without_credential(), 401, json!(190)),
        (right.credential("Bearer other-token"), 401, json!(190)),
        (right.as_text(), 400, json!(100)),
        (right.and("", "text", json!("x")), 400, json!(100)),
        (right.without("", "template"), 400, json!(131_008)),
        (right.with("/to", json!("0791234567")), 400, json!(100)),
        (right.with("/type", json!("text")), 400, json!(100)),
        (right.with("/recipient_type", json!("group")), 400, json!(100)),
        (right.with("/template/components/1/index", json!(0)), 400, json!(100)),
        (right.with("/template/components/1/parameters/0/text", json!("543210")), 400, json!(100)),
        (right.with("/template/components/0/parameters/0/text", json!(12_345)), 400, json!(100)),
        (right.with("/template/name", json!("other")), 404, json!(132_001)),
        (right.with("/template/language/code", json!("fr")), 404, json!(132_001)),
        (right.at("/v23.0/106540352242923/messages"), 400, json!(100)),
        (right.at(&format!("/{}/messages", whatsapp::NUMBER_ID)), 404, json!(2500)),
        (right.by(Method::PUT), 404, json!(2500)),
    ];
    holds(&authority, &vendor, &right, "/error/code", wrong).await;
}

#[tokio::test]
async fn telegram_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let vendor = telegram::start(&authority).await;
    let right = Asked::post(
        "/sendVerificationMessage",
        &format!("Bearer {}", telegram::TOKEN),
        json!({"phone_number": "+41791234567", "code": "012345", "ttl": 300, "sender_username": telegram::SENDER}),
    );
    let wrong = vec![
        (right.without_credential(), 200, json!("ACCESS_TOKEN_INVALID")),
        (right.credential("Bearer other-token"), 200, json!("ACCESS_TOKEN_INVALID")),
        (right.as_text(), 200, json!("INPUT_INVALID")),
        (right.and("", "text", json!("x")), 200, json!("INPUT_INVALID")),
        (right.without("", "code"), 200, json!("INPUT_INVALID")),
        (right.and("", "callback_url", json!("http://us.example.com/r")), 200, json!("INPUT_INVALID")),
        (right.with("/phone_number", json!("0791234567")), 200, json!("PHONE_NUMBER_INVALID")),
        (right.with("/phone_number", json!(41_791_234_567_u64)), 200, json!("PHONE_NUMBER_INVALID")),
        (right.with("/code", json!(123_456)), 200, json!("CODE_INVALID")),
        (right.with("/code", json!("123")), 200, json!("CODE_INVALID")),
        (right.with("/code", json!("12 34")), 200, json!("CODE_INVALID")),
        (right.with("/ttl", json!("300")), 200, json!("TTL_INVALID")),
        (right.with("/ttl", json!(29)), 200, json!("TTL_INVALID")),
        (right.with("/sender_username", json!("other_shop")), 200, json!("SENDER_NOT_VERIFIED")),
        (right.at("/sendMessage"), 404, json!("METHOD_NOT_FOUND")),
        (right.by(Method::PUT), 404, json!("METHOD_NOT_FOUND")),
    ];
    holds(&authority, &vendor, &right, "/error", wrong).await;
}

#[tokio::test]
async fn a_homeserver_refuses_what_the_specification_says_it_refuses() {
    let authority = Authority::default();
    let vendor = matrix::start(&authority).await;
    let path = |room: &str, transaction: &str| {
        let room = utf8_percent_encode(room, NON_ALPHANUMERIC);
        format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}")
    };
    let bearer = format!("Bearer {}", matrix::TOKEN);
    let body = json!({"msgtype": "m.text", "body": "x"});
    let right = Asked::new(Method::PUT, &path(matrix::ROOM, "t1"), &bearer, body);
    let wrong = vec![
        (right.without_credential(), 401, json!("M_MISSING_TOKEN")),
        (right.credential("Bearer other-token"), 401, json!("M_UNKNOWN_TOKEN")),
        (right.as_text(), 400, json!("M_NOT_JSON")),
        (right.and("", "text", json!("x")), 400, json!("M_BAD_JSON")),
        (right.without("", "body"), 400, json!("M_BAD_JSON")),
        (right.with("/body", json!(7)), 400, json!("M_BAD_JSON")),
        (right.with("/msgtype", json!("m.image")), 400, json!("M_BAD_JSON")),
        (right.at(&path(matrix::FOREIGN, "t1")), 403, json!("M_FORBIDDEN")),
        (right.at(&path(matrix::ROOM, "")), 404, json!("M_UNRECOGNIZED")),
        (right.at("/_matrix/client/v3/sync"), 404, json!("M_UNRECOGNIZED")),
        (right.by(Method::POST), 405, json!("M_UNRECOGNIZED")),
    ];
    // The transaction decides which event it is.
    let accepted = holds(&authority, &vendor, &right, "/errcode", wrong).await;
    assert_eq!(accepted["event_id"], "$t1:example.com");
}

#[tokio::test]
async fn sendgrid_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let vendor = sendgrid::start(&authority).await;
    let right = Asked::post(
        "/v3/mail/send",
        &format!("Bearer {}", sendgrid::KEY),
        json!({"personalizations": [{"to": [{"email": "alice@example.org"}]}], "from": {"email": sendgrid::SENDER},
            "subject": "x",
            "content": [{"type": "text/plain", "value": "x"}, {"type": "text/html", "value": "<p>x</p>"}],
            "tracking_settings": {"click_tracking": {"enable": false}, "open_tracking": {"enable": false}}}),
    );
    let wrong = vec![
        (right.without_credential(), 401, Value::Null),
        (right.credential("Bearer SG.other.key"), 401, Value::Null),
        (right.header("accept", Some("")), 406, Value::Null),
        (right.as_text(), 415, Value::Null),
        (right.and("", "text", json!("x")), 400, json!("")),
        (right.without("", "subject"), 400, json!("subject")),
        (right.without("", "from"), 400, json!("from")),
        (right.with("/subject", json!(7)), 400, json!("subject")),
        (right.with("/personalizations", json!([])), 400, json!("personalizations")),
        (right.and("/personalizations/0", "bcc", json!([])), 400, json!("personalizations.0.to")),
        (right.with("/personalizations/0/to/0/email", json!("alice")), 400, json!("personalizations.0.to.0.email")),
        (right.with("/content/0/type", json!("text/html")), 400, json!("content")),
        (right.with("/content/1/value", json!(7)), 400, json!("content")),
        (right.and("/content/0", "charset", json!("utf-8")), 400, json!("content")),
        (right.with("/tracking_settings/open_tracking/enable", json!(true)), 400, json!("tracking_settings")),
        (right.with("/from/email", json!("other@example.com")), 403, json!("from")),
        (right.at("/v3/mail"), 404, Value::Null),
        (right.by(Method::PUT), 405, Value::Null),
    ];
    holds(&authority, &vendor, &right, "/errors/0/field", wrong).await;
}

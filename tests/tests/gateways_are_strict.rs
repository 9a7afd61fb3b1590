//! The substitutes for the vendors of gateways refuse what the vendors refuse, as in `vendors_are_strict.rs`: a missing or wrong
//! credential, an unknown or missing field, a value of another type, and another path or method.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Map, Value, json};
use twofactor_tests::delivery_reports::sha256;
use twofactor_tests::vendors::asking::{answer, client, form};
use twofactor_tests::vendors::recorder::Recorder;
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::{
    bird, infobip, lan_gateway, matrix, sendgrid, sinch, telegram, telnyx, vonage, whatsapp,
};

/// A request with JSON.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

impl Asked {
    /// Creates a request with a credential.
    fn new(method: Method, path: &str, credential: &str, body: Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned()), ("authorization", credential.to_owned())];
        Self { method, path: path.to_owned(), headers, body }
    }

    fn post(path: &str, credential: &str, body: Value) -> Self {
        Self::new(Method::POST, path, credential, body)
    }

    fn object(&mut self, pointer: &str) -> &mut Map<String, Value> {
        self.body.pointer_mut(pointer).unwrap().as_object_mut().unwrap()
    }

    /// Replaces the value at a pointer.
    fn with(&self, pointer: &str, value: Value) -> Self {
        let mut changed = self.clone();
        *changed.body.pointer_mut(pointer).unwrap() = value;
        changed
    }

    /// Adds a member to the object at a pointer.
    fn and(&self, pointer: &str, name: &str, value: Value) -> Self {
        let mut changed = self.clone();
        let before = changed.object(pointer).insert(name.to_owned(), value);
        assert!(before.is_none(), "{name} is there already");
        changed
    }

    /// Removes a member of the object at a pointer.
    fn without(&self, pointer: &str, name: &str) -> Self {
        let mut changed = self.clone();
        changed.object(pointer).remove(name).unwrap();
        changed
    }

    /// Sets a header, or removes it.
    fn header(&self, name: &'static str, value: Option<&str>) -> Self {
        let mut changed = self.clone();
        changed.headers.retain(|(known, _)| *known != name);
        changed.headers.extend(value.map(|value| (name, value.to_owned())));
        changed
    }

    fn credential(&self, value: &str) -> Self {
        self.header("authorization", Some(value))
    }

    fn without_credential(&self) -> Self {
        self.header("authorization", None)
    }

    fn as_text(&self) -> Self {
        self.header("content-type", Some("text/plain"))
    }

    fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    fn by(&self, method: Method) -> Self {
        Self { method, ..self.clone() }
    }
}

/// A request, and the status and what is at the pointer in the answer that refuses it.
type Refused = (Asked, u16, Value);

/// Holds a substitute to its vendor's documentation: it accepts a request, and refuses all others in the documented form. Returns the
/// answer that accepts.
async fn holds(authority: &Authority, vendor: &Recorder, right: &Asked, pointer: &str, wrong: Vec<Refused>) -> Value {
    let url: url::Url = vendor.url("/").parse().unwrap();
    let client = client(authority, &[(url.host_str().unwrap(), vendor.address())]);
    let send = |asked: &Asked| {
        let request = client.request(asked.method.clone(), vendor.url(&asked.path)).body(asked.body.to_string());
        asked.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
    };
    let (status, accepted) = answer(send(right)).await;
    assert!((200..300).contains(&status), "{status} {accepted}");
    assert_eq!(vendor.accepted().len(), 1, "{accepted}");
    for (asked, status, told) in wrong {
        let (given, body) = answer(send(&asked)).await;
        assert_eq!((given, body.pointer(pointer).unwrap_or(&Value::Null)), (status, &told), "{asked:?}");
    }
    assert_eq!(vendor.accepted().len(), 1);
    accepted
}

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

/// Returns the status and the text of an answer.
async fn text(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Holds a gateway that takes everything in the query to its documentation.
async fn query_holds(client: &Client, gateway: &Recorder, path: &str, right: &[(&str, &str)], rows: &[Row<'_>]) {
    let at = |path: &str, fields: &[(&str, &str)]| gateway.url(&format!("{path}?{}", form(fields)));
    let (status, said) = text(client.get(at(path, right))).await;
    assert!((200..300).contains(&status), "{status} {said}");
    for (name, value, status, told) in rows {
        let mut fields: Vec<(&str, &str)> = right.iter().copied().filter(|(known, _)| known != name).collect();
        fields.extend(value.map(|value| (*name, value)));
        assert_eq!(text(client.get(at(path, &fields))).await, (*status, (*told).to_owned()), "{name} {value:?}");
    }
    assert_eq!(text(client.post(at(path, right))).await.0, 404);
    assert_eq!(text(client.get(at("/elsewhere", right))).await.0, 404);
    assert_eq!(text(client.get(at(path, right)).basic_auth("u", Some("p"))).await.0, 404);
    assert_eq!(gateway.accepted().len(), 1);
}

/// A parameter, its value or that it is missing, and the status and the text that refuse it.
type Row<'a> = (&'a str, Option<&'a str>, u16, &'a str);

#[tokio::test]
async fn smseagle_and_kannel_refuse_what_their_documentation_says_they_refuse() {
    let client = client(&Authority::default(), &[]);
    let wrong = "Wrong parameters";
    let smseagle = lan_gateway::start_smseagle().await;
    let right = [("access_token", lan_gateway::TOKEN), ("to", "+41791234567"), ("message", "x")];
    let rows: [Row<'_>; 7] = [
        ("access_token", None, 200, wrong),
        ("access_token", Some("other-token"), 200, "Invalid access token"),
        ("to", None, 200, wrong),
        ("to", Some("0791234567"), 200, wrong),
        ("message", None, 200, wrong),
        ("message", Some(""), 200, wrong),
        ("text", Some("x"), 200, wrong),
    ];
    query_holds(&client, &smseagle, "/http_api/send_sms", &right, &rows).await;

    let missing = "Missing receiver number, rejected";
    let kannel = lan_gateway::start_kannel().await;
    let (user, password) = (lan_gateway::USER, lan_gateway::TOKEN);
    let right = [("username", user), ("password", password), ("to", "+41791234567"), ("text", "x")];
    let rows: [Row<'_>; 7] = [
        ("username", Some("other"), 403, "Authorization failed for sendsms"),
        ("password", Some("other-password"), 403, "Authorization failed for sendsms"),
        ("password", None, 400, missing),
        ("to", None, 400, missing),
        ("to", Some("0791234567"), 400, "Garbage 'to' field, rejected."),
        ("text", Some(""), 400, "Garbage 'to' field, rejected."),
        ("message", Some("x"), 400, missing),
    ];
    query_holds(&client, &kannel, "/cgi-bin/sendsms", &right, &rows).await;
}

/// Returns a response to the challenge of the gateway with HTTP Digest (RFC 7616 section 3.4.1), for a method and a path.
fn digest(user: &str, password: &str, method: &str, path: &str) -> String {
    let realm = "realm of the gateway";
    let (secret, request) = (sha256(&format!("{user}:{realm}:{password}")), sha256(&format!("{method}:{path}")));
    let response = sha256(&format!("{secret}:5f1c0d29:00000001:0a1b2c3d:auth:{request}"));
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"5f1c0d29\", uri=\"{path}\", response=\"{response}\", \
         qop=auth, nc=00000001, cnonce=\"0a1b2c3d\", algorithm=SHA-256"
    )
}

#[tokio::test]
async fn gateways_that_take_a_form_refuse_other_credentials_and_other_forms() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let client = client(&Authority::default(), &[]);
    let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("{}:{password}", lan_gateway::USER)));
    let by_digest = |password: &str, path: &str| digest(lan_gateway::USER, password, "POST", path);
    let (by_form, digest_gateway) = (lan_gateway::start_form().await, lan_gateway::start_digest().await);
    for (gateway, credential, others, elsewhere) in [
        (&by_form, basic(lan_gateway::TOKEN), [basic("other"), String::new()], basic(lan_gateway::TOKEN)),
        (
            &digest_gateway,
            by_digest(lan_gateway::TOKEN, "/send"),
            [by_digest("other", "/send"), basic(lan_gateway::TOKEN)],
            by_digest(lan_gateway::TOKEN, "/elsewhere"),
        ),
    ] {
        let post = |path: &str, credential: &str, kind: &str, fields: &[(&str, &str)]| {
            let request = client.post(gateway.url(path)).header("authorization", credential);
            request.header("content-type", kind).body(form(fields))
        };
        let right = [("phone", "+41791234567"), ("body", "x")];
        assert_eq!(text(post("/send", &credential, FORM, &right)).await, (201, "sent".to_owned()));
        for other in others {
            assert_eq!(text(post("/send", &other, FORM, &right)).await.0, 401, "{other}");
        }
        assert_eq!(text(post("/elsewhere", &elsewhere, FORM, &right)).await.0, 404);
        assert_eq!(text(post("/send", &credential, "text/plain", &right)).await.0, 400);
        for fields in [
            &[("phone", "+41791234567")][..],
            &[("phone", "0791234567"), ("body", "x")],
            &[("phone", "+41791234567"), ("body", "")],
            &[("to", "+41791234567"), ("body", "x")],
            &[("phone", "+41791234567"), ("body", "x"), ("text", "x")],
        ] {
            let refused = (400, "Wrong parameters".to_owned());
            assert_eq!(text(post("/send", &credential, FORM, fields)).await, refused, "{fields:?}");
        }
        assert_eq!(gateway.accepted().len(), 1);
    }
}

//! The substitutes for the vendors of the providers that an operator names refuse what the vendors
//! refuse, as in `vendors_are_strict.rs`.

use axum::http::{HeaderMap, Uri};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use twofactor_tests::vendors::asking::{answer, client, form};
use twofactor_tests::vendors::ses::{self, Ses};
use twofactor_tests::vendors::sigv4::{self, Key, Signed};
use twofactor_tests::vendors::slack::{self, Slack};
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::twilio::{self, Twilio};
use twofactor_tests::vendors::webhook::{self, Receiver};

/// Returns a request to the substitute for Amazon SES, signed with a key at a time over these
/// headers. `sent` is the body.
fn signed(client: &Client, port: u16, key: Key<'_>, at: i64, names: &[&str], body: &str, sent: &str) -> RequestBuilder {
    let url = format!("https://{}:{port}/v2/email/outbound-emails", ses::HOST);
    let (uri, host, time) = (url.parse::<Uri>().unwrap(), format!("{}:{port}", ses::HOST), sigv4::written(at));
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert("x-amz-date", time.parse().unwrap());
    let request = Signed { method: "POST", uri: &uri, host: &host, headers: &headers, body: body.as_bytes() };
    let signature = sigv4::signature(&request, key, &time, names);
    let scope = format!("{}/{}/{}/{}/aws4_request", key.id, &time[..8], key.region, key.service);
    let names = names.join(";");
    let said = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}");
    client.post(url).headers(headers).header("authorization", said).body(sent.to_owned())
}

/// The case `post-x-www-form-urlencoded` of AWS's own suite, without the header of the body's length.
#[test]
fn a_signature_of_amazons_is_what_amazons_own_example_says() {
    let uri: Uri = "https://example.amazonaws.com/".parse().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    headers.insert("x-amz-date", "20150830T123600Z".parse().unwrap());
    let request =
        Signed { method: "POST", uri: &uri, host: "example.amazonaws.com", headers: &headers, body: b"Param1=value1" };
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let key = Key { id: "AKIDEXAMPLE", secret, region: "us-east-1", service: "service" };
    let names = ["content-type", "host", "x-amz-date"];
    let signature = sigv4::signature(&request, key, "20150830T123600Z", &names);
    assert_eq!(signature, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

#[tokio::test]
async fn amazon_ses_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let ses = Ses::start(&authority).await;
    let client = client(&authority, &[(ses::HOST, ses.address())]);
    let (port, now) = (ses.address().port(), ses::now());
    let text = |data: &str| json!({"Data": data, "Charset": "UTF-8"});
    let good = json!({"FromEmailAddress": ses::SENDER, "Destination": {"ToAddresses": ["a@example.org"]},
        "Content": {"Simple": {"Subject": text("x"), "Body": {"Text": text("x"), "Html": text("<p>x</p>")}}}});
    let all = ["content-type", "host", "x-amz-date"];
    let body = good.to_string();
    let send = |body: &str| signed(&client, port, ses::KEY, now, &all, body, body);
    let name = async |request: RequestBuilder| {
        let response = request.send().await.unwrap();
        let name = response.headers().get("x-amzn-errortype").map(|name| name.to_str().unwrap().to_owned());
        (response.status().as_u16(), name.unwrap_or_default().split(':').next().unwrap().to_owned())
    };
    assert_eq!(name(send(&body)).await, (200, String::new()));

    let key = ses::KEY;
    for (key, at, names, sent, expected) in [
        (Key { secret: "other", ..key }, now, &all[..], &*body, "InvalidSignatureException"),
        (Key { region: "us-east-1", ..key }, now, &all, &body, "InvalidSignatureException"),
        (Key { service: "sns", ..key }, now, &all, &body, "InvalidSignatureException"),
        (Key { id: "AKIDEXAMPLE0000B", ..key }, now, &all, &body, "UnrecognizedClientException"),
        (key, now - 310, &all, &body, "InvalidSignatureException"),
        (key, now + 310, &all, &body, "InvalidSignatureException"),
        (key, now, &all, "{}", "InvalidSignatureException"),
        (key, now, &all[1..], &body, "InvalidSignatureException"),
        (key, now, &all[..2], &body, "InvalidSignatureException"),
        (key, now, &["content-type", "x-amz-date"], &body, "InvalidSignatureException"),
    ] {
        let (status, said) = name(signed(&client, port, key, at, names, &body, sent)).await;
        assert_eq!((status, &*said), (403, expected), "{at} {names:?} {sent}");
    }
    let unsigned = client.post(format!("https://{}:{port}/v2/email/outbound-emails", ses::HOST)).body(body.clone());
    assert_eq!(name(unsigned).await, (403, "MissingAuthenticationTokenException".to_owned()));

    for (pointer, value, expected) in [
        ("/FromEmailAddress", json!("other@example.com"), (400, "MessageRejected")),
        ("/FromEmailAddress", json!("Käse <codes@example.com>"), (400, "BadRequestException")),
        ("/FromEmailAddress", json!("a@example.com, codes@example.com"), (400, "BadRequestException")),
        ("/Destination/ToAddresses", json!(["ä@example.org"]), (400, "BadRequestException")),
        ("/Destination/ToAddresses", json!([]), (400, "BadRequestException")),
        ("/Destination", json!({"ToAddresses": ["a@example.org"], "To": []}), (400, "BadRequestException")),
        ("/Content/Simple/Body", json!({}), (400, "BadRequestException")),
        ("/Content/Simple/Subject", json!({"Data": "x", "Charset": "ISO-8859-1"}), (400, "BadRequestException")),
        ("/Content/Simple/Subject", text("x\r\nBcc: y"), (400, "BadRequestException")),
        ("/Content/Simple/Subject", json!("x"), (400, "BadRequestException")),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        let (status, said) = name(send(&body.to_string())).await;
        assert_eq!((status, &*said), expected, "{body}");
    }
    let mut body = good.clone();
    body["ConfigurationSetName"] = "other".into();
    assert_eq!(name(send(&body.to_string())).await, (404, "NotFoundException".to_owned()));
    assert_eq!(ses.taken().len(), 1);
}

#[tokio::test]
async fn a_receiver_of_webhooks_refuses_what_is_not_signed_as_the_standard_says() {
    let authority = Authority::default();
    let receiver = Receiver::start(&authority).await;
    let client = client(&authority, &[(webhook::HOST, receiver.address())]);
    let url = format!("https://{}:{}/codes", webhook::HOST, receiver.address().port());
    let message = |id: &str| json!({"id": id, "to": "+41791234567", "text": "x", "valid_seconds": 300, "locale": "en", "purpose": "p"});
    let post = |id: &str, at: i64, signatures: &str, body: &str| {
        let request = client.post(&url).header("content-type", "application/json").header("webhook-id", id);
        let request = request.header("webhook-timestamp", at.to_string()).header("webhook-signature", signatures);
        request.body(body.to_owned())
    };
    let (now, body) = (ses::now(), message("m1").to_string());
    let sign = |id: &str, at: i64, body: &str| webhook::signature(webhook::SECRET, id, at, body.as_bytes());
    // One good signature among others is enough, and the same message is not accepted twice.
    let several = format!("v1,AAAA v1a,AAAA {}", sign("m1", now, &body));
    for signatures in [sign("m1", now, &body), several] {
        assert_eq!(answer(post("m1", now, &signatures, &body)).await.0, 204);
    }
    assert_eq!(receiver.taken().len(), 1);

    let other = webhook::signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSv", "m2", now, body.as_bytes());
    let body = message("m2").to_string();
    for (id, at, signatures, status) in [
        ("m2", now, other, 401),
        ("m3", now, sign("m2", now, &body), 401),
        ("m2", now + 1, sign("m2", now, &body), 401),
        ("m2", now, sign("m2", now, "{}"), 401),
        ("m2", now - 310, sign("m2", now - 310, &body), 401),
        ("m2", now + 310, sign("m2", now + 310, &body), 401),
        ("m2", now, sign("m2", now, &body).replace("v1,", "v2,"), 401),
        ("m3", now, sign("m3", now, &body), 422),
    ] {
        assert_eq!(answer(post(id, at, &signatures, &body)).await.0, status, "{id} {at} {signatures}");
    }
    for (pointer, value) in [("/to", json!("0791234567")), ("/text", json!("")), ("/purpose", json!(null))] {
        let mut body = message("m2");
        *body.pointer_mut(pointer).unwrap() = value;
        let body = body.to_string();
        assert_eq!(answer(post("m2", now, &sign("m2", now, &body), &body)).await.0, 422, "{body}");
    }
    assert_eq!(answer(client.post(&url).body(body)).await.0, 400);
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test]
async fn slack_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let slack = Slack::start(&authority).await;
    let client = client(&authority, &[(slack::HOST, slack.address())]);
    let at = |method: &str| format!("https://{}:{}/api/{method}", slack::HOST, slack.address().port());
    let ask = |token: &str, fields: &[(&str, &str)]| {
        let request = client.post(at("users.lookupByEmail")).bearer_auth(token);
        request.header("content-type", "application/x-www-form-urlencoded").body(form(fields))
    };
    let (status, found) = answer(ask(slack::TOKEN, &[("email", slack::MEMBERS[0].0)])).await;
    assert_eq!((status, &found["ok"], &found["user"]["id"]), (200, &json!(true), &json!(slack::MEMBERS[0].1)));
    for (token, fields, error) in [
        ("xoxb-0", &[("email", slack::MEMBERS[0].0)][..], "invalid_auth"),
        (slack::TOKEN, &[("email", "bob@example.org")], "users_not_found"),
        (slack::TOKEN, &[("mail", slack::MEMBERS[0].0)], "invalid_arguments"),
        (slack::TOKEN, &[], "invalid_arguments"),
    ] {
        assert_eq!(answer(ask(token, fields)).await, (200, json!({"ok": false, "error": error})));
    }

    let post = |token: &str, body: &Value| {
        let request = client.post(at("chat.postMessage")).bearer_auth(token);
        request.header("content-type", "application/json").body(body.to_string())
    };
    let section = json!({"type": "rich_text_section", "elements": [{"type": "text", "text": "a & b"}]});
    let good = json!({"channel": slack::MEMBERS[0].1, "text": "a &amp; b",
        "blocks": [{"type": "rich_text", "elements": [section]}], "mrkdwn": false});
    assert_eq!(answer(post(slack::TOKEN, &good)).await.1["ok"], true);
    assert_eq!(answer(post(slack::READER, &good)).await.1["error"], "missing_scope");
    assert_eq!(answer(post("xoxb-0", &good)).await.1["error"], "invalid_auth");
    for (pointer, value, error) in [
        ("/channel", json!(slack::MEMBERS[0].0), "channel_not_found"),
        ("/channel", json!(slack::MEMBERS[1].1), "channel_not_found"),
        ("/text", json!("a & b"), "invalid_arguments"),
        ("/text", json!("<!channel>"), "invalid_arguments"),
        ("/text", json!(""), "no_text"),
        ("/blocks", json!([{"type": "rich_text"}]), "invalid_blocks"),
        ("/blocks", json!([{"type": "section"}]), "invalid_blocks"),
        ("/blocks", json!(vec![good["blocks"][0].clone(); 51]), "invalid_blocks"),
        ("/mrkdwn", json!("no"), "invalid_arguments"),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        assert_eq!(answer(post(slack::TOKEN, &body)).await.1["error"], error, "{body}");
    }
    let bare = client.post(at("chat.postMessage")).header("content-type", "application/json").body(good.to_string());
    assert_eq!(answer(bare).await.1["error"], "not_authed");
    assert_eq!(slack.taken().len(), 1);
}

#[tokio::test]
async fn twilio_refuses_calls_that_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let twilio = Twilio::start(&authority).await;
    let client = client(&authority, &[("api.twilio.com", twilio.address())]);
    let port = twilio.address().port();
    let url = format!("https://api.twilio.com:{port}/2010-04-01/Accounts/{}/Calls.json", twilio::ACCOUNT);
    let post = |password: &str, fields: &[(&str, &str)]| {
        let request = client.post(&url).basic_auth(twilio::ACCOUNT, Some(password));
        request.header("content-type", "application/x-www-form-urlencoded").body(form(fields))
    };
    let say = |said: &str| format!("<Response><Say language=\"en-US\">{said}</Say></Response>");
    let twiml = say("x &amp; y");
    let good = [("To", "+41791234567"), ("From", twilio::FROM), ("Twiml", &*twiml)];
    assert_eq!(answer(post(twilio::TOKEN, &good)).await.0, 201);
    assert_eq!(twilio.calls()[0].said, [("en-US".to_owned(), 1, "x & y".to_owned())]);
    assert_eq!(answer(post("wrong", &good)).await.1["code"], 20003);
    let long = say(&"x".repeat(4000));
    for (name, value, code) in [
        ("To", "", 21201),
        ("To", "0791234567", 21211),
        ("From", "", 21213),
        ("From", "Shop", 21212),
        ("From", "+41791112233", 21210),
        ("Twiml", "", 21205),
        ("Twiml", &say("x & y"), 12100),
        ("Twiml", &say("x <y"), 12100),
        ("Twiml", &say("&nbsp;"), 12100),
        ("Twiml", &say("x\u{7}"), 12100),
        ("Twiml", "<Response></Response>", 12100),
        ("Twiml", "<Response><Say language=\"xx-XX\">x</Say></Response>", 12100),
        ("Twiml", "<Response><Dial>+1900</Dial></Response>", 12100),
        ("Twiml", &long, 12100),
    ] {
        let fields = good.map(|(known, usual)| (known, if known == name { value } else { usual }));
        let (status, body) = answer(post(twilio::TOKEN, &fields)).await;
        assert_eq!((status, body["code"].as_u64()), (400, Some(code)), "{name} {value}");
    }
    let more = [&good[..], &[("Body", "x")]].concat();
    assert_eq!(answer(post(twilio::TOKEN, &more)).await.1["code"], 20001);
    assert_eq!(twilio.calls().len(), 1);
}

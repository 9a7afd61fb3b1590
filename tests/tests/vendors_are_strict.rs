//! The substitutes for the vendors refuse what the vendors refuse: otherwise a component that
//! passes would prove little.

use reqwest::Method;
use serde_json::{Value, json};
use twofactor_tests::vendors::asking::{answer, client, form};
use twofactor_tests::vendors::ecall::{self, Ecall};
use twofactor_tests::vendors::graph::{self, Graph};
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::twilio::{self, Twilio};

#[tokio::test]
async fn twilio_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let twilio = Twilio::start(&authority).await;
    let client = client(&authority, &[("api.twilio.com", twilio.address())]);
    let at = |sid: &str| {
        format!("https://api.twilio.com:{}/2010-04-01/Accounts/{sid}/Messages.json", twilio.address().port())
    };
    let post = |sid: &str, password: &str, fields: &[(&str, &str)]| {
        let request = client.post(at(sid)).basic_auth(sid, Some(password));
        request.header("content-type", "application/x-www-form-urlencoded").body(form(fields))
    };
    let good = [("To", "+41791234567"), ("From", "+15005550006"), ("Body", "x")];
    assert_eq!(answer(post(twilio::ACCOUNT, twilio::TOKEN, &good)).await.0, 201);

    let long = "x".repeat(1601);
    let rows: [(&[(&str, &str)], u32); 12] = [
        (&[("From", "+15005550006"), ("Body", "x")], 21604),
        (&[("To", "0791234567"), ("From", "+15005550006"), ("Body", "x")], 21211),
        (&[("To", "+41791234567"), ("Body", "x")], 21603),
        (
            &[
                ("To", "+41791234567"),
                ("From", "+15005550006"),
                ("MessagingServiceSid", twilio::SERVICE),
                ("Body", "x"),
            ],
            21603,
        ),
        (&[("To", "+41791234567"), ("From", "079"), ("Body", "x")], 21212),
        (&[("To", "+41791234567"), ("MessagingServiceSid", "MG1"), ("Body", "x")], 20404),
        (&[("To", "+41791234567"), ("From", "+15005550006")], 21602),
        (&[("To", "+41791234567"), ("From", "+15005550006"), ("Body", &long)], 21617),
        (&[("To", "+41791234567"), ("From", "+15005550006"), ("Body", "x"), ("ValidityPeriod", "0")], 90007),
        (&[("To", "+41791234567"), ("From", "+15005550006"), ("Body", "x"), ("ValidityPeriod", "36001")], 90007),
        (&[("To", "+41791234567"), ("From", "+15005550006"), ("Body", "x"), ("body", "x")], 20001),
        (&[("To", "+41791234567"), ("From", "+15005550006"), ("Body", "x"), ("To", "+41791234567")], 20001),
    ];
    for (fields, code) in rows {
        let (status, body) = answer(post(twilio::ACCOUNT, twilio::TOKEN, fields)).await;
        assert_eq!(
            (body["code"].as_u64(), body["status"].as_u64()),
            (Some(code.into()), Some(status.into())),
            "{fields:?}"
        );
        assert!((400..500).contains(&status));
    }
    assert_eq!(answer(post(twilio::ACCOUNT, "wrong", &good)).await.1["code"], 20003);
    assert_eq!(answer(post("AC1", "wrong", &good)).await.1["code"], 20404);
    assert_eq!(answer(client.post(at(twilio::ACCOUNT)).body(form(&good))).await.1["code"], 20003);
    assert_eq!(answer(post(twilio::ACCOUNT, twilio::TOKEN, &good).header("authorization", "Basic x")).await.0, 401);
    assert_eq!(answer(client.get(at(twilio::ACCOUNT))).await.0, 405);
    assert_eq!(twilio.taken().len(), 1);
}

#[tokio::test]
async fn ecall_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let ecall = Ecall::start(&authority).await;
    let client = client(&authority, &[("rest.ecall.ch", ecall.address())]);
    let url = format!("https://rest.ecall.ch:{}/api/message", ecall.address().port());
    let post = |body: &Value| {
        let request = client.post(&url).basic_auth(ecall::ACCOUNT, Some(ecall::PASSWORD));
        request.header("content-type", "application/json").body(body.to_string())
    };
    let good = json!({"channel": "Sms", "from": "Shop", "to": "+41791234567",
        "content": {"type": "Text", "text": "x", "options": {"pageLimit": 3}}});
    assert_eq!(answer(post(&good)).await.0, 201);
    let pages = |text: &str, limit: u64| json!({"type": "Text", "text": text, "options": {"pageLimit": limit}});
    for (pointer, value, parameter) in [
        ("/channel", json!("sms"), "Channel"),
        ("/content/type", json!("text"), "Content.Type"),
        ("/to", json!("0791234567"), "To"),
        ("/to", json!("41791234567"), "To"),
        ("/from", json!("more than eleven"), "From"),
        ("/from", json!("Käse"), "From"),
        ("/from", json!("12345678901234567"), "From"),
        ("/content", pages("", 3), "Content.Text"),
        ("/content", pages(&"x".repeat(161), 1), "Content.Text"),
        ("/content", pages(&"ж".repeat(71), 1), "Content.Text"),
        ("/content", pages("x", 11), "Content.Options.PageLimit"),
        ("/content", json!({"type": "Text", "text": "x", "pageLimit": 1}), "Content"),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        let (status, refused) = answer(post(&body)).await;
        assert_eq!((status, &refused["errorCode"]), (400, &json!("InvalidContent")), "{body}");
        assert_eq!(refused["errorDetails"]["errors"][0]["parameter"], parameter, "{body}");
    }
    for text in ["x".repeat(160), "ж".repeat(70)] {
        let mut body = good.clone();
        body["content"] = pages(&text, 1);
        assert_eq!(answer(post(&body)).await.0, 201);
    }
    assert_eq!(answer(client.post(&url).basic_auth(ecall::ACCOUNT, Some("x")).body(good.to_string())).await.0, 401);
    assert_eq!(ecall.taken().len(), 3);
}

#[tokio::test]
async fn microsoft_refuses_what_its_documentation_says_it_refuses() {
    let authority = Authority::default();
    let graph = Graph::start(&authority).await;
    let (login, origin) = ("login.microsoftonline.com", "graph.microsoft.com");
    let client = client(&authority, &[(login, graph.address()), (origin, graph.address())]);
    let port = graph.address().port();
    let ask = |tenant: &str, fields: &[(&str, &str)]| {
        let request = client.post(format!("https://{login}:{port}/{tenant}/oauth2/v2.0/token"));
        request.header("content-type", "application/x-www-form-urlencoded").body(form(fields))
    };
    let good = [
        ("client_id", graph::CLIENT),
        ("client_secret", graph::SECRET),
        ("scope", "https://graph.microsoft.com/.default"),
        ("grant_type", "client_credentials"),
    ];
    let (status, granted) = answer(ask(graph::TENANT, &good)).await;
    assert_eq!((status, granted["expires_in"].as_u64()), (200, Some(3599)));
    for (n, value, code) in [(0, "x", 700_016), (1, "x", 7_000_215), (2, "x", 70_011), (3, "password", 70_003)] {
        let mut fields = good;
        fields[n].1 = value;
        assert_eq!(answer(ask(graph::TENANT, &fields)).await.1["error_codes"], json!([code]));
    }
    assert_eq!(answer(ask("other", &good)).await.1["error_codes"], json!([90_002]));
    assert_eq!(answer(ask(graph::TENANT, &good[..3])).await.1["error_codes"], json!([900_144]));
    let more = [&good[..], &[("resource", "x")]].concat();
    assert_eq!(answer(ask(graph::TENANT, &more)).await.1["error_codes"], json!([900_144]));

    let bearer = granted["access_token"].as_str().unwrap().to_owned();
    let send = |user: &str, token: &str, body: &Value| {
        let url = format!("https://{origin}:{port}/v1.0/users/{user}/sendMail");
        let request = client.request(Method::POST, url).bearer_auth(token);
        request.header("content-type", "application/json").body(body.to_string())
    };
    let mail = json!({"message": {"subject": "x", "body": {"contentType": "Text", "content": "x"},
        "toRecipients": [{"emailAddress": {"address": "a@example.org"}}]}, "saveToSentItems": false});
    assert_eq!(answer(send(graph::MAILBOX, &bearer, &mail)).await, (202, Value::Null));
    assert_eq!(answer(send(graph::MAILBOX, "x", &mail)).await.0, 401);
    assert_eq!(answer(send("x", &bearer, &mail)).await.1["error"]["code"], "ErrorInvalidUser");
    for (pointer, value) in [
        ("/saveToSentItems", json!(true)),
        ("/message/body/contentType", json!("HTML")),
        ("/message/body/contentType", json!("Markdown")),
        ("/message/toRecipients", json!([])),
        ("/message/toRecipients", json!(["a@example.org"])),
        ("/message", json!({"subject": "x"})),
    ] {
        let mut body = mail.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        assert_eq!(answer(send(graph::MAILBOX, &bearer, &body)).await.0, 400, "{body}");
    }
    for (header, status) in [("x-own", 202), ("Subject", 400)] {
        let mut body = mail.clone();
        body["message"]["internetMessageHeaders"] = json!([{"name": header, "value": "x"}]);
        assert_eq!(answer(send(graph::MAILBOX, &bearer, &body)).await.0, status, "{header}");
    }
    assert_eq!(graph.taken().len(), 2);
}

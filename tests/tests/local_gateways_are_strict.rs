//! The substitutes for gateways on a local network refuse what such gateways refuse, as in `gateways_are_strict.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, RequestBuilder};
use twofactor_tests::delivery_reports::sha256;
use twofactor_tests::vendors::asking::{client, form};
use twofactor_tests::vendors::lan_gateway;
use twofactor_tests::vendors::recorder::Recorder;
use twofactor_tests::vendors::tls::Authority;

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

//! An upstream's report about a message is counted once, if it is authentic.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use ring::hmac;
use serde_json::{Value, json};
use twofactor::admin::MessageQuery;
use twofactor::sandbox::{Component, DeliveryStatus, ReportRequest, SandboxLimits};
use twofactor::{Actor, Assignment, Network, NewChallenge, NewInstance, SignIn, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::upstream::Upstream;
use twofactor_tests::wrong::component;

const BASE: &str = "https://auth.example.com/reports";
const TOKEN: &str = "t0ken-of-the-account";

struct Place {
    engine: TwoFactor,
    twilio: Upstream,
}

impl Place {
    async fn new(options: Value, base: Option<&str>) -> Self {
        Self::of("twilio", options, base).await
    }

    async fn of(type_id: &str, options: Value, base: Option<&str>) -> Self {
        let twilio = Upstream::start().await;
        let network = Network::builder().override_endpoint("https://api.twilio.com", twilio.address).build().unwrap();
        let builder = compiled::builder().network(network).bundled_provider(type_id).unwrap();
        let builder = base.into_iter().fold(builder, |builder, base| builder.report_url(base));
        let engine = builder.build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("s", "S").await.unwrap();
        let instance = admin.create_instance("s", NewInstance::new(type_id, "x", options)).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
        Self { engine, twilio }
    }

    /// Sends a message; where its upstream may report.
    async fn sent(&self) -> Option<String> {
        let sign_in = SignIn::new("s").tenant("t").user("alice");
        self.engine.start(NewChallenge::new(sign_in).phone("+41791234567")).await.unwrap();
        let body = self.twilio.seen().pop().unwrap().body;
        let fields: HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        fields.get("StatusCallback").cloned()
    }

    async fn reports(&self, url: &str, headers: &HeaderMap, body: &str) -> bool {
        let message = url.strip_prefix(BASE).unwrap().strip_prefix('/').unwrap();
        let report = ReportRequest { method: "POST", query: "", headers, body: body.as_bytes() };
        match self.engine.handle_delivery_report(message, &report).await {
            Ok(()) => true,
            Err(error) => {
                assert!(error.is_not_found(), "{error}");
                assert_eq!(error.to_string(), "message not found");
                false
            }
        }
    }

    /// Returns how many messages arrived, and did not.
    async fn counted(&self) -> (u64, u64) {
        let admin = self.engine.administration(Actor::new("test"));
        let all = admin.statistics("s", "2020-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
        let sum = |event: &str| all.iter().filter(|one| one.event == event).map(|one| one.count).sum();
        (sum("confirmed"), sum("undelivered"))
    }
}

fn options() -> Value {
    json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": TOKEN,
        "TwilioSmsFromNumber": "+15005550006"})
}

fn body(status: &str) -> String {
    let fields = [("MessageSid", "SM1"), ("MessageStatus", status), ("ErrorCode", "30003"), ("To", "+41791234567")];
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Returns a signature as Twilio makes it.
fn signed(token: &str, url: &str, body: &str) -> HeaderMap {
    let mut fields: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    fields.sort();
    let text = fields.into_iter().fold(url.to_owned(), |text, (name, value)| text + &name + &value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    HeaderMap::from_iter([("x-twilio-signature".parse().unwrap(), signature.parse().unwrap())])
}

#[tokio::test]
async fn each_report_of_a_message_counts_once() {
    let place = Place::new(options(), Some(BASE)).await;
    let (first, second) = (place.sent().await.unwrap(), place.sent().await.unwrap());
    assert!(first.starts_with(&format!("{BASE}/s/")) && first != second, "{first}");
    for status in ["queued", "sent", "delivered", "delivered"] {
        assert!(place.reports(&first, &signed(TOKEN, &first, &body(status)), &body(status)).await);
    }
    assert!(place.reports(&second, &signed(TOKEN, &second, &body("undelivered")), &body("undelivered")).await);
    assert_eq!(place.counted().await, (1, 1));
    // A request that is not a report is ignored, signed or not.
    for nothing in ["", "MessageSid=SM1", "{}"] {
        assert!(!place.reports(&second, &signed(TOKEN, &second, nothing), nothing).await);
    }
    assert_eq!(place.counted().await, (1, 1));
}

#[tokio::test]
async fn an_answered_call_counts_as_delivered_and_an_unanswered_one_does_not() {
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": TOKEN,
        "TwilioVoiceFromNumber": "+15005550006"});
    let place = Place::of("twilio-voice", options, Some(BASE)).await;
    let body = |status: &str| format!("CallSid=CA1&CallStatus={status}&To=%2B41791234567&CallDuration=12");
    for (statuses, counted) in [
        (["ringing", "in-progress", "completed"], (1, 0)),
        (["ringing", "no-answer", "no-answer"], (1, 1)),
        (["queued", "failed", "failed"], (1, 2)),
    ] {
        let url = place.sent().await.unwrap();
        for status in statuses {
            assert!(place.reports(&url, &signed(TOKEN, &url, &body(status)), &body(status)).await);
        }
        assert_eq!(place.counted().await, counted, "{statuses:?}");
    }
}

#[tokio::test]
async fn a_report_that_is_not_the_upstreams_own_is_not_believed() {
    let place = Place::new(options(), Some(BASE)).await;
    let (url, other) = (place.sent().await.unwrap(), place.sent().await.unwrap());
    let delivered = body("delivered");
    let unsigned = HeaderMap::new();
    for (url, headers, body) in [
        (&url, &unsigned, &delivered),
        (&url, &signed("another token", &url, &delivered), &delivered),
        (&url, &signed(TOKEN, &other, &delivered), &delivered),
        (&url, &signed(TOKEN, &url, &body("undelivered")), &delivered),
    ] {
        assert!(!place.reports(url, headers, body).await);
    }
    // URLs that were not made here, though signed.
    let parts: Vec<&str> = url.rsplitn(6, '/').collect();
    let [proof, resends, challenge, instance, subscription, _] = parts[..] else { panic!("{url}") };
    let others: Vec<&str> = other.rsplitn(6, '/').collect();
    for made_up in [
        format!("{BASE}/{subscription}/{instance}/{challenge}/1/{proof}"),
        format!("{BASE}/{subscription}/{instance}/{}/{resends}/{proof}", others[2]),
        format!("{BASE}/other/{instance}/{challenge}/{resends}/{proof}"),
        format!("{BASE}/{subscription}/{instance}/{challenge}/{resends}/{}", &proof[1..]),
        format!("{BASE}/{subscription}/{instance}/{challenge}/{resends}"),
        format!("{BASE}/{subscription}/{instance}/{challenge}/{resends}/{proof}/"),
        format!("{BASE}/"),
    ] {
        assert!(!place.reports(&made_up, &signed(TOKEN, &made_up, &delivered), &delivered).await, "{made_up}");
    }
    assert_eq!(place.counted().await, (0, 0));
    assert!(place.reports(&url, &signed(TOKEN, &url, &delivered), &delivered).await);
}

#[tokio::test]
async fn no_report_is_requested_if_it_could_not_be_received_or_verified() {
    let place = Place::new(options(), None).await;
    assert_eq!(place.sent().await, None);
    let report = ReportRequest { method: "POST", query: "", headers: &HeaderMap::new(), body: b"" };
    assert!(place.engine.handle_delivery_report("s/i/c/0/p", &report).await.unwrap_err().is_not_found());
    // Twilio signs with the account's token, which is not given beside an API key.
    let mut with_key = options();
    with_key["TwilioApiKeySid"] = json!("SK0123456789abcdef0123456789abcdef");
    assert_eq!(Place::new(with_key, Some(BASE)).await.sent().await, None);
}

#[tokio::test]
async fn a_changed_token_invalidates_signatures_of_the_old_one() {
    let place = Place::new(options(), Some(BASE)).await;
    let url = place.sent().await.unwrap();
    let admin = place.engine.administration(Actor::new("test"));
    let [instance] = admin.instances("s").await.unwrap().try_into().unwrap();
    let mut changed = options();
    changed["TwilioAuthToken"] = json!("the next token");
    let change = twofactor::admin::InstanceChange { options: Some(changed), ..Default::default() };
    admin.update_instance("s", &instance.id, change, None).await.unwrap();
    assert!(!place.reports(&url, &signed(TOKEN, &url, &body("delivered")), &body("delivered")).await);
    assert!(place.reports(&url, &signed("the next token", &url, &body("delivered")), &body("delivered")).await);
}

#[tokio::test]
async fn a_recipient_named_in_a_report_is_not_stored() {
    let network = Network::builder().build().unwrap();
    let component = Component::load(&component("reports"), network, SandboxLimits::default()).await.unwrap();
    let configured = component.configure(&json!({"Sender": "Shop", "Key": "k"})).await.unwrap();
    for (recipient, code, kept) in [
        ("+41791234567", "30003", "30003"),
        ("+41791234567", "+41791234567", "removed"),
        ("+41791234567", "0041 79 123 45 67", "removed"),
        ("ann@example.com", "no.ann@example.com", "no.removed"),
    ] {
        let body = json!({"status": "undelivered", "to": code}).to_string();
        let report = ReportRequest { method: "POST", query: "", headers: &HeaderMap::new(), body: body.as_bytes() };
        let fate = configured.read_report(&report, recipient).await.unwrap();
        assert_eq!(fate.unwrap().status, DeliveryStatus::Failed(kept.to_owned()));
    }
}

/// Starts an engine whose provider proves its reports in one way, and returns it with the report URL of a message.
async fn reporting(fault: &str, upstream: &Upstream) -> (TwoFactor, String) {
    let network =
        Network::builder().override_endpoint("https://upstream.example.com", upstream.address).build().unwrap();
    let builder = compiled::builder().network(network).provider(component(fault)).report_url(BASE);
    let engine = builder.build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let options = json!({"Sender": "Shop", "Key": "k3y-of-reports"});
    let instance = admin.create_instance("s", NewInstance::new("wrong", "x", options)).await.unwrap();
    admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    engine.start(NewChallenge::new(SignIn::new("s").tenant("t").user("alice")).phone("+41791234567")).await.unwrap();
    let body: Value = serde_json::from_str(&upstream.seen().pop().unwrap().body).unwrap();
    let url = body["report"].as_str().unwrap().to_owned();
    (engine, url)
}

async fn accepts(engine: &TwoFactor, url: &str, method: &str, query: &str, headers: &HeaderMap, body: &str) -> bool {
    let message = url.strip_prefix(BASE).unwrap().strip_prefix('/').unwrap();
    let report = ReportRequest { method, query, headers, body: body.as_bytes() };
    engine.handle_delivery_report(message, &report).await.is_ok()
}

#[tokio::test]
async fn a_report_by_get_is_accepted_at_the_secret_url_of_its_message_alone() {
    let upstream = Upstream::start().await;
    let (engine, url) = reporting("reports: their URL alone", &upstream).await;
    let proof = url.rsplit('/').next().unwrap();
    assert!(proof.len() >= 32 && proof.bytes().all(|b| b.is_ascii_hexdigit()), "128 bits: {proof}");
    let none = HeaderMap::new();
    for query in ["", "status", "status=sent-by-nobody"] {
        let _ = accepts(&engine, &url, "GET", query, &none, "").await;
    }
    assert!(!accepts(&engine, &url, "PUT", "status=delivered", &none, "").await);
    assert!(!accepts(&engine, &url, "GET", &"a".repeat(9000), &none, "").await);
    let other = format!("{}{}", &url[..url.len() - 1], if url.ends_with('0') { '1' } else { '0' });
    assert!(!accepts(&engine, &other, "GET", "status=delivered", &none, "").await);
    assert!(accepts(&engine, &url, "GET", "status=delivered", &none, "").await);
    assert!(accepts(&engine, &url, "GET", "status=delivered", &none, "").await);
    let admin = engine.administration(Actor::new("test"));
    let all = admin.statistics("s", "2020-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(all.iter().filter(|one| one.event == "confirmed").map(|one| one.count).sum::<u64>(), 1);
}

#[tokio::test]
async fn a_report_needs_the_secret_header_or_the_signature_of_its_instance() {
    let upstream = Upstream::start().await;
    let body = r#"{"status": "delivered"}"#;
    let with =
        |name: &'static str, value: &str| HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
    let (engine, url) = reporting("reports by a header", &upstream).await;
    for (value, is_accepted) in [("", false), ("k3y-of-report", false), ("k3y-of-reports", true)] {
        assert_eq!(accepts(&engine, &url, "POST", "", &with("x-token", value), body).await, is_accepted, "{value}");
    }
    let (engine, url) = reporting("reports by a signature", &upstream).await;
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"k3y-of-reports");
    let signed = |text: String| with("x-signature", &hex::encode(hmac::sign(&key, text.as_bytes())));
    assert!(!accepts(&engine, &url, "POST", "", &signed(format!("{url}{{}}")), body).await);
    assert!(!accepts(&engine, &url, "POST", "", &signed(body.to_owned()), body).await);
    assert!(accepts(&engine, &url, "POST", "", &signed(format!("{url}{body}")), body).await);
}

#[tokio::test]
async fn reports_are_not_read_where_a_secret_decides_how_they_are_signed() {
    let has_reports = async |fault: &str, key: &str| {
        let network = Network::builder().build().unwrap();
        let component = Component::load(&component(fault), network, SandboxLimits::default()).await.unwrap();
        component.configure(&json!({"Sender": "Shop", "Key": key})).await.unwrap().has_reports()
    };
    assert!(has_reports("reports", "a key of Standard Webhooks").await);
    assert!(has_reports("reports signed as a secret says", "a key of Twilio").await);
    assert!(!has_reports("reports signed as a secret says", "a key of Standard Webhooks").await);
}

#[tokio::test]
async fn a_price_in_a_report_is_in_the_message_history() {
    let place = Place::new(options(), Some(BASE)).await;
    let url = place.sent().await.unwrap();
    let with_price = |amount: &str| format!("{}&Price={amount}&PriceUnit=USD", body("delivered"));
    let report = with_price("-0.00750");
    assert!(place.reports(&url, &signed(TOKEN, &url, &report), &report).await);
    // One that is malformed, or that is the number it went to, is left out.
    for amount in ["1e9", "0.791234567", "791234567"] {
        let url = place.sent().await.unwrap();
        let report = with_price(amount);
        assert!(place.reports(&url, &signed(TOKEN, &url, &report), &report).await, "{amount}");
    }
    let admin = place.engine.administration(Actor::new("test"));
    let history = admin.messages("s", &MessageQuery::User("alice".to_owned())).await.unwrap();
    let prices: Vec<String> =
        history.events.iter().filter_map(|event| Some(event.price.as_ref()?.to_string())).collect();
    assert_eq!(prices, ["0.00750 USD"]);
}

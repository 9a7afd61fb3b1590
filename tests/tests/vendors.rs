//! The real components with the vendors' own interfaces: a code travels over TLS to a strict
//! substitute of each and is accepted once.

use serde_json::{Value, json};
use twofactor_tests::vendors::ecall::{self, Ecall};
use twofactor_tests::vendors::graph::{self, Graph};
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::twilio::{self, Twilio};
use twofactor_tests::vendors::{Bench, trusting};

const PHONE: &str = "+41791234567";
const EMAIL: &str = "alice@example.org";

fn twilio_options(more: &Value) -> Value {
    let mut options = json!({"TwilioAccountSid": twilio::ACCOUNT, "TwilioAuthToken": twilio::TOKEN,
        "TwilioSmsFromNumber": "+15005550006"});
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    options
}

async fn on_twilio(more: Value) -> (Twilio, Bench) {
    let authority = Authority::default();
    let twilio = Twilio::start(&authority).await;
    let bench = Bench::new(twilio.on(trusting(&authority)), "twilio", twilio_options(&more)).await;
    (twilio, bench)
}

#[tokio::test]
async fn a_code_travels_through_twilio_in_each_region_from_each_kind_of_sender_and_with_an_api_key() {
    for (more, host) in [
        (json!({}), "api.twilio.com"),
        (json!({"TwilioRegion": "ie1"}), "api.ie1.twilio.com"),
        (json!({"TwilioRegion": "ie1", "TwilioEdge": "dublin"}), "api.dublin.ie1.twilio.com"),
        (json!({"TwilioEdge": "dublin"}), "api.dublin.us1.twilio.com"),
        (json!({"TwilioSmsFromNumber": twilio::SERVICE}), "api.twilio.com"),
        (json!({"TwilioSmsFromNumber": "My Shop"}), "api.twilio.com"),
        (json!({"TwilioApiKeySid": twilio::KEY, "TwilioAuthToken": twilio::KEY_SECRET}), "api.twilio.com"),
    ] {
        let (twilio, bench) = on_twilio(more.clone()).await;
        bench.a_code_travels(PHONE, EMAIL, || twilio.text()).await;
        let message = &twilio.taken()[0];
        assert_eq!((&*message.host, &*message.fields["To"]), (host, PHONE), "{more}");
        assert_eq!(message.fields["ContentRetention"], "discard");
        assert_eq!(message.fields["AddressRetention"], "obfuscate");
        let seconds: u32 = message.fields["ValidityPeriod"].parse().unwrap();
        assert!((290..=300).contains(&seconds), "{seconds}");
    }
}

#[tokio::test]
async fn each_refusal_of_twilio_means_the_right_failure() {
    for (more, code) in [
        (json!({"TwilioAuthToken": "wrong"}), "20003"),
        (json!({"TwilioApiKeySid": twilio::KEY}), "20003"),
        (json!({"TwilioAccountSid": "AC00000000000000000000000000000000"}), "20003"),
    ] {
        let (twilio, bench) = on_twilio(more).await;
        let report = bench.test(PHONE, EMAIL).await;
        assert_eq!((&*report.outcome, &*report.code), ("misconfigured", code), "{}", report.detail);
        assert!(twilio.taken().is_empty());
    }
}

#[tokio::test]
async fn twilios_magic_numbers_mean_the_right_failures() {
    let credentials = json!({"TwilioAccountSid": twilio::TEST_ACCOUNT, "TwilioAuthToken": twilio::TEST_TOKEN});
    let (twilio, bench) = on_twilio(credentials.clone()).await;
    for (to, outcome, code) in [
        ("+12025550001", "rejected-recipient", "21211"),
        ("+12025550002", "rejected-recipient", "21612"),
        ("+12025550003", "misconfigured", "21408"),
        ("+12025550004", "rejected-recipient", "21610"),
        ("+12025550009", "rejected-recipient", "21614"),
    ] {
        let report = bench.test(to, EMAIL).await;
        assert_eq!((&*report.outcome, &*report.code), (outcome, code), "{to}: {}", report.detail);
    }
    assert!(twilio.taken().is_empty());
    assert_eq!(bench.test(PHONE, EMAIL).await.outcome, "delivered");
    for (from, outcome, code) in [
        ("+15005550001", "misconfigured", "21212"),
        ("+15005550007", "misconfigured", "21606"),
        ("+15005550008", "retry-later", "21611"),
        ("+41791112233", "misconfigured", "21606"),
    ] {
        let mut more = credentials.clone();
        more["TwilioSmsFromNumber"] = from.into();
        let (_twilio, bench) = on_twilio(more).await;
        let report = bench.test(PHONE, EMAIL).await;
        assert_eq!((&*report.outcome, &*report.code), (outcome, code), "{from}: {}", report.detail);
    }
}

async fn on_ecall(password: &str, from: &str) -> (Ecall, Bench) {
    let authority = Authority::default();
    let ecall = Ecall::start(&authority).await;
    let options = json!({"ECallAccountName": ecall::ACCOUNT, "ECallAccountPassword": password,
        "ECallAccountFromNumber": from});
    let bench = Bench::new(ecall.on(trusting(&authority)), "ecall", options).await;
    (ecall, bench)
}

#[tokio::test]
async fn a_code_travels_through_ecall_from_each_kind_of_sender() {
    for from in ["Example", "Shop & Co.", "41791112233", "+41791112233", "1234567890123456"] {
        let (ecall, bench) = on_ecall(ecall::PASSWORD, from).await;
        bench.a_code_travels(PHONE, EMAIL, || ecall.text()).await;
        assert_eq!((&ecall.taken()[0]["from"], &ecall.taken()[0]["to"]), (&from.into(), &PHONE.into()));
    }
}

#[tokio::test]
async fn a_wrong_password_at_ecall_is_for_the_operator() {
    let (ecall, bench) = on_ecall("wrong", "Example").await;
    let report = bench.test(PHONE, EMAIL).await;
    assert_eq!(report.outcome, "misconfigured", "{}", report.detail);
    assert!(ecall.taken().is_empty());
}

/// Returns the sample of the documentation, with values in place of its placeholders.
fn m365_sample(secret: &str) -> String {
    let sample = r#"{
"MailType": "M365",
"ClientId": "<aad-app-clientid>",
"ClientSecret": "<aad-app-clientsecret>",
"TenantId": "<aad-app-tenantid>",
"UserId": "<aad-user-objectid>"
}"#;
    sample
        .replace("<aad-app-clientid>", graph::CLIENT)
        .replace("<aad-app-clientsecret>", secret)
        .replace("<aad-app-tenantid>", graph::TENANT)
        .replace("<aad-user-objectid>", graph::MAILBOX)
}

async fn on_graph(server: Value) -> (Graph, Bench) {
    let authority = Authority::default();
    let graph = Graph::start(&authority).await;
    let options = json!({"EMailSenderAddress": graph::SENDER, "MailServerConfig": server});
    let bench = Bench::new(graph.on(trusting(&authority)), "email", options).await;
    (graph, bench)
}

#[tokio::test]
async fn a_code_travels_through_microsoft_365_with_the_sample_as_object_and_as_text() {
    let sample = m365_sample(graph::SECRET);
    for server in [serde_json::from_str(&sample).unwrap(), Value::from(sample)] {
        let (graph, bench) = on_graph(server).await;
        bench.a_code_travels(PHONE, EMAIL, || graph.text()).await;
        assert_eq!(graph.taken()[0].to, EMAIL);
        assert_eq!(graph.taken()[0].subject, "Your code");
    }
}

#[tokio::test]
async fn three_emails_use_one_token_and_one_that_is_withdrawn_is_renewed_once() {
    let (graph, bench) = on_graph(m365_sample(graph::SECRET).into()).await;
    for _ in 0..3 {
        assert_eq!(bench.test(PHONE, EMAIL).await.outcome, "delivered");
    }
    assert_eq!(graph.requests(), (1, 3));
    graph.withdraw();
    assert_eq!(bench.test(PHONE, EMAIL).await.outcome, "delivered");
    assert_eq!(graph.requests(), (2, 5));
    assert_eq!(graph.taken().iter().map(|mail| mail.token).collect::<Vec<_>>(), [1, 1, 1, 2]);
    // An origin that accepts no token is not asked endlessly: there was a new token a moment ago.
    graph.accept_none();
    for sent in 6..9 {
        let report = bench.test(PHONE, EMAIL).await;
        assert_eq!((&*report.outcome, &*report.code), ("misconfigured", "InvalidAuthenticationToken"));
        assert_eq!(graph.requests(), (2, sent));
    }
}

#[tokio::test]
async fn a_token_without_a_lifetime_or_an_expired_one_serves_one_mail() {
    for seconds in [None, Some(0)] {
        let (graph, bench) = on_graph(m365_sample(graph::SECRET).into()).await;
        graph.expires_in(seconds);
        for _ in 0..3 {
            assert_eq!(bench.test(PHONE, EMAIL).await.outcome, "delivered");
        }
        assert_eq!(graph.requests(), (3, 3));
    }
}

#[tokio::test]
async fn concurrent_emails_wait_for_one_token() {
    let (graph, bench) = on_graph(m365_sample(graph::SECRET).into()).await;
    let tests = std::array::from_fn::<_, 8, _>(|_| bench.test(PHONE, EMAIL));
    let [a, b, c, d, e, f, g, h] = tests;
    let reports = tokio::join!(a, b, c, d, e, f, g, h);
    assert_eq!((&*reports.0.outcome, &*reports.7.outcome), ("delivered", "delivered"));
    assert_eq!(graph.requests(), (1, 8));
}

#[tokio::test]
async fn each_refusal_of_microsoft_means_the_right_failure() {
    for (name, value, outcome, code) in [
        ("ClientSecret", "wrong", "misconfigured", "unauthenticated"),
        ("ClientId", "wrong", "misconfigured", "unauthenticated"),
        ("TenantId", "wrong.example.com", "misconfigured", "unauthenticated"),
        ("UserId", "wrong", "misconfigured", "ErrorInvalidUser"),
    ] {
        let mut server: Value = serde_json::from_str(&m365_sample(graph::SECRET)).unwrap();
        server[name] = value.into();
        let (graph, bench) = on_graph(server).await;
        let report = bench.test(PHONE, EMAIL).await;
        assert_eq!((&*report.outcome, &*report.code), (outcome, code), "{name}: {}", report.detail);
        assert!(graph.taken().is_empty());
    }
    let (_graph, bench) = on_graph(m365_sample("wrong").into()).await;
    let detail = bench.test(PHONE, EMAIL).await.detail;
    assert!(detail.contains("invalid_client") && detail.contains("7000215"), "{detail}");
    let (_graph, bench) = on_graph(m365_sample(graph::SECRET).into()).await;
    assert_eq!(bench.test(PHONE, "nobody@example.invalid").await.outcome, "rejected-recipient");
}

#[tokio::test]
async fn a_mailbox_that_sends_too_much_is_left_in_peace_for_as_long_as_microsoft_says() {
    let (graph, bench) = on_graph(m365_sample(graph::SECRET).into()).await;
    for _ in 0..30 {
        assert_eq!(bench.test(PHONE, EMAIL).await.outcome, "delivered");
    }
    assert_eq!(bench.test(PHONE, EMAIL).await.outcome, "retry-later");
    let start = twofactor::NewChallenge::new(twofactor::SignIn::new("s").tenant("t").user("u")).email(EMAIL);
    let error = bench.engine.start(start).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(error.retry_after().unwrap().as_secs(), 17);
    assert_eq!(graph.taken().len(), 30);
}

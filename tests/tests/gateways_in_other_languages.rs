//! The providers for gateways in JavaScript, Python, Go and C, each before a strict stand-in for its vendor.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use twofactor::Network;
use twofactor_tests::delivery_reports::{Headers, Report, Reported, hs256, sha256};
use twofactor_tests::gateways::{Gateway, Refusal, code_in_body};
use twofactor_tests::languages::providers_in;
use twofactor_tests::vendors::recorder::Recorder;
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::{bird, lan_gateway, matrix, sinch, telegram, trusting};

static JAVASCRIPT: OnceCell<Option<PathBuf>> = OnceCell::const_new();
static C: OnceCell<Option<PathBuf>> = OnceCell::const_new();

/// A component that its language's script builds; `None` if it cannot be built here.
async fn component(language: &'static str, type_id: &str) -> Option<Vec<u8>> {
    let build = || async move {
        let below = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages");
        tokio::task::spawn_blocking(move || providers_in(language, &below)).await.unwrap()
    };
    let folder = match language {
        "javascript" => JAVASCRIPT.get_or_init(build).await.clone(),
        "c" => C.get_or_init(build).await.clone(),
        _ => build().await,
    };
    Some(std::fs::read(folder?.join(format!("{type_id}.wasm"))).unwrap())
}

fn gateway(
    (type_id, component): (&'static str, Vec<u8>),
    (authority, vendor): (&Authority, Recorder),
    options: Value,
    secrets: &'static [&'static str],
    recipient: &'static str,
) -> Gateway {
    let network = vendor.on(trusting(authority)).build().unwrap();
    Gateway { type_id, component, vendor, network, options, secrets, recipient, code: code_in_body }
}

#[tokio::test]
async fn a_code_travels_through_sinch_by_a_provider_in_javascript() {
    let Some(component) = component("javascript", "sinch").await else { return };
    let authority = Authority::default();
    let vendor = sinch::start(&authority).await;
    let options = json!({"SinchServicePlanId": sinch::PLAN, "SinchApiToken": sinch::TOKEN, "SinchFrom": sinch::FROM,
        "SinchRegion": "eu"});
    let gateway = gateway(("sinch", component), (&authority, vendor), options, &[sinch::TOKEN], "+41791234505");
    let refusals: [Refusal; 4] = [
        (json!({"SinchApiToken": "wrong-token"}), None, "misconfigured", "401"),
        (json!({"SinchServicePlanId": "another-plan"}), None, "misconfigured", "not_found"),
        (json!({"SinchFrom": "Other"}), None, "misconfigured", "forbidden"),
        (json!({}), Some(sinch::INVALID), "rejected-recipient", "syntax_constraint_violation"),
    ];
    gateway.holds(&refusals).await;
}

#[tokio::test]
async fn a_report_of_sinch_counts_at_the_secret_url_of_its_message_alone() {
    let Some(component) = component("javascript", "sinch").await else { return };
    let authority = Authority::default();
    let vendor = sinch::start(&authority).await;
    let options = json!({"SinchServicePlanId": sinch::PLAN, "SinchApiToken": sinch::TOKEN, "SinchFrom": sinch::FROM,
        "SinchRegion": "eu"});
    let place = Reported::new(("sinch", component), (&authority, vendor), options, "/callback_url").await;
    let report = |_: &str, status: &str| {
        let code = if status == "Delivered" { 0 } else { 402 };
        let report = json!({"type": "recipient_delivery_report_sms", "batch_id": "01FC66621XXXXX119Z8PMV1QPQ",
            "recipient": "41791234567", "code": code, "status": status, "at": "2026-11-24T12:00:01.000Z"});
        Report::post(Headers::new(), &report.to_string())
    };
    place.refuses_other_urls(&report("", "Delivered")).await;
    place.counts(("Delivered", "Failed"), "402", report).await;
}

#[tokio::test]
async fn a_code_travels_through_bird_by_a_provider_in_javascript() {
    let Some(component) = component("javascript", "bird").await else { return };
    let authority = Authority::default();
    let vendor = bird::start(&authority).await;
    let options = json!({"BirdAccessKey": bird::KEY, "BirdOriginator": bird::ORIGINATOR});
    let gateway = gateway(("bird", component), (&authority, vendor), options, &[bird::KEY], "+41791234506");
    let refusals: [Refusal; 3] = [
        (json!({"BirdAccessKey": "wrong-key"}), None, "misconfigured", "2"),
        (json!({"BirdOriginator": "Other"}), None, "misconfigured", "10"),
        (json!({}), Some(bird::UNKNOWN), "rejected-recipient", "9"),
    ];
    gateway.holds(&refusals).await;
}

/// Returns a token as MessageBird makes it, for a report to this URL: developers.messagebird.com/api/#verifying-http-requests.
fn signed_by_bird(key: &str, issuer: &str, now: i64, url: &str) -> Headers {
    let claims = json!({"iss": issuer, "nbf": now, "exp": now + 60, "jti": "e8bc7e9f-2b3f-4bb0-9d5c-5e0b8d0c1a9e",
        "url_hash": sha256(url)});
    vec![("messagebird-signature-jwt", hs256(key, &claims))]
}

#[tokio::test]
async fn a_report_of_bird_counts_if_its_token_is_signed_with_the_key_of_the_account() {
    const KEY: &str = "signing-key-of-the-account";
    let Some(component) = component("javascript", "bird").await else { return };
    let authority = Authority::default();
    let vendor = bird::start(&authority).await;
    let options = json!({"BirdAccessKey": bird::KEY, "BirdOriginator": bird::ORIGINATOR, "BirdSigningKey": KEY});
    let place = Reported::new(("bird", component), (&authority, vendor), options, "/reportUrl").await;
    let query = |status: &str| {
        let code = if status == "delivery_failed" { "104" } else { "" };
        format!(
            "id=e8077d803532c0b5937c639b60216938&reference=m&recipient=41791234567&status={status}\
             &statusDatetime=2026-11-24T12%3A00%3A01%2B00%3A00&statusErrorCode={code}\
             &price%5Bamount%5D=0.07&price%5Bcurrency%5D=EUR"
        )
    };
    let (now, url) = (place.now(), place.sent().await);
    let delivered = query("delivered");
    let signed = |key: &str, issuer: &str, at: i64| signed_by_bird(key, issuer, at, &format!("{url}?{delivered}"));
    let mut elsewhere = signed(KEY, "MessageBird", now);
    elsewhere[0].0 = "authorization";
    for (why, headers) in [
        ("it is not signed", Headers::new()),
        ("it is signed with another key", signed("another key", "MessageBird", now)),
        ("somebody else issued it", signed(KEY, "Bird", now)),
        ("it is an hour old", signed(KEY, "MessageBird", now - 3600)),
        ("its signature is in another header", elsewhere),
        (
            "it is signed for another query",
            signed_by_bird(KEY, "MessageBird", now, &format!("{url}?{}", query("buffered"))),
        ),
    ] {
        assert!(!place.accepts(&url, &Report::get(headers, &delivered)).await, "{why}");
    }
    let report = |url: &str, status: &str| {
        let query = query(status);
        Report::get(signed_by_bird(KEY, "MessageBird", now, &format!("{url}?{query}")), &query)
    };
    assert!(place.accepts(&url, &report(&url, "buffered")).await);
    assert_eq!(place.counted().await, (0, Vec::new()));
    place.counts(("delivered", "delivery_failed"), "104", report).await;
}

#[tokio::test]
async fn a_code_travels_to_a_matrix_room_by_a_provider_in_python() {
    let Some(component) = component("python", "matrix").await else { return };
    let authority = Authority::default();
    let vendor = matrix::start(&authority).await;
    let options = json!({"MatrixHomeserver": matrix::HOST, "MatrixAccessToken": matrix::TOKEN});
    let gateway = gateway(("matrix", component), (&authority, vendor), options, &[matrix::TOKEN], matrix::ROOM);
    let refusals: [Refusal; 2] = [
        (json!({"MatrixAccessToken": "wrong-token"}), None, "misconfigured", "M_UNKNOWN_TOKEN"),
        (json!({}), Some(matrix::FOREIGN), "rejected-recipient", "M_FORBIDDEN"),
    ];
    gateway.holds(&refusals).await;
}

#[tokio::test]
async fn a_code_travels_through_telegram_by_itself_by_a_provider_in_go() {
    let Some(component) = component("go", "telegram-gateway").await else { return };
    let authority = Authority::default();
    let vendor = telegram::start(&authority).await;
    let options = json!({"TelegramGatewayToken": telegram::TOKEN, "TelegramSenderUsername": telegram::SENDER});
    let provider = ("telegram-gateway", component);
    let gateway = gateway(provider, (&authority, vendor), options, &[telegram::TOKEN], "+41791234507");
    let refusals: [Refusal; 3] = [
        (json!({"TelegramGatewayToken": "wrong-token"}), None, "misconfigured", "ACCESS_TOKEN_INVALID"),
        (json!({"TelegramSenderUsername": "other_shop"}), None, "misconfigured", "SENDER_NOT_VERIFIED"),
        (json!({}), Some(telegram::ABSENT), "rejected-recipient", "PHONE_NUMBER_NOT_AVAILABLE"),
    ];
    Gateway { code: telegram::code, ..gateway }.holds(&refusals).await;
}

/// The provider in C, for a gateway at a plain address on a local network.
fn on_a_local_network(component: Vec<u8>, vendor: Recorder, mut options: Value, path: &str) -> Gateway {
    let network = Network::builder().allow_plaintext_http(&vendor.url("")).allow_code_in_query(&vendor.url(""));
    options["LanGatewayUrl"] = vendor.url(path).into();
    options["LanGatewaySecret"] = lan_gateway::TOKEN.into();
    Gateway {
        type_id: "lan-gateway",
        component,
        network: network.build().unwrap(),
        vendor,
        options,
        secrets: &[lan_gateway::TOKEN],
        recipient: "+41791234508",
        code: lan_gateway::code,
    }
}

#[tokio::test]
async fn a_code_travels_through_smseagle_by_a_provider_in_c() {
    let Some(component) = component("c", "lan-gateway").await else { return };
    let vendor = lan_gateway::start_smseagle().await;
    let elsewhere = vendor.url("/http_api/send_mms");
    let gateway = on_a_local_network(component, vendor, json!({}), "/http_api/send_sms");
    let refusals: [Refusal; 3] = [
        (json!({"LanGatewaySecret": "wrong-token"}), None, "misconfigured", "credentials"),
        (json!({"LanGatewayTextName": "text"}), None, "rejected-message", "parameters"),
        (json!({"LanGatewayUrl": elsewhere}), None, "misconfigured", "status"),
    ];
    gateway.holds(&refusals).await;
}

#[tokio::test]
async fn a_code_travels_through_kannel_by_a_provider_in_c() {
    let Some(component) = component("c", "lan-gateway").await else { return };
    let vendor = lan_gateway::start_kannel().await;
    let options = json!({"LanGatewaySecretName": "password", "LanGatewayTextName": "text", "LanGatewayAccepted": "0"});
    let path = format!("/cgi-bin/sendsms?username={}", lan_gateway::USER);
    let gateway = on_a_local_network(component, vendor, options, &path);
    let refusals: [Refusal; 2] = [
        (json!({"LanGatewaySecret": "wrong-password"}), None, "misconfigured", "credentials"),
        (json!({}), Some(lan_gateway::BARRED), "rejected-recipient", "number"),
    ];
    gateway.holds(&refusals).await;
}

#[tokio::test]
async fn a_code_travels_in_a_form_with_digest_authentication_by_a_provider_in_c() {
    let Some(component) = component("c", "lan-gateway").await else { return };
    let vendor = lan_gateway::start_digest().await;
    let options = json!({"LanGatewayMethod": "POST", "LanGatewayUser": lan_gateway::USER, "LanGatewayNumberName": "phone",
        "LanGatewayTextName": "body", "LanGatewayAccepted": "sent"});
    let origin = vendor.url("");
    let network = Network::builder().allow_plaintext_http(&origin).digest_authentication(&origin).build().unwrap();
    let gateway = on_a_local_network(component, vendor, options, "/send");
    let refusals: [Refusal; 2] = [
        (json!({"LanGatewayUser": "other"}), None, "misconfigured", "credentials"),
        (json!({"LanGatewaySecret": "wrong-password"}), None, "misconfigured", "credentials"),
    ];
    Gateway { network, code: code_in_body, ..gateway }.holds(&refusals).await;
}

#[tokio::test]
async fn a_code_travels_in_a_form_with_basic_authentication_by_a_provider_in_c() {
    let Some(component) = component("c", "lan-gateway").await else { return };
    let vendor = lan_gateway::start_form().await;
    let options = json!({"LanGatewayMethod": "POST", "LanGatewayUser": lan_gateway::USER, "LanGatewayNumberName": "phone",
        "LanGatewayTextName": "body", "LanGatewayAccepted": "sent"});
    // The code is in the body: the operator does not have to allow it in the query.
    let network = Network::builder().allow_plaintext_http(&vendor.url("")).build().unwrap();
    let gateway = on_a_local_network(component, vendor, options, "/send");
    let refusals: [Refusal; 2] = [
        (json!({"LanGatewayUser": "other"}), None, "misconfigured", "credentials"),
        (json!({"LanGatewayNumberName": "to"}), None, "rejected-message", "parameters"),
    ];
    Gateway { network, code: code_in_body, ..gateway }.holds(&refusals).await;
}

//! The providers for gateways in JavaScript, Python, Go and C, each before a strict stand-in for its vendor.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use twofactor_tests::gateways::{Gateway, Refusal, code_in_body};
use twofactor_tests::languages::providers_in;
use twofactor_tests::vendors::recorder::Recorder;
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::{bird, matrix, sinch, telegram, trusting};

static JAVASCRIPT: OnceCell<Option<PathBuf>> = OnceCell::const_new();

/// A component that its language's script builds; `None` if it cannot be built here.
async fn component(language: &'static str, type_id: &str) -> Option<Vec<u8>> {
    let build = || async move {
        let below = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages");
        tokio::task::spawn_blocking(move || providers_in(language, &below)).await.unwrap()
    };
    let folder = match language {
        "javascript" => JAVASCRIPT.get_or_init(build).await.clone(),
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

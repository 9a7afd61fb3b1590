//! The code is put in when a message is sent: the component that sends it never has it.

use serde_json::json;
use twofactor::Network;
use twofactor::sandbox::{Component, Message, Outbox, SandboxLimits};
use twofactor_tests::hostile::{Neighbourhood, WASI_HTTP};
use twofactor_tests::sample;
use twofactor_tests::upstream::code;
use twofactor_tests::wrong::component;

const MIRROR: &str = "https://upstream.example.com/mirror";

#[tokio::test]
async fn the_code_reaches_the_upstream_and_is_never_in_the_components_memory() {
    let place = Neighbourhood::new().await;
    for n in 0..50 {
        let report = place.attempt_alone(json!({"Behaviour": "search for the code", "Url": MIRROR})).await;
        // The search does find it after the component has assembled it itself.
        let (before, after) = report.code.split_once(" then ").unwrap();
        assert_eq!(before, "0", "{report:?}");
        assert_ne!(after, "0", "{report:?}");
        assert!(code(&place.upstream.seen()[n].body).is_some());
    }
    println!("50 deliveries: 50 codes arrived, none was in the component's memory");
}

#[tokio::test]
async fn the_code_is_put_into_wasi_http_requests_too() {
    let place = Neighbourhood::of("wasi-http", WASI_HTTP).await;
    let report = place.attempt_alone(json!({"Behaviour": "send", "Url": MIRROR})).await;
    assert_eq!((&*report.outcome, &*report.code), ("delivered", "201"), "{}", report.detail);
    assert!(code(&place.upstream.seen()[0].body).is_some());
}

#[tokio::test]
async fn an_email_takes_the_code_only_to_the_messages_recipient() {
    for (to, arrives) in [("eve", false), ("its recipient", true)] {
        let outbox = Outbox::new();
        let network = Network::builder().outbox(&outbox).build().unwrap();
        let component = component(&format!("its mail goes to {to}"));
        let component = Component::load(&component, network, SandboxLimits::default()).await.unwrap();
        let configured = component.configure(&json!({"Sender": "Shop", "Key": "k3y"})).await.unwrap();
        let message = Message { subject: "Your code".to_owned(), ..sample::message("ann@example.com", "482913") };
        match configured.deliver(message).await {
            Ok(_) => assert!(arrives, "{to}"),
            Err(failure) => assert_eq!((arrives, &*failure.reason().code), (false, "denied"), "{failure:?}"),
        }
        assert_eq!(outbox.mails().len(), usize::from(arrives));
    }
}

#[tokio::test]
async fn a_reported_delivery_without_a_sent_code_is_not_believed() {
    let place = Neighbourhood::new().await;
    let report = place.attempt(json!({"Behaviour": "tell of a delivery"})).await;
    assert_eq!((&*report.outcome, &*report.code), ("misconfigured", "no-code"), "{}", report.detail);
}

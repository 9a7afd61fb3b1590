//! Misbehaving components end without harm to others: each runs next to another provider, which
//! must work during and afterwards.

use std::collections::BTreeSet;

use serde_json::json;
use twofactor::Network;
use twofactor::sandbox::Component;
use twofactor_tests::hostile::{Neighbourhood, SECRET, limits};
use twofactor_tests::wrong;

/// Tries a behaviour in `deliver`; returns how it ended.
async fn deliver(behaviour: &str) -> (String, String) {
    let place = Neighbourhood::new().await;
    let report = place.attempt(json!({"Behaviour": behaviour, "Url": "https://upstream.example.com/x"})).await;
    (report.outcome, report.detail)
}

/// Tries a behaviour in `configure`. Returns the problems of the options.
async fn configure(behaviour: &str) -> Vec<String> {
    Neighbourhood::new().await.problems(behaviour).await
}

#[tokio::test]
async fn a_loop_in_deliver_ends_at_its_running_time() {
    let (outcome, detail) = deliver("loop").await;
    assert_eq!(outcome, "misconfigured");
    assert!(detail.contains("exceeded its running time"), "{detail}");
}

#[tokio::test]
async fn memory_that_grows_ends_the_call() {
    assert_eq!(deliver("grow").await.0, "misconfigured");
}

#[tokio::test]
async fn recursion_ends_the_call() {
    assert_eq!(deliver("recurse").await.0, "misconfigured");
}

#[tokio::test]
async fn a_trap_and_an_exit_end_the_call() {
    assert_eq!(deliver("trap").await.0, "misconfigured");
    assert_eq!(deliver("exit").await.0, "misconfigured");
}

#[tokio::test]
async fn a_result_that_is_too_long_ends_the_call() {
    let (outcome, detail) = deliver("long answer").await;
    assert_eq!(outcome, "misconfigured");
    assert!(detail.len() < 1000);
}

#[tokio::test]
async fn a_request_longer_than_may_cross_is_not_sent() {
    let place = Neighbourhood::new().await;
    let url = "https://upstream.example.com/long";
    let report = place.attempt(json!({"Behaviour": "long request", "Url": url})).await;
    assert_eq!(report.outcome, "misconfigured");
    assert!(place.upstream.seen().iter().all(|seen| seen.path != "/long"));
}

#[tokio::test]
async fn a_flood_of_log_lines_harms_no_other_call() {
    let (outcome, detail) = deliver("log flood").await;
    assert!(["delivered", "misconfigured"].contains(&&*outcome), "{outcome} {detail}");
}

#[tokio::test]
async fn a_flood_of_calls_stops_at_its_quota() {
    let place = Neighbourhood::new().await;
    place.attempt(json!({"Behaviour": "call flood", "Url": "https://upstream.example.com/flood"})).await;
    let sent = place.upstream.seen().iter().filter(|seen| seen.path == "/flood").count();
    assert_eq!(sent, limits().host_calls as usize);
}

#[tokio::test]
async fn a_host_call_that_hangs_ends_at_the_calls_deadline_and_its_outcome_is_unknown() {
    let place = Neighbourhood::new().await;
    let url = "https://upstream.example.com/silent";
    let report = place.attempt(json!({"Behaviour": "send", "Url": url})).await;
    assert_eq!(report.outcome, "outcome-unknown");
}

#[tokio::test]
async fn a_message_that_was_sent_stays_sent_whatever_the_component_does_afterwards() {
    let place = Neighbourhood::new().await;
    let attempt = async |behaviour: &str, path: &str| {
        let url = format!("https://upstream.example.com{path}");
        place.attempt(json!({"Behaviour": behaviour, "Url": url})).await.outcome
    };
    assert_eq!(attempt("send, be denied, trap", "/sent").await, "outcome-unknown");
    assert_eq!(place.upstream.seen().iter().filter(|seen| seen.path == "/sent").count(), 1);
    // A request that was only denied was not sent.
    assert_eq!(attempt("be denied, trap", "").await, "misconfigured");
}

#[tokio::test]
async fn loops_growth_recursion_and_traps_in_configure_make_options_invalid() {
    for behaviour in ["configure: loop", "configure: grow", "configure: recurse", "configure: trap"] {
        let problems = configure(behaviour).await;
        assert_eq!(problems.len(), 1, "{behaviour}: {problems:?}");
        assert!(problems[0].starts_with("the provider could not validate the options"), "{behaviour}: {problems:?}");
    }
}

#[tokio::test]
async fn configure_can_reach_nothing() {
    let place = Neighbourhood::new().await;
    assert_eq!(place.problems("configure: send").await, ["sent: false"]);
    assert!(place.upstream.seen().iter().all(|seen| seen.path != "/"));
}

#[tokio::test]
async fn problems_without_end_are_cut() {
    let problems = configure("configure: flood").await;
    assert!(problems.len() <= 64);
}

#[tokio::test]
async fn log_lines_of_a_component_contain_no_secret_recipient_text_or_control_character() {
    let place = Neighbourhood::new().await;
    for said in place.problems("configure: tell").await {
        assert!(!said.contains(SECRET), "{said}");
    }
    let report = place.attempt(json!({"Behaviour": "tell"})).await;
    for said in [&report.code, &report.detail] {
        let digits = said.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() >= 6);
        assert!(!digits && !said.contains(char::is_control), "{said:?}");
    }
}

#[tokio::test]
async fn no_secret_is_in_a_components_memory_while_it_delivers() {
    let place = Neighbourhood::new().await;
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    let search = async |needle: &str| {
        place.attempt_alone(json!({"Behaviour": "search", "Needle": backwards(needle)})).await.code
    };
    assert_eq!(search(SECRET).await, "found 0");
    // The search does find what exists.
    let there = search("Behaviour").await;
    assert!(there.starts_with("found ") && there != "found 0", "{there}");
}

#[tokio::test]
async fn a_hundred_concurrent_hostile_calls_do_not_stop_other_providers() {
    let place = std::sync::Arc::new(Neighbourhood::new().await);
    let behaviours = ["loop", "grow", "recurse", "trap", "log flood"];
    let calls: Vec<_> = (0..100)
        .map(|n| {
            let place = place.clone();
            tokio::spawn(async move { place.attempt_alone(json!({"Behaviour": behaviours[n % 5]})).await })
        })
        .collect();
    for _ in 0..20 {
        place.neighbour_works().await;
    }
    for call in calls {
        assert_ne!(call.await.unwrap().outcome, "outcome-unknown");
    }
    place.neighbour_works().await;
}

/// `provider try` finds what a server would refuse.
#[tokio::test]
async fn a_component_that_is_loaded_alone_is_configured_as_on_a_server() {
    let mut asked = BTreeSet::new();
    for _ in 0..2 {
        let network = Network::builder().build().unwrap();
        let component = Component::load(&wrong::component("configure throws dice"), network, limits()).await.unwrap();
        let configured = component.configure(&json!({"Sender": "Shop", "Key": "k3y"})).await.unwrap();
        asked.insert(configured.endpoints());
    }
    assert_eq!(asked.len(), 1, "{asked:?}");
}

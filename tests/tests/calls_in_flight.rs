//! Calls in flight are bounded over all providers and for each one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use twofactor::Network;
use twofactor::sandbox::SandboxLimits;
use twofactor_tests::compiled;
use twofactor_tests::hostile::{HOSTILE, Neighbourhood};
use twofactor_tests::upstream::Upstream;

/// Returns four calls in flight, this many of one provider.
async fn place(of_one: u32) -> Arc<Neighbourhood> {
    let upstream = Upstream::start().await;
    let network = Network::builder()
        .override_endpoint("https://upstream.example.com", upstream.address)
        .override_endpoint("https://api.twilio.com", upstream.address);
    let mut limits = SandboxLimits::default();
    (limits.calls_in_flight, limits.calls_of_one_provider) = (4, of_one);
    limits.queue_time = Duration::from_millis(300);
    let builder = compiled::builder().network(network.build().unwrap()).limits(limits);
    Arc::new(Neighbourhood::with(builder, upstream, "hostile", HOSTILE).await)
}

#[tokio::test]
async fn a_provider_whose_calls_hang_leaves_turns_for_others() {
    let place = place(2).await;
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let place = place.clone();
        let options = json!({"Behaviour": "send", "Url": "https://upstream.example.com/silent"});
        calls.spawn(async move { place.try_alone(options).await });
    }
    // Six can only end because they had no turn, and then all hang that ever will.
    for _ in 0..6 {
        // Longer than any machine takes: a failing test does not hang.
        let ended = tokio::time::timeout(Duration::from_secs(120), calls.join_next()).await.unwrap();
        // Reported when it validates the options, or when it sends.
        let ended = format!("{:?}", ended.unwrap().unwrap());
        assert!(ended.contains("too many calls are in flight"), "{ended}");
    }
    place.neighbour_works().await;
    let hanging = place.upstream.seen().iter().filter(|seen| seen.path == "/silent").count();
    assert_eq!(hanging, 2);
}

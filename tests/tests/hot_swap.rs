//! A provider is replaced and rolled back while it is used: nobody notices.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use twofactor::challenge::RateLimits;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn, TwoFactor};
use twofactor_tests::upstream::{Upstream, code};
use twofactor_tests::wrong::component;

const CHALLENGES: usize = 10_000;
const SWAPS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_open_challenges_outlive_twenty_swaps() {
    let newer = component("version 1.1.0");
    let (upstream, cache) = (Upstream::start().await, tempfile::tempdir().unwrap());
    let network =
        Network::builder().override_endpoint("https://upstream.example.com", upstream.address).build().unwrap();
    let builder = TwoFactor::builder().network(network).rate_limits(RateLimits::none()).cache_dir(cache.path());
    let engine = builder.provider(component("none")).build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let instance = NewInstance::new("wrong", "SMS", json!({"Sender": "Shop", "Key": "k"}));
    let instance = admin.create_instance("s", instance).await.unwrap();
    admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();

    // The swaps are spread over the run: one after each block of started challenges.
    let (due, mut swaps) = mpsc::unbounded_channel();
    let started = AtomicUsize::new(0);
    let start = stream::iter(0..CHALLENGES)
        .map(|n| {
            let (engine, due, started) = (engine.clone(), due.clone(), &started);
            async move {
                let number = format!("+4179{:07}", 1_000_000 + n);
                let sign_in = SignIn::new("s").tenant("t").user(&number);
                let challenge = engine.start(NewChallenge::new(sign_in).phone(&number)).await;
                if (started.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(CHALLENGES / SWAPS) {
                    due.send(()).unwrap();
                }
                (number, challenge)
            }
        })
        .buffer_unordered(64)
        .collect::<Vec<_>>();
    let swap = async {
        let mut digests = Vec::new();
        for n in 1..=SWAPS {
            swaps.recv().await.unwrap();
            let serves = match n % 2 {
                1 => admin.add_provider(&newer).await,
                _ => admin.roll_back_provider("wrong", None, false).await,
            };
            digests.push(serves.unwrap().digest);
        }
        digests
    };
    let (challenges, digests) = tokio::join!(start, swap);
    assert!(digests.windows(2).all(|pair| pair[0] != pair[1]));

    let mut codes: HashMap<String, String> = HashMap::new();
    for seen in upstream.seen() {
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        let number = body["to"].as_str().unwrap().to_owned();
        let code = code(body["text"].as_str().unwrap()).unwrap().to_owned();
        assert!(codes.insert(number, code).is_none(), "a message was sent twice");
    }
    for (number, challenge) in challenges {
        engine.verify("s", Answer::new(&challenge.unwrap().id, &codes[&number])).await.unwrap();
    }
    println!("{CHALLENGES} challenges, all open at once, {SWAPS} swaps and rollbacks: all delivered once and verified");
}

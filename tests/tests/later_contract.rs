//! Components that were built against a later minor version of the contract.

use std::fs;

use serde_json::json;
use twofactor::sandbox::{Provider, Sandbox, SandboxLimits};
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn};
use twofactor_tests::compiled;
use twofactor_tests::upstream::{Upstream, code};

/// Returns a component as a later minor version's bindings would name its imports and exports. The names have the same length, so that
/// nothing else in the file changes.
fn of_later_version(mut component: Vec<u8>) -> Vec<u8> {
    let (package, from, to) = (b"twofactor:provider/", b"@0.2.0", b"@0.2.7");
    let starts: Vec<usize> =
        component.windows(package.len()).enumerate().filter(|(_, w)| w == package).map(|(at, _)| at).collect();
    assert!(starts.len() > 3);
    for start in starts {
        let near = &component[start..(start + 64).min(component.len())];
        let at = near.windows(from.len()).position(|window| window == from).unwrap();
        component[start + at..start + at + to.len()].copy_from_slice(to);
    }
    component
}

#[tokio::test]
async fn a_component_that_uses_nothing_new_of_a_later_minor_version_delivers() {
    let frozen = concat!(env!("CARGO_MANIFEST_DIR"), "/frozen/0.2.0/twilio.wasm");
    let component = of_later_version(fs::read(frozen).unwrap());
    let upstream = Upstream::start().await;
    let network = Network::builder().override_endpoint("https://api.twilio.com", upstream.address).build().unwrap();
    let engine = compiled::builder().network(network).provider(component).build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioSmsFromNumber": "+15005550006"});
    let instance = admin.create_instance("s", NewInstance::new("twilio", "SMS", options)).await.unwrap();
    admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    let start = NewChallenge::new(SignIn::new("s").tenant("t").user("alice")).phone("+41791234567");
    let challenge = engine.start(start).await.unwrap();
    let text = upstream.seen()[0].body.clone();
    engine.verify("s", Answer::new(&challenge.id, code(&text).unwrap())).await.unwrap();
}

#[tokio::test]
async fn a_function_of_a_later_minor_version_is_named_with_the_remedy() {
    let text = r#"(component
        (import "twofactor:provider/log@0.2.7" (instance (export "flush" (func)))))"#;
    let sandbox = Sandbox::new(SandboxLimits::default(), Network::builder().build().unwrap()).unwrap();
    let error = Provider::load(&sandbox, &wat::parse_str(text).unwrap(), None).await.err().unwrap().to_string();
    for part in ["twofactor:provider/log@0.2.7", "no function `flush`", "run the component on a newer TwoFactor"] {
        assert!(error.contains(part), "{error}");
    }
}

//! Components that were built against a later minor version of the contract.

use std::fs;

use serde_json::{Value, json};
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

/// What sections of a component contain, in its binary form.
const COMPONENTS: u8 = 4;
const INSTANCES: u8 = 5;
const IMPORTS: u8 = 10;
const EXPORTS: u8 = 11;

/// Splits off a number in LEB128.
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let (number, rest) = bytes.split_at(length);
    (number.iter().rev().fold(0, |all, byte| all << 7 | usize::from(byte & 0x7f)), rest)
}

/// Returns a number in LEB128.
fn leb128(number: usize) -> Vec<u8> {
    match number {
        ..0x80 => vec![u8::try_from(number).unwrap()],
        _ => [&[u8::try_from(number & 0x7f | 0x80).unwrap()][..], &leb128(number >> 7)[..]].concat(),
    }
}

/// Returns the sections of a component: of each its id and its content.
fn sections(component: &[u8]) -> Vec<(u8, &[u8])> {
    // After the magic number and the version.
    let (mut rest, mut found) = (&component[8..], Vec::new());
    while let Some((id, after)) = rest.split_first() {
        let (length, content) = number(after);
        found.push((*id, &content[..length]));
        rest = &content[length..];
    }
    found
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb128(content.len())[..], content].concat()
}

/// Returns a component that exports one more interface, with a function in it.
fn with_interface(component: Vec<u8>, name: &str) -> Vec<u8> {
    let text = r#"(component
        (core module $module (func (export "asked") (result i32) (i32.const 1)))
        (core instance $instance (instantiate $module))
        (func (export "is-known") (result bool) (canon lift (core func $instance "asked"))))"#;
    let sections = sections(&component);
    let inner = sections.iter().filter(|(id, _)| *id == COMPONENTS).count();
    // Each import and each export of a provider is an interface, which is an instance.
    let of_instances = sections.iter().filter(|(id, _)| [INSTANCES, IMPORTS, EXPORTS].contains(id));
    let instance: usize = of_instances.map(|(_, content)| number(content).0).sum();
    // One entry each: an instance of the inner component without arguments, and that instance under a name.
    let instances = [&[1, 0][..], &leb128(inner)[..], &[0][..]].concat();
    let exports =
        [&[1, 0][..], &leb128(name.len())[..], name.as_bytes(), &[5][..], &leb128(instance)[..], &[0][..]].concat();
    let inner = section(COMPONENTS, &wat::parse_str(text).unwrap());
    [component, inner, section(INSTANCES, &instances), section(EXPORTS, &exports)].concat()
}

/// Lets a component deliver, and verifies the code that it delivered.
async fn delivers(type_id: &str, options: Value, component: Vec<u8>) {
    let upstream = Upstream::start().await;
    let network = Network::builder()
        .override_endpoint("https://api.twilio.com", upstream.address)
        .override_endpoint("https://upstream.example.com", upstream.address);
    let builder = compiled::builder().network(network.build().unwrap()).provider(component);
    let engine = builder.build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let instance = admin.create_instance("s", NewInstance::new(type_id, "SMS", options)).await.unwrap();
    assert!(instance.valid, "{:?}", instance.problems);
    admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    let start = NewChallenge::new(SignIn::new("s").tenant("t").user("alice")).phone("+41791234567");
    let challenge = engine.start(start).await.unwrap();
    let text = upstream.seen()[0].body.clone();
    engine.verify("s", Answer::new(&challenge.id, code(&text).unwrap())).await.unwrap();
}

#[tokio::test]
async fn a_component_that_uses_nothing_new_of_a_later_minor_version_delivers() {
    let frozen = concat!(env!("CARGO_MANIFEST_DIR"), "/frozen/0.2.0/twilio.wasm");
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioSmsFromNumber": "+15005550006"});
    delivers("twilio", options, of_later_version(fs::read(frozen).unwrap())).await;
}

#[tokio::test]
async fn a_component_that_exports_an_optional_interface_of_a_later_minor_version_delivers() {
    let frozen = concat!(env!("CARGO_MANIFEST_DIR"), "/frozen/0.2.0/wasi-http.wasm");
    let component =
        with_interface(of_later_version(fs::read(frozen).unwrap()), "twofactor:provider/message-status@0.2.7");
    let options = json!({"Behaviour": "send", "Url": "https://upstream.example.com/x", "Secret": "s"});
    delivers("wasi-http", options, component).await;
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

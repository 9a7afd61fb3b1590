//! `configure` sees secrets, and nothing but a credential depends on one: no destination, no name, no word.

use serde_json::{Value, json};
use twofactor::admin::{Administration, Instance, InstanceChange};
use twofactor::sandbox::{Component, Recording, SandboxLimits};
use twofactor::{Actor, Network, NewInstance, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::hostile::HOSTILE;
use twofactor_tests::sample;
use twofactor_tests::wrong::component;

const SECRET: &str = "s3cret-canary-of-the-base-settings";

async fn engine() -> TwoFactor {
    let mut limits = SandboxLimits::default();
    limits.running_time = std::time::Duration::from_millis(500);
    let network = Network::builder().build().unwrap();
    let engine = compiled::builder().network(network).limits(limits).bundled_providers().provider(HOSTILE);
    let engine = engine.provider(twofactor_bundle::WEBHOOK).build().await.unwrap();
    admin(&engine).create_subscription("s", "S").await.unwrap();
    engine
}

fn admin(engine: &TwoFactor) -> Administration {
    engine.administration(Actor::new("test"))
}

async fn instance(engine: &TwoFactor, type_id: &str, options: Value) -> Instance {
    admin(engine).create_instance("s", NewInstance::new(type_id, "x", options)).await.unwrap()
}

/// Returns all that people read of an instance.
fn read(instance: &Instance) -> String {
    let problems = instance.problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.detail));
    problems.chain(instance.connections.iter().map(ToString::to_string)).collect::<Vec<_>>().join("\n")
}

/// Leaks that make an instance invalid, with the field that is named.
const LEAKS: [(&str, &str); 27] = [
    ("host", "the origin"),
    ("port", "the origin"),
    ("header", "the name of the authenticating header"),
    ("user name", "the user name"),
    ("token URL", "the token URL"),
    ("token path", "the token URL"),
    ("client id", "the client id"),
    ("scope", "the scope"),
    ("assertion", "a claim of a token"),
    ("parameter", "a parameter of the token request"),
    ("claim", "a claim of a token"),
    ("key id", "the header of a token"),
    ("login URL", "the login URL"),
    ("login field", "the name of a field of the login"),
    ("token place", "where a token is placed"),
    ("template", "a template of the signature"),
    ("signature header", "a template of the signature"),
    ("region", "the region"),
    ("access key", "the access key's id"),
    ("mail server", "the mail server"),
    ("mail port", "the mail server's port"),
    ("mail user", "the user name"),
    ("mail time", "the mail server's timeout"),
    ("kind", "the way to authenticate"),
    ("number", "the number of connections"),
    ("number of none", "the number of connections"),
    ("an origin that is refused", "the origin"),
];

#[tokio::test]
async fn what_differs_with_another_secret_makes_the_instance_invalid_by_the_name_of_the_field() {
    let engine = engine().await;
    // The requested connections are the same for different secrets.
    for (leak, field) in LEAKS {
        let mut said = Vec::new();
        for secret in ["canary-with-an-odd-c", "0ther-secret-of-the-same", "another-1", "quite-else"] {
            let options = json!({"Behaviour": format!("leak: {leak}"), "Secret": secret});
            said.push(instance(&engine, "hostile", options).await);
        }
        let invalid: Vec<String> = said.iter().filter(|instance| !instance.valid).map(read).collect();
        assert!(!invalid.is_empty(), "{leak}");
        assert!(invalid.iter().all(|said| said.contains(field) && *said == invalid[0]), "{leak}: {invalid:?}");
        let valid: Vec<String> = said.iter().filter(|instance| instance.valid).map(read).collect();
        assert!(valid.iter().all(|said| *said == valid[0]), "{leak}: {valid:?}");
    }
    println!("{} leaks tried, none shown and none granted", LEAKS.len());
}

#[tokio::test]
async fn no_problem_and_no_pointer_depends_on_a_secret() {
    let engine = engine().await;
    for leak in ["text", "pointer", "number of problems"] {
        let of = async |secret: &str| {
            let options = json!({"Behaviour": format!("leak: {leak}"), "Secret": secret});
            read(&instance(&engine, "hostile", options).await)
        };
        let said = of("canary-with-an-odd-c").await;
        assert!(!said.is_empty());
        for secret in ["another-1", "s", "quite-else, and longer than any of the others"] {
            assert_eq!(of(secret).await, said, "{leak}");
        }
    }
}

#[tokio::test]
async fn a_refused_secret_is_named_and_not_repeated() {
    let engine = engine().await;
    let refused = instance(&engine, "hostile", json!({"Behaviour": "leak: form", "Secret": "no_key_at_all"})).await;
    let problem = &refused.problems[0];
    assert_eq!((refused.valid, &*problem.pointer), (false, "/Secret"), "{problem:?}");
    let refused =
        instance(&engine, "hostile", json!({"Behaviour": "leak: beginning", "Needle": "b", "Secret": "abc-abc-abc"}))
            .await;
    assert!(!refused.valid, "{}", read(&refused));
    let url = json!({"WebhookUrl": "https://gateway.example.com/codes", "WebhookSecret": "whsec_short"});
    let short = instance(&engine, "webhook", url).await;
    assert_eq!((short.valid, &*short.problems[0].pointer), (false, "/WebhookSecret"), "{}", read(&short));
}

#[tokio::test]
async fn a_secret_in_the_format_that_the_provider_checks_is_accepted() {
    let engine = engine().await;
    for secret in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="] {
        let options = json!({"WebhookUrl": "https://gateway.example.com/codes", "WebhookSecret": secret});
        let taken = instance(&engine, "webhook", options).await;
        assert!(taken.valid, "{}", read(&taken));
    }
    // A secret without an example in its schema.
    let taken = instance(&engine, "hostile", json!({"Behaviour": "leak: changed", "Secret": SECRET})).await;
    assert!(taken.valid, "{}", read(&taken));
}

#[tokio::test]
async fn a_subscriptions_administrator_learns_no_bit_of_an_inherited_secret() {
    let engine = engine().await;
    // The requested connections are the same for every secret, whatever the options.
    let mut all = Vec::new();
    for secret in [SECRET, "another-secret"] {
        admin(&engine).set_base_settings("hostile", json!({"Secret": secret}), None).await.unwrap();
        let one = instance(&engine, "hostile", json!({"Behaviour": "send"})).await;
        assert!(one.valid, "{}", read(&one));
        let mut said = Vec::new();
        let leaks = LEAKS.iter().map(|(leak, _)| *leak).chain([
            "text",
            "pointer",
            "number of problems",
            "beginning",
            "form",
            "changed",
        ]);
        for leak in leaks.chain(["beginning in a credential"]) {
            for needle in ["s", "s3", "a", "b"] {
                let options = json!({"Behaviour": format!("leak: {leak}"), "Needle": needle});
                let change = InstanceChange { options: Some(options), ..Default::default() };
                let changed = admin(&engine).update_instance("s", &one.id, change, None).await;
                said.push(changed.map(|changed| read(&changed)).unwrap_or_else(|error| error.to_string()));
            }
        }
        all.push(said);
    }
    let (one, other) = (&all[0], &all[1]);
    let differ = one.iter().zip(other).filter(|(one, other)| one != other).count();
    println!("{} questions about an inherited secret, {differ} answers that depend on it", one.len());
    assert_eq!(one, other);
}

#[tokio::test]
async fn an_inherited_secret_that_is_used_unchanged_works() {
    let engine = engine().await;
    let settings = json!({"WebhookSecret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="});
    admin(&engine).set_base_settings("webhook", settings, None).await.unwrap();
    let own = json!({"WebhookUrl": "https://gateway.example.com/codes"});
    let inherits = instance(&engine, "webhook", own).await;
    assert!(inherits.valid, "{}", read(&inherits));
    admin(&engine).set_base_settings("hostile", json!({"Secret": SECRET}), None).await.unwrap();
    let changed = instance(&engine, "hostile", json!({"Behaviour": "leak: changed"})).await;
    assert!(!changed.valid && read(&changed).contains("its own secret"), "{}", read(&changed));
}

/// A token that a component can tell from the texts that it is shown in its place.
const TOKEN: &str = "real-t0ken-of-the-test";

async fn loaded(fault: &str, network: Network) -> Component {
    Component::load(&component(fault), network, SandboxLimits::default()).await.unwrap()
}

/// Returns what is wrong with valid options of the component with this fault, `pointer: detail`.
async fn problems(fault: &str) -> Vec<String> {
    let component = loaded(fault, Network::builder().build().unwrap()).await;
    let options = json!({"Sender": "Shop", "Key": "k3y-of-the-test", "Token": TOKEN});
    let problems = component.configure(&options).await.err().unwrap_or_default();
    problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.detail)).collect()
}

/// Otherwise the component could place the secret in the text of a message.
#[tokio::test]
async fn a_placed_secret_is_in_no_credential_of_the_same_requests_whatever_its_encoding() {
    for fault in ["placed: also in base64", "placed: also, if it is real"] {
        let problems = problems(fault).await;
        assert!(problems.len() == 1 && problems[0].contains("computes a credential"), "{fault}: {problems:?}");
        assert!(!problems[0].contains(TOKEN), "{problems:?}");
    }
    assert_eq!(problems("placed: never sent").await, [""; 0]);
}

#[tokio::test]
async fn what_a_component_requests_is_counted_before_it_is_searched() {
    let searched = problems("placed: its key 8 times").await;
    assert!(searched.len() == 1 && searched[0].starts_with("/Key: "), "{searched:?}");
    let counted = problems("placed: its key 9 times").await;
    assert_eq!(counted, [": a connection may have at most 8 settings"]);
}

#[tokio::test]
async fn the_number_of_secrets_among_options_is_bounded() {
    let engine = engine().await;
    let with = |unknown: usize| {
        let mut options = json!({"Behaviour": "", "Url": "https://a.example.com/", "Secret": SECRET});
        for n in 0..unknown {
            options[format!("Unknown{n}")] = json!("text");
        }
        options
    };
    // A component can say anything of options that its schema does not name.
    let most = instance(&engine, "hostile", with(63)).await;
    assert!(!read(&most).contains("more than 64 secrets"), "{}", read(&most));
    let more = instance(&engine, "hostile", with(64)).await;
    assert!(!more.valid && read(&more).contains("more than 64 secrets"), "{}", read(&more));
}

#[tokio::test]
async fn a_secret_that_deliver_receives_is_not_inherited() {
    let engine = compiled::builder().network(Network::builder().build().unwrap());
    let engine = engine.provider(component("revealed: sent as it is")).build().await.unwrap();
    admin(&engine).create_subscription("s", "S").await.unwrap();
    admin(&engine).set_base_settings("wrong", json!({"Token": TOKEN}), None).await.unwrap();
    let inherits = instance(&engine, "wrong", json!({"Sender": "Shop", "Key": "k3y-of-the-test"})).await;
    let problems: Vec<_> = inherits.problems.iter().map(|problem| &*problem.pointer).collect();
    assert_eq!((inherits.valid, &problems[..]), (false, &["/Token"][..]));
    assert!(read(&inherits).contains("its own secret") && !read(&inherits).contains(TOKEN), "{}", read(&inherits));
    let own = json!({"Sender": "Shop", "Key": "k3y-of-the-test", "Token": TOKEN});
    let has_its_own = instance(&engine, "wrong", own).await;
    assert!(has_its_own.valid, "{}", read(&has_its_own));
}

#[tokio::test]
async fn a_secret_that_deliver_receives_is_removed_from_its_reasons_and_log() {
    let recording = Recording::new();
    let component = loaded("revealed: told", Network::builder().recording(&recording).build().unwrap()).await;
    let options = json!({"Sender": "Shop", "Key": "k3y-of-the-test", "Token": TOKEN});
    let Ok(configured) = component.configure(&options).await else { panic!("the options are valid") };
    let message = sample::message("+41791110000", "482913");
    let Err(failure) = configured.deliver(message).await else { panic!("it reports a failure") };
    let reason = failure.reason();
    assert_eq!((&*reason.code, &*reason.detail), ("told", "the token is [removed]"));
    let lines = recording.lines();
    assert!(!lines.is_empty() && lines.iter().all(|line| !line.contains(TOKEN)), "{lines:?}");
}

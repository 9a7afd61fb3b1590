//! Components that were built against a released version of the contract load and deliver in every
//! later version.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use twofactor::sandbox::Outbox;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn};
use twofactor_tests::compiled;
use twofactor_tests::upstream::{Upstream, code};

const FROZEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/frozen");

/// Each version's folder, by name. Those of factors are in `frozen_factors.rs`.
fn versions() -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(FROZEN).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), path);
    let is_version = |name: &str| name.starts_with(|first: char| first.is_ascii_digit());
    entries.filter(|path| path.is_dir()).map(named).filter(|(name, _)| is_version(name)).collect()
}

/// Returns options with which a component delivers to the substitutes below.
fn options(name: &str) -> Value {
    match name {
        "email" => json!({"EMailSenderAddress": "noreply@example.com", "MailServerConfig": {"MailType": "SMTP",
            "Host": "smtp.example.com", "Port": 465, "EnableSSL": true, "UserName": "u", "Password": "p"}}),
        "twilio" => json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
            "TwilioSmsFromNumber": "+15005550006"}),
        "wasi-http" => json!({"Behaviour": "send", "Url": "https://upstream.example.com/x", "Secret": "s"}),
        unknown => panic!("say with which options `{unknown}` delivers"),
    }
}

/// Lets a component deliver, and verifies the code that it delivered.
async fn travels(name: &str, component: Vec<u8>) {
    let (upstream, outbox) = (Upstream::start().await, Outbox::new());
    let network = Network::builder()
        .override_endpoint("https://api.twilio.com", upstream.address)
        .override_endpoint("https://upstream.example.com", upstream.address)
        .outbox(&outbox)
        .build()
        .unwrap();
    let engine = compiled::builder().network(network).provider(component).build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let instance = NewInstance::new(name, name, options(name));
    let instance = admin.create_instance("s", instance).await.unwrap();
    assert!(instance.valid, "{name}: {:?}", instance.problems);
    admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    let start =
        NewChallenge::new(SignIn::new("s").tenant("t").user("alice")).phone("+41791234567").email("a@example.com");
    let challenge = engine.start(start).await.unwrap();
    let text = match outbox.mails().pop() {
        Some(mail) => mail.text,
        None => upstream.seen()[0].body.clone(),
    };
    engine.verify("s", Answer::new(&challenge.id, code(&text).unwrap())).await.unwrap();
}

#[tokio::test]
async fn each_component_of_each_version_loads_and_delivers() {
    let mut count = 0;
    for (version, folder) in versions() {
        let mut names = Vec::new();
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|ending| ending == "wasm") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                travels(&name, fs::read(&path).unwrap()).await;
                names.push(name);
            }
        }
        names.sort();
        println!("contract {version}: {} deliver", names.join(", "));
        count += names.len();
    }
    assert!(count >= 3);
}

#[test]
fn none_of_them_was_built_again() {
    for folder in versions().values() {
        let check = ["--check", "--strict", "--quiet", "SHA256SUMS"];
        let output = Command::new("sha256sum").args(check).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let listed = fs::read_to_string(folder.join("SHA256SUMS")).unwrap().lines().count();
        assert_eq!(listed, components(folder), "{}", folder.display());
    }
}

fn components(folder: &Path) -> usize {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|ending| ending == "wasm")).count()
}

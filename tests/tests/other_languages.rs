//! Providers in JavaScript and Python: the examples are built with their languages' own tools and
//! must pass what the bundled providers pass. And the bindings for Go and C, which are written by hand.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{Mutex, OnceCell};
use twofactor::admin::{Administration, TestMessage, TestReport};
use twofactor::keyring::Keyring;
use twofactor::sandbox::SandboxLimits;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, Recipient, SignIn, TwoFactor};
use twofactor_tests::languages::{Language, every_field};
use twofactor_tests::upstream::code;
use twofactor_tests::webhook::{REFERENCE, Webhook};

const WEBHOOK: &str = "https://webhook.example.com";
const NOBODY: &str = "https://nobody.example.com";
const TOKEN: &str = "t0ken-of-the-webhook";
const PHONE: &str = "+41791234567";

/// An example, built and compiled.
struct Example {
    language: Language,
    component: Vec<u8>,
    keyring: Keyring,
    cache: TempDir,
}

/// Two cores are enough for one.
static TURN: Mutex<()> = Mutex::const_new(());
static JAVASCRIPT: OnceCell<Option<Example>> = OnceCell::const_new();
static PYTHON: OnceCell<Option<Example>> = OnceCell::const_new();

impl Example {
    /// Built once for all tests; `None` if it cannot be built here.
    async fn of(language: Language) -> Option<&'static Self> {
        let cell = match language {
            Language::JavaScript => &JAVASCRIPT,
            Language::Python => &PYTHON,
        };
        cell.get_or_init(|| async move { Self::build(language).await }).await.as_ref()
    }

    #[allow(clippy::print_stdout, reason = "prints measurements")]
    async fn build(language: Language) -> Option<Self> {
        let _turn = TURN.lock().await;
        let begun = Instant::now();
        let component = language.component(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages"))?;
        let built = begun.elapsed();
        let (keyring, cache) = (Keyring::generate().unwrap(), tempfile::tempdir().unwrap());
        let example = Self { language, component, keyring, cache };
        let bytes = example.component.len();
        let mut times = Vec::new();
        for _ in 0..2 {
            let begun = Instant::now();
            example.engine(Network::builder().build().unwrap(), SandboxLimits::default()).await;
            times.push(begun.elapsed());
        }
        println!(
            "{language:?}: {bytes} bytes, built in {built:.1?}; an engine starts in {times:.1?}, first time and second"
        );
        let place = Place::of(&example, "/200").await;
        let mut times = Vec::new();
        for _ in 0..50 {
            let begun = Instant::now();
            place.test(&format!("{WEBHOOK}/200")).await;
            times.push(begun.elapsed());
        }
        times.sort();
        println!(
            "{language:?}: options validated and a message delivered in {:.1?}, the slowest of 50 in {:.1?}",
            times[25], times[49]
        );
        Some(example)
    }

    async fn engine(&self, network: Network, limits: SandboxLimits) -> TwoFactor {
        let builder = TwoFactor::builder().keyring(self.keyring.clone()).cache_dir(self.cache.path());
        builder.network(network).limits(limits).provider(self.component.clone()).build().await.unwrap()
    }
}

/// An engine with an instance of an example, before a webhook.
struct Place {
    engine: TwoFactor,
    webhook: Webhook,
    instance: String,
}

impl Place {
    async fn of(example: &Example, path: &str) -> Self {
        Self::within(SandboxLimits::default(), example, path).await
    }

    async fn within(limits: SandboxLimits, example: &Example, path: &str) -> Self {
        let webhook = Webhook::start().await;
        let network = Network::builder()
            .override_endpoint(WEBHOOK, webhook.address)
            .override_endpoint(NOBODY, Webhook::nobody().await)
            .build();
        let engine = example.engine(network.unwrap(), limits).await;
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("s", "S").await.unwrap();
        let options = json!({"Url": format!("{WEBHOOK}{path}"), "Token": TOKEN});
        let instance = NewInstance::new(example.language.type_id(), "Webhook", options);
        let instance = admin.create_instance("s", instance).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
        Self { engine, webhook, instance: instance.id }
    }

    fn admin(&self) -> Administration {
        self.engine.administration(Actor::new("test"))
    }

    /// Sends a test message to another URL.
    async fn test(&self, url: &str) -> TestReport {
        let recipient = Recipient { phone: Some(PHONE.to_owned()), ..Recipient::default() };
        let options = json!({"Url": url, "Token": TOKEN});
        let test = TestMessage { options: Some(options), ..TestMessage::to(recipient) };
        self.admin().send_test("s", &self.instance, test).await.unwrap()
    }

    /// Starts a challenge that the instance serves.
    async fn start(&self) -> Result<twofactor::Challenge, twofactor::Error> {
        self.engine.start(NewChallenge::new(SignIn::new("s").tenant("t").user("alice")).phone(PHONE)).await
    }
}

/// Checks that each response means the right failure.
async fn each_response_means_the_right_failure(language: Language) {
    let Some(example) = Example::of(language).await else { return };
    let place = Place::of(example, "/200").await;
    for (path, outcome, word) in [
        ("/200", "delivered", REFERENCE),
        ("/202", "delivered", REFERENCE),
        ("/302", "misconfigured", "302"),
        ("/400", "rejected-message", "400"),
        ("/401", "misconfigured", "401"),
        ("/403", "misconfigured", "403"),
        ("/404", "misconfigured", "404"),
        ("/429", "retry-later", "429"),
        ("/500", "outcome-unknown", "500"),
        ("/503", "outcome-unknown", "503"),
        ("/dropped", "outcome-unknown", "no-answer"),
    ] {
        let before = place.webhook.posted().len();
        let report = place.test(&format!("{WEBHOOK}{path}")).await;
        assert_eq!((&*report.outcome, &*report.code), (outcome, word), "{path}: {}", report.detail);
        // Nothing is sent twice automatically.
        assert_eq!(place.webhook.posted().len(), before + 1, "{path}");
    }
    let report = place.test(&format!("{NOBODY}/200")).await;
    assert_eq!(report.outcome, "retry-later", "nobody listens: {}", report.detail);
    let place = Place::of(example, "/429").await;
    let error = place.start().await.unwrap_err();
    assert_eq!((error.is_retryable(), error.retry_after()), (true, Some(Duration::from_secs(7))));
}

#[tokio::test]
async fn each_response_means_the_right_failure_in_javascript() {
    each_response_means_the_right_failure(Language::JavaScript).await;
}

#[tokio::test]
async fn each_response_means_the_right_failure_in_python() {
    each_response_means_the_right_failure(Language::Python).await;
}

/// With the host's credentials, and once.
async fn a_code_travels(language: Language) {
    let Some(example) = Example::of(language).await else { return };
    let place = Place::of(example, "/200").await;
    let challenge = place.start().await.unwrap();
    let posted = place.webhook.posted();
    let [request] = posted.as_slice() else { panic!("{} requests", posted.len()) };
    assert!(request.head.starts_with("POST /200 HTTP/1.1\r\n"), "{}", request.head);
    // The host attached it: `deliver` had no token.
    assert_eq!(request.header("authorization"), [format!("Bearer {TOKEN}")]);
    assert_eq!(format!("{}{}", request.head, request.body).matches(TOKEN).count(), 1);
    assert_eq!(request.header("content-type"), ["application/json"]);
    assert_eq!(request.body["to"], PHONE);
    let code = code(request.body["text"].as_str().unwrap()).unwrap();
    place.engine.verify("s", Answer::new(&challenge.id, code)).await.unwrap();
    assert!(place.engine.verify("s", Answer::new(&challenge.id, code)).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn a_code_travels_through_a_provider_in_javascript_and_is_accepted_once() {
    a_code_travels(Language::JavaScript).await;
}

#[tokio::test]
async fn a_code_travels_through_a_provider_in_python_and_is_accepted_once() {
    a_code_travels(Language::Python).await;
}

#[tokio::test]
async fn options_that_cannot_be_used_are_named() {
    for language in [Language::JavaScript, Language::Python] {
        let Some(example) = Example::of(language).await else { continue };
        let place = Place::of(example, "/200").await;
        for (options, pointer) in [
            (json!({"Url": "http://webhook.example.com/", "Token": TOKEN}), "/Url"),
            (json!({"Url": "webhook", "Token": TOKEN}), "/Url"),
            (json!({"Url": "https://user@webhook.example.com/", "Token": TOKEN}), "/Url"),
            (json!({"Url": "https://[", "Token": TOKEN}), "/Url"),
        ] {
            let instance = NewInstance::new(language.type_id(), "x", options.clone());
            let instance = place.admin().create_instance("s", instance).await.unwrap();
            let named: Vec<&str> = instance.problems.iter().map(|problem| &*problem.pointer).collect();
            assert_eq!((instance.valid, named), (false, vec![pointer]), "{language:?}: {options}");
        }
    }
}

#[tokio::test]
async fn neither_asks_for_files_or_sockets_and_the_token_is_a_secret() {
    for language in [Language::JavaScript, Language::Python] {
        let Some(example) = Example::of(language).await else { continue };
        let place = Place::of(example, "/200").await;
        let [info] = place.admin().providers().try_into().unwrap();
        let beyond = |name: &&String| name.starts_with("wasi:filesystem") || name.starts_with("wasi:sockets");
        assert_eq!(info.imports.iter().find(beyond), None, "{language:?}");
        let token = &info.manifest.options_schema["properties"]["Token"];
        assert_eq!(token["writeOnly"], true, "{language:?}");
        assert!(token["description"].is_string(), "{language:?}");
    }
}

/// The pool has room for all calls that may be in flight, however many core instances a language's
/// runtime needs.
#[tokio::test]
async fn as_many_deliveries_are_in_flight_as_the_limit_says() {
    for language in [Language::JavaScript, Language::Python] {
        let Some(example) = Example::of(language).await else { continue };
        let mut limits = SandboxLimits::default();
        limits.calls_in_flight = 2;
        let place = Place::within(limits, example, "/200").await;
        let url = format!("{WEBHOOK}/200");
        for report in join_all((0..6).map(|_| place.test(&url))).await {
            assert_eq!(report.outcome, "delivered", "{language:?}: {}", report.detail);
        }
    }
}

/// Returns every name in the contract of providers, as JavaScript writes it: fields in camel case, cases as they are.
fn names_of_the_contract() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let files = ["types", "http", "smtp", "log", "reports", "verification"];
    let text: String =
        files.map(|file| std::fs::read_to_string(folder.join(file).with_extension("wit")).unwrap()).concat();
    let mut names = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("///")) {
        let word: String = line.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let is_declared = ["package", "interface", "use", "record", "variant", "enum", ""].contains(&word.as_str());
        if !is_declared {
            names.push(word);
        }
    }
    names
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('-');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_ascii_uppercase() + &word[1..])
}

#[test]
fn the_bindings_for_go_and_c_pass_every_field_of_the_contract() {
    let calls = concat!(include_str!("../every-field/every_field.mjs"), include_str!("../every-field/host.mjs"));
    let mut names = names_of_the_contract();
    // A component has one kind of recipient.
    names.retain(|name| !["email-address", "phone-number"].contains(&name.as_str()));
    assert!(names.len() > 150, "{}", names.len());
    for name in names {
        let is_used = [camel_case(&name), name.clone()].iter().any(|name| calls.contains(name));
        assert!(is_used, "every_field.mjs does not use `{name}`");
    }
    let below = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages");
    for language in ["go", "c"] {
        let Some(said) = every_field(language, &below) else { continue };
        assert!(said.contains("# pass 8\n# fail 0"), "{language}: {said}");
    }
}

//! A provider in each language of `provider new`: each block of its tutorial is run unchanged in an empty folder and prints what the
//! tutorial shows; what it builds is added to a running server, delivers, and its code is verified, within the default limits. The costs are
//! printed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::{common, tutorial};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use common::{Answer, Server};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/providers");

/// Each language of `provider new`, what its tutorial needs besides a shell, and the component that is built.
const LANGUAGES: [(&str, &[&str], &str); 4] = [
    ("rust", &["cargo", "rustup"], "target/wasm32-wasip2/release/my_gateway.wasm"),
    ("javascript", &["npm", "node"], "provider.wasm"),
    ("python", &["python3"], "provider.wasm"),
    ("go", &["go", "wasm-tools|jco"], "provider.wasm"),
];

const PHONE: &str = "+41791234567";
const TOKEN: &str = "t0ken-of-the-gateway";
/// Deliveries at once.
const IN_FLIGHT: usize = 64;
/// Deliveries one after the other.
const IN_TURN: usize = 50;

/// The gateway of each project, which accepts exactly what the READMEs say.
struct Gateway {
    address: SocketAddr,
    /// The texts that were taken or are waiting for it.
    texts: Arc<Mutex<Vec<String>>>,
    /// How many requests came; while it is shut none is answered.
    came: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Gateway {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Self {
            address: listener.local_addr().unwrap(),
            texts: Arc::default(),
            came: watch::Sender::new(0),
            open: watch::Sender::new(true),
        };
        let (texts, came, open) = (gateway.texts.clone(), gateway.came.clone(), gateway.open.clone());
        let router = Router::new().fallback(async move |request: Request| {
            let (head, body) = request.into_parts();
            let body: Value = serde_json::from_slice(&to_bytes(body, 64 << 10).await.unwrap()).unwrap_or_default();
            let Some(text) = taken(head.method.as_str(), head.uri.path(), &head.headers, &body) else {
                return (StatusCode::BAD_REQUEST, String::new());
            };
            texts.lock().unwrap().push(text);
            came.send_modify(|came| *came += 1);
            open.subscribe().wait_for(|open| *open).await.unwrap();
            (StatusCode::ACCEPTED, json!({"id": "g-1"}).to_string())
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        gateway
    }

    fn code(&self) -> String {
        let texts = self.texts.lock().unwrap();
        twofactor_tests::upstream::code(texts.last().unwrap()).unwrap().to_owned()
    }
}

/// Returns the text of a request that is as it should be.
fn taken(method: &str, path: &str, headers: &HeaderMap, body: &Value) -> Option<String> {
    let is = |name: header::HeaderName, value: &str| headers.get(name).is_some_and(|found| found == value);
    let body = body.as_object()?;
    let right = method == "POST"
        && path == "/messages"
        && is(header::AUTHORIZATION, &format!("Bearer {TOKEN}"))
        && is(header::CONTENT_TYPE, "application/json")
        && body.len() == 2
        && body.get("to")?.as_str()?.starts_with("+4179");
    body.get("text")?.as_str().filter(|_| right).map(str::to_owned)
}

fn options(language: &str) -> Value {
    match language {
        "rust" => json!({"GatewayHost": "sms.example.com", "GatewayKey": TOKEN}),
        _ => json!({"Url": "https://sms.example.com/messages", "Token": TOKEN}),
    }
}

/// Returns the memory of the process in MiB: now, and the maximum. Zero on a system that does not
/// report it.
fn resident(server: &Server) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// Returns a configuration with only what a test needs: the limits are the defaults.
fn config(folder: &Path, gateway: &Gateway) -> PathBuf {
    let file = folder.join("twofactor.toml");
    let (store, address) = (folder.join("twofactor.db"), gateway.address);
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n[network.overrides]\n\"https://sms.example.com\" = \"{address}\"\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

struct Place {
    server: Server,
    admin: String,
    /// The instance's path.
    instance: String,
}

impl Place {
    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.server.call(method, path, &self.admin, body).await
    }

    /// Adds a component; how long that took.
    async fn add(&self, component: &[u8]) -> Duration {
        let begun = Instant::now();
        let request = self.server.request("POST", "/v1/providers", &self.admin);
        let added = Answer::of(request.body(component.to_vec())).await.expect(201);
        assert_eq!(added["type"], "my-gateway");
        begun.elapsed()
    }

    async fn test(&self, number: usize) {
        let body = json!({"recipient": {"phone": format!("+4179{number:07}")}});
        let report = self.call("POST", &format!("{}/test", self.instance), body).await.expect(200);
        assert_eq!(report["outcome"], "delivered", "{report}");
    }
}

#[derive(Default)]
struct Measurements {
    bytes: usize,
    compiled: Duration,
    cached: Duration,
    first: Duration,
    median: Duration,
    /// Resident before it was added, after, at most by then; from the cache and idle; with deliveries in flight, at most by then.
    memory: [u64; 6],
}

async fn from_its_component_to_a_verified_code(language: &str, component: &[u8]) -> Measurements {
    let mut measured = Measurements { bytes: component.len(), ..Measurements::default() };
    let (gateway, folder) = (Gateway::start().await, tempfile::tempdir().unwrap());
    let config = config(folder.path(), &gateway);
    let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", config.to_str().unwrap()];
    let said: Value = serde_json::from_slice(&common::run(&issue).stdout).unwrap();
    let admin = said["token"].as_str().unwrap().to_owned();
    // So that the rest is about this provider: the bundled ones are compiled before.
    drop(Server::serve(&config));

    let mut place = Place { server: Server::serve(&config), admin, instance: String::new() };
    measured.memory[0] = resident(&place.server).0;
    measured.compiled = place.add(component).await;
    (measured.memory[1], measured.memory[2]) = resident(&place.server);

    place.call("POST", "/v1/subscriptions", json!({"id": "s", "name": "S"})).await.expect(201);
    let new = json!({"type": "my-gateway", "name": "SMS", "options": options(language)});
    let created = place.call("POST", "/v1/subscriptions/s/two-factors", new).await.expect(201);
    assert_eq!(created["valid"], true, "{created}");
    place.instance = format!("/v1/subscriptions/s/two-factors/{}", created["id"].as_str().unwrap());
    let tenant = json!([{"kind": "tenant", "id": "t"}]);
    place.call("PUT", &format!("{}/assignments", place.instance), tenant).await.expect(200);
    let token = json!({"name": "web", "role": "application", "subscriptions": ["s"]});
    let issued = place.call("POST", "/v1/tokens", token).await.expect(201);
    let application = issued["token"].as_str().unwrap();

    let begun = Instant::now();
    let start = json!({"tenant": "t", "user": "alice", "recipient": {"phone": PHONE}});
    let started = place.server.call("POST", "/v1/challenges", application, start).await.expect(201);
    measured.first = begun.elapsed();
    let verify = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
    let code = gateway.code();
    place
        .server
        .call("POST", &verify, application, json!({"code": common::wrong(&code)}))
        .await
        .problem(422, "code-rejected");
    let verified = place.server.call("POST", &verify, application, json!({"code": code})).await.expect(200);
    assert_eq!(verified["status"], "verified");

    let mut times = Vec::new();
    for number in 0..IN_TURN {
        let begun = Instant::now();
        place.test(number).await;
        times.push(begun.elapsed());
    }
    times.sort();
    measured.median = times[IN_TURN / 2];

    // As after an upgrade or a power failure: the added component is still there.
    drop(place.server);
    place.server = Server::serve(&config);
    measured.memory[3] = resident(&place.server).0;
    gateway.open.send_replace(false);
    gateway.came.send_replace(0);
    let held = join_all((0..IN_FLIGHT).map(|number| place.test(number)));
    let look = async {
        gateway.came.subscribe().wait_for(|came| *came == IN_FLIGHT).await.unwrap();
        measured.memory[4] = resident(&place.server).0;
        gateway.open.send_replace(true);
    };
    tokio::join!(held, look);
    measured.memory[5] = resident(&place.server).1;
    measured.cached = place.add(component).await;
    measured
}

/// Follows the tutorial of a language, and uses the component that it builds.
async fn by_its_tutorial_and_on_a_server(language: &'static str) {
    let (_, needs, component) = LANGUAGES.into_iter().find(|(name, ..)| *name == language).unwrap();
    let needs: Vec<&str> = ["bash", "curl"].iter().chain(needs).copied().collect();
    let page = Path::new(DOCS).join(format!("{language}.md"));
    let built = tokio::task::spawn_blocking(move || tutorial::builds_as_it_stands(&page, &needs, component));
    let Some(component) = built.await.unwrap() else { return };
    let Measurements { bytes, compiled, cached, first, median, memory: [before, after, most, idle, flight, peak] } =
        from_its_component_to_a_verified_code(language, &component).await;
    println!(
        "language   | component | add: compile | add: cached | first code | median of {IN_TURN} tests | resident MiB: server / added / most by then | restarted / {IN_FLIGHT} in flight / most"
    );
    println!(
        "{language:10} | {bytes:9} | {compiled:>12.1?} | {cached:>11.1?} | {first:>10.1?} | {median:>19.1?} | {before:4} / {after:4} / {most:4} | {idle:4} / {flight:4} / {peak:4}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_for_rust_works_unchanged_and_its_provider_delivers_within_the_default_limits() {
    by_its_tutorial_and_on_a_server("rust").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_for_javascript_works_unchanged_and_its_provider_delivers_within_the_default_limits() {
    by_its_tutorial_and_on_a_server("javascript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_for_python_works_unchanged_and_its_provider_delivers_within_the_default_limits() {
    by_its_tutorial_and_on_a_server("python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_for_go_works_unchanged_and_its_provider_delivers_within_the_default_limits() {
    by_its_tutorial_and_on_a_server("go").await;
}

/// Returns the shell commands of a page.
fn commands(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).flat_map(|block| block.split("```").next().unwrap().lines()).collect()
}

#[test]
fn the_first_commands_of_a_projects_readme_are_those_of_the_tutorial() {
    for (language, _, component) in LANGUAGES {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("my-gateway");
        let made = common::run(&["provider", "new", project.to_str().unwrap(), "--language", language]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let readme = std::fs::read_to_string(project.join("README.md")).unwrap();
        let tutorial = std::fs::read_to_string(Path::new(DOCS).join(format!("{language}.md"))).unwrap();
        let tutorial = tutorial.replace("$WASM", component);
        let mut known = commands(&tutorial).into_iter();
        let first = commands(readme.split("\n```\n").next().unwrap());
        assert!(first.len() > 2, "{language}: {readme}");
        for command in first {
            // In the same order; the tutorial adds options.
            assert!(known.any(|line| line.starts_with(command)), "{language}: {command}");
        }
    }
}

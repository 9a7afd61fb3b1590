//! The real binary in a process of its own, and calls to it.

#![allow(dead_code, reason = "each suite uses its own part")]

pub(crate) mod role;
pub(crate) mod second_factor;
pub(crate) mod visitor;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// Returns the binary, in an empty environment.
pub(crate) fn twofactor(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twofactor"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TWOFACTOR_")) {
        command.env_remove(name);
    }
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    twofactor(arguments).output().unwrap()
}

/// Gives a store that does not exist yet the keys of a common installation, and so its cache: a component that one test compiled need not be
/// compiled by the next, which takes seconds.
pub(crate) fn share_compiled(store: &Path) {
    static COMMON: OnceLock<PathBuf> = OnceLock::new();
    let common = COMMON.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installation");
        let (config, store) = (folder.join("twofactor.toml"), folder.join("twofactor.db"));
        fs::create_dir_all(&folder).unwrap();
        for of_earlier_run in ["db", "db-wal", "db-shm"] {
            let _ = fs::remove_file(store.with_extension(of_earlier_run));
        }
        fs::write(&config, format!("[store]\npath = {store:?}\n")).unwrap();
        let started = run(&["export", "--config", config.to_str().unwrap()]);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        store
    });
    let cache = store.with_added_extension("cache");
    if cache.exists() {
        return;
    }
    fs::copy(common.with_added_extension("keys"), store.with_added_extension("keys")).unwrap();
    std::os::unix::fs::symlink(common.with_added_extension("cache"), cache).unwrap();
}

/// A server in a process of its own. It is killed with this.
pub(crate) struct Server {
    pub(crate) child: Child,
    /// The JSON of its last start-up line.
    pub(crate) said: Value,
    pub(crate) url: String,
    client: reqwest::Client,
    log: Option<JoinHandle<Vec<u8>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(crate) fn demo() -> Self {
        // A component that one of them compiled need not be compiled by the next.
        let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled");
        Self::spawn(&mut twofactor(&["demo", "--listen", "127.0.0.1:0", "--cache", cache]))
    }

    pub(crate) fn serve(config: &Path) -> Self {
        Self::spawn(&mut twofactor(&["serve", "--config", config.to_str().unwrap()]))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        // The pipe of the log must not fill up.
        let mut log = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = log.read_to_end(&mut text);
            text
        });
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            panic!("the server did not start: {}", String::from_utf8_lossy(&log.join().unwrap()));
        }
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        Self { child, said, url, client: reqwest::Client::new(), log: Some(log) }
    }

    /// Kills it; all that it wrote to its log.
    pub(crate) fn into_log(mut self) -> Vec<u8> {
        let _ = self.child.kill();
        self.log.take().unwrap().join().unwrap()
    }

    pub(crate) fn with_client(mut self, client: reqwest::Client) -> Self {
        self.client = client;
        self
    }

    pub(crate) fn token(&self, kind: &str) -> &str {
        self.said[kind].as_str().unwrap()
    }

    /// Returns a call as an HTTP client makes it.
    pub(crate) fn request(&self, method: &str, path: &str, token: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token)
    }

    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let request = self.request(method, path, token);
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        Answer::of(request).await
    }

    pub(crate) async fn messages(&self) -> Vec<Value> {
        let url = format!("{}/messages", self.said["outbox_url"].as_str().unwrap());
        let text = self.client.get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Returns the code in the newest message to a recipient.
    pub(crate) async fn code(&self, to: &str) -> String {
        let messages = self.messages().await;
        let message = messages.iter().find(|message| message["to"] == to).unwrap();
        let text = message["text"].as_str().unwrap();
        let mut runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 4);
        runs.next_back().unwrap().to_owned()
    }
}

/// The response to a call.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, json }
    }

    /// Returns the body, if the status is as it should be.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json
    }

    /// Returns the body of a problem of this kind.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, name: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert!(self.json["type"].as_str().unwrap().ends_with(&format!(":{name}")), "{}", self.text);
        assert!(!self.json["detail"].as_str().unwrap().is_empty());
        self.json
    }
}

/// Returns a sign-in of the demo.
pub(crate) fn sign_in(recipient: Value) -> Value {
    json!({"tenant": "demo", "user": "alice", "recipient": recipient})
}

/// Another answer than the right one.
pub(crate) fn wrong(code: &str) -> String {
    let digit = if code.starts_with('1') { '2' } else { '1' };
    format!("{digit}{}", &code[1..])
}

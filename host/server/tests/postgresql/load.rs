//! Applications that sign in users through several servers, and what they learn.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use twofactor_tests::ecall::Ecall;

use super::{Server, run, wait, wrong};

/// Servers on one database, with a gateway that reveals the codes.
pub(crate) struct Site {
    pub(crate) config: PathBuf,
    application: String,
    ecall: Ecall,
    folder: tempfile::TempDir,
}

impl Site {
    /// Prepares a database and the configuration of its servers.
    pub(crate) async fn new(database: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ecall = Ecall::start().await;
        let config = folder.path().join("config");
        let limits = [
            "recipient_per_hour",
            "recipient_total_per_hour",
            "user_per_hour",
            "address_per_hour",
            "tenant_per_hour",
            "prefix_per_hour",
            "phone_per_day",
            "total_per_hour",
            "answers_per_address_per_hour",
        ];
        let limits: String = limits.iter().map(|limit| format!("{limit} = {}\n", u32::MAX)).collect();
        let text = format!(
            "listen = \"127.0.0.1:0\"\n[store]\nurl = {database:?}\nconnections = 8\n[keys]\nfile = {:?}\n[providers]\n\
             load = [\"ecall\"]\ncache = {:?}\n[network]\noverrides = {{ \"https://rest.ecall.ch\" = \"{}\" }}\n[rate_limits]\n{limits}",
            folder.path().join("keys"),
            folder.path().join("cache"),
            ecall.address()
        );
        std::fs::write(&config, text).unwrap();
        let issue = |name: &str, role: &[&str]| {
            let config = ["--config", config.to_str().unwrap()];
            let line = run(&[&["token", "issue", "--name", name], role, &config].concat());
            line[0]["token"].as_str().unwrap().to_owned()
        };
        let admin = issue("admin", &["--system-admin"]);
        // This server makes the key file and compiles the provider.
        let server = Server::serve(&config);
        server.call("POST", "/v1/subscriptions", &admin, json!({"id": "acme", "name": "Acme"})).await.expect(201);
        let options =
            json!({"ECallAccountName": "a", "ECallAccountPassword": "s", "ECallAccountFromNumber": "Example"});
        let body = json!({"type": "ecall", "name": "SMS", "active": true, "options": options});
        let made = server.call("POST", "/v1/subscriptions/acme/two-factors", &admin, body).await.expect(201);
        let path = format!("/v1/subscriptions/acme/two-factors/{}/assignments", made["id"].as_str().unwrap());
        let assigned = server.call("PUT", &path, &admin, json!([{"kind": "tenant", "id": "acme"}])).await;
        assert_eq!(assigned.status, 200, "{}", assigned.text);
        let application = issue("application", &["--application", "acme"]);
        Self { config, application, ecall, folder }
    }

    /// Writes the configuration for another database.
    pub(crate) fn config_for(&self, name: &str, from: &str, to: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, std::fs::read_to_string(&self.config).unwrap().replace(from, to)).unwrap();
        file
    }

    pub(crate) fn serve(&self) -> Server {
        Server::serve(&self.config)
    }

    /// Returns whether a server refuses to start a challenge for now.
    pub(crate) async fn refuses(&self, server: &Server) -> bool {
        let body = json!({"tenant": "acme", "user": "somebody", "recipient": {"phone": "+41791234567"}});
        server.call("POST", "/v1/challenges", &self.application, body).await.status == 503
    }

    /// Lets so many applications sign in users through servers, until they are stopped.
    pub(crate) fn load(&self, tasks: usize, servers: &[&Server]) -> Load {
        let urls = Arc::new(Mutex::new(servers.iter().map(|server| server.url.clone()).collect::<Vec<_>>()));
        let (done, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let tasks = (0..tasks).map(|_| {
            let application = Application {
                client: reqwest::Client::new(),
                token: self.application.clone(),
                ecall: self.ecall.clone(),
                urls: urls.clone(),
                seen: Seen::default(),
            };
            tokio::spawn(application.run(done.clone(), next.clone()))
        });
        let tasks = tasks.collect();
        Load { urls, done, tasks, next }
    }

    /// Gives the right code to each challenge that was acknowledged and whose code was not accepted. Returns how many are accepted, and how
    /// many are closed.
    pub(crate) async fn finish(&self, server: &Server, seen: &mut Seen) -> (usize, usize) {
        let (mut accepted, mut closed) = (0, 0);
        for code in &mut seen.codes {
            let path = format!("/v1/challenges/{}/verify", code.id);
            let body = json!({"code": code.code});
            let answer = server.call("POST", &path, &self.application, body).await;
            match answer.status {
                200 => {
                    code.accepted += 1;
                    accepted += 1;
                }
                410 => closed += usize::from(code.accepted == 0),
                _ => panic!("{}", answer.text),
            }
            assert!(code.accepted <= 1, "accepted {} times", code.accepted);
        }
        (accepted, closed)
    }
}

/// Applications at work.
pub(crate) struct Load {
    pub(crate) urls: Arc<Mutex<Vec<String>>>,
    done: Arc<AtomicBool>,
    next: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<Seen>>,
}

impl Load {
    /// Waits until so many more users began to sign in.
    pub(crate) async fn proceeds(&self, count: usize) {
        let before = self.next.load(Ordering::Relaxed);
        wait(async || self.next.load(Ordering::Relaxed) >= before + count).await;
    }

    pub(crate) async fn stop(self) -> Seen {
        self.done.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for task in self.tasks {
            let seen = task.await.unwrap();
            all.codes.extend(seen.codes);
            all.refused.extend(seen.refused);
            all.without_time += seen.without_time;
            all.unexpected.extend(seen.unexpected);
            all.reconnected += seen.reconnected;
        }
        all
    }
}

/// A challenge that was acknowledged.
pub(crate) struct Code {
    id: String,
    code: String,
    /// How often its right code was accepted.
    pub(crate) accepted: u32,
    /// How many wrong codes were compared.
    pub(crate) rejected: u32,
    /// Whether a response to its right code did not tell the outcome.
    pub(crate) is_unknown: bool,
}

/// What applications learned.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) codes: Vec<Code>,
    /// When they got status 503.
    pub(crate) refused: Vec<Instant>,
    /// How many of these had no `Retry-After`.
    pub(crate) without_time: usize,
    /// Responses that no failure explains.
    pub(crate) unexpected: Vec<String>,
    /// How often a server did not take a request, and another one got it.
    pub(crate) reconnected: usize,
}

impl Seen {
    /// Checks what holds through every failure: nothing is accepted twice, no right code is called wrong, and each refusal says when to try
    /// again.
    pub(crate) fn check(&self) {
        assert!(self.unexpected.is_empty(), "{:#?}", &self.unexpected[..self.unexpected.len().min(5)]);
        assert_eq!(self.without_time, 0, "responses without Retry-After");
        assert!(self.codes.iter().all(|code| code.accepted <= 1 && code.rejected <= 1));
    }

    pub(crate) fn accepted(&self) -> usize {
        self.codes.iter().filter(|code| code.accepted == 1).count()
    }

    /// Returns how long after a moment the last request was refused.
    pub(crate) fn recovered_after(&self, moment: Instant) -> Duration {
        self.refused.iter().max().map_or(Duration::ZERO, |last| last.saturating_duration_since(moment))
    }
}

struct Application {
    client: reqwest::Client,
    token: String,
    ecall: Ecall,
    urls: Arc<Mutex<Vec<String>>>,
    seen: Seen,
}

impl Application {
    async fn run(mut self, done: Arc<AtomicBool>, next: Arc<AtomicUsize>) -> Seen {
        while !done.load(Ordering::Relaxed) {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if !self.sign_in(n).await {
                // As each refusal asks, though sooner.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        self.seen
    }

    /// Sends a request to a server, and to the next one if that one did not take it.
    async fn send(&mut self, first: usize, path: &str, key: Option<usize>, body: &Value) -> (u16, Value) {
        let begun = Instant::now();
        for n in first.. {
            let url = {
                let urls = self.urls.lock().unwrap();
                format!("{}{path}", urls[n % urls.len()])
            };
            let mut request = self.client.post(url).bearer_auth(&self.token).body(body.to_string());
            if let Some(key) = key {
                request = request.header("Idempotency-Key", format!("user-{key}"));
            }
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) => {
                    self.seen.reconnected += 1;
                    assert!(begun.elapsed() < Duration::from_secs(30), "{error}");
                    continue;
                }
            };
            let status = response.status().as_u16();
            if status == 503 {
                self.seen.refused.push(Instant::now());
                self.seen.without_time += usize::from(!response.headers().contains_key("retry-after"));
            }
            let text = response.text().await.unwrap_or_default();
            return (status, serde_json::from_str(&text).unwrap_or(Value::String(text)));
        }
        unreachable!()
    }

    /// Signs in a user: a wrong code, then the right one, then the right one again, each through another server. Returns whether all of it
    /// was answered.
    async fn sign_in(&mut self, n: usize) -> bool {
        let phone = format!("+4179{n:07}");
        let body = json!({"tenant": "acme", "user": format!("user {n}"), "recipient": {"phone": phone}});
        let (status, challenge) = self.send(n, "/v1/challenges", Some(n), &body).await;
        let Some(id) = challenge["id"].as_str().filter(|_| status == 201) else {
            // Delivered or not, nobody got an id.
            if status != 503 {
                self.seen.unexpected.push(format!("start: {status} {challenge}"));
            }
            return false;
        };
        let code = self.ecall.code_to(&phone);
        let path = format!("/v1/challenges/{id}/verify");
        let mut known = Code { id: id.to_owned(), code: code.clone(), accepted: 0, rejected: 0, is_unknown: false };
        let mut answered = true;
        for (place, is_right) in [false, true, true].into_iter().enumerate() {
            let given = if is_right { code.clone() } else { wrong(&code) };
            let (status, answer) = self.send(n + place + 1, &path, None, &json!({"code": given})).await;
            match (status, is_right) {
                (200, true) => known.accepted += 1,
                (422, false) => known.rejected += 1,
                // It was used, perhaps in a call whose response did not say so.
                (410, true) if known.accepted == 1 || known.is_unknown => {}
                (503, _) => {
                    known.is_unknown |= is_right;
                    answered = false;
                }
                _ => self.seen.unexpected.push(format!("answer {place}: {status} {answer}")),
            }
        }
        self.seen.codes.push(known);
        answered
    }
}

/// Returns the resident memory of a process in MiB.
pub(crate) fn memory(process: u32) -> u64 {
    let text = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("statm")).unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096 / (1 << 20)
}

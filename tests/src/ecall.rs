//! A substitute for eCall that reveals the codes, and an engine that sends through it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use twofactor::{Actor, Assignment, Builder, Network, NewChallenge, NewInstance, SignIn, TwoFactor};

use crate::http_requests::Requests;

/// The response to the next requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The message is accepted.
    Taken,
    /// The request came, and then the connection ends: was it sent?
    Nothing,
    /// The message is not accepted, and may be sent again later.
    Busy,
    /// Nothing for now: it waits for another answer to be set.
    Later,
}

/// The substitute. It ends with its runtime.
#[derive(Clone)]
pub struct Ecall {
    address: SocketAddr,
    /// Recipients and codes.
    codes: watch::Sender<Vec<(String, String)>>,
    /// The text that came last.
    text: watch::Sender<String>,
    answer: watch::Sender<Answer>,
}

impl Ecall {
    /// Listens on loopback and accepts every message.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ecall = Self {
            address: listener.local_addr().unwrap(),
            codes: watch::Sender::new(Vec::new()),
            text: watch::Sender::default(),
            answer: watch::Sender::new(Answer::Taken),
        };
        let served = ecall.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                tokio::spawn(async move { served.serve(stream).await });
            }
        });
        ecall
    }

    async fn serve(&self, mut stream: TcpStream) {
        while let Some((_, body)) = Requests(&mut stream).next().await {
            let body: Value = serde_json::from_str(&body).unwrap();
            let to = body["to"].as_str().unwrap().to_owned();
            let mut words = body["content"]["text"].as_str().unwrap().split(|c: char| !c.is_ascii_digit());
            // A notification has none.
            let code = words.rfind(|run| run.len() == 6).map(str::to_owned);
            self.text.send_replace(body["content"]["text"].as_str().unwrap().to_owned());
            self.codes.send_modify(|codes| codes.extend(code.map(|code| (to, code))));
            let answer = *self.answer.subscribe().wait_for(|answer| *answer != Answer::Later).await.unwrap();
            if answer == Answer::Nothing {
                return;
            }
            let busy = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n";
            let taken = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n\
                         {\"messageId\":\"4711\"}";
            let reply = if answer == Answer::Busy { busy } else { taken };
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// Sets the response from now on, also to requests that wait.
    pub fn answer(&self, answer: Answer) {
        self.answer.send_replace(answer);
    }

    /// Returns the codes that came, the oldest first.
    pub fn codes(&self) -> Vec<String> {
        self.codes.borrow().iter().map(|(_, code)| code.clone()).collect()
    }

    /// Returns the code that came last.
    pub fn code(&self) -> String {
        self.codes.borrow().last().unwrap().1.clone()
    }

    /// Returns the text of the message that came last.
    pub fn text(&self) -> String {
        self.text.borrow().clone()
    }

    /// Returns the code that came last for a number.
    pub fn code_to(&self, number: &str) -> String {
        self.codes.borrow().iter().rfind(|(to, _)| to == number).unwrap().1.clone()
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until this many messages have arrived.
    pub async fn received(&self, count: usize) {
        self.codes.subscribe().wait_for(|codes| codes.len() >= count).await.unwrap();
    }

    /// Returns an engine that sends here. The first one on a store creates the subscription `demo`
    /// and its instance.
    pub async fn engine(&self, builder: Builder) -> TwoFactor {
        let engine = builder.network(network(self.address)).provider(twofactor_bundle::ECALL).build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        if admin.subscriptions().await.unwrap().is_empty() {
            admin.create_subscription("demo", "Demo").await.unwrap();
            let options =
                json!({"ECallAccountName": "a", "ECallAccountPassword": "s", "ECallAccountFromNumber": "Example"});
            let instance = admin.create_instance("demo", NewInstance::new("ecall", "SMS", options)).await.unwrap();
            assert!(instance.valid, "{:?}", instance.problems);
            admin.set_assignments("demo", &instance.id, vec![Assignment::tenant("demo")]).await.unwrap();
        }
        engine
    }
}

/// Returns a network in which this address is eCall.
pub fn network(ecall: SocketAddr) -> Network {
    Network::builder().override_endpoint("https://rest.ecall.ch", ecall).build().unwrap()
}

/// Returns a sign-in of alice.
pub fn start() -> NewChallenge {
    start_for("alice", "+41791234567")
}

/// Returns a sign-in of anybody.
pub fn start_for(user: &str, phone: &str) -> NewChallenge {
    NewChallenge::new(SignIn::new("demo").tenant("demo").user(user)).phone(phone)
}

/// Returns a code of six digits that is not this one.
pub fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

/// Kept where several engines and processes find it.
pub struct Place(PathBuf);

impl Place {
    /// Creates one in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Returns the database's file.
    pub fn database(&self) -> PathBuf {
        self.0.join("store.db")
    }

    /// Returns an engine's builder for this folder, with nothing else set but the cache of compiled
    /// components.
    pub fn builder(&self) -> Builder {
        let store = twofactor::SqliteStore::open(self.database()).unwrap();
        crate::compiled::builder().store(store).key_file(self.0.join("key"))
    }
}

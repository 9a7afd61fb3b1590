//! Creating and verifying over HTTP, with every commit synced, against as many bare durable upserts through the same writer.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use twofactor::challenge::RateLimits;
use twofactor::store::{Charge, LimitStore as _};
use twofactor::token::Role;
use twofactor::{Actor, SqliteStore};

use crate::http::Client;
use crate::setup::Codes;
use crate::{row, setup};

const CLIENTS: usize = 32;
const ROUNDS: usize = 5;

/// How many challenges each client starts in a round.
const EACH: u32 = 100;

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Requests a second, with each client sending `each` requests through `send`.
async fn rate<F: Future<Output = u32> + Send + 'static>(send: impl Fn() -> F) -> f64 {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(send())).collect();
    let mut requests = 0;
    for task in tasks {
        requests += task.await.unwrap();
    }
    f64::from(requests) / begin.elapsed().as_secs_f64()
}

/// Bare durable upserts through the store's writer, as many for each pair of requests as a challenge takes: opened, answered.
async fn bare_rate(store: &Arc<SqliteStore>, next: &Arc<AtomicU32>, each: u32) -> f64 {
    let upserts = rate(|| {
        let (store, next) = (store.clone(), next.clone());
        async move {
            for _ in 0..2 * each {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let digest = ring::digest::digest(&ring::digest::SHA256, &number.to_be_bytes());
                let key = digest.as_ref()[..16].try_into().unwrap();
                let charge = Charge { key, amount: 1, limit: u32::MAX, window_ms: 3_600_000 };
                assert_eq!(store.charge(vec![charge], jiff::Timestamp::now()).await.unwrap(), None);
            }
            2 * each
        }
    });
    upserts.await / 2.0
}

/// Where the requests go.
struct Gateway {
    address: SocketAddr,
    token: String,
    codes: Codes,
    next: Arc<AtomicU32>,
}

impl Gateway {
    async fn start(database: &Path, limits: RateLimits) -> Self {
        let (upstream, codes) = setup::upstream(Duration::ZERO).await;
        let engine = setup::furnished_with(database, setup::network(upstream), limits).await;
        let role = Role::Application { subscription: "s".to_owned() };
        let (_, token) = engine.administration(Actor::new("bench")).issue_token("bench", role, None).await.unwrap();
        let address = serve(twofactor_server::router(engine, Vec::new())).await;
        Self { address, token, codes, next: Arc::new(AtomicU32::new(1_000_000)) }
    }

    /// Returns requests per second.
    async fn rate(&self, each: u32) -> f64 {
        rate(|| {
            let (token, codes, next) = (self.token.clone(), self.codes.clone(), self.next.clone());
            let address = self.address;
            async move {
                let mut client = Client::new(address, &token).await;
                for _ in 0..each {
                    let number = format!("+4179{:07}", next.fetch_add(1, Ordering::Relaxed));
                    let body = json!({"tenant": "t", "user": number, "recipient": {"phone": number}}).to_string();
                    let started: Value = serde_json::from_str(&client.post("/v1/challenges", &body).await).unwrap();
                    let code = codes.lock().unwrap().remove(&number).unwrap();
                    let path = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
                    client.post(&path, &json!({"code": code}).to_string()).await;
                }
                2 * each
            }
        })
        .await
    }
}

pub(crate) async fn rows() {
    let folder = tempfile::tempdir().unwrap();
    let few = Gateway::start(&folder.path().join("few.db"), setup::limits_out_of_the_way()).await;
    let all = Gateway::start(&folder.path().join("all.db"), setup::limits_that_count()).await;
    let bare = Arc::new(SqliteStore::open(folder.path().join("bare.db")).unwrap());
    let next = Arc::new(AtomicU32::new(0));
    let plain = serve(Router::new().route("/", post(|body: Json<Value>| async { body }))).await;
    let plain_rate = async |each: u32| {
        rate(|| async move {
            let mut client = Client::new(plain, "").await;
            for _ in 0..each {
                client.post("/", "{\"code\":\"123456\"}").await;
            }
            each
        })
        .await
    };
    plain_rate(200).await;
    few.rate(10).await;
    all.rate(10).await;
    bare_rate(&bare, &next, 10).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let few = few.rate(EACH).await;
        let bare = bare_rate(&bare, &next, EACH).await;
        let all = all.rate(EACH).await;
        rounds.push([few / 2.0 / bare, few, all / 2.0 / bare, all, few / plain_rate(2000).await, bare]);
    }
    let median = |index: usize| {
        let mut values: Vec<f64> = rounds.iter().map(|round| round[index]).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    let pairs = format!("of {:.0} a second", median(5));
    row(
        "create and verify over HTTP with durable commits, 32 clients, against as many bare durable upserts through the same writer",
        format!("{:.3}   {pairs}", median(0)),
        "≥ 0.5",
        median(0) >= 0.5,
    );
    row(
        "the same, requests a second",
        format!("{:.0}   ({:.3} of a route that only answers JSON)", median(1), median(4)),
        "≥ 10 800",
        median(1) >= 10_800.0,
    );
    println!("       the same with all limits counted: {:.3}, {:.0} requests a second", median(2), median(3));
}

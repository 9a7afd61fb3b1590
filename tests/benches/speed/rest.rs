//! Creating and verifying over HTTP, with every commit synced, against a route that only answers JSON.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use twofactor::Actor;
use twofactor::token::Role;

use crate::http::Client;
use crate::{row, setup};

const CLIENTS: usize = 32;

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

pub(crate) async fn rows() {
    let (upstream, codes) = setup::upstream(Duration::ZERO).await;
    let folder = tempfile::tempdir().unwrap();
    let engine = setup::furnished(&folder.path().join("a.db"), setup::network(upstream)).await;
    let role = Role::Application { subscription: "s".to_owned() };
    let (_, token) = engine.administration(Actor::new("bench")).issue_token("bench", role, None).await.unwrap();
    let ours = serve(twofactor_server::router(engine, Vec::new())).await;
    let plain = serve(Router::new().route("/", post(|body: Json<Value>| async { body }))).await;
    let next = Arc::new(AtomicU32::new(0));

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
    let our_rate = async |each: u32| {
        rate(|| {
            let (token, codes, next) = (token.clone(), codes.clone(), next.clone());
            async move {
                let mut client = Client::new(ours, &token).await;
                for _ in 0..each {
                    let number = format!("+4179{:07}", next.fetch_add(1, Ordering::Relaxed) + 1_000_000);
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
    };
    plain_rate(200).await;
    our_rate(10).await;
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let (plain, ours) = (plain_rate(2000).await, our_rate(60).await);
        ratios.push((ours / plain, ours, plain));
    }
    ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, ours, plain) = ratios[ratios.len() / 2];
    row(
        "create and verify over HTTP with durable commits, 32 clients, against a route that only answers JSON",
        format!("{ratio:.3}   {ours:.0} against {plain:.0} requests a second"),
        "≥ 0.5",
        ratio >= 0.5,
    );
}

//! An answer whose commit no standby confirms: the application learns that its outcome is unknown, and sends it again.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use twofactor::Actor;
use twofactor::clock::ManualClock;
use twofactor::store::{PostgresOptions, PostgresStore};
use twofactor::token::Role;
use twofactor_tests::compiled;
use twofactor_tests::ecall::{self, Ecall};

use super::cluster::Cluster;
use super::{Answer, wait};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_whose_commit_is_not_confirmed_is_not_called_wrong_and_can_be_sent_again() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.sql("postgres", "CREATE DATABASE it").await;
    let options = PostgresOptions::parse(&cluster.url("it")).unwrap().call_timeout(2 * SECOND);
    let store = PostgresStore::connect(options).await.unwrap();
    let (ecall, folder) = (Ecall::start().await, tempfile::tempdir().unwrap());
    // It stands still, so that nothing but the answer is written below.
    let clock = ManualClock::new(Timestamp::now());
    let builder = compiled::builder().store(store).key_file(folder.path().join("key")).clock(clock);
    let engine = ecall.engine(builder).await;
    let role = Role::Application { subscription: "demo".to_owned() };
    let (_, token) = engine.administration(Actor::new("test")).issue_token("demo", role, None).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = twofactor_server::router(engine.clone(), Vec::new());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let challenge = engine.start(ecall::start()).await.unwrap();
    let (path, body) = (format!("{url}/v1/challenges/{}/verify", challenge.id), json!({"code": ecall.code()}));
    let verify = async || {
        let request = reqwest::Client::new().post(&path).bearer_auth(&token);
        Answer::of(request.body(body.to_string())).await
    };

    let administrator = cluster.client("postgres").await;
    administrator.batch_execute("CREATE TABLE others (what TEXT)").await.unwrap();
    administrator.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await.unwrap();
    administrator.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    wait(async || {
        let other = cluster.client("postgres").await;
        tokio::time::timeout(SECOND, other.batch_execute("INSERT INTO others VALUES ('x')")).await.is_err()
    })
    .await;
    let answer = verify().await;
    assert!(answer.headers.contains_key("retry-after"), "{}", answer.text);
    let problem = answer.problem(503, "outcome-unknown");
    assert!(problem["detail"].as_str().unwrap().contains("whether the answer was accepted"), "{problem}");

    administrator.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").await.unwrap();
    administrator.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    // It had been accepted.
    wait(async || verify().await.status != 503).await;
    verify().await.problem(410, "challenge-closed");
}

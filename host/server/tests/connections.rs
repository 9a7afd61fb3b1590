//! Strangers cannot block a server with their connections, nor use up its memory.
#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{common, http2};
use common::Server;
use http2::Http2;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

fn config(folder: &Path, more: &str) -> PathBuf {
    let file = folder.join("twofactor.toml");
    let store = folder.join("twofactor.db");
    let text = format!("listen = \"127.0.0.1:0\"\n{more}[store]\npath = {store:?}\n[providers]\nload = []\n");
    std::fs::write(&file, text).unwrap();
    file
}

/// Returns a server whose process has these limits of open files, soft and hard.
fn serve_with_files(config: &Path, soft: u32, hard: u32) -> Server {
    let program = env!("CARGO_BIN_EXE_twofactor");
    let script = format!("ulimit -Sn {soft}; ulimit -Hn {hard}; exec {program} serve --config \"$0\"");
    Server::spawn(Command::new("sh").args(["-c", &script, config.to_str().unwrap()]).env_remove("RUST_LOG"))
}

fn address(server: &Server) -> SocketAddr {
    server.url.split_once("://").unwrap().1.parse().unwrap()
}

/// Returns a connection from one of the addresses of loopback: each is another client.
async fn connect(server: &Server, from: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, from], 0))).unwrap();
    socket.connect(address(server)).await.unwrap()
}

/// Sends a request and reads its response, which keeps the connection open.
async fn ask(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok") {
        let mut part = [0; 1024];
        match stream.read(&mut part).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            length => answer.extend_from_slice(&part[..length]),
        }
    }
    Ok(String::from_utf8(answer).unwrap())
}

/// Returns what the server still sends, up to the end of the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that was closed with something unread ends with a reset.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

fn resident_bytes(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[tokio::test]
async fn idle_connections_from_many_clients_lock_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve_with_files(&config(folder.path(), ""), 256, 256);
    let mut idle = Vec::new();
    let all = async {
        for n in 0..400 {
            let mut stream = connect(&server, 2 + n as u8 % 100).await;
            ask(&mut stream).await.unwrap();
            idle.push(stream);
        }
    };
    // Nobody waits until others are closed for being idle, which takes 75 seconds.
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
    // The newest are still there, the oldest made room for them.
    ask(idle.last_mut().unwrap()).await.unwrap();
    assert_eq!(rest(&mut idle[0]).await, "");
    ask(&mut connect(&server, 1).await).await.unwrap();
    drop(idle);
    let log = String::from_utf8(server.into_log()).unwrap();
    assert!(log.contains("the limit on open files allows fewer connections than `connections.total`"), "{log}");
    assert!(log.contains("connections are near their limit"), "{log}");
}

#[tokio::test]
async fn incomplete_headers_from_many_clients_lock_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve_with_files(&config(folder.path(), ""), 256, 256);
    let mut silent = Vec::new();
    for n in 0..400 {
        let mut stream = connect(&server, 2 + n as u8 % 100).await;
        if n % 2 == 0 {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n").await.unwrap();
        }
        silent.push(stream);
    }
    ask(&mut connect(&server, 1).await).await.unwrap();
}

#[tokio::test]
async fn one_client_has_its_share_and_its_own_oldest_connection_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(&config(folder.path(), "[connections]\nper_client = 8\n"));
    let mut other = connect(&server, 2).await;
    ask(&mut other).await.unwrap();
    let mut own = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&server, 3).await;
        ask(&mut stream).await.unwrap();
        own.push(stream);
    }
    for stream in &mut own[..12] {
        assert_eq!(rest(stream).await, "");
    }
    for stream in &mut own[12..] {
        ask(stream).await.unwrap();
    }
    ask(&mut other).await.unwrap();
}

#[tokio::test]
async fn a_named_proxy_stands_for_many_clients() {
    let folder = tempfile::tempdir().unwrap();
    let more = "trusted_proxies = [\"127.0.0.4/32\"]\n[connections]\nper_client = 8\n";
    let server = Server::serve(&config(folder.path(), more));
    let mut all = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&server, 4).await;
        ask(&mut stream).await.unwrap();
        all.push(stream);
    }
    for stream in &mut all {
        ask(stream).await.unwrap();
    }
}

#[tokio::test]
async fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve_with_files(&config(folder.path(), ""), 64, 500);
    // It says that it is there a moment before it accepts connections.
    ask(&mut connect(&server, 1).await).await.unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["500", "500"]);
}

#[tokio::test]
async fn endless_headers_and_idle_connections_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::serve(&config(folder.path(), "[connections]\nheader_timeout_seconds = 1\nidle_timeout_seconds = 1\n"));
    let mut silent = connect(&server, 2).await;
    assert_eq!(rest(&mut silent).await, "");
    let mut half = connect(&server, 2).await;
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    assert_eq!(rest(&mut half).await, "");
    let mut idle = connect(&server, 2).await;
    ask(&mut idle).await.unwrap();
    assert_eq!(rest(&mut idle).await, "");
    let mut second_half = connect(&server, 2).await;
    ask(&mut second_half).await.unwrap();
    second_half.write_all(b"GET /healthz HTTP/1.1\r\nHo").await.unwrap();
    assert_eq!(rest(&mut second_half).await, "");
    let mut http2 = Http2::open(connect(&server, 2).await, 65_535).await;
    http2.get(1, "/healthz").await;
    assert_eq!(http2.responses(1).await, 1);
    http2.end().await;
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_end_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let more =
        format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n[connections]\nheader_timeout_seconds = 1\n");
    let server = Server::serve(&config(folder.path(), &more));
    let mut stream = connect(&server, 2).await;
    stream.write_all(&[22, 3, 1, 0, 200]).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

fn admin_token(config: &Path) -> String {
    token(config, &["--system-admin"])
}

fn token(config: &Path, role: &[&str]) -> String {
    let issue = [&["token", "issue", "--name", "a", "--config", config.to_str().unwrap()], role].concat();
    let said: Value = serde_json::from_slice(&common::run(&issue).stdout).unwrap();
    said["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_body_that_does_not_end_is_answered_after_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "[connections]\nbody_timeout_seconds = 1\n");
    let token = admin_token(&file);
    let server = Server::serve(&file);
    let head = format!("Host: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n{{");
    let calls = [
        format!("POST /v1/subscriptions HTTP/1.1\r\n{head}"),
        format!("POST /admin/login HTTP/1.1\r\nSec-Fetch-Site: same-origin\r\n{head}"),
    ];
    for call in calls {
        let mut stream = connect(&server, 2).await;
        stream.write_all(call.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request-timeout"), "{answer}");
    }
    // A byte now and then counts as nothing.
    let mut stream = connect(&server, 2).await;
    stream.write_all(format!("POST /v1/subscriptions HTTP/1.1\r\n{head}").as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let trickle = tokio::spawn(async move {
        let mut turns = tokio::time::interval(Duration::from_millis(50));
        loop {
            turns.tick().await;
            if writer.write_all(b" ").await.is_err() {
                return;
            }
        }
    });
    let mut answer = [0; 12];
    reader.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    trickle.abort();
}

/// Returns every call with a body in the OpenAPI document.
fn calls_with_bodies() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&twofactor_server::openapi()).unwrap();
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            if call.get("requestBody").is_some() {
                let path: String = path.replace(['{', '}'], "");
                calls.push((method.to_uppercase(), path));
            }
        }
    }
    calls
}

#[tokio::test]
async fn unauthenticated_requests_are_refused_before_the_body_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(&config(folder.path(), ""));
    let calls = calls_with_bodies();
    assert!(calls.len() > 10);
    for (method, path) in calls {
        for token in ["", "Authorization: Bearer nobody\r\n"] {
            let mut stream = connect(&server, 2).await;
            let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{token}Content-Length: 100\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let answer = rest(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 401 "), "{method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_component_is_not_read_from_those_who_may_not_install_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "");
    let system = admin_token(&config);
    let server = Server::serve(&config);
    server.call("POST", "/v1/subscriptions", &system, json!({"id": "acme", "name": "Acme"})).await.expect(201);
    let token = token(&config, &["--subscription-admin", "acme"]);
    for path in ["/v1/providers", "/v1/providers/preview"] {
        let mut stream = connect(&server, 2).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: application/wasm\r\n\
             Content-Length: 1000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_response_that_nobody_reads_ends_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(&config(folder.path(), "[connections]\nresponse_timeout_seconds = 1\n"));
    let mut http2 = Http2::open(connect(&server, 2).await, 0).await;
    http2.get(1, "/openapi.json").await;
    assert_eq!(http2.responses(1).await, 1);
    http2.end().await;
}

#[tokio::test]
async fn responses_that_are_not_read_cost_little_memory_and_keep_no_one_waiting() {
    const CONNECTIONS: u8 = 40;
    const STREAMS: u32 = 100;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(&config(folder.path(), "[connections]\nunread_mib = 64\n"));
    let mut first = Http2::open(connect(&server, 1).await, 65_535).await;
    first.get(1, "/openapi.json").await;
    first.get(3, "/admin/login").await;
    assert_eq!(first.responses(2).await, 2);
    for path in ["/openapi.json", "/admin/login", "/metrics"] {
        let before = resident_bytes(&server);
        let mut closed_windows = Vec::new();
        for n in 0..CONNECTIONS {
            let mut http2 = Http2::open(connect(&server, 2 + n).await, 0).await;
            for stream in 0..STREAMS {
                http2.get(1 + 2 * stream, path).await;
            }
            let responses = http2.responses(STREAMS).await;
            assert!(responses > 0, "{path}");
            closed_windows.push(http2);
        }
        ask(&mut connect(&server, 1).await).await.unwrap();
        let grown = resident_bytes(&server).saturating_sub(before);
        assert!(grown < 128 << 20, "{path}: {} MiB", grown >> 20);
        drop(closed_windows);
    }
}

#[tokio::test]
async fn one_connection_has_no_more_streams_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(&config(folder.path(), ""));
    let mut http2 = Http2::open(connect(&server, 2).await, 0).await;
    for stream in 0..150 {
        http2.get(1 + 2 * stream, "/openapi.json").await;
    }
    assert_eq!(http2.responses(150).await, 100);
    assert_eq!(http2.refused, 50);
}

#[tokio::test]
async fn above_the_limit_of_unread_responses_the_connection_with_the_most_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(&config(folder.path(), "[connections]\nunread_mib = 4\n"));
    let mut modest = Http2::open(connect(&server, 2).await, 0).await;
    modest.get(1, "/openapi.json").await;
    assert_eq!(modest.responses(1).await, 1);
    // A hundred times a quarter of a mebibyte.
    let mut greedy = Http2::open(connect(&server, 3).await, 0).await;
    for stream in 0..100 {
        greedy.get(1 + 2 * stream, "/openapi.json").await;
    }
    greedy.end().await;
    modest.get(3, "/healthz").await;
    assert_eq!(modest.responses(1).await, 1);
}

/// Sends a request and so much of its body.
async fn post(stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    stream.write_all(format!("POST {head}\r\n\r\n").as_bytes()).await?;
    stream.write_all(body).await
}

/// Reads one response; its status.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut answer = Vec::new();
    loop {
        let mut part = [0; 1024];
        let length = stream.read(&mut part).await.unwrap();
        assert!(length > 0, "the connection was closed");
        answer.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return head.split(' ').nth(1).unwrap().parse().unwrap();
        }
    }
}

/// Returns a body in parts of one byte, without an end.
fn in_parts(bytes: usize) -> Vec<u8> {
    b"1\r\na\r\n".repeat(bytes)
}

const REPORT: &str = "/reports/x HTTP/1.1\r\nHost: a\r\n";

#[tokio::test]
async fn above_the_limit_of_bodies_in_progress_the_connection_with_the_most_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "[connections]\nunread_mib = 1\n");
    let token = admin_token(&file);
    let server = Server::serve(&file);
    let mut modest = connect(&server, 2).await;
    post(&mut modest, &format!("{REPORT}Content-Length: 1000"), &[b'a'; 999]).await.unwrap();
    let component = format!(
        "/v1/providers HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: application/wasm\r\n\
         Content-Length: 4000000"
    );
    // A long body, and one of 30 kB whose parts take a multiple of that.
    for (head, body) in
        [(component, vec![0; 2 << 20]), (format!("{REPORT}Transfer-Encoding: chunked"), in_parts(30_000))]
    {
        let mut greedy = connect(&server, 3).await;
        // It may be closed before all was sent.
        let _ = post(&mut greedy, &head, &body).await;
        assert_eq!(rest(&mut greedy).await, "", "{head}");
    }
    modest.write_all(b"a").await.unwrap();
    assert!(status(&mut modest).await < 500);
}

#[tokio::test]
async fn a_body_counts_until_its_response() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(&config(folder.path(), "[connections]\nunread_mib = 1\n"));
    let (mut stream, body) = (connect(&server, 2).await, vec![b'a'; 60_000]);
    for _ in 0..40 {
        post(&mut stream, &format!("{REPORT}Content-Length: {}", body.len()), &body).await.unwrap();
        assert!(status(&mut stream).await < 500);
    }
}

#[tokio::test]
async fn bodies_in_parts_of_one_byte_that_do_not_end_cost_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(&config(folder.path(), "[connections]\nunread_mib = 16\n"));
    ask(&mut connect(&server, 1).await).await.unwrap();
    let (before, body) = (resident_bytes(&server), in_parts(60_000));
    let mut open = Vec::new();
    for n in 0..30 {
        let mut stream = connect(&server, 2 + n).await;
        let _ = post(&mut stream, &format!("{REPORT}Transfer-Encoding: chunked"), &body).await;
        open.push(stream);
    }
    let closed = async || {
        let metrics = common::Answer::of(server.request("GET", "/metrics", "none")).await.text;
        let lines = metrics.lines();
        let count =
            lines.filter_map(|line| line.strip_prefix("twofactor_connections_closed_total{reason=\"memory\"} "));
        count.map(|count| count.parse::<u32>().unwrap()).sum::<u32>()
    };
    let most = async {
        while closed().await < 20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), most).await.unwrap();
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB", grown >> 20);
    drop(open);
}

#[tokio::test]
async fn a_body_keeps_nothing_of_what_was_sent_between_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(&config(folder.path(), ""));
    let mut http2 = Http2::open(connect(&server, 2).await, 65_535).await;
    http2.get(1, "/healthz").await;
    assert_eq!(http2.responses(1).await, 1);
    let before = resident_bytes(&server);
    http2.post(3, "/reports/x").await;
    for _ in 0..8000 {
        http2.part(3, b"a").await;
        http2.unknown(&[0; 16_000]).await;
    }
    http2.get(5, "/healthz").await;
    assert_eq!(http2.responses(1).await, 1);
    let small = async {
        // The body is read by a task of its own.
        while resident_bytes(&server).saturating_sub(before) > 64 << 20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), small).await.unwrap();
}

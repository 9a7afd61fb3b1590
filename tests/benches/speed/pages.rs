//! The admin UI's pages: how long until the first byte.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use twofactor::Actor;
use twofactor::accounts::NewAccount;
use twofactor::token::Role;

use crate::{row, setup};

const PASSWORD: &str = "seven ducks cross a slow river";
const MEASURED: usize = 100;

async fn ask(address: SocketAddr, request: &str) -> (Duration, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let begin = Instant::now();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).await.unwrap();
    let took = begin.elapsed();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    (took, String::from_utf8_lossy(&rest).into_owned())
}

/// Logs in by an invitation; answers the session's cookie.
async fn log_in(address: SocketAddr, engine: &twofactor::TwoFactor) -> String {
    let (name, email) = ("Anna".to_owned(), "anna@example.com".to_owned());
    let new = NewAccount { name, email, phone: None, role: Role::SystemAdmin };
    let (_, invitation) = engine.accounts().create(&Actor::new("bench"), new).await.unwrap();
    let form: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("password", PASSWORD).finish();
    let (_, answer) = ask(
        address,
        &format!(
            "POST {} HTTP/1.1\r\nhost: a\r\nsec-fetch-site: same-origin\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            invitation.path(),
            form.len()
        ),
    )
    .await;
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

pub(crate) async fn rows() {
    let (upstream, _) = setup::upstream(Duration::ZERO).await;
    let folder = tempfile::tempdir().unwrap();
    let engine = setup::furnished(&folder.path().join("a.db"), setup::network(upstream)).await;
    let instance = engine.administration(Actor::new("bench")).instances("s").await.unwrap().remove(0).id;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = twofactor_server::router(engine.clone(), Vec::new());
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let cookie = log_in(address, &engine).await;

    let edit = format!("/admin/two-factors/s/{instance}");
    let pages = [
        "/admin",
        "/admin/two-factors",
        "/admin/two-factors/new?type=twilio&subscription=s",
        &edit,
        "/admin/base-settings/twilio",
        "/admin/providers",
        "/admin/tokens",
        "/admin/accounts",
        "/admin/audit",
        "/admin/account",
    ];
    let mut slowest = (Duration::ZERO, "", 0);
    for page in pages {
        let request = format!("GET {page} HTTP/1.1\r\nhost: a\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n");
        let mut times = Vec::new();
        let mut length = 0;
        for _ in 0..MEASURED {
            let (took, answer) = ask(address, &request).await;
            assert!(answer.starts_with("TTP/1.1 200"), "{page}: {answer}");
            length = answer.len();
            times.push(took);
        }
        times.sort_unstable();
        slowest = slowest.max((setup::percentile(&times, 50), page, length));
    }
    let (took, page, length) = slowest;
    row(
        "page of the admin UI, first byte over loopback, median of the slowest",
        format!("{:.2} ms   ({page}, {length} bytes)", took.as_secs_f64() * 1e3),
        "< 20 ms",
        took < Duration::from_millis(20),
    );
}

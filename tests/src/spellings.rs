//! URLs that name another origin than the granted one, or the granted one in another spelling: none
//! may be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;

/// The host that the hostile guests are granted.
pub const GRANTED: &str = "upstream.example.com";

/// Returns a listener that must never be reached, on all addresses of this machine.
pub async fn trap() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("[::]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let caught = Arc::new(AtomicUsize::new(0));
    let count = caught.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, caught)
}

/// Returns all spellings. `port` is the trap's, `own` that of the upstream that replaces the
/// granted origin.
pub fn spellings(port: u16, own: u16) -> Vec<String> {
    vec![
        // Other origins, plainly.
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("https://localhost:{port}/"),
        format!("http://127.0.0.1:{own}/"),
        "https://api.twilio.com/".to_owned(),
        "https://example.com/".to_owned(),
        "https://sub.upstream.example.com/".to_owned(),
        "https://upstream.example.com.evil.example/".to_owned(),
        // Another scheme or port of the granted host.
        format!("http://{GRANTED}/"),
        format!("http://{GRANTED}:443/"),
        format!("https://{GRANTED}:{port}/"),
        format!("https://{GRANTED}:80/"),
        format!("https://{GRANTED}:0/"),
        format!("https://{GRANTED}:65536/"),
        format!("ftp://{GRANTED}/"),
        format!("ws://{GRANTED}/"),
        "file:///etc/passwd".to_owned(),
        "data:text/plain,x".to_owned(),
        format!("blob:https://{GRANTED}/0a1b2c3d-0000-4000-8000-000000000000"),
        format!("javascript:https://{GRANTED}/"),
        format!("HTTP://127.0.0.1:{port}/"),
        format!("HTTPS://{GRANTED}/"),
        format!("unix:{GRANTED}/"),
        // Loopback in other spellings.
        format!("http://2130706433:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://0x7f.0.0.1:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://017700000001:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://127.0.1:{port}/"),
        format!("http://0:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://[64:ff9b::127.0.0.1]:{port}/"),
        format!("http://[2002:7f00:1::]:{port}/"),
        format!("http://①②⑦.⓪.⓪.①:{port}/"),
        format!("http://127。0。0。1:{port}/"),
        // The cloud's metadata.
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://metadata.google.internal/".to_owned(),
        // User information and what ends a host.
        format!("https://{GRANTED}@127.0.0.1:{port}/"),
        format!("https://{GRANTED}:x@127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}\\@{GRANTED}/"),
        format!("https://127.0.0.1:{port}#@{GRANTED}/"),
        format!("https://127.0.0.1:{port}?@{GRANTED}/"),
        format!("https://user@{GRANTED}/"),
        format!("https://user:password@{GRANTED}/"),
        // Other spellings of the granted name.
        format!("https://{GRANTED}./"),
        "https://UPSTREAM.example.com/".to_owned(),
        "https://upstream.example.com:443/".to_owned(),
        "https://upstream.example.com:0443/".to_owned(),
        "https://upstream.example.com%00.evil.example/".to_owned(),
        "https://upstream.example.com%2eevil.example/".to_owned(),
        "https://upstreаm.example.com/".to_owned(),
        "https://xn--upstrem-5nf.example.com/".to_owned(),
        "https://upstream。example。com/".to_owned(),
        "https://ｕｐｓｔｒｅａｍ.example.com/".to_owned(),
        "https://%75pstream.example.com/".to_owned(),
        "https://upstream%2eexample%2ecom/".to_owned(),
        format!("https://%31%32%37.0.0.1:{port}/"),
        "https://upstream\u{ad}.example.com.evil.example/".to_owned(),
        // Not absolute.
        format!("//127.0.0.1:{port}/"),
        "/x".to_owned(),
        String::new(),
        format!("https:127.0.0.1:{port}"),
        format!("https:/\u{9}/127.0.0.1:{port}/"),
        format!("https://{GRANTED} .evil.example/"),
        format!("https://{GRANTED}\r\nHost: evil.example/"),
    ]
}

//! A test message through an unreachable upstream reports the failed step as data, without waiting
//! for the instance's timeout.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use twofactor::admin::{TestMessage, TestReport};
use twofactor::sandbox::{NetworkBuilder, Resolver, SandboxLimits};
use twofactor::{Actor, Network, NewInstance, Recipient};
use twofactor_tests::certificates::Authority;
use twofactor_tests::compiled;
use twofactor_tests::mail::{options, server, trusting};
use twofactor_tests::smtp_server::{Protection, SmtpServer, Step, say};

struct NoNames;

#[async_trait]
impl Resolver for NoNames {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match host {
            "private.example.com" => Ok(vec![IpAddr::from([10, 0, 0, 1])]),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Sends a test message, and returns what was reported. Without an answer it ends after as long as a test may hang.
async fn test(
    network: NetworkBuilder,
    component: &'static [u8],
    type_id: &str,
    own: Value,
    to: Recipient,
) -> TestReport {
    let mut limits = SandboxLimits::default();
    limits.deliver_time = Duration::from_secs(60);
    let builder = compiled::builder().network(network.build().unwrap()).provider(component).limits(limits);
    let engine = builder.build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let instance = admin.create_instance("s", NewInstance::new(type_id, "One", own)).await.unwrap();
    assert!(instance.valid, "{:?}", instance.problems);
    admin.send_test("s", &instance.id, TestMessage::to(to)).await.unwrap()
}

/// Sends through a mail server with a timeout of a minute: a failure that is found only then fails
/// the test.
async fn mail(network: NetworkBuilder, host: &str, port: u16) -> (TestReport, Value) {
    let mut server = server(host, port);
    server["Timeout"] = 59_000.into();
    let to = Recipient { email: Some("alice@example.net".to_owned()), ..Recipient::default() };
    let report = test(network, twofactor_bundle::EMAIL, "email", options(server), to).await;
    let upstream = json!(report.upstream);
    (report, upstream)
}

async fn sms(network: NetworkBuilder) -> (TestReport, Value) {
    let own = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "token",
        "TwilioSmsFromNumber": "+15005550006"});
    let to = Recipient { phone: Some("+41791234567".to_owned()), ..Recipient::default() };
    let report = test(network, twofactor_bundle::TWILIO, "twilio", own, to).await;
    let upstream = json!(report.upstream);
    (report, upstream)
}

/// Returns where nothing listens.
async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Answers each request with this, without TLS.
async fn plain(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

fn at(upstream: &Value) -> (&str, &str) {
    (upstream["step"].as_str().unwrap(), upstream["cause"].as_str().unwrap())
}

#[tokio::test]
async fn the_error_for_an_unreachable_mail_server_names_the_step() {
    let network = || Network::builder().resolver(NoNames);
    let (report, upstream) = mail(network(), "nowhere.example.com", 465).await;
    assert_eq!(at(&upstream), ("name-resolution", "no-address"));
    assert_eq!((&upstream["host"], &upstream["port"]), (&json!("nowhere.example.com"), &json!(465)));
    assert_eq!(report.outcome, "retry-later");
    let (_, upstream) = mail(network(), "private.example.com", 465).await;
    assert_eq!(at(&upstream), ("name-resolution", "address-not-allowed"));
    let (_, upstream) = mail(network().resolve("smtp.example.com", closed().await), "smtp.example.com", 587).await;
    assert_eq!(at(&upstream), ("connection", "connection-refused"));
}

#[tokio::test]
async fn a_wrong_tls_mode_is_detected_immediately() {
    let authority = Authority::default();
    let certificate = authority.issue("smtp.example.com");
    for (protection, port, cause) in [
        (Protection::StartTls, 465, "no-tls"),
        (Protection::None, 465, "no-tls"),
        (Protection::ImplicitTls, 587, "tls-at-once"),
        (Protection::None, 587, "not-offered"),
    ] {
        let smtp = SmtpServer::start(protection, &certificate).await;
        let network = trusting(&authority).resolve("smtp.example.com", smtp.address);
        let (_, upstream) = mail(network, "smtp.example.com", port).await;
        assert_eq!(at(&upstream), ("tls", cause), "{protection:?} {port}");
    }
    // The certificate of a server that begins TLS at once need not be one for this client.
    let smtp = SmtpServer::start(Protection::ImplicitTls, &certificate).await;
    let network = Network::builder().resolve("smtp.example.com", smtp.address);
    assert_eq!(at(&mail(network, "smtp.example.com", 587).await.1), ("tls", "tls-at-once"));
}

#[tokio::test]
async fn a_certificate_is_named_with_what_is_wrong_about_it() {
    let authority = Authority::default();
    for protection in [Protection::ImplicitTls, Protection::StartTls] {
        let port = if protection == Protection::StartTls { 587 } else { 465 };
        let smtp = SmtpServer::start(protection, &authority.issue("other.example.com")).await;
        let network = trusting(&authority).resolve("smtp.example.com", smtp.address);
        let (report, upstream) = mail(network, "smtp.example.com", port).await;
        assert_eq!(at(&upstream), ("tls", "certificate-name"));
        assert_eq!(upstream["certificate_names"], json!(["other.example.com"]));
        assert!(report.detail.contains("the certificate is for other.example.com"), "{report:?}");
        let network = Network::builder().resolve("other.example.com", smtp.address);
        assert_eq!(at(&mail(network, "other.example.com", port).await.1), ("tls", "certificate-issuer"));
    }
}

#[tokio::test]
async fn what_a_mail_server_refuses_is_named_by_step() {
    let authority = Authority::default();
    let smtp = SmtpServer::start(Protection::ImplicitTls, &authority.issue("smtp.example.com")).await;
    for (step, reply, name, outcome) in [
        (Step::Greeting, "554 5.3.2 no", "greeting", "misconfigured"),
        (Step::Auth, "535 5.7.8 no", "login", "misconfigured"),
        (Step::Sender, "550 5.7.1 no", "sender", "misconfigured"),
        (Step::Recipient, "550 5.1.1 no", "recipient", "rejected-recipient"),
        (Step::Message, "554 5.6.0 no", "message", "rejected-message"),
    ] {
        smtp.plays([(step, say(&format!("{reply}\r\n")))]);
        let network = trusting(&authority).resolve("smtp.example.com", smtp.address);
        let (report, upstream) = mail(network, "smtp.example.com", 465).await;
        assert_eq!((at(&upstream), &*report.outcome), ((name, "refused"), outcome));
        assert_eq!(upstream["enhanced_code"], reply[4..9]);
    }
    smtp.plays([]);
    let network = trusting(&authority).resolve("smtp.example.com", smtp.address);
    assert_eq!(mail(network, "smtp.example.com", 465).await.1, Value::Null);
}

#[tokio::test]
async fn the_error_for_an_unreachable_http_upstream_names_the_step() {
    let host = "api.twilio.com";
    let authority = Authority::default();
    let (report, upstream) = sms(Network::builder().resolver(NoNames)).await;
    assert_eq!((at(&upstream), &*report.outcome), (("name-resolution", "no-address"), "retry-later"));
    let (_, upstream) = sms(Network::builder().resolve(host, closed().await)).await;
    assert_eq!(at(&upstream), ("connection", "connection-refused"));
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let (_, upstream) = sms(Network::builder().resolve(host, plain(answer).await)).await;
    assert_eq!(at(&upstream), ("tls", "no-tls"));
    let other = SmtpServer::start(Protection::ImplicitTls, &authority.issue("other.example.com")).await;
    let (_, upstream) = sms(trusting(&authority).resolve(host, other.address)).await;
    assert_eq!(
        (at(&upstream), &upstream["certificate_names"]),
        (("tls", "certificate-name"), &json!(["other.example.com"]))
    );
    let (_, upstream) = sms(Network::builder().resolve(host, other.address)).await;
    assert_eq!(at(&upstream), ("tls", "certificate-issuer"));
}

#[tokio::test]
async fn what_an_http_upstream_refuses_is_named_by_step() {
    for (answer, step, status, outcome) in [
        ("HTTP/1.1 401 x\r\ncontent-length: 14\r\n\r\n{\"code\":20003}", "login", 401, "misconfigured"),
        ("HTTP/1.1 400 x\r\ncontent-length: 14\r\n\r\n{\"code\":21211}", "message", 400, "rejected-recipient"),
        ("HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n", "message", 503, "outcome-unknown"),
    ] {
        let (report, upstream) =
            sms(Network::builder().override_endpoint("https://api.twilio.com", plain(answer).await)).await;
        assert_eq!((at(&upstream), &*report.outcome), ((step, "refused"), outcome), "{report:?}");
        assert_eq!(upstream["reply_code"], status);
    }
}

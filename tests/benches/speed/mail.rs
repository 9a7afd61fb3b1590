//! Mail over kept connections through a component, against the same mail sent natively with kept connections of lettre.
//!
//! The native pool does what lettre's own does (its feature `pool` is not part of the build): it takes a connection that is idle,
//! tests it with NOOP, and gives it back after the mail.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::message::MultiPart;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use twofactor::Network;
use twofactor::sandbox::{Component, Configured, Message, SandboxLimits};

use crate::{row, setup};

const HOST: &str = "mail.example.com";
const SENDER: &str = "codes@example.com";
const RECIPIENT: &str = "alice@example.org";
const TEXT: &str = "123456 is your code. It is valid for 5 minutes.";
const HTML: &str = "<p><b>123456</b> is your code. It is valid for 5 minutes.</p>";
const CLIENTS: usize = 32;

/// A mail server on loopback that greets after 100 ms, as many do, stores each mail in this time, and responds to all else at once.
async fn server(storing: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, storing));
        }
    });
    address
}

async fn serve(stream: TcpStream, storing: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.write_all(b"220 mail.example.com\r\n").await?;
    let mut line = Vec::new();
    let mut in_data = false;
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let reply: &[u8] = match (in_data, &*line) {
            (true, b".\r\n") => {
                // A sleep of nothing takes up to a millisecond.
                if !storing.is_zero() {
                    tokio::time::sleep(storing).await;
                }
                b"250 2.0.0 queued as 1\r\n"
            }
            (true, _) => continue,
            (false, b"DATA\r\n") => b"354 go on\r\n",
            (false, command) if command.starts_with(b"EHLO") => {
                b"250-mail.example.com\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n"
            }
            (false, command) if command.starts_with(b"AUTH") => b"235 2.7.0 ok\r\n",
            _ => b"250 2.0.0 ok\r\n",
        };
        in_data = reply.starts_with(b"354");
        stream.write_all(reply).await?;
    }
}

/// Kept connections of lettre.
struct Native {
    address: SocketAddr,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl Native {
    async fn connection(&self) -> AsyncSmtpConnection {
        loop {
            let kept = self.idle.lock().unwrap().pop();
            let Some(mut kept) = kept else { break };
            if kept.test_connected().await {
                return kept;
            }
        }
        let hello = ClientId::Domain("example.com".to_owned());
        // Without lettre's own connection, which waits for an acknowledgement between two writes (Nagle's algorithm).
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut new = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await.unwrap();
        let credentials = Credentials::new(SENDER.to_owned(), "secret".to_owned());
        new.auth(&[Mechanism::Plain], &credentials).await.unwrap();
        new
    }

    async fn send(&self) {
        let (from, to) = (SENDER.parse().unwrap(), RECIPIENT.parse().unwrap());
        let envelope = Envelope::new(Some(from), vec![to]).unwrap();
        let message = lettre::Message::builder()
            .from(SENDER.parse().unwrap())
            .to(RECIPIENT.parse().unwrap())
            .subject("Your code")
            .message_id(None)
            .date_now()
            .multipart(MultiPart::alternative_plain_html(TEXT.to_owned(), HTML.to_owned()))
            .unwrap();
        let mut connection = self.connection().await;
        connection.send(&envelope, &message.formatted()).await.unwrap();
        self.idle.lock().unwrap().push(connection);
    }
}

struct Both {
    component: Configured,
    native: Native,
}

impl Both {
    async fn send(&self, natively: bool) {
        if natively {
            return self.native.send().await;
        }
        let message = Message {
            recipient: RECIPIENT.to_owned(),
            subject: "Your code".to_owned(),
            text: TEXT.to_owned(),
            html: Some(HTML.to_owned()),
            ..setup::message()
        };
        self.component.deliver(message).await.unwrap();
    }
}

/// Emails a second.
async fn load(both: &Arc<Both>, natively: bool, each: usize) -> f64 {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let both = both.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    both.send(natively).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    (CLIENTS * each) as f64 / begin.elapsed().as_secs_f64()
}

pub(crate) async fn rows() {
    mails("stored after 20 ms", Duration::from_millis(20), 30).await;
    mails("stored at once", Duration::ZERO, 300).await;
}

async fn mails(how: &str, storing: Duration, each: usize) {
    let address = server(storing).await;
    let network = Network::builder().override_endpoint(&format!("smtp://{HOST}:587"), address).build().unwrap();
    let component = Component::load(twofactor_bundle::EMAIL, network, SandboxLimits::default()).await.unwrap();
    let server = json!({"MailType": "SMTP", "Host": HOST, "Port": 587, "EnableSSL": true, "UserName": SENDER,
        "Password": "secret"});
    let options = json!({"EMailSenderAddress": SENDER, "MailServerConfig": server});
    let Ok(component) = component.configure(&options).await else { panic!("the options are valid") };
    let both = Arc::new(Both { component, native: Native { address, idle: Mutex::default() } });
    for natively in [true, false] {
        load(&both, natively, each / 6).await;
    }
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let native = load(&both, true, each).await;
        let component = load(&both, false, each).await;
        rounds.push((component / native, component));
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, rate) = rounds[rounds.len() / 2];
    row(
        &format!("mail over kept connections against native lettre with a pool, {how}, 32 clients: throughput"),
        format!("{ratio:.3}   {rate:.0} a second"),
        "≥ 0.9",
        ratio >= 0.9,
    );
}

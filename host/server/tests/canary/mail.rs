//! A mail server whose replies repeat what it received.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::memory::Watch;
use super::upstream::code_in;

#[derive(Clone)]
pub(crate) struct MailServer(Arc<Mutex<State>>, Watch);

#[derive(Default)]
struct State {
    /// At which command it answers so: at one that begins so, or at `dot`, the end of the mail.
    refusal: (&'static str, &'static str),
    codes: Vec<String>,
}

impl MailServer {
    pub(crate) async fn start(watch: &Watch) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Self(Arc::default(), watch.clone());
        let served = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                tokio::spawn(async move { served.converse(stream).await });
            }
        });
        (server, address)
    }

    /// Sets the reply at one stage from now on; the rest of the reply is what it received before.
    pub(crate) fn refuses(&self, stage: &'static str, reply: &'static str) {
        self.0.lock().unwrap().refusal = (stage, reply);
    }

    /// Returns the codes that came, the oldest first.
    pub(crate) fn codes(&self) -> Vec<String> {
        self.0.lock().unwrap().codes.clone()
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        // What it repeats: the login in every reply, and the rest for as long as an email lasts. Codes of earlier emails belong to others.
        let (mut login, mut told, mut recipient) = (String::new(), String::new(), String::new());
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 ours\r\n").await?;
        let (mut line, mut mail) = (String::new(), None::<String>);
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if let Some(text) = mail.as_mut().filter(|_| line != ".\r\n") {
                text.push_str(line.strip_prefix('.').unwrap_or(&line));
                continue;
            }
            let (stage, refusal) = self.0.lock().unwrap().refusal;
            let verb = if mail.is_some() { "dot" } else { line.get(..4).unwrap_or("").trim() };
            match (mail.take(), line.trim().split_once(' ')) {
                (Some(mail), _) => {
                    let parsed = MessageParser::default().parse(mail.as_bytes()).unwrap();
                    let code = code_in(&parsed.body_text(0).unwrap()).unwrap();
                    told = format!("{code} {told}");
                    self.1.look(&code, &recipient);
                    self.0.lock().unwrap().codes.push(code);
                }
                (None, Some(("AUTH", sent))) => {
                    let sent = sent.trim_start_matches("PLAIN ");
                    let plain = STANDARD.decode(sent).map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
                    login = format!("{} {sent}", plain.unwrap_or_default());
                }
                (None, None) if verb == "RSET" => told.clear(),
                (None, Some(("RCPT", to))) => {
                    let address = to.trim_start_matches("TO:<").trim_end_matches('>').to_owned();
                    told = format!("{address} {} {told}", address.to_uppercase());
                    recipient = address;
                }
                _ => {}
            }
            let usual = match verb {
                "EHLO" => "250-ours\r\n250 AUTH PLAIN".to_owned(),
                "AUTH" => "235 2.7.0".to_owned(),
                "DATA" => "354".to_owned(),
                _ => "250 2.0.0".to_owned(),
            };
            let reply = if verb == stage { refusal.to_owned() } else { usual };
            if reply.starts_with("354") {
                mail = Some(String::new());
            }
            let told = if verb == "EHLO" { String::new() } else { format!("{told} {login}") };
            stream.write_all(format!("{reply} {told}\r\n").as_bytes()).await?;
        }
    }
}

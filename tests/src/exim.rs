//! A real mail server: Debian's `exim4-daemon-light`, with all its files in a temporary folder.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mail_parser::{Message, MessageParser};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::certificates::Certificate;
use crate::mail::{PASSWORD, USER};

const PROGRAM: &str = "/usr/sbin/exim4";

/// The user that it runs as if root runs the tests: it delivers for no user with more rights.
const NOBODY: u32 = 65534;

pub struct Exim {
    folder: TempDir,
    child: Child,
    log: watch::Receiver<Vec<String>>,
    /// The address with TLS from the first byte.
    pub implicit_tls: SocketAddr,
    /// The address with STARTTLS.
    pub start_tls: SocketAddr,
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exim {
    /// Starts one. `None`, after printing so, if it is not installed.
    pub async fn start(certificate: &Certificate) -> Option<Self> {
        Self::with_settings(certificate, "").await
    }

    /// Starts one with more settings.
    pub async fn with_settings(certificate: &Certificate, settings: &str) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            // Not by `eprintln`, whose output a passing test does not show.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: {PROGRAM} is missing (Debian: exim4-daemon-light)");
            return None;
        }
        loop {
            // Another program may take one of the ports first.
            if let Some(exim) = Self::try_start(certificate, settings).await {
                return Some(exim);
            }
        }
    }

    async fn try_start(certificate: &Certificate, settings: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let owner = fs::metadata(folder.path()).unwrap();
        let (user, group) = if owner.uid() == 0 { (NOBODY, NOBODY) } else { (owner.uid(), owner.gid()) };
        let ports = [free_port(), free_port()];
        let at = folder.path();
        for name in ["spool", "log", "mail"] {
            fs::create_dir(at.join(name)).unwrap();
        }
        fs::write(at.join("chain.pem"), &certificate.chain).unwrap();
        fs::write(at.join("key.pem"), &certificate.key).unwrap();
        let text = configuration(at, (user, group), ports, settings);
        fs::write(at.join("exim.conf"), text).unwrap();
        fs::set_permissions(at.join("exim.conf"), fs::Permissions::from_mode(0o644)).unwrap();
        let mut command = Command::new(PROGRAM);
        if owner.uid() == 0 {
            for name in ["", "spool", "log", "mail", "chain.pem", "key.pem"] {
                chown(at.join(name), Some(user), Some(group)).unwrap();
            }
            command.uid(user).gid(group);
        }
        command.arg("-C").arg(at.join("exim.conf")).arg("-bdf");
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (said, mut log) = watch::channel(Vec::new());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                said.send_modify(|log| log.push(line));
            }
        });
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let [implicit_tls, start_tls] = ports.map(address);
        let started = log.wait_for(|log| log.iter().any(|line| line.contains("daemon started"))).await.is_ok();
        let log_so_far = log.borrow().join("\n");
        let exim = Self { folder, child, log, implicit_tls, start_tls };
        assert!(started || log_so_far.contains("already in use"), "exim did not start: {log_so_far}");
        started.then_some(exim)
    }

    /// Waits until its log has a line with all these words, for a limited time, so that a missing
    /// one is reported.
    pub async fn logged(&self, words: &[&str]) {
        let has = |line: &String| words.iter().all(|word| line.contains(word));
        let mut log = self.log.clone();
        let found = timeout(Duration::from_secs(60), log.wait_for(|log| log.iter().any(has))).await;
        let found = found.is_ok_and(|found| found.is_ok());
        assert!(found, "no line of Exim's log has {words:?}: {:?}", self.log.borrow());
    }

    /// Returns how many emails it took.
    pub fn taken(&self) -> usize {
        self.count(" <= ")
    }

    /// How many lines of its log have these words.
    pub fn count(&self, words: &str) -> usize {
        self.log.borrow().iter().filter(|line| line.contains(words)).count()
    }

    /// Returns the one email to an address, once it lies in the mailbox.
    pub async fn mail_to(&self, address: &str) -> Mail {
        self.logged(&[" => ", &format!("<{address}>")]).await;
        let envelope = format!("Envelope-to: {address}\n");
        let files = fs::read_dir(self.folder.path().join("mail/new")).unwrap();
        let mails = files.map(|file| String::from_utf8(fs::read(file.unwrap().path()).unwrap()).unwrap());
        let mut mails = mails.filter(|mail| mail.contains(&envelope));
        let mail = Mail(mails.next().unwrap());
        assert!(mails.next().is_none(), "more than one mail to {address}");
        mail
    }
}

/// An email as it lies in the mailbox, its lines ended as this system ends them.
pub struct Mail(pub String);

impl Mail {
    pub fn parsed(&self) -> Message<'_> {
        MessageParser::default().parse(self.0.as_bytes()).unwrap()
    }

    pub fn text(&self) -> String {
        self.parsed().body_text(0).unwrap().into_owned()
    }

    /// Returns the lines of the header, unfolded.
    pub fn header(&self) -> Vec<String> {
        let head = self.0.split_once("\n\n").unwrap().0;
        head.replace("\n ", " ").replace("\n\t", " ").lines().map(str::to_owned).collect()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// It accepts mail only after a login, which requires TLS, and stores it in one folder.
fn configuration(folder: &Path, (user, group): (u32, u32), ports: [u16; 2], settings: &str) -> String {
    let folder = folder.to_str().unwrap();
    let [implicit_tls, start_tls] = ports;
    format!(
        r"exim_user = {user}
exim_group = {group}
primary_hostname = smtp.example.com
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {implicit_tls} : {start_tls}
daemon_startup_retries = 0
tls_on_connect_ports = {implicit_tls}
tls_certificate = {folder}/chain.pem
tls_privatekey = {folder}/key.pem
tls_advertise_hosts = *
auth_advertise_hosts = ${{if def:tls_in_cipher {{*}}}}
smtputf8_advertise_hosts = *
acl_smtp_rcpt = recipient
acl_smtp_data = accept
host_lookup =
keep_environment =
message_logs = false
{settings}
begin acl
recipient:
  deny
    !authenticated = *
  accept
begin routers
all:
  driver = accept
  transport = mailbox
begin transports
mailbox:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  envelope_to_add
  user = {user}
  group = {group}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and {{{{eq {{$auth2}}{{{USER}}}}} {{eq {{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and {{{{eq {{$auth1}}{{{USER}}}}} {{eq {{$auth2}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth1
"
    )
}

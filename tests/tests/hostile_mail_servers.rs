//! Mail servers that fall silent, close the connection, send garbage, never stop, or try to obtain
//! the login: each causes a bounded error of the right kind.

use futures::future::join_all;
use serde_json::json;
use twofactor::admin::{TestMessage, TestReport};
use twofactor::sandbox::{Component, SandboxLimits};
use twofactor::{Actor, Network, NewInstance, Recipient};
use twofactor_tests::certificates::Authority;
use twofactor_tests::hostile::{HOSTILE, SECRET};
use twofactor_tests::mail::{PASSWORD, Post, options, server, trusting};
use twofactor_tests::sample;
use twofactor_tests::smtp_server::{Act, Protection, Seen, SmtpServer, Step, say};

const RETRY: &str = "retry-later";
const UNKNOWN: &str = "outcome-unknown";
const MISCONFIGURED: &str = "misconfigured";
const RECIPIENT: &str = "rejected-recipient";
const MESSAGE: &str = "rejected-message";

/// A server's behaviour, and the class of the outcome.
struct Row {
    protection: Protection,
    port: u16,
    script: Vec<(Step, Act)>,
    timeout: u32,
    expected: &'static str,
}

fn implicit(step: Step, act: Act, expected: &'static str) -> Row {
    let script = vec![(step, act)];
    Row { protection: Protection::ImplicitTls, port: 465, script, timeout: 20_000, expected }
}

fn start_tls(step: Step, act: Act, expected: &'static str) -> Row {
    Row { protection: Protection::StartTls, port: 587, ..implicit(step, act, expected) }
}

impl Row {
    fn is_silent_at_first(&self) -> bool {
        let silent = |(step, act): &(Step, Act)| *step == Step::Greeting && matches!(act, Act::Silence);
        self.port != 465 && (self.protection == Protection::ImplicitTls || self.script.iter().any(silent))
    }
}

/// Sends an email to each server, concurrently. Returns the reports and what the servers saw, after
/// checking what holds for all: the kind is the expected one, the rules were kept, and nothing
/// confidential was sent in plaintext.
async fn meet(rows: Vec<Row>) -> Vec<(TestReport, Seen)> {
    let authority = Authority::default();
    let mut network = trusting(&authority);
    let mut servers = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        let host = format!("smtp-{n}.example.com");
        let smtp = SmtpServer::start(row.protection, &authority.issue(&host)).await;
        smtp.plays(row.script.clone());
        network = network.resolve(&host, smtp.address);
        let mut its_options = server(&host, row.port);
        its_options["Timeout"] = row.timeout.into();
        servers.push((smtp, options(its_options)));
    }
    let post = Post::new(network, servers[0].1.clone()).await;
    let reports = join_all(servers.iter().map(|(_, own)| post.test("alice@example.net", Some(own.clone())))).await;
    let mut met = Vec::new();
    for ((row, report), (smtp, _)) in rows.iter().zip(reports).zip(servers) {
        let what = format!("{:?} {:?}: {report:?}", row.protection, row.script);
        let what = what.chars().take(600).collect::<String>();
        assert_eq!(report.outcome, row.expected, "{what}");
        let seen = smtp.seen();
        // A server without a greeting is tested for immediate TLS on a second connection.
        assert!(seen.len() == 1 || seen.len() == 2 && row.is_silent_at_first(), "{what}");
        let seen = seen[0].clone();
        assert_eq!(seen.faults, [""; 0], "{what}");
        let open = seen.commands.iter().filter(|(secure, _)| !secure);
        let open: Vec<&str> = open.map(|(_, command)| command.split(' ').next().unwrap()).collect();
        assert!(open.iter().all(|verb| ["EHLO", "STARTTLS", "QUIT"].contains(verb)), "{what} {open:?}");
        assert!(!format!("{report:?}").contains(PASSWORD) && !format!("{report:?}").contains("alice"), "{what}");
        // An email that was not sent is certainly not sent, and vice versa.
        if row.expected == RETRY {
            assert_eq!(seen.messages.len(), 0, "{what}");
        }
        met.push((report, seen));
    }
    met
}

#[tokio::test]
async fn silence_at_any_step_ends_at_the_instances_timeout() {
    let mut rows = Vec::new();
    for step in [Step::Handshake, Step::Greeting, Step::Hello, Step::Auth, Step::Sender, Step::Recipient, Step::Data] {
        rows.push(implicit(step, Act::Silence, RETRY));
    }
    for step in [Step::Greeting, Step::Hello, Step::StartTls, Step::Handshake, Step::HelloAgain] {
        rows.push(start_tls(step, Act::Silence, RETRY));
    }
    rows.push(implicit(Step::Message, Act::Silence, UNKNOWN));
    for row in &mut rows {
        row.timeout = 3000;
    }
    for (report, _) in meet(rows).await {
        assert_eq!(report.code, if report.outcome == UNKNOWN { "no-answer" } else { "not-sent" }, "{report:?}");
        assert!(report.detail.ends_with("in time"), "{report:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_leaves_the_outcome_unknown_only_after_the_message() {
    let mut rows = Vec::new();
    for step in [Step::Handshake, Step::Greeting, Step::Hello, Step::Auth, Step::Sender, Step::Recipient, Step::Data] {
        rows.push(implicit(step, Act::Cut, RETRY));
        rows.push(implicit(step, Act::SayAndCut(b"25".to_vec()), RETRY));
    }
    for step in [Step::Greeting, Step::Hello, Step::StartTls, Step::Handshake, Step::HelloAgain] {
        rows.push(start_tls(step, Act::Cut, RETRY));
    }
    rows.push(implicit(Step::Data, Act::SayAndCut(b"354 go on\r\n".to_vec()), UNKNOWN));
    rows.push(implicit(Step::Message, Act::Cut, UNKNOWN));
    rows.push(implicit(Step::Message, Act::SayAndCut(b"250".to_vec()), UNKNOWN));
    rows.push(implicit(Step::Message, Act::SayAndCut(b"250-2.0.0 queued\r\n".to_vec()), UNKNOWN));
    meet(rows).await;
}

#[tokio::test]
async fn an_invalid_reply_is_a_bounded_error() {
    let megabytes = [b"250 ".to_vec(), vec![b'x'; 8 << 20], b"\r\n".to_vec()].concat();
    let nonsense = [
        say("\r\n"),
        say("hello\r\n"),
        say("25\r\n"),
        say("2500 ok\r\n"),
        say("250_ok\r\n"),
        say("-50 ok\r\n"),
        say("199 ok\r\n"),
        say("650 ok\r\n"),
        say("２５０ ok\r\n"),
        say("250-a\r\n251 b\r\n"),
        say("\0\0\0\0\r\n"),
        Act::Say((0..=255).cycle().take(4096).collect()),
        Act::Say(megabytes.clone()),
        Act::Endless(b"250-x\r\n".to_vec()),
        Act::Endless(b"250-\r\n".to_vec()),
        Act::Endless(b"x".to_vec()),
        Act::Endless(vec![0]),
    ];
    let mut rows = Vec::new();
    for act in nonsense {
        rows.push(implicit(Step::Greeting, act.clone(), RETRY));
        rows.push(implicit(Step::Hello, act.clone(), RETRY));
        rows.push(start_tls(Step::Hello, act.clone(), RETRY));
        rows.push(implicit(Step::Auth, act.clone(), RETRY));
        rows.push(implicit(Step::Message, act, UNKNOWN));
    }
    for (report, _) in meet(rows).await {
        assert!(report.detail.ends_with("the server's reply is malformed"), "{report:?}");
    }
}

#[tokio::test]
async fn a_reply_without_text_or_with_a_bare_line_end_is_a_reply() {
    let mut rows = Vec::new();
    for end in ["\r\n", " \r\n", "\n", " \t\r\n"] {
        for (step, code) in [
            (Step::Greeting, "220"),
            (Step::Auth, "235"),
            (Step::Sender, "250"),
            (Step::Recipient, "250"),
            (Step::Data, "354"),
            (Step::Message, "250"),
        ] {
            rows.push(implicit(step, say(&format!("{code}-{end}{code}{end}")), "delivered"));
        }
        // Such a server offers no extension, so it is not possible to log in.
        rows.push(implicit(Step::Hello, say(&format!("250{end}")), MISCONFIGURED));
        rows.push(implicit(Step::HelloAgain, say(&format!("250-{end}250{end}")), "delivered"));
        rows.push(start_tls(Step::StartTls, say(&format!("220{end}")), "delivered"));
        rows.push(start_tls(Step::HelloAgain, say(&format!("250{end}")), MISCONFIGURED));
    }
    meet(rows).await;
}

#[tokio::test]
async fn a_reply_out_of_order_does_not_count_as_acceptance() {
    let mut rows = Vec::new();
    for (step, text, expected) in [
        (Step::Auth, "354 go on\r\n", RETRY),
        (Step::Sender, "354 go on\r\n", RETRY),
        (Step::Recipient, "354 go on\r\n", RETRY),
        (Step::Data, "250 2.0.0 queued\r\n", RETRY),
        (Step::Message, "354 go on\r\n", UNKNOWN),
        (Step::Message, "221 bye\r\n", UNKNOWN),
        (Step::Message, "251 ok\r\n", UNKNOWN),
    ] {
        rows.push(implicit(step, say(text), expected));
    }
    for (report, seen) in meet(rows).await {
        assert!(report.detail.ends_with("out of sequence"), "{report:?}");
        assert!(report.outcome == UNKNOWN || seen.messages.is_empty());
    }
}

#[tokio::test]
async fn an_extra_reply_is_not_read_as_the_reply_to_the_next_command() {
    let mut rows = Vec::new();
    for (step, text, expected) in [
        (Step::Greeting, "220 ours\r\n250-ours\r\n250 AUTH PLAIN\r\n", RETRY),
        (Step::Hello, "250-ours\r\n250 AUTH PLAIN\r\n235 ok\r\n", RETRY),
        (Step::Auth, "235 ok\r\n250 ok\r\n", RETRY),
        (Step::Sender, "250 ok\r\n250 ok\r\n354 go on\r\n250 queued\r\n", RETRY),
        (Step::Recipient, "250 ok\r\n354 go on\r\n", RETRY),
        (Step::Data, "354 go on\r\n250 2.0.0 queued\r\n", UNKNOWN),
        (Step::Data, "354 go on\r\n250", UNKNOWN),
    ] {
        rows.push(implicit(step, say(text), expected));
    }
    for (report, seen) in meet(rows).await {
        assert!(report.detail.ends_with("the server's reply is malformed"), "{report:?}");
        assert_eq!(seen.messages.len(), 0);
    }
}

#[tokio::test]
async fn a_reply_counts_although_the_server_falls_silent_afterwards() {
    let mut rows = Vec::new();
    for (step, text, expected) in [
        (Step::Hello, "554 5.3.2 no service\r\n", MISCONFIGURED),
        (Step::Hello, "421 4.3.2 not now\r\n", RETRY),
        (Step::Auth, "535 5.7.8 wrong\r\n", MISCONFIGURED),
        (Step::Recipient, "550 5.1.1 unknown\r\n", RECIPIENT),
        (Step::Message, "554 5.7.1 no\r\n", MESSAGE),
        (Step::Message, "250 2.0.0 queued as 1\r\n", "delivered"),
    ] {
        let mut row = implicit(step, say(text), expected);
        if step == Step::Auth {
            row.script.push((Step::Hello, say("250-ours\r\n250 AUTH LOGIN\r\n")));
        }
        row.script.push((Step::Quit, Act::Silence));
        // The shortest timeout: waiting for the reply to QUIT would use it up.
        row.timeout = 1000;
        rows.push(row);
    }
    for (report, _) in meet(rows).await {
        assert!(!report.detail.contains("in time"), "{report:?}");
    }
}

#[tokio::test]
async fn a_drip_ends_at_the_timeout_however_long_it_goes_on() {
    let drip = || Act::Drip(b"250-x\r\n".to_vec());
    let mut rows = vec![
        implicit(Step::Greeting, drip(), RETRY),
        implicit(Step::Hello, drip(), RETRY),
        start_tls(Step::Hello, drip(), RETRY),
        implicit(Step::Data, drip(), RETRY),
        implicit(Step::Message, drip(), UNKNOWN),
    ];
    for row in &mut rows {
        row.timeout = 1500;
    }
    for (report, _) in meet(rows).await {
        assert_eq!(report.code, if report.outcome == UNKNOWN { "no-answer" } else { "not-sent" }, "{report:?}");
        assert!(report.detail.ends_with("in time"), "{report:?}");
    }
}

#[tokio::test]
async fn where_starttls_is_missing_refused_or_tampered_with_no_login_is_sent() {
    let rows = vec![
        start_tls(Step::Hello, say("250 ours\r\n"), MISCONFIGURED),
        start_tls(Step::Hello, say("250-ours\r\n250 AUTH PLAIN LOGIN\r\n"), MISCONFIGURED),
        start_tls(Step::Hello, say("250-ours\r\n250-XSTARTTLS\r\n250 AUTH PLAIN\r\n"), MISCONFIGURED),
        start_tls(Step::StartTls, say("454 4.7.0 not available\r\n"), RETRY),
        start_tls(Step::StartTls, say("501 5.5.4 no\r\n"), MISCONFIGURED),
        start_tls(Step::StartTls, say("250 ok\r\n"), RETRY),
        start_tls(Step::StartTls, say("354 go on\r\n"), RETRY),
        // What is sent in plaintext must not count after TLS.
        start_tls(Step::StartTls, say("220 go on\r\n250-ours\r\n250 AUTH PLAIN\r\n"), RETRY),
        start_tls(Step::StartTls, say("220 go on\r\n250"), RETRY),
        start_tls(Step::Handshake, say("250-ours\r\n250 AUTH PLAIN\r\n"), RETRY),
        // Nor what was offered before count after.
        Row {
            script: vec![
                (Step::Hello, say("250-ours\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")),
                (Step::HelloAgain, say("250 ours\r\n")),
            ],
            ..start_tls(Step::Hello, Act::Cut, MISCONFIGURED)
        },
        start_tls(Step::HelloAgain, say("250-ours\r\n250-STARTTLS\r\n250 AUTH CRAM-MD5\r\n"), MISCONFIGURED),
    ];
    for (report, seen) in meet(rows).await {
        assert_eq!((seen.count("AUTH"), seen.count("MAIL")), (0, 0), "{report:?}");
    }
}

#[tokio::test]
async fn a_server_that_requires_a_login_in_two_steps_gets_it_in_two() {
    let offer = "250-ours\r\n250 AUTH LOGIN\r\n";
    let rows =
        vec![implicit(Step::Hello, say(offer), "delivered"), start_tls(Step::HelloAgain, say(offer), "delivered")];
    for (_, seen) in meet(rows).await {
        assert_eq!((seen.count("AUTH LOGIN"), seen.messages.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_server_without_the_required_tls_receives_nothing() {
    let authority = Authority::default();
    let smtp = SmtpServer::start(Protection::None, &authority.issue("smtp.example.com")).await;
    let network = trusting(&authority).resolve("smtp.example.com", smtp.address);
    let post = Post::new(network, options(server("smtp.example.com", 465))).await;
    let report = post.test("alice@example.net", None).await;
    assert_eq!(report.outcome, RETRY);
    assert_eq!(report.detail, "TLS at smtp.example.com:465: the server does not use TLS on this port");
    // It saw only a handshake.
    let seen = smtp.last();
    assert_eq!(["EHLO", "AUTH", "MAIL"].map(|verb| seen.count(verb)), [0; 3]);
}

#[tokio::test]
async fn a_login_goes_out_without_tls_only_to_the_server_the_operator_named() {
    let authority = Authority::default();
    let smtp = SmtpServer::start(Protection::None, &authority.issue("smtp.example.com")).await;
    let network = || trusting(&authority).resolve("smtp.example.com", smtp.address);
    let mut open = options(server("smtp.example.com", 25));
    open["MailServerConfig"]["EnableSSL"] = false.into();
    for network in [
        network(),
        network().allow_plaintext_smtp("smtp.example.com", 26),
        network().allow_plaintext_smtp("other.example.com", 25),
        network().allow_plaintext_smtp("example.com", 25),
    ] {
        let post = Post::new(network, options(server("smtp.example.com", 465))).await;
        let admin = post.engine.administration(Actor::new("test"));
        let instance = admin.create_instance("demo", NewInstance::new("email", "Open", open.clone())).await.unwrap();
        assert!(!instance.valid);
        assert!(instance.problems[0].detail.contains("`allowed_plaintext_smtp`"), "{:?}", instance.problems);
        let recipient = Recipient { email: Some("alice@example.net".to_owned()), ..Recipient::default() };
        let error = admin.send_test("demo", &instance.id, TestMessage::to(recipient)).await.unwrap_err();
        assert!(error.is_invalid_input(), "{error:?}");
    }
    assert_eq!(smtp.seen().len(), 0);

    let post = Post::new(network().allow_plaintext_smtp("SMTP.example.com", 25), open).await;
    assert_eq!(post.test("alice@example.net", None).await.outcome, "delivered");
    assert_eq!((smtp.last().count("AUTH PLAIN"), smtp.last().messages.len()), (1, 1));
}

#[tokio::test]
async fn data_left_over_from_one_exchange_does_not_answer_the_next() {
    let authority = Authority::default();
    let smtp = SmtpServer::start(Protection::ImplicitTls, &authority.issue("smtp.example.com")).await;
    let mut own = options(server("smtp.example.com", 465));
    own["MailServerConfig"]["Timeout"] = 2000.into();
    let post = Post::new(trusting(&authority).resolve("smtp.example.com", smtp.address), own).await;
    let replies = || say("250 ok\r\n250 ok\r\n354 go on\r\n250 queued\r\n");
    for (step, broken) in [
        (Step::Sender, Act::Cut),
        (Step::Data, Act::Cut),
        (Step::Message, Act::Cut),
        (Step::Message, Act::Silence),
        (Step::Sender, replies()),
        (Step::Message, replies()),
    ] {
        for (script, outcome) in
            [(None, "delivered"), (Some((Step::Recipient, say("550 5.1.1 unknown\r\n"))), RECIPIENT)]
        {
            let connections = smtp.seen().len();
            smtp.plays([(step, broken.clone())]);
            post.test("alice@example.net", None).await;
            smtp.plays(script);
            let second = post.test("alice@example.net", None).await;
            assert_eq!(second.outcome, outcome, "after {broken:?} at {step:?}: {second:?}");
            assert_eq!(smtp.seen().len(), connections + 2);
        }
    }
}

#[tokio::test]
async fn what_a_server_repeats_of_the_code_and_of_the_password_is_covered_before_the_component_reads_it() {
    const CODE: &str = "482913";
    let smtp = SmtpServer::start(Protection::None, &Authority::default().issue("smtp.example.com")).await;
    smtp.plays([(Step::Message, say(&format!("250 2.0.0 queued {CODE} of {SECRET}\r\n")))]);
    let network = Network::builder().override_endpoint("smtp://smtp.example.com:465", smtp.address).build().unwrap();
    let component = Component::load(HOSTILE, network, SandboxLimits::default()).await.unwrap();
    let options = json!({"Behaviour": "tell the reply, enciphered", "Secret": SECRET, "Mail": {}});
    let message = sample::message("+41791234567", CODE);
    let receipt = component.configure(&options).await.unwrap().deliver(message).await.unwrap();
    let reply: String = receipt.reference.bytes().map(|byte| char::from(byte - 1)).collect();
    let letters = reply.split(' ').nth(1).unwrap_or_default();
    assert!(reply.starts_with("queued") || reply.starts_with("2.0.0 queued"), "{reply}");
    assert!(!reply.contains(CODE) && !reply.contains(SECRET), "{reply} {letters}");
    assert!(reply.contains(&"*".repeat(SECRET.len())), "{reply}");
}

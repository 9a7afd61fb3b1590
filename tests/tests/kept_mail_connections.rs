//! Connections to mail servers that are kept from one email to the next: after a clean end only, for one server and login only, and so
//! that no mail is lost or sent twice by it.

use std::time::Duration;

use futures::future::join_all;
use twofactor_tests::certificates::Authority;
use twofactor_tests::exim::Exim;
use twofactor_tests::mail::{Post, options, server, trusting};
use twofactor_tests::smtp_server::{Act, Protection, SmtpServer, Step, say};

const HOST: &str = "smtp.example.com";
const RETRY: &str = "retry-later";
const UNKNOWN: &str = "outcome-unknown";
const RECIPIENT: &str = "rejected-recipient";
const MESSAGE: &str = "rejected-message";

struct Place {
    smtp: SmtpServer,
    post: Post,
}

impl Place {
    async fn new(protection: Protection, port: u16, connections: usize) -> Self {
        let authority = Authority::default();
        let smtp = SmtpServer::start(protection, &authority.issue(HOST)).await;
        smtp.keeps_connections();
        let network = trusting(&authority).resolve(HOST, smtp.address).smtp_connections(connections);
        let mut own = server(HOST, port);
        own["Timeout"] = 4000.into();
        Self { post: Post::new(network, options(own)).await, smtp }
    }

    async fn send(&self) -> String {
        self.post.test("alice@example.net", None).await.outcome
    }

    /// Sends one email, so that a connection is kept.
    async fn with_one_kept(&self) {
        let before = self.smtp.seen().len();
        assert_eq!(self.send().await, "delivered");
        assert!(self.smtp.seen().len() <= before + 1);
    }

    fn connections(&self) -> usize {
        self.smtp.seen().len()
    }

    /// Waits until the last connection was closed.
    async fn until_none_is_open(&self) {
        let closed = async {
            while self.smtp.open() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), closed).await.unwrap();
    }

    /// The messages that came in all.
    fn messages(&self) -> usize {
        self.smtp.seen().iter().map(|seen| seen.messages.len()).sum()
    }

    fn has_no_faults(&self) {
        for seen in self.smtp.seen() {
            assert_eq!(seen.faults, [""; 0], "{seen:?}");
        }
    }
}

#[tokio::test]
async fn emails_one_after_the_other_go_over_one_connection_with_one_login() {
    for (protection, port) in [(Protection::ImplicitTls, 465), (Protection::StartTls, 587)] {
        let place = Place::new(protection, port, 8).await;
        for _ in 0..20 {
            assert_eq!(place.send().await, "delivered");
        }
        assert_eq!(place.connections(), 1, "{protection:?}");
        let seen = place.smtp.last();
        assert_eq!((seen.messages.len(), seen.count("AUTH"), seen.count("QUIT")), (20, 1, 0));
        // Before each mail but the first.
        assert!((19..=20).contains(&seen.count("RSET")), "{seen:?}");
        place.has_no_faults();
    }
}

#[tokio::test]
async fn a_connection_takes_a_hundred_mails() {
    let place = Place::new(Protection::ImplicitTls, 465, 8).await;
    for _ in 0..101 {
        assert_eq!(place.send().await, "delivered");
    }
    let messages: Vec<usize> = place.smtp.seen().iter().map(|seen| seen.messages.len()).collect();
    assert_eq!(messages, [100, 1]);
}

#[tokio::test]
async fn an_email_whose_kept_connection_fails_before_it_is_announced_goes_over_a_new_one() {
    let place = Place::new(Protection::ImplicitTls, 465, 8).await;
    for act in [
        Act::Cut,
        say("421 4.4.2 idle for too long\r\n"),
        Act::SayAndCut(b"421 4.4.2 idle for too long\r\n".to_vec()),
        say("503 5.5.1 say EHLO first\r\n"),
        say("530 5.7.0 log in first\r\n"),
        say("354 go on\r\n"),
        say("nonsense\r\n"),
        Act::SayAndCut(b"25".to_vec()),
        Act::Silence,
    ] {
        place.smtp.plays_later([]);
        place.with_one_kept().await;
        let (connections, messages) = (place.connections(), place.messages());
        place.smtp.plays_later([(Step::Sender, act.clone())]);
        assert_eq!(place.send().await, "delivered", "{act:?}");
        assert_eq!((place.connections(), place.messages()), (connections + 1, messages + 1), "{act:?}");
    }
    place.has_no_faults();
}

#[tokio::test]
async fn it_is_tried_again_once_and_what_the_new_connection_says_counts() {
    let place = Place::new(Protection::ImplicitTls, 465, 8).await;
    place.with_one_kept().await;
    let no = || (Step::Sender, say("550 5.7.1 not yours\r\n"));
    place.smtp.plays([no()]);
    place.smtp.plays_later([no()]);
    assert_eq!(place.send().await, "misconfigured");
    assert_eq!((place.connections(), place.messages()), (2, 1));
}

#[tokio::test]
async fn once_an_email_is_announced_a_kept_connection_is_as_final_as_a_new_one() {
    let place = Place::new(Protection::ImplicitTls, 465, 8).await;
    for (step, act, expected) in [
        (Step::Recipient, say("550 5.1.1 unknown\r\n"), RECIPIENT),
        (Step::Recipient, say("450 4.2.0 greylisted\r\n"), RETRY),
        (Step::Recipient, Act::Cut, RETRY),
        (Step::Recipient, say("250 ok\r\n354 go on\r\n"), RETRY),
        (Step::Data, say("250 ok\r\n"), RETRY),
        (Step::Data, Act::Cut, RETRY),
        (Step::Message, say("554 5.7.1 spam\r\n"), MESSAGE),
        (Step::Message, Act::Cut, UNKNOWN),
        (Step::Message, Act::Silence, UNKNOWN),
        (Step::Message, say("221 bye\r\n"), UNKNOWN),
    ] {
        place.smtp.plays_later([]);
        place.with_one_kept().await;
        let connections = place.connections();
        place.smtp.plays_later([(step, act.clone())]);
        assert_eq!(place.send().await, expected, "{act:?} at {step:?}");
        assert_eq!(place.connections(), connections, "{act:?} at {step:?}");
        // It is not used again.
        place.smtp.plays_later([]);
        assert_eq!(place.send().await, "delivered");
        assert_eq!(place.connections(), connections + 1, "{act:?} at {step:?}");
    }
    place.has_no_faults();
}

#[tokio::test]
async fn a_connection_whose_exchange_did_not_end_cleanly_is_not_kept() {
    let place = Place::new(Protection::ImplicitTls, 465, 8).await;
    let queued = b"250 2.0.0 queued\r\n";
    for (step, act) in [
        (Step::Reset, say("250 ok\r\n250 ok\r\n")),
        (Step::Reset, say("250 ok\r\n2")),
        (Step::Reset, say("251 ok\r\n")),
        (Step::Reset, say("354 go on\r\n")),
        (Step::Reset, say("421 4.3.2 closing\r\n")),
        (Step::Reset, say("502 5.5.1 what?\r\n")),
        (Step::Reset, say("nonsense\r\n")),
        (Step::Reset, Act::Cut),
        (Step::Reset, Act::SayAndCut(b"250 ok\r\n".to_vec())),
        (Step::Reset, Act::Silence),
        (Step::Reset, Act::SayTwice(b"250 ok\r\n".to_vec(), b"421 4.4.2 idle for too long\r\n".to_vec())),
        (Step::Message, Act::Say([&queued[..], b"250 ok\r\n"].concat())),
        (Step::Message, Act::Say([&queued[..], b"250"].concat())),
    ] {
        place.smtp.plays([(step, act.clone())]);
        place.smtp.plays_later([(step, act.clone())]);
        let connections = place.connections();
        for _ in 0..2 {
            assert_eq!(place.send().await, "delivered", "{act:?} at {step:?}");
            place.until_none_is_open().await;
        }
        assert_eq!(place.connections(), connections + 2, "{act:?} at {step:?}");
    }
}

/// An answer that comes late, and one too many, shifts all that follow by one. The answer to DATA shows it before the message leaves.
#[tokio::test]
async fn an_answer_that_comes_late_does_not_answer_for_a_mail() {
    let place = Place::new(Protection::ImplicitTls, 465, 8).await;
    let late = Act::SayTwice(b"250 2.0.0 queued\r\n".to_vec(), b"250 ok\r\n".to_vec());
    place.smtp.plays([(Step::Message, late.clone())]);
    place.smtp.plays_later([(Step::Message, late)]);
    let mut delivered = 0;
    for n in 0..20 {
        let outcome = place.send().await;
        assert!(outcome == "delivered" || outcome == RETRY, "{outcome}");
        delivered += usize::from(outcome == "delivered");
        assert_eq!(place.messages(), delivered, "mail {n}");
        if n % 2 == 0 {
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }
}

#[tokio::test]
async fn another_login_has_a_connection_of_its_own() {
    let place = Place::new(Protection::ImplicitTls, 465, 8).await;
    place.with_one_kept().await;
    for (field, value) in [("Password", "battery staple"), ("UserName", "other@example.com")] {
        let mut own = server(HOST, 465);
        own[field] = value.into();
        let connections = place.connections();
        for _ in 0..2 {
            assert_eq!(place.post.test("alice@example.net", Some(options(own.clone()))).await.outcome, "delivered");
        }
        assert_eq!(place.connections(), connections + 1, "{field}");
    }
    // A login that is wrong is not helped by one that was right.
    let mut own = server(HOST, 465);
    own["Password"] = "wrong".into();
    place.smtp.plays([(Step::Auth, say("535 5.7.8 wrong\r\n"))]);
    assert_eq!(place.post.test("alice@example.net", Some(options(own))).await.outcome, "misconfigured");
    assert_eq!(place.send().await, "delivered");
}

#[tokio::test]
async fn connections_are_open_up_to_their_limit_and_other_emails_wait() {
    let place = Place::new(Protection::ImplicitTls, 465, 3).await;
    let outcomes = join_all((0..30).map(|_| place.send())).await;
    assert!(outcomes.iter().all(|outcome| outcome == "delivered"), "{outcomes:?}");
    assert_eq!((place.connections(), place.messages()), (3, 30));
    place.has_no_faults();
}

#[tokio::test]
async fn a_server_that_accepts_fewer_connections_gets_all_emails_over_those_it_accepts() {
    let place = Place::new(Protection::ImplicitTls, 465, 16).await;
    place.smtp.takes_at_most(2);
    let outcomes = join_all((0..40).map(|_| place.send())).await;
    assert!(outcomes.iter().all(|outcome| outcome == "delivered"), "{outcomes:?}");
    assert_eq!(place.messages(), 40);
    // It was not asked for more again and again.
    assert!(place.connections() <= 18, "{}", place.connections());
    place.has_no_faults();
}

#[tokio::test]
async fn emails_through_exim_go_over_one_connection() {
    let authority = Authority::default();
    for port in [465, 587] {
        let settings = "log_selector = +smtp_connection";
        let Some(exim) = Exim::with_settings(&authority.issue(HOST), settings).await else { return };
        let address = if port == 587 { exim.start_tls } else { exim.implicit_tls };
        let post = Post::new(trusting(&authority).resolve(HOST, address), options(server(HOST, port))).await;
        for n in 0..5 {
            let to = format!("user-{n}@example.net");
            assert_eq!(post.test(&to, None).await.outcome, "delivered");
            exim.mail_to(&to).await;
        }
        assert_eq!((exim.taken(), exim.count("SMTP connection from")), (5, 1));
    }
}

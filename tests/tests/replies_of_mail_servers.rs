//! Replies of mail servers, and what they mean for the message: RFC 5321, RFC 3463, and the large
//! providers in practice.

use twofactor::admin::TestReport;
use twofactor_tests::certificates::Authority;
use twofactor_tests::mail::{Post, options, server, trusting};
use twofactor_tests::smtp_server::{Act, Protection, Seen, SmtpServer, Step, say};

const RETRY: &str = "retry-later";
const MISCONFIGURED: &str = "misconfigured";
const RECIPIENT: &str = "rejected-recipient";
const MESSAGE: &str = "rejected-message";

struct Place {
    smtp: SmtpServer,
    post: Post,
}

impl Place {
    async fn new() -> Self {
        let authority = Authority::default();
        let smtp = SmtpServer::start(Protection::ImplicitTls, &authority.issue("smtp.example.com")).await;
        let network = trusting(&authority).resolve("smtp.example.com", smtp.address);
        let mut server = server("smtp.example.com", 465);
        server["Timeout"] = 5000.into();
        Self { post: Post::new(network, options(server)).await, smtp }
    }

    async fn meets(&self, script: impl IntoIterator<Item = (Step, Act)>) -> (TestReport, Seen) {
        self.smtp.plays(script);
        let report = self.post.test("alice@example.net", None).await;
        (report, self.smtp.last())
    }
}

#[tokio::test]
async fn the_enhanced_code_decides_what_a_refusal_means() {
    let place = Place::new().await;
    for (step, reply, expected) in [
        (Step::Greeting, "554 5.3.2 no service", MISCONFIGURED),
        (Step::Auth, "535 5.7.8 wrong", MISCONFIGURED),
        (Step::Auth, "454 4.7.0 not now", RETRY),
        (Step::Sender, "552 5.3.4 too big", MESSAGE),
        (Step::Sender, "552 too big", MESSAGE),
        (Step::Sender, "550 5.7.1 not yours", MISCONFIGURED),
        (Step::Sender, "553 5.1.8 no such domain", MISCONFIGURED),
        (Step::Sender, "550 5.1.7 no such sender", MISCONFIGURED),
        (Step::Sender, "451 4.7.1 greylisted", RETRY),
        (Step::Recipient, "550 5.1.1 unknown", RECIPIENT),
        (Step::Recipient, "501 5.1.3 bad syntax", RECIPIENT),
        (Step::Recipient, "552 5.2.2 full", RECIPIENT),
        (Step::Recipient, "556 5.1.10 null MX", RECIPIENT),
        (Step::Recipient, "550 unknown", RECIPIENT),
        (Step::Recipient, "550 5.7.1 relaying denied", MISCONFIGURED),
        (Step::Recipient, "554 5.7.1 relay access denied", MISCONFIGURED),
        (Step::Recipient, "550 5.7.54 unable to relay", MISCONFIGURED),
        (Step::Recipient, "452 4.2.2 full", RETRY),
        (Step::Recipient, "550 5.7.17 the owner has changed", RECIPIENT),
        (Step::Data, "554 5.5.1 no valid recipients", MESSAGE),
        (Step::Message, "554 5.7.1 spam", MESSAGE),
        (Step::Message, "550 5.7.60 not allowed to send as this sender", MISCONFIGURED),
        (Step::Message, "550 5.7.26 unauthenticated", MISCONFIGURED),
        (Step::Message, "550 5.4.5 daily quota", RETRY),
        (Step::Message, "552 5.2.3 too long", MESSAGE),
        (Step::Message, "550 5.1.1 unknown", RECIPIENT),
        (Step::Message, "451 4.3.0 later", RETRY),
    ] {
        let (report, _) = place.meets([(step, say(&format!("{reply}\r\n")))]).await;
        assert_eq!(report.outcome, expected, "{reply} at {step:?}: {report:?}");
        let upstream = serde_json::json!(report.upstream.unwrap());
        assert_eq!((&upstream["cause"], upstream["reply_code"].as_u64()), (&"refused".into(), reply[..3].parse().ok()));
    }
}

#[tokio::test]
async fn keywords_of_extensions_are_read_in_any_case() {
    let place = Place::new().await;
    for offer in
        ["250-ours\r\n250 auth login plain\r\n", "250-ours\r\n250 Auth=Plain\r\n", "250-ours\r\n250 AUTH Login\r\n"]
    {
        let (report, _) = place.meets([(Step::Hello, say(offer))]).await;
        assert_eq!(report.outcome, "delivered", "{offer} {report:?}");
    }
}

#[tokio::test]
async fn an_unsupported_login_mechanism_is_skipped() {
    let authority = Authority::default();
    let smtp = SmtpServer::start(Protection::ImplicitTls, &authority.issue("smtp.example.com")).await;
    smtp.plays([(Step::AuthPlain, say("504 5.5.4 unrecognized authentication type\r\n"))]);
    let network = trusting(&authority).resolve("smtp.example.com", smtp.address);
    let post = Post::new(network, options(server("smtp.example.com", 465))).await;
    assert_eq!(post.test("alice@example.net", None).await.outcome, "delivered");
    assert_eq!((smtp.last().count("AUTH PLAIN"), smtp.last().count("AUTH LOGIN")), (1, 1));
    // If it is the only instance, the operator must look into it.
    smtp.plays([
        (Step::Hello, say("250-ours\r\n250 AUTH PLAIN\r\n")),
        (Step::AuthPlain, say("504 5.5.4 unrecognized authentication type\r\n")),
    ]);
    assert_eq!(post.test("alice@example.net", None).await.outcome, MISCONFIGURED);
}

#[tokio::test]
async fn the_last_line_of_a_greeting_counts() {
    let place = Place::new().await;
    let (report, _) = place.meets([(Step::Greeting, say("220-welcome\r\n521 5.7.1 not you\r\n"))]).await;
    assert_eq!((&*report.outcome, &*report.code), (MISCONFIGURED, "521 5.7.1"), "{report:?}");
}

#[tokio::test]
async fn a_closed_connection_is_reported_as_such() {
    let place = Place::new().await;
    for (step, outcome) in
        [(Step::Greeting, RETRY), (Step::Hello, RETRY), (Step::Recipient, RETRY), (Step::Message, "outcome-unknown")]
    {
        let (report, _) = place.meets([(step, Act::Cut)]).await;
        assert_eq!(report.outcome, outcome, "{step:?} {report:?}");
        assert!(report.detail.ends_with("the server closed the connection"), "{step:?} {report:?}");
    }
}

/// A relay in the same house: no TLS, no login, and it need not know EHLO.
#[tokio::test]
async fn a_relay_without_login_may_be_older_than_ehlo() {
    let authority = Authority::default();
    let smtp = SmtpServer::start(Protection::Relay, &authority.issue("relay.example.com")).await;
    let network =
        trusting(&authority).resolve("relay.example.com", smtp.address).allow_plaintext_smtp("relay.example.com", 25);
    let mut own = options(server("relay.example.com", 25));
    own["MailServerConfig"]["EnableSSL"] = false.into();
    // A form sends both empty.
    own["MailServerConfig"]["UserName"] = "".into();
    own["MailServerConfig"]["Password"] = "".into();
    let post = Post::new(network, own.clone()).await;
    assert_eq!(post.test("alice@example.net", None).await.outcome, "delivered");
    assert_eq!((smtp.last().count("EHLO"), smtp.last().count("AUTH")), (1, 0));
    smtp.plays([(Step::Hello, say("502 5.5.1 what?\r\n"))]);
    assert_eq!(post.test("alice@example.net", None).await.outcome, "delivered");
    assert_eq!((smtp.last().count("EHLO"), smtp.last().count("HELO")), (1, 1));
    // Such a server is of no use for a login.
    own["MailServerConfig"]["UserName"] = "user".into();
    own["MailServerConfig"]["Password"] = "password".into();
    let report = post.test("alice@example.net", Some(own)).await;
    assert_eq!((&*report.outcome, smtp.last().count("HELO")), (MISCONFIGURED, 0));
}

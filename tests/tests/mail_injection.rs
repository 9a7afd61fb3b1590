//! What an operator, a person or a component writes into an email stays text: no header, no command,
//! no end of the message. An independent parser reads what the server accepted.

use mail_parser::{Message, MessageParser};
use serde_json::{Value, json};
use twofactor::instance::Policy;
use twofactor::{Actor, NewInstance, TwoFactor};
use twofactor_tests::certificates::Authority;
use twofactor_tests::hostile::Neighbourhood;
use twofactor_tests::mail::{Post, options, server, start, trusting};
use twofactor_tests::smtp_server::{Protection, SmtpServer};
use twofactor_tests::upstream::Upstream;

const HOST: &str = "smtp.example.com";

/// Texts that would begin a header, a command or another message, each placed after something
/// harmless.
const BREAKS: [&str; 12] = [
    "\r\nBcc: eve@example.org",
    "\nBcc: eve@example.org",
    "\rBcc: eve@example.org",
    "\r\n\r\n<b>body</b>",
    "\r\n.\r\nMAIL FROM:<eve@example.org>",
    "\n.\n",
    "\0",
    "\u{b}Bcc: eve@example.org",
    "\u{85}Bcc: eve@example.org",
    "\u{2028}Bcc: eve@example.org",
    "\u{2029}Bcc: eve@example.org",
    "\u{7f}",
];

async fn ours() -> (Authority, SmtpServer) {
    let authority = Authority::default();
    let smtp = SmtpServer::start(Protection::ImplicitTls, &authority.issue(HOST)).await;
    (authority, smtp)
}

/// Returns the names of an email's header, each once.
fn names(mail: &Message<'_>) -> Vec<String> {
    let mut names: Vec<String> = mail.headers().iter().map(|header| header.name().to_ascii_lowercase()).collect();
    names.sort();
    names
}

const NAMES: [&str; 8] =
    ["auto-submitted", "content-type", "date", "from", "message-id", "mime-version", "subject", "to"];

#[tokio::test]
async fn options_that_would_escape_their_context_are_invalid() {
    let (authority, smtp) = ours().await;
    let good = options(server(HOST, 465));
    let post = Post::new(trusting(&authority).resolve(HOST, smtp.address), good.clone()).await;
    let admin = post.engine.administration(Actor::new("test"));
    let long = "x".repeat(300);
    for (option, harmless) in [("EMailSenderAddress", "codes@example.com"), ("EMailSenderName", "Shop")] {
        let texts = BREAKS.map(|text| format!("{harmless}{text}"));
        for text in texts.into_iter().chain([format!("{long}{harmless}")]) {
            let mut own = good.clone();
            own[option] = text.as_str().into();
            let instance = admin.create_instance("demo", NewInstance::new("email", "x", own)).await.unwrap();
            assert!(!instance.valid, "{option} {text:?}");
            assert_eq!(instance.problems[0].pointer, format!("/{option}"), "{text:?}");
        }
    }
    assert_eq!(smtp.seen().len(), 0);
}

#[tokio::test]
async fn an_application_name_that_could_be_read_as_markup_is_refused() {
    for text in BREAKS.map(|text| format!("Shop{text}")).into_iter().chain(["x".repeat(41)]) {
        let policy = Policy { application_name: text.clone(), ..Policy::default() };
        let error = TwoFactor::builder().policy(policy).build().await.err().unwrap();
        assert!(error.is_invalid_input() && error.to_string().contains("application_name"), "{text:?}");
    }
}

#[tokio::test]
async fn a_recipient_that_would_break_out_of_its_place_is_rejected() {
    let (authority, smtp) = ours().await;
    let post = Post::new(trusting(&authority).resolve(HOST, smtp.address), options(server(HOST, 465))).await;
    let at_the_end = BREAKS.map(|text| format!("alice@example.net{text}"));
    let in_the_middle = BREAKS.map(|text| format!("alice{text}@example.net"));
    let others = [
        "alice@example.net>\r\nRCPT TO:<eve@example.org",
        "alice@example.net> SIZE=1",
        "alice@example.net,eve@example.org",
        "=?utf-8?q?alice=40example.net=0D=0A?=",
        "\"alice\r\n\"@example.net",
        "Alice <alice@example.net>",
        "alice\u{2028}@example.net",
        "alice\u{85}@example.net",
    ];
    let long = [format!("{}@example.net", "x".repeat(300)), format!("a@{}.net", "x".repeat(300))];
    let others = others.map(str::to_owned).into_iter().chain(long);
    for recipient in at_the_end.into_iter().chain(in_the_middle).chain(others) {
        // A space at an end is not part of an address: trimming breaks nothing.
        if recipient.trim() == "alice@example.net" {
            continue;
        }
        let error = post.engine.start(start("u").email(&recipient)).await.unwrap_err();
        assert!(error.is_recipient_rejected(), "{recipient:?}: {error:?}");
    }
    assert_eq!(smtp.seen().len(), 0);
}

#[tokio::test]
async fn names_that_look_like_addresses_or_encoded_words_are_displayed_unchanged() {
    let (authority, smtp) = ours().await;
    for name in [
        "Shop <eve@example.org>, x",
        "\"Shop\" <eve@example.org>",
        "=?utf-8?q?Bank?=",
        "=?utf-8?q?a=0D=0ABcc:_eve?=",
        "a, b; c: (d) \\",
        "Größe 😀",
        "{{7*7}}<b>",
    ] {
        let mut own = options(server(HOST, 465));
        own["EMailSenderName"] = name.into();
        let application = if name.contains('@') { "Shop" } else { name };
        let policy = Policy { application_name: application.to_owned(), ..Policy::default() };
        let network = trusting(&authority).resolve(HOST, smtp.address);
        let post = Post::with_policy(network, own, policy).await;
        assert_eq!(post.test("alice@example.net", None).await.outcome, "delivered", "{name}");
        let seen = smtp.last();
        assert_eq!((seen.faults.len(), seen.count("RCPT"), seen.messages.len()), (0, 1, 1), "{name}: {seen:?}");
        let mail = MessageParser::default().parse(&seen.messages[0]).unwrap();
        assert_eq!(names(&mail), NAMES, "{name}");
        let from = mail.from().unwrap().as_list().unwrap();
        assert_eq!((from.len(), from[0].address()), (1, Some("codes@example.com")), "{name}");
        assert_eq!(from[0].name().unwrap(), name);
        let subject = format!("{application}: test message").replace("=?", "= ?");
        assert_eq!(mail.subject().unwrap(), subject);
        let (text, html) = (mail.body_text(0).unwrap(), mail.body_html(0).unwrap());
        assert!(text.starts_with(&format!("This is a test message from {application}.\r\n")), "{text}");
        assert!(!html.contains("{{") && !html.contains("<b>"), "{html}");
    }
}

/// Returns a component that is granted a mail server hands over whatever it likes.
async fn hostile() -> (SmtpServer, Neighbourhood) {
    let (authority, smtp) = ours().await;
    let upstream = Upstream::start().await;
    let network =
        trusting(&authority).resolve(HOST, smtp.address).override_endpoint("https://api.twilio.com", upstream.address);
    (smtp, Neighbourhood::on(network.build().unwrap(), upstream).await)
}

async fn letter(place: &Neighbourhood, letter: Value) -> (String, String) {
    let report = place.attempt_alone(json!({"Behaviour": "mail", "Mail": letter})).await;
    (report.outcome, report.detail)
}

#[tokio::test]
async fn a_component_gets_no_header_and_no_command_into_a_mail() {
    let (smtp, place) = hostile().await;
    for (field, harmless) in [
        ("SenderName", "Shop"),
        ("Sender", "codes@example.com"),
        ("Recipient", "alice@example.net"),
        ("Subject", "Your code"),
        ("Id", "1"),
    ] {
        let texts = BREAKS.map(|text| format!("{harmless}{text}"));
        for text in texts.into_iter().chain([harmless.repeat(1000), "\"a\r\n b\"@example.com\r\n".to_owned()]) {
            let (outcome, detail) = letter(&place, json!({(field): text})).await;
            assert_eq!(outcome, "rejected-message", "{field} {text:?}: {detail}");
            assert!(detail.len() < 200 && !detail.contains("eve"), "{detail}");
        }
    }
    for field in ["Sender", "Recipient"] {
        for text in [
            "",
            "<>",
            "alice",
            "a@b@c",
            "a b@example.com",
            "a@b> SIZE=1",
            "\"a> b\"@example.com",
            "a@example.com,b@c.de",
        ] {
            assert_eq!(letter(&place, json!({(field): text})).await.0, "rejected-message", "{field} {text:?}");
        }
    }
    assert_eq!(smtp.seen().len(), 0);
    place.neighbour_works().await;
}

#[tokio::test]
async fn a_text_with_lines_that_are_dots_arrives_whole() {
    let (smtp, place) = hostile().await;
    for text in [
        ".",
        ".\r\n.\r\n..\r\n...x\r\n",
        "a\r\n.\r\nMAIL FROM:<eve@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n",
        "a\n.\nb",
        "a\r.\rb",
        "a\n.\r\nb",
        "a\r\n.\nb",
        "a\r\n.\rb",
        "a\r\r\n.\r\r\nb",
        "\r\n\r\n.\r\n\r\n",
        "\0\r\n.\r\n\u{2028}.\u{85}.\u{b}.",
        &"x".repeat(30_000),
        &"é".repeat(5000),
        &".\r\n".repeat(5000),
    ] {
        for html in [None, Some(text)] {
            let (outcome, detail) = letter(&place, json!({"Text": text, "Html": html})).await;
            assert_eq!(outcome, "delivered", "{text:.40?}: {detail}");
            let seen = smtp.last();
            let verbs = seen.commands.iter().map(|(_, command)| command.split(' ').next().unwrap());
            // The host ends the session, or asks whether it may go on, after the mail.
            let verbs: Vec<&str> = verbs.filter(|verb| !["QUIT", "RSET"].contains(verb)).collect();
            assert_eq!((verbs.join(" "), seen.faults), ("EHLO AUTH MAIL RCPT DATA".to_owned(), Vec::new()));
            let mail = MessageParser::default().parse(&seen.messages[0]).unwrap();
            let lines = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
            let (came, sent) = (lines(&mail.body_text(0).unwrap()), lines(text));
            assert_eq!(came.strip_suffix('\n').filter(|_| html.is_none()).unwrap_or(&came), sent);
            if html.is_some() {
                assert_eq!(lines(&mail.body_html(0).unwrap()), sent);
            }
        }
    }
    place.neighbour_works().await;
}

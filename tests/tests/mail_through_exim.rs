//! Mail as the engine sends it and as it arrives in a mailbox of a real mail server: Debian's Exim,
//! over real TLS.

use serde_json::Value;
use twofactor::Answer;
use twofactor_tests::certificates::{Authority, Certificate};
use twofactor_tests::exim::Exim;
use twofactor_tests::mail::{PASSWORD, Post, USER, code_in, options, server, start, trusting};

const HOST: &str = "smtp.example.com";

/// The documentation's sample for SMTP, to the letter.
const SAMPLE: &str = r#"{
"MailType": "SMTP",
"Host": "<smtp-host-address>",
"Port": 465,
"EnableSSL": true,
"UserName": "<smtp-username>",
"Password": "<smtp-password>",
"Timeout": 20000
}"#;

fn sample() -> String {
    SAMPLE.replace("<smtp-host-address>", HOST).replace("<smtp-username>", USER).replace("<smtp-password>", PASSWORD)
}

/// Returns a working Exim, and an engine that sends through it with these options.
async fn through_exim(server: Value) -> Option<(Exim, Post)> {
    let authority = Authority::default();
    let exim = Exim::start(&authority.issue(HOST)).await?;
    let address = if server["Port"] == 587 { exim.start_tls } else { exim.implicit_tls };
    let post = Post::new(trusting(&authority).resolve(HOST, address), options(server)).await;
    Some((exim, post))
}

#[tokio::test]
async fn a_code_arrives_through_the_documentations_sample_and_is_accepted_once() {
    let as_object: Value = serde_json::from_str(&sample()).unwrap();
    for server in [as_object, Value::String(sample())] {
        let Some((exim, post)) = through_exim(server).await else { return };
        let challenge = post.engine.start(start("alice@example.net")).await.unwrap();
        let code = code_in(&exim.mail_to("alice@example.net").await.text());
        let verified = post.engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap();
        assert_eq!(verified.user.as_deref(), Some("alice@example.net"));
        assert!(post.engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap_err().is_closed());
        exim.logged(&[" <= codes@example.com ", "P=esmtpsa", "X=TLS1.3:", &format!("A=plain:{USER}")]).await;
    }
}

#[tokio::test]
async fn over_starttls_the_login_comes_after_the_protection() {
    let Some((exim, post)) = through_exim(server(HOST, 587)).await else { return };
    let challenge = post.engine.start(start("alice@example.net")).await.unwrap();
    let code = code_in(&exim.mail_to("alice@example.net").await.text());
    post.engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap();
    // Exim offers no login before; `s` and `a` in the protocol's name are TLS and a login.
    exim.logged(&[" <= codes@example.com ", "P=esmtpsa", "X=TLS1.3:", &format!("A=plain:{USER}")]).await;
}

#[tokio::test]
async fn its_headers_and_parts_mark_it_as_automatically_generated() {
    let Some((exim, post)) = through_exim(server(HOST, 465)).await else { return };
    post.engine.start(start("alice@example.net")).await.unwrap();
    let mail = exim.mail_to("alice@example.net").await;
    let header = mail.header();
    let field = |name: &str| {
        let all: Vec<&str> = header.iter().filter_map(|line| line.strip_prefix(&format!("{name}: "))).collect();
        assert_eq!(all.len(), 1, "{name} in {header:?}");
        all[0].to_owned()
    };
    assert_eq!(field("From"), "codes@example.com");
    assert_eq!(field("To"), "alice@example.net");
    assert_eq!(field("Subject"), "Your code");
    assert_eq!(field("Auto-Submitted"), "auto-generated");
    assert_eq!(field("MIME-Version"), "1.0");
    let id = field("Message-ID");
    assert!(id.starts_with('<') && id.ends_with("@example.com>") && id.len() > 30, "{id}");
    assert!(field("Content-Type").starts_with("multipart/alternative;"));

    let parsed = mail.parsed();
    let age = parsed.received().unwrap().date().unwrap().to_timestamp() - parsed.date().unwrap().to_timestamp();
    assert!((0..60).contains(&age), "{age}");
    assert_eq!((parsed.text_body_count(), parsed.html_body_count(), parsed.attachment_count()), (1, 1, 0));
    assert_eq!(mail.0.matches("\nContent-Transfer-Encoding: quoted-printable\n").count(), 2);
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    assert!(html.contains(&code_in(&text)) && html.starts_with("<!doctype html>"), "{html}");
    // Exim ends lines as its system does: a remaining CR was a single one.
    assert!(!mail.0.contains('\r') && mail.0.is_ascii());
}

#[tokio::test]
async fn each_language_arrives_with_its_own_letters() {
    let Some((exim, post)) = through_exim(server(HOST, 465)).await else { return };
    for (locale, subject, words) in [
        ("en", "Your code", "This code is valid for 5 minutes."),
        ("de-CH", "Ihr Code", "und ändern Sie gegebenenfalls Ihr Passwort."),
        ("fr", "Votre code", "Si vous n’avez pas essayé de vous connecter"),
        ("it", "Il Suo codice", "Questo codice è valido per 5 minuti."),
    ] {
        let address = format!("{locale}@example.net");
        post.engine.start(start(&address).locale(locale)).await.unwrap();
        let mail = exim.mail_to(&address).await;
        let parsed = mail.parsed();
        assert_eq!(parsed.subject(), Some(subject));
        assert!(mail.text().contains(words), "{}", mail.text());
        let html = parsed.body_html(0).unwrap();
        assert!(html.contains(words) && html.contains(&format!("<html lang=\"{}\">", &locale[..2])), "{html}");
    }
}

#[tokio::test]
async fn an_address_beyond_ascii_is_written_to_and_from() {
    let Some((exim, post)) = through_exim(server(HOST, 465)).await else { return };
    let from = |sender: &str| {
        let mut own = options(server(HOST, 465));
        own["EMailSenderAddress"] = sender.into();
        Some(own)
    };
    for (to, arrives_at, own, sender) in [
        ("jürg@example.net", "jürg@example.net", None, "codes@example.com"),
        ("alice@example.net", "alice@example.net", from("größe@example.com"), "größe@example.com"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example", None, "codes@example.com"),
        ("bob@example.net", "bob@example.net", from("codes@bücher.example"), "codes@xn--bcher-kva.example"),
    ] {
        let report = post.test(to, own).await;
        assert_eq!(report.outcome, "delivered", "{to}: {report:?}");
        let mail = exim.mail_to(arrives_at).await;
        let parsed = mail.parsed();
        assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some(arrives_at));
        assert_eq!(parsed.from().unwrap().first().unwrap().address(), Some(sender));
        let domain = sender.split_once('@').unwrap().1;
        assert!(parsed.message_id().unwrap().ends_with(&format!("@{domain}")));
        // A domain has a spelling in ASCII, a local part has none.
        let protocol = if [arrives_at, sender].concat().is_ascii() { "P=esmtpsa" } else { "P=utf8esmtpsa" };
        exim.logged(&[&format!(" <= {sender} "), protocol]).await;
    }
}

#[tokio::test]
async fn a_login_that_is_not_accepted_is_a_matter_for_the_operator() {
    let mut wrong = server(HOST, 465);
    wrong["Password"] = "battery staple".into();
    let Some((exim, post)) = through_exim(wrong).await else { return };
    let report = post.test("alice@example.net", None).await;
    assert_eq!((&*report.outcome, &*report.code), ("misconfigured", "535"), "{report:?}");

    let error = post.engine.start(start("alice@example.net")).await.unwrap_err();
    assert!(error.is_delivery_failed() && !error.is_retryable(), "{error:?}");
    assert!(error.operator_detail().unwrap().starts_with("misconfigured: the mail server does not accept the login"));
    assert!(!format!("{error:?} {report:?}").contains("battery"));
    exim.logged(&["plain authenticator failed", "535"]).await;
    assert_eq!(exim.taken(), 0);
}

#[tokio::test]
async fn a_server_with_an_invalid_certificate_receives_nothing() {
    let authority = Authority::default();
    for (what, certificate, why) in [
        ("for another host", authority.issue("other.example.com"), "the certificate is for other.example.com"),
        ("for the domain above", authority.issue("example.com"), "the certificate is for example.com"),
        ("expired", authority.issue_expired(HOST), "the certificate has expired"),
        ("self-signed", Certificate::self_signed(HOST), "issuer is not trusted"),
        (
            "of another authority by the same name",
            Authority::default().issue(HOST),
            "the certificate is not acceptable",
        ),
    ] {
        let Some(exim) = Exim::start(&certificate).await else { return };
        for (port, address) in [(465, exim.implicit_tls), (587, exim.start_tls)] {
            let post = Post::new(trusting(&authority).resolve(HOST, address), options(server(HOST, port))).await;
            let report = post.test("alice@example.net", None).await;
            assert_eq!((&*report.outcome, &*report.code), ("retry-later", "not-sent"), "{what}: {report:?}");
            assert!(report.detail.contains(why), "{what}: {report:?}");
            let error = post.engine.start(start("alice@example.net")).await.unwrap_err();
            assert!(error.is_delivery_failed() && error.is_retryable(), "{what}: {error:?}");
        }
        exim.logged(&["TLS error on connection"]).await;
        assert_eq!(exim.taken(), 0, "{what}");
    }
}

#[tokio::test]
async fn a_server_with_outdated_tls_receives_nothing() {
    let authority = Authority::default();
    for (version, expected) in [("TLS1.0", "retry-later"), ("TLS1.1", "retry-later"), ("TLS1.2", "delivered")] {
        let only = format!("tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-{version}");
        let Some(exim) = Exim::with_settings(&authority.issue(HOST), &only).await else { return };
        for (port, address) in [(465, exim.implicit_tls), (587, exim.start_tls)] {
            let post = Post::new(trusting(&authority).resolve(HOST, address), options(server(HOST, port))).await;
            let report = post.test("alice@example.net", None).await;
            assert_eq!(report.outcome, expected, "{version}: {report:?}");
            if expected == "retry-later" {
                assert!(report.detail.starts_with("TLS at smtp.example.com"), "{version}: {report:?}");
                exim.logged(&["TLS error on connection", "(gnutls_handshake)"]).await;
                assert_eq!(exim.taken(), 0);
            }
        }
    }
}

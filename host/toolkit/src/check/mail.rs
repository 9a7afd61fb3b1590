//! Checks that a component sends one email unchanged, and reports each rejection of a mail server correctly.

use mail_parser::{MessageParser, PartType};
use twofactor_sandbox::Message;

use super::mail_server::Deviation;
use super::report::Report;
use super::run::{CLASSIFY, Run, in_brackets};
use super::texts::{TO_THE_RECIPIENT, circumstances, texts};

pub(super) async fn check(run: &Run<'_>, report: &mut Report) {
    let server = run.servers.mail_server;
    let (mut wrong, mut changed, mut misdirected) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, text) in texts() {
        server.respond(Deviation::default());
        let message = Message { text, ..run.message() };
        let outcome = run.deliver(message.clone()).await;
        if outcome.name != "delivered" {
            wrong.push(format!("{kind}: {}", outcome.described("although the server accepted the email")));
        }
        let mails = server.mails();
        if mails.len() > 1 {
            wrong.push(format!("{kind}: the email was sent {} times", mails.len()));
        }
        let Some(mail) = mails.first().and_then(|mail| MessageParser::default().parse(mail.as_bytes())) else {
            changed.push(format!("{kind}: no email arrived"));
            continue;
        };
        let to = mail.to().and_then(|to| to.first()).and_then(|to| to.address());
        if to != Some(&*message.recipient) {
            misdirected.push(format!("{kind}: the email is not addressed to the recipient"));
        }
        changed.extend(changes(&mail, &message).into_iter().map(|what| format!("{kind}: {what}")));
    }
    report.rule("accepted", wrong, "Send one email, and return a receipt.");
    report.rule("recipient", misdirected, TO_THE_RECIPIENT);
    report.rule("texts-unchanged", changed, "Send the subject and the texts unchanged; the host has made them final.");
    for (rule, circumstances) in circumstances(&run.message()) {
        let mut wrong = Vec::new();
        for (name, message) in circumstances {
            server.respond(Deviation::default());
            let outcome = run.deliver(message.clone()).await;
            let mail = server.mails().pop();
            let mail = mail.as_ref().and_then(|mail| MessageParser::default().parse(mail.as_bytes()));
            if outcome.name != "delivered" {
                wrong.push(format!("{name}: {}", outcome.described("although the server accepted the email")));
            } else if let Some(mail) = mail {
                wrong.extend(changes(&mail, &message).into_iter().map(|what| format!("{name}: {what}")));
            }
        }
        report.rule(rule, wrong, "The texts are final in any language: treat unknown values like all others.");
    }
    for (rule, at, reply, right) in CASES {
        server.respond(Deviation { at, reply });
        let outcome = run.deliver(run.message()).await;
        if at == "AUTH" && outcome.name == "delivered" {
            report.skip(rule, "it does not log in with these options");
            continue;
        }
        let mut wrong = Vec::new();
        if !right.contains(&outcome.name) {
            wrong.push(format!(
                "the outcome is {}, not {}{}",
                outcome.name,
                right.join(" or "),
                in_brackets(&outcome.reason)
            ));
        }
        if server.connections() > 1 {
            wrong.push(format!("it tried {} times: only the host decides about retries", server.connections()));
        }
        report.rule(rule, wrong, CLASSIFY);
    }
}

type Case = (&'static str, &'static str, Option<&'static str>, &'static [&'static str]);

const CASES: [Case; 7] = [
    ("server-is-busy", "greeting", Some("421 4.3.2 later"), &["retry-later"]),
    ("login-refused", "AUTH", Some("535 5.7.8 no"), &["misconfigured"]),
    ("sender-refused", "MAIL", Some("550 5.7.1 no"), &["misconfigured", "rejected-message"]),
    ("recipient-unknown", "RCPT", Some("550 5.1.1 no"), &["rejected-recipient"]),
    ("recipient-later", "RCPT", Some("450 4.2.0 later"), &["retry-later"]),
    ("message-later", "message", Some("451 4.3.0 later"), &["retry-later"]),
    ("cut-after-the-message", "message", None, &["outcome-unknown"]),
];

/// Returns what differs between an email and the message.
fn changes(mail: &mail_parser::Message<'_>, message: &Message) -> Vec<&'static str> {
    let same = |one: &str, other: &str| one.replace("\r\n", "\n").trim_end() == other.trim_end();
    let mut changes = Vec::new();
    if mail.subject() != Some(&*message.subject) {
        changes.push("the subject did not arrive unchanged");
    }
    if !mail.body_text(0).is_some_and(|text| same(&text, &message.text)) {
        changes.push("the text did not arrive unchanged");
    }
    let html = mail.parts.iter().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html),
        _ => None,
    });
    if html.is_some_and(|html| !same(html, message.html.as_deref().unwrap_or_default())) {
        changes.push("the HTML did not arrive unchanged");
    }
    changes
}

//! Whether a component hands over one mail as it is, and names each refusal of a mail server for what it is.

use mail_parser::{MessageParser, PartType};
use twofactor::sandbox::Message;

use super::delivery::{CLASSIFY, Run, in_brackets};
use super::mail_server::Twist;
use super::report::Report;
use super::texts::{TO_THE_RECIPIENT, circumstances, texts};

pub(super) async fn judge(run: &Run<'_>, report: &mut Report) {
    let server = run.ends.mail_server;
    let (mut wrong, mut lost, mut astray) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, text) in texts() {
        server.play(Twist::default());
        let message = Message { text, ..run.message() };
        let outcome = run.deliver(message.clone()).await;
        if outcome.name != "delivered" {
            wrong.push(format!("{kind}: {}", outcome.told("although the server took the mail")));
        }
        let mails = server.mails();
        if mails.len() > 1 {
            wrong.push(format!("{kind}: the mail was sent {} times", mails.len()));
        }
        let Some(mail) = mails.first().and_then(|mail| MessageParser::default().parse(mail.as_bytes())) else {
            lost.push(format!("{kind}: no mail arrived"));
            continue;
        };
        let to = mail.to().and_then(|to| to.first()).and_then(|to| to.address());
        if to != Some(&*message.recipient) {
            astray.push(format!("{kind}: the mail is not to the recipient"));
        }
        lost.extend(lost_of(&mail, &message).into_iter().map(|what| format!("{kind}: {what}")));
    }
    report.judge("accepted", wrong, "Hand over one mail, and answer with a receipt.");
    report.judge("recipient", astray, TO_THE_RECIPIENT);
    report.judge("texts-unchanged", lost, "Hand over subject and texts as they are; the host made them final.");
    for (rule, circumstances) in circumstances(&run.message()) {
        let mut wrong = Vec::new();
        for (name, message) in circumstances {
            server.play(Twist::default());
            let outcome = run.deliver(message.clone()).await;
            let mail = server.mails().pop();
            let mail = mail.as_ref().and_then(|mail| MessageParser::default().parse(mail.as_bytes()));
            if outcome.name != "delivered" {
                wrong.push(format!("{name}: {}", outcome.told("although the server took the mail")));
            } else if let Some(mail) = mail {
                wrong.extend(lost_of(&mail, &message).into_iter().map(|what| format!("{name}: {what}")));
            }
        }
        report.judge(
            rule,
            wrong,
            "The texts are final in whatever language they are: hand over what you do not know like everything else.",
        );
    }
    for (rule, at, reply, right) in CASES {
        server.play(Twist { at, reply });
        let outcome = run.deliver(run.message()).await;
        if at == "AUTH" && outcome.name == "delivered" {
            report.skip(rule, "with these options it does not log in");
            continue;
        }
        let mut wrong = Vec::new();
        if !right.contains(&outcome.name) {
            wrong.push(format!(
                "the outcome is {}, not {}{}",
                outcome.name,
                right.join(" or "),
                in_brackets(&outcome.said)
            ));
        }
        if server.connections() > 1 {
            wrong.push(format!("it tried {} times: the host decides about repeats", server.connections()));
        }
        report.judge(rule, wrong, CLASSIFY);
    }
}

type Case = (&'static str, &'static str, Option<&'static str>, &'static [&'static str]);

const CASES: [Case; 7] = [
    ("server-is-busy", "greeting", Some("421 4.3.2 later"), &["retry-later"]),
    ("log-in-refused", "AUTH", Some("535 5.7.8 no"), &["misconfigured"]),
    ("sender-refused", "MAIL", Some("550 5.7.1 no"), &["misconfigured", "rejected-message"]),
    ("recipient-unknown", "RCPT", Some("550 5.1.1 no"), &["rejected-recipient"]),
    ("recipient-later", "RCPT", Some("450 4.2.0 later"), &["retry-later"]),
    ("message-later", "message", Some("451 4.3.0 later"), &["retry-later"]),
    ("cut-after-the-message", "message", None, &["outcome-unknown"]),
];

/// What a mail does not have as the message has it.
fn lost_of(mail: &mail_parser::Message<'_>, message: &Message) -> Vec<&'static str> {
    let same = |one: &str, other: &str| one.replace("\r\n", "\n").trim_end() == other.trim_end();
    let mut lost = Vec::new();
    if mail.subject() != Some(&*message.subject) {
        lost.push("the subject did not arrive as it was given");
    }
    if !mail.body_text(0).is_some_and(|text| same(&text, &message.text)) {
        lost.push("the text did not arrive as it was given");
    }
    let html = mail.parts.iter().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html),
        _ => None,
    });
    if html.is_some_and(|html| !same(html, message.html.as_deref().unwrap_or_default())) {
        lost.push("the HTML did not arrive as it was given");
    }
    lost
}

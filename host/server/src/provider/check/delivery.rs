//! Whether `deliver` sends once, changes nothing, and names each failure for what the host does next.

use mail_parser::{MessageParser, PartType};
use serde_json::Value;
use twofactor::{Component, Configured, DeliveryFailure, Message, Reason};

use super::mail_server::{MailServer, Twist};
use super::recipient::marks;
use super::report::Report;
use super::upstream::{Says, Script, Upstream};
use super::verification;
use crate::provider::attempt::message;

/// Not a run of digits that anything else would have.
const CODE: &str = "7305918264";

const ACCEPTED: &str = "What an upstream answered with 2xx may have been taken: it is delivered, or its outcome is unknown. Where no \
    request held the text: if it asks something first, give the answers, `--replay FILE` or `--accepted FILE`.";

const BEGUN: &str = "What an upstream answered with 2xx may have been taken: it is begun, or its outcome is unknown. Ask for a code \
    once; of all requests only that one may name the recipient. If it asks something first, give the answers, `--replay FILE` or \
    `--accepted FILE`.";

const TEXTS: &str = "Send the text as it is, encoded by a library for JSON or forms; the host made it final. Where no request held the \
    text: if it asks something first, give the answers, `--replay FILE` or `--accepted FILE`.";

const TO_THE_RECIPIENT: &str = "Send it to `message.recipient`, as it is given.";

pub(super) const CLASSIFY: &str =
    "Name each failure for what the host does next: see `delivery-failure` in the contract.";

/// What an upstream does, and the outcomes that are right then.
struct Case {
    rule: &'static str,
    script: Script,
    right: &'static [&'static str],
    /// The wait that must be passed on.
    after_seconds: Option<Option<u32>>,
    /// How often the message may be sent: the host itself asks once more with a new access token after a 401.
    sent: usize,
}

pub(super) async fn judge(
    component: &Component,
    configured: &Configured,
    upstream: &Upstream,
    mail_server: &MailServer,
    to: &str,
    says: &Says,
    report: &mut Report,
) {
    let run = Run { component, configured, upstream, mail_server, to };
    let connections = configured.connections().len();
    if connections == 0 {
        let wrong = vec!["`configure` asks for no connection with these options".to_owned()];
        report.judge(
            "connections",
            wrong,
            "Answer with what the instance must reach: without a connection it sends nothing.",
        );
        return;
    }
    if let Some(said) = run.refuses_the_recipient(says).await {
        let wrong = vec![format!("it refuses the recipient of this check, and asks nobody{}", in_brackets(&said))];
        report.judge("accepted", wrong, "Give one that it takes, `--to RECIPIENT`.");
        return;
    }
    if configured.origins() > 0 {
        run.http(says, report).await;
        let begun = match component.verifies() {
            true => verification::judge(configured, upstream, &run.message(), says, report).await,
            false => None,
        };
        run.no_connection(report).await;
        if let Some(state) = begun {
            verification::judge_silence(configured, &state, report).await;
        }
        if connections > configured.origins() {
            let why = "it reaches a mail server too, and was tried over HTTP alone: check it again with options with which it reaches \
                       nothing else, if there are any";
            report.skip("mail", why);
        }
    } else if component.verifies() {
        let wrong = vec!["it reaches nobody over HTTP with these options".to_owned()];
        report.judge(
            "upstream",
            wrong,
            "Answer in `configure` with the origin that makes the codes and judges the answers.",
        );
    } else {
        run.mail(report).await;
    }
}

struct Run<'a> {
    component: &'a Component,
    configured: &'a Configured,
    upstream: &'a Upstream,
    mail_server: &'a MailServer,
    /// The recipient.
    to: &'a str,
}

impl Run<'_> {
    fn message(&self) -> Message {
        message(CODE, self.to)
    }

    /// Whether a request names the recipient.
    fn names_the_recipient(&self, head: &str, body: &[u8]) -> bool {
        marks(self.component.info().manifest.recipient, self.to).iter().any(|mark| holds(mark, head, body))
    }

    /// Whether it says that the recipient is wrong before anybody was asked, and why: then nothing else can be tried.
    async fn refuses_the_recipient(&self, says: &Says) -> Option<String> {
        self.upstream.play(&says.before, says.accepted.clone());
        self.mail_server.play(Twist::default());
        let (outcome, _, said) = self.deliver(self.message()).await;
        let asked = !self.upstream.seen().is_empty() || !self.mail_server.mails().is_empty();
        (outcome == "rejected-recipient" && !asked).then_some(said)
    }

    /// Has a message delivered: what came of it, the wait that was asked for, and what was said.
    async fn deliver(&self, message: Message) -> (&'static str, Option<u32>, String) {
        match self.configured.deliver(message).await {
            Ok(_) => ("delivered", None, String::new()),
            Err(failure) if broke_off(failure.reason()) => {
                ("a component that broke off", None, failure.reason().to_string())
            }
            Err(failure) => {
                let wait = match &failure {
                    DeliveryFailure::RetryLater { after_seconds, .. } => *after_seconds,
                    _ => None,
                };
                (failure.name(), wait, failure.reason().to_string())
            }
        }
    }

    /// Whether a request has the message in it: by its code, or where the upstream makes that by whom it is for.
    fn holds_message(&self, head: &str, body: &[u8]) -> bool {
        if self.component.verifies() { self.names_the_recipient(head, body) } else { holds_code(head, body) }
    }

    async fn http(&self, says: &Says, report: &mut Report) {
        if self.component.verifies() {
            self.begin(says, report).await;
        } else {
            self.texts(says, report).await;
        }
        for case in cases() {
            self.upstream.play(&says.before, case.script);
            let (outcome, wait, said) = self.deliver(self.message()).await;
            let sent = self.upstream.seen().iter().filter(|(head, body)| self.holds_message(head, body)).count();
            // A provider that asks something before it sends may fail at that: where else the outcome is unknown, then surely nothing was
            // sent. One that reads the code can send it in a form that is not known here.
            let unsent = sent == 0 && !self.component.info().manifest.reads_code;
            let later = outcome == "retry-later" && unsent && case.right.contains(&"outcome-unknown");
            let mut wrong = Vec::new();
            if !case.right.contains(&outcome) && !later {
                let right = case.right.join(" or ");
                wrong.push(format!("the outcome is {outcome}, not {right}{}", in_brackets(&said)));
            }
            if let Some(expected) = case.after_seconds
                && outcome == "retry-later"
                && wait != expected
            {
                wrong.push(format!("the wait passed on is {wait:?}, not {expected:?} (seconds)"));
            }
            if sent > case.sent {
                wrong.push(match self.component.verifies() {
                    true => format!("{sent} requests named the recipient: only the one for a code may, and once"),
                    false => format!("the message was sent {sent} times"),
                });
            }
            if said.contains("[removed]") {
                wrong.push("the reason given held the code, the recipient or a secret".to_owned());
            }
            report.judge(case.rule, wrong, CLASSIFY);
        }
    }

    async fn no_connection(&self, report: &mut Report) {
        self.upstream.stop().await;
        let (outcome, _, said) = self.deliver(self.message()).await;
        let wrong = (outcome != "retry-later").then(|| {
            format!("the outcome is {outcome}, not retry-later: surely nothing was sent{}", in_brackets(&said))
        });
        report.judge("no-connection", wrong.into_iter().collect(), CLASSIFY);
    }

    /// An upstream that takes everything is asked for a code once.
    async fn begin(&self, says: &Says, report: &mut Report) {
        self.upstream.play(&says.before, says.accepted.clone());
        let (outcome, _, said) = self.deliver(self.message()).await;
        let sent = self.upstream.seen().iter().filter(|(head, body)| self.holds_message(head, body)).count();
        let mut wrong = Vec::new();
        if !matches!(outcome, "delivered" | "outcome-unknown") {
            wrong.push(format!("the outcome is {outcome}, although the upstream took it{}", in_brackets(&said)));
        }
        if sent != 1 {
            wrong.push(format!("the upstream was asked {sent} times"));
        }
        report.judge("accepted", wrong, BEGUN);
    }

    /// An upstream that takes everything gets the text once and as it is, whatever stands in it.
    async fn texts(&self, says: &Says, report: &mut Report) {
        let (mut lost, mut broke, mut astray) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, text) in texts() {
            self.upstream.play(&says.before, says.accepted.clone());
            let (outcome, _, said) = self.deliver(Message { text: text.clone(), html: None, ..self.message() }).await;
            if outcome == "retry-later" {
                broke.push(format!(
                    "{kind}: the outcome is retry-later, although the upstream took it{}",
                    in_brackets(&said)
                ));
            } else if matches!(outcome, "misconfigured" | "a component that broke off") {
                broke.push(format!("{kind}: the outcome is {outcome}{}", in_brackets(&said)));
            }
            let seen = self.upstream.seen();
            let sent: Vec<_> = seen.iter().filter(|(head, body)| holds_code(head, body)).collect();
            // In one of its requests: it may have to ask first who that is.
            if !sent.is_empty() && !seen.iter().any(|(head, body)| self.names_the_recipient(head, body)) {
                astray.push(format!("{kind}: no request says whom it is for"));
            }
            if sent.len() > 1 {
                broke.push(format!("{kind}: the message was sent {} times", sent.len()));
            }
            if !self.component.info().manifest.reads_code
                && !sent.iter().any(|(head, body)| holds_text(head, body, &text))
            {
                lost.push(format!("{kind}: the text did not arrive as it was given"));
            }
        }
        // With both it may send either.
        self.upstream.play(&says.before, says.accepted.clone());
        let message = self.message();
        self.deliver(message.clone()).await;
        let forms = [Some(&message.text), message.html.as_ref()];
        let seen = self.upstream.seen();
        let arrived = |form: &String| seen.iter().any(|(head, body)| holds_text(head, body, form));
        if !self.component.info().manifest.reads_code && !forms.into_iter().flatten().any(arrived) {
            lost.push("a text with HTML beside it: neither arrived as it was given".to_owned());
        }
        report.judge("accepted", broke, ACCEPTED);
        report.judge("recipient", astray, TO_THE_RECIPIENT);
        report.judge("texts-unchanged", lost, TEXTS);
    }

    async fn mail(&self, report: &mut Report) {
        let (mut wrong, mut lost, mut astray) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, text) in texts() {
            self.mail_server.play(Twist::default());
            let message = Message { text, ..self.message() };
            let (outcome, _, said) = self.deliver(message.clone()).await;
            if outcome != "delivered" {
                wrong.push(format!("{kind}: the outcome is {outcome}{}", in_brackets(&said)));
            }
            let mails = self.mail_server.mails();
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
        for (rule, at, reply, right) in MAIL_CASES {
            self.mail_server.play(Twist { at, reply });
            let (outcome, _, said) = self.deliver(self.message()).await;
            if at == "AUTH" && outcome == "delivered" {
                report.skip(rule, "with these options it does not log in");
                continue;
            }
            let wrong = (!right.contains(&outcome))
                .then(|| format!("the outcome is {outcome}, not {}{}", right.join(" or "), in_brackets(&said)));
            report.judge(rule, wrong.into_iter().collect(), CLASSIFY);
        }
    }
}

type MailCase = (&'static str, &'static str, Option<&'static str>, &'static [&'static str]);

const MAIL_CASES: [MailCase; 7] = [
    ("server-is-busy", "greeting", Some("421 4.3.2 later"), &["retry-later"]),
    ("log-in-refused", "AUTH", Some("535 5.7.8 no"), &["misconfigured"]),
    ("sender-refused", "MAIL", Some("550 5.7.1 no"), &["misconfigured", "rejected-message"]),
    ("recipient-unknown", "RCPT", Some("550 5.1.1 no"), &["rejected-recipient"]),
    ("recipient-later", "RCPT", Some("450 4.2.0 later"), &["retry-later"]),
    ("message-later", "message", Some("451 4.3.0 later"), &["retry-later"]),
    ("cut-after-the-message", "message", None, &["outcome-unknown"]),
];

fn cases() -> Vec<Case> {
    const NO: &[&str] = &["rejected-recipient", "rejected-message", "misconfigured", "blocked"];
    let case = |rule, script, right| Case { rule, script, right, after_seconds: None, sent: 1 };
    let headers =
        |all: &[(&str, &str)]| all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let later = |all: &[(&str, &str)]| Script::Answer { status: 429, headers: headers(all), body: b"{}".to_vec() };
    // Some upstreams say 2xx and no in the body, so what 2xx means is the provider's to know; but never that nothing was sent.
    const TAKEN: &[&str] =
        &["delivered", "outcome-unknown", "rejected-recipient", "rejected-message", "misconfigured", "blocked"];
    vec![
        case("status-400", Script::answer(400, "{}"), NO),
        Case { sent: 2, ..case("status-401", Script::answer(401, "{}"), &["misconfigured"]) },
        case("status-403", Script::answer(403, "{}"), &["misconfigured", "blocked"]),
        case("status-404", Script::answer(404, "{}"), NO),
        Case { after_seconds: Some(None), ..case("status-429", later(&[]), &["retry-later"]) },
        Case {
            after_seconds: Some(Some(7)),
            ..case("status-429-retry-after", later(&[("retry-after", "7")]), &["retry-later"])
        },
        case("status-500", Script::answer(500, "{}"), &["outcome-unknown"]),
        case("status-502-html", Script::answer(502, "<html>bad gateway</html>"), &["outcome-unknown"]),
        case(
            "redirect",
            Script::Answer {
                status: 302,
                headers: headers(&[("location", "https://elsewhere.example.com/")]),
                body: Vec::new(),
            },
            &["misconfigured", "outcome-unknown", "rejected-message"],
        ),
        case("silence", Script::Silence, &["outcome-unknown"]),
        case("cut-connection", Script::Cut, &["outcome-unknown"]),
        case("accepted-without-json", Script::answer(200, "{\"id\":"), TAKEN),
        case("accepted-with-other-json", Script::answer(200, "[null, {\"id\": [1e400]}]"), TAKEN),
        case("accepted-without-utf-8", Script::answer(200, [0xff, 0xfe, 0, b'{'].as_slice()), TAKEN),
        case("huge-answer", Script::answer(200, vec![b' '; 6 << 20]), &["delivered", "outcome-unknown"]),
    ]
}

fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("a plain text", format!("{CODE} is your code.")),
        ("a text with marks of JSON, forms and markup", format!("{CODE} \"quoted\" \\ & = % + <b> {{x}} ;")),
        ("a text with other scripts", format!("Grüezi, {CODE} — 日本語 \u{1f510} \u{5e9}\u{5dc}\u{5d5}\u{5dd}")),
        ("a text of several lines", format!("{CODE} is your code.\n\n@example.com #{CODE}")),
        ("a long text", format!("{CODE} {}", "is your code. ".repeat(100))),
    ]
}

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

/// Whether the host ended the call, or the component did without an answer.
fn broke_off(reason: &Reason) -> bool {
    matches!(&*reason.code, "trap" | "stack" | "running-time" | "limit") && reason.detail.starts_with("the component")
}

fn holds_code(head: &str, body: &[u8]) -> bool {
    holds(CODE, head, body)
}

pub(super) fn holds(mark: &str, head: &str, body: &[u8]) -> bool {
    head.contains(mark) || memchr::memmem::find(body, mark.as_bytes()).is_some()
}

/// Whether a text stands in a body: as a string of JSON or a value of a form, if the head says that it is one, else as it is.
fn holds_text(head: &str, body: &[u8], text: &str) -> bool {
    let head = head.to_lowercase();
    let kind = head.lines().find(|line| line.starts_with("content-type:")).unwrap_or_default();
    if kind.contains("json") {
        serde_json::from_slice::<Value>(body).is_ok_and(|value| holds_string(&value, text))
    } else if kind.contains("x-www-form-urlencoded") {
        url::form_urlencoded::parse(body).any(|(_, value)| value.contains(text))
    } else {
        memchr::memmem::find(body, text.as_bytes()).is_some()
    }
}

fn holds_string(value: &Value, text: &str) -> bool {
    match value {
        Value::String(one) => one.contains(text),
        Value::Array(all) => all.iter().any(|one| holds_string(one, text)),
        Value::Object(all) => all.values().any(|one| holds_string(one, text)),
        _ => false,
    }
}

pub(super) fn in_brackets(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" ({said})") }
}

//! Checks that a component computes nothing from the placeholder of the code, and that one that reads the code needs it.
//!
//! The host fills in the code after the component: a signature or a checksum over the placeholder does not match what arrives. Clocks and
//! random numbers are the same in each delivery of a check, so what differs between two deliveries of one message was computed from the
//! placeholder.

use mail_parser::{MessageParser, PartType};

use super::mail_server::Deviation;
use super::report::Report;
use super::run::{CODE, Run};
use super::upstream::{Request, Responses};
use crate::body_texts::{self, NamedText};

const PLACEHOLDER: &str = "The host fills in the code after `deliver`, so a value computed from the text does not match what arrives. Have \
    the host sign (`aws-signature`, `webhook-signature`), compute the value from parts that do not contain the code, or declare `needs-code`.";

const NEEDLESS: &str = "Remove `needs-code`: the provider sends the text unchanged, and the host fills in the code. Operators are warned about \
    providers that see codes.";

/// Another code of as many digits.
const OTHER_CODE: &str = "1946285037";

/// Headers that the host sets, or that depend on the length of the body.
const SET_BY_HOST: [&str; 6] =
    ["authorization", "content-length", "host", "user-agent", "webhook-signature", "webhook-timestamp"];

pub(super) async fn check(run: &Run<'_>, responses: &Responses, report: &mut Report) {
    let first = deliver(run, responses, CODE).await;
    if !run.needs_code() {
        let second = deliver(run, responses, CODE).await;
        let placeholder = match run.component.info().manifest.placements.is_empty() {
            true => "the placeholder of the code",
            false => "the placeholder of the code or of a secret",
        };
        report.rule("placeholder", differences(&first, &second, placeholder), PLACEHOLDER);
        return;
    }
    let second = deliver(run, responses, OTHER_CODE).await;
    let (first, replaced) = without_texts(run, &first, CODE);
    let (second, _) = without_texts(run, &second, OTHER_CODE);
    needless(replaced && first == second, report);
}

fn needless(is_needless: bool, report: &mut Report) {
    let wrong =
        is_needless.then(|| "everything that it sends could also be sent with a placeholder for the code".to_owned());
    report.rule("needs-code", wrong.into_iter().collect(), NEEDLESS);
}

/// The same for a component that sends mail.
pub(super) async fn check_mail(run: &Run<'_>, report: &mut Report) {
    let first = mail(run, CODE).await;
    if !run.needs_code() {
        let second = mail(run, CODE).await;
        let differs = first.iter().zip(&second).filter(|(one, other)| one.text != other.text);
        let wrong = differs.map(|(one, _)| format!("the {} depends on the placeholder of the code", one.name));
        report.rule("placeholder", wrong.collect(), PLACEHOLDER);
        return;
    }
    let second = mail(run, OTHER_CODE).await;
    let (first, replaced) = without_own_texts(run, first, CODE);
    let (second, _) = without_own_texts(run, second, OTHER_CODE);
    needless(replaced && first == second, report);
}

/// Delivers an email. Returns its parts, or none if it did not arrive.
async fn mail(run: &Run<'_>, code: &str) -> Vec<NamedText> {
    run.servers.mail_server.respond(Deviation::default());
    run.deliver(run.message_with(code)).await;
    let Some(raw) = run.servers.mail_server.mails().pop() else { return Vec::new() };
    let Some(mail) = MessageParser::default().parse(raw.as_bytes()) else { return Vec::new() };
    let sender = mail.from().and_then(|from| from.first());
    let html = mail.parts.iter().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.to_string()),
        _ => None,
    });
    [
        ("name of the sender", sender.and_then(|sender| sender.name()).unwrap_or_default().to_owned()),
        ("address of the sender", sender.and_then(|sender| sender.address()).unwrap_or_default().to_owned()),
        ("subject", mail.subject().unwrap_or_default().to_owned()),
        ("text", mail.body_text(0).unwrap_or_default().replace("\r\n", "\n")),
        ("HTML", html.unwrap_or_default().replace("\r\n", "\n")),
    ]
    .map(|(name, text)| NamedText { name: name.to_owned(), text })
    .into()
}

async fn deliver(run: &Run<'_>, responses: &Responses, code: &str) -> Vec<Request> {
    run.servers.upstream.respond(&responses.before, responses.accepted());
    run.deliver(run.message_with(code)).await;
    run.servers.upstream.requests()
}

/// Returns where the requests of two deliveries differ.
fn differences(first: &[Request], second: &[Request], placeholder: &str) -> Vec<String> {
    if first.len() != second.len() {
        return vec![format!("the same message was sent in {} requests, and then in {}", first.len(), second.len())];
    }
    let mut wrong = Vec::new();
    for (one, other) in first.iter().zip(second) {
        if one.target() != other.target() {
            wrong.push(format!("the URL depends on {placeholder}"));
        }
        let (headers, others) = (headers(one), headers(other));
        let names = headers.iter().filter(|header| !others.contains(header)).map(|(name, _)| name);
        wrong.extend(names.map(|name| format!("the header `{name}` depends on {placeholder}")));
        if one.body != other.body {
            let field = one.texts().into_iter().zip(other.texts()).find(|(one, other)| one.text != other.text);
            let field = field.map_or_else(|| "the body".to_owned(), |(one, _)| format!("`{}` in the body", one.name));
            wrong.push(format!("{field} depends on {placeholder}"));
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

fn headers(request: &Request) -> Vec<(String, String)> {
    let of_component = |name: &String| !SET_BY_HOST.contains(&&**name) && !name.starts_with("x-amz-");
    request.headers().into_iter().filter(|(name, _)| of_component(name)).collect()
}

/// Returns the texts of requests without the message's own, and whether any of those was in them.
fn without_texts(run: &Run<'_>, requests: &[Request], code: &str) -> (Vec<NamedText>, bool) {
    let mut all = Vec::new();
    for request in requests {
        let in_headers = headers(request).into_iter().map(|(name, text)| NamedText { name, text });
        let path =
            NamedText { name: String::new(), text: request.target().split('?').next().unwrap_or_default().to_owned() };
        all.extend(
            request.texts().into_iter().chain(body_texts::query(request.target())).chain(in_headers).chain([path]),
        );
    }
    without_own_texts(run, all, code)
}

fn without_own_texts(run: &Run<'_>, mut all: Vec<NamedText>, code: &str) -> (Vec<NamedText>, bool) {
    let message = run.message_with(code);
    let mut replaced = false;
    for one in &mut all {
        for text in [Some(&message.text), message.html.as_ref(), Some(&message.subject)].into_iter().flatten() {
            let text = text.trim_end();
            if text.contains(code) && one.text.contains(text) {
                replaced = true;
                one.text = one.text.replace(text, "…");
            }
        }
    }
    (all, replaced)
}

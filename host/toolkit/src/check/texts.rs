//! Checks that an upstream that accepts everything receives each text once and unchanged, whatever it contains and whatever else the
//! message says.

use twofactor_sandbox::Message;

use super::report::Report;
use super::run::{CODE, Outcome, Run};
use super::upstream::{Request, Responses};
use crate::body_texts;

const ACCEPTED: &str = "A message that an upstream answered with 2xx may have been accepted: report it as delivered, or its outcome as unknown. \
    If no request contained the text because the provider first sends another request, pass the responses: `--replay FILE` or \
    `--accepted-response FILE`.";

const TEXTS: &str = "Send the text unchanged, encoded by a library for JSON, forms or XML; the host has made it final. If no request contained \
    the text because the provider first sends another request, pass the responses: `--replay FILE` or `--accepted-response FILE`.";

const LAST_LINE: &str = "Append nothing to the text: its last line binds the code to a site, and has to be the last line of the message (WebOTP).";

const CIRCUMSTANCES: &str = "The texts are final in any language, and `purpose` and `application` are chosen by the application: treat \
    unknown values like all others. If the provider first sends another request, pass the responses: `--replay FILE` or \
    `--accepted-response FILE`.";

pub(super) const TO_THE_RECIPIENT: &str = "Send the message to `message.recipient`, unchanged.";

pub(super) async fn check(run: &Run<'_>, responses: &Responses, report: &mut Report) {
    let (mut changed, mut failed, mut misdirected, mut appended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (kind, text) in texts() {
        run.servers.upstream.respond(&responses.before, responses.accepted());
        let outcome = run.deliver(Message { text: text.clone(), html: None, ..run.message() }).await;
        if !is_accepted(&outcome, responses) {
            failed.push(format!("{kind}: {}", outcome.described("although the upstream accepted the message")));
        }
        let seen = run.servers.upstream.requests();
        let sent: Vec<_> = seen.iter().filter(|request| request.contains(CODE)).collect();
        // One of its requests must: it may have to look up the recipient first.
        if !sent.is_empty() && !seen.iter().any(|request| run.names_recipient(request)) {
            misdirected.push(format!("{kind}: no request names the recipient"));
        }
        if sent.len() > 1 {
            failed.push(format!("{kind}: the message was sent {} times", sent.len()));
        }
        if run.needs_code() {
            continue;
        }
        let with_code = sent.iter().flat_map(|request| texts_of(request)).filter(|sent| sent.contains(CODE));
        let with_code: Vec<String> = with_code.collect();
        if is_by_itself(&with_code) {
            continue;
        }
        let arrived: Vec<&String> = with_code.iter().filter(|sent| sent.contains(&text)).collect();
        if arrived.is_empty() {
            changed.push(format!("{kind}: the text did not arrive unchanged"));
        } else if kind == SEVERAL_LINES && !arrived.iter().any(|sent| sent.trim_end().ends_with(&*text)) {
            appended.push(format!("{kind}: something follows its last line"));
        }
    }
    // Of a text and HTML it may send either.
    let message = run.message();
    let requests = run.accepted_requests(responses).await;
    let forms = [Some(&message.text), message.html.as_ref()];
    let sent: Vec<String> = requests.iter().flat_map(texts_of).collect();
    let arrived = |form: &String| sent.iter().any(|sent| sent.contains(form));
    let with_code: Vec<String> = sent.iter().filter(|sent| sent.contains(CODE)).cloned().collect();
    if !run.needs_code() && !is_by_itself(&with_code) && !forms.into_iter().flatten().any(arrived) {
        changed.push("a text with HTML: neither the text nor the HTML arrived unchanged".to_owned());
    }
    report.rule("accepted", failed, ACCEPTED);
    report.rule("recipient", misdirected, TO_THE_RECIPIENT);
    report.rule("texts-unchanged", changed, TEXTS);
    report.rule("last-line", appended, LAST_LINE);
}

/// Checks that a message is sent like any other, whatever its language, its purpose and its application are.
pub(super) async fn check_circumstances(run: &Run<'_>, responses: &Responses, report: &mut Report) {
    run.servers.upstream.respond(&responses.before, responses.accepted());
    let usual = run.deliver(run.message()).await;
    let sent = run.servers.upstream.requests().iter().filter(|request| run.carries_message(request)).count();
    for (rule, circumstances) in circumstances(&run.message()) {
        let mut wrong = Vec::new();
        for (name, message) in circumstances {
            run.servers.upstream.respond(&responses.before, responses.accepted());
            let outcome = run.deliver(message).await;
            let seen = run.servers.upstream.requests();
            if outcome.name != usual.name {
                wrong.push(format!("{name}: {}", outcome.described(&format!("and {} otherwise", usual.name))));
            } else if seen.iter().filter(|request| run.carries_message(request)).count() != sent {
                wrong.push(format!("{name}: the message was not sent as often as otherwise"));
            }
        }
        report.rule(rule, wrong, CIRCUMSTANCES);
    }
}

type Circumstances = Vec<(String, Message)>;

/// Returns messages that differ from the usual one in one field.
pub(super) fn circumstances(usual: &Message) -> [(&'static str, Circumstances); 3] {
    let of = |what: &str, values: &[&str], set: fn(&mut Message, String)| -> Circumstances {
        let one = |value: &&str| {
            let mut message = usual.clone();
            set(&mut message, (*value).to_owned());
            (format!("the {what} `{value}`"), message)
        };
        values.iter().map(one).collect()
    };
    let locales = ["de", "fr-CH", "it", "en-GB", "zh-Hant-TW", "sr-Latn-RS", "tlh", ""];
    [
        ("locale", of("locale", &locales, |message, value| message.locale = value)),
        ("purpose", of("purpose", &["", "payment", "Zahlung bestätigen"], |message, value| message.purpose = value)),
        ("application", of("application", &["", "Käse & \"Söhne\""], |message, value| message.application = value)),
    ]
}

/// Returns whether the outcome fits a message that was accepted. It may be unknown if the upstream's response was not given.
fn is_accepted(outcome: &Outcome, responses: &Responses) -> bool {
    outcome.name == "delivered" || outcome.name == "outcome-unknown" && responses.accepted.is_none()
}

/// Returns whether the code was sent without a text, for a template that the upstream has.
fn is_by_itself(with_code: &[String]) -> bool {
    !with_code.is_empty() && with_code.iter().all(|text| text == CODE)
}

/// Returns the texts in the body and in the query of a request.
fn texts_of(request: &Request) -> Vec<String> {
    request.texts().into_iter().chain(body_texts::query(request.target())).map(|one| one.text).collect()
}

const SEVERAL_LINES: &str = "a text of several lines";

pub(super) fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("a plain text", format!("{CODE} is your code.")),
        (
            "a text with characters that JSON, forms and markup escape",
            format!("{CODE} \"quoted\" \\ & = % + <b> {{x}} ;"),
        ),
        ("a text with other scripts", format!("Grüezi, {CODE} — 日本語 \u{1f510} \u{5e9}\u{5dc}\u{5d5}\u{5dd}")),
        (SEVERAL_LINES, format!("{CODE} is your code.\n\n@example.com #{CODE}")),
        ("a long text", format!("{CODE} {}", "is your code. ".repeat(100))),
    ]
}

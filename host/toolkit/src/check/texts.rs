//! Whether an upstream that takes everything gets each text once and as it is, whatever stands in it and whatever else the message says.

use twofactor::sandbox::Message;

use super::delivery::{CODE, Outcome, Run, holds};
use super::report::Report;
use super::upstream::{Request, Says};

const ACCEPTED: &str = "What an upstream answered with 2xx may have been taken: it is delivered, or its outcome is unknown. Where no \
    request held the text: if it asks something first, give the answers, `--replay FILE` or `--accepted FILE`.";

const TEXTS: &str = "Send the text as it is, encoded by a library for JSON, forms or XML; the host made it final. Where no request held the \
    text: if it asks something first, give the answers, `--replay FILE` or `--accepted FILE`.";

const LAST_LINE: &str =
    "Add nothing after the text: its last line binds the code to a site, and counts only if it is the last (WebOTP).";

const CIRCUMSTANCES: &str = "The texts are final in whatever language they are, and `purpose` and `application` are words of the \
    application's: send what you do not know like everything else. If it asks something first, give the answers, `--replay FILE` or \
    `--accepted FILE`.";

pub(super) const TO_THE_RECIPIENT: &str = "Send it to `message.recipient`, as it is given.";

pub(super) async fn judge(run: &Run<'_>, says: &Says, report: &mut Report) {
    let (mut lost, mut broke, mut astray, mut longer) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (kind, text) in texts() {
        run.ends.upstream.play(&says.before, says.accepted());
        let outcome = run.deliver(Message { text: text.clone(), html: None, ..run.message() }).await;
        if !was_taken(&outcome, says) {
            broke.push(format!("{kind}: {}", outcome.told("although the upstream took it")));
        }
        let seen = run.ends.upstream.seen();
        let sent: Vec<_> = seen.iter().filter(|request| holds(CODE, request)).collect();
        // In one of its requests: it may have to ask first who that is.
        if !sent.is_empty() && !seen.iter().any(|request| run.names_the_recipient(request)) {
            astray.push(format!("{kind}: no request says whom it is for"));
        }
        if sent.len() > 1 {
            broke.push(format!("{kind}: the message was sent {} times", sent.len()));
        }
        if run.needs_code() {
            continue;
        }
        let holding = sent.iter().flat_map(|request| said(request)).filter(|said| said.contains(&text));
        let holding: Vec<String> = holding.collect();
        if holding.is_empty() {
            lost.push(format!("{kind}: the text did not arrive as it was given"));
        } else if kind == SEVERAL_LINES && !holding.iter().any(|said| said.trim_end().ends_with(&*text)) {
            longer.push(format!("{kind}: something follows its last line"));
        }
    }
    // With both it may send either.
    run.ends.upstream.play(&says.before, says.accepted());
    let message = run.message();
    run.deliver(message.clone()).await;
    let forms = [Some(&message.text), message.html.as_ref()];
    let said: Vec<String> = run.ends.upstream.seen().iter().flat_map(said).collect();
    let arrived = |form: &String| said.iter().any(|said| said.contains(form));
    if !run.needs_code() && !forms.into_iter().flatten().any(arrived) {
        lost.push("a text with HTML beside it: neither arrived as it was given".to_owned());
    }
    report.judge("accepted", broke, ACCEPTED);
    report.judge("recipient", astray, TO_THE_RECIPIENT);
    report.judge("texts-unchanged", lost, TEXTS);
    report.judge("last-line", longer, LAST_LINE);
}

/// Whatever language a message is in, whatever it is for and whoever asks for it: it is sent like any other.
pub(super) async fn judge_circumstances(run: &Run<'_>, says: &Says, report: &mut Report) {
    run.ends.upstream.play(&says.before, says.accepted());
    let usual = run.deliver(run.message()).await;
    let sent = run.ends.upstream.seen().iter().filter(|request| run.holds_message(request)).count();
    for (rule, circumstances) in circumstances(&run.message()) {
        let mut wrong = Vec::new();
        for (name, message) in circumstances {
            run.ends.upstream.play(&says.before, says.accepted());
            let outcome = run.deliver(message).await;
            let seen = run.ends.upstream.seen();
            if outcome.name != usual.name {
                wrong.push(format!("{name}: {}", outcome.told(&format!("and else {}", usual.name))));
            } else if seen.iter().filter(|request| run.holds_message(request)).count() != sent {
                wrong.push(format!("{name}: the message was not sent as often as else"));
            }
        }
        report.judge(rule, wrong, CIRCUMSTANCES);
    }
}

type Circumstances = Vec<(String, Message)>;

/// Messages that differ from a usual one in one thing.
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

/// An upstream that took a message and said so in words that are known: delivered. Where nobody said how it says so, its outcome may be
/// unknown.
fn was_taken(outcome: &Outcome, says: &Says) -> bool {
    outcome.name == "delivered" || outcome.name == "outcome-unknown" && says.accepted.is_none()
}

/// The texts that a request says, in its URL and in its body.
pub(super) fn said(request: &Request) -> Vec<String> {
    request.texts().into_iter().map(|one| one.text).collect()
}

const SEVERAL_LINES: &str = "a text of several lines";

pub(super) fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("a plain text", format!("{CODE} is your code.")),
        ("a text with marks of JSON, forms and markup", format!("{CODE} \"quoted\" \\ & = % + <b> {{x}} ;")),
        ("a text with other scripts", format!("Grüezi, {CODE} — 日本語 \u{1f510} \u{5e9}\u{5dc}\u{5d5}\u{5dd}")),
        (SEVERAL_LINES, format!("{CODE} is your code.\n\n@example.com #{CODE}")),
        ("a long text", format!("{CODE} {}", "is your code. ".repeat(100))),
    ]
}

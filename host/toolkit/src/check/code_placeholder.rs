//! Whether a component computes anything from the letters that stand for the code, and whether one that reads the code needs it.
//!
//! The host puts the code in after the component: a signature or a checksum over the letters does not fit what arrives. Clocks and random
//! numbers are the same in each delivery of a check, so what differs between two deliveries of one message was computed from the letters.

use super::delivery::Run;
use super::report::Report;
use super::upstream::{Request, Says};
use crate::body_texts::{self, NamedText};

const LETTERS: &str = "The host puts the code in after you, so what is computed from a text does not fit what arrives. Have the host sign \
    (`aws-signature`, `webhook-signature`), compute it from what has no code in it, or say `needs-code`.";

const NEEDLESS: &str = "Leave `needs-code` out: it sends the text as it is, and the host puts the code in. Whoever installs it is told that it \
    sees codes.";

/// Another code of as many digits.
const OTHER_CODE: &str = "1946285037";

/// What the host attaches, or what says how long a body is.
const OF_THE_HOST: [&str; 6] =
    ["authorization", "content-length", "host", "user-agent", "webhook-signature", "webhook-timestamp"];

pub(super) async fn judge(run: &Run<'_>, says: &Says, report: &mut Report) {
    let first = deliver(run, says, super::delivery::CODE).await;
    if !run.needs_code() {
        let second = deliver(run, says, super::delivery::CODE).await;
        report.judge("letters", differences(&first, &second), LETTERS);
        return;
    }
    let second = deliver(run, says, OTHER_CODE).await;
    let (first, replaced) = without_texts(run, &first, super::delivery::CODE);
    let (second, _) = without_texts(run, &second, OTHER_CODE);
    let needless = replaced && first == second;
    let wrong = needless.then(|| "it reads the code, and sends only what it could send without".to_owned());
    report.judge("needs-code", wrong.into_iter().collect(), NEEDLESS);
}

async fn deliver(run: &Run<'_>, says: &Says, code: &str) -> Vec<Request> {
    run.ends.upstream.play(&says.before, says.accepted());
    run.deliver(crate::try_provider::message(code, run.to)).await;
    run.ends.upstream.seen()
}

/// Where requests of two deliveries differ.
fn differences(first: &[Request], second: &[Request]) -> Vec<String> {
    if first.len() != second.len() {
        return vec![format!(
            "one message was sent in {} requests, and the same one again in {}",
            first.len(),
            second.len()
        )];
    }
    let mut wrong = Vec::new();
    for (one, other) in first.iter().zip(second) {
        if one.target() != other.target() {
            wrong.push("the URL depends on the letters that stand for the code".to_owned());
        }
        let (headers, others) = (headers(one), headers(other));
        let names = headers.iter().filter(|header| !others.contains(header)).map(|(name, _)| name);
        wrong.extend(names.map(|name| format!("the header `{name}` depends on the letters that stand for the code")));
        if one.body != other.body {
            let field = one.texts().into_iter().zip(other.texts()).find(|(one, other)| one.text != other.text);
            let field = field.map_or_else(|| "the body".to_owned(), |(one, _)| format!("`{}` in the body", one.name));
            wrong.push(format!("{field} depends on the letters that stand for the code"));
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

fn headers(request: &Request) -> Vec<(String, String)> {
    let of_component = |name: &String| !OF_THE_HOST.contains(&&**name) && !name.starts_with("x-amz-");
    request.headers().into_iter().filter(|(name, _)| of_component(name)).collect()
}

/// All that requests say, without the message's own texts; and whether any of these was there.
fn without_texts(run: &Run<'_>, requests: &[Request], code: &str) -> (Vec<NamedText>, bool) {
    let message = crate::try_provider::message(code, run.to);
    let mut replaced = false;
    let mut all = Vec::new();
    for request in requests {
        let in_headers = headers(request).into_iter().map(|(name, text)| NamedText { name, text });
        let path =
            NamedText { name: String::new(), text: request.target().split('?').next().unwrap_or_default().to_owned() };
        for mut one in
            request.texts().into_iter().chain(body_texts::query(request.target())).chain(in_headers).chain([path])
        {
            for text in [Some(&message.text), message.html.as_ref(), Some(&message.subject)].into_iter().flatten() {
                if text.contains(code) && one.text.contains(text) {
                    replaced = true;
                    one.text = one.text.replace(text, "…");
                }
            }
            all.push(one);
        }
    }
    (all, replaced)
}

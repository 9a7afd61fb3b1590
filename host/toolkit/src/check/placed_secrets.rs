//! Checks that each secret that the host puts into requests arrives in the parts that its schema lists, and that a revealed secret
//! is needed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use twofactor_sandbox::{Capability, Part, Placement};

use super::report::Report;
use super::run::{CODE, Run};
use super::upstream::{Request, Responses};
use crate::body_texts;

const PLACED: &str = "Write the placeholder where the secret belongs, unchanged and once in a request; list in `x-twofactor-placement` the parts \
    that you use; add `place-secret` to the connection. If no request contained it because the provider first sends another request, \
    pass the responses: `--replay FILE` or `--accepted-response FILE`.";

const CODE_IN_QUERY: &str =
    "Remove `code-in-query`: an operator has to allow it, and no request has the code in its query.";

const REVEALED: &str = "Use `x-twofactor-placement` instead of `x-twofactor-revealed`: the provider sends the secret unchanged, and the host can put \
    it there. Operators are warned about providers that see secrets.";

/// The letters of a secret's placeholder, and how many it has.
const LETTERS: &str = "bcdfghjklmnpqrst";
const LENGTH: usize = 24;

/// Checks the secrets that the host puts into requests; without one there is no such rule.
pub(super) async fn check(run: &Run<'_>, options: &Value, responses: &Responses, report: &mut Report) {
    let info = run.component.info();
    let connections = run.configured.connections();
    let placed: Vec<(&Placement, &str)> = info
        .manifest
        .placements
        .iter()
        .filter_map(|placement| {
            Some((placement, options.pointer(&placement.option)?.as_str().filter(|secret| !secret.is_empty())?))
        })
        .collect();
    let in_query = connections.iter().any(|connection| connection.code_in_query);
    let requests = match placed.is_empty() && !in_query {
        true => Vec::new(),
        false => run.accepted_requests(responses).await,
    };
    if !placed.is_empty() {
        let mut wrong = Vec::new();
        for (placement, secret) in placed {
            let option = &placement.option;
            if !connections.iter().any(|connection| connection.placed.contains(placement)) {
                wrong.push(format!(
                    "`{option}` has `x-twofactor-placement`, but no connection has `place-secret` for it"
                ));
                continue;
            }
            let arrived: Vec<Part> = Part::ALL
                .into_iter()
                .filter(|part| requests.iter().any(|request| has(request, *part, secret)))
                .collect();
            let unused: Vec<Part> = placement.parts.iter().filter(|part| !arrived.contains(part)).collect();
            if arrived.is_empty() {
                wrong.push(format!("`{option}` is placed, but no request contained it"));
            } else {
                let names =
                    unused.iter().map(|part| format!("`{option}` lists `{part}`, where no request contained it"));
                wrong.extend(names);
            }
        }
        if requests.iter().any(has_placeholder) {
            wrong.push("a placeholder arrived instead of its secret: it was encoded or changed".to_owned());
        }
        let denied =
            run.servers.recording.lines().into_iter().filter(|line| line.starts_with("the placeholder of the secret"));
        wrong.extend(denied);
        wrong.sort();
        wrong.dedup();
        report.rule("placed-secrets", wrong, PLACED);
    }
    if in_query {
        let is_there =
            |request: &Request| body_texts::query(request.target()).iter().any(|field| field.text.contains(CODE));
        let wrong = (!requests.iter().any(is_there)).then(|| "no request has the code in its query".to_owned());
        report.rule("code-in-query", wrong.into_iter().collect(), CODE_IN_QUERY);
    }
    let revealed: Vec<String> = info
        .capabilities
        .iter()
        .filter_map(|capability| match capability {
            Capability::Secret(option) => Some(format!("/{option}")),
            _ => None,
        })
        .collect();
    if !revealed.is_empty() {
        let mut needless = Vec::new();
        for option in &revealed {
            if is_needless(run, options, option, responses).await {
                needless.push(format!("`{option}` is revealed, but the provider only sends it unchanged"));
            }
        }
        report.rule("revealed-secrets", needless, REVEALED);
    }
}

/// Returns whether a part of a request has a secret in it, decoded.
fn has(request: &Request, part: Part, secret: &str) -> bool {
    match part {
        Part::Body => {
            let texts = request.texts();
            texts.iter().any(|text| text.text.contains(secret))
                || String::from_utf8_lossy(&request.body).contains(secret)
        }
        Part::Query => {
            let query = request.target().split_once('?').map_or("", |(_, query)| query);
            percent_decode_str(query).decode_utf8_lossy().contains(secret)
        }
        Part::Path => {
            let path = request.target().split('?').next().unwrap_or_default();
            percent_decode_str(path).decode_utf8_lossy().contains(secret)
        }
        Part::Header => request.headers().iter().any(|(_, value)| value.contains(secret)),
    }
}

/// Returns whether a request has a placeholder in it, in either case or in base64.
fn has_placeholder(request: &Request) -> bool {
    let is_one = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.split(|c| !LETTERS.contains(c)).any(|run| run.len() >= LENGTH)
    };
    let all = format!("{}\n{}", request.head, String::from_utf8_lossy(&request.body));
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let decoded = |word: &str| {
        let bytes = STANDARD_NO_PAD.decode(word).or_else(|_| URL_SAFE_NO_PAD.decode(word));
        bytes.is_ok_and(|bytes| is_one(&String::from_utf8_lossy(&bytes)))
    };
    is_one(&all) || all.split(|c| !is_base64(c)).filter(|word| word.len() >= LENGTH).any(decoded)
}

/// Returns whether a provider sends a revealed secret unchanged, and does nothing else with it.
async fn is_needless(run: &Run<'_>, options: &Value, option: &str, responses: &Responses) -> bool {
    let Some(secret) = options.pointer(option).and_then(Value::as_str).filter(|secret| secret.len() >= 6) else {
        return false;
    };
    // In the same form, so that the component accepts it.
    let other: String = secret.chars().rev().collect();
    let mut altered = options.clone();
    if let Some(place) = altered.pointer_mut(option) {
        *place = Value::from(&*other);
    }
    let Ok(configured) = run.component.configure(&altered).await else { return false };
    let first = run.accepted_requests(responses).await;
    run.servers.upstream.respond(&responses.before, responses.accepted());
    let _ = configured.deliver(run.message()).await;
    let second = run.servers.upstream.requests();
    let sends = first.iter().any(|request| Part::ALL.into_iter().any(|part| has(request, part, secret)));
    let without = |requests: &[Request], secret: &str| -> Vec<String> {
        let whole = |request: &Request| {
            let lines = request.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("authorization:"));
            let head = lines.collect::<Vec<_>>().join("\n");
            format!("{head}\n{}", String::from_utf8_lossy(&request.body)).replace(secret, "…")
        };
        requests.iter().map(whole).collect()
    };
    other != secret && sends && without(&first, secret) == without(&second, &other)
}

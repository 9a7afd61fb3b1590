//! What a real upstream answered, kept by `provider try --record` and given again by `provider check --replay`.
//!
//! What is kept is what the component saw, so nothing that the host attached is in it. What a component may get hold of otherwise,
//! the recipient, a code, secrets that it is allowed to see and credentials that upstreams gave it, is blotted out here before anything
//! is written. Answers to requests for access tokens are not kept at all: `check` gives a token itself.

use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twofactor::Exchange;

use super::credentials::{self, SHORTEST, is_credential, is_token_request};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cassette {
    /// Whose upstream it was.
    provider: String,
    /// When it took a message: in the order in which it was asked, the one that took it last.
    pub(super) accepted: Vec<Answer>,
    /// When it found an answer right, if it makes the codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) approved: Option<Answer>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// What was asked: the method and the URL.
    request: String,
    pub(super) status: u16,
    /// Those that say something of the body, or of what to do.
    pub(super) headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Body {
    Text(String),
    Base64(String),
}

impl Cassette {
    /// Of the exchanges in which a message was accepted, and of those in which an answer to it was found right, without these words and
    /// without credentials, in any spelling. None if nothing is left of the first.
    pub(super) fn new(
        provider: &str,
        accepted: &[Exchange],
        approved: &[Exchange],
        mut unspeakable: Vec<String>,
    ) -> Option<Self> {
        unspeakable.extend(credentials::in_exchanges(&[accepted, approved].concat()));
        let kept = |exchanges: &[Exchange]| -> Vec<Answer> {
            let kept = exchanges.iter().filter(|exchange| !is_token_request(&exchange.request_body));
            kept.map(|exchange| Answer::new(exchange, &unspeakable)).collect()
        };
        let (accepted, approved) = (kept(accepted), kept(approved).pop());
        (!accepted.is_empty()).then(|| Self { provider: provider.to_owned(), accepted, approved })
    }

    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = format!("{:#}\n", serde_json::to_value(self)?);
        std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }

    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let cassette: Self = serde_json::from_slice(&super::read(file)?)
            .with_context(|| format!("{} is nothing that `provider try --record` wrote", file.display()))?;
        if cassette.accepted.is_empty() {
            bail!("{}: there is no answer in it", file.display());
        }
        for Answer { status, .. } in cassette.accepted.iter().chain(&cassette.approved) {
            if !(200..600).contains(status) {
                bail!("{}: {status} is no status of an answer", file.display());
            }
        }
        Ok(cassette)
    }
}

impl Answer {
    fn new(exchange: &Exchange, unspeakable: &[String]) -> Self {
        let clean = |text: &str| blotted(text, unspeakable);
        let headers = exchange.headers.iter().filter(|(name, _)| says_something(name));
        let headers = headers.map(|(name, value)| (name.clone(), clean(value))).collect();
        let request = clean(&format!("{} {}", exchange.method, exchange.url));
        let body = match String::from_utf8(without(&exchange.body, unspeakable)) {
            Ok(text) => Body::Text(text),
            Err(error) => Body::Base64(STANDARD.encode(error.as_bytes())),
        };
        Self { request, status: exchange.status, headers, body }
    }

    pub(super) fn body(&self) -> anyhow::Result<Vec<u8>> {
        match &self.body {
            Body::Text(text) => Ok(text.clone().into_bytes()),
            Body::Base64(text) => STANDARD.decode(text).context("the body is not in base64"),
        }
    }
}

/// Not those of the connection, nor those that name the moment or somebody's session.
fn says_something(name: &str) -> bool {
    matches!(name, "content-type" | "content-language" | "location" | "retry-after")
}

/// A body without words. JSON stays JSON, and loses what its names call a credential too.
fn without(body: &[u8], words: &[String]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => {
            let clean = without_json(&value, words, false);
            // As the upstream wrote it, if there is nothing to hide.
            if clean == value { bytes } else { clean.to_string().into_bytes() }
        }
        Err(_) => {
            blot(&mut bytes, words);
            bytes
        }
    }
}

fn without_json(value: &Value, words: &[String], credential: bool) -> Value {
    match value {
        Value::Object(members) => {
            let clean = |(name, value): (&String, &Value)| {
                (blotted(name, words), without_json(value, words, credential || is_credential(name)))
            };
            Value::Object(members.iter().map(clean).collect::<Map<_, _>>())
        }
        Value::Array(values) => values.iter().map(|value| without_json(value, words, credential)).collect(),
        Value::String(text) if credential => "*".repeat(text.len()).into(),
        Value::String(text) => blotted(text, words).into(),
        Value::Number(number) => {
            let text = number.to_string();
            if credential || blotted(&text, words) != text { 0.into() } else { value.clone() }
        }
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

fn blotted(text: &str, words: &[String]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    blot(&mut bytes, words);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes `*` over words, in whatever case and spelling: as they are, in a form or URL, in JSON, in base64 of both alphabets wherever it begins;
/// telephone numbers also as they are dialled within their country, and in groups.
fn blot(bytes: &mut [u8], words: &[String]) {
    let mut spellings: Vec<String> = words
        .iter()
        .filter(|word| word.len() >= SHORTEST)
        .flat_map(|word| {
            let form = url::form_urlencoded::byte_serialize(word.as_bytes()).collect();
            let json = Value::from(word.as_str()).to_string().trim_matches('"').to_owned();
            let digits = word.strip_prefix('+').unwrap_or(word).to_owned();
            // As PHP writes JSON.
            let slashed = json.replace('/', "\\/");
            let base64 = [STANDARD.encode(word)].into_iter().chain(in_base64(word));
            let base64 = base64.flat_map(|text| [text.replace('+', "-").replace('/', "_"), text]);
            [word.clone(), form, json, slashed, digits].into_iter().chain(base64)
        })
        .collect();
    // One that holds another goes first: nothing of it stays.
    spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
    for spelling in spellings.iter().map(|spelling| spelling.to_ascii_lowercase()) {
        let there = bytes.to_ascii_lowercase();
        for at in memmem::find_iter(&there, spelling.as_bytes()) {
            bytes[at..at + spelling.len()].fill(b'*');
        }
    }
    for number in words.iter().filter_map(|word| word.strip_prefix('+')).filter(|digits| digits.len() > NATIONAL) {
        blot_number(bytes, &number.as_bytes()[number.len() - NATIONAL..]);
    }
}

/// So many digits at a number's end are written within its country too.
const NATIONAL: usize = 7;

/// Writes `*` over runs of digits that end in these, whatever lies between them.
fn blot_number(bytes: &mut [u8], end: &[u8]) {
    let between = |byte: u8| b" .-()/+\xc2\xa0".contains(&byte);
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit() || between(**byte)).count();
        let run = &mut bytes[at..at + length];
        let digits: Vec<u8> = run.iter().copied().filter(u8::is_ascii_digit).collect();
        if digits.windows(end.len()).any(|part| part == end) {
            run.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'*');
        }
        at += length;
    }
}

/// What a word becomes in base64 after zero, one or two other bytes of its group: the characters that are its alone.
fn in_base64(word: &str) -> impl Iterator<Item = String> {
    let of = |before: usize| {
        let bytes = [&[0, 0][..before], word.as_bytes()].concat();
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        STANDARD.encode(&bytes).get(from..to).unwrap_or_default().to_owned()
    };
    (0..3).map(of).filter(|encoded| encoded.len() >= SHORTEST).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_blotted_out_in_every_spelling() {
        let words = ["+41791234567", "Ann.B@example.com", "s3cr\"et", "482913"].map(str::to_owned);
        let mut said = b"0041791234567 %2B41791234567 ann.b%40EXAMPLE.com s3cr\\\"et czNjciJldA== 482913 m-1".to_vec();
        blot(&mut said, &words);
        assert_eq!(String::from_utf8_lossy(&said).replace('*', ""), "00      m-1");
        let mut said =
            "079 123 45 67, (079) 123-45-67, +41\u{a0}79\u{a0}1234567; 0791234568 2026-11-25".as_bytes().to_vec();
        blot(&mut said, &words);
        let left = String::from_utf8_lossy(&said).replace('*', "");
        assert!(left.ends_with("; 0791234568 2026-11-25") && left.matches(char::is_numeric).count() == 18, "{left}");
        let mut said = br#""a\/b+c>>?" YS9iK2M-Pj8"#.to_vec();
        blot(&mut said, &["a/b+c>>?".to_owned()]);
        // The last character has four bits of it.
        assert_eq!(String::from_utf8_lossy(&said).replace('*', ""), "\"\" 8");
    }
}

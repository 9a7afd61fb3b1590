//! What a real upstream answered, kept by `provider try --record` and given again by `provider check --replay`.
//!
//! What is kept is what the component saw, so nothing that the host attached is in it. What a component may get hold of otherwise,
//! the recipient, a code, secrets that it is allowed to see and credentials that upstreams gave it, is blotted out here before anything
//! is written. Answers to requests for access tokens are not kept at all: `check` gives a token itself.

use std::collections::HashSet;
use std::path::Path;

use aho_corasick::AhoCorasick;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twofactor::sandbox::Exchange;
use url::form_urlencoded;

use super::credentials::{self, is_credential, is_token_request};
use super::phone_number;

/// What is shorter than this is not searched for: it would turn up in what an answer says of its own.
const SHORTEST: usize = 4;

/// What an upstream answered, as a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    /// Whose upstream it was.
    provider: String,
    /// When it took a message: in the order in which it was asked, the one that took it last.
    pub accepted: Vec<Answer>,
    /// When it found an answer right, in the same order, if it makes the codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) approved: Vec<Answer>,
}

/// One answer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What was asked: the method and the URL.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// Those that say something of the body, or of what to do.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Cassette {
    /// Of the exchanges in which a message was accepted, and of those in which an answer to it was found right, without these words and
    /// without credentials, in any spelling.
    pub(crate) fn new(
        provider: &str,
        accepted: &[Exchange],
        approved: &[Exchange],
        unspeakable: Vec<String>,
    ) -> anyhow::Result<Self> {
        let credentials = credentials::in_exchanges(&[accepted, approved].concat());
        let unspeakable = Words::new(unspeakable.into_iter().chain(credentials))?;
        let kept = |exchanges: &[Exchange]| -> anyhow::Result<Vec<Answer>> {
            let kept = exchanges.iter().filter(|exchange| !is_token_request(&exchange.request_body));
            kept.map(|exchange| Answer::new(exchange, &unspeakable)).collect()
        };
        let (accepted, approved) = (kept(accepted)?, kept(approved)?);
        if accepted.is_empty() {
            bail!("the message did not go over HTTP");
        }
        Ok(Self { provider: provider.to_owned(), accepted, approved })
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = format!("{:#}\n", serde_json::to_value(self)?);
        std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Reads one.
    ///
    /// # Errors
    /// If the file cannot be read, or `provider try --record` did not write it.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
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
    fn new(exchange: &Exchange, unspeakable: &Words) -> anyhow::Result<Self> {
        let headers = exchange.headers.iter().filter(|(name, _)| says_something(name));
        let headers = headers.map(|(name, value)| (name.clone(), unspeakable.clean(value))).collect();
        let request = unspeakable.clean(&format!("{} {}", exchange.method, exchange.url));
        // In another encoding nothing would be found.
        let body = std::str::from_utf8(&exchange.body).ok().filter(|body| !body.contains('\0'));
        let body = unspeakable.without(body.context("the upstream's answer is no text in UTF-8")?);
        Ok(Self { request, status: exchange.status, headers, body })
    }
}

/// Not those of the connection, nor those that name the moment or somebody's session.
fn says_something(name: &str) -> bool {
    matches!(name, "content-type" | "content-language" | "location" | "retry-after")
}

/// What is blotted out.
struct Words {
    /// All spellings, in whatever case.
    spellings: AhoCorasick,
    /// How telephone numbers end.
    numbers: Vec<Vec<u8>>,
}

/// What `encodeURIComponent` leaves as it is (ECMA-262 section 19.2.6), and of it what RFC 3986 section 2.3 does.
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Words {
    /// Words as they are, in a form or URL, in JSON, in XML, in base64 of both alphabets wherever it begins; telephone numbers also as they
    /// are dialled within their country, and in groups.
    fn new(words: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let (mut spellings, mut numbers) = (HashSet::new(), Vec::new());
        for word in words.into_iter().filter(|word| word.len() >= SHORTEST) {
            let json = Value::from(word.as_str()).to_string().trim_matches('"').to_owned();
            let xml = word.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
            // As PHP writes JSON.
            spellings.extend([json.replace('/', "\\/"), json]);
            spellings.extend([xml.replace('\'', "&#39;"), xml.replace('\'', "&apos;"), xml]);
            spellings.insert(form_urlencoded::byte_serialize(word.as_bytes()).collect());
            spellings.extend([COMPONENT, UNRESERVED].map(|open| utf8_percent_encode(&word, open).to_string()));
            for base64 in in_base64(&word).chain([STANDARD.encode(&word)]) {
                spellings.extend([base64.replace('+', "-").replace('/', "_"), base64]);
            }
            if let Some(digits) = word.strip_prefix('+') {
                spellings.insert(digits.to_owned());
                numbers.extend(phone_number::end(&word).map(<[u8]>::to_vec));
            }
            spellings.insert(word);
        }
        Ok(Self { spellings: AhoCorasick::builder().ascii_case_insensitive(true).build(spellings)?, numbers })
    }

    /// A body without them. JSON stays JSON, and loses what its names call a credential too.
    fn without(&self, body: &str) -> String {
        match serde_json::from_str::<Value>(body) {
            Ok(value) => self.without_json(&value, false).to_string(),
            Err(_) => self.clean(body),
        }
    }

    fn without_json(&self, value: &Value, credential: bool) -> Value {
        match value {
            Value::Object(members) => {
                let clean = |(name, value): (&String, &Value)| {
                    (self.clean(name), self.without_json(value, is_credential(name, credential)))
                };
                Value::Object(members.iter().map(clean).collect::<Map<_, _>>())
            }
            Value::Array(values) => values.iter().map(|value| self.without_json(value, credential)).collect(),
            Value::String(text) if credential => "*".repeat(text.len()).into(),
            Value::String(text) => self.clean(text).into(),
            Value::Number(number) => {
                let text = number.to_string();
                if credential || self.clean(&text) != text { 0.into() } else { value.clone() }
            }
            Value::Bool(_) | Value::Null => value.clone(),
        }
    }

    /// With `*` written over them.
    fn clean(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        // Each, though it overlaps another.
        for found in self.spellings.find_overlapping_iter(text) {
            bytes[found.range()].fill(b'*');
        }
        self.numbers.iter().for_each(|end| redact_number(&mut bytes, end));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Writes `*` over the digits of numbers that end in these.
fn redact_number(bytes: &mut [u8], end: &[u8]) {
    for range in phone_number::find(bytes, end) {
        bytes[range].iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'*');
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_blotted_out_in_every_spelling() {
        let words = Words::new(["+41791234567", "Ann.B@example.com", "s3cr\"et", "482913"].map(str::to_owned)).unwrap();
        let blotted = |said: &str| words.clean(said).replace('*', "");
        let said = "0041791234567 %2B41791234567 ann.b%40EXAMPLE.com s3cr\\\"et czNjciJldA== 482913 m-1";
        assert_eq!(blotted(said), "00      m-1");
        let left = blotted("079 123 45 67, (079) 123-45-67, +41\u{a0}79\u{a0}1234567; 0791234568 2026-11-25");
        assert!(left.ends_with("; 0791234568 2026-11-25") && left.matches(char::is_numeric).count() == 18, "{left}");
        let words = Words::new(["a/b+c>>?".to_owned()]).unwrap();
        // The last character has four bits of it.
        assert_eq!(words.clean(r#""a\/b+c>>?" YS9iK2M-Pj8"#).replace('*', ""), "\"\" 8");
    }

    #[test]
    fn a_word_is_found_as_javascript_and_as_xml_spell_it() {
        let words = Words::new(["o'brien&co@example.com".to_owned(), "pa ss(1)~".to_owned()]).unwrap();
        let said =
            "o'brien%26co%40example.com o&#39;brien&amp;co@example.com pa%20ss(1)~ pa%20ss%281%29~ pa+ss%281%29%7E";
        assert_eq!(words.clean(said).replace('*', ""), "    ");
    }

    #[test]
    fn json_stays_json_and_says_nothing_twice() {
        let words = Words::new(["+41791234567".to_owned()]).unwrap();
        let clean = |body: &str| words.without(body);
        assert_eq!(
            clean(r#"{"to":41791234567,"n":7,"\u002b41791234567":"a"}"#),
            r#"{"to":0,"n":7,"************":"a"}"#
        );
        // Of a name that stands there twice the last counts.
        assert_eq!(clean(r#"{"token":"t0p-s3cret","token":null}"#), r#"{"token":null}"#);
    }
}

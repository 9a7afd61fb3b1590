//! Responses of a real upstream, recorded by `try --record` and repeated by `check --replay`.
//!
//! A recording contains what the component saw, so nothing that the host attached. What a component may know otherwise is redacted before
//! anything is written: the recipient, the code, secrets that it is allowed to see, and credentials that upstreams gave it. Responses to
//! requests for access tokens are not recorded: `check` issues a token itself.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twofactor_sandbox::{Exchange, Redactor};

use super::credentials::{self, is_credential, is_token_request};

/// A file of recorded responses.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    /// The provider whose upstream it was.
    provider: String,
    /// The responses of a delivery in order. The last one accepted the message.
    pub accepted: Vec<RecordedResponse>,
    /// The responses of the verification of a correct answer in order, if the upstream generates the codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) approved: Vec<RecordedResponse>,
}

/// One response.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedResponse {
    /// The method and the URL of the request.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// The headers that describe the body or say what to do.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Cassette {
    /// Records the exchanges of a delivery and of the verification of a correct answer, without these words and without credentials in any
    /// spelling.
    ///
    /// # Errors
    /// If nothing was sent over HTTP, or a response is not text.
    pub(crate) fn new(
        provider: &str,
        accepted: &[Exchange],
        approved: &[Exchange],
        redacted: Vec<String>,
    ) -> anyhow::Result<Self> {
        let credentials = credentials::in_exchanges(&[accepted, approved].concat());
        let redacted = Words::new(redacted.into_iter().chain(credentials));
        let kept = |exchanges: &[Exchange]| -> anyhow::Result<Vec<RecordedResponse>> {
            let kept = exchanges.iter().filter(|exchange| !is_token_request(&exchange.request_body));
            kept.map(|exchange| RecordedResponse::new(exchange, &redacted)).collect()
        };
        let (accepted, approved) = (kept(accepted)?, kept(approved)?);
        if accepted.is_empty() {
            bail!("the message was not sent over HTTP");
        }
        Ok(Self { provider: provider.to_owned(), accepted, approved })
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = format!("{:#}\n", serde_json::to_value(self)?);
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Reads a file that `try --record` wrote.
    ///
    /// # Errors
    /// If the file cannot be read, or is not such a file.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let cassette: Self = serde_json::from_slice(&super::read(file)?)
            .with_context(|| format!("{} is not a recording of `try --record`", file.display()))?;
        if cassette.accepted.is_empty() {
            bail!("{} contains no response", file.display());
        }
        for RecordedResponse { status, .. } in cassette.accepted.iter().chain(&cassette.approved) {
            if !(200..600).contains(status) {
                bail!("{}: {status} is not the status of a response", file.display());
            }
        }
        Ok(cassette)
    }
}

impl RecordedResponse {
    fn new(exchange: &Exchange, redacted: &Words) -> anyhow::Result<Self> {
        let headers = exchange.headers.iter().filter(|(name, _)| is_recorded(name));
        let headers = headers.map(|(name, value)| (name.clone(), redacted.clean(value))).collect();
        let request = redacted.clean(&format!("{} {}", exchange.method, exchange.url));
        // In another encoding, nothing would be found.
        let body = std::str::from_utf8(&exchange.body).ok().filter(|body| !body.contains('\0'));
        let body = redacted.without(body.context("the upstream's response is not UTF-8 text")?);
        Ok(Self { request, status: exchange.status, headers, body })
    }
}

/// Returns whether a header is recorded: not one of the connection, nor one that names a time or a session.
fn is_recorded(name: &str) -> bool {
    matches!(name, "content-type" | "content-language" | "location" | "retry-after")
}

/// The words that are redacted.
struct Words(Redactor);

impl Words {
    fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self(Redactor::new(words))
    }

    /// Redacts a body. JSON stays JSON, and also loses values that their names call credentials.
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

    /// Writes `*` over the words.
    fn clean(&self, text: &str) -> String {
        self.0.redact(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_redacted_in_every_spelling() {
        let words = Words::new(["+41791234567", "Ann.B@example.com", "s3cr\"et", "482913"].map(str::to_owned));
        let redacted = |said: &str| words.clean(said).replace('*', "");
        let said = "0041791234567 %2B41791234567 ann.b%40EXAMPLE.com s3cr\\\"et czNjciJldA== 482913 m-1";
        assert_eq!(redacted(said).replace('=', ""), "      m-1");
        let numbers = ["079 123 45 67", "(079) 123-45-67", "+41\u{a0}79\u{a0}1234567", "0041 (0)79 1234567"];
        for said in numbers.map(str::to_owned).into_iter().chain([numbers.join(" "), numbers.join("")]) {
            assert_eq!(redacted(&said).matches(char::is_numeric).count(), 0, "{said}");
        }
        assert_eq!(redacted("0791234568 2026-11-25"), "0791234568 2026-11-25");
        let words = Words::new(["a/b+c>>?".to_owned()]);
        assert_eq!(words.clean(r#""a\/b+c>>?" YS9iK2M-Pj8"#).replace('*', ""), "\"\" ");
    }

    #[test]
    fn a_word_is_found_as_javascript_and_as_xml_spell_it() {
        let words = Words::new(["o'brien&co@example.com".to_owned(), "pa ss(1)~".to_owned()]);
        let said =
            "o'brien%26co%40example.com o&#39;brien&amp;co@example.com pa%20ss(1)~ pa%20ss%281%29~ pa+ss%281%29%7E";
        assert_eq!(words.clean(said).replace('*', ""), "    ");
    }

    #[test]
    fn json_stays_json_and_repeats_no_name() {
        let words = Words::new(["+41791234567".to_owned()]);
        let clean = |body: &str| words.without(body);
        assert_eq!(
            clean(r#"{"to":41791234567,"n":7,"\u002b41791234567":"a"}"#),
            r#"{"to":0,"n":7,"************":"a"}"#
        );
        // Of a duplicate name the last value counts.
        assert_eq!(clean(r#"{"token":"t0p-s3cret","token":null}"#), r#"{"token":null}"#);
    }
}

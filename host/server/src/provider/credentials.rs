//! What is a credential, by its name or by the way it travels: beyond what a schema marks as one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use twofactor::Exchange;
use url::{Url, form_urlencoded};

/// What is shorter than this is not searched for: it would turn up in what an answer says of its own.
pub(super) const SHORTEST: usize = 4;

/// What is shorter than this guards nothing, so that a word of a header is no credential.
const SHORTEST_IN_HEADERS: usize = 8;

/// As many characters as nobody guesses have in hexadecimal, at the least: 64 bits.
const UNGUESSABLE: usize = 16;

/// Parts of names that secrets have.
const SECRETIVE: [&str; 7] = ["password", "secret", "token", "apikey", "api_key", "privatekey", "passphrase"];

/// Parts of such names that say otherwise: where tokens come from is no secret, nor which key it is.
const OPEN: [&str; 6] = ["url", "endpoint", "lifetime", "name", "type", "id"];

/// Parts of names that what opens a session has; which one it is opens it too.
const OPENS_A_SESSION: [&str; 6] = ["session", "jwt", "cookie", "credential", "bearer", "accesskey"];

/// Headers that say something of the request and not who sends it.
const OF_THE_REQUEST: [&str; 6] =
    ["accept", "accept-charset", "accept-encoding", "accept-language", "content-type", "user-agent"];

/// Whether an option of this name is a secret.
pub(super) fn is_secretive(name: &str) -> bool {
    let plain = name.to_lowercase().replace('-', "_");
    SECRETIVE.iter().any(|part| plain.contains(part)) && !OPEN.iter().any(|part| plain.ends_with(part))
}

/// Whether what an upstream calls so may be a credential.
pub(super) fn is_credential(name: &str) -> bool {
    let plain = name.to_lowercase().replace(['-', '_'], "");
    is_secretive(name) || OPENS_A_SESSION.iter().any(|part| plain.contains(part))
}

/// Whether an access token is asked for: RFC 6749 section 4, whatever the grant.
pub(super) fn is_token_request(body: &[u8]) -> bool {
    form_urlencoded::parse(body).any(|(name, _)| name == "grant_type")
}

/// Credentials that a component was given in these exchanges or sent in them: what is called one, words of the headers that it gave its
/// requests, and what nobody guesses that came in an answer and went out in a later URL or body.
pub(super) fn in_exchanges(exchanges: &[Exchange]) -> Vec<String> {
    let (mut found, mut said) = (Vec::new(), Vec::new());
    for exchange in exchanges {
        let mut carried = Vec::new();
        look(&exchange.request_body, &mut found, &mut carried);
        if let Ok(url) = Url::parse(&exchange.url) {
            in_text(url.query().unwrap_or_default(), &mut found, &mut carried);
            carried
                .extend(url.path_segments().into_iter().flatten().map(|segment| decoded(&segment.replace('+', "%2B"))));
        }
        for (_, value) in
            exchange.request_headers.iter().filter(|(name, _)| !OF_THE_REQUEST.contains(&&*name.to_lowercase()))
        {
            found.extend(words(value));
        }
        let unguessable = |text: &String| text.len() >= UNGUESSABLE && !text.contains(char::is_whitespace);
        let came = |text: &String| said.iter().any(|one: &String| one.contains(&**text));
        found.extend(carried.into_iter().filter(|text| unguessable(text) && came(text)));

        look(&exchange.body, &mut found, &mut said);
        said.push(String::from_utf8_lossy(&exchange.body).into_owned());
        for (_, value) in &exchange.headers {
            in_text(value, &mut found, &mut said);
            said.push(value.clone());
        }
    }
    found.retain(|word| word.len() >= SHORTEST);
    found.sort();
    found.dedup();
    found
}

/// Credentials by their names, and all texts, of a body: JSON, or what has names and values otherwise.
fn look(body: &[u8], found: &mut Vec<String>, all: &mut Vec<String>) {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => in_json(&value, false, found, all),
        Err(_) => in_text(&String::from_utf8_lossy(body), found, all),
    }
}

fn in_json(value: &Value, credential: bool, found: &mut Vec<String>, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                in_json(value, credential || is_credential(name), found, all);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| in_json(value, credential, found, all)),
        Value::String(text) => {
            all.push(text.clone());
            found.extend(credential.then(|| text.clone()));
        }
        Value::Number(number) => found.extend(credential.then(|| number.to_string())),
        Value::Bool(_) | Value::Null => {}
    }
}

/// `name=value`, `name: value`, `<name>value</name>` and what looks like it.
fn in_text(text: &str, found: &mut Vec<String>, all: &mut Vec<String>) {
    let of_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let between = |c: char| c.is_ascii_whitespace() || "\"':=>".contains(c);
    let mut rest = text;
    while let Some(at) = rest.find(of_name) {
        rest = &rest[at..];
        let (name, after) = rest.split_at(rest.find(|c| !of_name(c)).unwrap_or(rest.len()));
        let (sign, value) = after.split_at(after.find(|c| !between(c)).unwrap_or(after.len()));
        rest = after;
        if !sign.contains([':', '=', '>']) {
            continue;
        }
        let value =
            value.split(|c: char| c.is_ascii_whitespace() || "\"'<>&,;{}".contains(c)).next().unwrap_or_default();
        let spellings = [value.to_owned(), decoded(value)];
        if is_credential(name) {
            found.extend(spellings.clone());
        }
        all.extend(spellings);
    }
}

/// Of percent-encoding.
fn decoded(text: &str) -> String {
    form_urlencoded::parse(format!("={}", text.replace('&', "%26")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Of a header: the scheme before a credential aside (RFC 9110 section 11.4), and with what is in base64.
fn words(header: &str) -> impl Iterator<Item = String> {
    let plain = header.split(|c: char| c.is_ascii_whitespace() || "\",;".contains(c));
    plain
        .flat_map(|word| {
            // A parameter's value; what ends in `=` is base64.
            let value =
                word.split_once('=').map(|(_, value)| value).filter(|value| !value.trim_matches('=').is_empty());
            let inner = STANDARD.decode(word).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            let inner = inner.split(':').map(str::to_owned).collect::<Vec<_>>();
            [word.to_owned(), value.unwrap_or_default().to_owned()].into_iter().chain(inner)
        })
        .filter(|word| word.len() >= SHORTEST_IN_HEADERS)
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        look(text.as_bytes(), &mut found, &mut Vec::new());
        found.retain(|word| !word.is_empty());
        found.dedup();
        found
    }

    #[test]
    fn credentials_are_known_by_their_names_in_json_forms_markup_and_lines() {
        for text in [
            r#"{"a":[{"access_token":"t0p"}]}"#,
            r#"{"session":{"id":"t0p"}}"#,
            "ok=1&token=t0p&type=x",
            "<r><SessionToken>t0p</SessionToken></r>",
            "OK\nsession-id: t0p\n",
            "{\"token\": \"t0p\"}\n{}\n",
        ] {
            assert_eq!(of_text(text), ["t0p"], "{text}");
        }
        assert_eq!(of_text("token=a%2Fb"), ["a%2Fb", "a/b"]);
        for text in [r#"{"token_type":"Bearer","token_url":"x","sid":"y","tokenless":[]}"#, "id=7&name=token&x"] {
            assert!(of_text(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn words_of_headers_are_what_could_open_something() {
        let of = |header| words(header).collect::<Vec<_>>();
        assert_eq!(of("Bearer abcdefgh"), ["abcdefgh"]);
        assert_eq!(of("Token token=\"abcdefgh\""), ["abcdefgh"]);
        assert_eq!(of("a=abcdefgh; b=c"), ["a=abcdefgh", "abcdefgh"]);
        assert_eq!(of(&format!("Basic {}", STANDARD.encode("somebody:secret-1")))[1..], ["somebody", "secret-1"]);
    }

    #[test]
    fn a_token_request_is_one_of_any_grant() {
        assert!(
            is_token_request(b"grant_type=password&username=a")
                && is_token_request(b"scope=a&grant_type=refresh_token")
        );
        assert!(!is_token_request(b"text=grant_type") && !is_token_request(br#"{"grant_type":1}"#));
    }
}

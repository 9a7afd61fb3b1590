//! Recognises credentials by their names or by how they are used, beyond those that a schema marks.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use twofactor_sandbox::Exchange;
use url::form_urlencoded;

/// Parts of the names of secrets, in English and other European languages.
const SECRETIVE: [&str; 30] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "credential",
    "bearer",
    "apikey",
    "authkey",
    "accesskey",
    "privatekey",
    "secretkey",
    "signingkey",
    "signaturekey",
    "sharedkey",
    "masterkey",
    "accountkey",
    "encryptionkey",
    "hmackey",
    "authcode",
    "accesscode",
    "kennwort",
    "passwort",
    "geheim",
    "motdepasse",
    "contrasena",
    "contraseña",
    "parola",
];

/// Whole words in the names of secrets, which are part of unrelated words too.
const SECRET_WORDS: [&str; 8] = ["pass", "pin", "puk", "pw", "mdp", "jwt", "hmac", "salt"];

/// Ends of such names that are not secrets: where tokens come from, which key it is, and how it is sent and for what.
const OPEN: [&str; 10] =
    ["url", "endpoint", "lifetime", "name", "type", "id", "header", "scope", "audience", "placement"];

/// Parts of the names of what opens a session; the id of a session opens it as well.
const OPENS_A_SESSION: [&str; 6] = ["session", "jwt", "cookie", "credential", "bearer", "accesskey"];

/// Whole names of what opens a session.
const SHORT: [&str; 5] = ["refresh", "passwd", "pwd", "pin", "ticket"];

/// Ends of names that describe a credential without containing it.
const TELLS: [&str; 11] =
    ["url", "endpoint", "lifetime", "name", "type", "status", "state", "count", "ttl", "timeout", "valid"];

/// Headers that describe the request, and not its sender.
const OF_THE_REQUEST: [&str; 6] =
    ["accept", "accept-charset", "accept-encoding", "accept-language", "content-type", "user-agent"];

/// A shorter value of a header protects nothing, so it is not a credential.
const SHORTEST: usize = 8;

/// The least number of hexadecimal characters that nobody can guess: 64 bits.
const UNGUESSABLE: usize = 16;

/// Returns whether an option of this name is a secret.
pub(super) fn is_secretive(name: &str) -> bool {
    let plain = plain(name);
    let named = SECRETIVE.iter().any(|part| plain.contains(part))
        || words(name).iter().any(|word| SECRET_WORDS.contains(&word.as_str()));
    named && !OPEN.iter().any(|end| plain.ends_with(end))
}

/// Returns whether an option of this name says whose secret another option is, as an `ApiKey` does beside an `ApiSecret`.
pub(super) fn is_of_a_pair<'a>(name: &str, mut beside: impl Iterator<Item = &'a str>) -> bool {
    let secret = plain(name).strip_suffix("key").map(|stem| format!("{stem}secret"));
    secret.is_some_and(|secret| beside.any(|other| plain(other) == secret))
}

/// Returns the words of a name such as `AuthKey`, `auth-key` or `SMTPPass`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before: Option<char> = None;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        let begins = match before {
            Some(before) if before.is_alphanumeric() => {
                let last_capital = before.is_uppercase() && rest.peek().is_some_and(|next| next.is_lowercase());
                c.is_uppercase() && (!before.is_uppercase() || last_capital)
            }
            _ => true,
        };
        before = Some(c);
        if !c.is_alphanumeric() {
            continue;
        }
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// Returns whether what an upstream gives this name may be a credential. Within a credential, anything may be part of it.
pub(super) fn is_credential(name: &str, within: bool) -> bool {
    let plain = plain(name);
    let named = SECRETIVE.iter().chain(&OPENS_A_SESSION).any(|part| plain.contains(part));
    let tells = plain.contains("expir") || TELLS.iter().any(|end| plain.ends_with(end));
    (named || within || SHORT.contains(&&*plain)) && !tells
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', '_'], "")
}

/// Returns whether a body requests an access token, with any grant (RFC 6749 section 4).
pub fn is_token_request(body: &[u8]) -> bool {
    form_urlencoded::parse(body).any(|(name, _)| name == "grant_type")
}

/// Returns credentials that a component received or sent in these exchanges: what is named like one, and what was in a response and in a
/// later request.
pub(super) fn in_exchanges(exchanges: &[Exchange]) -> HashSet<String> {
    let (mut found, mut came) = (HashSet::new(), HashSet::new());
    for exchange in exchanges {
        let sent = [texts(&exchange.request_body), texts(exchange.url.as_bytes())].concat();
        let of_sender =
            exchange.request_headers.iter().filter(|(name, _)| !OF_THE_REQUEST.contains(&&*name.to_ascii_lowercase()));
        let in_headers: Vec<_> = of_sender.flat_map(|(_, value)| in_header(value)).collect();
        let unguessable = sent.iter().flat_map(|text| runs(text)).filter(|run| run.len() >= UNGUESSABLE);
        let mixed = in_headers.iter().flat_map(|text| runs(text)).filter(|run| is_mixed(run));
        found.extend(unguessable.chain(mixed).filter(|run| came.contains(*run)).map(str::to_owned));

        let mut got = texts(&exchange.body);
        got.extend(exchange.headers.iter().flat_map(|(_, value)| texts(value.as_bytes())));
        for text in sent.iter().chain(&got) {
            named(text, &mut found);
        }
        came.extend(got.iter().flat_map(|text| runs(text)).map(str::to_owned));
    }
    found
}

/// Returns the value of a header, and what it contains in base64 (RFC 7617).
fn in_header(value: &str) -> Vec<String> {
    let decoded = value.split(' ').filter_map(|word| String::from_utf8(STANDARD.decode(word).ok()?).ok());
    decoded.chain([value.to_owned()]).collect()
}

/// Returns the texts of a body: the body and, in JSON, each text, each also without percent-encoding.
fn texts(body: &[u8]) -> Vec<String> {
    let mut all = vec![String::from_utf8_lossy(body).into_owned()];
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        strings(&value, &mut all);
    }
    let decoded = |text: &String| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
    let decoded: Vec<_> = all.iter().filter(|text| text.contains('%')).filter_map(decoded).collect();
    all.extend(decoded);
    all
}

fn strings(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|value| strings(value, all)),
        Value::Array(values) => values.iter().for_each(|value| strings(value, all)),
        Value::String(text) => {
            all.push(text.clone());
            // JSON within JSON.
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                strings(&inner, all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns the longest runs of characters that tokens consist of.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let pieces = text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.~+".contains(c));
    pieces.map(|run| run.trim_matches('.')).filter(|run| run.len() >= SHORTEST)
}

/// Returns whether a run is neither a word nor a date.
fn is_mixed(run: &str) -> bool {
    run.contains(|c: char| c.is_ascii_digit()) && run.contains(|c: char| c.is_ascii_alphabetic())
}

/// Finds credentials by their names, in JSON or in another text with names and values.
fn named(text: &str, found: &mut HashSet<String>) {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => in_json(&value, false, found),
        Err(_) => in_text(text, found),
    }
}

fn in_json(value: &Value, credential: bool, found: &mut HashSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                in_json(value, is_credential(name, credential), found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| in_json(value, credential, found)),
        Value::String(text) if credential => add(text, found),
        Value::Number(number) if credential => add(&number.to_string(), found),
        _ => {}
    }
}

/// Finds `name=value`, `name: value`, `<name>value</name>` and the like.
fn in_text(text: &str, found: &mut HashSet<String>) {
    let of_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let between = |c: char| c.is_ascii_whitespace() || "\"':=>".contains(c);
    let mut rest = text;
    while let Some(at) = rest.find(of_name) {
        rest = &rest[at..];
        let (name, after) = rest.split_at(rest.find(|c| !of_name(c)).unwrap_or(rest.len()));
        let (sign, value) = after.split_at(after.find(|c| !between(c)).unwrap_or(after.len()));
        rest = after;
        if sign.contains([':', '=', '>']) && is_credential(name, false) {
            let end = value.find(|c: char| c.is_ascii_whitespace() || "\"'<>&,;{}".contains(c)).unwrap_or(value.len());
            add(&value[..end], found);
            // What follows a name is searched once.
            rest = &value[end..];
        }
    }
}

/// Words and small numbers are left out: they would be found in unrelated parts of a response.
fn add(value: &str, found: &mut HashSet<String>) {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let shortest = if digits == value.len() { 6 } else { 4 };
    if value.len() >= UNGUESSABLE || digits > 0 && value.len() >= shortest {
        found.insert(value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut found = HashSet::new();
        texts(text.as_bytes()).iter().for_each(|text| named(text, &mut found));
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort();
        found
    }

    #[test]
    fn credentials_are_known_by_their_names_in_json_forms_markup_and_lines() {
        for text in [
            r#"{"a":[{"access_token":"t0p-1"}]}"#,
            r#"{"session":{"id":"t0p-1"}}"#,
            r#"{"refresh":"t0p-1"}"#,
            r#"{"d":"{\"refresh_token\":\"t0p-1\"}"}"#,
            r#"{"next":"https://x.example.com/cb?access_token=t0p-1"}"#,
            "ok=1&token=t0p-1&type=x",
            "<r><SessionToken>t0p-1</SessionToken></r>",
            "OK\nsession-id: t0p-1\n",
            "{\"token\": \"t0p-1\"}\n{}\n",
        ] {
            assert_eq!(of(text), ["t0p-1"], "{text}");
        }
        assert_eq!(of("token=a1%2Fb"), ["a1%2Fb", "a1/b"]);
    }

    #[test]
    fn what_only_describes_a_credential_is_not_one() {
        for text in [
            r#"{"token_type":"Bearer1","token_url":"x1234","sid":"y1234","tokenless":[],"token_expires_in":360000}"#,
            r#"{"refresh_token_status":"approved1","session":{"status":"accepted1","expiresAt":"2026-01-01"}}"#,
            r#"{"token":"approved","password":1234}"#,
            "id=71234&name=token1&x",
        ] {
            assert!(of(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_known_by_its_name_in_several_languages() {
        for name in [
            "Pwd",
            "SmtpPwd",
            "Pin",
            "AccountPIN",
            "Kennwort",
            "AuthKey",
            "auth_key",
            "SMTPPass",
            "MotDePasse",
            "Passwort",
            "mdp",
        ] {
            assert!(is_secretive(name), "{name}");
        }
        for name in ["Shipping", "Compass", "PublicKey", "AuthKeyId", "Passenger", "TokenUrl", "Pinned", "Bypass"] {
            assert!(!is_secretive(name), "{name}");
        }
    }

    #[test]
    fn a_long_body_is_searched_once() {
        for piece in ["a:", "token:", "token:a1 ", "<token>"] {
            let _ = of(&piece.repeat((1 << 20) / piece.len()));
        }
    }

    #[test]
    fn a_token_request_is_one_of_any_grant() {
        let is = |body: &str| is_token_request(body.as_bytes());
        assert!(is("grant_type=password&username=a") && is("scope=a&grant_type=refresh_token"));
        assert!(!is("text=grant_type") && !is(r#"{"grant_type":1}"#));
    }
}

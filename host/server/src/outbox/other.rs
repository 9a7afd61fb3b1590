//! The upstream of a provider in development: it accepts everything, and finds the message in it.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use twofactor_toolkit::body_texts::{self, NamedText};
use twofactor_toolkit::{RecordedResponse, is_token_request};

use super::Messages;

/// The names that upstreams use for the text, the recipient and the subject of a message, in lower
/// case and without `_` and `-`.
const TEXT: [&str; 9] = ["text", "message", "body", "content", "msg", "sms", "messagetext", "value", "html"];
const RECIPIENT: [&str; 16] = [
    "to",
    "recipient",
    "recipients",
    "number",
    "phone",
    "phonenumber",
    "msisdn",
    "mobile",
    "destination",
    "dest",
    "email",
    "address",
    "receiver",
    "chatid",
    "user",
    "handle",
];
const SENDER: [&str; 5] = ["from", "sender", "originator", "replyto", "source"];
const SUBJECT: [&str; 2] = ["subject", "title"];

pub(super) async fn take(
    State(messages): State<Messages>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // RFC 6749 section 4.4.2: every client gets a token.
    if is_token_request(&body) {
        return json(json!({"access_token": "outbox", "token_type": "Bearer", "expires_in": 3600}).to_string());
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let mut texts = body_texts::texts(kind, &body);
    texts.extend(uri.path_and_query().map(|target| body_texts::query(target.as_str())).unwrap_or_default());
    if let Some(Found { to, subject, text }) = message(&texts) {
        messages.add("other", "other", to, subject, text);
    }
    match recorded(&messages.answers, &method, &uri) {
        Some(answer) => again(answer),
        // A request before the message is usually for a session or a user's data.
        None => json(
            json!({"id": "outbox", "ok": true, "token": "outbox", "access_token": "outbox", "session": "outbox",
                "user": {"id": "outbox"}, "channel": {"id": "outbox"}})
            .to_string(),
        ),
    }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Returns the recorded response of the real upstream to such a request.
fn recorded<'a>(answers: &'a [RecordedResponse], method: &Method, uri: &Uri) -> Option<&'a RecordedResponse> {
    answers.iter().find(|answer| {
        let Some((asked, url)) = answer.request.split_once(' ') else { return false };
        asked == method.as_str() && url::Url::parse(url).is_ok_and(|url| url.path() == uri.path())
    })
}

fn again(answer: &RecordedResponse) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body.clone()).into_response();
    for (name, value) in &answer.headers {
        let name = header::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, header::HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

struct Found {
    to: String,
    subject: String,
    text: String,
}

/// Returns the message in a request, if there is one: a text with a code in it. Known names come
/// first, then the format of the texts.
fn message(texts: &[NamedText]) -> Option<Found> {
    let named = |names: &[&str], one: &NamedText| names.contains(&&*plain(&one.name));
    let is_nested = |one: &NamedText| texts.iter().any(|other| other != one && one.text.contains(&other.text));
    let with_code = |one: &&NamedText| has_code(&one.text) && !looks_like_recipient(&one.text);
    let candidates: Vec<&NamedText> = texts.iter().filter(with_code).collect();
    let by_name = candidates.iter().filter(|one| named(&TEXT, one) && !is_structure(&one.text));
    let by_length = candidates.iter().filter(|one| !is_structure(&one.text) || !is_nested(one));
    let text = by_name.max_by_key(|one| one.text.len()).or_else(|| by_length.max_by_key(|one| one.text.len()))?;
    let others = || texts.iter().filter(|one| one.text != text.text && !one.text.is_empty());
    let to = others()
        .find(|one| named(&RECIPIENT, one) && looks_like_recipient(&one.text))
        .or_else(|| RECIPIENT.iter().find_map(|name| others().find(|one| plain(&one.name) == *name)))
        .or_else(|| others().find(|one| looks_like_recipient(&one.text) && !named(&SENDER, one)));
    let subject = others().find(|one| named(&SUBJECT, one));
    let of = |one: Option<&NamedText>| one.map(|one| one.text.clone()).unwrap_or_default();
    Some(Found { to: of(to), subject: of(subject), text: text.text.clone() })
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', '_'], "")
}

/// Returns whether a text contains four to ten digits in a row, separate from others.
fn has_code(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric())
        .any(|run| (4..=10).contains(&run.len()) && run.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns whether a text is a phone number in E.164 or an email address.
fn looks_like_recipient(text: &str) -> bool {
    let digits = text.strip_prefix('+').or_else(|| text.strip_prefix("00")).unwrap_or_default();
    let is_number = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        || text
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !text.contains(' '))
}

/// Returns whether a text is JSON or XML: the texts in it are listed by themselves.
fn is_structure(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '<'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: &str, body: &str) -> Option<(String, String)> {
        message(&body_texts::texts(kind, body.as_bytes())).map(|found| (found.to, found.text))
    }

    #[test]
    fn text_and_recipient_are_found_wherever_they_stand() {
        let right = Some(("+41791234567".to_owned(), "482913 is your code. It is good for 5 minutes.".to_owned()));
        for (kind, body) in [
            ("application/json", r#"{"to":"+41791234567","text":"482913 is your code. It is good for 5 minutes."}"#),
            (
                "application/json",
                r#"{"messages":[{"destinations":[{"to":"+41791234567"}],"content":{"text":"482913 is your code. It is good for 5 minutes."}}]}"#,
            ),
            (
                "application/x-www-form-urlencoded",
                "user=shop&To=%2B41791234567&Body=482913+is+your+code.+It+is+good+for+5+minutes.",
            ),
            ("text/xml", "<s><d>+41791234567</d><m id='4711'>482913 is your code. It is good for 5 minutes.</m></s>"),
            (
                "application/x-www-form-urlencoded",
                "xml=%3Csms%3E%3Cto%3E%2B41791234567%3C%2Fto%3E%3Ctext%3E482913+is+your+code.+It+is+good+for+5+minutes.%3C%2Ftext%3E%3C%2Fsms%3E",
            ),
        ] {
            assert_eq!(found(kind, body), right, "{body}");
        }
        let query = body_texts::query("/send?to=%2B41791234567&text=482913+is+your+code.+It+is+good+for+5+minutes.");
        assert_eq!(message(&query).map(|found| (found.to, found.text)), right);
    }

    #[test]
    fn a_request_before_the_message_is_not_the_message() {
        assert_eq!(found("application/json", r#"{"user":"shop","password":"s3cret"}"#), None);
        assert_eq!(found("application/json", r#"{"to":"+41791234567"}"#), None);
        assert_eq!(found("", ""), None);
    }
}

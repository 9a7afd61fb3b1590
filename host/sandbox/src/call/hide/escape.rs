//! Texts as the parts of a request need them.

use std::fmt::Write as _;

/// Returns a text with all but unreserved characters (RFC 3986 section 2.3) percent-encoded: for a path, a query and a form.
pub(crate) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// Returns a text for a body of this media type. `None` if such a body cannot contain it.
pub(crate) fn for_body(text: &str, media_type: &str) -> Option<String> {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => Some(percent(text)),
        "application/json" | "text/json" => Some(json(text)),
        "application/xml" | "text/xml" => xml(text),
        other if other.ends_with("+json") => Some(json(text)),
        other if other.ends_with("+xml") => xml(text),
        _ => Some(text.to_owned()),
    }
}

/// Returns a text for the inside of a JSON string (RFC 8259 section 7).
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Returns a text for the content of an XML element or the inside of an attribute. `None` if it has a character that XML 1.0
/// (section 2.2) does not allow.
fn xml(text: &str) -> Option<String> {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // An attribute and the end of a line would change them.
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return None,
            c => escaped.push(c),
        }
    }
    Some(escaped)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a parser of XML 1.0 reads a text (sections 2.4 and 4.1).
    fn read_xml(text: &str) -> String {
        let (mut read, mut rest) = (String::new(), text);
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            assert!(rest[at..].starts_with('&'), "markup in {text}");
            read.push_str(&rest[..at]);
            let (entity, after) = rest[at + 1..].split_once(';').unwrap();
            read.push(match entity {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                number => char::from_u32(number.strip_prefix('#').unwrap().parse().unwrap()).unwrap(),
            });
            rest = after;
        }
        read + rest
    }

    /// Texts with many characters that mean something in one of the formats.
    fn secrets() -> impl Strategy<Value = String> {
        prop_oneof!["\\PC{0,40}", "[&<>\"'%+=?#/\\\\{}.;: \t\r\na-c0-2é😀]{0,40}", any::<String>()]
    }

    proptest! {
        #[test]
        fn any_text_arrives_as_it_was(secret in secrets()) {
            for media_type in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
                let body = format!("{{\"a\":\"b{}c\"}}", for_body(&secret, media_type).unwrap());
                let read: serde_json::Value = serde_json::from_str(&body).unwrap();
                prop_assert_eq!(read, serde_json::json!({"a": format!("b{secret}c")}));
            }
            let body = format!("a=b{}c&d=e", for_body(&secret, "application/x-www-form-urlencoded").unwrap());
            let read: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            prop_assert_eq!(read, [("a".to_owned(), format!("b{secret}c")), ("d".to_owned(), "e".to_owned())]);
            for media_type in ["text/xml", "application/xml;charset=utf-8", "application/soap+xml"] {
                let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..) && !matches!(c, '\u{fffe}' | '\u{ffff}');
                let escaped = for_body(&secret, media_type);
                prop_assert_eq!(escaped.is_some(), secret.chars().all(allowed));
                prop_assert!(escaped.is_none_or(|escaped| read_xml(&escaped) == secret));
            }
            for media_type in ["", "text/plain", "application/octet-stream", "multipart/form-data; boundary=x"] {
                prop_assert_eq!(for_body(&secret, media_type), Some(secret.clone()));
            }
        }
    }
}

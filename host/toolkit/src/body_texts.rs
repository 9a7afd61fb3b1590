//! The texts in the body of a request, with their names: in JSON, forms, XML and multipart, also
//! nested.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use url::form_urlencoded;

/// The maximum depth of forms within forms, and of multipart bodies within multipart bodies.
const DEPTH: usize = 4;

/// The maximum number of texts of a body, and of its parts on all levels.
const MOST: usize = 10_000;

/// One text of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedText {
    /// The innermost name: of a member of JSON, a field of a form, an element or attribute of XML.
    /// Empty if the body has no names.
    pub name: String,
    /// The text, decoded.
    pub text: String,
}

/// The form of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    UrlEncoded,
    Xml,
    Plain,
}

/// Returns the texts of a body in order; none if the body does not match its content type. Texts that are nested too deeply are left
/// out, and so are those beyond a number.
pub fn texts(content_type: &str, body: &[u8]) -> Vec<NamedText> {
    let (mut found, mut parts_left) = (Vec::new(), MOST);
    body_or_parts(content_type, body, DEPTH, &mut parts_left, &mut found);
    found
}

/// Adds the texts of a body, or of each part of a multipart body that is not nested too deeply.
fn body_or_parts(content_type: &str, body: &[u8], depth: usize, parts_left: &mut usize, found: &mut Vec<NamedText>) {
    let Some(boundary) = boundary(content_type) else {
        let form = of_content_type(content_type).unwrap_or_else(|| of_shape(body));
        return read(form, "", body, DEPTH, found);
    };
    let Some(depth) = depth.checked_sub(1) else { return };
    for (name, content_type, part) in parts(body, &boundary, *parts_left) {
        // Parts of an inner body count as well.
        let Some(left) = parts_left.checked_sub(1) else { return };
        *parts_left = left;
        let before = found.len();
        body_or_parts(&content_type, part, depth, parts_left, found);
        for inner in found.iter_mut().skip(before).filter(|inner| inner.name.is_empty()) {
            inner.name.clone_from(&name);
        }
    }
}

/// Returns the fields of a URL's query.
pub fn query(target: &str) -> Vec<NamedText> {
    let mut found = Vec::new();
    if let Some((_, query)) = target.split_once('?') {
        read(Form::UrlEncoded, "", query.as_bytes(), DEPTH, &mut found);
    }
    found
}

fn of_content_type(content_type: &str) -> Option<Form> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind.ends_with("json") {
        Some(Form::Json)
    } else if kind.ends_with("xml") {
        Some(Form::Xml)
    } else if kind == "application/x-www-form-urlencoded" {
        Some(Form::UrlEncoded)
    } else {
        None
    }
}

fn of_shape(body: &[u8]) -> Form {
    match body.trim_ascii_start().first() {
        Some(b'{' | b'[') if serde_json::from_slice::<Value>(body).is_ok() => Form::Json,
        Some(b'<') if body.trim_ascii_end().ends_with(b">") => Form::Xml,
        _ if body.contains(&b'=') && !body.iter().any(u8::is_ascii_whitespace) => Form::UrlEncoded,
        _ => Form::Plain,
    }
}

fn read(form: Form, name: &str, body: &[u8], depth: usize, found: &mut Vec<NamedText>) {
    match form {
        Form::Json => {
            if let Ok(value) = serde_json::from_slice(body) {
                json(name, &value, depth, found);
            }
        }
        Form::UrlEncoded => {
            for (name, value) in form_urlencoded::parse(body) {
                text(&name, &value, depth, found);
            }
        }
        Form::Xml => {
            let mut elements = Vec::new();
            if xml(body, &mut elements).is_some() {
                elements.into_iter().for_each(|one: NamedText| text(&one.name, &one.text, depth, found));
            }
        }
        Form::Plain => add(name, &String::from_utf8_lossy(body), found),
    }
}

fn add(name: &str, text: &str, found: &mut Vec<NamedText>) {
    if found.len() < MOST {
        found.push(NamedText { name: name.to_owned(), text: text.to_owned() });
    }
}

/// Adds a text, and what it contains if it is JSON or XML itself.
fn text(name: &str, text: &str, depth: usize, found: &mut Vec<NamedText>) {
    add(name, text, found);
    let Some(depth) = depth.checked_sub(1) else { return };
    let form = of_shape(text.as_bytes());
    if matches!(form, Form::Json | Form::Xml) {
        read(form, name, text.as_bytes(), depth, found);
    }
}

fn json(name: &str, value: &Value, depth: usize, found: &mut Vec<NamedText>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| json(name, value, depth, found)),
        Value::Array(values) => values.iter().for_each(|value| json(name, value, depth, found)),
        Value::String(said) => text(name, said, depth, found),
        Value::Number(number) => add(name, &number.to_string(), found),
        Value::Bool(_) | Value::Null => {}
    }
}

/// Adds the texts of elements and attributes. Returns `None` if the XML is not well-formed.
fn xml(body: &[u8], found: &mut Vec<NamedText>) -> Option<()> {
    let mut reader = Reader::from_reader(body);
    let mut open: Vec<NamedText> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                attributes(&start, found);
                open.push(NamedText { name: local_name(&start), text: String::new() });
            }
            Event::Empty(start) => attributes(&start, found),
            Event::End(_) => {
                let closed = open.pop()?;
                if !closed.text.trim().is_empty() && found.len() < MOST {
                    found.push(closed);
                }
            }
            Event::Text(piece) => append(&mut open, &piece.decode().ok()?),
            Event::CData(piece) => append(&mut open, &piece.decode().ok()?),
            Event::GeneralRef(reference) => {
                let entity = format!("&{};", reference.decode().ok()?);
                append(&mut open, &quick_xml::escape::unescape(&entity).ok()?);
            }
            Event::Eof => return open.is_empty().then_some(()),
            _ => {}
        }
    }
}

fn append(open: &mut [NamedText], piece: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(piece);
    }
}

fn local_name(start: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(start.local_name().as_ref()).into_owned()
}

fn attributes(start: &BytesStart<'_>, found: &mut Vec<NamedText>) {
    for attribute in start.attributes().flatten() {
        let value = String::from_utf8_lossy(&attribute.value).into_owned();
        let value = quick_xml::escape::unescape(&value).map_or_else(|_| value.clone(), |text| text.into_owned());
        add(&String::from_utf8_lossy(attribute.key.local_name().as_ref()), &value, found);
    }
}

/// RFC 7578.
fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    parameter(parameters, "boundary")
}

fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut all = parameters.split(';').filter_map(|one| one.trim().split_once('='));
    let (_, value) = all.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.trim_matches('"').to_owned())
}

/// Returns at most so many parts of a multipart body: name, content type, content.
fn parts<'a>(body: &'a [u8], boundary: &str, most: usize) -> Vec<(String, String, &'a [u8])> {
    let delimiter = format!("--{boundary}").into_bytes();
    let places: Vec<usize> = memchr::memmem::find_iter(body, &delimiter).take(most.saturating_add(1)).collect();
    let mut parts = Vec::new();
    for pair in places.windows(2) {
        let part = &body[pair[0] + delimiter.len()..pair[1]];
        let Some(end) = memchr::memmem::find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..end]).into_owned();
        let content = part[end + 4..].strip_suffix(b"\r\n").unwrap_or(&part[end + 4..]);
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let name = header("content-disposition").and_then(|value| parameter(&value, "name")).unwrap_or_default();
        parts.push((name, header("content-type").unwrap_or_default(), content));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content_type: &str, body: &str) -> Vec<String> {
        texts(content_type, body.as_bytes()).into_iter().map(|one| format!("{}={}", one.name, one.text)).collect()
    }

    #[test]
    fn texts_are_found_in_json_forms_xml_and_multipart_and_in_one_within_another() {
        assert_eq!(found("application/json", r#"{"a":{"to":["+1",2]},"b":true}"#), ["to=+1", "to=2"]);
        assert_eq!(found("application/x-www-form-urlencoded", "To=%2B1&Body=a+b"), ["To=+1", "Body=a b"]);
        let xml = r#"<?xml version="1.0"?><s:a xmlns:s="urn:s" id="7"><to>+1</to><t>a &lt;b&gt; &#x26; <![CDATA[<c>]]></t></s:a>"#;
        let all = found("text/xml", xml);
        assert!(all.contains(&"t=a <b> & <c>".to_owned()) && all.contains(&"id=7".to_owned()), "{all:?}");
        assert_eq!(found("", xml), all);
        let within =
            found("", &format!("xml={}", form_urlencoded::byte_serialize(b"<a><to>+1</to></a>").collect::<String>()));
        assert!(within.contains(&"to=+1".to_owned()), "{within:?}");
        let parts = "--x\r\ncontent-disposition: form-data; name=\"text\"\r\n\r\na\r\nb\r\n--x--\r\n";
        assert_eq!(found("multipart/form-data; boundary=x", parts), ["text=a\r\nb"]);
        assert_eq!(found("text/plain", "hello world"), ["=hello world"]);
    }

    #[test]
    fn a_body_that_does_not_match_its_content_type_has_no_texts() {
        assert!(found("application/json", "{\"a\": \"b\" c\"}").is_empty());
        assert!(found("application/xml", "<a>b & c</a").is_empty());
    }

    #[test]
    fn the_search_is_bounded() {
        let deep = (0..12).fold("x".to_owned(), |inner, _| Value::from(vec![inner]).to_string());
        let wide = format!("[{}]", "1,".repeat(50_000) + "1");
        assert!(found("application/json", &deep).len() <= DEPTH + 2);
        assert_eq!(found("application/json", &wide).len(), MOST);
    }

    /// Returns a body in as many multipart bodies, each with a boundary of its own.
    fn in_multiparts(levels: usize, body: &str) -> (String, String) {
        let (mut head, mut tail) = (String::new(), String::new());
        for level in 0..levels {
            let inner = match level + 1 == levels {
                true => "text/plain".to_owned(),
                false => format!("multipart/mixed; boundary=b{:05}", level + 1),
            };
            head.push_str(&format!("--b{level:05}\r\ncontent-type: {inner}\r\n\r\n"));
        }
        for level in (0..levels).rev() {
            tail.push_str(&format!("\r\n--b{level:05}--"));
        }
        ("multipart/mixed; boundary=b00000".to_owned(), format!("{head}{body}{tail}"))
    }

    #[test]
    fn multipart_bodies_are_followed_to_a_depth_and_to_a_number_of_parts() {
        let (content_type, body) = in_multiparts(DEPTH, "hello world");
        assert_eq!(found(&content_type, &body), ["=hello world"]);
        let (content_type, body) = in_multiparts(DEPTH + 1, "hello world");
        assert!(found(&content_type, &body).is_empty());
        // It must not need stack for each level, nor time for each pair of levels.
        let (content_type, body) = in_multiparts(50_000, "hello world");
        assert!(found(&content_type, &body).is_empty());
        let many = |count| format!("{}--x--", "--x\r\n\r\na\r\n".repeat(count));
        assert_eq!(found("multipart/form-data; boundary=x", &many(MOST + 10)).len(), MOST);
        // Parts without a text count, and those of all bodies together.
        let empty = format!("{}--y--", "--y\r\ncontent-type: application/json\r\n\r\n?\r\n".repeat(MOST - 2));
        let inner = format!("--x\r\ncontent-type: multipart/mixed; boundary=y\r\n\r\n{empty}\r\n");
        assert_eq!(found("multipart/form-data; boundary=x", &format!("{inner}{}", many(5))), ["=a"]);
    }
}

//! What the host does with placed secrets, for tests: it gives placeholders to `deliver` and puts the secrets into requests.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use url::{Position, Url};

use crate::bindings::twofactor::provider::http::Request;
use crate::bindings::twofactor::provider::types::{Connection, HttpConnection, HttpSetting};

/// The secrets that a provider places, and where.
#[derive(Default)]
pub(super) struct Placements {
    secrets: Vec<Secret>,
    connections: Vec<HttpConnection>,
}

struct Secret {
    pointer: String,
    letters: String,
    value: String,
    parts: Vec<String>,
}

/// The letters of placeholders.
const LETTERS: &[u8; 16] = b"bcdfghjklmnpqrst";

impl Placements {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let http = connections.into_iter().filter_map(|connection| match connection {
            Connection::Http(http) => Some(http),
            Connection::Smtp(_) => None,
        });
        Self { secrets: Vec::new(), connections: http.collect() }
    }

    /// Returns the options as `deliver` gets them, and notes what the placeholders in them stand for.
    pub(super) fn give(&mut self, root: &Value, schemas: &[&Value], options: &Value, at: &str) -> Value {
        let Value::Object(members) = options else { return options.clone() };
        let schemas = expanded(root, schemas);
        let mut given = Map::new();
        for (name, value) in members {
            let of_option = schemas.iter().filter_map(|schema| schema.get("properties")?.get(name)).collect::<Vec<_>>();
            let found = expanded(root, &of_option);
            let is = |keyword: &str| found.iter().any(|schema| schema.get(keyword) == Some(&Value::Bool(true)));
            let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let keyword = |schema: &&Value| schema.get("x-twofactor-placement").and_then(Value::as_array).cloned();
            let parts: Vec<Value> = found.iter().filter_map(keyword).flatten().collect();
            if !is("writeOnly") {
                given.insert(name.clone(), self.give(root, &of_option, value, &pointer));
            } else if is("x-twofactor-revealed") {
                given.insert(name.clone(), value.clone());
            } else if let (false, Some(secret)) = (parts.is_empty(), value.as_str()) {
                let letters = letters(self.secrets.len());
                given.insert(name.clone(), Value::from(&*letters));
                let parts = parts.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                self.secrets.push(Secret { pointer, letters, value: secret.to_owned(), parts });
            }
        }
        Value::Object(given)
    }

    /// Returns a request as it leaves.
    ///
    /// # Errors
    /// Why the host refuses it.
    pub(super) fn filled(&self, request: &Request) -> Result<Request, String> {
        let mut filled = request.clone();
        for secret in &self.secrets {
            if secret.places(&filled).iter().any(|(_, times)| *times > 0) {
                self.fill(secret, &mut filled)?;
            }
        }
        Ok(filled)
    }

    fn fill(&self, secret: &Secret, request: &mut Request) -> Result<(), String> {
        let Secret { pointer, letters, value, parts } = secret;
        let url = Url::parse(&request.url).map_err(|_| "the URL is malformed".to_owned())?;
        let origin = &url[..Position::BeforePath];
        let is_placed = |connection: &HttpConnection| {
            let places =
                |setting: &HttpSetting| matches!(setting, HttpSetting::PlaceSecret(option) if option == pointer);
            connection.origin == origin && connection.settings.iter().any(places)
        };
        if !self.connections.iter().any(is_placed) {
            return Err(format!("the connection to {origin} does not place the secret `{pointer}`"));
        }
        let places = secret.places(request);
        let found: Vec<&str> = places.iter().filter(|(_, times)| *times > 0).map(|(part, _)| *part).collect();
        if places.iter().map(|(_, times)| times).sum::<usize>() > 1 {
            return Err(format!("the placeholder of the secret `{pointer}` is more than once in a request"));
        }
        if let Some(part) = found.iter().find(|part| !parts.iter().any(|allowed| allowed == *part)) {
            return Err(format!(
                "the placeholder of the secret `{pointer}` is in the {part}, where its schema does not allow it"
            ));
        }
        match found[..] {
            ["body"] => {
                let mut types =
                    request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-type"));
                let media_type = types.next().map(|header| header.value.clone()).unwrap_or_default();
                let body = String::from_utf8_lossy(&request.body).replace(letters, &for_body(value, &media_type));
                request.body = body.into_bytes();
            }
            ["header"] => {
                request.headers.iter_mut().for_each(|header| header.value = header.value.replace(letters, value))
            }
            _ => request.url = request.url.replace(letters, &percent(value)),
        }
        Ok(())
    }
}

impl Secret {
    /// Returns how often the placeholder is in each part of a request.
    fn places(&self, request: &Request) -> [(&'static str, usize); 5] {
        let count = |text: &str| text.matches(&self.letters).count();
        let (target, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        let names = request.headers.iter().map(|header| count(&header.name)).sum::<usize>();
        let path =
            target.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or_default();
        [
            ("body", count(&String::from_utf8_lossy(&request.body))),
            ("query", count(query)),
            ("path", count(path)),
            ("header", request.headers.iter().map(|header| count(&header.value)).sum()),
            ("method, host or name of a header", names + count(&request.method) + count(target) - count(path)),
        ]
    }
}

/// Another placeholder for each number.
fn letters(number: usize) -> String {
    (0..24).map(|n| char::from(LETTERS[(n * 7 + number * 5 + n * number) % 16])).collect()
}

/// The schemas with their references followed and their alternatives beside them.
fn expanded<'a>(root: &'a Value, schemas: &[&'a Value]) -> Vec<&'a Value> {
    let (mut all, mut open): (Vec<&'a Value>, _) = (Vec::new(), schemas.to_vec());
    while let Some(schema) = open.pop() {
        if all.iter().any(|other| std::ptr::eq(*other, schema)) {
            continue;
        }
        all.push(schema);
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        open.extend(target.and_then(|target| root.pointer(target)));
        for keyword in ["oneOf", "anyOf", "allOf"] {
            open.extend(schema.get(keyword).and_then(Value::as_array).into_iter().flatten());
        }
    }
    all
}

fn for_body(text: &str, media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => percent(text),
        "application/json" | "text/json" => json(text),
        "application/xml" | "text/xml" => xml(text),
        other if other.ends_with("+json") => json(text),
        other if other.ends_with("+xml") => xml(text),
        _ => text.to_owned(),
    }
}

fn json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn xml(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.replace('"', "&quot;").replace('\'', "&apos;")
}

fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => _ = write!(encoded, "%{byte:02X}"),
        }
    }
    encoded
}

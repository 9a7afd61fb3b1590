//! Reads bodies, parameters and paths of requests, with a problem for what is invalid.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserializer;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde_path_to_error::{Path, Segment};

use super::duplicate;
use crate::problem::{Problem, ProblemType};

/// A body that is a JSON object.
pub(super) struct Body<T>(pub(super) T);

/// A body that is a JSON list.
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Raw::from_request(request, state).await?.0;
        // The parser accepts a list as an object, field by field.
        if bytes.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::at("", "must be a JSON object"));
        }
        Ok(Self(parsed(&bytes)?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for List<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Ok(Self(parsed(&Raw::from_request(request, state).await?.0)?))
    }
}

/// Reads an object within a body, for `deserialize_with`: the parser alone would accept a list as well.
pub(super) fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(input: D) -> Result<T, D::Error> {
    struct Only<T>(std::marker::PhantomData<T>);
    impl<'de, T: DeserializeOwned> Visitor<'de> for Only<T> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    input.deserialize_map(Only(std::marker::PhantomData))
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if let Some(pointer) = duplicate::find(bytes) {
        return Err(Problem::at(pointer, "appears twice: remove one"));
    }
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut parser).map_err(|error| wrong(error.path(), error.inner()))?;
    parser.end().map_err(|error| unreadable(&error))?;
    Ok(body)
}

/// Says what is invalid, and where. The parser's text may repeat a value of the body: only what it says about fields and about
/// expected values is kept.
fn wrong(path: &Path, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return unreadable(error);
    }
    let text = error.to_string();
    let mut place = pointer(path);
    let detail = if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        place = format!("{place}/{name}");
        "is missing".to_owned()
    } else if text.starts_with("unknown field") {
        "is not a field of this request".to_owned()
    } else {
        let known = ["invalid type", "invalid value", "invalid length", "unknown variant"];
        let expected = text.rsplit_once(", expected ").filter(|_| known.iter().any(|what| text.starts_with(what)));
        let expected = expected.map(|(_, expected)| expected.split(" at line ").next().unwrap_or_default());
        let expected = expected.and_then(in_plain_words);
        expected.map_or_else(|| "has an invalid value".to_owned(), |expected| format!("must be {expected}"))
    };
    Problem::at(place, detail)
}

/// Returns what the parser expected, in plain English: its own text names types of this program.
fn in_plain_words(expected: &str) -> Option<String> {
    let known = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "string" => "a string",
        "a sequence" => "a list",
        "a map" | "an object" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        // Names of our own.
        _ if expected.starts_with('`') || expected.starts_with("one of `") => expected,
        _ => return None,
    };
    Some(known.to_owned())
}

fn unreadable(error: &serde_json::Error) -> Problem {
    let detail = format!("the body is not valid JSON (line {}, column {})", error.line(), error.column());
    Problem::new(ProblemType::InvalidInput, detail)
}

/// Returns a path into the body as a JSON Pointer, cut to a reasonable length.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    pointer.chars().take(200).collect()
}

/// A body as bytes.
pub(super) struct Raw(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(ProblemType::TooLarge, "the body is too long")
            } else {
                Problem::new(ProblemType::InvalidInput, "the body is incomplete")
            }
        })
    }
}

/// The query parameters.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let values = Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).ok();
        values.filter(|_| !parts.uri.query().is_some_and(has_nul)).ok_or_else(|| {
            let detail = "invalid query parameters: one is unknown, repeated, or has an invalid value";
            Problem::new(ProblemType::InvalidInput, detail)
        })
    }
}

/// The parameters in a path.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await.ok();
        path.filter(|_| !has_nul(parts.uri.path()))
            .map(|axum::extract::Path(value)| Self(value))
            .ok_or_else(|| Problem::new(ProblemType::InvalidInput, "the path contains an invalid value"))
    }
}

/// Returns whether a part of an address contains U+0000, which PostgreSQL cannot store or compare.
fn has_nul(part: &str) -> bool {
    part.contains("%00")
}

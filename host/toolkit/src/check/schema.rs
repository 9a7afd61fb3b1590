//! Walks over an options schema.

use serde_json::Value;

/// How many levels of a schema are followed.
pub(super) const DEPTH: usize = 8;

/// How many schemas are considered for one option: a schema may refer to itself.
const MOST: usize = 256;

/// The keywords that hold further schemas for the same value.
pub(super) const ALTERNATIVES: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Returns schemas together with those that they refer to and those that they hold under these keywords, in the order of the text. The host,
/// too, combines all that a schema says about an option.
pub(super) fn combined<'a>(root: &'a Value, schemas: &[&'a Value], keywords: &[&str]) -> Vec<&'a Value> {
    let mut all: Vec<&'a Value> = Vec::new();
    let mut open: Vec<&'a Value> = schemas.iter().rev().copied().collect();
    while let Some(schema) = open.pop() {
        if all.len() > MOST || all.iter().any(|seen| std::ptr::eq(*seen, schema)) {
            continue;
        }
        all.push(schema);
        let inner = keywords.iter().rev().filter_map(|key| schema.get(key)?.as_array());
        open.extend(inner.flat_map(|schemas| schemas.iter().rev()));
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        open.extend(target.and_then(|pointer| root.pointer(pointer)));
    }
    all
}

/// Appends a member's name to a JSON Pointer (RFC 6901).
pub(super) fn pointer(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

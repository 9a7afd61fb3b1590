//! Finds options that a schema accepts and the host does not know: they are withheld from `deliver` without a notice.

use serde_json::Value;
use twofactor_sandbox::is_map_of_texts;

use super::schema::{ALTERNATIVES, DEPTH, combined, pointer};

/// Keywords of conditional schemas, where the host does not look for options.
const CONDITIONS: [&str; 3] = ["if", "then", "else"];

/// Keywords that accept options of any name.
const OPEN: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];

/// Returns a finding for each option, or kind of options, that the host does not know.
pub(super) fn of(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(schema, &[schema], "", DEPTH, &mut found);
    found.sort();
    found.dedup();
    found
}

fn look(root: &Value, schemas: &[&Value], at: &str, depth: usize, found: &mut Vec<String>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let schemas = combined(root, schemas, &ALTERNATIVES);
    let known = names(&schemas);
    for schema in &schemas {
        for keyword in CONDITIONS {
            if let Some(condition) = schema.get(keyword) {
                conditional(root, condition, &known, at, keyword, depth, found);
            }
        }
        for (name, dependent) in members(schema, "dependentSchemas") {
            conditional(root, dependent, &known, at, &format!("dependentSchemas/{name}"), depth, found);
        }
        for (pattern, _) in members(schema, "patternProperties") {
            let place = if at.is_empty() { "the options" } else { at };
            found.push(format!(
                "{place}: options whose names match `{}` are accepted, but withheld from `deliver`",
                escaped(pattern)
            ));
        }
        // The host knows the members of a map of texts, unless the options themselves are one.
        if is_map_of_texts(schema) && known.is_empty() && !at.is_empty() {
            continue;
        }
        for keyword in OPEN {
            if schema.get(keyword).is_some_and(|open| open.as_object().is_some_and(|open| !open.is_empty())) {
                let place = if at.is_empty() { "the options" } else { at };
                found.push(format!(
                    "{place}: options of any name are accepted (`{keyword}`), but withheld from `deliver`"
                ));
            }
        }
    }
    for name in known {
        let said: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("properties")?.get(name)).collect();
        look(root, &said, &pointer(at, name), depth, found);
    }
    let items: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
    if !items.is_empty() {
        look(root, &items, at, depth, found);
    }
}

/// Adds options that are declared under a condition, and nowhere else.
fn conditional(
    root: &Value,
    condition: &Value,
    known: &[&str],
    at: &str,
    keyword: &str,
    depth: usize,
    found: &mut Vec<String>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let schemas = combined(root, &[condition], &ALTERNATIVES);
    for name in names(&schemas).iter().filter(|name| !known.contains(name)) {
        found.push(format!(
            "`{at}/{}` is declared only under `{}`: it is accepted, but withheld from `deliver`",
            escaped(name),
            escaped(keyword)
        ));
    }
    for schema in schemas {
        for keyword in CONDITIONS {
            if let Some(inner) = schema.get(keyword) {
                conditional(root, inner, known, at, keyword, depth, found);
            }
        }
    }
}

fn names<'a>(schemas: &[&'a Value]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for schema in schemas {
        for (name, _) in members(schema, "properties") {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn members<'a>(schema: &'a Value, keyword: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    schema.get(keyword).and_then(Value::as_object).into_iter().flatten().map(|(name, inner)| (&**name, inner))
}

/// Escapes a text of the component's author.
fn escaped(name: &str) -> String {
    name.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn an_option_that_the_host_does_not_check_is_reported() {
        let key = json!({"type": "string", "writeOnly": true});
        for hiding in [
            json!({"if": {"properties": {"Mode": {"const": "a"}}}, "then": {"properties": {"Key": key}}}),
            json!({"dependentSchemas": {"Mode": {"properties": {"Key": key}}}}),
            json!({"allOf": [{"else": {"allOf": [{"properties": {"Key": key}}]}}]}),
            json!({"patternProperties": {"^K": key}}),
            json!({"additionalProperties": {"type": "string"}}),
        ] {
            let mut schema = json!({"type": "object", "properties": {"Mode": {"type": "string"}}});
            for (name, value) in hiding.as_object().into_iter().flatten() {
                schema[name] = value.clone();
            }
            assert_eq!(of(&schema).len(), 1, "{schema}");
            let within = json!({"type": "object", "properties": {"Server": schema}});
            assert!(of(&within)[0].contains("/Server"), "{within}");
        }
    }

    #[test]
    fn a_map_of_texts_hides_nothing_unless_it_is_the_options_themselves() {
        let map = json!({"type": "object", "propertyNames": {"pattern": "^[A-Z]{2}$"}, "additionalProperties": {"type": "string"}});
        assert!(of(&json!({"type": "object", "properties": {"Senders": map}})).is_empty());
        assert_eq!(of(&map).len(), 1);
    }

    #[test]
    fn a_condition_about_an_option_that_is_known_hides_nothing() {
        let schema = json!({"type": "object", "properties": {"Mode": {"type": "string"}, "Key": {"type": "string"}},
            "additionalProperties": false,
            "if": {"properties": {"Mode": {"const": "a"}}}, "then": {"required": ["Key"], "properties": {"Key": {"minLength": 8}}}});
        assert!(of(&schema).is_empty());
    }
}

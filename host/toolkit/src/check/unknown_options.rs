//! Options that a schema accepts and the host does not know: they are withheld from `deliver`, and nobody is told.

use serde_json::Value;

use super::manifest::{ALTERNATIVES, DEPTH, together};

/// Keywords under which a schema may say more of an object, where the host does not look for options.
const CONDITIONS: [&str; 3] = ["if", "then", "else"];

/// Keywords that accept options by other means than their names.
const OPEN: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];

/// What is hidden, in sentences.
pub(super) fn of(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(schema, &[schema], "", DEPTH, &mut found);
    found.sort();
    found.dedup();
    found
}

fn look(root: &Value, schemas: &[&Value], at: &str, depth: usize, found: &mut Vec<String>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let schemas = together(root, schemas, &ALTERNATIVES);
    let known = names(&schemas);
    for schema in &schemas {
        for keyword in CONDITIONS {
            if let Some(condition) = schema.get(keyword) {
                tell(root, condition, &known, at, keyword, depth, found);
            }
        }
        for (name, dependent) in members(schema, "dependentSchemas") {
            tell(root, dependent, &known, at, &format!("dependentSchemas/{name}"), depth, found);
        }
        for (pattern, _) in members(schema, "patternProperties") {
            let place = if at.is_empty() { "the options" } else { at };
            found.push(format!(
                "{place}: options whose names fit `{}` are accepted and withheld from `deliver`",
                escaped(pattern)
            ));
        }
        for keyword in OPEN {
            if schema.get(keyword).is_some_and(|open| open.as_object().is_some_and(|open| !open.is_empty())) {
                let place = if at.is_empty() { "the options" } else { at };
                found.push(format!(
                    "{place}: options of any name are accepted (`{keyword}`) and withheld from `deliver`"
                ));
            }
        }
    }
    for name in known {
        let said: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("properties")?.get(name)).collect();
        look(root, &said, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), depth, found);
    }
    let items: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
    if !items.is_empty() {
        look(root, &items, at, depth, found);
    }
}

/// Options that stand under a condition, and nowhere else.
fn tell(
    root: &Value,
    condition: &Value,
    known: &[&str],
    at: &str,
    keyword: &str,
    depth: usize,
    found: &mut Vec<String>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let schemas = together(root, &[condition], &ALTERNATIVES);
    for name in names(&schemas).iter().filter(|name| !known.contains(name)) {
        found.push(format!(
            "`{at}/{}` stands under `{}` alone: it is accepted, and withheld from `deliver`",
            escaped(name),
            escaped(keyword)
        ));
    }
    for schema in schemas {
        for keyword in CONDITIONS {
            if let Some(inner) = schema.get(keyword) {
                tell(root, inner, known, at, keyword, depth, found);
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

/// A stranger's words.
fn escaped(name: &str) -> String {
    name.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn an_option_that_stands_where_the_host_does_not_look_is_told() {
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
    fn a_condition_about_an_option_that_is_known_hides_nothing() {
        let schema = json!({"type": "object", "properties": {"Mode": {"type": "string"}, "Key": {"type": "string"}},
            "additionalProperties": false,
            "if": {"properties": {"Mode": {"const": "a"}}}, "then": {"required": ["Key"], "properties": {"Key": {"minLength": 8}}}});
        assert!(of(&schema).is_empty());
    }
}

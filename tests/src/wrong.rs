//! Components that are wrong in one way each.

use serde_json::{Map, Value, json};

const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_wrong_guest.wasm"));

const MARK: &[u8] = b"twofactor-fault:";

const SCHEMA_MARK: &[u8] = b"twofactor-schema:";

/// Returns the component of `tests/wrong` with this fault, whose name is in its data. `none` makes
/// a correct one.
pub fn component(fault: &str) -> Vec<u8> {
    let mut bytes = COMPONENT.to_vec();
    let at = bytes.windows(MARK.len()).position(|window| window == MARK).unwrap() + MARK.len();
    let name = format!("{fault:32}");
    assert_eq!(name.len(), 32, "{fault} is too long a name");
    bytes[at..at + 32].copy_from_slice(name.as_bytes());
    bytes
}

/// Returns the component of `tests/wrong` without a fault, but with this options schema.
pub fn component_with_schema(schema: &str) -> Vec<u8> {
    let mut bytes = component("none");
    // The marker by itself is in its data as well.
    let is_room = |window: &[u8]| window.starts_with(SCHEMA_MARK) && window.ends_with(b"  ");
    let at = bytes.windows(SCHEMA_MARK.len() + 2).position(is_room).unwrap() + SCHEMA_MARK.len();
    bytes[at..at + schema.len()].copy_from_slice(schema.as_bytes());
    bytes
}

/// Options schemas that strangers gave: by a name, and whether the component with it is loaded.
pub fn schemas() -> Vec<(&'static str, Value, bool)> {
    let chain = |link: &dyn Fn(Value) -> Value, top: Value| {
        let mut defs = Map::new();
        for n in 0..40 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            defs.insert(format!("d{n}"), if n == 39 { json!({"type": "string"}) } else { link(next) });
        }
        let mut schema = top;
        schema["$defs"] = Value::Object(defs);
        schema
    };
    let first = json!({"type": "object", "properties": {"A": {"$ref": "#/$defs/d0"}}});
    let patterns = |pattern: &dyn Fn(usize) -> String| {
        let each = |n| (format!("p{n}"), json!({"type": "string", "pattern": pattern(n)}));
        json!({"type": "object", "properties": (0..200).map(each).collect::<Map<_, _>>()})
    };
    let of_type = |rest: Value| {
        let mut schema = json!({"type": "object"});
        for (keyword, value) in rest.as_object().unwrap() {
            schema[keyword] = value.clone();
        }
        schema
    };
    let draft = "https://json-schema.org/draft/2020-12/schema";
    vec![
        ("exp", chain(&|next| json!({"anyOf": [next, next]}), first.clone()), false),
        ("expall", chain(&|next| json!({"allOf": [next, next]}), first), false),
        (
            "unexp",
            chain(
                &|next| json!({"anyOf": [next, next], "unevaluatedProperties": false}),
                of_type(json!({"allOf": [{"$ref": "#/$defs/d0"}], "unevaluatedProperties": false})),
            ),
            false,
        ),
        ("rx", patterns(&|n| format!("^\\w{{{}}}$", n + 100)), true),
        ("rx1", patterns(&|n| format!("^[\\w\\W]{{{}}}\\p{{L}}{{100}}$", n + 900)), false),
        ("rxback", of_type(json!({"properties": {"A": {"type": "string", "pattern": "^(a+)+(?=b)\\1$"}}})), false),
        ("dynref", of_type(json!({"$dynamicAnchor": "x", "allOf": [{"$dynamicRef": "#x"}]})), false),
        ("metaschema", of_type(json!({"$schema": draft, "$ref": draft})), false),
        (
            "mutual",
            of_type(json!({"allOf": [{"$ref": "#/$defs/a"}],
                "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}})),
            false,
        ),
        ("propself", of_type(json!({"if": {"$ref": "#"}, "then": {"$ref": "#"}, "else": {"$ref": "#"}})), false),
        ("selfref", of_type(json!({"allOf": [{"$ref": "#"}]})), false),
        // Loaded, and without an end but for the steps that are counted.
        (
            "twice",
            of_type(json!({
                "properties": {"a": {"$ref": "#/$defs/n"}},
                "$defs": {"n": {"additionalProperties": {"$ref": "#/$defs/n"}, "allOf": [{"additionalProperties": {"$ref": "#/$defs/n"}}]}}
            })),
            true,
        ),
    ]
}

//! The subset has the meaning of JSON Schema, and every schema and every value ends within its
//! bounds. An independent implementation is the oracle.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Schema, bounds, evaluate};

/// Returns what is wrong with a value, as pairs of place and sentence.
fn wrong(schema: &Value, value: &Value) -> Vec<(String, String)> {
    let schema = Schema::new(schema).unwrap();
    schema.check(value).into_iter().map(|broken| (broken.at, broken.sentence)).collect()
}

fn one(at: &str, sentence: &str) -> (String, String) {
    (at.to_owned(), sentence.to_owned())
}

fn refusal(schema: &Value) -> String {
    Schema::new(schema).map(|_| ()).unwrap_err().to_string()
}

/// Returns whether the oracle finds a value valid.
fn is_valid_elsewhere(schema: &Value, value: &Value) -> bool {
    let oracle = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(schema).unwrap();
    oracle.is_valid(value)
}

fn with_alternatives() -> Value {
    json!({
        "type": "object", "required": ["Server"], "additionalProperties": false,
        "properties": {
            "Sid": {"type": "string", "pattern": "^AC[0-9]+$"},
            "Server": {"oneOf": [
                {"properties": {"MailType": {"const": "SMTP"}, "Host": {"minLength": 1}, "Port": {"type": "integer", "minimum": 1}},
                    "required": ["MailType", "Host", "Port"]},
                {"properties": {"MailType": {"const": "M365"}}, "required": ["MailType", "ClientId"]}
            ]}
        }
    })
}

#[test]
fn what_is_missing_in_the_alternative_that_is_meant_is_named() {
    let schema = with_alternatives();
    assert_eq!(wrong(&schema, &json!({})), [one("/Server", "is required")]);
    let smtp = json!({"Server": {"MailType": "SMTP", "Host": "", "Port": "465"}});
    let problems = wrong(&schema, &smtp);
    assert!(problems.contains(&one("/Server/Host", "must not be empty")), "{problems:?}");
    assert!(problems.contains(&one("/Server/Port", "must be of type integer")), "{problems:?}");
    assert_eq!(wrong(&schema, &json!({"Server": {"MailType": "M365"}})), [one("/Server/ClientId", "is required")]);
}

#[test]
fn an_unknown_alternative_is_answered_with_the_known_ones() {
    let problems = wrong(&with_alternatives(), &json!({"Server": {"MailType": "Pigeon"}}));
    assert_eq!(problems, [one("/Server/MailType", "must be one of: SMTP, M365")]);
}

#[test]
fn no_value_of_the_options_is_repeated() {
    let canary = "s3cret-canary";
    let options = json!({"Sid": canary, "Server": {"MailType": canary, "Host": canary}, "Wrong": canary});
    let problems = wrong(&with_alternatives(), &options);
    assert!(problems.contains(&one("/Sid", "must have the form `^AC[0-9]+$`")), "{problems:?}");
    let unknown = "is not an option of this provider: remove it, or check its spelling";
    assert!(problems.contains(&one("/Wrong", unknown)), "{problems:?}");
    assert!(!format!("{problems:?}").contains(canary));
}

#[test]
fn a_refused_schema_is_answered_with_the_place_and_what_to_do() {
    let of = |property: Value| json!({"type": "object", "properties": {"A/B": property}});
    for (schema, place, word) in [
        (of(json!({"type": "nonsense"})), "/properties/A~1B/type", "integer"),
        (of(json!({"pattern": "^(a+)+(?=b)\\1$"})), "/properties/A~1B/pattern", "look-around"),
        (of(json!({"pattern": "^(a)\\1$"})), "/properties/A~1B/pattern", "back-reference"),
        (of(json!({"pattern": "^[\\w\\W]{900}\\p{L}{100}$"})), "/properties/A~1B/pattern", "too large"),
        (of(json!({"pattern": "("})), "/properties/A~1B/pattern", "regular expression"),
        (of(json!({"pattern": "a".repeat(1025)})), "/properties/A~1B/pattern", "1024 bytes"),
        (of(json!({"patternProperties": {"(?!x)": true}})), "/properties/A~1B/patternProperties", "look-around"),
        (of(json!({"$ref": "https://json-schema.org/draft/2020-12/schema"})), "/properties/A~1B/$ref", "$defs"),
        (of(json!({"$ref": "#name"})), "/properties/A~1B/$ref", "$defs"),
        (of(json!({"$ref": "#/nowhere"})), "/properties/A~1B/$ref", "no such place"),
        (of(json!({"$ref": "#/type"})), "/properties/A~1B/$ref", "must be a schema"),
        (of(json!({"$dynamicRef": "#x"})), "/properties/A~1B/$dynamicRef", "$ref"),
        (of(json!({"$anchor": "x"})), "/properties/A~1B/$anchor", "$defs"),
        (of(json!({"$id": "urn:x"})), "/properties/A~1B/$id", "root"),
        (of(json!({"minLength": -1})), "/properties/A~1B/minLength", "whole number"),
        (of(json!({"multipleOf": 0})), "/properties/A~1B/multipleOf", "above zero"),
        (of(json!({"items": [true]})), "/properties/A~1B/items", "prefixItems"),
        (of(json!({"dependencies": {}})), "/properties/A~1B/dependencies", "dependentRequired"),
        (of(json!({"writeOnly": "true"})), "/properties/A~1B/writeOnly", "`true` or `false`"),
        (of(json!({"x-twofactor-hidden": true})), "/properties/A~1B/x-twofactor-hidden", "newer TwoFactor"),
        (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "/$schema", "2020-12"),
        (json!({"allOf": [{"$ref": "#"}]}), "", "leads back to itself"),
        (json!({"if": {"$ref": "#"}, "then": {"$ref": "#"}}), "", "leads back to itself"),
    ] {
        let refusal = refusal(&schema);
        assert!(refusal.starts_with(&format!("`{place}` ")) && refusal.contains(word), "{schema}: {refusal}");
    }
    assert!(!refusal(&of(json!({"properties": {"\u{202e}\n": {"type": 1}}}))).contains(['\u{202e}', '\n']));
}

/// Returns a schema in which each of `depth` definitions is built from the next one.
fn chain(depth: usize, link: impl Fn(Value) -> Value) -> Value {
    let mut defs = Map::new();
    for n in 0..depth {
        defs.insert(format!("d{n}"), link(json!({"$ref": format!("#/$defs/d{}", n + 1)})));
    }
    defs.insert(format!("d{depth}"), json!({"type": "string"}));
    json!({"type": "object", "properties": {"A": {"$ref": "#/$defs/d0"}}, "additionalProperties": {"$ref": "#/$defs/d0"}, "$defs": defs})
}

/// A name, and a function that returns a schema that contains another twice.
type Doubling = (&'static str, fn(Value) -> Value);

/// Returns all ways in which a schema can contain another twice.
fn doublings() -> Vec<Doubling> {
    vec![
        ("anyOf", |next| json!({"anyOf": [next, next]})),
        ("allOf", |next| json!({"allOf": [next, next]})),
        ("oneOf", |next| json!({"oneOf": [next, next]})),
        ("not", |next| json!({"not": next, "allOf": [next]})),
        ("if", |next| json!({"if": next, "then": next, "else": next})),
        ("dependentSchemas", |next| json!({"dependentSchemas": {"a": next, "b": next}})),
        ("unevaluatedProperties", |next| json!({"anyOf": [next, next], "unevaluatedProperties": false})),
        ("unevaluatedItems", |next| json!({"anyOf": [next, next], "unevaluatedItems": next})),
        (
            "properties",
            |next| json!({"properties": {"a": next}, "additionalProperties": next, "allOf": [{"properties": {"a": next}}]}),
        ),
        ("patternProperties", |next| json!({"patternProperties": {"a": next, "^a": next, "a$": next}})),
        ("propertyNames", |next| json!({"propertyNames": next, "properties": {"a": next}})),
        ("items", |next| json!({"items": next, "contains": next, "prefixItems": [next, next]})),
        ("contains", |next| json!({"contains": next, "allOf": [{"contains": next}]})),
    ]
}

/// Returns values as deep as options may be, in which most of the schemas above apply to every
/// part.
fn deep(depth: usize) -> Value {
    match depth {
        0 => json!("a"),
        odd if odd % 2 == 1 => json!({"a": deep(depth - 1), "b": "a"}),
        _ => json!([deep(depth - 1), "a", "a"]),
    }
}

#[test]
fn every_exploding_schema_is_refused_or_checked_within_the_steps() {
    for (keyword, link) in doublings() {
        for depth in [4, 12, 30, 60, 400] {
            let Ok(schema) = Schema::new(&chain(depth, link)) else { continue };
            for value in [json!({"A": deep(14)}), json!({"A": "a"}), json!({"A": {"a": {"a": {"a": "a"}}}})] {
                let (_, steps) = evaluate::check(&schema, &value);
                assert!(steps <= bounds::STEPS, "{keyword} {depth}");
            }
        }
    }
}

#[test]
fn schemas_that_explode_at_one_value_are_refused_with_the_place() {
    for (keyword, link) in &doublings()[..8] {
        let refusal = refusal(&chain(30, link));
        assert!(refusal.starts_with("`/$defs/d") && refusal.contains("use fewer"), "{keyword}: {refusal}");
    }
}

#[test]
fn many_subschemas_at_one_value_and_a_long_chain_of_them_are_refused_each_by_its_own_bound() {
    let wide: Vec<Value> = (0..bounds::WIDTH).map(|n| json!({"minLength": n})).collect();
    let refused = refusal(&json!({"properties": {"A": {"allOf": wide}}}));
    assert!(refused.contains("more than 2000 subschemas"), "{refused}");
    let narrow: Vec<Value> = (0..bounds::WIDTH - 2).map(|n| json!({"maxLength": n})).collect();
    assert!(Schema::new(&json!({"properties": {"A": {"allOf": narrow}}})).is_ok());
    let link = |next: Value| json!({"allOf": [next]});
    let refused = refusal(&chain(bounds::CHAIN, link));
    assert!(refused.contains("more than 32 references"), "{refused}");
    assert!(Schema::new(&chain(bounds::CHAIN / 2 - 2, link)).is_ok());
}

#[test]
fn subschemas_within_each_other_are_followed_to_a_bounded_depth() {
    // At each level of the options, a chain of ten subschemas applies to the value.
    let mut defs = Map::new();
    for n in 0..9 {
        defs.insert(format!("d{n}"), json!({"$ref": format!("#/$defs/d{}", n + 1)}));
    }
    defs.insert("d9".to_owned(), json!({"properties": {"a": {"$ref": "#/$defs/d0"}}}));
    let schema = Schema::new(&json!({"$ref": "#/$defs/d0", "$defs": defs})).unwrap();
    let nested = |depth: usize| (0..depth).fold(json!({}), |inner, _| json!({"a": inner}));
    assert!(schema.check(&nested(5)).is_empty());
    let broken = schema.check(&nested(12));
    assert!(broken.len() == 1 && broken[0].sentence.contains("more work than is allowed"), "{broken:?}");
}

#[test]
fn a_long_validation_waits_for_a_turn() {
    let values: Vec<u32> = (0..40_000).collect();
    let schema = Schema::new(&json!({"properties": {"E": {"enum": values}}})).unwrap();
    assert_eq!(schema.check_quickly(&json!({"E": 3})), Some(Vec::new()));
    assert_eq!(schema.check_quickly(&json!({"E": 39_999})), None);
    assert!(schema.check(&json!({"E": 39_999})).is_empty());
}

#[test]
fn the_length_of_names_counts_as_steps() {
    let name = "n".repeat(60 << 10);
    let long = json!({"E": [{name.as_str(): 1}]});
    for rule in [
        json!({"uniqueItems": true}),
        json!({"items": {"required": [name]}}),
        json!({"items": {"dependentRequired": {name.as_str(): []}}}),
        json!({"items": {"propertyNames": {"type": "string"}}}),
        json!({"items": {"properties": {"A": {}}}}),
        json!({"const": [{name.as_str(): 1}]}),
    ] {
        let rules = vec![json!({"$ref": "#/$defs/a"}); 20];
        let schema = json!({"type": "object", "$defs": {"a": rule}, "properties": {"E": {"allOf": rules}}});
        let (broken, steps) = evaluate::check(&Schema::new(&schema).unwrap(), &long);
        assert!(broken.is_empty() && steps > 20 * (60 << 10) / 64, "{schema}: {steps}", schema = rule);
    }
}

#[test]
fn a_schema_that_refers_to_itself_twice_ends_when_the_steps_are_used_up() {
    let twice = json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "patternProperties": {"^a": {"$ref": "#"}},
        "allOf": [{"properties": {"a": {"$ref": "#"}}}]});
    let mut value = json!({});
    for _ in 0..15 {
        value = json!({"a": value});
    }
    let schema = Schema::new(&twice).unwrap();
    let (broken, steps) = evaluate::check(&schema, &value);
    assert_eq!(steps, bounds::STEPS);
    assert!(broken.len() == 1 && broken[0].sentence.contains("more work than is allowed"), "{broken:?}");
}

#[test]
fn large_schemas_are_as_large_as_their_text() {
    let names: Vec<String> = (0..20_000).map(|n| format!("n{n}")).collect();
    let values: Vec<u32> = (0..40_000).collect();
    let listed = Schema::new(&json!({"required": names, "properties": {"E": {"enum": values}}})).unwrap();
    let (broken, steps) = evaluate::check(&listed, &json!({"E": -1}));
    assert!((1..=32).contains(&broken.len()) && steps <= bounds::STEPS);
    assert!(broken.iter().all(|one| one.sentence.len() < 700));
    // Each list contains the next one, and each is a schema by itself.
    let mut nested = json!(vec![7; 10_000]);
    let mut pointers = Vec::new();
    for depth in 0..100 {
        nested = json!({"enum": [nested]});
        pointers.push(json!({"$ref": format!("#/$defs/E{}", "/enum/0".repeat(depth))}));
    }
    let refusal = refusal(&json!({"properties": {"A": {"anyOf": pointers}}, "$defs": {"E": nested}}));
    assert!(refusal.contains("list fewer values"), "{refusal}");
    let many: Vec<Value> = (0..5000).map(|_| json!({"type": "string"})).collect();
    assert!(self::refusal(&json!({"properties": {"A": {"prefixItems": many}}})).contains("use fewer"));
}

#[test]
fn thousands_of_patterns_are_refused_or_cost_what_they_are_worth() {
    let patterns = |n: usize, pattern: &dyn Fn(usize) -> String| {
        let properties = (0..n).map(|k| (format!("p{k}"), json!({"type": "string", "pattern": pattern(k)})));
        json!({"type": "object", "properties": properties.collect::<Map<_, _>>()})
    };
    let large = patterns(100, &|k| format!("^(?:[a-z]{{{}}}|\\p{{L}}{{9}})+$", k + 800));
    assert!(refusal(&large).contains("all patterns"), "{}", refusal(&large));
    assert!(refusal(&patterns(501, &|k| format!("^a{k}$"))).contains("500 patterns"));
    let small = Schema::new(&patterns(400, &|k| format!("^a{k}$"))).unwrap();
    let options: Map<String, Value> = (0..400).map(|k| (format!("p{k}"), json!(format!("a{k}")))).collect();
    let (broken, steps) = evaluate::check(&small, &Value::Object(options));
    assert!(broken.is_empty() && steps < bounds::STEPS, "{broken:?} {steps}");
    assert!(steps > 400 * 2000, "compiling a pattern costs: {steps}");
    // Such a text makes the engine use its slowest method, whose time grows with the size of the
    // pattern.
    let slow = Schema::new(&patterns(300, &|k| format!("(?:a|b)*a(?:a|b){{{}}}c", k / 10 + 60))).unwrap();
    let options: Map<String, Value> = (0..300).map(|k| (format!("p{k}"), json!("aabab".repeat(200)))).collect();
    let (broken, steps) = evaluate::check(&slow, &Value::Object(options));
    assert!(steps == bounds::STEPS && broken.len() == 1, "{broken:?} {steps}");
}

#[test]
fn numbers_are_compared_and_divided_exactly() {
    for (rule, value, is_valid) in [
        (json!({"multipleOf": 0.1}), json!(0.3), true),
        (json!({"multipleOf": 0.01}), json!(19.99), true),
        (json!({"multipleOf": 0.01}), json!(19.995), false),
        (json!({"multipleOf": 1e-300}), json!(1e300), true),
        (json!({"multipleOf": 1e300}), json!(1e-300), false),
        (json!({"multipleOf": 3}), json!(1e300), false),
        (json!({"multipleOf": 3e-324}), json!(u64::MAX), true),
        (json!({"multipleOf": 7}), json!(-49), true),
        (json!({"maximum": 9_007_199_254_740_992_u64}), json!(9_007_199_254_740_993_u64), false),
        (json!({"minimum": 0.5}), json!(0), false),
        (json!({"minLength": 1e300}), json!("a"), false),
        (json!({"maxLength": 1e300}), json!("a"), true),
        (json!({"const": 1}), json!(1.0), true),
        (json!({"enum": [[{"a": 2.0}]]}), json!([{"a": 2}]), true),
        (json!({"uniqueItems": true}), json!([1, 1.0]), false),
        (json!({"uniqueItems": true}), json!([{"a": 1, "b": 2}, {"b": 2, "a": 1}]), false),
        (json!({"uniqueItems": true}), json!(["1", 1, [1], true]), true),
        (json!({"type": "integer"}), json!(465.0), true),
        (json!({"type": "integer"}), json!(465.5), false),
    ] {
        assert_eq!(wrong(&rule, &value).is_empty(), is_valid, "{rule} {value}");
    }
}

/// Generates small values from few pieces, so that the schemas below apply to them.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4_i32).prop_map(Value::from),
        prop_oneof![Just(1.0), Just(0.5), Just(-2.0)].prop_map(Value::from),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab]{1,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Generates schemas with all keywords, and references to three definitions after the one they are
/// in.
fn schemas() -> impl Strategy<Value = Value> {
    let types =
        prop::sample::subsequence(vec!["null", "boolean", "object", "array", "number", "string", "integer"], 1..5);
    let small = || 0..3_u32;
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        types.prop_map(|types| json!({"type": types})),
        prop::collection::vec(values(), 0..3).prop_map(|values| json!({"enum": values})),
        values().prop_map(|value| json!({"const": value})),
        (small(), small()).prop_map(|(a, b)| json!({"minLength": a, "maxLength": b})),
        (small(), small()).prop_map(|(a, b)| json!({"minimum": a, "exclusiveMaximum": b})),
        (small(), small()).prop_map(|(a, b)| json!({"exclusiveMinimum": a, "maximum": b})),
        (small(), small()).prop_map(|(a, b)| json!({"minItems": a, "maxItems": b, "uniqueItems": true})),
        (small(), small()).prop_map(|(a, b)| json!({"minProperties": a, "maxProperties": b})),
        prop_oneof![Just(json!(0.5)), Just(json!(2))].prop_map(|step| json!({"multipleOf": step})),
        prop_oneof![Just("^a"), Just("b$"), Just("^[ab]{2}$"), Just("\\w+"), Just(".")]
            .prop_map(|p| json!({"pattern": p})),
        prop::collection::btree_set("[ab]{1,2}", 0..3).prop_map(|names| json!({"required": names})),
        prop::collection::btree_set("[ab]{1,2}", 0..3).prop_map(|names| json!({"dependentRequired": {"a": names}})),
        (0..3_u32).prop_map(|n| json!({"$ref": format!("#/$defs/d{n}")})),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..4);
        let named = || prop::collection::btree_map("[ab]{1,2}", inner.clone(), 0..3);
        prop_oneof![
            some().prop_map(|all| json!({"allOf": all})),
            some().prop_map(|all| json!({"anyOf": all})),
            some().prop_map(|all| json!({"oneOf": all})),
            inner.clone().prop_map(|one| json!({"not": one})),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| json!({"if": a, "then": b, "else": c})),
            named().prop_map(|named| json!({"properties": named})),
            (named(), inner.clone()).prop_map(|(named, others)| json!({"properties": named, "additionalProperties": others})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"patternProperties": {"^a": a, "b": b}, "additionalProperties": false})),
            named().prop_map(|named| json!({"dependentSchemas": named})),
            inner.clone().prop_map(|one| json!({"propertyNames": one})),
            inner.clone().prop_map(|one| json!({"items": one})),
            (some(), inner.clone()).prop_map(|(prefix, rest)| json!({"prefixItems": prefix, "items": rest})),
            (inner.clone(), 0..3_u32, 0..3_u32).prop_map(|(one, a, b)| json!({"contains": one, "minContains": a, "maxContains": b})),
            (some(), inner.clone()).prop_map(|(all, one)| json!({"anyOf": all, "unevaluatedProperties": one})),
            (some(), inner.clone()).prop_map(|(all, one)| json!({"allOf": all, "unevaluatedItems": one})),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, one)| json!({"if": a, "then": b, "prefixItems": [true], "unevaluatedItems": one, "unevaluatedProperties": false})),
        ]
    })
}

/// Generates references to later definitions: no schema refers back to itself.
fn ordered(schema: Value, least: u32) -> Value {
    match schema {
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| match (&*name, value.as_str()) {
                ("$ref", Some(target)) => {
                    let n: u32 = target.trim_start_matches("#/$defs/d").parse().unwrap_or(0);
                    (name, json!(format!("#/$defs/d{}", n.max(least))))
                }
                _ => (name, ordered(value, least)),
            };
            Value::Object(members.into_iter().map(member).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| ordered(item, least)).collect()),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_subset_means_what_json_schema_means(
        [root, first, second] in prop::array::uniform3(schemas()),
        values in prop::collection::vec(values(), 4),
    ) {
        let defs = json!({"d0": ordered(first, 1), "d1": ordered(second, 2), "d2": {"type": ["string", "object"]}});
        let schema = json!({"allOf": [ordered(root, 0)], "$defs": defs});
        let compiled = match Schema::new(&schema) {
            Ok(compiled) => compiled,
            Err(refusal) => return Err(TestCaseError::fail(format!("{schema}: {refusal}"))),
        };
        for value in values {
            let (broken, steps) = evaluate::check(&compiled, &value);
            prop_assert!(steps <= bounds::STEPS);
            prop_assert_eq!(broken.is_empty(), is_valid_elsewhere(&schema, &value), "{} {}: {:?}", schema, value, broken);
        }
    }

    /// References may lead anywhere, also back.
    #[test]
    fn every_schema_and_every_value_terminates(
        [root, first, second, third] in prop::array::uniform4(schemas()),
        value in values(),
        depth in 0..14_usize,
    ) {
        let schema = json!({"allOf": [root], "$defs": {"d0": first, "d1": second, "d2": third}});
        if let Ok(compiled) = Schema::new(&schema) {
            for value in [value, deep(depth)] {
                prop_assert!(evaluate::check(&compiled, &value).1 <= bounds::STEPS);
            }
        }
    }

    #[test]
    fn json_that_is_not_a_schema_is_refused_or_understood(schema in values(), value in values()) {
        let keywords = ["type", "properties", "items", "enum", "$ref", "pattern", "required", "minLength", "multipleOf", "allOf", "if"];
        for keyword in keywords {
            if let Ok(compiled) = Schema::new(&json!({keyword: schema.clone()})) {
                evaluate::check(&compiled, &value);
            }
        }
    }
}

//! Checks the manifest, beyond what loading a component requires.

use serde_json::Value;
use twofactor_sandbox::{ProviderInfo, is_map_of_texts};

use super::report::Report;
use super::schema::{ALTERNATIVES, DEPTH, combined, pointer};
use super::unknown_options;
use crate::credentials::{is_of_a_pair, is_secretive};

/// The number of findings of one rule that are shown.
const MOST_FINDINGS: usize = 16;

/// How many options are looked at: one that refers to itself contains others without end.
const LOOKS: usize = 2000;

pub(super) const MARK: &str =
    "Mark the option `\"writeOnly\": true`: only then is it masked, and withheld from `deliver`.";

pub(super) fn check(info: &ProviderInfo, report: &mut Report) {
    let manifest = &info.manifest;
    let found = Found::of(&manifest.options_schema);
    report.rule(
        "described",
        found.undescribed,
        "Give each option a `title` or a `description`: administrators see them in the form.",
    );
    report.rule("secrets-marked", found.unmarked, MARK);
    report.rule("defaults", found.defaults, "Set a default that the schema itself accepts.");
    report.rule(
        "secret-defaults",
        found.public,
        "Remove `default`, `const` and `enum` from a secret: anyone who has the component can read them.",
    );
    let mut hidden = unknown_options::of(&manifest.options_schema);
    hidden.truncate(MOST_FINDINGS);
    report.rule(
        "options-known",
        hidden,
        "Declare each option under `properties` of its object, or of a schema that its object refers to with `$ref`, `allOf`, `anyOf` or \
         `oneOf`. Conditions may restrict its value elsewhere.",
    );
    report.advise(
        "revealed",
        found.revealed,
        "Operators are warned. Remove `x-twofactor-revealed` if the host can attach the secret.",
    );
    let closed = manifest.options_schema.get("additionalProperties") == Some(&Value::Bool(false))
        || manifest.options_schema.get("unevaluatedProperties") == Some(&Value::Bool(false));
    let open = (!closed).then(|| "options that the schema does not declare are accepted".to_owned());
    report.advise(
        "closed",
        open.into_iter().collect(),
        "Set `\"additionalProperties\": false`, so that a misspelled option is reported.",
    );
}

#[derive(Default)]
struct Found {
    undescribed: Vec<String>,
    unmarked: Vec<String>,
    defaults: Vec<String>,
    /// Secrets with a value in the schema.
    public: Vec<String>,
    revealed: Vec<String>,
    /// How many options were looked at.
    looks: usize,
}

impl Found {
    fn of(schema: &Value) -> Self {
        let mut found = Self::default();
        found.look(schema, &[schema], "", DEPTH, false);
        found
    }

    fn look(&mut self, root: &Value, schemas: &[&Value], at: &str, depth: usize, in_secret: bool) {
        let Some(depth) = depth.checked_sub(1).filter(|_| self.looks < LOOKS) else { return };
        // One alternative may describe an option, and another restrict its value.
        let mut options: Vec<(&String, Vec<&Value>)> = Vec::new();
        let schemas = combined(root, schemas, &ALTERNATIVES);
        for (name, option) in schemas.iter().filter_map(|schema| schema.get("properties")?.as_object()).flatten() {
            match options.iter_mut().find(|(known, _)| *known == name) {
                Some((_, said)) => said.push(option),
                None => options.push((name, vec![option])),
            }
        }
        for (name, said) in &options {
            let at = pointer(at, name);
            self.looks += 1;
            let is_public = is_of_a_pair(name, options.iter().map(|(other, _)| other.as_str()));
            let secret = self.option(root, (name, is_public), said, &at, in_secret);
            self.look(root, said, &at, depth, secret);
        }
    }

    /// Checks an option by all schemas that apply to it, and returns whether it is a secret, or within one. `is_public` says that it may be
    /// shown although its name is that of a secret.
    fn option(
        &mut self,
        root: &Value,
        (name, is_public): (&str, bool),
        said: &[&Value],
        at: &str,
        in_secret: bool,
    ) -> bool {
        // The title of one alternative describes a value, and not the option.
        let of_option = combined(root, said, &["allOf"]);
        let all = combined(root, said, &ALTERNATIVES);
        let has = |key: &str| {
            let mut texts = of_option.iter().filter_map(|schema| schema.get(key)?.as_str());
            texts.any(|text| !text.trim().is_empty())
        };
        let marked = |key: &str| all.iter().any(|schema| schema.get(key) == Some(&Value::Bool(true)));
        // A tag that selects an alternative, which has a title of its own.
        let is_tag = said.iter().all(|schema| schema.get("const").is_some());
        if !has("title") && !has("description") && !is_tag {
            push(&mut self.undescribed, format!("`{at}` has neither title nor description"));
        }
        let secret = in_secret || marked("writeOnly");
        let mut types = all.iter().filter_map(|schema| schema.get("type")).peekable();
        let is_text = types.peek().is_none()
            || types.any(|ty| ty == "string" || ty.as_array().is_some_and(|all| all.contains(&"string".into())))
            || all.iter().any(|schema| is_map_of_texts(schema));
        // Values in the schema are public.
        let is_listed = all.iter().any(|schema| lists_values(schema));
        if is_secretive(name) && !is_public && is_text && !secret && !is_listed {
            push(&mut self.unmarked, format!("`{at}` is named like a secret, but is not marked as one"));
        }
        let is_password = all.iter().any(|schema| schema.get("format") == Some(&Value::from("password")));
        if is_password && !secret {
            push(&mut self.unmarked, format!("`{at}` has the format `password`, but is not marked as a secret"));
        }
        // An empty text means that there is no secret.
        let says_value = |schema: &&&Value| schema.get("default").is_some_and(is_value) || lists_values(schema);
        if secret && all.iter().filter(says_value).count() > 0 {
            push(&mut self.public, format!("`{at}` is a secret, and the schema contains a value of it"));
        }
        if marked("x-twofactor-revealed") {
            push(&mut self.revealed, format!("`{at}` is a secret that the component sees in `deliver`"));
        }
        for schema in of_option {
            if schema
                .get("default")
                .is_some_and(|default| twofactor_sandbox::satisfies(root, schema, default) == Some(false))
            {
                push(&mut self.defaults, format!("the default of `{at}` does not satisfy its own schema"));
            }
        }
        secret
    }
}

fn is_value(value: &Value) -> bool {
    !value.is_null() && value != ""
}

/// Returns whether a schema lists values other than none.
fn lists_values(schema: &Value) -> bool {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    listed.chain(schema.get("const")).any(is_value)
}

fn push(findings: &mut Vec<String>, finding: String) {
    if !findings.contains(&finding) {
        findings.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Found;

    /// Returns what is wrong with a schema of an object, with its properties' words left to it.
    fn wrong(schema: &Value) -> Vec<String> {
        let found = Found::of(schema);
        [found.undescribed, found.unmarked, found.defaults].concat()
    }

    fn of_properties(properties: &Value) -> Vec<String> {
        wrong(&json!({"type": "object", "properties": properties}))
    }

    #[test]
    fn rules_about_an_option_in_several_places_are_combined() {
        let password = |also: Value| {
            json!({
                "type": "object",
                "properties": {
                    "Mode": {"description": "Which."},
                    "Password": also,
                    "Server": {"title": "Server", "properties": {"Secret": {"$ref": "#/$defs/Secret"}}}
                },
                "oneOf": [
                    {"properties": {"Mode": {"const": "a"}, "Password": {"minLength": 8}}},
                    {"properties": {"Mode": {"const": "b"}, "Password": {"const": ""},
                        "Server": {"anyOf": [{"properties": {"Secret": {"minLength": 8}}}]}}}
                ],
                "$defs": {"Secret": {"type": "string", "title": "Secret", "writeOnly": true}}
            })
        };
        assert!(wrong(&password(json!({"description": "For it.", "writeOnly": true}))).is_empty());
        let said = wrong(&password(json!({"type": "string"})));
        assert_eq!(
            said,
            [
                "`/Password` has neither title nor description",
                "`/Password` is named like a secret, but is not marked as one"
            ]
        );
    }

    #[test]
    fn a_property_that_names_the_alternative_needs_no_title() {
        let alternative = |tag: &str, server: &str| json!({"properties": {"Kind": {"const": tag}}, "$ref": server});
        let schema = |server: Value| {
            json!({
                "oneOf": [alternative("a", "#/$defs/Server"), alternative("b", "#/$defs/Other")],
                "$defs": {"Server": {"properties": {"Host": server}}, "Other": {"properties": {"Port": {"title": "Port"}}}}
            })
        };
        assert!(wrong(&schema(json!({"title": "Host"}))).is_empty());
        assert_eq!(wrong(&schema(json!({}))), ["`/Host` has neither title nor description"]);
    }

    #[test]
    fn everything_within_a_secret_is_secret() {
        let inner = json!({"Password": {"type": "string", "title": "Password"}});
        assert!(of_properties(&json!({"LogIn": {"title": "A", "writeOnly": true, "properties": inner}})).is_empty());
        assert_eq!(of_properties(&json!({"LogIn": {"title": "A", "properties": inner}})).len(), 1);
    }

    #[test]
    fn words_of_an_options_values_are_not_the_options() {
        let values = json!([{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]);
        assert_eq!(of_properties(&json!({"Mode": {"oneOf": values}})).len(), 1);
        assert!(of_properties(&json!({"Mode": {"allOf": [{"title": "Mode", "oneOf": values}]}})).is_empty());
    }

    #[test]
    fn names_of_endpoints_and_public_values_are_not_secrets() {
        let text = json!({"type": "string", "title": "A"});
        for name in ["TokenHeader", "TokenAudience", "token-scope", "SecretPlacement", "TokenUrl"] {
            assert!(of_properties(&json!({name: text})).is_empty(), "{name}");
        }
        for name in ["ApiToken", "TokenValue", "ScopeSecret", "HeaderPassword"] {
            assert_eq!(of_properties(&json!({name: text})).len(), 1, "{name}");
        }
        for listed in [
            json!({"title": "A", "enum": ["header", "body"]}),
            json!({"title": "A", "const": "header"}),
            json!({"title": "A", "type": "string", "oneOf": [{"const": "header"}, {"const": "body"}]}),
        ] {
            assert!(of_properties(&json!({"SendTokenIn": listed})).is_empty(), "{listed}");
        }
    }

    #[test]
    fn a_key_is_no_secret_if_its_secret_is_an_option_beside_it() {
        let text = json!({"type": "string", "title": "A"});
        let secret = json!({"type": "string", "title": "A", "writeOnly": true});
        for (key, beside) in [("VonageApiKey", "VonageApiSecret"), ("api_key", "api_secret"), ("ApiKey", "API-Secret")]
        {
            assert!(of_properties(&json!({key: text, beside: secret})).is_empty(), "{key}");
            // The secret itself has to be marked.
            assert_eq!(of_properties(&json!({key: text, beside: text})).len(), 1, "{beside}");
        }
        for beside in ["OtherSecret", "ApiKeySecret", "Secret"] {
            assert_eq!(of_properties(&json!({"ApiKey": text, beside: secret})).len(), 1, "{beside}");
        }
        let inner = json!({"ApiSecret": secret});
        assert_eq!(of_properties(&json!({"ApiKey": text, "A": {"title": "A", "properties": inner}})).len(), 1);
    }

    #[test]
    fn a_default_is_validated_wherever_its_reference_leads() {
        for id in [json!(null), json!("https://example.com/options"), json!("options.json#")] {
            let schema = |default: Value| {
                let mut schema = json!({
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "type": "object",
                    "properties": {
                        "Port": {"$ref": "#/definitions/Port", "title": "Port", "default": default},
                        "Other": {"$ref": "#/properties/Port", "title": "Other"}
                    },
                    "required": ["Port"],
                    "definitions": {"Port": {"$ref": "#/$defs/Number"}},
                    "$defs": {"Number": {"type": "integer", "maximum": 65535}}
                });
                if !id.is_null() {
                    schema["$id"] = id.clone();
                }
                schema
            };
            assert!(wrong(&schema(json!(465))).is_empty(), "{id}");
            assert_eq!(wrong(&schema(json!("465"))).len(), 2, "{id}");
            assert_eq!(wrong(&schema(json!(65_536))).len(), 2, "{id}");
        }
    }
}

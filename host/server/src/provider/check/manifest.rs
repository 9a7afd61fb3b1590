//! What a component says of itself, beyond what loading it demands.

use serde_json::{Map, Value};
use twofactor::ProviderInfo;

use super::report::Report;
use crate::provider::credentials::is_secretive;

/// How deep a schema is followed.
const DEPTH: usize = 8;

pub(super) const MARK: &str = "Mark it `\"writeOnly\": true`: only then is it masked, and kept from `deliver`.";

pub(super) fn judge(info: &ProviderInfo, report: &mut Report) {
    let manifest = &info.manifest;
    let mut found = Found::default();
    found.look(&manifest.options_schema, &manifest.options_schema, "", DEPTH);
    report.judge(
        "described",
        found.undescribed,
        "Give each option a `title` or a `description`: they are what the administrator sees.",
    );
    report.judge("secrets-marked", found.unmarked, MARK);
    report.judge("defaults", found.defaults, "Give a default that the schema itself accepts.");
    report.advise(
        "revealed",
        found.revealed,
        "The operator is told. Leave `x-twofactor-revealed` out if the host can attach the secret.",
    );
    let closed = manifest.options_schema.get("additionalProperties") == Some(&Value::Bool(false))
        || manifest.options_schema.get("unevaluatedProperties") == Some(&Value::Bool(false));
    let open = (!closed).then(|| "options that the schema does not know are accepted".to_owned());
    report.advise(
        "closed",
        open.into_iter().collect(),
        "Say `\"additionalProperties\": false`, so that a misspelt option is a problem and not silence.",
    );
}

#[derive(Default)]
struct Found {
    undescribed: Vec<String>,
    unmarked: Vec<String>,
    defaults: Vec<String>,
    revealed: Vec<String>,
}

impl Found {
    fn look(&mut self, root: &Value, schema: &Value, at: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let schema = followed(root, schema);
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            self.option(root, name, property, &at);
            self.look(root, property, &at, depth);
        }
        for key in ["oneOf", "anyOf", "allOf"] {
            for one in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.look(root, one, at, depth);
            }
        }
    }

    fn option(&mut self, root: &Value, name: &str, property: &Value, at: &str) {
        // What stands beside a reference counts with what it refers to.
        let empty = Map::new();
        let (own, referred) = (property.as_object().unwrap_or(&empty), followed(root, property));
        let get = |key: &str| own.get(key).or_else(|| referred.get(key));
        let has = |key: &str| get(key).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
        let marked = |key: &str| get(key) == Some(&Value::Bool(true));
        if !has("title") && !has("description") {
            push(&mut self.undescribed, format!("`{at}` has neither title nor description"));
        }
        let is_text = get("type")
            .is_none_or(|ty| ty == "string" || ty.as_array().is_some_and(|all| all.contains(&"string".into())));
        if is_secretive(name) && is_text && !marked("writeOnly") && get("const").is_none() {
            push(&mut self.unmarked, format!("`{at}` has the name of a secret and is not marked as one"));
        }
        if marked("x-twofactor-revealed") {
            push(&mut self.revealed, format!("`{at}` is a secret that the component sees when it delivers"));
        }
        if let Some(default) = get("default") {
            let mut alone = property.clone();
            if let (Some(object), Some(defs)) = (alone.as_object_mut(), root.get("$defs")) {
                object.insert("$defs".to_owned(), defs.clone());
            }
            let fits = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&alone);
            if !fits.is_ok_and(|schema| schema.is_valid(default)) {
                push(&mut self.defaults, format!("the default of `{at}` does not satisfy its own schema"));
            }
        }
    }
}

fn push(sentences: &mut Vec<String>, sentence: String) {
    if !sentences.contains(&sentence) {
        sentences.push(sentence);
    }
}

fn followed<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

//! The description of a change in the audit log: each field before and after, bounded in length. Of
//! secrets it only says that they changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::instance::Instances;
use twofactor_sandbox::escape;

/// The maximum length of a value, and of the whole, in characters.
const VALUE: usize = 200;
const WHOLE: usize = 4000;

/// A shorter secret may occur in any text by chance.
const TELLING: usize = 6;

/// The changed fields: a JSON object of `[before, after]` by pointer.
#[derive(Default)]
pub(crate) struct Changes {
    fields: Map<String, Value>,
    length: usize,
    left_out: usize,
    secrets: Vec<String>,
}

impl Changes {
    /// Adds the change of a field, if there is one.
    pub(crate) fn field(
        mut self,
        pointer: &str,
        before: Option<impl Serialize>,
        after: Option<impl Serialize>,
    ) -> Self {
        let (before, after) = (before.as_ref().map(value), after.as_ref().map(value));
        self.note(pointer, &before.unwrap_or_default(), &after.unwrap_or_default());
        self
    }

    /// Adds the change of a field without its values.
    pub(crate) fn withheld<T: PartialEq>(mut self, pointer: &str, before: &T, after: &T) -> Self {
        if before != after {
            self.push(pointer, Value::from("changed"));
        }
        self
    }

    /// Adds the change of options. The type's schema says which are secrets.
    pub(crate) fn options(
        mut self,
        instances: &Instances,
        type_id: &str,
        at: &str,
        before: &Value,
        after: &Value,
    ) -> Self {
        for options in [before, after] {
            self.secrets.extend(instances.secrets(type_id, options).into_iter().filter(|text| text.len() >= TELLING));
        }
        let fields = |options: &Value| {
            let mut fields = BTreeMap::new();
            let masked = instances.masked(type_id, options);
            for (name, value) in options.as_object().into_iter().flatten() {
                leaves(value, masked.get(name), &format!("{at}/{}", escape(name)), &mut fields);
            }
            fields
        };
        let (before, after) = (fields(before), fields(after));
        let pointers: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for pointer in pointers {
            match (before.get(pointer), after.get(pointer)) {
                (Some(old), Some(new)) if old.value == new.value => {}
                (old, new) if old.or(new).is_some_and(|it| it.secret) || new.is_some_and(|it| it.secret) => {
                    let word = match (old, new) {
                        (None, _) => "entered",
                        (_, None) => "removed",
                        _ => "changed",
                    };
                    self.push(pointer, Value::from(word));
                }
                (old, new) => {
                    let value = |leaf: Option<&Leaf>| leaf.map_or(Value::Null, |leaf| leaf.value.clone());
                    self.note(pointer, &value(old), &value(new));
                }
            }
        }
        self
    }

    fn note(&mut self, pointer: &str, before: &Value, after: &Value) {
        if before != after {
            let pair = json!([self.shown(before), self.shown(after)]);
            self.push(pointer, pair);
        }
    }

    /// Returns a value that may be displayed: somebody may have typed a secret into the wrong
    /// field.
    fn shown(&self, value: &Value) -> Value {
        let text = value.to_string();
        if self.secrets.iter().any(|secret| text.contains(json!(secret).to_string().trim_matches('"'))) {
            return Value::from("(contains a secret)");
        }
        if text.chars().count() > VALUE { Value::from(cut(&text)) } else { value.clone() }
    }

    fn push(&mut self, pointer: &str, value: Value) {
        let pointer = if pointer.chars().count() > VALUE { cut(pointer) } else { pointer.to_owned() };
        let length = pointer.chars().count() + value.to_string().chars().count() + 4;
        if self.length + length > WHOLE {
            self.left_out += 1;
            return;
        }
        self.length += length;
        self.fields.insert(pointer, value);
    }

    /// Returns the text for the audit log.
    pub(crate) fn text(mut self) -> String {
        if self.left_out > 0 {
            self.fields.insert("more".to_owned(), Value::from(self.left_out));
        }
        Value::Object(self.fields).to_string()
    }
}

struct Leaf {
    value: Value,
    secret: bool,
}

/// Anything that a mask hides is a secret, whatever the rule.
fn leaves(open: &Value, masked: Option<&Value>, at: &str, out: &mut BTreeMap<String, Leaf>) {
    match (open, masked) {
        (Value::Object(fields), Some(Value::Object(masks))) if !fields.is_empty() => {
            for (name, value) in fields {
                leaves(value, masks.get(name), &format!("{at}/{}", escape(name)), out);
            }
        }
        _ => {
            out.insert(at.to_owned(), Leaf { value: open.clone(), secret: Some(open) != masked });
        }
    }
}

fn value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn cut(text: &str) -> String {
    text.chars().take(VALUE).chain(['…']).collect()
}

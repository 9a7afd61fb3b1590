//! Two people changed the same: what differs is shown, and chosen field by field.
//!
//! A form carries what it was made from (`was`). With that, and with what is stored now, it is known who changed what: what only one
//! of the two changed is taken from that one; what both changed is chosen.

use maud::{Markup, html};
use serde_json::{Map, Value};
use twofactor::instance::MASK;

use super::form_replies::Outcome;
use super::person::Person;
use super::posted::Posted;
use super::schema::{Field, redacted};
use crate::wording::Language;

/// The field that carries what a form was made from.
const WAS: &str = "was";

/// The prefix of the name of the field with the choice for a place.
const CHOICE: &str = "choose:";

/// A place that both changed.
#[derive(Debug, PartialEq)]
struct Difference {
    /// JSON Pointer into the form's values.
    pointer: String,
    mine: Value,
    theirs: Value,
}

/// A form that changes something, and the stored state that it was made from.
pub(super) struct Edited {
    pub(super) values: Value,
    was: String,
    revision: String,
    differences: Vec<Difference>,
}

impl Edited {
    /// Creates what is stored at `revision`; or if the form was sent and comes back, what was typed into it.
    pub(super) fn of(person: &Person, revision: u64, stored: Value, typed: impl Fn(&Posted) -> Value) -> Self {
        let posted = person.posted();
        let made_now = |values: Value, differences: Vec<Difference>| Self {
            values,
            was: stored.to_string(),
            revision: revision.to_string(),
            differences,
        };
        match (posted.get("revision"), person.outcome()) {
            (Some(_), Some(Outcome::Conflict)) => {
                let (values, differences) = merge(posted, &typed(posted), &stored);
                made_now(values, differences)
            }
            (Some(earlier), _) => Self {
                values: typed(posted),
                was: posted.get(WAS).unwrap_or_default().to_owned(),
                revision: earlier.to_owned(),
                differences: Vec::new(),
            },
            (None, _) => made_now(stored.clone(), Vec::new()),
        }
    }

    /// Returns the hidden fields, and what is to be chosen. `fields` are those of the options.
    pub(super) fn fields(&self, l: Language, fields: &[Field]) -> Markup {
        html! {
            input type="hidden" name="revision" value=(self.revision);
            // It contains no secret: those are masked.
            input type="hidden" name=(WAS) value=(self.was);
            (choices(l, fields, &self.differences))
        }
    }
}

/// Brings together what was typed and what is stored now. Answers with what both changed, which has the value that was typed.
fn merge(posted: &Posted, mine: &Value, theirs: &Value) -> (Value, Vec<Difference>) {
    let was = posted.get(WAS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let mut differences = Vec::new();
    let merged = merge_at(String::new(), &was, mine, theirs, &mut differences);
    (merged, differences)
}

fn merge_at(pointer: String, was: &Value, mine: &Value, theirs: &Value, differences: &mut Vec<Difference>) -> Value {
    if let (Value::Object(ours), Value::Object(other)) = (mine, theirs) {
        let names: Vec<&String> = ours.keys().chain(other.keys().filter(|name| !ours.contains_key(*name))).collect();
        let merged = names.into_iter().filter_map(|name| {
            let place = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            let value = merge_at(place, &was[name], &mine[name], &theirs[name], differences);
            (!value.is_null()).then(|| (name.clone(), value))
        });
        return Value::Object(merged.collect::<Map<_, _>>());
    }
    if mine == theirs || mine == was {
        return theirs.clone();
    }
    if theirs != was {
        differences.push(Difference { pointer, mine: mine.clone(), theirs: theirs.clone() });
    }
    mine.clone()
}

/// Returns the choices, above a form. `fields` are those of its options.
fn choices(l: Language, fields: &[Field], differences: &[Difference]) -> Markup {
    html! {
        @if !differences.is_empty() {
            fieldset.conflict {
                legend { (l.say("You and another user changed the following values. Which should be saved?", "Sie und ein anderer Benutzer haben die folgenden Werte geändert. Welche sollen gespeichert werden?")) }
                @for one in differences {
                    @let name = format!("{CHOICE}{}", one.pointer);
                    @let (mine, theirs) = (one.redacted(l, fields, &one.mine), one.redacted(l, fields, &one.theirs));
                    div.choice role="group" aria-label=(one.label()) {
                        strong { (one.label()) }
                        label.inline { input type="radio" name=(name) value="mine" checked;
                            span { (l.say("Your value: ", "Ihr Wert: ")) (shown(l, &mine)) } }
                        label.inline { input type="radio" name=(name) value="theirs";
                            span { (l.say("Saved value: ", "Gespeicherter Wert: ")) (shown(l, &theirs)) } }
                    }
                }
            }
        }
    }
}

impl Difference {
    /// No secret is shown, not even one that was typed.
    fn redacted(&self, l: Language, fields: &[Field], value: &Value) -> Value {
        if value == MASK {
            return value.clone();
        }
        let path: Vec<&str> = self.pointer.split('/').skip(1).collect();
        match path.split_first() {
            Some((&"options", rest)) => redacted(fields, rest, value, l.say("Hidden", "Verborgen")),
            _ => value.clone(),
        }
    }

    fn label(&self) -> String {
        let parts = self.pointer.split('/').filter(|part| !part.is_empty());
        let names: Vec<String> = parts.map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        match &names[..] {
            [form, rest @ ..] if !rest.is_empty() && matches!(&**form, "options" | "policy") => rest.join(" · "),
            all => all.join(" · "),
        }
    }
}

fn shown(l: Language, value: &Value) -> Markup {
    html! {
        @match value {
            Value::Null => { em { (l.say("None", "Keiner")) } }
            Value::String(text) if text == MASK => { em { (l.say("Stored secret", "Gespeichertes Geheimnis")) } }
            Value::String(text) => { code { (text) } }
            Value::Bool(true) => { (l.say("Yes", "Ja")) }
            Value::Bool(false) => { (l.say("No", "Nein")) }
            other => { code { (other) } }
        }
    }
}

/// Puts in what was chosen of `theirs`.
pub(super) fn resolve(posted: &Posted, typed: &mut Value, theirs: &Value) {
    for (name, choice) in posted.iter() {
        let Some(pointer) = name.strip_prefix(CHOICE).filter(|_| choice == "theirs") else { continue };
        let Some((parent, last)) = pointer.rsplit_once('/') else { continue };
        let last = last.replace("~1", "/").replace("~0", "~");
        let chosen = theirs.pointer(pointer);
        match (typed.pointer_mut(parent), chosen) {
            (Some(Value::Object(parent)), Some(chosen)) => drop(parent.insert(last, chosen.clone())),
            (Some(Value::Object(parent)), None) => drop(parent.remove(&last)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(was: &Value, mine: &Value, theirs: &Value) -> (Value, Vec<String>) {
        let posted = Posted::of(&[(WAS, &was.to_string())]);
        let (merged, differences) = merge(&posted, mine, theirs);
        (merged, differences.into_iter().map(|one| one.pointer).collect())
    }

    #[test]
    fn one_sided_changes_are_merged_and_conflicting_ones_are_chosen() {
        let was = json!({"a": 1, "b": 1, "c": 1, "d": 1, "e": {"f": 1, "g": 1}});
        let mine = json!({"a": 2, "b": 1, "c": 2, "d": 2, "e": {"f": 2, "g": 1}});
        let theirs = json!({"a": 1, "b": 3, "c": 3, "d": 2, "e": {"f": 3, "g": 3}});
        let (merged, both) = merged(&was, &mine, &theirs);
        assert_eq!(merged, json!({"a": 2, "b": 3, "c": 2, "d": 2, "e": {"f": 2, "g": 3}}));
        assert_eq!(both, ["/c", "/e/f"]);
    }

    #[test]
    fn what_is_added_or_removed_on_one_side_stays_so() {
        let (value, both) = merged(&json!({"a": 1}), &json!({"a": 1, "b": 2}), &json!({}));
        assert_eq!((value, both.len()), (json!({"b": 2}), 0));
    }

    #[test]
    fn a_choice_puts_in_what_is_stored() {
        let theirs = json!({"options": {"a/b": "theirs", "s": MASK}});
        let mut typed = json!({"options": {"a/b": "mine", "s": "typed", "x": 1}});
        let posted = Posted::of(&[
            ("choose:/options/a~1b", "theirs"),
            ("choose:/options/s", "theirs"),
            ("choose:/options/x", "mine"),
            ("choose:/nowhere/else", "theirs"),
        ]);
        resolve(&posted, &mut typed, &theirs);
        assert_eq!(typed, json!({"options": {"a/b": "theirs", "s": MASK, "x": 1}}));
    }
}

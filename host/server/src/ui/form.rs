//! Options as a form.

use maud::{Markup, html};
use serde_json::Value;
use twofactor::instance::MASK;
use twofactor::sandbox::FieldError;

use super::schema::{Choice, Field, Kind};
use crate::wording::{Language, sentence, spoken};

/// Shows options as a form.
#[derive(Clone, Copy)]
pub(super) struct Form<'a> {
    pub(super) language: Language,
    /// The values that apply to options that are left out, with secrets masked, and whatever else the person may not read.
    pub(super) inherited: &'a Value,
    /// The source of these values.
    pub(super) inherited_from: &'static str,
    pub(super) problems: &'a [FieldError],
    /// For those who may look but not change.
    pub(super) disabled: bool,
}

/// The place of a field, in the form and in the options.
struct FieldPlace {
    name: String,
    pointer: String,
}

impl FieldPlace {
    fn within(&self, field: &str) -> Self {
        Self { name: format!("{}/{field}", self.name), pointer: format!("{}/{field}", self.pointer) }
    }

    fn alternative(&self, value: &str) -> Self {
        Self { name: format!("{}/{value}", self.name), pointer: self.pointer.clone() }
    }
}

impl Form<'_> {
    /// Several forms of one page differ in `at`.
    pub(super) fn show(&self, fields: &[Field], at: &str, values: &Value) -> Markup {
        let root = FieldPlace { name: at.to_owned(), pointer: String::new() };
        html! {
            @for field in fields {
                (self.field(field, &root.within(&field.name), &values[&field.name], &self.inherited[&field.name]))
            }
        }
    }

    /// Returns what is wrong with no option that has a field.
    pub(super) fn other_problems(&self, fields: &[Field]) -> Vec<&FieldError> {
        let has_field = |problem: &&FieldError| {
            fields.iter().any(|field| {
                let rest = problem.pointer.strip_prefix('/').and_then(|text| text.strip_prefix(&*field.name));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        self.problems.iter().filter(|problem| !has_field(problem)).collect()
    }

    fn field(&self, field: &Field, place: &FieldPlace, value: &Value, inherited: &Value) -> Markup {
        let is_map = matches!(field.kind, Kind::Map { .. });
        let is_here = |problem: &&FieldError| {
            let rest = problem.pointer.strip_prefix(&*place.pointer);
            rest.is_some_and(|rest| rest.is_empty() || is_map && rest.starts_with('/'))
        };
        let problems: Vec<&FieldError> = self.problems.iter().filter(is_here).collect();
        let (help, error) = (format!("{}-help", place.name), format!("{}-error", place.name));
        let mut described = Vec::new();
        let has_notes = !field.help.is_empty() || !inherited.is_null() || field.link.is_some();
        if has_notes {
            described.push(help.as_str());
        }
        if !problems.is_empty() {
            described.push(error.as_str());
        }
        let described = (!described.is_empty()).then(|| described.join(" "));
        let l = self.language;
        let heading = html! {
            (field.label)
            @if !field.required || !inherited.is_null() { " " span.optional { (l.say("optional", "optional")) } }
        };
        let notes = html! {
            @if has_notes {
                div.help id=(help) {
                    (spoken(l, &field.help))
                    @if let Some(link) = &field.link { " " (vendor_link(l, link)) }
                    @if !inherited.is_null() { " " (self.inherits(&field.kind, inherited)) }
                }
            }
            @if !problems.is_empty() {
                div.error id=(error) {
                    @for problem in &problems {
                        p { @if let Some(row) = row_of(problem, place) { (row) ": " } (spoken(l, &problem.detail)) }
                    }
                }
            }
        };
        match &field.kind {
            Kind::Group(fields) => html! {
                fieldset.group aria-describedby=[described] disabled[self.disabled] {
                    legend { (heading) }
                    (notes)
                    @for inner in fields { (self.field(inner, &place.within(&inner.name), &value[&inner.name], &Value::Null)) }
                    (self.paste(place, value))
                }
            },
            Kind::Union { key, alternatives } => {
                // If a choice is required, the first one is preselected.
                let needed = field.required && inherited.is_null() && value.is_null();
                let first = alternatives.first().filter(|_| needed).map(|one| &*one.value);
                let chosen = value[key].as_str().or(first);
                html! {
                    fieldset.group.union aria-describedby=[described] disabled[self.disabled] {
                        legend { (heading) }
                        (notes)
                        @if !field.required || !inherited.is_null() {
                            div.alternative {
                                label.inline { input type="radio" name=(place.name) value="" checked[chosen.is_none()];
                                    @if inherited.is_null() { (l.say("Not set", "Nicht gesetzt")) }
                                    @else { (self.inherited_from) } }
                            }
                        }
                        @for one in alternatives {
                            @let here = place.alternative(&one.value);
                            @let own = if chosen == Some(&one.value) { value } else { &Value::Null };
                            div.alternative {
                                label.inline { input type="radio" name=(place.name) value=(one.value) checked[chosen == Some(&one.value)];
                                    strong { (one.value) } @if !one.help.is_empty() { span.help { (spoken(l, &one.help)) } } }
                                div.panel { @for inner in &one.fields { (self.field(inner, &here.within(&inner.name), &own[&inner.name], &Value::Null)) } }
                            }
                        }
                        (self.paste(place, value))
                    }
                }
            }
            Kind::Map { labels, by_country } => html! {
                fieldset.group.map aria-describedby=[described] disabled[self.disabled] {
                    legend { (heading) }
                    (notes)
                    (self.rows(place, value, labels, *by_country, &problems))
                }
            },
            _ => html! {
                div.field.invalid[!problems.is_empty()] {
                    label for=(place.name) { (heading) }
                    (self.input(field, place, value, inherited, described.as_deref(), !problems.is_empty()))
                    (notes)
                }
            },
        }
    }

    fn input(
        &self,
        field: &Field,
        place: &FieldPlace,
        value: &Value,
        inherited: &Value,
        described: Option<&str>,
        invalid: bool,
    ) -> Markup {
        let (name, l, disabled) = (&place.name, self.language, self.disabled);
        let invalid = invalid.then_some("true");
        let text = shown(value);
        let kind = &field.kind;
        let usual =
            field.default.as_ref().filter(|_| inherited.is_null()).filter(|value| !value.is_object()).map(shown);
        match kind {
            Kind::Text { input, max } => html! {
                input id=(name) name=(name) type="text" inputmode=[(*input != "text").then_some(*input)] value=(text) maxlength=[*max] placeholder=[&usual] autocomplete="off" spellcheck="false" aria-describedby=[described] aria-invalid=[invalid] disabled[disabled];
            },
            Kind::Secret { max } => {
                let stored = value.as_str() == Some(MASK);
                html! {
                    input id=(name) name=(name) type="password" value=(if stored { "" } else { &text }) maxlength=[*max] autocomplete="new-password"
                        placeholder=[stored.then(|| if disabled { l.say("Stored", "Gespeichert") } else { l.say("Stored; leave empty to keep", "Gespeichert; zum Beibehalten leer lassen") })]
                        aria-describedby=[described] aria-invalid=[invalid] disabled[disabled];
                    @if stored && !disabled {
                        label.inline { input type="checkbox" name={ (name) "#remove" } value="yes"; (l.say("Remove stored value", "Gespeicherten Wert entfernen")) }
                    }
                }
            }
            Kind::Number => html! {
                input id=(name) name=(name) type="text" inputmode="numeric" value=(text) placeholder=[&usual] autocomplete="off"
                    aria-describedby=[described] aria-invalid=[invalid] disabled[disabled];
            },
            Kind::Flag => html! {
                select id=(name) name=(name) aria-describedby=[described] aria-invalid=[invalid] disabled[disabled] {
                    option value="" selected[value.is_null()] {
                        @match &field.default {
                            Some(Value::Bool(usual)) if inherited.is_null() => { (self.language.say("Default: ", "Standard: ")) (self.word(*usual)) }
                            _ => { (self.unset(inherited)) }
                        }
                    }
                    option value="true" selected[value == &Value::Bool(true)] { (l.say("Yes", "Ja")) }
                    option value="false" selected[value == &Value::Bool(false)] { (l.say("No", "Nein")) }
                }
            },
            Kind::Choice(choices) => html! {
                select id=(name) name=(name) aria-describedby=[described] aria-invalid=[invalid] disabled[disabled] {
                    option value="" selected[value.is_null()] { (self.unset(inherited)) }
                    @for choice in choices { option value=(choice.value) selected[value.as_str() == Some(&choice.value)] { (choice_text(l, choice)) } }
                    @if !value.is_null() && !choices.iter().any(|choice| value.as_str() == Some(&choice.value)) {
                        option value=(text) selected { (text) }
                    }
                }
            },
            Kind::Lines | Kind::Json | Kind::Map { .. } | Kind::Group(_) | Kind::Union { .. } => {
                let text = match (kind, value) {
                    (Kind::Lines, Value::Array(lines)) => lines.iter().map(shown).collect::<Vec<_>>().join("\n"),
                    (_, Value::Object(_) | Value::Array(_)) => format!("{value:#}"),
                    _ => text,
                };
                html! {
                    textarea id=(name) name=(name) rows="4" spellcheck="false" aria-describedby=[described] aria-invalid=[invalid] disabled[disabled] { (text) }
                }
            }
        }
    }

    /// The rows of a map, and an empty one to add another without a script.
    fn rows(
        &self,
        place: &FieldPlace,
        value: &Value,
        labels: &[String; 2],
        by_country: bool,
        problems: &[&FieldError],
    ) -> Markup {
        let l = self.language;
        let [name, text] = labels;
        let name_label = match (by_country, &**name) {
            (true, _) => html! { (l.say("Country code, such as CH", "Ländercode wie CH")) },
            (false, "") => html! { (l.say("Name", "Name")) },
            (false, name) => spoken(l, name),
        };
        let text_label = if text.is_empty() {
            html! { (l.say("Value", "Wert")) }
        } else {
            spoken(l, text)
        };
        // What is not a map was stored over the API; it stays until it is changed.
        let mut rows: Vec<(String, String)> = match value {
            Value::Object(map) => map.iter().map(|(name, text)| (name.clone(), shown(text))).collect(),
            Value::Null => Vec::new(),
            other => vec![(String::new(), shown(other))],
        };
        if !self.disabled {
            rows.push(Default::default());
        }
        let is_invalid = |row: &str| problems.iter().any(|problem| row_of(problem, place).as_deref() == Some(row));
        let ids = ["key", "value"].map(|part| format!("{}#{part}", place.name));
        html! {
            div.row { span id={ (ids[0]) "-label" } { (name_label) } span id={ (ids[1]) "-label" } { (text_label) } }
            @for (n, (name, text)) in rows.iter().enumerate() {
                @let invalid = (!(name.is_empty() && text.is_empty()) && is_invalid(name)).then_some("true");
                div.row role="group" aria-label={ (l.say("Row ", "Zeile ")) (n + 1) } {
                    input name=(ids[0]) type="text" value=(name) maxlength=[by_country.then_some("2")] autocomplete="off" spellcheck="false" aria-labelledby={ (ids[0]) "-label" } aria-invalid=[invalid];
                    input name=(ids[1]) type="text" value=(text) autocomplete="off" spellcheck="false" aria-labelledby={ (ids[1]) "-label" } aria-invalid=[invalid];
                }
            }
            @if !self.disabled {
                div.help { (l.say("Save to get another empty row. A row with two empty fields is removed.", "Nach dem Speichern erscheint eine weitere leere Zeile. Eine Zeile mit zwei leeren Feldern wird entfernt.")) }
            }
        }
    }

    fn word(&self, flag: bool) -> &'static str {
        if flag { self.language.say("Yes", "Ja") } else { self.language.say("No", "Nein") }
    }

    fn unset(&self, inherited: &Value) -> &'static str {
        if inherited.is_null() { self.language.say("Not set", "Nicht gesetzt") } else { self.inherited_from }
    }

    /// An object can be pasted whole, as the documentation of an upstream shows it.
    fn paste(&self, place: &FieldPlace, value: &Value) -> Markup {
        let l = self.language;
        let name = format!("{}#json", place.name);
        html! {
            @if !self.disabled {
                details.paste open[value.is_string()] {
                    summary { (l.say("Paste JSON", "JSON einfügen")) }
                    label for=(name) { (l.say("Replaces the fields above.", "Ersetzt die Felder oben.")) }
                    textarea id=(name) name=(name) rows="8" spellcheck="false" { (value.as_str().unwrap_or_default()) }
                }
            }
        }
    }

    fn inherits(&self, kind: &Kind, inherited: &Value) -> Markup {
        let l = self.language;
        let text = match (kind, inherited) {
            (Kind::Secret { .. }, _) => l.say("Secret", "Geheimnis").to_owned(),
            (_, Value::String(text)) if text == MASK => l.say("value set", "Wert vorhanden").to_owned(),
            (Kind::Union { key, .. }, _) => shown(&inherited[key]),
            (Kind::Map { .. }, Value::Object(map)) => {
                map.iter().map(|(name, text)| format!("{name}: {}", shown(text))).collect::<Vec<_>>().join(", ")
            }
            (_, Value::Bool(true)) => l.say("Yes", "Ja").to_owned(),
            (_, Value::Bool(false)) => l.say("No", "Nein").to_owned(),
            _ => shown(inherited),
        };
        html! { span.inherited { (self.inherited_from) ": " (text) } }
    }
}

/// Returns the name of the row of a map that a problem is about; `None` if it is about the whole.
fn row_of(problem: &FieldError, map: &FieldPlace) -> Option<String> {
    let row = problem.pointer.strip_prefix(&*map.pointer)?.strip_prefix('/')?;
    Some(row.replace("~1", "/").replace("~0", "~"))
}

/// Returns a link to another site, with its name: who follows it should know where to.
fn vendor_link(l: Language, link: &str) -> Markup {
    let host = url::Url::parse(link).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    html! { a href=(link) rel="noopener noreferrer external" { (l.say("Learn more at", "Mehr dazu auf")) " " (host) } }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns what a person chooses: the value, and what it means.
fn choice_text(l: Language, choice: &Choice) -> String {
    match choice.label.strip_prefix(&choice.value).and_then(|rest| rest.strip_prefix(": ")) {
        Some(meaning) => format!("{}: {}", choice.value, sentence(l, meaning)),
        None => sentence(l, &choice.label),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ui::schema::fields;

    #[test]
    fn invalid_pasted_json_is_shown_unchanged() {
        let server = json!({"type": "object", "oneOf": [
            {"properties": {"MailType": {"const": "SMTP"}, "Host": {"type": "string"}}},
            {"properties": {"MailType": {"const": "M365"}}}
        ]});
        let schema = json!({"type": "object", "properties": {"Server": server}});
        let broken = json!({"Server": "{broken"});
        let form = Form {
            language: Language::English,
            inherited: &Value::Null,
            inherited_from: "",
            problems: &[],
            disabled: false,
        };
        let shown = form.show(&fields(&schema), "", &broken).into_string();
        assert!(shown.contains("{broken</textarea>") && shown.contains("<details class=\"paste\" open>"), "{shown}");
    }

    #[test]
    fn a_map_has_a_row_for_each_text_and_an_empty_one() {
        let schema = json!({"type": "object", "properties": {"Senders": {"type": "object", "title": "Senders",
            "propertyNames": {"pattern": "^[A-Z]{2}$"}, "additionalProperties": {"type": "string", "title": "Sender"}}}});
        let problems =
            [FieldError::new("/Senders/US", "must not be longer"), FieldError::new("/Senders", "has too many")];
        let form = Form {
            language: Language::English,
            inherited: &json!({"Senders": {"AT": "Base"}}),
            inherited_from: "Base settings",
            problems: &problems,
            disabled: false,
        };
        let fields = fields(&schema);
        let page =
            |form: Form<'_>| form.show(&fields, "", &json!({"Senders": {"CH": "\"><b>", "US": "+1500"}})).into_string();
        let shown = page(form);
        assert_eq!(shown.matches("name=\"/Senders#key\"").count(), 3, "{shown}");
        assert_eq!(shown.matches("name=\"/Senders#value\"").count(), 3);
        assert_eq!(shown.matches("aria-invalid").count(), 2, "only the two fields of one row: {shown}");
        for text in [
            "value=\"CH\"",
            "&quot;&gt;&lt;b&gt;",
            "US: must not be longer",
            "<p>has too many",
            "Base settings: AT: Base",
        ] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        assert!(form.other_problems(&fields).is_empty());
        assert_eq!(page(Form { disabled: true, ..form }).matches("name=\"/Senders#key\"").count(), 2);
    }

    #[test]
    fn of_a_masked_value_only_that_it_is_set_is_shown() {
        let server = json!({"type": "object", "oneOf": [
            {"properties": {"MailType": {"const": "SMTP"}}},
            {"properties": {"MailType": {"const": "M365"}}}
        ]});
        let schema = json!({"type": "object", "properties": {
            "Name": {"type": "string"}, "Retries": {"type": "integer"}, "Flag": {"type": "boolean"}, "Server": server}});
        let form = Form {
            language: Language::German,
            inherited: &json!({"Name": MASK, "Retries": MASK, "Flag": MASK, "Server": MASK}),
            inherited_from: "Basiseinstellungen",
            problems: &[],
            disabled: false,
        };
        let shown = form.show(&fields(&schema), "", &json!({})).into_string();
        assert_eq!(shown.matches("Basiseinstellungen: Wert vorhanden").count(), 4, "{shown}");
        assert!(!shown.contains(MASK), "{shown}");
    }

    #[test]
    fn stored_secrets_and_texts_of_providers_are_displayed_as_plain_text() {
        let schema = json!({"type": "object", "properties": {
            "Key": {"type": "string", "writeOnly": true, "description": "<script>alert(1)</script>"},
            "A\"><b>": {"type": "string", "title": "<i>"}
        }});
        let fields = fields(&schema);
        let problems = [FieldError::new("/Key", "<u>no</u>")];
        let form = Form {
            language: Language::German,
            inherited: &Value::Null,
            inherited_from: "",
            problems: &problems,
            disabled: false,
        };
        let shown = form.show(&fields, "", &json!({"Key": MASK, "A\"><b>": "\"><img src=x>"})).into_string();
        assert!(!shown.contains(MASK) && shown.contains("Gespeichert"), "{shown}");
        for tag in ["<script", "<b>", "<i>", "<u>", "<img"] {
            assert!(!shown.contains(tag), "{tag}: {shown}");
        }
    }
}

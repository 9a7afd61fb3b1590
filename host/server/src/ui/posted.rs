//! The fields of a form as sent, and the options made of them. Nothing that was typed is lost: a
//! value that does not fit its type is kept as text, and the engine says what is wrong with it.

use std::fmt;

use axum::body::Bytes;
use serde_json::{Map, Number, Value};

use super::schema::{Field, Kind};
use crate::request_limits::FORM_FIELDS;

/// The fields of a form that was sent. `Debug` shows none.
#[derive(Clone, Default)]
pub(super) struct Posted(Vec<(String, String)>);

impl fmt::Debug for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Posted").field("fields", &self.0.len()).finish_non_exhaustive()
    }
}

impl Posted {
    /// Nothing was sent.
    pub(super) const NOTHING: Self = Self(Vec::new());

    pub(super) fn parse(body: &Bytes) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().take(FORM_FIELDS).collect())
    }

    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// Returns its size in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len() + size_of::<(String, String)>()).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns only the fields with these names.
    pub(super) fn only(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| names.contains(&name.as_str())).cloned().collect())
    }

    /// Returns all fields but those with these names.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect())
    }

    /// Returns a field without the spaces around it; `None` if it is empty or not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }

    /// Returns all fields of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
    }

    /// Returns a field unchanged: spaces around a password are part of it.
    pub(super) fn as_typed(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// Makes options of what was typed under `at`. `stored` are those that the form was made from: a
/// secret that was left empty stays unchanged, as does what the schema does not know.
pub(super) fn read(fields: &[Field], posted: &Posted, at: &str, stored: &Value) -> Map<String, Value> {
    let mut options = read_object(fields, posted, at, stored);
    let unknown =
        stored.as_object().into_iter().flatten().filter(|(name, _)| !fields.iter().any(|it| it.name == **name));
    options.extend(unknown.map(|(name, value)| (name.clone(), value.clone())));
    options
}

fn read_object(fields: &[Field], posted: &Posted, at: &str, stored: &Value) -> Map<String, Value> {
    let value = |field: &Field| {
        let name = format!("{at}/{}", field.name);
        Some((field.name.clone(), read_value(&field.kind, posted, &name, &stored[&field.name])?))
    };
    fields.iter().filter_map(value).collect()
}

fn read_value(kind: &Kind, posted: &Posted, name: &str, stored: &Value) -> Option<Value> {
    let text = posted.get(name);
    let as_json = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    if let (Kind::Group(_) | Kind::Union { .. }, Some(pasted)) = (kind, posted.get(&format!("{name}#json"))) {
        return Some(as_json(pasted));
    }
    match kind {
        Kind::Text { .. } | Kind::Choice(_) => text.map(Value::from),
        // Spaces around a secret are part of it.
        Kind::Secret { .. } if posted.as_typed(name).is_empty() => {
            let kept = stored.is_string() && posted.get(&format!("{name}#remove")).is_none();
            kept.then(|| stored.clone())
        }
        Kind::Secret { .. } => Some(Value::from(posted.as_typed(name))),
        Kind::Number => {
            let number = |text: &str| text.parse::<i64>().map(Number::from).ok();
            let broken = |text: &str| text.parse::<f64>().ok().and_then(Number::from_f64);
            text.map(|text| number(text).or_else(|| broken(text)).map_or_else(|| Value::from(text), Value::Number))
        }
        Kind::Flag => text.map(|text| Value::Bool(text == "true")),
        Kind::Lines => {
            let lines = text?.lines().map(str::trim).filter(|line| !line.is_empty());
            Some(lines.map(Value::from).collect())
        }
        Kind::Map { by_country, .. } => read_map(posted, name, *by_country),
        Kind::Json => text.map(as_json),
        Kind::Group(fields) => {
            let object = read_object(fields, posted, name, stored);
            (!object.is_empty()).then_some(Value::Object(object))
        }
        Kind::Union { key, alternatives } => {
            let chosen = alternatives.iter().find(|one| Some(&*one.value) == text)?;
            let same = stored[key] == chosen.value.as_str();
            let stored = if same { stored } else { &Value::Null };
            let mut object = read_object(&chosen.fields, posted, &format!("{name}/{}", chosen.value), stored);
            object.insert(key.clone(), Value::from(chosen.value.clone()));
            Some(Value::Object(object))
        }
    }
}

/// Reads the rows of a map; one with two empty fields is none. A name that was typed twice gets a number, so that nothing is lost: the
/// engine reports an unknown name.
fn read_map(posted: &Posted, name: &str, by_country: bool) -> Option<Value> {
    let (keys, values) = (format!("{name}#key"), format!("{name}#value"));
    let mut map = Map::new();
    for (key, value) in posted.all(&keys).zip(posted.all(&values)).filter(|row| *row != ("", "")) {
        let key = if by_country { key.to_ascii_uppercase() } else { key.to_owned() };
        let numbered = (2..).map(|n| format!("{key} ({n})"));
        let free = std::iter::once(key.clone()).chain(numbered).find(|key| !map.contains_key(key));
        map.insert(free.unwrap_or(key), Value::from(value));
    }
    (!map.is_empty()).then_some(Value::Object(map))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;
    use twofactor::instance::MASK;

    use super::*;
    use crate::ui::schema::fields;

    fn schema() -> Value {
        json!({"type": "object", "required": ["Sender", "Server"], "properties": {
            "Sender": {"type": "string"},
            "Retries": {"type": "integer"},
            "Server": {"type": "object", "oneOf": [
                {"properties": {"MailType": {"const": "SMTP"}, "Host": {"type": "string"}, "Port": {"type": "integer"},
                    "EnableSSL": {"type": "boolean"}, "Password": {"type": "string", "writeOnly": true}}},
                {"properties": {"MailType": {"const": "M365"}, "Password": {"type": "string", "writeOnly": true}}}
            ]}
        }})
    }

    #[test]
    fn what_was_typed_becomes_options_of_the_right_types() {
        let form = Posted::of(&[
            ("/Sender", " codes@example.com "),
            ("/Retries", ""),
            ("/Server", "SMTP"),
            ("/Server/SMTP/Host", "smtp.example.com"),
            ("/Server/SMTP/Port", "465"),
            ("/Server/SMTP/EnableSSL", "true"),
            ("/Server/SMTP/Password", "p"),
            ("/Server/M365/Password", "of the other one"),
        ]);
        let server =
            json!({"MailType": "SMTP", "Host": "smtp.example.com", "Port": 465, "EnableSSL": true, "Password": "p"});
        let read = Value::Object(read(&fields(&schema()), &form, "", &Value::Null));
        assert_eq!(read, json!({"Sender": "codes@example.com", "Server": server}));
    }

    #[test]
    fn spaces_around_a_secret_are_part_of_it_and_those_around_other_fields_are_not() {
        for secret in [" p ", "p q", " ", "\tp\u{a0}"] {
            let form = Posted::of(&[
                ("/Sender", " codes@example.com "),
                ("/Server", "SMTP"),
                ("/Server/SMTP/Host", " smtp.example.com "),
                ("/Server/SMTP/Password", secret),
            ]);
            let read = Value::Object(read(&fields(&schema()), &form, "", &json!({"Server": {"Password": MASK}})));
            assert_eq!(read["Server"]["Password"], secret);
            assert_eq!(
                (&read["Sender"], &read["Server"]["Host"]),
                (&json!("codes@example.com"), &json!("smtp.example.com"))
            );
        }
    }

    #[test]
    fn a_secret_left_empty_stays_unless_it_is_removed_or_belongs_to_another_alternative() {
        let stored = json!({"Server": {"MailType": "SMTP", "Password": MASK}, "Unknown": MASK});
        let fields = fields(&schema());
        let password =
            |form: &[(&str, &str)]| read(&fields, &Posted::of(form), "", &stored)["Server"]["Password"].clone();
        assert_eq!(password(&[("/Server", "SMTP"), ("/Server/SMTP/Password", "")]), MASK);
        assert_eq!(password(&[("/Server", "SMTP"), ("/Server/SMTP/Password#remove", "yes")]), Value::Null);
        assert_eq!(password(&[("/Server", "M365"), ("/Server/M365/Password", "")]), Value::Null);
        assert_eq!(read(&fields, &Posted::of(&[]), "", &stored)["Unknown"], MASK);
    }

    #[test]
    fn rows_become_a_map_and_none_of_them_is_lost() {
        let schema = json!({"type": "object", "properties": {"Senders": {"type": "object",
            "propertyNames": {"pattern": "^[A-Z]{2}$"}, "additionalProperties": {"type": "string"}}}});
        let fields = fields(&schema);
        let read = |rows: &[(&str, &str)]| {
            let typed = rows.iter().flat_map(|(key, value)| [("/Senders#key", *key), ("/Senders#value", *value)]);
            read(&fields, &Posted::of(&typed.collect::<Vec<_>>()), "", &json!({"Senders": {"AT": "old"}}))
        };
        assert_eq!(
            Value::Object(read(&[(" ch", "Shop "), ("US", "+1"), ("", "")])),
            json!({"Senders": {"CH": "Shop", "US": "+1"}})
        );
        assert!(read(&[("", ""), (" ", "")]).is_empty());
        let odd = read(&[("CH", "a"), ("ch", "b"), ("CH", "c"), ("", "d"), ("US", "")]);
        assert_eq!(odd["Senders"], json!({"CH": "a", "CH (2)": "b", "CH (3)": "c", "": "d", "US": ""}));
    }

    #[test]
    fn invalid_input_is_kept_as_typed_and_pasted_json_wins() {
        let fields = fields(&schema());
        let wrong = read(&fields, &Posted::of(&[("/Retries", "many")]), "", &Value::Null);
        assert_eq!(wrong["Retries"], "many");
        let pasted = [("/Server", "M365"), ("/Server#json", r#"{"MailType":"SMTP"}"#)];
        assert_eq!(read(&fields, &Posted::of(&pasted), "", &Value::Null)["Server"], json!({"MailType": "SMTP"}));
        let broken = read(&fields, &Posted::of(&[("/Server#json", "{broken")]), "", &Value::Null);
        assert_eq!(broken["Server"], "{broken");
    }

    #[test]
    fn a_form_has_a_bounded_number_of_fields() {
        let posted = Posted::parse(&Bytes::from("a=1&".repeat(FORM_FIELDS + 1)));
        assert_eq!(posted.iter().count(), FORM_FIELDS);
    }
}

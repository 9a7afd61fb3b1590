//! The manifest of a provider, validated.

use semver::Version;
use serde::Serialize;
use serde_json::Value;

use crate::contract::factor_v0_1::twofactor::factor::types as factor_wit;
use crate::contract::v0_2::twofactor::provider::types as wit;
use crate::factor::FactorManifest;
use crate::readable::{self, Unreadable};
use crate::schema::{OptionsSchema, Placement, Schema, Sight, escape, placements};

/// The kind of a provider's recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientKind {
    /// An email address.
    EmailAddress,
    /// A phone number.
    PhoneNumber,
    /// A handle only the provider understands.
    Handle,
}

/// The manifest of a provider.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The type of the instances it serves.
    pub type_id: String,
    /// Its display name.
    pub name: String,
    /// Its own version (semver).
    pub version: String,
    /// The channel of its messages, such as `sms`. For a factor it is how a challenge is answered, such as `typed-code`.
    pub channel: String,
    /// The kind of its recipients. `None` for a factor, which sends nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<RecipientKind>,
    /// What kind of factor it is. `None` for a provider that sends messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<FactorManifest>,
    /// JSON Schema 2020-12 of the options.
    pub options_schema: Value,
    /// Whether it receives the code as a separate field.
    pub needs_code: bool,
    /// The secrets that the host puts into its requests.
    #[serde(skip)]
    pub placements: Vec<Placement>,
}

/// The longest schema accepted, in bytes.
const SCHEMA_BYTES: usize = 256 << 10;

impl Manifest {
    /// Checks the result of `describe` of a component that sends messages. The error says what is wrong in a sentence.
    pub(crate) fn check(said: wit::Manifest) -> Result<(Self, Schema), String> {
        word("type-id", &said.type_id)?;
        word("channel", &said.channel)?;
        named(&said.name, &said.version)?;
        let (options_schema, compiled) = options_schema(&said.options_schema)?;
        let manifest = Self {
            type_id: said.type_id,
            name: said.name,
            version: said.version,
            channel: said.channel,
            recipient: Some(match said.recipient {
                wit::RecipientKind::EmailAddress => RecipientKind::EmailAddress,
                wit::RecipientKind::PhoneNumber => RecipientKind::PhoneNumber,
                wit::RecipientKind::Handle => RecipientKind::Handle,
            }),
            factor: None,
            placements: placements(&options_schema),
            options_schema,
            needs_code: said.needs_code,
        };
        Ok((manifest, compiled))
    }

    /// Checks the result of `describe` of a factor component. The error says what is wrong in a sentence.
    pub(crate) fn check_factor(said: factor_wit::Manifest) -> Result<(Self, Schema), String> {
        word("type-id", &said.type_id)?;
        named(&said.name, &said.version)?;
        let factor = FactorManifest::check(&said)?;
        let (options_schema, compiled) = options_schema(&said.options_schema)?;
        let sights = OptionsSchema::new(&options_schema).sights();
        if let Some((name, _)) = sights.all.iter().find(|(_, sight)| **sight != Sight::Open) {
            return Err(format!(
                "its option `{name}` is a secret: what a factor must keep secret belongs in its state"
            ));
        }
        let manifest = Self {
            type_id: said.type_id,
            name: said.name,
            version: said.version,
            channel: factor.challenge.name().to_owned(),
            recipient: None,
            factor: Some(factor),
            placements: Vec::new(),
            options_schema,
            needs_code: false,
        };
        Ok((manifest, compiled))
    }

    /// Returns whether its version comes before another's (semver section 11).
    pub fn is_older_than(&self, other: &Self) -> bool {
        matches!((Version::parse(&self.version), Version::parse(&other.version)), (Ok(own), Ok(other)) if own.cmp_precedence(&other).is_lt())
    }
}

fn named(name: &str, version: &str) -> Result<(), String> {
    readable::check(name, 1..=100).map_err(|why| format!("its name {why}"))?;
    if version.len() > 100 || Version::parse(version).is_err() {
        return Err("its version must be a semantic version, such as 1.0.0 (https://semver.org)".to_owned());
    }
    Ok(())
}

/// Checks a schema of options, whatever they are for.
fn options_schema(text: &str) -> Result<(Value, Schema), String> {
    if text.len() > SCHEMA_BYTES {
        return Err(format!("its options-schema is longer than {SCHEMA_BYTES} bytes"));
    }
    let schema: Value =
        serde_json::from_str(text).map_err(|error| format!("its options-schema is not JSON: {error}"))?;
    readable_texts(&schema, &mut String::new())?;
    if schema.get("type") != Some(&Value::from("object")) {
        return Err("its options-schema must be of type object".to_owned());
    }
    let compiled = Schema::new(&schema).map_err(|error| format!("its options-schema is not supported: {error}"))?;
    let sights = OptionsSchema::new(&schema).sights();
    if let Some(why) = sights.unshowable {
        return Err(format!("its options cannot be shown to those who approve it: {why}"));
    }
    if let Some(name) = sights.listed.first() {
        return Err(format!(
            "its option `{name}` is a secret in a list, which cannot be masked: make each secret a separate option"
        ));
    }
    if let Some((name, why)) = sights.misplaced {
        return Err(format!("its option `{name}` has an `x-twofactor-placement` that is not allowed: {why}"));
    }
    Ok((schema, compiled))
}

fn word(field: &str, text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 32 || !text.chars().all(fits) {
        return Err(format!("its {field} must be 1 to 32 lower-case letters, digits or `-`"));
    }
    Ok(())
}

/// Checks every name and text of a schema: those who approve a provider, and those who fill its form, are shown them.
fn readable_texts(value: &Value, pointer: &mut String) -> Result<(), String> {
    let length = pointer.len();
    let wrong = |pointer: &str, why: Unreadable| format!("its options-schema has a text that {why}, at `{pointer}`");
    match value {
        Value::String(text) => readable::check_text(text, SCHEMA_BYTES).map_err(|why| wrong(pointer, why)),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(n, item)| {
            pointer.push_str(&format!("/{n}"));
            readable_texts(item, pointer)?;
            pointer.truncate(length);
            Ok(())
        }),
        Value::Object(fields) => fields.iter().try_for_each(|(name, field)| {
            // A name that cannot be read is not shown.
            readable::check_text(name, SCHEMA_BYTES).map_err(|why| wrong(&format!("{pointer}/…"), why))?;
            pointer.push_str(&format!("/{}", escape(name)));
            readable_texts(field, pointer)?;
            pointer.truncate(length);
            Ok(())
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(name: &str, schema: &Value) -> Result<(), String> {
        let said = wit::Manifest {
            type_id: "acme".to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            channel: "sms".to_owned(),
            recipient: wit::RecipientKind::PhoneNumber,
            options_schema: schema.to_string(),
            needs_code: false,
            extra: Vec::new(),
        };
        Manifest::check(said).map(drop)
    }

    #[test]
    fn a_provider_with_deceptive_names_is_not_loaded() {
        let schema = |of: Value| json!({"type": "object", "properties": {"Key": of}});
        let plain = schema(json!({"type": "string", "title": "Key", "description": "The key.\nFrom the console."}));
        assert_eq!(checked("Acme", &plain), Ok(()));
        for c in ['\u{202e}', '\u{2066}', '\u{2028}', '\u{200b}', '\u{feff}', '\u{e000}', '\0', '\u{85}'] {
            let word = format!("Ke{c}y");
            let mut named = schema(json!({"type": "string"}));
            named["properties"] = Value::from_iter([(word.clone(), json!({"type": "string"}))]);
            for (name, schema) in [
                (&*word, plain.clone()),
                ("Acme", named),
                ("Acme", schema(json!({"type": "string", "title": word}))),
                ("Acme", schema(json!({"type": "string", "description": word}))),
                ("Acme", schema(json!({"oneOf": [{"const": "a"}, {"const": word}]}))),
                ("Acme", schema(json!({"type": "string", "enum": ["a", word]}))),
                ("Acme", schema(json!({"type": "string", "examples": [{"a": word}]}))),
            ] {
                let refused = checked(name, &schema).unwrap_err();
                assert!(refused.contains(&format!("U+{:04X}", u32::from(c))) && !refused.contains(c), "{refused}");
            }
        }
    }

    #[test]
    fn a_factor_with_a_secret_option_or_a_deceptive_name_is_not_loaded() {
        let checked = |name: &str, properties: Value| {
            let said = factor_wit::Manifest {
                type_id: "acme".to_owned(),
                name: name.to_owned(),
                version: "1.0.0".to_owned(),
                options_schema: json!({"type": "object", "properties": properties}).to_string(),
                enrolment: factor_wit::AnswerKind::TypedCode,
                challenge: factor_wit::AnswerKind::TypedCode,
                max_per_user: 1,
                replaces_earlier: false,
                never_sole: false,
                state_format: 1,
                extra: Vec::new(),
            };
            Manifest::check_factor(said).map(|(manifest, _)| manifest)
        };
        let text = || json!({"type": "string"});
        let secret = || json!({"type": "string", "writeOnly": true});
        let manifest = checked("Acme", json!({"Issuer": text()})).unwrap();
        assert_eq!((&*manifest.channel, manifest.recipient), ("typed-code", None));
        for properties in [
            json!({"Issuer": text(), "Key": secret()}),
            json!({"Inner": {"type": "object", "properties": {"Key": secret()}}}),
            json!({"Keys": {"type": "array", "items": secret()}}),
            json!({"Key": {"oneOf": [text(), secret()]}}),
            json!({"Key": {"type": "string", "writeOnly": true, "x-twofactor-revealed": true}}),
        ] {
            let refused = checked("Acme", properties).unwrap_err();
            assert!(refused.contains("Key") && refused.contains("secret"), "{refused}");
        }
        assert!(checked("Ac\u{202e}me", json!({})).is_err());
        assert!(checked("Acme", json!({"Key\u{200b}": text()})).is_err());
    }
}

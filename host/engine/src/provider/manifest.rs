//! What a provider says of itself, checked.

use jsonschema::{Draft, Validator};
use semver::Version;
use serde::Serialize;
use serde_json::Value;

use super::bindings::twofactor::provider::types as wit;
use super::schema::OptionsSchema;

/// What a provider's recipient is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientKind {
    /// An email address.
    EmailAddress,
    /// A telephone number.
    PhoneNumber,
    /// A handle only the provider understands.
    Handle,
}

/// What a provider says of itself.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The type of the instances it serves.
    pub type_id: String,
    /// Its name for people.
    pub name: String,
    /// Its own version (semver).
    pub version: String,
    /// The way a code takes to its recipient.
    pub channel: String,
    /// What its recipient is.
    pub recipient: RecipientKind,
    /// JSON Schema 2020-12 of the options.
    pub options_schema: Value,
    /// Whether it is given the code by itself.
    pub reads_code: bool,
}

/// The longest schema accepted, in bytes.
const SCHEMA_BYTES: usize = 256 << 10;

impl Manifest {
    /// Checks what `describe` answered. The error says what is wrong in a sentence.
    pub(super) fn check(said: wit::Manifest) -> Result<(Self, Validator), String> {
        word("type-id", &said.type_id)?;
        word("channel", &said.channel)?;
        line("name", &said.name)?;
        if said.version.len() > 100 || Version::parse(&said.version).is_err() {
            return Err("its version must be a semantic version, such as 1.0.0 (https://semver.org)".to_owned());
        }
        if said.options_schema.len() > SCHEMA_BYTES {
            return Err(format!("its options-schema is longer than {SCHEMA_BYTES} bytes"));
        }
        let schema: Value = serde_json::from_str(&said.options_schema)
            .map_err(|error| format!("its options-schema is not JSON: {error}"))?;
        if schema.get("type") != Some(&Value::from("object")) {
            return Err("its options-schema must be of type object".to_owned());
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .build(&schema)
            .map_err(|error| format!("its options-schema is no JSON Schema 2020-12: {error}"))?;
        let sights = OptionsSchema::new(&schema).sights();
        if let Some(why) = sights.unshowable {
            return Err(format!("its options cannot be shown to those who approve it: {why}"));
        }
        if let Some(name) = sights.listed.first() {
            return Err(format!(
                "its option `{name}` is a secret in a list, which nobody could mask: give each an option of its own"
            ));
        }
        let manifest = Self {
            type_id: said.type_id,
            name: said.name,
            version: said.version,
            channel: said.channel,
            recipient: match said.recipient {
                wit::RecipientKind::EmailAddress => RecipientKind::EmailAddress,
                wit::RecipientKind::PhoneNumber => RecipientKind::PhoneNumber,
                wit::RecipientKind::Handle => RecipientKind::Handle,
            },
            options_schema: schema,
            reads_code: said.reads_code,
        };
        Ok((manifest, validator))
    }

    /// Whether its version comes before another's (semver section 11).
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        matches!((Version::parse(&self.version), Version::parse(&other.version)), (Ok(own), Ok(other)) if own.cmp_precedence(&other).is_lt())
    }
}

fn word(field: &str, text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 32 || !text.chars().all(fits) {
        return Err(format!("its {field} must be 1 to 32 lower-case letters, digits or `-`"));
    }
    Ok(())
}

fn line(field: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
        return Err(format!("its {field} must be one line of 1 to 100 characters"));
    }
    Ok(())
}

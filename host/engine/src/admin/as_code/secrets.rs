//! How a document represents secrets.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::instance::{Instances, Layers, MASK, SealedFor};
use twofactor_sandbox::{FieldError, escape};

/// How secrets are written into an exported document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportedSecrets {
    /// `{$sealed: …}`: encrypted with the installation's key, and bound to its place, its type and
    /// where it goes: an import gives it to no other destination. The same secret with the same
    /// destinations gives the same text each time, so that two documents can be compared. Without
    /// the key, a reader learns only that one of these changed, and their length.
    Sealed,
    /// `{$env: NAME}`: the name of an environment variable, read on import. `{$file: PATH}` works
    /// as well: the file's text without trailing white space.
    References,
    /// Omitted: a mask, which on import keeps the stored secret.
    Redacted,
}

/// Where the text of a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reference {
    /// An environment variable.
    Env(String),
    /// A file.
    File(String),
}

const SEALED: &str = "$sealed";
const ENV: &str = "$env";
const FILE: &str = "$file";
const PURPOSE: &str = "as-code";

/// What is encrypted.
#[derive(Serialize, Deserialize)]
struct Sealed {
    secret: Value,
    #[serde(rename = "for")]
    sealed_for: SealedFor,
}

/// Whose options they are: `instance` and its id, or `base` and a type.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a>(pub(super) &'static str, pub(super) &'a str);

impl Owner<'_> {
    fn place<'a>(&'a self, pointer: &'a str) -> [&'a [u8]; 3] {
        [self.0.as_bytes(), self.1.as_bytes(), pointer.as_bytes()]
    }
}

impl Instances {
    /// Returns options as a document represents them. `base` are the base service settings beneath those of an instance.
    ///
    /// # Errors
    /// If a secret cannot be sealed, because the component does not say where it goes.
    pub(super) async fn options_as_code(
        &self,
        owner: Owner<'_>,
        type_id: &str,
        (base, options): (Option<&Value>, &Value),
        secrets: ExportedSecrets,
    ) -> Result<Value, Error> {
        let mut has_secrets = false;
        self.with_secrets_as(type_id, options, &mut |_, secret| {
            has_secrets = true;
            secret
        });
        let sealed_for = match base {
            _ if !has_secrets || secrets != ExportedSecrets::Sealed => None,
            Some(base) => Some(self.sealed_for(type_id, Layers { base, own: options, site: None }).await?),
            None => Some(self.base_sealed_for(type_id, options).await?),
        };
        let mut failed = None;
        let shown = self.with_secrets_as(type_id, options, &mut |pointer, secret| match secrets {
            ExportedSecrets::Redacted => Value::from(MASK),
            ExportedSecrets::References => json!({ENV: variable(owner, pointer)}),
            ExportedSecrets::Sealed => {
                self.sealed(owner, pointer, secret, sealed_for.clone()).unwrap_or_else(|error| {
                    failed = Some(error);
                    Value::Null
                })
            }
        });
        failed.map_or(Ok(shown), Err)
    }

    fn sealed(
        &self,
        owner: Owner<'_>,
        pointer: &str,
        secret: Value,
        sealed_for: Option<SealedFor>,
    ) -> Result<Value, Error> {
        let sealed_for = sealed_for
            .ok_or_else(|| Error::unavailable("it is not known which destinations a secret is sealed for"))?;
        let plain = serde_json::to_vec(&Sealed { secret, sealed_for }).map_err(Error::unavailable)?;
        let sealed = self.keyring.seal_alike(PURPOSE, &owner.place(pointer), &plain).map_err(Error::unavailable)?;
        Ok(json!({SEALED: STANDARD.encode(sealed)}))
    }

    /// Returns the options that a document means, and what the sealed secrets among them were sealed
    /// for. `at` is their place in the document.
    pub(super) fn options_from_code(
        &self,
        owner: Owner<'_>,
        type_id: &str,
        written: Value,
        at: &str,
        resolve: &dyn Fn(&Reference) -> Result<String, String>,
    ) -> Result<(Value, BTreeSet<SealedFor>), Error> {
        let (places, sealed, problems) = Default::default();
        let mut found = Found { instances: self, owner, resolve, places, sealed, problems };
        let options = found.read(written, "");
        let mut of_secrets = BTreeSet::new();
        self.with_secrets_as(type_id, &options, &mut |pointer, secret| {
            of_secrets.insert(pointer.to_owned());
            secret
        });
        // Elsewhere it would be shown to everybody who may read the options.
        for place in found.places.difference(&of_secrets) {
            found.problems.push(FieldError::new(place.clone(), "is not a secret; write its value"));
        }
        if found.problems.is_empty() {
            return Ok((options, found.sealed));
        }
        let under = |problem: FieldError| FieldError::new(format!("{at}{}", problem.pointer), problem.detail);
        Err(Error::invalid_because(found.problems.into_iter().map(under).collect()))
    }
}

/// References to secrets in options.
struct Found<'a> {
    instances: &'a Instances,
    owner: Owner<'a>,
    resolve: &'a dyn Fn(&Reference) -> Result<String, String>,
    places: BTreeSet<String>,
    sealed: BTreeSet<SealedFor>,
    problems: Vec<FieldError>,
}

impl Found<'_> {
    fn read(&mut self, written: Value, pointer: &str) -> Value {
        match written {
            Value::Object(fields) if fields.len() == 1 && fields.keys().all(|name| name.starts_with('$')) => {
                self.places.insert(pointer.to_owned());
                self.resolve_reference(&fields, pointer).unwrap_or_else(|why| {
                    self.problems.push(FieldError::new(pointer.to_owned(), why));
                    Value::Null
                })
            }
            Value::Object(fields) => Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| {
                        let inner = self.read(value, &format!("{pointer}/{}", escape(&name)));
                        (name, inner)
                    })
                    .collect(),
            ),
            other => other,
        }
    }

    fn resolve_reference(&mut self, fields: &Map<String, Value>, pointer: &str) -> Result<Value, String> {
        let Some((name, Value::String(text))) = fields.iter().next() else {
            return Err("must be a string".to_owned());
        };
        match name.as_str() {
            SEALED => {
                let sealed = STANDARD.decode(text).map_err(|_| "is not base64".to_owned())?;
                let plain = self.instances.keyring.open(PURPOSE, &self.owner.place(pointer), &sealed).ok();
                let opened = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
                let Sealed { secret, sealed_for } = opened.ok_or(
                    "was not sealed by this installation for this place; write the secret, or a reference to it",
                )?;
                self.sealed.insert(sealed_for);
                Ok(secret)
            }
            ENV => (self.resolve)(&Reference::Env(text.clone())).map(Value::String),
            FILE => (self.resolve)(&Reference::File(text.clone())).map(Value::String),
            _ => Err(format!("must be `{SEALED}`, `{ENV}` or `{FILE}`")),
        }
    }
}

/// Returns an environment variable's name for a secret, such as
/// `SECRET__instance__mail__MailServerConfig__Password`. No two places have the same one: parts are
/// joined by `__`, and within them each byte that is not an ASCII letter or digit becomes `_` and
/// two hexadecimal digits.
fn variable(owner: Owner<'_>, pointer: &str) -> String {
    let mut name = String::from("SECRET");
    for part in [owner.0, owner.1].into_iter().chain(pointer.split('/').skip(1)) {
        name.push_str("__");
        for byte in part.bytes() {
            match byte {
                b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => name.push(byte.into()),
                other => name.push_str(&format!("_{other:02x}")),
            }
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Owner, variable};

    #[test]
    fn no_two_secrets_have_one_variable() {
        let places = [
            (Owner("instance", "mail"), "/A/B"),
            (Owner("base", "mail"), "/A/B"),
            (Owner("instance", "mail"), "/A_B"),
            (Owner("instance", "mail"), "/A__B"),
            (Owner("instance", "mail"), "/A~1B"),
            (Owner("instance", "mail"), "/A-B"),
            (Owner("instance", "mail"), "/a/B"),
            (Owner("instance", "mail"), "/A/B/"),
            (Owner("instance", "mail__A"), "/B"),
            (Owner("instance", "mail_2d"), "/A/B"),
            (Owner("instance", "mail-"), "/A/B"),
            (Owner("instance", "mail\u{e9}"), "/A/B"),
        ];
        let names: BTreeSet<_> = places.iter().map(|(owner, pointer)| variable(*owner, pointer)).collect();
        assert_eq!(names.len(), places.len(), "{names:?}");
        let is_name = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        assert!(names.iter().all(is_name));
        assert_eq!(variable(Owner("base", "e-mail"), "/Server/Key"), "SECRET__base__e_2dmail__Server__Key");
    }
}

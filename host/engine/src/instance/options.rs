//! Options: sealed at rest as a whole, so that a misspelled name leaves no secret unencrypted;
//! merged over the base service settings; masked for people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::Instances;
use crate::error::Error;
use crate::store::InstanceRecord;
use twofactor_sandbox::{FieldError, OptionsSchema, escape};

/// The mask that replaces a secret in responses. Sent back, it keeps the secret.
pub const MASK: &str = "********";

const PURPOSE: &str = "options";

/// The name, which no option has, under which destinations are stored beside sealed options.
const SENT_TO: &str = "";

impl Instances {
    /// `sent_to` is where the secrets among the options were sent: see [`Self::sent_to`].
    pub(crate) fn seal_options(
        &self,
        instance_id: &str,
        options: &Value,
        sent_to: Option<Vec<String>>,
    ) -> Result<Value, Error> {
        let mut sealed = options.clone();
        if let (Some(members), Some(sent_to)) = (sealed.as_object_mut(), sent_to) {
            members.insert(SENT_TO.to_owned(), sent_to.into());
        }
        self.seal(&[b"instance", instance_id.as_bytes()], &sealed)
    }

    pub(crate) fn open_options(&self, record: &InstanceRecord) -> Result<Value, Error> {
        let mut options = self.open(&[b"instance", record.id.as_bytes()], &record.options)?;
        if let Some(members) = options.as_object_mut() {
            members.shift_remove(SENT_TO);
        }
        Ok(options)
    }

    /// Returns the destinations of an instance's secrets when it was last saved and valid; none if
    /// it never was with these secrets. `None` if that is not known.
    pub(crate) fn sent_to(&self, record: &InstanceRecord) -> Result<Option<Vec<String>>, Error> {
        let options = self.open(&[b"instance", record.id.as_bytes()], &record.options)?;
        let known = options.get(SENT_TO).and_then(Value::as_array);
        Ok(known.map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
    }

    pub(crate) fn seal_base_settings(&self, type_id: &str, options: &Value) -> Result<Value, Error> {
        self.seal(&[b"base", type_id.as_bytes()], options)
    }

    pub(crate) fn open_base_settings(&self, type_id: &str, sealed: &Value) -> Result<Value, Error> {
        self.open(&[b"base", type_id.as_bytes()], sealed)
    }

    fn seal(&self, place: &[&[u8]], options: &Value) -> Result<Value, Error> {
        let sealed = self.keyring.seal(PURPOSE, place, options.to_string().as_bytes()).map_err(Error::unavailable)?;
        Ok(Value::String(STANDARD.encode(sealed)))
    }

    fn open(&self, place: &[&[u8]], sealed: &Value) -> Result<Value, Error> {
        let unreadable = || Error::unavailable("stored options cannot be decrypted with this installation's key");
        let sealed = sealed.as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(unreadable)?;
        let plain = self.keyring.open(PURPOSE, place, &sealed).map_err(|_| unreadable())?;
        serde_json::from_slice(&plain).map_err(|_| unreadable())
    }

    /// Converts options as an administrator sent them to their stored form: text that contains an
    /// object is parsed, and a mask keeps the secret in `stored`. Also returns whether a secret was
    /// kept that way. `at` is the place of the options in the input.
    pub(crate) fn read_options(
        &self,
        type_id: &str,
        sent: Value,
        stored: &Value,
        at: &str,
    ) -> Result<(Value, bool), Error> {
        if !sent.is_object() {
            return Err(Error::invalid_at(at, "must be a JSON object"));
        }
        if sent.get(SENT_TO).is_some() {
            return Err(Error::invalid_at(at, "has an option without a name"));
        }
        let Some(provider) = self.provider(type_id) else {
            let detail = "must be the type of a loaded provider; see the list of providers";
            return Err(Error::invalid_at("/type", detail));
        };
        let sent = with_whole_numbers(sent);
        let schema = OptionsSchema::new(&provider.manifest().options_schema);
        let no_object = "must be a JSON object, or a string that contains one";
        let sent = schema
            .with_text_as_objects(sent)
            .map_err(|option| Error::invalid_at(format!("{at}{option}"), no_object))?;
        if let Some(why) = too_large(&sent) {
            return Err(Error::invalid_at(at, why));
        }
        let mut kept = false;
        let options = unmask(sent, stored, "", &mut kept)
            .map_err(|problem| Error::invalid_at(format!("{at}{}", problem.pointer), problem.detail))?;
        Ok((options, kept))
    }

    /// Returns the values of all secrets in options.
    pub(crate) fn secrets(&self, type_id: &str, options: &Value) -> Vec<String> {
        let nothing = Value::Null;
        let provider = self.provider(type_id);
        let schema = provider.as_ref().map_or(&nothing, |provider| &provider.manifest().options_schema);
        OptionsSchema::new(schema).secrets(options)
    }

    /// Returns the options with each secret replaced by what `instead` returns for its pointer.
    pub(crate) fn with_secrets_as(
        &self,
        type_id: &str,
        options: &Value,
        instead: &mut impl FnMut(&str, Value) -> Value,
    ) -> Value {
        let nothing = Value::Null;
        let provider = self.provider(type_id);
        let schema = provider.as_ref().map_or(&nothing, |provider| &provider.manifest().options_schema);
        OptionsSchema::new(schema).with_secrets_as(options, instead)
    }

    /// Returns the options as people may see them.
    pub(crate) fn masked(&self, type_id: &str, options: &Value) -> Value {
        match self.provider(type_id) {
            Some(provider) => OptionsSchema::new(&provider.manifest().options_schema).masked(options, MASK),
            // Without a schema it is unknown which are secret.
            None => Value::Object(
                options.as_object().into_iter().flatten().map(|(name, _)| (name.clone(), Value::from(MASK))).collect(),
            ),
        }
    }
}

/// `465.0` is an integer (JSON Schema 2020-12, validation, section 6.1.1), and providers read integers.
fn with_whole_numbers(value: Value) -> Value {
    /// Up to here every integer has an exact floating-point number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|it| number.is_f64() && it.fract() == 0.0 && it.abs() < EXACT);
            #[allow(clippy::cast_possible_truncation, reason = "it is whole and not too large")]
            whole.map_or(Value::Number(number), |whole| Value::from(whole as i64))
        }
        Value::Array(items) => items.into_iter().map(with_whole_numbers).collect(),
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, with_whole_numbers(value))).collect(),
        other => other,
    }
}

/// The maximum nesting of options. [`OptionsSchema`] follows them to that depth.
const DEPTH: usize = 12;

/// The maximum number of values in the options of an instance, including lists and objects.
const VALUES: usize = 2048;

/// The maximum size of their texts and names, in bytes.
const BYTES: usize = 64 << 10;

/// Returns what is too large about options, which are checked and searched in many ways.
fn too_large(options: &Value) -> Option<String> {
    fn measure(value: &Value, depth: usize, size: &mut (usize, usize)) -> bool {
        size.0 += 1;
        match value {
            Value::String(text) => size.1 += text.len(),
            Value::Object(members) => size.1 += members.keys().map(String::len).sum::<usize>(),
            _ => {}
        }
        let is_within = |value| depth < DEPTH && size.0 < VALUES && measure(value, depth + 1, size);
        match value {
            Value::Array(items) => items.iter().all(is_within),
            Value::Object(members) => members.values().all(is_within),
            _ => true,
        }
    }
    let mut size = (0, 0);
    if !measure(options, 0, &mut size) {
        return Some(format!("can be nested at most {DEPTH} levels deep and contain at most {VALUES} values"));
    }
    (size.1 > BYTES).then(|| format!("can be at most {} KiB", BYTES >> 10))
}

fn unmask(sent: Value, stored: &Value, pointer: &str, kept: &mut bool) -> Result<Value, FieldError> {
    match sent {
        Value::String(text) if text == MASK => match stored {
            Value::String(secret) => {
                *kept = true;
                Ok(Value::String(secret.clone()))
            }
            _ => Err(FieldError::new(pointer, "is masked, but no secret is stored there; enter the secret")),
        },
        Value::Object(map) => {
            let mut out = Map::new();
            for (name, value) in map {
                let at = format!("{pointer}/{}", escape(&name));
                let inner = unmask(value, stored.get(&name).unwrap_or(&Value::Null), &at, kept)?;
                out.insert(name, inner);
            }
            Ok(Value::Object(out))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_without_a_fraction_is_an_integer_at_any_depth() {
        let sent =
            json!({"Port": 465.0, "List": [1.0, 1.5, "1.0"], "Deep": {"Small": -2.0, "Big": 1e300, "Zero": -0.0}});
        let read = json!({"Port": 465, "List": [1, 1.5, "1.0"], "Deep": {"Small": -2, "Big": 1e300, "Zero": 0}});
        assert_eq!(with_whole_numbers(sent).to_string(), read.to_string());
    }

    #[test]
    fn options_are_bounded_in_depth_number_and_size() {
        let nested = |depth| (0..depth).fold(json!("x"), |inner, _| json!({"a": [inner]}));
        assert_eq!(too_large(&nested(6)), None);
        assert!(too_large(&nested(7)).is_some() && too_large(&nested(50)).is_some());
        assert_eq!(too_large(&json!({"a": vec![1; 2000]})), None);
        assert!(too_large(&json!({"a": vec![1; 2048]})).is_some());
        assert_eq!(too_large(&json!({"a": "x".repeat(60 << 10)})), None);
        assert!(too_large(&json!({"a": "x".repeat(64 << 10)})).is_some());
        assert!(too_large(&json!({"x".repeat(64 << 10): "ab"})).is_some());
    }
}

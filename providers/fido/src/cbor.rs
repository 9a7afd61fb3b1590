//! Reads CBOR of bounded depth and size: what `ciborium` parses, and CTAP's rule that no key occurs twice.

pub use ciborium::Value;

use crate::Refusal;

/// How deep items may be nested. Attestation objects have 4 levels.
const DEPTH: usize = 8;

/// How many entries a map may have.
const ENTRIES: usize = 32;

/// Parses one item, and returns it with the bytes after it.
///
/// # Errors
/// If the bytes do not begin with an item, or it is nested too deep.
pub fn item(bytes: &[u8]) -> Result<(Value, &[u8]), Refusal> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH)
        .map_err(|_| Refusal::Malformed("this is not CBOR"))?;
    Ok((value, rest))
}

/// A map.
pub struct Map(Vec<(Value, Value)>);

impl Map {
    /// Takes a value as a map.
    ///
    /// # Errors
    /// If it is none, has too many entries, or has a key twice.
    pub fn of(value: Value) -> Result<Self, Refusal> {
        let Value::Map(entries) = value else { return Err(Refusal::Malformed("a CBOR map is missing")) };
        let twice = |(at, (key, _)): (usize, &(Value, Value))| entries[..at].iter().any(|(earlier, _)| earlier == key);
        if entries.len() > ENTRIES || entries.iter().enumerate().any(twice) {
            return Err(Refusal::Malformed("a CBOR map has a key twice, or too many"));
        }
        Ok(Self(entries))
    }

    /// Returns whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes and returns the value of a text key.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(key, _)| key.as_text() == Some(name))?;
        Some(self.0.swap_remove(at).1)
    }

    /// Returns the value of an integer key.
    pub fn label(&self, label: i64) -> Option<&Value> {
        self.0.iter().find(|(key, _)| integer(key) == Some(label)).map(|(_, value)| value)
    }
}

/// Returns a value as an integer, if it is one.
pub fn integer(value: &Value) -> Option<i64> {
    value.as_integer().and_then(|integer| integer.try_into().ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_item_ends_where_it_ends() {
        let (value, rest) = item(b"\x01\x02").unwrap();
        assert_eq!((integer(&value), rest), (Some(1), &b"\x02"[..]));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let mut deep = vec![0x81; 100_000];
        deep.push(0);
        assert!(item(&deep).is_err());
        assert!(item(b"\x81\x81\x81\x00").is_ok());
    }

    /// An array, a map, text and bytes that claim more than there is.
    #[test]
    fn a_length_that_lies_reserves_no_memory() {
        for lie in [
            &b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"[..],
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x7b\x00\x00\x00\xff\xff\xff\xff\xff",
            b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff\x00",
        ] {
            assert!(item(lie).is_err());
        }
    }

    #[test]
    fn a_map_with_a_key_twice_is_refused() {
        let map = |bytes| Map::of(item(bytes).unwrap().0);
        assert!(map(b"\xa2\x01\x02\x02\x03").is_ok());
        assert!(map(b"\xa2\x01\x02\x01\x03").is_err());
        assert!(map(b"\x80").is_err());
    }

    #[test]
    fn a_map_with_too_many_keys_is_refused() {
        let many = Value::Map((0..33).map(|key| (Value::from(key), Value::Null)).collect());
        assert!(Map::of(many).is_err());
    }
}

//! Duplicate keys of a JSON object. Parsers disagree on which one counts, so they are refused.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The longest pointer that is of use, in characters.
const POINTER: usize = 200;

/// Returns the JSON Pointer (RFC 6901) of the first key that appears twice in its object. Text that is not JSON has none.
pub(super) fn find(json: &[u8]) -> Option<String> {
    let found = RefCell::new(None);
    let mut parser = serde_json::Deserializer::from_slice(json);
    let search = DuplicateSearch { found: &found, above: None };
    // Other errors are reported by whoever reads the values.
    let _ = search.deserialize(&mut parser);
    found.into_inner()
}

/// A search that has come to a value: what it found so far, and where the value is.
struct DuplicateSearch<'a> {
    found: &'a RefCell<Option<String>>,
    above: Option<(&'a DuplicateSearch<'a>, Step<'a>)>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl DuplicateSearch<'_> {
    fn pointer(&self) -> String {
        let Some((above, step)) = &self.above else { return String::new() };
        match step {
            Step::Key(key) => format!("{}/{}", above.pointer(), key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("{}/{index}", above.pointer()),
        }
    }

    fn within<'a>(&'a self, step: Step<'a>) -> DuplicateSearch<'a> {
        DuplicateSearch { found: self.found, above: Some((self, step)) }
    }
}

impl<'de> DeserializeSeed<'de> for DuplicateSearch<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DuplicateSearch<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let inner = self.within(Step::Key(&key));
            if seen.contains(&key) {
                *self.found.borrow_mut() = Some(inner.pointer().chars().take(POINTER).collect());
                return Err(A::Error::custom("duplicate key"));
            }
            map.next_value_seed(inner)?;
            seen.insert(key);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0;
        while list.next_element_seed(self.within(Step::Index(index)))?.is_some() {
            index += 1;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_duplicate_key_is_named_at_any_depth() {
        for (json, pointer) in [
            (r#"{"a": 1, "a": 1}"#, Some("/a")),
            (r#"{"a": {"b": 1, "c": {}, "b": 2}}"#, Some("/a/b")),
            (r#"[{}, {"a": [{"x/~": 1, "x/~": 2}]}]"#, Some("/1/a/0/x~1~0")),
            (r#"{"a": 1, "\u0061": 2}"#, Some("/a")),
            (r#"{"": 1, "": 2}"#, Some("/")),
            (r#"{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 1}]}"#, None),
            (r#"{"a": 1, "#, None),
            ("", None),
        ] {
            assert_eq!(find(json.as_bytes()).as_deref(), pointer, "{json}");
        }
    }
}

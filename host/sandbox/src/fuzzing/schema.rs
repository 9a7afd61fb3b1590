//! A component's options schema, and options that are validated against it.

use serde_json::Value;

use crate::schema::{OptionsSchema, Schema};

/// A schema, followed by options: two JSON values.
pub(super) fn options_schema(input: &[u8]) {
    let mut values = serde_json::Deserializer::from_slice(input).into_iter::<Value>();
    let Some(Ok(schema)) = values.next() else { return };
    let options = values.next().and_then(Result::ok).unwrap_or_default();

    let described = OptionsSchema::new(&schema);
    let _ = described.sights();
    let seen = described.without_secrets(&options);
    assert_eq!(described.without_secrets(&seen), seen, "a secret is left, and found the second time");
    let _ = described.masked(&options, "*");
    let _ = described.secrets(&options);

    let compiled = match Schema::new(&schema) {
        Ok(compiled) => compiled,
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.contains(char::is_control), "an error has control characters: {shown:?}");
            return;
        }
    };
    let broken = compiled.check(&options);
    assert_eq!(broken, compiled.check(&options), "the same options have different results");
    if let Some(quickly) = compiled.check_quickly(&options) {
        assert_eq!(quickly, broken, "fewer steps sufficed, and found something else");
    }
    for place in broken.iter().map(|broken| &*broken.at) {
        // What is missing has no place yet.
        let parent = place.rsplit_once('/').map_or("", |(parent, _)| parent);
        assert!(options.pointer(parent).is_some(), "`{place}` does not exist in the options");
    }
}

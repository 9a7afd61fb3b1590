//! `docs/configuration.md` lists each key of the configuration with its default, and its examples set each.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use serde_json::Value;

use super::Config;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

/// Tables whose keys the operator chooses.
const MAPS: [&str; 4] = ["providers.signers", "network.hosts", "network.overrides", "rate_limits.types"];

/// Returns the keys of a configuration with their values: `store.path`, `accounts.oidc.roles[].claim`.
fn keys(config: &Config) -> BTreeMap<String, Value> {
    fn walk(place: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(fields) if !MAPS.contains(&place) => {
                for (name, value) in fields {
                    let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                    walk(&place, value, found);
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                items.iter().for_each(|item| walk(&format!("{place}[]"), item, found));
            }
            _ => {
                found.insert(place.to_owned(), value.clone());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk("", &serde_json::to_value(config).unwrap(), &mut found);
    found
}

/// Returns the keys of the tables and the text in their second column.
fn documented(text: &str) -> BTreeMap<String, String> {
    let tables = text.split("\n## ").skip(2);
    let rows = tables.flat_map(str::lines).filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.splitn(3, " | ").collect::<Vec<_>>());
    cells.map(|cells| (cells[0].trim_end_matches('`').to_owned(), cells[1].trim_matches('`').to_owned())).collect()
}

/// Returns the blocks of TOML.
fn blocks(text: &str) -> Vec<&str> {
    text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_reference_lists_every_key_and_its_examples_set_them_all() {
    let text = std::fs::read_to_string(REFERENCE).unwrap();
    // The first sets as little as possible, the last everything but what excludes something else: the others set that.
    let mut examples: Vec<_> =
        blocks(&text).into_iter().skip(1).map(|example| keys(&toml::from_str(example).unwrap())).collect();
    let mut set = examples.pop().unwrap();
    for (key, value) in examples.into_iter().flatten() {
        if let Some(unset @ Value::Null) = set.get_mut(&key) {
            *unset = value;
        }
    }
    let (keys, documented) = (set, documented(&text));
    let missing: Vec<_> = keys.keys().filter(|key| !documented.contains_key(*key)).collect();
    let unknown: Vec<_> = documented.keys().filter(|key| !keys.contains_key(*key)).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not in the reference: {missing:?}; not in the code: {unknown:?}"
    );
    // `subscriptions` of a role may be left out.
    let unset = keys.iter().filter(|(key, value)| value.is_null() && !key.ends_with("[].subscriptions"));
    assert_eq!(unset.map(|(key, _)| key).collect::<Vec<_>>(), Vec::<&String>::new(), "not set by an example");
}

#[test]
fn the_defaults_in_the_reference_are_those_of_the_code() {
    let text = std::fs::read_to_string(REFERENCE).unwrap();
    let least: Config = toml::from_str(blocks(&text)[0]).unwrap();
    let code = keys(&least);
    let tables: Config = toml::from_str(
        "[store]\npath = \"a.db\"\n[accounts.oidc]\nissuer = \"https://a.example\"\nclient_id = \"a\"\nroles = []\n\
         [fido_metadata]\nfile = \"a\"\n",
    )
    .unwrap();
    let tables = keys(&tables);
    let required = ["store.path", "accounts.oidc.issuer", "accounts.oidc.client_id", "fido_metadata.file"];
    for (key, default) in documented(&text) {
        let value = code.get(&key).or_else(|| tables.get(&key)).unwrap_or(&Value::Null);
        match &*default {
            // Without a default, one of several of which one is required, or derived from another key.
            "–" => assert!(value.is_null() || required.contains(&&*key), "{key}"),
            default => {
                let table: toml::Table = toml::from_str(&format!("value = {default}")).unwrap();
                assert_eq!(serde_json::to_value(&table["value"]).unwrap(), *value, "{key}");
            }
        }
    }
}

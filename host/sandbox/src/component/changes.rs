//! The changes from one component to another, which an operator approves at an upgrade.

use serde_json::Value;

use super::capability::Capability;
use super::info::ProviderInfo;
use crate::schema::{OptionsSchema, Sight};

/// The changes when a component replaces another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderChanges {
    /// Capabilities that only the new component has.
    pub added_capabilities: Vec<Capability>,
    /// Capabilities that only the old component has.
    pub removed_capabilities: Vec<Capability>,
    /// Options that only the new component has.
    pub new_options: Vec<String>,
    /// Options that only the old component has.
    pub lost_options: Vec<String>,
    /// Options that only the new component requires.
    pub newly_required: Vec<String>,
    /// Options that are secret only for the old component. Their stored values will be shown, and given to the new component.
    pub no_longer_secret: Vec<String>,
    /// Whether the new component has a lower version (semver section 11).
    pub is_downgrade: bool,
}

impl ProviderInfo {
    /// Returns the changes when this component replaces another.
    pub fn changes_from(&self, before: &Self) -> ProviderChanges {
        let options = |info: &Self| -> Vec<String> {
            let all = info.manifest.options_schema["properties"].as_object();
            all.into_iter().flat_map(|all| all.keys().cloned()).collect()
        };
        let required = |info: &Self| -> Vec<String> {
            let all = info.manifest.options_schema["required"].as_array();
            all.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        ProviderChanges {
            added_capabilities: added(&before.capabilities, &self.capabilities),
            removed_capabilities: added(&self.capabilities, &before.capabilities),
            new_options: added(&options(before), &options(self)),
            lost_options: added(&options(self), &options(before)),
            newly_required: added(&required(before), &required(self)),
            no_longer_secret: no_longer_secret(&before.manifest.options_schema, &self.manifest.options_schema),
            is_downgrade: self.manifest.is_older_than(&before.manifest),
        }
    }
}

/// Returns the secrets of one schema that are open in another.
fn no_longer_secret(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (OptionsSchema::new(before).sights().all, OptionsSchema::new(after).sights());
    let is_in_map = |name: &String| name.rsplit_once('/').is_some_and(|(map, _)| after.maps.contains(map));
    let is_open = |name: &String| after.all.get(name) == Some(&Sight::Open) || is_in_map(name);
    before.into_iter().filter(|(name, sight)| *sight != Sight::Open && is_open(name)).map(|(name, _)| name).collect()
}

/// Returns what is in `after` and not in `before`.
fn added<T: Clone + PartialEq>(before: &[T], after: &[T]) -> Vec<T> {
    after.iter().filter(|one| !before.contains(one)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::no_longer_secret;

    #[test]
    fn a_secret_that_becomes_a_member_of_a_map_is_no_longer_secret() {
        let of = |server: Value| json!({"type": "object", "properties": {"Server": server}});
        let secret = of(json!({"type": "object", "properties": {"Key": {"type": "string", "writeOnly": true}}}));
        let map = of(json!({"type": "object", "propertyNames": {}, "additionalProperties": {"type": "string"}}));
        let gone = of(json!({"type": "object", "additionalProperties": false}));
        assert_eq!(no_longer_secret(&secret, &map), ["Server/Key"]);
        assert!(no_longer_secret(&secret, &gone).is_empty() && no_longer_secret(&map, &map).is_empty());
    }
}

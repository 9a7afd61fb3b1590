//! JSON Schema 2020-12 for strangers' schemas and strangers' options: a subset of it, in which every schema and every value is
//! checked in bounded time and memory.
//!
//! A schema is compiled to rules, one for each of its subschemas, so that what is compiled is as large as its text. Checking a value
//! spends *steps*, and ends where they are used up; steps are counted and no clock is asked, so that the same options always have the same result.
//! Patterns are matched by an engine whose time is linear. Schemas that would certainly use too much are refused when they are
//! compiled, with the place in them.
//!
//! Left out are: references to other documents and by anchors, `$dynamicRef`, `$id` below the root, other drafts, look-around and back-references
//! in patterns. `format` and `content…` are annotations.

mod compile;
mod evaluate;
mod fault;
mod number;
mod options;
mod pattern;
mod width;

use serde_json::Value;

use compile::Node;
pub use options::{OptionsSchema, escape};
pub(crate) use options::{Sight, revealed};

/// The bounds of a schema, and of checking a value by it.
pub(crate) mod bounds {
    /// Subschemas of one schema.
    pub(crate) const SUBSCHEMAS: usize = 4096;
    /// Subschemas that look at one value, counted through references.
    pub(crate) const WIDTH: u64 = 2000;
    /// References and alternatives within each other that look at one value.
    pub(crate) const CHAIN: usize = 32;
    /// Values in all `enum` and `const`.
    pub(crate) const VALUES: u64 = 200_000;
    /// The size of all compiled patterns, in KiB.
    pub(crate) const ALL_PATTERNS_KIB: u64 = 8 << 10;
    /// Patterns of one schema.
    pub(crate) const PATTERNS: usize = 500;
    /// Subschemas within each other, at one value and at those within it.
    pub(crate) const NESTING: usize = 96;
    /// Steps that checking a value may take. One takes less than a tenth of a microsecond.
    pub(crate) const STEPS: u64 = 1_000_000;
    /// Steps that are taken without waiting for a turn.
    pub(crate) const QUICK_STEPS: u64 = 10_000;
}

/// Why a schema is refused: where in it, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaError {
    /// JSON Pointer to the keyword.
    at: String,
    why: String,
}

/// Characters of a place that are shown.
const PLACE: usize = 200;

impl SchemaError {
    fn new(mut at: String, keyword: &str, why: String) -> Self {
        if !keyword.is_empty() {
            at = format!("{at}/{}", escape(keyword));
        }
        Self { at, why }
    }
}

impl std::fmt::Display for SchemaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Names in a schema are a stranger's words.
        let at: String = self.at.chars().take(PLACE).flat_map(char::escape_debug).collect();
        write!(f, "`{at}` {}", self.why)
    }
}

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The first is the schema itself.
    nodes: Vec<Node>,
    /// Whether it has `unevaluatedItems` or `unevaluatedProperties`, so that it must be noted what was looked at.
    has_unevaluated: bool,
}

/// A rule that a value breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// JSON Pointer to what is wrong.
    pub(crate) at: String,
    /// A sentence that holds nothing of the value.
    pub(crate) sentence: String,
    /// Whether something is missing there, rather than wrong.
    pub(crate) is_missing: bool,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Where it is not supported, and what to do.
    pub(crate) fn new(schema: &Value) -> Result<Self, SchemaError> {
        Self::at(schema, schema)
    }

    /// Compiles a schema that is within a document, to which its references belong.
    ///
    /// # Errors
    /// As without.
    pub(crate) fn at(document: &Value, schema: &Value) -> Result<Self, SchemaError> {
        let (nodes, places) = compile::compile(document, schema)?;
        width::check(&nodes).map_err(|wide| SchemaError::new(place_of(document, places[wide.id]), "", wide.why))?;
        let is_unevaluated = |rule: &compile::Rule| {
            matches!(rule, compile::Rule::UnevaluatedItems(_) | compile::Rule::UnevaluatedProperties(_))
        };
        let has_unevaluated =
            nodes.iter().any(|node| matches!(node, Node::Rules(rules) if rules.iter().any(is_unevaluated)));
        Ok(Self { nodes, has_unevaluated })
    }

    /// Validates a value. Returns the broken rules; a value that takes too many steps is not valid.
    pub(crate) fn check(&self, value: &Value) -> Vec<Broken> {
        evaluate::check(self, value).0
    }

    /// Validates a value within a millisecond; `None` if it takes longer.
    pub(crate) fn check_quickly(&self, value: &Value) -> Option<Vec<Broken>> {
        evaluate::check_within(self, value, bounds::QUICK_STEPS).0
    }

    /// Whether a value is valid.
    pub(crate) fn allows(&self, value: &Value) -> bool {
        self.check(value).is_empty()
    }
}

/// The JSON Pointer of a value within a document, found by its address.
fn place_of(document: &Value, wanted: &Value) -> String {
    fn find<'a>(value: &'a Value, wanted: &Value, path: &mut Vec<String>) -> bool {
        if std::ptr::eq(value, wanted) {
            return true;
        }
        let mut within = |name: String, inner: &'a Value| {
            path.push(name);
            let found = find(inner, wanted, path);
            if !found {
                path.pop();
            }
            found
        };
        match value {
            Value::Object(members) => members.iter().any(|(name, inner)| within(escape(name), inner)),
            Value::Array(items) => items.iter().enumerate().any(|(n, inner)| within(n.to_string(), inner)),
            _ => false,
        }
    }
    let mut path = Vec::new();
    find(document, wanted, &mut path);
    path.iter().map(|step| format!("/{step}")).collect()
}

#[cfg(test)]
mod tests;

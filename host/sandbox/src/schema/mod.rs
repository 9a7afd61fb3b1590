//! JSON Schema 2020-12 for untrusted schemas and options: a subset in which every schema and every
//! value is checked in bounded time and memory.
//!
//! A schema is compiled to rules, one for each of its subschemas, so that the compiled form is as
//! large as its text. Validating a value spends *steps* and fails when they are used up. Steps are
//! counted instead of time, so that the same options always have the same result. Patterns run in
//! linear time. A schema that would certainly need too much is refused when it is compiled, with
//! the place of the problem.
//!
//! Not supported are: references to other documents and by anchors, `$dynamicRef`, `$id` below the
//! root, other drafts, look-around and back-references in patterns. `format` and `content…` are
//! annotations.

mod compile;
mod evaluate;
mod fault;
mod number;
mod options;
mod pattern;
mod placement;
mod width;

use serde_json::Value;

use compile::Node;
pub use options::{OptionsSchema, escape, is_map_of_texts};
pub(crate) use options::{Sight, placements, revealed};
pub use placement::{ParsePartsError, Part, Parts, Placement};

/// The bounds of a schema, and of validating a value.
pub(crate) mod bounds {
    /// The maximum number of subschemas of a schema.
    pub(crate) const SUBSCHEMAS: usize = 4096;
    /// The maximum number of subschemas that apply to one value, counted through references.
    pub(crate) const WIDTH: u64 = 2000;
    /// The maximum depth of references and alternatives that apply to one value.
    pub(crate) const CHAIN: usize = 32;
    /// The maximum number of values in all `enum` and `const`.
    pub(crate) const VALUES: u64 = 200_000;
    /// The maximum size of all compiled patterns, in KiB.
    pub(crate) const ALL_PATTERNS_KIB: u64 = 8 << 10;
    /// The maximum number of patterns of a schema.
    pub(crate) const PATTERNS: usize = 500;
    /// The maximum nesting of subschemas, at one value and at the values within it.
    pub(crate) const NESTING: usize = 96;
    /// The maximum number of steps for a value. A step takes less than a tenth of a microsecond.
    pub(crate) const STEPS: u64 = 1_000_000;
    /// The number of steps that may be spent without waiting for a turn.
    pub(crate) const QUICK_STEPS: u64 = 10_000;
}

/// Why a schema is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaError {
    /// JSON Pointer to the keyword.
    at: String,
    why: String,
}

/// The maximum length of a place that is shown, in characters.
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
        // Names in a schema are untrusted.
        let at: String = self.at.chars().take(PLACE).flat_map(char::escape_debug).collect();
        write!(f, "`{at}` {}", self.why)
    }
}

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The first is the schema itself.
    nodes: Vec<Node>,
    /// Whether it has `unevaluatedItems` or `unevaluatedProperties`, so that evaluated members must
    /// be recorded.
    has_unevaluated: bool,
}

/// A rule that a value breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// JSON Pointer to the invalid value.
    pub(crate) at: String,
    /// A sentence that contains nothing of the value.
    pub(crate) sentence: String,
    /// Whether a member is missing, rather than invalid.
    pub(crate) is_missing: bool,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// What is not supported, where, and what to do.
    pub(crate) fn new(schema: &Value) -> Result<Self, SchemaError> {
        Self::at(schema, schema)
    }

    /// Compiles a schema within a document, which its references point into.
    ///
    /// # Errors
    /// Same as [`new`](Self::new).
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

    /// Returns whether a value is valid.
    pub(crate) fn allows(&self, value: &Value) -> bool {
        self.check(value).is_empty()
    }
}

/// Returns the JSON Pointer of a value within a document, found by its address.
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

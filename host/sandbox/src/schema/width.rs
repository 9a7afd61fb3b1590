//! Counts the subschemas that apply to one value. References multiply them: thirty lines are enough
//! for an unlimited number.

use super::bounds;
use super::compile::{Id, Node, Rule};

/// Why a schema is refused, and at which subschema.
pub(super) struct TooWide {
    pub(super) id: Id,
    pub(super) why: String,
}

/// The counts of a subschema.
#[derive(Clone, Copy)]
enum Known {
    Nothing,
    /// It is being counted.
    Open,
    Measured(Measure),
}

#[derive(Clone, Copy)]
struct Measure {
    /// The number of subschemas that apply to one value, itself included.
    width: u64,
    /// The length of the longest chain of them.
    chain: usize,
}

/// Refuses a schema in which too many subschemas apply to one value, or with a chain that is too
/// long or endless.
pub(super) fn check(nodes: &[Node]) -> Result<(), TooWide> {
    let mut known = vec![Known::Nothing; nodes.len()];
    for id in 0..nodes.len() {
        measure(nodes, id, 0, &mut known)?;
    }
    Ok(())
}

fn measure(nodes: &[Node], id: Id, depth: usize, known: &mut [Known]) -> Result<Measure, TooWide> {
    let too_wide = |why: String| Err(TooWide { id, why });
    match known[id] {
        Known::Measured(measure) => return Ok(measure),
        Known::Open => {
            return too_wide("leads back to itself for the same value: such a schema says nothing".to_owned());
        }
        Known::Nothing => {}
    }
    let mut own = Measure { width: 1, chain: 1 };
    if depth < bounds::CHAIN {
        known[id] = Known::Open;
        for inner in beside(&nodes[id]) {
            let inner = measure(nodes, inner, depth + 1, known)?;
            own.width = own.width.saturating_add(inner.width);
            own.chain = own.chain.max(inner.chain + 1);
        }
    }
    if depth >= bounds::CHAIN || own.chain > bounds::CHAIN {
        return too_wide(format!(
            "is the last of more than {} references or alternatives within each other: use fewer",
            bounds::CHAIN
        ));
    }
    if own.width > bounds::WIDTH {
        return too_wide(format!(
            "applies more than {} subschemas to one value, counted through references: use fewer",
            bounds::WIDTH
        ));
    }
    known[id] = Known::Measured(own);
    Ok(own)
}

/// Returns the subschemas that apply to the same value.
fn beside(node: &Node) -> Vec<Id> {
    let Node::Rules(rules) = node else { return Vec::new() };
    let mut all = Vec::new();
    for rule in rules {
        match rule {
            Rule::Reference(id) | Rule::Not(id) => all.push(*id),
            Rule::AllOf(ids) | Rule::AnyOf(ids) | Rule::OneOf(ids) => all.extend(ids),
            Rule::If { condition, then, otherwise } => {
                all.push(*condition);
                all.extend(then);
                all.extend(otherwise);
            }
            Rule::DependentSchemas(schemas) => all.extend(schemas.iter().map(|(_, id)| *id)),
            _ => {}
        }
    }
    all
}

//! The processes that use one store, as they see each other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::store::{MAX_CLOCK_SKEW, NodeRecord};

/// A process that did not report itself for so long is silent. It does so every few seconds.
const SILENT_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// A process that uses the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The name that it was given.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// The digest of the component in use for each type.
    pub providers: BTreeMap<String, String>,
    /// How far its clock is behind the time of the store; negative if it is ahead.
    pub clock_behind: SignedDuration,
    /// When it started, by its own clock.
    pub started_at: Timestamp,
    /// When it last reported itself.
    pub seen_at: Timestamp,
    /// Its state.
    pub state: NodeState,
    /// Whether it is this process.
    pub is_this: bool,
}

/// The state of a process that uses the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NodeState {
    /// It reports itself, and its clock is right.
    Ready,
    /// Its clock is off by more than [`MAX_CLOCK_SKEW`]: it is not ready.
    ClockSkew,
    /// It has not reported itself lately: it has ended, or does not reach the store.
    Silent,
}

impl NodeState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Ready, Self::ClockSkew, Self::Silent];

    /// Returns its stable name, such as `clock-skew`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ClockSkew => "clock-skew",
            Self::Silent => "silent",
        }
    }
}

impl Node {
    /// Returns a stored process as it is at `now`, the time of the store. `this` is the id of the process that looks.
    pub(crate) fn new(record: NodeRecord, now: Timestamp, this: &str) -> Self {
        let NodeRecord { id, name, version, providers, clock_behind_ms, started_at, seen_at } = record;
        let clock_behind = SignedDuration::from_millis(clock_behind_ms);
        let state = if now.duration_since(seen_at) > SILENT_AFTER {
            NodeState::Silent
        } else if clock_behind.unsigned_abs() > MAX_CLOCK_SKEW {
            NodeState::ClockSkew
        } else {
            NodeState::Ready
        };
        Self { name, version, providers, clock_behind, started_at, seen_at, state, is_this: id == this }
    }
}

/// Sets the metrics of the processes on the store.
pub(crate) fn measure(nodes: &[Node]) {
    for state in NodeState::ALL {
        let count = nodes.iter().filter(|node| node.state == state).count();
        metrics::gauge!("twofactor_nodes", "state" => state.name()).set(count as f64);
    }
    let alive = nodes.iter().filter(|node| node.state != NodeState::Silent);
    let versions: BTreeSet<&str> = alive.clone().map(|node| &*node.version).collect();
    metrics::gauge!("twofactor_node_versions").set(versions.len() as f64);
    let providers: BTreeSet<_> = alive.map(|node| &node.providers).collect();
    metrics::gauge!("twofactor_node_provider_sets").set(providers.len() as f64);
    if let Some(this) = nodes.iter().find(|node| node.is_this) {
        metrics::gauge!("twofactor_clock_behind_seconds").set(this.clock_behind.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_silent_after_a_while_and_not_ready_if_its_clock_is_off() {
        let now = Timestamp::UNIX_EPOCH;
        let of = |behind, seen_seconds_ago| {
            let record = NodeRecord {
                id: "a".to_owned(),
                name: "a".to_owned(),
                version: "1".to_owned(),
                providers: BTreeMap::new(),
                clock_behind_ms: behind,
                started_at: now,
                seen_at: now - SignedDuration::from_secs(seen_seconds_ago),
            };
            Node::new(record, now, "a").state
        };
        assert_eq!([of(5000, 20), of(-5000, 0)], [NodeState::Ready; 2]);
        assert_eq!([of(5001, 0), of(-3_600_000, 5)], [NodeState::ClockSkew; 2]);
        assert_eq!([of(0, 21), of(9000, 100)], [NodeState::Silent; 2]);
    }
}

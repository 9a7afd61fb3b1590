//! Daily quotas: how much may be sent through one instance, and through all instances of a type.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

pub(super) const MOST_MESSAGES: RangeInclusive<u32> = 0..=1_000_000_000;
pub(super) const MOST_BYTES: RangeInclusive<u32> = 0..=4_000_000_000;

pub(crate) const MESSAGES: &str = "messages_per_day";
pub(crate) const SEGMENTS: &str = "segments_per_day";
pub(crate) const BYTES: &str = "bytes_per_day";

/// The quotas of a day. 0, the default, means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// Messages. Each attempt counts; test messages do not.
    pub messages_per_day: u32,
    /// Billed segments, as the upstream reports them; one if it reports nothing. SMS are paid by
    /// segment.
    pub segments_per_day: u32,
    /// Bytes to and from upstreams: the bodies of requests and responses, including those for
    /// access tokens and for verifying answers, and emails.
    pub bytes_per_day: u32,
}

impl Quota {
    /// Checks the bounds of a policy's quota: the counters must not overflow.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, value, range) in [
            (MESSAGES, self.messages_per_day, MOST_MESSAGES),
            (SEGMENTS, self.segments_per_day, MOST_MESSAGES),
            (BYTES, self.bytes_per_day, MOST_BYTES),
        ] {
            if !range.contains(&value) {
                return Err(format!("`{name}` must be {} to {}", range.start(), range.end()));
            }
        }
        Ok(())
    }
}

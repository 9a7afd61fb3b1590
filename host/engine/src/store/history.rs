//! What became of messages, as plain values.

use jiff::Timestamp;

use super::BucketKey;

/// One thing that happened to a message, or a request that led to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRecord {
    /// Whose.
    pub subscription: String,
    /// When; of several that are counted together, the last time.
    pub at: Timestamp,
    /// Keyed hash of the person it was for.
    pub person: BucketKey,
    /// Keyed hash of the recipient, if there was one.
    pub recipient: Option<BucketKey>,
    /// The challenge, if there was one.
    pub challenge: Option<String>,
    /// Records of one group are one row, counted up.
    pub group: Option<BucketKey>,
    /// What happened, by its stable name.
    pub outcome: String,
    /// How often.
    pub count: u32,
    /// User, masked recipient, instance and the upstream's answer, sealed.
    pub sealed: Vec<u8>,
}

/// Which records are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryKey {
    /// Those of a person.
    Person(BucketKey),
    /// Those of a recipient.
    Recipient(BucketKey),
    /// Those of a challenge.
    Challenge(String),
}

/// How much of the history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryBounds {
    /// Nothing older than this.
    pub since: Timestamp,
    /// Rows in all.
    pub rows: u64,
    /// Rows of one person.
    pub rows_of_person: u32,
}

/// Which lines of the audit log are wanted. An empty text fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// A part of who it was.
    pub actor: String,
    /// How what was done begins.
    pub action: String,
    /// A part of what it was done to.
    pub subject: String,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// With lower numbers than this.
    pub before: Option<u64>,
}

/// The last answers of an instance's upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamHealthRecord {
    /// When it accepted a message last.
    pub accepted_at: Option<Timestamp>,
    /// When a message failed last.
    pub failed_at: Option<Timestamp>,
    /// How that one failed, by its stable name.
    pub outcome: String,
    /// The upstream's or the host's code for it; may be empty.
    pub code: String,
}

/// Which limits hold somebody now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReachedLimits {
    /// Whether answers of this person were ever counted.
    pub is_known: bool,
    /// Too many wrong answers in a row: locked until then, or until somebody unlocks.
    pub locked_until: Option<Timestamp>,
    /// Too many wrong answers in a day.
    pub day_until: Option<Timestamp>,
    /// The charges that would go over their limits, by their places, and when each limit ends.
    pub charges: Vec<(usize, Timestamp)>,
}

//! How long stores keep rows that nothing needs any longer, in milliseconds.

const DAY_MS: i64 = 86_400_000;

/// How long rows are kept after they expired, by default.
pub(super) const EXPIRED_MS: i64 = DAY_MS;

/// How long consecutive wrong answers are kept after the last of them.
pub(super) const WRONG_ANSWERS_MS: i64 = 30 * DAY_MS;

/// How long statistics are kept.
pub(super) const STATISTICS_MS: i64 = 90 * DAY_MS;

/// How long an address is kept after an application last gave it.
pub(super) const GIVEN_ADDRESSES_MS: i64 = 365 * DAY_MS;

/// How long events of factors are kept.
pub(super) const EVENTS_MS: i64 = 365 * DAY_MS;

/// How long a browser is known after the last login in it.
pub(super) const BROWSERS_MS: i64 = 180 * DAY_MS;

/// How long a process is listed after its last report.
pub(super) const NODES_MS: i64 = DAY_MS;

//! Keys and windows of what is counted.

use crate::keyring::Keyring;
use crate::store::BucketKey;

pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

pub(super) fn bucket(keyring: &Keyring, kind: &str, what: &[&[u8]]) -> BucketKey {
    keyring.bucket("limit", &[&[kind.as_bytes()], what].concat())
}

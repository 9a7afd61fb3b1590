//! How much may be sent in a day, through one instance and through all instances of a type.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::limits::{DAY_MS, bucket};
use crate::keyring::Keyring;
use crate::store::{BucketKey, Charge};

pub(super) const MOST_MESSAGES: RangeInclusive<u32> = 0..=1_000_000_000;
pub(super) const MOST_BYTES: RangeInclusive<u32> = 0..=4_000_000_000;

/// The most parts that one message is counted as: it is the provider who says how many there were.
const MOST_PARTS: u32 = 255;

/// What messages may use in a day. Each 0 for as much as comes, which is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// Messages, each attempt counted and test messages not.
    pub messages_per_day: u32,
    /// Parts that messages were billed as, by what the upstream says; one where it says nothing. It is what SMS are paid by.
    pub parts_per_day: u32,
    /// Bytes to and from upstreams: bodies of requests and answers, those for access tokens and for judging answers among them, and mails.
    pub bytes_per_day: u32,
}

impl Quota {
    /// As an instance's policy is checked: what is counted must not reach the end of its numbers.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, value, range) in [
            (MESSAGES, self.messages_per_day, MOST_MESSAGES),
            (PARTS, self.parts_per_day, MOST_MESSAGES),
            (BYTES, self.bytes_per_day, MOST_BYTES),
        ] {
            if !range.contains(&value) {
                return Err(format!("`{name}` must be {} to {}", range.start(), range.end()));
            }
        }
        Ok(())
    }
}

/// Something that has a quota.
pub(super) struct Account {
    quota: Quota,
    /// In the words of whoever administers.
    pub(super) whose: &'static str,
    key: BucketKey,
}

/// What one message, or the judging of one answer, used, once it is known.
pub(super) struct Used {
    pub(super) parts: u32,
    pub(super) bytes: u64,
}

const MESSAGES: &str = "messages_per_day";
const PARTS: &str = "parts_per_day";
const BYTES: &str = "bytes_per_day";

impl Account {
    pub(super) fn of_instance(keyring: &Keyring, quota: Quota, subscription: &str, instance: &str) -> Self {
        let key = bucket(keyring, "instance", &[subscription.as_bytes(), instance.as_bytes()]);
        Self { quota, whose: "the instance", key }
    }

    pub(super) fn of_type(keyring: &Keyring, quota: Quota, type_id: &str) -> Self {
        let key = bucket(keyring, "type", &[type_id.as_bytes()]);
        Self { quota, whose: "all instances of its type together", key }
    }

    /// What a message counts before it is sent, each with the name of its limit; not `counting`, it is only looked whether it may be sent.
    /// What it will use of parts and bytes is not known yet: so much as is left, if only one of them, lets it pass.
    pub(super) fn before(&self, keyring: &Keyring, counting: bool) -> Vec<(&'static str, Charge)> {
        let Quota { messages_per_day, parts_per_day, bytes_per_day } = self.quota;
        let charge = |limit, amount, name| Charge { key: self.key(keyring, name), amount, limit, window_ms: DAY_MS };
        let some_left = |limit: u32, name| (limit > 0).then(|| (name, charge(limit.saturating_sub(1), 0, name)));
        let message = if counting {
            (messages_per_day > 0).then(|| (MESSAGES, charge(messages_per_day, 1, MESSAGES)))
        } else {
            some_left(messages_per_day, MESSAGES)
        };
        [some_left(parts_per_day, PARTS), some_left(bytes_per_day, BYTES), message].into_iter().flatten().collect()
    }

    /// What it turned out to use.
    pub(super) fn after(&self, keyring: &Keyring, used: &Used) -> Vec<Charge> {
        let charge = |amount, name| Charge {
            key: self.key(keyring, name),
            amount,
            // It is spent already.
            limit: u32::MAX,
            window_ms: DAY_MS,
        };
        let parts = (self.quota.parts_per_day > 0).then(|| charge(used.parts.min(MOST_PARTS), PARTS));
        let bytes = u32::try_from(used.bytes).unwrap_or(u32::MAX);
        let bytes = (self.quota.bytes_per_day > 0).then(|| charge(bytes, BYTES));
        [parts, bytes].into_iter().flatten().filter(|charge| charge.amount > 0).collect()
    }

    fn key(&self, keyring: &Keyring, limit: &str) -> BucketKey {
        bucket(keyring, "quota", &[&self.key, limit.as_bytes()])
    }
}

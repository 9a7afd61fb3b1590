//! Counting of daily quotas: of one instance, and of all instances of a type.
//!
//! Logins to accounts are counted separately from what applications send, against equal quotas: nobody else uses up their codes.

use super::bucket::{DAY_MS, bucket};
use super::limits::CountedFor;
use crate::instance::{BYTES, MESSAGES, Quota, SEGMENTS};
use crate::keyring::Keyring;
use crate::store::{BucketKey, Charge};

/// The maximum number of segments that one message counts as: the number comes from the provider.
const MAX_SEGMENTS: u32 = 255;

/// Something that has a quota.
pub(super) struct Account {
    quota: Quota,
    /// Its name, as administrators know it.
    pub(super) whose: &'static str,
    key: BucketKey,
}

/// What a message, or the verification of an answer, has used.
pub(super) struct Used {
    pub(super) segments: u32,
    pub(super) bytes: u64,
}

impl Account {
    pub(super) fn of_instance(keyring: &Keyring, quota: Quota, counted_for: CountedFor<'_>, instance: &str) -> Self {
        let key = match counted_for {
            CountedFor::Subscription(subscription) => {
                bucket(keyring, "instance", &[subscription.as_bytes(), instance.as_bytes()])
            }
            CountedFor::Accounts => bucket(keyring, "account-instance", &[instance.as_bytes()]),
        };
        Self { quota, whose: "the instance", key }
    }

    /// Returns a subscription's part of the quota of a type.
    pub(super) fn of_subscription(keyring: &Keyring, part: Quota, subscription: &str, type_id: &str) -> Self {
        let key = bucket(keyring, "type-subscription", &[subscription.as_bytes(), type_id.as_bytes()]);
        Self { quota: part, whose: "the subscription, with all its instances of this type,", key }
    }

    pub(super) fn of_type(keyring: &Keyring, quota: Quota, counted_for: CountedFor<'_>, type_id: &str) -> Self {
        let kind = match counted_for {
            CountedFor::Subscription(_) => "type",
            CountedFor::Accounts => "account-type",
        };
        let key = bucket(keyring, kind, &[type_id.as_bytes()]);
        Self { quota, whose: "all instances of its type together", key }
    }

    /// Returns what a message counts before it is sent, each with the name of its limit; without
    /// `counting`, only whether it may be sent. How many segments and bytes it will use is not
    /// known yet: it passes if one of each is left.
    pub(super) fn before(&self, keyring: &Keyring, counting: bool) -> Vec<(&'static str, Charge)> {
        let Quota { messages_per_day, segments_per_day, bytes_per_day } = self.quota;
        let charge = |limit, amount, name| Charge { key: self.key(keyring, name), amount, limit, window_ms: DAY_MS };
        let some_left = |limit: u32, name| (limit > 0).then(|| (name, charge(limit.saturating_sub(1), 0, name)));
        let message = if counting {
            (messages_per_day > 0).then(|| (MESSAGES, charge(messages_per_day, 1, MESSAGES)))
        } else {
            some_left(messages_per_day, MESSAGES)
        };
        [some_left(segments_per_day, SEGMENTS), some_left(bytes_per_day, BYTES), message]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Returns what it has used.
    pub(super) fn after(&self, keyring: &Keyring, used: &Used) -> Vec<Charge> {
        let charge = |amount, name| Charge {
            key: self.key(keyring, name),
            amount,
            // It is already spent.
            limit: u32::MAX,
            window_ms: DAY_MS,
        };
        let segments = (self.quota.segments_per_day > 0).then(|| charge(used.segments.min(MAX_SEGMENTS), SEGMENTS));
        let bytes = u32::try_from(used.bytes).unwrap_or(u32::MAX);
        let bytes = (self.quota.bytes_per_day > 0).then(|| charge(bytes, BYTES));
        [segments, bytes].into_iter().flatten().filter(|charge| charge.amount > 0).collect()
    }

    fn key(&self, keyring: &Keyring, limit: &str) -> BucketKey {
        bucket(keyring, "quota", &[&self.key, limit.as_bytes()])
    }
}

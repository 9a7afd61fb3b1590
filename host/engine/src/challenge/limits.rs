//! Rate limits. They are counted in the store under keyed hashes, so all nodes share them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bucket::{DAY_MS, HOUR_MS, bucket};
use crate::instance::Quota;
use crate::keyring::Keyring;
use crate::store::{BucketKey, Charge, PersonLimits};

/// The rate limits. Each applies on its own and ends without intervention. The defaults are stated
/// with each.
///
/// A fifth of a user's wrong answers, per day and in a row, is reserved for sign-ins that have
/// passed the first factor, as the application reports
/// ([`NewChallenge::first_factor`](crate::NewChallenge::first_factor)). Somebody who only knows a user's name
/// cannot use them up. Somebody who has passed the first factor can: for a day with the daily
/// limit, and for a day after the last wrong answer with the limit in a row. Nobody is locked out
/// for longer than an attacker persists, and no attacker gets more answers than these limits allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Messages of one subscription to one recipient in an hour. Default: 10.
    pub recipient_per_hour: u32,
    /// Messages of all subscriptions to one recipient in an hour. Default: 30. It protects a victim
    /// from being flooded by many, and is so much higher than the limit before it that no
    /// subscription alone can block another's users.
    pub recipient_total_per_hour: u32,
    /// Messages for one user in an hour. Default: 20.
    pub user_per_hour: u32,
    /// Messages of one subscription requested from one client address (IPv6: one /64) in an hour. Default: 60.
    pub address_per_hour: u32,
    /// Messages of all subscriptions requested from one client address in an hour. Default: 600. Applications state the
    /// address, so it is so much higher than the limit before it that no subscription alone can block another's users.
    pub address_total_per_hour: u32,
    /// Messages of one tenant in an hour. Default: 10,000.
    pub tenant_per_hour: u32,
    /// Messages of one subscription to numbers with one prefix (country and four digits) in an hour
    /// whose codes are not verified. Default: 200.
    pub prefix_per_hour: u32,
    /// Messages of one subscription to phone numbers in a day, verified or not. Default: 10,000.
    /// They cost money: this bounds the cost of a day of abuse.
    pub phone_per_day: u32,
    /// Messages in total in an hour, and as many challenges for factors, enrolments and sign-ins on the page. Default: 100,000.
    /// Logins of administrators do not count.
    pub total_per_hour: u32,
    /// Percentage of each total, and of the quota of each type, that one subscription may use, 1 to 100. Default: 20. If an equal
    /// split is larger, that applies instead, so a lone subscription may use everything.
    pub subscription_share_percent: u32,
    /// For how many seconds notices of one kind to one user are collected after the first one, and then sent as
    /// one. 0: each is sent immediately. Default: 300. In addition, notices to one recipient count against limits of
    /// their own, equal to `recipient_per_hour` and `recipient_total_per_hour`: codes that somebody requests for this
    /// recipient do not use them up. Those to phone numbers share `phone_per_day` with codes, and all of them share the
    /// quotas of instances and types.
    pub notice_interval_seconds: u32,
    /// Answers in one subscription from one client address in an hour. Default: 300.
    pub answers_per_address_per_hour: u32,
    /// Answers in all subscriptions from one client address in an hour. Default: 3,000. Answers to challenges that are
    /// closed or do not exist count only in their subscription.
    pub answers_per_address_total_per_hour: u32,
    /// Sign-ins on the page that are begun for one user in an hour. Default: 100. Those after the first factor are counted separately.
    pub sign_ins_per_user_per_hour: u32,
    /// Wrong answers of one user in a day. Default: 50.
    pub wrong_answers_per_day: u32,
    /// Wrong answers of one user in a row, until somebody unlocks the user (NIST SP 800-63B-4
    /// section 3.2.2) or a day has passed since the last of them. Default: 100.
    pub lockout_threshold: u32,
    /// Wrong passwords for one account from one client address in an hour. Default: 20.
    pub passwords_per_account_and_address_per_hour: u32,
    /// Wrong passwords from one client address in an hour, including those for accounts that do not
    /// exist. Default: 60. As many redirects to an identity provider that do not lead to a login, counted separately.
    pub passwords_per_address_per_hour: u32,
    /// Wrong passwords for one account from all addresses in an hour. Default: 100. Beyond it
    /// nobody can log in to that account until the hour has passed, except in a browser in which
    /// somebody did before. An attacker with few addresses reaches the other limits first.
    pub passwords_per_account_per_hour: u32,
    /// Wrong passwords for one account in an hour in a browser in which somebody logged in to it
    /// before, or in a session. Default: 20. They count here only, so that strangers cannot lock
    /// out a known browser.
    pub passwords_per_browser_per_hour: u32,
    /// What all instances of a type may use together in a day, by type; unlimited for types that
    /// are not listed. Logins of administrators are counted separately, against an equal quota.
    pub types: BTreeMap<String, Quota>,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            recipient_per_hour: 10,
            recipient_total_per_hour: 30,
            user_per_hour: 20,
            address_per_hour: 60,
            address_total_per_hour: 600,
            tenant_per_hour: 10_000,
            prefix_per_hour: 200,
            phone_per_day: 10_000,
            total_per_hour: 100_000,
            subscription_share_percent: 20,
            notice_interval_seconds: 300,
            answers_per_address_per_hour: 300,
            answers_per_address_total_per_hour: 3_000,
            sign_ins_per_user_per_hour: 100,
            wrong_answers_per_day: 50,
            lockout_threshold: 100,
            passwords_per_account_and_address_per_hour: 20,
            passwords_per_address_per_hour: 60,
            passwords_per_account_per_hour: 100,
            passwords_per_browser_per_hour: 20,
            types: BTreeMap::new(),
        }
    }
}

impl RateLimits {
    /// Returns limits that are all off: for tests and demos.
    pub fn none() -> Self {
        let many = u32::MAX;
        Self {
            recipient_per_hour: many,
            recipient_total_per_hour: many,
            user_per_hour: many,
            address_per_hour: many,
            address_total_per_hour: many,
            tenant_per_hour: many,
            prefix_per_hour: many,
            phone_per_day: many,
            total_per_hour: many,
            subscription_share_percent: 100,
            notice_interval_seconds: 0,
            answers_per_address_per_hour: many,
            answers_per_address_total_per_hour: many,
            sign_ins_per_user_per_hour: many,
            wrong_answers_per_day: many,
            lockout_threshold: many,
            passwords_per_account_and_address_per_hour: many,
            passwords_per_address_per_hour: many,
            passwords_per_account_per_hour: many,
            passwords_per_browser_per_hour: many,
            types: BTreeMap::new(),
        }
    }
}

/// One in this many wrong answers is reserved for sign-ins that have passed the first factor.
const KEPT: u32 = 5;

/// Whose requests are counted together. What one subscription does must not use up the limits of another, nor those of the
/// accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountedFor<'a> {
    /// Applications of a subscription, and its sign-in page.
    Subscription(&'a str),
    /// Administrators who log in to their accounts.
    Accounts,
}

/// The limits that a message counts against.
pub(super) struct Counted<'a> {
    pub(super) counted_for: CountedFor<'a>,
    /// How many subscriptions share the totals.
    pub(super) subscriptions: u32,
    pub(super) tenant: Option<&'a str>,
    pub(super) person: BucketKey,
    pub(super) recipient: &'a str,
    pub(super) prefix: &'a str,
    pub(super) address: Option<IpAddr>,
}

/// Drops the charges that have no limit: nothing is stored for them.
fn limiting(mut charges: Vec<(&'static str, Charge)>) -> Vec<(&'static str, Charge)> {
    charges.retain(|(_, charge)| charge.limit < u32::MAX);
    charges
}

impl RateLimits {
    pub(crate) fn person(&self) -> PersonLimits {
        PersonLimits {
            consecutive: self.lockout_threshold,
            daily: self.wrong_answers_per_day,
            consecutive_kept: self.lockout_threshold / KEPT,
            daily_kept: self.wrong_answers_per_day / KEPT,
            day_ms: DAY_MS,
        }
    }

    /// Returns the narrow ones first: a caller who exceeds their own limit must not use up those of others.
    /// Each with its name, for the operator.
    pub(super) fn message(&self, keyring: &Keyring, counted: &Counted<'_>) -> Vec<(&'static str, Charge)> {
        let charge = |kind, what: &[&[u8]], limit| hourly(keyring, kind, what, limit);
        let recipient = counted.recipient.as_bytes();
        let user = charge("user", &[&counted.person], self.user_per_hour);
        let mut charges = match counted.counted_for {
            CountedFor::Subscription(subscription) => vec![
                charge("recipient", &[subscription.as_bytes(), recipient], self.recipient_per_hour),
                charge("recipient-total", &[recipient], self.recipient_total_per_hour),
                user,
            ],
            // A right password came before it.
            CountedFor::Accounts => {
                vec![charge("account-recipient", &[&counted.person, recipient], self.recipient_per_hour), user]
            }
        };
        charges.extend(self.requests_from(keyring, counted, ["address", "address-total", "account-address"]));
        if let CountedFor::Subscription(subscription) = counted.counted_for {
            if !counted.prefix.is_empty() {
                let key = prefix_bucket(keyring, subscription, counted.prefix);
                charges.push(("prefix", Charge { key, amount: 1, limit: self.prefix_per_hour, window_ms: HOUR_MS }));
                let key = bucket(keyring, "phone", &[subscription.as_bytes()]);
                charges.push(("phone", Charge { key, amount: 1, limit: self.phone_per_day, window_ms: DAY_MS }));
            }
            if let Some(tenant) = counted.tenant {
                charges.push(charge("tenant", &[subscription.as_bytes(), tenant.as_bytes()], self.tenant_per_hour));
            }
            charges.extend(self.totals(keyring, (subscription, counted.subscriptions), ["subscription", "total"]));
        }
        limiting(charges)
    }

    /// Returns the limits of requests from a client address, by the names of that of a subscription, that of all of them, and that of
    /// the accounts.
    fn requests_from(
        &self,
        keyring: &Keyring,
        counted: &Counted<'_>,
        names: [&'static str; 3],
    ) -> Vec<(&'static str, Charge)> {
        let limits = [self.address_per_hour, self.address_total_per_hour];
        from_address(keyring, counted.counted_for, counted.address, names, limits)
    }

    /// Returns the limits of what subscriptions share, by the names of a subscription's part and of the whole.
    fn totals(
        &self,
        keyring: &Keyring,
        (subscription, subscriptions): (&str, u32),
        [part, whole]: [&'static str; 2],
    ) -> Vec<(&'static str, Charge)> {
        let total = hourly(keyring, whole, &[], self.total_per_hour);
        let share = self.share(self.total_per_hour, subscriptions);
        let share = share.map(|limit| hourly(keyring, part, &[subscription.as_bytes()], limit));
        share.into_iter().chain([total]).collect()
    }

    /// Returns how much of a total one of so many subscriptions may use. `None`: everything.
    fn share(&self, total: u32, subscriptions: u32) -> Option<u32> {
        let percent = self.subscription_share_percent.max(100 / subscriptions.max(1));
        let share = u64::from(total) * u64::from(percent) / 100;
        (percent < 100 && total < u32::MAX).then(|| u32::try_from(share).unwrap_or(u32::MAX).max(1))
    }

    /// Returns how much of the quota of a type one of so many subscriptions may use.
    pub(super) fn share_of_quota(&self, of_type: Quota, subscriptions: u32) -> Quota {
        // 0 is unlimited, and stays so.
        let share = |total: u32| self.share(total, subscriptions).filter(|_| total > 0).unwrap_or_default();
        let Quota { messages_per_day, segments_per_day, bytes_per_day } = of_type;
        Quota {
            messages_per_day: share(messages_per_day),
            segments_per_day: share(segments_per_day),
            bytes_per_day: share(bytes_per_day),
        }
    }

    /// Returns the number of subscriptions from which on each has the smallest share: counting more makes no difference.
    pub(super) fn most_shares(&self) -> u32 {
        100_u32.div_ceil(self.subscription_share_percent.clamp(1, 100))
    }

    /// Returns the limits of a notice to a recipient.
    pub(super) fn notice(
        &self,
        keyring: &Keyring,
        subscription: &str,
        recipient: &str,
        is_phone: bool,
    ) -> Vec<(&'static str, Charge)> {
        let charge = |kind: &'static str, what: &[&[u8]], limit, window_ms| {
            (kind, Charge { key: bucket(keyring, kind, what), amount: 1, limit, window_ms })
        };
        let (subscription, recipient) = (subscription.as_bytes(), recipient.as_bytes());
        let mut charges = vec![
            charge("notice-recipient", &[subscription, recipient], self.recipient_per_hour, HOUR_MS),
            charge("notice-recipient-total", &[recipient], self.recipient_total_per_hour, HOUR_MS),
        ];
        if is_phone {
            // It costs the same as a code.
            charges.push(charge("phone", &[subscription], self.phone_per_day, DAY_MS));
        }
        limiting(charges)
    }

    /// Returns how often a notice of one kind goes to one user, or nothing if each is sent immediately. `window` names a window in which a
    /// first notice was sent: a second one goes out at its end.
    pub(super) fn notice_turn(
        &self,
        keyring: &Keyring,
        person: &BucketKey,
        kind: &[&str],
        window: Option<Timestamp>,
    ) -> Option<Charge> {
        let window = window.map(|until| until.as_millisecond().to_be_bytes());
        let window = window.as_ref().map_or(&[][..], |bytes| &bytes[..]);
        let what: Vec<&[u8]> =
            [&person[..], window].into_iter().chain(kind.iter().map(|part| part.as_bytes())).collect();
        let window_ms = i64::from(self.notice_interval_seconds) * 1000;
        let key = bucket(keyring, "notice-turn", &what);
        (window_ms > 0).then_some(Charge { key, amount: 1, limit: 1, window_ms })
    }

    /// Returns the limits of a password, whoever it is for: `account` is the same hash for every address
    /// without an account.
    pub(crate) fn password(
        &self,
        keyring: &Keyring,
        account: &BucketKey,
        address: Option<IpAddr>,
    ) -> Vec<(&'static str, Charge)> {
        let charge = |kind: &'static str, what: &[&[u8]], limit| {
            (kind, Charge { key: bucket(keyring, kind, what), amount: 1, limit, window_ms: HOUR_MS })
        };
        let mut charges = Vec::new();
        if let Some(address) = address {
            let address = network(address);
            let both = self.passwords_per_account_and_address_per_hour;
            charges.push(charge("passwords-account-and-address", &[account, &address], both));
            charges.push(charge("passwords-address", &[&address], self.passwords_per_address_per_hour));
        }
        charges.push(charge("passwords-account", &[account], self.passwords_per_account_per_hour));
        limiting(charges)
    }

    /// Returns the limits of a redirect to an identity provider, which anybody can ask for.
    pub(crate) fn authorization(&self, keyring: &Keyring, address: Option<IpAddr>) -> Vec<(&'static str, Charge)> {
        let charge = address.map(|address| {
            hourly(keyring, "authorizations-address", &[&network(address)], self.passwords_per_address_per_hour)
        });
        limiting(charge.into_iter().collect())
    }

    /// Returns the limits of a password typed where the account is known: in a browser or a session, of
    /// which `place` is a hash.
    pub(crate) fn password_in(&self, keyring: &Keyring, place: &[u8]) -> Vec<(&'static str, Charge)> {
        let (kind, limit) = ("passwords-browser", self.passwords_per_browser_per_hour);
        limiting(vec![(kind, Charge { key: bucket(keyring, kind, &[place]), amount: 1, limit, window_ms: HOUR_MS })])
    }

    /// Returns the limits of a challenge that is answered with a factor. No message is sent: nobody can use up the messages of another
    /// this way, nor keep a user from starting one.
    pub(super) fn factor_challenge(&self, keyring: &Keyring, counted: &Counted<'_>) -> Vec<(&'static str, Charge)> {
        let names = ["factor-address", "factor-address-total", "account-factor-address"];
        let mut charges = self.requests_from(keyring, counted, names);
        if let CountedFor::Subscription(subscription) = counted.counted_for {
            if let Some(tenant) = counted.tenant {
                let what = [subscription.as_bytes(), tenant.as_bytes()];
                charges.push(hourly(keyring, "factor-tenant", &what, self.tenant_per_hour));
            }
            let shared = (subscription, counted.subscriptions);
            charges.extend(self.totals(keyring, shared, ["factor-subscription", "factor-total"]));
        }
        limiting(charges)
    }

    /// Returns the limits of an enrolment. `subscriptions` share the total.
    pub(crate) fn enrolment(
        &self,
        keyring: &Keyring,
        (counted_for, subscriptions): (CountedFor<'_>, u32),
        user: &BucketKey,
        address: Option<IpAddr>,
    ) -> Vec<(&'static str, Charge)> {
        let name = match counted_for {
            CountedFor::Subscription(_) => "enrolments-user",
            CountedFor::Accounts => "account-enrolments",
        };
        let mut charges = vec![hourly(keyring, name, &[user], self.user_per_hour)];
        let names = ["enrolments-address", "enrolments-address-total", "account-enrolments-address"];
        let limits = [self.address_per_hour, self.address_total_per_hour];
        charges.extend(from_address(keyring, counted_for, address, names, limits));
        if let CountedFor::Subscription(subscription) = counted_for {
            let names = ["enrolments-subscription", "enrolments-total"];
            charges.extend(self.totals(keyring, (subscription, subscriptions), names));
        }
        limiting(charges)
    }

    /// Returns the limits of a sign-in on the page. `subscriptions` share the total.
    pub(crate) fn sign_in(
        &self,
        keyring: &Keyring,
        (subscription, subscriptions): (&str, u32),
        user: Option<&str>,
        first_factor: bool,
    ) -> Vec<(&'static str, Charge)> {
        let mut charges = Vec::new();
        if let Some(user) = user {
            // Whoever knows only a name cannot use up those of its owner.
            let what = [subscription.as_bytes(), user.as_bytes(), &[u8::from(first_factor)]];
            charges.push(hourly(keyring, "sign-ins-user", &what, self.sign_ins_per_user_per_hour));
        }
        let names = ["sign-ins-subscription", "sign-ins-total"];
        charges.extend(self.totals(keyring, (subscription, subscriptions), names));
        limiting(charges)
    }

    /// Returns the limits of an answer.
    pub(crate) fn answer(
        &self,
        keyring: &Keyring,
        counted_for: CountedFor<'_>,
        address: Option<IpAddr>,
    ) -> Vec<(&'static str, Charge)> {
        let limits = [self.answers_per_address_per_hour, self.answers_per_address_total_per_hour];
        limiting(from_address(keyring, counted_for, address, ["answers", ANSWERS_TOTAL, "account-answers"], limits))
    }
}

const ANSWERS_TOTAL: &str = "answers-total";

/// Returns those keys of [`RateLimits::answer`] that all subscriptions share. What turns out to be no answer to a challenge is not
/// counted under them.
pub(crate) fn shared_keys(names: &[&'static str], charges: &[Charge]) -> Vec<BucketKey> {
    let shared = names.iter().zip(charges).filter(|(name, _)| **name == ANSWERS_TOTAL);
    shared.map(|(_, charge)| charge.key).collect()
}

fn hourly(keyring: &Keyring, kind: &'static str, what: &[&[u8]], limit: u32) -> (&'static str, Charge) {
    (kind, Charge { key: bucket(keyring, kind, what), amount: 1, limit, window_ms: HOUR_MS })
}

/// Returns the limits of a client address. Applications state it, so each subscription has its own.
fn from_address(
    keyring: &Keyring,
    counted_for: CountedFor<'_>,
    address: Option<IpAddr>,
    [of_subscription, of_all, of_accounts]: [&'static str; 3],
    [limit, limit_of_all]: [u32; 2],
) -> Vec<(&'static str, Charge)> {
    let Some(network) = address.map(network) else { return Vec::new() };
    match counted_for {
        CountedFor::Subscription(subscription) => vec![
            hourly(keyring, of_subscription, &[subscription.as_bytes(), &network], limit),
            hourly(keyring, of_all, &[&network], limit_of_all),
        ],
        CountedFor::Accounts => vec![hourly(keyring, of_accounts, &[&network], limit)],
    }
}

/// Returns a limit that counts by the day.
pub(super) fn once(keyring: &Keyring, kind: &str, what: &[&[u8]]) -> Charge {
    Charge { key: bucket(keyring, kind, what), amount: 1, limit: 1, window_ms: DAY_MS }
}

/// Returns what is given back when a code is verified: a prefix is stopped because of codes that
/// nobody uses.
pub(super) fn prefix_bucket(keyring: &Keyring, subscription: &str, prefix: &str) -> BucketKey {
    bucket(keyring, "prefix", &[subscription.as_bytes(), prefix.as_bytes()])
}

/// Returns the client address as limits count it. An IPv6 client has a whole /64 (RFC 6177); an
/// IPv4 client its address, mapped or not.
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets()[..8].to_vec(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn logins_of_administrators_have_limits_by_client_address_that_no_application_shares() {
        let (limits, keyring) = (RateLimits::default(), Keyring::generate().unwrap());
        let address = Some("192.0.2.1".parse().unwrap());
        let of = |counted_for| {
            let counted = Counted {
                counted_for,
                subscriptions: 9,
                tenant: Some("t"),
                person: [0; 16],
                recipient: "r",
                prefix: "",
                address,
            };
            let enrolment = limits.enrolment(&keyring, (counted_for, 9), &[0; 16], address);
            [
                limits.answer(&keyring, counted_for, address),
                limits.message(&keyring, &counted),
                limits.factor_challenge(&keyring, &counted),
                enrolment,
            ]
            .concat()
        };
        let (accounts, applications) = (of(CountedFor::Accounts), of(CountedFor::Subscription("s")));
        let by_address: Vec<_> = accounts.iter().map(|(name, charge)| (*name, charge.limit)).collect();
        for expected in [
            ("account-answers", limits.answers_per_address_per_hour),
            ("account-address", limits.address_per_hour),
            ("account-factor-address", limits.address_per_hour),
            ("account-enrolments-address", limits.address_per_hour),
        ] {
            assert!(by_address.contains(&expected), "{expected:?} {by_address:?}");
        }
        // Both were given the same person here. Accounts have persons of their own.
        let shared = |key| applications.iter().find(|(_, charge)| charge.key == key).map(|(name, _)| *name);
        let shared: Vec<_> = accounts.iter().filter_map(|(_, charge)| shared(charge.key)).collect();
        assert_eq!(shared, ["user"]);
    }

    #[test]
    fn a_subscription_has_its_part_of_each_bound_of_a_quota() {
        let limits = RateLimits { subscription_share_percent: 20, ..RateLimits::none() };
        let of_type = Quota { messages_per_day: 1000, segments_per_day: 0, bytes_per_day: 3 };
        for (subscriptions, messages_per_day, bytes_per_day) in [(1, 0, 0), (3, 330, 1), (100, 200, 1)] {
            let part = Quota { messages_per_day, segments_per_day: 0, bytes_per_day };
            assert_eq!(limits.share_of_quota(of_type, subscriptions), part, "{subscriptions}");
        }
    }
}

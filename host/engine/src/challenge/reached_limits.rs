//! The limits that block somebody at the moment, for administrators.

use jiff::Timestamp;
use serde::Serialize;

use super::Challenges;
use super::limits::{Counted, CountedFor};
use crate::error::Error;
use crate::store::{BucketKey, Charge, InstanceRecord, Limited, NOBODY};

/// A limit that blocks somebody at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReachedLimit {
    /// Its name: `lockout`, `wrong-answers-per-day`, `recipient`, `recipient-total`, `user`, `prefix`, `phone`, `subscription`
    /// or `total`.
    pub limit: String,
    /// When it ends without intervention.
    pub until: Timestamp,
    /// Whether unlocking the user ends it.
    pub ends_by_unlocking: bool,
}

impl ReachedLimit {
    /// Returns whether what other subscriptions do counts against it.
    pub(crate) fn is_of_all_subscriptions(&self) -> bool {
        matches!(&*self.limit, "recipient-total" | "total")
    }
}

impl Challenges {
    /// Returns the limits that block these people and recipients. `typed` are recipients as limits
    /// count them, for the limits that depend on the address only.
    pub(crate) async fn reached_limits(
        &self,
        subscription: &str,
        persons: &[BucketKey],
        recipients: &[BucketKey],
        typed: &[String],
    ) -> Result<Vec<ReachedLimit>, Error> {
        let now = self.clock.now();
        let mut named: Vec<(&'static str, Charge)> = Vec::new();
        let mut add = |(name, charge): (&'static str, Charge)| {
            if !named.iter().any(|(_, known)| known.key == charge.key) {
                named.push((name, charge));
            }
        };
        let shared = (subscription, self.subscriptions().await?);
        let nobody = [0; 16];
        for person in persons {
            let of_person = self.limits.message(&self.keyring, &counted(shared, *person, "", ""));
            of_person
                .into_iter()
                .filter(|(name, _)| matches!(*name, "user" | "subscription" | "total"))
                .for_each(&mut add);
        }
        for recipient in recipients {
            let mut of_recipient = self.limits.message(&self.keyring, &counted(shared, nobody, "", ""));
            of_recipient.retain(|(name, _)| *name == "recipient");
            of_recipient.iter_mut().for_each(|(_, charge)| charge.key = *recipient);
            of_recipient.into_iter().for_each(&mut add);
        }
        for recipient in typed {
            let prefix = super::recipient::prefix_of(recipient);
            let of_recipient = self.limits.message(&self.keyring, &counted(shared, nobody, recipient, &prefix));
            of_recipient.into_iter().filter(|(name, _)| *name != "user").for_each(&mut add);
        }
        let (names, charges): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let mut all = Vec::new();
        // Without a person, only the counters of messages are read.
        let persons = if persons.is_empty() { &[nobody][..] } else { persons };
        for (n, person) in persons.iter().enumerate() {
            let charges = if n == 0 { charges.clone() } else { Vec::new() };
            let reached = self.store.reached_limits(*person, self.limits.person(), charges, now).await?;
            let of_person = [("lockout", reached.locked_until), ("wrong-answers-per-day", reached.day_until)];
            let of_person = of_person.into_iter().filter_map(|(name, until)| Some((name, until?, true)));
            let others = reached.charges.into_iter().filter_map(|(n, until)| Some((*names.get(n)?, until, false)));
            all.extend(of_person.chain(others).map(|(limit, until, ends_by_unlocking)| ReachedLimit {
                limit: limit.to_owned(),
                until,
                ends_by_unlocking,
            }));
        }
        Ok(all)
    }

    /// Checks that no charge would exceed its limit. Counts nothing.
    ///
    /// # Errors
    /// [`Error::is_rate_limited`].
    pub(crate) async fn check_charges(&self, names: &[&'static str], charges: Vec<Charge>) -> Result<(), Error> {
        let now = self.clock.now();
        let reached = self.store.reached_limits(NOBODY, self.limits.person(), charges, now).await?;
        match reached.charges.first() {
            Some((n, until)) => Err(Self::limited(&Limited::Until(*until, *n), names, now)),
            None => Ok(()),
        }
    }

    /// Returns whether something is stored of a person's answers.
    pub(crate) async fn knows(&self, person: BucketKey) -> Result<bool, Error> {
        let now = self.clock.now();
        Ok(self.store.reached_limits(person, self.limits.person(), Vec::new(), now).await?.is_known)
    }

    /// Returns for how many seconds this node does not use an instance.
    pub(crate) async fn pause_left(&self, record: &InstanceRecord) -> Option<u32> {
        let prepared = self.instances.prepared(record).await.ok()?;
        prepared.pause_left(self.clock.now(), self.pause_after(&self.instances.policy(record)))
    }
}

fn counted<'a>(
    (subscription, subscriptions): (&'a str, u32),
    person: BucketKey,
    recipient: &'a str,
    prefix: &'a str,
) -> Counted<'a> {
    let counted_for = CountedFor::Subscription(subscription);
    Counted { counted_for, subscriptions, tenant: None, person, recipient, prefix, address: None }
}

//! Addresses of users: sealed, each bound to its user.
//!
//! Verified ones are used for codes where an application gives no recipient. These and those that applications gave lately receive
//! notices.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use twofactor_sandbox::RecipientKind;
use zeroize::Zeroizing;

use super::recipient::Recipient;
use super::request::NewChallenge;
use super::{Challenges, user_person};
use crate::error::Error;
use crate::instance::{Policy, SignIn};
use crate::random;
use crate::store::{AddressKind, AddressRecord, BucketKey, HistoryKey};

/// In how many of a user's last messages addresses are looked for.
const LOOKED_AT: u32 = 20;

const SEALED: &str = "user-address";

/// An address of a user, as it is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownAddress {
    pub(crate) address: String,
    pub(crate) hint: String,
    /// Where it was used: selects the instances that deliver to it.
    pub(crate) sign_in: SignIn,
    /// The language of the messages that went there.
    pub(crate) locale: Option<String>,
}

/// What was proved when a challenge was started that verifies an address.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct AddressProof {
    /// The count of the user's changes before the proof was checked: see [`UserChangeStore`](crate::store::UserChangeStore).
    pub(crate) changes: u64,
    /// Whether it was nothing but the first factor.
    pub(crate) first_factor_only: bool,
}

impl Default for AddressProof {
    fn default() -> Self {
        Self { changes: 0, first_factor_only: true }
    }
}

/// An address with its record. `Debug` is missing on purpose.
#[derive(Clone)]
pub(crate) struct UserAddress {
    pub(crate) record: AddressRecord,
    pub(crate) known: KnownAddress,
}

impl Challenges {
    /// Returns an address as it is stored, not verified.
    pub(crate) fn address_record(
        &self,
        kind: AddressKind,
        bucket: &str,
        known: &KnownAddress,
    ) -> Result<AddressRecord, Error> {
        let SignIn { subscription, user, .. } = &known.sign_in;
        let user = user.as_deref().unwrap_or_default();
        let person = user_person(&self.keyring, subscription, user);
        let hash = self.address_hash(subscription, bucket);
        let plain = Zeroizing::new(serde_json::to_vec(known).map_err(Error::unavailable)?);
        let sealed = self.keyring.seal(SEALED, &[&person, &hash], &plain).map_err(Error::unavailable)?;
        Ok(AddressRecord {
            id: random::id()?,
            person,
            kind,
            hash,
            sealed,
            verified_at: None,
            seen_at: self.clock.now(),
            first_factor_only: true,
        })
    }

    /// Returns a record of an email address of a user, not verified.
    pub(crate) fn email_record(
        &self,
        sign_in: &SignIn,
        email: &str,
        locale: Option<&str>,
    ) -> Result<AddressRecord, Error> {
        let recipient = Recipient { email: Some(email.to_owned()), ..Recipient::default() };
        let canonical = recipient.canonical(RecipientKind::EmailAddress, &Policy::default())?;
        let known = KnownAddress {
            address: canonical.address,
            hint: canonical.hint,
            sign_in: sign_in.clone(),
            locale: locale.map(str::to_owned),
        };
        self.address_record(AddressKind::Email, &canonical.bucket, &known)
    }

    /// Returns the hash of an address of a subscription.
    pub(super) fn address_hash(&self, subscription: &str, bucket: &str) -> BucketKey {
        self.keyring.bucket(SEALED, &[subscription.as_bytes(), bucket.as_bytes()])
    }

    /// Returns a user's stored addresses, verified ones first.
    pub(crate) async fn user_addresses(&self, person: BucketKey) -> Result<Vec<UserAddress>, Error> {
        let records = self.store.addresses(person).await?;
        let open = |record: AddressRecord| {
            let place: [&[u8]; 2] = [&record.person, &record.hash];
            let plain = self.keyring.open(SEALED, &place, &record.sealed).map_err(Error::unavailable)?;
            let known = serde_json::from_slice(&plain).map_err(Error::unavailable)?;
            Ok(UserAddress { record, known })
        };
        records.into_iter().map(open).collect()
    }

    /// Returns the verified addresses of a user, the one of each kind that was verified last, as an application would give them.
    pub(super) async fn verified_recipient(&self, subscription: &str, user: &str) -> Result<Recipient, Error> {
        let person = user_person(&self.keyring, subscription, user);
        let mut recipient = Recipient::default();
        let mut addresses = self.user_addresses(person).await?;
        addresses.retain(|address| address.record.verified_at.is_some());
        addresses.sort_by_key(|address| Reverse(address.record.verified_at));
        for address in addresses {
            let place = match address.record.kind {
                AddressKind::Email => &mut recipient.email,
                AddressKind::Phone => &mut recipient.phone,
            };
            place.get_or_insert(address.known.address);
        }
        Ok(recipient)
    }

    /// Returns the proof with which a challenge was started that verifies an address; none for another challenge. See
    /// [`Self::start_to_verify_address`].
    pub(crate) async fn proof_of_address(&self, subscription: &str, id: &str) -> Result<Option<AddressProof>, Error> {
        let Some(record) = self.store.challenge(subscription, id).await? else { return Ok(None) };
        let details = self.details(&record)?;
        Ok(details.verifies_address.then_some(details.address_proof))
    }

    /// Returns the address that a challenge's code went to, as a record that is not stored.
    pub(crate) async fn address_of(&self, subscription: &str, id: &str) -> Result<Option<UserAddress>, Error> {
        let Some(record) = self.store.challenge(subscription, id).await? else { return Ok(None) };
        let details = self.details(&record)?;
        let kind = match known_kind(&details.bucket) {
            Some(kind) if details.sign_in.user.is_some() => kind,
            _ => return Ok(None),
        };
        let known = KnownAddress {
            address: details.address,
            hint: details.hint,
            sign_in: details.sign_in,
            locale: details.locale,
        };
        let mut address = self.address_record(kind, &details.bucket, &known)?;
        address.seen_at = record.created_at;
        Ok(Some(UserAddress { record: address, known }))
    }

    /// Returns the policy of the instance that would deliver the code of a challenge.
    pub(crate) async fn policy_for_delivery(&self, start: &NewChallenge) -> Result<Policy, Error> {
        let available = self.instances.choose(&start.sign_in, start.two_factor.as_deref()).await?;
        let fits = available.into_iter().find(|one| start.recipient.fits(one.recipient_kind));
        fits.map(|one| one.policy).ok_or_else(Error::no_instance_available)
    }

    /// Returns the addresses to which messages for a user were sent lately, as records that are not stored.
    pub(crate) async fn addresses_given_lately(
        &self,
        person: BucketKey,
        subscription: &str,
    ) -> Result<Vec<UserAddress>, Error> {
        self.history.flush().await?;
        let since = self.history.limits().since(self.clock.now());
        let rows = self.store.history(subscription, HistoryKey::Person(person), since, LOOKED_AT).await?;
        let mut challenges: Vec<String> = rows.into_iter().filter_map(|row| row.challenge).collect();
        challenges.sort_unstable();
        challenges.dedup();
        let mut found: Vec<UserAddress> = Vec::new();
        for id in challenges {
            let Some(address) = self.address_of(subscription, &id).await? else { continue };
            let is_same = |one: &&mut UserAddress| {
                one.record.kind == address.record.kind && one.record.hash == address.record.hash
            };
            match found.iter_mut().find(is_same) {
                Some(earlier) if earlier.record.seen_at >= address.record.seen_at => {}
                Some(earlier) => *earlier = address,
                None => found.push(address),
            }
        }
        Ok(found)
    }
}

/// Returns the kind of an address that counts as `bucket`. Handles are no addresses of people.
fn known_kind(bucket: &str) -> Option<AddressKind> {
    match bucket.split_once(':')?.0 {
        "mailto" => Some(AddressKind::Email),
        "tel" => Some(AddressKind::Phone),
        _ => None,
    }
}

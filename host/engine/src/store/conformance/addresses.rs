//! Addresses of users, and what happened to their factors.

use super::*;

fn address(hash: u8, seen_at: Timestamp) -> AddressRecord {
    AddressRecord {
        id: hash.to_string(),
        person: [7; 16],
        kind: AddressKind::Email,
        hash: [hash; 16],
        sealed: vec![hash],
        verified_at: None,
        seen_at,
        first_factor_only: true,
    }
}

fn verified(hash: u8) -> AddressRecord {
    AddressRecord { verified_at: Some(noon()), ..address(hash, noon()) }
}

/// Verifies an address of a user of whom nothing has changed since.
pub(super) async fn verify(store: &dyn Store, address: AddressRecord, most: u32) -> AddressVerified {
    let changes = store.user_changes(address.person).await.unwrap();
    store.verify_address(address, most, changes).await.unwrap()
}

/// Removes an address, whatever has changed before.
pub(super) async fn remove(store: &dyn Store, person: BucketKey, id: &str) -> AddressRemoved {
    let changes = store.user_changes(person).await.unwrap();
    store.remove_address(person, id, changes).await.unwrap()
}

async fn ids(store: &dyn Store) -> Vec<String> {
    store.addresses([7; 16]).await.unwrap().into_iter().map(|address| address.id).collect()
}

pub async fn an_address_is_stored_once_and_stays_verified(store: &dyn Store) {
    store.put_addresses(vec![address(1, noon())], 5).await.unwrap();
    let verified =
        AddressRecord { id: "x".to_owned(), verified_at: Some(noon() + MINUTE), ..address(1, noon() + MINUTE) };
    assert_eq!(verify(store, verified, 5).await, AddressVerified::Verified);
    let given = AddressRecord { sealed: vec![9], id: "y".to_owned(), ..address(1, noon() + HOUR) };
    store.put_addresses(vec![given.clone()], 5).await.unwrap();
    let expected = AddressRecord { id: "1".to_owned(), verified_at: Some(noon() + MINUTE), ..given };
    assert_eq!(store.addresses([7; 16]).await.unwrap(), [expected]);
    // The same address of another kind or user is another row.
    let phone = AddressRecord { kind: AddressKind::Phone, id: "2".to_owned(), ..address(1, noon()) };
    let other = AddressRecord { person: [6; 16], ..address(1, noon()) };
    store.put_addresses(vec![phone], 5).await.unwrap();
    store.put_addresses(vec![other], 5).await.unwrap();
    assert_eq!(ids(store).await, ["1", "2"]);
}

pub async fn verified_addresses_come_first_and_only_unverified_ones_are_displaced(store: &dyn Store) {
    verify(store, verified(1), 2).await;
    for n in 2..=5 {
        store.put_addresses(vec![address(n, noon() + u32::from(n) * MINUTE)], 2).await.unwrap();
    }
    assert_eq!(ids(store).await, ["1", "5", "4"]);
    assert_eq!(remove(store, [6; 16], "1").await, AddressRemoved::NotFound, "another user's");
    assert_eq!(remove(store, [7; 16], "1").await, AddressRemoved::Removed);
    assert_eq!(remove(store, [7; 16], "1").await, AddressRemoved::NotFound);
    assert_eq!(ids(store).await, ["5", "4"]);
}

pub async fn a_user_has_at_most_so_many_verified_addresses(store: &dyn Store) {
    store.put_addresses(vec![address(3, noon())], 5).await.unwrap();
    for hash in [1, 2, 1] {
        assert_eq!(verify(store, verified(hash), 2).await, AddressVerified::Verified);
    }
    // Whether it is new or there.
    for hash in [3, 4] {
        assert_eq!(verify(store, verified(hash), 2).await, AddressVerified::TooMany);
    }
    let all = store.addresses([7; 16]).await.unwrap();
    let shown: Vec<_> = all.iter().map(|one| (one.id.as_str(), one.verified_at.is_some())).collect();
    assert_eq!(shown, [("1", true), ("2", true), ("3", false)]);
    let others = AddressRecord { person: [6; 16], ..verified(4) };
    assert_eq!(verify(store, others, 2).await, AddressVerified::Verified);
    assert_eq!(remove(store, [7; 16], "1").await, AddressRemoved::Removed);
    assert_eq!(verify(store, verified(3), 2).await, AddressVerified::Verified);
}

pub async fn a_verified_address_keeps_the_better_of_its_proofs(store: &dyn Store) {
    let again = async |first_factor_only: bool| {
        let address = AddressRecord { first_factor_only, ..verified(1) };
        assert_eq!(verify(store, address, 5).await, AddressVerified::Verified);
        store.addresses([7; 16]).await.unwrap()[0].first_factor_only
    };
    assert!(again(true).await);
    assert!(!again(false).await);
    assert!(!again(true).await);
    // An application that gives the address proves nothing, and takes nothing away.
    store.put_addresses(vec![address(1, noon() + HOUR)], 5).await.unwrap();
    assert!(!store.addresses([7; 16]).await.unwrap()[0].first_factor_only);
    // After a reset it is proved anew.
    store.reset_factors(FactorReset { user: [7; 16], persons: Vec::new(), account: None, now: noon() }).await.unwrap();
    assert!(again(true).await);
}

pub async fn addresses_and_events_are_purged_after_a_year(store: &dyn Store) {
    verify(store, verified(1), 2).await;
    store.put_addresses(vec![address(2, noon())], 2).await.unwrap();
    let event = FactorEventRecord { person: [7; 16], at: noon(), sealed: vec![1] };
    store.add_factor_event(event, 5).await.unwrap();
    assert_eq!(store.purge(noon() + 365 * DAY).await.unwrap(), 0);
    assert_eq!(store.purge(noon() + 366 * DAY).await.unwrap(), 2);
    assert_eq!(ids(store).await, ["1"]);
}

pub async fn the_newest_events_of_a_user_are_kept(store: &dyn Store) {
    for n in 0..5 {
        let event = FactorEventRecord { person: [7; 16], at: noon(), sealed: vec![n] };
        store.add_factor_event(event, 3).await.unwrap();
        store.add_factor_event(FactorEventRecord { person: [6; 16], at: noon(), sealed: vec![n] }, 10).await.unwrap();
    }
    let sealed = async |person, limit| -> Vec<u8> {
        store.factor_events(person, limit).await.unwrap().into_iter().map(|event| event.sealed[0]).collect()
    };
    assert_eq!(sealed([7; 16], 10).await, [4, 3, 2]);
    assert_eq!(sealed([7; 16], 2).await, [4, 3]);
    assert_eq!(sealed([6; 16], 10).await.len(), 5);
}

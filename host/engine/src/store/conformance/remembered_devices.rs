//! Remembered devices belong to one user and one browser, for a time.

use super::*;

pub(crate) fn device(id: &str, now: Timestamp) -> RememberedDeviceRecord {
    RememberedDeviceRecord {
        id: id.to_owned(),
        person: [7; 16],
        digest: [id.as_bytes()[0]; 32],
        sealed: vec![1],
        created_at: now,
        last_used_at: now,
        expires_at: now + 30 * DAY,
    }
}

async fn ids(store: &dyn Store, now: Timestamp) -> Vec<String> {
    store.remembered_devices([7; 16], now).await.unwrap().into_iter().map(|device| device.id).collect()
}

pub async fn a_device_is_recognized_for_its_user_and_in_its_time_only(store: &dyn Store) {
    store.add_remembered_device(device("a", noon()), 5).await.unwrap();
    let later = noon() + DAY;
    let used = store.use_remembered_device([7; 16], [b'a'; 32], later).await.unwrap().unwrap();
    assert_eq!(used, RememberedDeviceRecord { last_used_at: later, ..device("a", noon()) });
    for (person, digest, now) in [
        ([6; 16], [b'a'; 32], later),
        ([7; 16], [b'b'; 32], later),
        ([7; 16], [b'a'; 32], noon() + 30 * DAY),
        ([7; 16], [b'a'; 32], noon() - MINUTE),
    ] {
        assert_eq!(store.use_remembered_device(person, digest, now).await.unwrap(), None);
    }
    assert_eq!(ids(store, later).await, ["a"]);
    assert_eq!(ids(store, noon() + 30 * DAY).await, [""; 0]);
}

pub async fn devices_are_forgotten_one_by_one_or_all_at_once(store: &dyn Store) {
    for (id, minute) in [("a", 0), ("b", 1), ("c", 2)] {
        store.add_remembered_device(device(id, noon() + minute * MINUTE), 5).await.unwrap();
    }
    let other = RememberedDeviceRecord { person: [6; 16], ..device("d", noon()) };
    store.add_remembered_device(other, 5).await.unwrap();
    let one = |id: &str| DeviceSelection::One(id.to_owned());
    assert_eq!(ids(store, noon() + HOUR).await, ["c", "b", "a"]);
    assert_eq!(store.forget_remembered_devices([7; 16], one("d")).await.unwrap(), 0, "another user's");
    assert_eq!(store.forget_remembered_devices([7; 16], one("b")).await.unwrap(), 1);
    assert_eq!(ids(store, noon() + HOUR).await, ["c", "a"]);
    assert_eq!(store.forget_remembered_devices([7; 16], DeviceSelection::All).await.unwrap(), 2);
    assert_eq!(store.remembered_devices([6; 16], noon() + HOUR).await.unwrap().len(), 1);
}

pub async fn of_too_many_devices_those_used_least_recently_are_forgotten(store: &dyn Store) {
    store.add_remembered_device(device("a", noon()), 2).await.unwrap();
    store.add_remembered_device(device("b", noon() + MINUTE), 2).await.unwrap();
    store.use_remembered_device([7; 16], [b'a'; 32], noon() + HOUR).await.unwrap().unwrap();
    store.add_remembered_device(device("c", noon() + 2 * HOUR), 2).await.unwrap();
    assert_eq!(ids(store, noon() + 3 * HOUR).await, ["c", "a"]);
}

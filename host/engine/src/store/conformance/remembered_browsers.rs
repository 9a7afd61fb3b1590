//! Remembered browsers belong to one user and one browser, for a time.

use super::*;

pub(crate) fn browser(id: &str, now: Timestamp) -> RememberedBrowserRecord {
    RememberedBrowserRecord {
        id: id.to_owned(),
        person: [7; 16],
        digest: [id.as_bytes()[0]; 32],
        sealed: vec![1],
        created_at: now,
        last_used_at: now,
        expires_at: now + 30 * DAY,
    }
}

/// Remembers a browser of a user of whom nothing has changed since.
pub(super) async fn remember(store: &dyn Store, browser: RememberedBrowserRecord, most: u32) {
    let changes = store.user_changes(browser.person).await.unwrap();
    assert!(store.add_remembered_browser(browser, most, changes).await.unwrap());
}

async fn ids(store: &dyn Store, now: Timestamp) -> Vec<String> {
    store.remembered_browsers([7; 16], now).await.unwrap().into_iter().map(|browser| browser.id).collect()
}

pub async fn a_browser_is_recognized_for_its_user_and_in_its_time_only(store: &dyn Store) {
    remember(store, browser("a", noon()), 5).await;
    let later = noon() + DAY;
    let used = store.use_remembered_browser([7; 16], [b'a'; 32], later).await.unwrap().unwrap();
    assert_eq!(used, RememberedBrowserRecord { last_used_at: later, ..browser("a", noon()) });
    for (person, digest, now) in [
        ([6; 16], [b'a'; 32], later),
        ([7; 16], [b'b'; 32], later),
        ([7; 16], [b'a'; 32], noon() + 30 * DAY),
        ([7; 16], [b'a'; 32], noon() - MINUTE),
    ] {
        assert_eq!(store.use_remembered_browser(person, digest, now).await.unwrap(), None);
    }
    assert_eq!(ids(store, later).await, ["a"]);
    assert_eq!(ids(store, noon() + 30 * DAY).await, [""; 0]);
}

pub async fn browsers_are_forgotten_one_by_one_or_all_at_once(store: &dyn Store) {
    for (id, minute) in [("a", 0), ("b", 1), ("c", 2)] {
        remember(store, browser(id, noon() + minute * MINUTE), 5).await;
    }
    let other = RememberedBrowserRecord { person: [6; 16], ..browser("d", noon()) };
    remember(store, other, 5).await;
    let one = |id: &str| BrowserSelection::One(id.to_owned());
    assert_eq!(ids(store, noon() + HOUR).await, ["c", "b", "a"]);
    assert_eq!(store.forget_remembered_browsers([7; 16], one("d")).await.unwrap(), 0, "another user's");
    assert_eq!(store.forget_remembered_browsers([7; 16], one("b")).await.unwrap(), 1);
    assert_eq!(ids(store, noon() + HOUR).await, ["c", "a"]);
    assert_eq!(store.forget_remembered_browsers([7; 16], BrowserSelection::All).await.unwrap(), 2);
    assert_eq!(store.remembered_browsers([6; 16], noon() + HOUR).await.unwrap().len(), 1);
}

pub async fn of_too_many_browsers_those_used_least_recently_are_forgotten(store: &dyn Store) {
    remember(store, browser("a", noon()), 2).await;
    remember(store, browser("b", noon() + MINUTE), 2).await;
    store.use_remembered_browser([7; 16], [b'a'; 32], noon() + HOUR).await.unwrap().unwrap();
    remember(store, browser("c", noon() + 2 * HOUR), 2).await;
    assert_eq!(ids(store, noon() + 3 * HOUR).await, ["c", "a"]);
}

//! Keys that the store depends on.

use super::*;

fn key(id: u32) -> KeyInUse {
    KeyInUse { id, check: [7; 32] }
}

pub async fn of_processes_with_different_keys_only_one_starts_on_a_new_store(store: &dyn Store) {
    let all = (1..=20).map(|id| store.add_key_in_use(key(id), vec![id]));
    let added = futures::future::join_all(all).await.into_iter().map(Result::unwrap).filter(|added| *added).count();
    assert_eq!((added, store.keys_in_use().await.unwrap().len()), (1, 1));
}

pub async fn a_rotated_key_is_added_by_a_process_that_has_the_older_ones(store: &dyn Store) {
    assert!(store.add_key_in_use(key(1), vec![1]).await.unwrap());
    assert!(store.add_key_in_use(key(1), vec![1]).await.unwrap(), "again");
    assert!(store.add_key_in_use(key(2), vec![1, 2]).await.unwrap());
    assert!(!store.add_key_in_use(key(3), vec![1, 3]).await.unwrap(), "it lacks the newest");
    let mut ids: Vec<_> = store.keys_in_use().await.unwrap().into_iter().map(|used| used.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
}

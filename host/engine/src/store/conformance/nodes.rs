//! The processes that use the store.

use std::collections::BTreeMap;

use super::*;

fn node(id: &str, now: Timestamp) -> NodeRecord {
    NodeRecord {
        id: id.to_owned(),
        name: format!("name of {id}"),
        version: "1.2.3".to_owned(),
        providers: BTreeMap::from([("email".to_owned(), "ab".to_owned())]),
        clock_behind_ms: -6000,
        started_at: now,
        seen_at: now,
    }
}

pub async fn a_node_is_shown_until_it_ends_or_is_silent_for_a_day(store: &dyn Store) {
    let ids = async |now| {
        let (nodes, at) = store.nodes(now).await.unwrap();
        assert_eq!(at, now);
        nodes.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    for id in ["b", "a", "c"] {
        store.report_node(node(id, noon())).await.unwrap();
    }
    assert_eq!(store.nodes(noon()).await.unwrap().0, [node("a", noon()), node("b", noon()), node("c", noon())]);
    store.remove_node("b").await.unwrap();
    let later = NodeRecord { version: "1.3.0".to_owned(), started_at: noon(), ..node("a", noon() + MINUTE) };
    store.report_node(later.clone()).await.unwrap();
    assert_eq!(store.nodes(noon()).await.unwrap().0, [later, node("c", noon())]);
    store.report_node(node("d", noon() + DAY)).await.unwrap();
    assert_eq!(ids(noon() + DAY).await, ["a", "c", "d"]);
    store.report_node(node("d", noon() + DAY + MINUTE / 2)).await.unwrap();
    assert_eq!(ids(noon() + DAY).await, ["a", "d"]);
}

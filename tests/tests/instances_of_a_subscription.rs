//! A subscription has a maximum number of instances, and a page of them a maximum length.

use serde_json::{Map, Value, json};
use twofactor::admin::as_code::Document;
use twofactor::admin::{Administration, MAX_INSTANCES};
use twofactor::{Actor, Error, ErrorKind, NewInstance};
use twofactor_tests::compiled;
use twofactor_tests::ecall::Ecall;

/// Returns the administration of an engine with an empty subscription `s`.
async fn administration() -> Administration {
    let engine = Ecall::start().await.engine(compiled::builder()).await;
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    admin
}

/// Imports these instances, which have no options.
async fn import(admin: &Administration, ids: &[u32], prune: bool) -> Result<(), Error> {
    let instance = |id: &u32| (format!("i{id}"), json!({"type": "ecall", "name": "I"}));
    let instances: Map<String, Value> = ids.iter().map(instance).collect();
    let subscriptions = json!({"s": {"name": "S", "instances": instances}});
    let document = json!({"twofactor": 1, "subscriptions": subscriptions});
    let document: Document = serde_json::from_value(document).unwrap();
    admin.import(&document, (prune, false), &|_| Err("there is none".to_owned())).await.map(drop)
}

#[tokio::test]
async fn a_subscription_has_at_most_a_thousand_instances_however_they_are_created() {
    let admin = administration().await;
    let ids: Vec<u32> = (0..=MAX_INSTANCES).collect();
    let (allowed, last) = (&ids[..1000], ids[1000]);
    let refused = import(&admin, &ids, false).await.unwrap_err();
    assert!(refused.is_invalid_input(), "{refused:?}");
    assert_eq!(refused.field_errors()[0].pointer, "/subscriptions/s/instances");
    import(&admin, allowed, false).await.unwrap();
    // What is stored counts as well, unless it is deleted.
    assert!(import(&admin, &[last], false).await.unwrap_err().is_invalid_input());
    import(&admin, &ids[1..], true).await.unwrap();
    for (limit, has_next) in [(999, true), (1000, false)] {
        let page = admin.instances_page("s", None, limit).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (limit as usize, has_next));
    }

    let new = || NewInstance::new("ecall", "I", json!({}));
    let refused = admin.create_instance("s", new()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains("at most 1000 instances"), "{refused}");
    let log = admin.audit_log(0, u32::MAX).await.unwrap();
    assert!(log.last().unwrap().detail.starts_with("not applied"), "{log:?}");
    // Those of others are not affected.
    admin.create_instance("demo", new()).await.unwrap();
    admin.delete_instance("s", "i1", None).await.unwrap();
    admin.create_instance("s", new()).await.unwrap();
}

#[tokio::test]
async fn a_page_of_instances_with_long_options_ends_early_and_leaves_nothing_out() {
    let admin = administration().await;
    let mut created = Vec::new();
    for _ in 0..20 {
        let new = NewInstance::new("ecall", "I", json!({"ECallAccountFromNumber": "x".repeat(60_000)}));
        created.push(admin.create_instance("s", new).await.unwrap().id);
    }
    let (mut read, mut pages) = (Vec::new(), Vec::new());
    let mut after: Option<String> = None;
    loop {
        let page = admin.instances_page("s", after.as_deref(), 1000).await.unwrap();
        pages.push(page.items.len());
        read.extend(page.items.into_iter().map(|instance| instance.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    // They are encrypted and encoded: 80 KB each.
    assert_eq!(pages, [14, 6]);
    created.sort();
    read.sort();
    assert_eq!(read, created);
}

//! Stale changes are refused.

use super::*;
use Update::{Applied, Stale};

pub(in super::super) async fn furnished(store: &dyn Store) {
    let (id, name) = ("s".to_owned(), "S".to_owned());
    store.create_subscription(Subscription { id, name, revision: 1, created_at: noon() }).await.unwrap();
    assert_eq!(store.insert_instance(instance("i"), 1).await.unwrap(), InstanceInserted::Inserted);
}

fn instance(id: &str) -> InstanceRecord {
    InstanceRecord {
        id: id.to_owned(),
        subscription: "s".to_owned(),
        type_id: "t".to_owned(),
        name: "I".to_owned(),
        active: true,
        options: serde_json::json!({}),
        policy: None,
        revision: 1,
        created_at: noon(),
        updated_at: noon(),
    }
}

fn target(id: &str) -> AssignmentRecord {
    AssignmentRecord { kind: AssignmentKind::User, target: id.to_owned() }
}

fn entry(id: &str, revision: u64) -> DirectoryRecord {
    DirectoryRecord { target: target(id), name: Some("N".to_owned()), revision }
}

fn token(id: &str, subscription: &str, expires_at: Option<Timestamp>) -> TokenRecord {
    TokenRecord {
        id: id.to_owned(),
        name: "x".to_owned(),
        digest: [id.as_bytes()[0]; 32],
        role: "{}".to_owned(),
        subscriptions: vec![subscription.to_owned()],
        application: true,
        created_at: noon(),
        expires_at,
        revoked_at: None,
    }
}

pub async fn of_two_changes_to_the_same_revision_one_is_applied(store: &dyn Store) {
    furnished(store).await;
    let renamed = Subscription { id: "s".to_owned(), name: "T".to_owned(), revision: 2, created_at: noon() };
    let settings = |revision| BaseSettingsRecord { options: serde_json::json!({}), revision };
    for first in [Applied, Stale] {
        assert_eq!(store.update_subscription(renamed.clone(), 1).await.unwrap(), first);
        let changed = InstanceRecord { revision: 2, ..instance("i") };
        assert_eq!(store.update_instance(changed, 1).await.unwrap(), first);
        assert_eq!(store.set_assignments("i", vec![target("u")], 0).await.unwrap(), first);
        assert_eq!(store.set_base_settings("t", settings(1)).await.unwrap(), first);
        assert_eq!(store.put_directory("s", vec![entry("v", 1)]).await.unwrap(), first);
    }
    for first in [Applied, Stale] {
        assert_eq!(store.set_base_settings("t", settings(2)).await.unwrap(), first);
        assert_eq!(store.put_directory("s", vec![entry("v", 2)]).await.unwrap(), first);
    }
    assert_eq!(store.delete_instance("i", 1, noon()).await.unwrap(), Stale);
    assert_eq!(store.delete_directory_entry("s", target("v"), 1).await.unwrap(), Removal::Stale);
    assert_eq!(store.delete_instance("i", 2, noon()).await.unwrap(), Applied);
    assert_eq!(store.delete_subscription("s", 1, noon()).await.unwrap(), Removal::Stale);
    assert_eq!(store.delete_directory_entry("s", target("v"), 2).await.unwrap(), Removal::Removed);
    assert_eq!(store.delete_subscription("s", 2, noon()).await.unwrap(), Removal::Removed);
    assert_eq!(store.set_assignments("i", Vec::new(), 1).await.unwrap(), Stale);
}

pub async fn directory_entries_are_added_all_or_none(store: &dyn Store) {
    furnished(store).await;
    assert_eq!(store.put_directory("s", vec![entry("b", 1)]).await.unwrap(), Applied);
    assert_eq!(store.put_directory("s", vec![entry("a", 1), entry("b", 1)]).await.unwrap(), Stale);
    let all = store.directory("s", None, "", Part::whole()).await.unwrap();
    assert_eq!(all, [entry("b", 1)]);
    assert!(store.put_directory("nowhere", vec![entry("a", 1)]).await.unwrap_err().is_conflict());
}

pub async fn what_is_in_use_is_not_removed(store: &dyn Store) {
    furnished(store).await;
    assert_eq!(store.set_assignments("i", vec![target("u")], 0).await.unwrap(), Applied);
    assert_eq!(store.delete_directory_entry("s", target("u"), 1).await.unwrap(), Removal::InUse);
    assert_eq!(store.delete_subscription("s", 1, noon()).await.unwrap(), Removal::InUse);
    assert_eq!(store.delete_instance("i", 1, noon()).await.unwrap(), Applied);

    store.insert_token(token("a", "s", Some(noon() + HOUR))).await.unwrap();
    store.insert_token(token("b", "s", None)).await.unwrap();
    assert_eq!(store.delete_subscription("s", 1, noon() + HOUR).await.unwrap(), Removal::InUse);
    assert!(store.revoke_token("b", noon()).await.unwrap());
    assert_eq!(store.delete_subscription("s", 1, noon()).await.unwrap(), Removal::InUse);
    assert_eq!(store.delete_subscription("s", 1, noon() + HOUR).await.unwrap(), Removal::Removed);
    // Its directory went with it, and nobody is bound to what is not there.
    assert!(store.directory("s", None, "", Part::whole()).await.unwrap().is_empty());
    assert!(store.insert_token(token("c", "s", None)).await.unwrap_err().is_conflict());
    assert_eq!(store.token("c").await.unwrap(), None);
}

pub async fn changes_applied_together_are_all_applied_or_none_is(store: &dyn Store) {
    furnished(store).await;
    let renamed = |id: &str, revision| InstanceRecord { name: "J".to_owned(), revision, ..instance(id) };
    let together = |last| {
        vec![
            ConfigurationChange::PutDirectory("s".to_owned(), vec![entry("u", 1)]),
            ConfigurationChange::SetAssignments("i".to_owned(), vec![target("u")], 0),
            ConfigurationChange::InsertInstance(instance("j")),
            last,
        ]
    };
    let taken = ConfigurationChange::InsertInstance(instance("i"));
    for stale in [ConfigurationChange::UpdateInstance(renamed("i", 8), 7), taken] {
        assert_eq!(store.apply_changes(together(stale), 9).await.unwrap(), Stale);
        assert_eq!(store.assignments("i").await.unwrap(), AssignmentsRecord::default());
        assert_eq!(store.directory_entries("s", vec![target("u")]).await.unwrap(), []);
        assert_eq!(store.instance("j").await.unwrap(), None);
    }
    let update = ConfigurationChange::UpdateInstance(renamed("i", 2), 1);
    assert_eq!(store.apply_changes(together(update), 9).await.unwrap(), Applied);
    assert_eq!(store.assignments("i").await.unwrap().targets, [(target("u"), Some("N".to_owned()))]);
    assert_eq!(store.instance("i").await.unwrap().unwrap().name, "J");
    assert!(store.instance("j").await.unwrap().is_some());
}

pub async fn a_subscription_has_at_most_so_many_instances(store: &dyn Store) {
    furnished(store).await;
    let other = Subscription { id: "r".to_owned(), name: "R".to_owned(), revision: 1, created_at: noon() };
    store.create_subscription(other).await.unwrap();
    let of_other = InstanceRecord { subscription: "r".to_owned(), ..instance("o") };
    assert_eq!(store.insert_instance(of_other, 1).await.unwrap(), InstanceInserted::Inserted);
    // Of many at once, no more than allowed are added.
    let at_once = (0..8).map(|n| store.insert_instance(instance(&format!("j{n}")), 3));
    let added = futures::future::join_all(at_once).await.into_iter().map(Result::unwrap);
    assert_eq!(added.filter(|one| *one == InstanceInserted::Inserted).count(), 2);
    assert_eq!(store.instances("s", Part::whole()).await.unwrap().len(), 3);

    let insert = |id: &str| ConfigurationChange::InsertInstance(instance(id));
    let delete = ConfigurationChange::DeleteInstance("i".to_owned(), 1, noon());
    assert_eq!(store.apply_changes(vec![insert("k")], 3).await.unwrap(), Stale);
    // What counts is how many there are in the end.
    assert_eq!(store.apply_changes(vec![insert("k"), delete], 3).await.unwrap(), Applied);
    let mut existing = store.existing_instances(["i", "k", "o", "x"].map(str::to_owned).to_vec()).await.unwrap();
    existing.sort();
    assert_eq!(existing, ["k", "o"]);
}

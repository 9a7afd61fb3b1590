//! What administrators see and change, beside the revisions of each record.

use super::accounts::account;
use super::*;
use Update::{Applied, Stale};

fn provider(digest: &str) -> ProviderRecord {
    ProviderRecord {
        digest: digest.to_owned(),
        type_id: "t".to_owned(),
        component: digest.as_bytes().to_vec(),
        signature: Some("signed".to_owned()),
        added_at: noon(),
        seal: vec![1],
    }
}

pub async fn the_components_of_a_type_are_replaced_from_the_top(store: &dyn Store) {
    let mut below: Option<String> = None;
    for n in 0..=PROVIDERS_KEPT {
        let digest = format!("d{n}");
        assert_eq!(store.push_provider(provider(&digest), Some("other")).await.unwrap(), Stale);
        assert_eq!(store.push_provider(provider(&digest), below.as_deref()).await.unwrap(), Applied);
        below = Some(digest);
    }
    let top = provider(&below.unwrap());
    let next = provider(&format!("d{}", PROVIDERS_KEPT - 1));
    assert_eq!(store.top_providers("t").await.unwrap(), (Some(top.clone()), Some(next.clone())));
    let mark = ProviderMark { type_id: "t".to_owned(), digest: top.digest.clone(), added_at: noon() };
    assert_eq!(store.provider_marks().await.unwrap(), [mark]);
    assert_eq!(store.pop_provider("t", &next.digest).await.unwrap(), Stale);
    // The oldest is no longer there.
    for n in (1..=PROVIDERS_KEPT).rev() {
        assert_eq!(store.pop_provider("t", &format!("d{n}")).await.unwrap(), Applied);
    }
    assert_eq!(store.top_providers("t").await.unwrap(), (None, None));
    assert_eq!(store.push_provider(provider("e"), None).await.unwrap(), Applied);
    assert_eq!(store.push_provider(provider("f"), Some("e")).await.unwrap(), Applied);
    assert_eq!(store.remove_providers("t", "e").await.unwrap(), Stale);
    assert_eq!(store.remove_providers("t", "f").await.unwrap(), Applied);
    assert!(store.provider_marks().await.unwrap().is_empty());
}

fn instance(id: &str, type_id: &str) -> InstanceRecord {
    InstanceRecord {
        id: id.to_owned(),
        subscription: "s".to_owned(),
        type_id: type_id.to_owned(),
        name: id.to_owned(),
        active: true,
        options: serde_json::json!({"z": 1, "a": "ü"}),
        policy: None,
        revision: 1,
        created_at: noon(),
        updated_at: noon(),
    }
}

pub async fn instances_are_assigned_by_the_most_specific_target(store: &dyn Store) {
    for id in ["s", "r"] {
        let subscription = Subscription { id: id.to_owned(), name: "S".to_owned(), revision: 1, created_at: noon() };
        store.create_subscription(subscription).await.unwrap();
    }
    let ids = |all: Vec<Subscription>| all.into_iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids(store.subscriptions(None, Part { after: Some("r".to_owned()), limit: 5 }).await.unwrap()), ["s"]);
    assert_eq!(ids(store.subscriptions(Some(vec!["r".to_owned()]), Part::whole()).await.unwrap()), ["r"]);
    for (id, type_id) in [("of-tenant", "t"), ("of-user", "u"), ("of-both", "t"), ("of-nobody", "t")] {
        assert_eq!(store.insert_instance(instance(id, type_id), 4).await.unwrap(), InstanceInserted::Inserted);
    }
    let settings = BaseSettingsRecord { options: serde_json::json!({"b": 2, "a": 1}), revision: 1 };
    assert_eq!(store.base_settings("t").await.unwrap(), None);
    assert_eq!(store.set_base_settings("t", settings.clone()).await.unwrap(), Applied);
    assert_eq!(store.base_settings("t").await.unwrap(), Some(settings.clone()));
    let target = |kind, target: &str| AssignmentRecord { kind, target: target.to_owned() };
    let (tenant, user) = (target(AssignmentKind::Tenant, "acme"), target(AssignmentKind::User, "alice"));
    assert_eq!(store.set_assignments("of-tenant", vec![tenant.clone()], 0).await.unwrap(), Applied);
    assert_eq!(store.set_assignments("of-user", vec![user.clone()], 0).await.unwrap(), Applied);
    assert_eq!(store.set_assignments("of-both", vec![tenant, user], 0).await.unwrap(), Applied);
    let both = Targets { tenant: Some("acme"), user: Some("alice"), ..Targets::default() };
    let found = store.assigned("s", both).await.unwrap();
    let expected = [("of-both", true), ("of-user", false), ("of-tenant", true)];
    let of = |(instance, base): &(InstanceRecord, Option<BaseSettingsRecord>)| (instance.id.clone(), base.clone());
    let expected: Vec<_> =
        expected.into_iter().map(|(id, has_base)| (id.to_owned(), has_base.then(|| settings.clone()))).collect();
    assert_eq!(found.iter().map(of).collect::<Vec<_>>(), expected);
    assert_eq!(found[0].0, instance("of-both", "t"));
    assert!(store.assigned("r", both).await.unwrap().is_empty());
    let part = Part { after: Some((noon(), "of-nobody".to_owned())), limit: 1 };
    let page = store.instances("s", part).await.unwrap();
    assert_eq!(page.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["of-tenant"]);
}

pub async fn the_audit_log_is_appended_in_order_and_filtered(store: &dyn Store) {
    assert_eq!(store.audit_head().await.unwrap(), None);
    let record = |seq: u64| AuditRecord {
        seq,
        at: noon() + MINUTE * u32::try_from(seq).unwrap(),
        actor: if seq.is_multiple_of(2) { "token even".to_owned() } else { "account odd".to_owned() },
        action: if seq < 3 { "instance.create".to_owned() } else { "instance.update".to_owned() },
        subject: format!("subject {seq}"),
        detail: "ü".to_owned(),
        key: 1,
        mac: [u8::try_from(seq).unwrap(); 32],
    };
    let head = |seq: u64| AuditHead { seq, mac: [u8::try_from(seq).unwrap(); 32], key: 1, seal: [2; 32] };
    assert_eq!(store.append_audit(record(2), head(2)).await.unwrap(), Stale);
    for seq in 1..=4 {
        assert_eq!(store.append_audit(record(seq), head(seq)).await.unwrap(), Applied);
        assert_eq!(store.append_audit(record(seq), head(seq)).await.unwrap(), Stale);
    }
    assert_eq!(store.audit_head().await.unwrap(), Some(head(4)));
    assert_eq!(store.audit(1, 2).await.unwrap(), [record(2), record(3)]);
    let found = async |filter| store.find_audit(filter, 10).await.unwrap().into_iter().map(|one| one.seq).collect();
    let all = AuditFilter::default();
    let of: Vec<u64> = found(all.clone()).await;
    assert_eq!(of, [4, 3, 2, 1]);
    let of: Vec<u64> = found(AuditFilter { from: AuditFrom::Newest(Some(3)), ..all.clone() }).await;
    assert_eq!(of, [2, 1]);
    let of: Vec<u64> = found(AuditFilter { from: AuditFrom::Oldest(2), ..all.clone() }).await;
    assert_eq!(of, [3, 4]);
    let of: Vec<u64> = found(AuditFilter { actor: "even".to_owned(), ..all.clone() }).await;
    assert_eq!(of, [4, 2]);
    let of: Vec<u64> = found(AuditFilter { action: "instance.up".to_owned(), ..all.clone() }).await;
    assert_eq!(of, [4, 3]);
    let of: Vec<u64> = found(AuditFilter { action: "update".to_owned(), ..all.clone() }).await;
    assert!(of.is_empty());
    let of: Vec<u64> = found(AuditFilter { subject: "ject 1".to_owned(), ..all.clone() }).await;
    assert_eq!(of, [1]);
    let (since, until) = (Some(noon() + 2 * MINUTE), Some(noon() + 4 * MINUTE));
    let of: Vec<u64> = found(AuditFilter { since, until, ..all }).await;
    assert_eq!(of, [3, 2]);
}

pub async fn sessions_are_listed_and_ended_and_browsers_are_remembered(store: &dyn Store) {
    for id in ["a", "b"] {
        let mut identity = [1; 16];
        identity[0] = id.as_bytes()[0];
        let account = AccountRecord { identity: Some(identity), ..account(id) };
        store.insert_external_account(account).await.unwrap();
    }
    for (n, account) in [(1, "a"), (2, "a"), (3, "a"), (4, "b")] {
        let at = noon() + MINUTE * u32::from(n);
        let session = SessionRecord {
            digest: [n; 32],
            id: format!("session {n}"),
            account: account.to_owned(),
            second_factor: false,
            from: Some("192.0.2.1".to_owned()),
            created_at: at,
            authenticated_at: at,
            last_used_at: at,
            ends_at: at + HOUR,
        };
        let request = OpenSession { session, generation: 1, replaces: Replaces::Nothing, is_login: true, now: at };
        assert!(store.open_session(request).await.unwrap());
    }
    let ids = async |account: &str| {
        store.sessions(account).await.unwrap().into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("a").await, ["session 3", "session 2", "session 1"]);
    let one = |id: &str| SessionSelection::One(id.to_owned());
    assert_eq!(store.end_sessions("b", one("session 1")).await.unwrap(), 0);
    assert_eq!(store.end_sessions("a", one("session 1")).await.unwrap(), 1);
    assert_eq!(store.end_sessions("a", SessionSelection::AllExcept("session 2".to_owned())).await.unwrap(), 1);
    assert_eq!((ids("a").await, ids("b").await), (vec!["session 2".to_owned()], vec!["session 4".to_owned()]));

    for n in 0..=u8::try_from(BROWSERS_KEPT).unwrap() {
        store.put_browser(&[n; 32], "a", noon() + MINUTE * u32::from(n)).await.unwrap();
        // The first was used again, before the last came.
        store.put_browser(&[0; 32], "a", noon() + MINUTE * u32::from(n)).await.unwrap();
    }
    let account = async |n: u8| store.browser_account(&[n; 32]).await.unwrap();
    assert_eq!(account(0).await.as_deref(), Some("a"));
    assert_eq!(account(1).await, None);
    assert_eq!(account(2).await.as_deref(), Some("a"));

    let settings =
        |revision| SecondFactorRecord { subscription: Some("s".to_owned()), demanded_since: Some(noon()), revision };
    assert_eq!(store.second_factor().await.unwrap(), None);
    assert_eq!(store.set_second_factor(settings(3), 2).await.unwrap(), Stale);
    assert_eq!(store.set_second_factor(settings(1), 0).await.unwrap(), Applied);
    assert_eq!(store.set_second_factor(settings(1), 0).await.unwrap(), Stale);
    assert_eq!(store.set_second_factor(settings(2), 1).await.unwrap(), Applied);
    assert_eq!(store.second_factor().await.unwrap(), Some(settings(2)));
}

pub async fn the_answer_to_an_idempotency_key_is_kept_until_the_key_is_forgotten(store: &dyn Store) {
    let claim = |byte| IdempotencyClaim { key: [byte; 16], request: [8; 32], until: noon() + HOUR };
    for byte in [1, 2] {
        let request = OpenChallenge { idempotency: Some(claim(byte)), ..opening(&format!("c{byte}"), noon()) };
        assert_eq!(store.open_challenge(request).await.unwrap(), Opened::Open);
    }
    let answer = async |byte: u8, now| {
        let found = store.idempotency([byte; 16], now).await.unwrap();
        found.map(|record| (record.request, record.answer))
    };
    assert_eq!(answer(1, noon()).await, Some(([8; 32], None)));
    store.complete_idempotency([1; 16], "c1", Some(vec![7])).await.unwrap();
    store.complete_idempotency([2; 16], "c2", None).await.unwrap();
    assert_eq!(answer(1, noon() + 59 * MINUTE).await, Some(([8; 32], Some(vec![7]))));
    assert_eq!(answer(1, noon() + HOUR).await, None);
    assert_eq!(answer(2, noon()).await, None);
}

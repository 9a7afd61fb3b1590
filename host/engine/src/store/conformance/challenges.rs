//! A code is good once, while its challenge takes it.

use super::*;

const NEW: CodeMac = CodeMac { key: 1, mac: [2; 32] };

async fn resent(store: &SqliteStore, codes: &[CodeMac]) {
    store.open_challenge(wish("a", noon())).await.unwrap();
    assert!(matches!(store.charge_attempt(attempt("a", noon())).await.unwrap(), Charged::Compare(_)));
    let wish = Resend {
        subscription: "s".to_owned(),
        id: "a".to_owned(),
        resends: 0,
        codes: codes.to_vec(),
        resend_after: noon(),
        charges: Vec::new(),
        person: PERSON,
        now: noon(),
    };
    assert_eq!(store.resend_challenge(wish).await.unwrap(), Resent::Granted);
}

#[tokio::test]
async fn an_earlier_code_that_is_kept_is_accepted_after_a_resend() {
    for (_folder, store) in both() {
        resent(&store, &[CODE, NEW]).await;
        assert!(store.consume_challenge(consume("a", noon())).await.unwrap());
        assert!(!store.consume_challenge(Consume { code: NEW, ..consume("a", noon()) }).await.unwrap());
    }
}

#[tokio::test]
async fn a_code_replaced_between_comparing_and_consuming_is_not_accepted() {
    for (_folder, store) in both() {
        resent(&store, &[NEW]).await;
        assert!(!store.consume_challenge(consume("a", noon())).await.unwrap());
        assert!(store.consume_challenge(Consume { code: NEW, ..consume("a", noon()) }).await.unwrap());
    }
}

#[tokio::test]
async fn of_many_right_answers_at_once_one_succeeds() {
    for (_folder, store) in both() {
        store.open_challenge(wish("a", noon())).await.unwrap();
        let all = (0..100).map(|_| store.consume_challenge(consume("a", noon())));
        let won = futures::future::join_all(all).await.into_iter().filter(|one| *one.as_ref().unwrap());
        assert_eq!(won.count(), 1);
    }
}

#[tokio::test]
async fn what_is_counted_until_a_code_is_used_is_given_back_for_each_message() {
    for (_folder, store) in both() {
        let charge = Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 };
        let counted = |id| OpenChallenge { charges: vec![charge], ..wish(id, noon()) };
        for id in ["a", "b"] {
            assert_eq!(store.open_challenge(counted(id)).await.unwrap(), Opened::Open);
        }
        assert!(matches!(store.open_challenge(counted("c")).await.unwrap(), Opened::Limited(_)));
        let used = Consume { release: vec![charge.key; 2], ..consume("a", noon()) };
        assert!(store.consume_challenge(used).await.unwrap());
        for id in ["c", "d"] {
            assert_eq!(store.open_challenge(counted(id)).await.unwrap(), Opened::Open);
        }
        assert!(matches!(store.open_challenge(counted("e")).await.unwrap(), Opened::Limited(_)));
    }
}

#[tokio::test]
async fn a_challenge_is_handed_over_while_it_is_open_by_the_newest_message_and_only_in_its_subscription() {
    for (_folder, store) in both() {
        store.open_challenge(wish("a", noon())).await.unwrap();
        let to = |subscription: &str, instance: &str, resends, byte| HandOver {
            subscription: subscription.to_owned(),
            id: "a".to_owned(),
            resends,
            instance: instance.to_owned(),
            sealed: vec![byte],
            codes: None,
            now: noon(),
        };
        assert!(!store.hand_over_challenge(to("t", "other", 0, 7)).await.unwrap());
        assert!(!store.hand_over_challenge(to("s", "other", 1, 7)).await.unwrap(), "another message came since");
        assert!(store.hand_over_challenge(to("s", "other", 0, 7)).await.unwrap());
        let record = store.challenge("s", "a").await.unwrap().unwrap();
        assert_eq!((&*record.instance, record.sealed), ("other", vec![7]));
        assert_eq!(record.codes, wish("a", noon()).challenge.codes);
        let codes = Some(vec![NEW]);
        assert!(store.hand_over_challenge(HandOver { codes, ..to("s", "other", 0, 7) }).await.unwrap());
        assert_eq!(store.challenge("s", "a").await.unwrap().unwrap().codes, [NEW]);
        let codes = Some(vec![CODE]);
        assert!(store.hand_over_challenge(HandOver { codes, ..to("s", "other", 0, 7) }).await.unwrap());
        assert!(store.consume_challenge(consume("a", noon())).await.unwrap());
        assert!(!store.hand_over_challenge(to("s", "third", 0, 8)).await.unwrap());
    }
}

//! Codes are accepted once, while their challenge is open.

use super::*;

const NEW: CodeMac = CodeMac { key: 1, mac: [2; 32] };

async fn resent(store: &dyn Store, codes: &[CodeMac]) {
    store.open_challenge(opening("a", noon())).await.unwrap();
    assert!(matches!(store.charge_attempt(attempt("a", noon())).await.unwrap(), Charged::Compare(_)));
    let request = Resend {
        subscription: "s".to_owned(),
        id: "a".to_owned(),
        resends: 0,
        codes: codes.to_vec(),
        resend_after: noon(),
        charges: Vec::new(),
        person: PERSON,
        now: noon(),
    };
    assert_eq!(store.resend_challenge(request).await.unwrap(), Resent::Granted);
}

pub async fn an_earlier_code_that_is_kept_is_accepted_after_a_resend(store: &dyn Store) {
    resent(store, &[CODE, NEW]).await;
    assert!(store.consume_challenge(consume("a", noon())).await.unwrap().is_done());
    assert!(!store.consume_challenge(Consume { code: NEW, ..consume("a", noon()) }).await.unwrap().is_done());
}

pub async fn a_code_replaced_between_comparing_and_consuming_is_not_accepted(store: &dyn Store) {
    resent(store, &[NEW]).await;
    assert!(!store.consume_challenge(consume("a", noon())).await.unwrap().is_done());
    assert!(store.consume_challenge(Consume { code: NEW, ..consume("a", noon()) }).await.unwrap().is_done());
}

pub async fn of_many_right_answers_at_once_one_succeeds(store: &dyn Store) {
    store.open_challenge(opening("a", noon())).await.unwrap();
    let all = (0..100).map(|_| store.consume_challenge(consume("a", noon())));
    let won = futures::future::join_all(all).await.into_iter().filter(|one| one.as_ref().unwrap().is_done());
    assert_eq!(won.count(), 1);
}

pub async fn a_used_code_releases_the_count_of_each_message(store: &dyn Store) {
    let charge = Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 };
    let counted = |id| OpenChallenge { charges: vec![charge], ..opening(id, noon()) };
    for id in ["a", "b"] {
        assert_eq!(store.open_challenge(counted(id)).await.unwrap(), Opened::Open);
    }
    assert!(matches!(store.open_challenge(counted("c")).await.unwrap(), Opened::Limited(_)));
    let used = Consume { release: vec![charge.key; 2], ..consume("a", noon()) };
    assert!(store.consume_challenge(used).await.unwrap().is_done());
    for id in ["c", "d"] {
        assert_eq!(store.open_challenge(counted(id)).await.unwrap(), Opened::Open);
    }
    assert!(matches!(store.open_challenge(counted("e")).await.unwrap(), Opened::Limited(_)));
}

pub async fn only_an_open_challenge_is_handed_over_by_its_newest_message(store: &dyn Store) {
    store.open_challenge(opening("a", noon())).await.unwrap();
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
    assert_eq!(record.codes, opening("a", noon()).challenge.codes);
    let codes = Some(vec![NEW]);
    assert!(store.hand_over_challenge(HandOver { codes, ..to("s", "other", 0, 7) }).await.unwrap());
    assert_eq!(store.challenge("s", "a").await.unwrap().unwrap().codes, [NEW]);
    let codes = Some(vec![CODE]);
    assert!(store.hand_over_challenge(HandOver { codes, ..to("s", "other", 0, 7) }).await.unwrap());
    assert!(store.consume_challenge(consume("a", noon())).await.unwrap().is_done());
    assert!(!store.hand_over_challenge(to("s", "third", 0, 8)).await.unwrap());
}

pub async fn a_verified_challenge_is_a_proof_once_and_while_it_is_fresh(store: &dyn Store) {
    let since = noon() - MINUTE;
    let proves = async |id: &str, since, now| store.use_challenge_as_proof("s", id, None, since, now).await.unwrap();
    for id in ["open", "cancelled", "a", "b", "c"] {
        store.open_challenge(opening(id, noon())).await.unwrap();
    }
    assert!(store.close_challenge("s", "cancelled", Closing::Cancelled, noon()).await.unwrap());
    for id in ["a", "b", "c"] {
        assert!(store.consume_challenge(consume(id, noon())).await.unwrap().is_done());
    }
    for id in ["open", "cancelled", "unknown"] {
        assert!(!proves(id, since, noon()).await, "{id}");
    }
    assert!(!store.use_challenge_as_proof("t", "a", None, since, noon()).await.unwrap(), "another subscription's");
    let all = (0..100).map(|_| proves("a", since, noon()));
    assert_eq!(futures::future::join_all(all).await.into_iter().filter(|one| *one).count(), 1);
    assert!(!proves("b", noon(), noon() + MINUTE).await, "too old");
    assert!(!proves("b", since, noon() - MINUTE).await, "a clock was wrong");
    assert!(proves("b", noon() - Duration::from_millis(1), noon() + 10 * MINUTE).await);
}

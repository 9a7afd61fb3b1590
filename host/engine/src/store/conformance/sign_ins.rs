//! A hosted sign-in is bound once, takes each step once, and ends once.

use super::*;

pub(in crate::store) fn sign_in(id: &str, now: Timestamp) -> HostedSignInRecord {
    HostedSignInRecord {
        id: id.to_owned(),
        subscription: "s".to_owned(),
        link: [id.as_bytes()[0]; 32],
        browser: None,
        sealed: vec![1],
        challenge: None,
        step: 0,
        created_at: now,
        expires_at: now + 10 * MINUTE,
        ended: None,
    }
}

pub(in crate::store) fn verified(at: Timestamp) -> SignInEnd {
    let amr = vec!["otp".to_owned(), "sms".to_owned()];
    SignInEnd::Verified { at, two_factor: "i".to_owned(), amr, handle: Some([7; 32]) }
}

pub async fn a_sign_in_is_found_by_its_link_and_by_its_id_within_its_subscription(store: &dyn Store) {
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    assert_eq!(store.sign_in_by_link(&[b'a'; 32]).await.unwrap(), Some(sign_in("a", noon())));
    assert_eq!(store.sign_in("s", "a").await.unwrap(), Some(sign_in("a", noon())));
    assert_eq!(store.sign_in("other", "a").await.unwrap(), None);
    assert_eq!(store.sign_in_by_link(&[b'b'; 32]).await.unwrap(), None);
}

pub async fn a_sign_in_is_bound_to_the_first_browser(store: &dyn Store) {
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    assert!(store.bind_sign_in("a", [1; 32], noon()).await.unwrap());
    assert!(!store.bind_sign_in("a", [2; 32], noon()).await.unwrap());
    assert_eq!(store.sign_in("s", "a").await.unwrap().unwrap().browser, Some([1; 32]));
}

pub async fn a_step_is_taken_once(store: &dyn Store) {
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    let step =
        async |step, challenge: &str| store.step_sign_in("a", step, Some(challenge.to_owned()), noon()).await.unwrap();
    assert!(step(0, "one").await);
    assert!(!step(0, "two").await);
    assert!(step(1, "three").await);
    let record = store.sign_in("s", "a").await.unwrap().unwrap();
    assert_eq!((record.step, record.challenge.as_deref()), (2, Some("three")));
}

pub async fn a_sign_in_is_rewritten_at_its_own_step_only(store: &dyn Store) {
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    let rewrite =
        async |step, sealed: u8, now| store.rewrite_sign_in("a", step, None, vec![sealed], now).await.unwrap();
    assert!(store.step_sign_in("a", 0, Some("one".to_owned()), noon()).await.unwrap());
    assert!(!rewrite(0, 2, noon()).await);
    assert!(rewrite(1, 3, noon()).await);
    assert!(!rewrite(1, 4, noon()).await);
    assert!(!rewrite(2, 5, noon() + 10 * MINUTE).await);
    let record = store.sign_in("s", "a").await.unwrap().unwrap();
    assert_eq!((record.step, record.challenge, record.sealed), (2, None, vec![3]));
}

pub async fn an_ended_sign_in_does_not_change(store: &dyn Store) {
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    assert!(store.end_sign_in("a", verified(noon()), Some(vec![9]), None).await.unwrap());
    assert!(!store.end_sign_in("a", verified(noon()), None, None).await.unwrap());
    assert!(!store.end_sign_in("a", SignInEnd::Cancelled { at: noon() }, None, None).await.unwrap());
    assert!(!store.bind_sign_in("a", [1; 32], noon()).await.unwrap());
    assert!(!store.step_sign_in("a", 0, None, noon()).await.unwrap());
    assert!(!store.rewrite_sign_in("a", 0, None, vec![2], noon()).await.unwrap());
    assert_eq!(store.sign_in("s", "a").await.unwrap().unwrap().ended, Some(verified(noon())));
}

pub async fn a_handle_is_redeemed_once_for_its_own_sign_in_within_its_time(store: &dyn Store) {
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    let redeem = async |subscription: &str, id: &str, handle: u8, now: Timestamp| {
        store.redeem_sign_in(subscription, id, [handle; 32], now - 2 * MINUTE, now).await.unwrap()
    };
    assert_eq!(redeem("s", "a", 7, noon()).await, None);
    store.end_sign_in("a", verified(noon()), None, None).await.unwrap();
    assert_eq!(redeem("other", "a", 7, noon()).await, None);
    assert_eq!(redeem("s", "b", 7, noon()).await, None);
    assert_eq!(redeem("s", "a", 8, noon()).await, None);
    assert_eq!(redeem("s", "a", 7, noon() + 2 * MINUTE).await, None);
    assert_eq!(redeem("s", "a", 7, noon() - MINUTE).await, None);
    let redeemed = redeem("s", "a", 7, noon() + MINUTE).await.unwrap();
    assert!(matches!(redeemed.ended, Some(SignInEnd::Verified { handle: None, .. })));
    assert_eq!(redeem("s", "a", 7, noon() + MINUTE).await, None);
}

pub async fn an_expired_or_future_sign_in_does_not_change(store: &dyn Store) {
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    for now in [noon() + 10 * MINUTE, noon() - MINUTE] {
        assert!(!store.end_sign_in("a", verified(now), None, None).await.unwrap());
        assert!(!store.bind_sign_in("a", [1; 32], now).await.unwrap());
        assert!(!store.step_sign_in("a", 0, None, now).await.unwrap());
    }
    assert!(store.end_sign_in("a", verified(noon() + 9 * MINUTE), None, None).await.unwrap());
}

pub async fn a_clock_set_back_over_a_restart_ends_open_sign_ins(store: &dyn Store) {
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    assert_eq!(store.resume(noon() - HOUR).await.unwrap().now, noon() - HOUR);
    let ended = store.sign_in("s", "a").await.unwrap().unwrap().ended;
    assert!(matches!(ended, Some(SignInEnd::Cancelled { .. })), "{ended:?}");
}

pub async fn expired_sign_ins_are_purged(store: &dyn Store) {
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    assert_eq!(store.purge(noon() + DAY + 10 * MINUTE).await.unwrap(), 0);
    assert_eq!(store.purge(noon() + DAY + 11 * MINUTE).await.unwrap(), 1);
    assert_eq!(store.sign_in("s", "a").await.unwrap(), None);
}

pub async fn a_stale_change_of_a_sign_in_page_is_refused(store: &dyn Store) {
    let page = |subscription: &str, revision: u64| SignInPageRecord {
        subscription: subscription.to_owned(),
        settings: serde_json::json!({"return_urls": [revision.to_string()]}),
        revision,
    };
    assert!(store.set_sign_in_page(page("s", 1), 0).await.unwrap_err().is_conflict());
    let subscription = Subscription { id: "s".to_owned(), name: "S".to_owned(), revision: 1, created_at: noon() };
    store.create_subscription(subscription).await.unwrap();
    assert_eq!(store.sign_in_page("s").await.unwrap(), None);
    assert_eq!(store.set_sign_in_page(page("s", 8), 7).await.unwrap(), Update::Stale);
    assert_eq!(store.set_sign_in_page(page("s", 1), 0).await.unwrap(), Update::Applied);
    assert_eq!(store.set_sign_in_page(page("s", 1), 0).await.unwrap(), Update::Stale);
    assert_eq!(store.set_sign_in_page(page("s", 2), 1).await.unwrap(), Update::Applied);
    assert_eq!(store.set_sign_in_page(page("s", 2), 1).await.unwrap(), Update::Stale);
    assert_eq!(store.sign_in_page("s").await.unwrap(), Some(page("s", 2)));
}

//! A change of a user's factors ends what stood for them; a reset ends everything.

use super::factors::{adding, beginning, enrolment};
use super::passes::pass;
use super::remembered_browsers::browser;
use super::*;

fn address(verified_at: Timestamp) -> AddressRecord {
    AddressRecord {
        id: "x".to_owned(),
        person: [7; 16],
        kind: AddressKind::Email,
        hash: [1; 16],
        sealed: vec![1],
        verified_at: Some(verified_at),
        seen_at: verified_at,
    }
}

/// Remembers a browser, and returns whether a change forgets it.
async fn forgets(store: &dyn Store, change: impl AsyncFnOnce()) -> bool {
    store.add_remembered_browser(browser("d", noon()), 5).await.unwrap();
    change().await;
    store.forget_remembered_browsers([7; 16], BrowserSelection::All).await.unwrap() == 0
}

pub async fn any_change_of_a_users_factors_forgets_the_remembered_browsers(store: &dyn Store) {
    let other = RememberedBrowserRecord { person: [6; 16], ..browser("o", noon()) };
    store.add_remembered_browser(other, 5).await.unwrap();
    let set = async |from, to| assert!(store.set_factor_status("s", "a", from, to).await.unwrap());
    let add = async || {
        assert!(matches!(store.add_factor(adding("a", noon())).await.unwrap(), FactorAdded::Added(_)));
    };
    assert!(forgets(store, add).await, "added");
    assert!(forgets(store, async || set(FactorStatus::Active, FactorStatus::Suspended).await).await, "suspended");
    assert!(forgets(store, async || set(FactorStatus::Suspended, FactorStatus::Active).await).await, "resumed");
    let end = async || {
        store.end_factors([7; 16], FactorSelection::One("a"), noon()).await.unwrap();
    };
    assert!(forgets(store, end).await, "ended");
    let verify = async || {
        assert_eq!(store.verify_address(address(noon()), 1).await.unwrap(), AddressVerified::Verified);
    };
    assert!(forgets(store, verify).await, "an address was verified");
    let remove = async || assert!(store.remove_address([7; 16], "x").await.unwrap());
    assert!(forgets(store, remove).await, "an address was removed");
    // Nothing changes.
    assert!(!forgets(store, end).await);
    assert!(!forgets(store, async || assert!(!store.remove_address([7; 16], "x").await.unwrap())).await);
    let too_many = async || {
        assert_eq!(store.verify_address(address(noon()), 0).await.unwrap(), AddressVerified::TooMany);
    };
    assert!(!forgets(store, too_many).await);
    assert_eq!(store.remembered_browsers([6; 16], noon()).await.unwrap().len(), 1, "another user's");
}

pub async fn a_reset_ends_everything_of_its_user(store: &dyn Store) {
    let of_other = |id: &str| {
        let mut opening = opening(id, noon());
        opening.challenge.person = [6; 16];
        opening
    };
    store.add_factor(adding("a", noon())).await.unwrap();
    store.put_pass(pass(noon()), [8; 16]).await.unwrap();
    assert_eq!(store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap(), EnrolmentBegun::Begun);
    let address = address(noon());
    store.verify_address(address.clone(), 5).await.unwrap();
    store.add_remembered_browser(browser("d", noon()), 5).await.unwrap();
    for id in ["open", "used"] {
        store.open_challenge(opening(id, noon())).await.unwrap();
    }
    store.open_challenge(of_other("other's")).await.unwrap();
    assert!(store.consume_challenge(consume("used", noon())).await.unwrap().is_done());

    let reset = FactorReset { user: [7; 16], persons: vec![[7; 16], [9; 16]], now: noon() };
    let ended = store.reset_factors(reset.clone()).await.unwrap();
    assert_eq!(ended.factors.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["a"]);
    assert_eq!((ended.pass, ended.browsers, ended.enrolments, ended.challenges), (true, 1, 1, 1));
    assert_eq!(ended.addresses, 1);
    assert_eq!(store.addresses([7; 16]).await.unwrap(), [AddressRecord { verified_at: None, ..address }]);
    assert_eq!(store.factors([7; 16], false).await.unwrap(), []);
    assert_eq!(store.pass_until([7; 16], noon()).await.unwrap(), None);
    assert_eq!(store.enrolment("s", "e").await.unwrap(), None);
    assert_eq!(store.charge_attempt(attempt("open", noon())).await.unwrap(), Charged::Closed);
    assert!(!store.use_challenge_as_proof("s", "used", None, noon() - MINUTE, noon()).await.unwrap());
    assert!(matches!(store.charge_attempt(attempt("other's", noon())).await.unwrap(), Charged::Compare(_)));
    assert_eq!(store.reset_factors(reset).await.unwrap(), FactorResetOutcome::default());
}

//! A change of a user's factors ends what stood for them; a reset ends everything.

use super::addresses::{remove, verify};
use super::factors::{adding, beginning, end, enrolment};
use super::passes::pass;
use super::remembered_browsers::{browser, remember};
use super::sign_ins::{sign_in, verified};
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
        first_factor_only: true,
    }
}

/// Remembers a browser, and returns whether a change forgets it.
async fn forgets(store: &dyn Store, change: impl AsyncFnOnce()) -> bool {
    remember(store, browser("d", noon()), 5).await;
    change().await;
    store.forget_remembered_browsers([7; 16], BrowserSelection::All).await.unwrap() == 0
}

pub async fn any_change_of_a_users_factors_forgets_the_remembered_browsers(store: &dyn Store) {
    let other = RememberedBrowserRecord { person: [6; 16], ..browser("o", noon()) };
    remember(store, other, 5).await;
    let set = async |from, to| assert!(store.set_factor_status("s", "a", from, to).await.unwrap());
    let add = async || {
        assert!(matches!(store.add_factor(adding("a", noon())).await.unwrap(), FactorAdded::Added(_)));
    };
    assert!(forgets(store, add).await, "added");
    assert!(forgets(store, async || set(FactorStatus::Active, FactorStatus::Suspended).await).await, "suspended");
    assert!(forgets(store, async || set(FactorStatus::Suspended, FactorStatus::Active).await).await, "resumed");
    let ended = async || drop(end(store, FactorSelection::One("a")).await);
    assert!(forgets(store, ended).await, "ended");
    let verified = async || {
        assert_eq!(verify(store, address(noon()), 1).await, AddressVerified::Verified);
    };
    assert!(forgets(store, verified).await, "an address was verified");
    let removed = async |outcome| assert_eq!(remove(store, [7; 16], "x").await, outcome);
    assert!(forgets(store, async || removed(AddressRemoved::Removed).await).await, "an address was removed");
    // Nothing changes.
    assert!(!forgets(store, ended).await);
    assert!(!forgets(store, async || removed(AddressRemoved::NotFound).await).await);
    let too_many = async || {
        assert_eq!(verify(store, address(noon()), 0).await, AddressVerified::TooMany);
    };
    assert!(!forgets(store, too_many).await);
    // No browser is remembered by a pass.
    assert!(!forgets(store, async || store.put_pass(pass(noon()), [8; 16]).await.unwrap()).await);
    assert!(!forgets(store, async || assert!(store.end_pass([7; 16]).await.unwrap())).await);
    assert_eq!(store.remembered_browsers([6; 16], noon()).await.unwrap().len(), 1, "another user's");
}

/// Checks that what began before a change of a user does not end after it, whenever it was stored.
async fn ends(store: &dyn Store, what: &str, change: impl AsyncFnOnce()) {
    let before = store.user_changes([7; 16]).await.unwrap();
    let begin = async |id: &str| {
        assert_eq!(store.begin_enrolment(beginning(enrolment(id, noon()))).await.unwrap(), EnrolmentBegun::Begun);
    };
    begin("early").await;
    let waiting = HostedSignInRecord { link: [u8::try_from(before).unwrap(); 32], ..sign_in(what, noon()) };
    store.insert_sign_in(waiting).await.unwrap();
    change().await;
    assert!(!store.end_sign_in(what, verified(noon()), None, Some(([7; 16], before))).await.unwrap(), "{what}");
    assert_eq!(store.sign_in("s", what).await.unwrap().unwrap().ended, None, "{what}");
    assert_eq!(store.enrolment("s", "early").await.unwrap(), None, "{what}");
    let (factors, addresses) = (store.factors([7; 16], true).await.unwrap(), store.addresses([7; 16]).await.unwrap());
    begin("late").await;
    for enrolment in [None, Some("late".to_owned())] {
        let late = AddFactor { enrolment, changes: Some(before), ..adding("x", noon()) };
        assert_eq!(store.add_factor(late).await.unwrap(), FactorAdded::Closed, "{what}");
    }
    let late = AddressRecord { hash: [2; 16], ..address(noon()) };
    assert_eq!(store.verify_address(late, 5, before).await.unwrap(), AddressVerified::Changed, "{what}");
    assert!(!store.add_remembered_browser(browser("x", noon()), 5, before).await.unwrap(), "{what}");
    let late = OpenChallenge { changes: Some(([7; 16], before)), ..opening(what, noon()) };
    assert_eq!(store.open_challenge(late).await.unwrap(), Opened::Changed, "{what}");
    assert_eq!(store.challenge("s", what).await.unwrap(), None, "{what}");
    for address in &addresses {
        let removed = store.remove_address([7; 16], &address.id, before).await.unwrap();
        assert_eq!(removed, AddressRemoved::Changed, "{what}");
    }
    let ended = store.end_factors([7; 16], FactorSelection::All, Some(before), noon()).await.unwrap();
    assert_eq!(ended, None, "{what}");
    assert!(store.enrolment("s", "late").await.unwrap().is_some(), "{what}");
    assert_eq!(store.factors([7; 16], true).await.unwrap(), factors, "{what}");
    assert_eq!(store.addresses([7; 16]).await.unwrap(), addresses, "{what}");
    assert_eq!(store.remembered_browsers([7; 16], noon()).await.unwrap(), [], "{what}");
}

pub async fn any_change_of_a_user_ends_what_began_before_it(store: &dyn Store) {
    let added = |outcome| assert_eq!(outcome, FactorAdded::Added(Vec::new()));
    let set = async |from, to| assert!(store.set_factor_status("s", "a", from, to).await.unwrap());
    let reset = || FactorReset { user: [7; 16], persons: Vec::new(), account: None, now: noon() };
    ends(store, "added", async || added(store.add_factor(adding("a", noon())).await.unwrap())).await;
    ends(store, "suspended", async || set(FactorStatus::Active, FactorStatus::Suspended).await).await;
    ends(store, "resumed", async || set(FactorStatus::Suspended, FactorStatus::Active).await).await;
    ends(store, "ended", async || drop(end(store, FactorSelection::One("a")).await)).await;
    let verify = async || assert_eq!(verify(store, address(noon()), 5).await, AddressVerified::Verified);
    ends(store, "verified", verify).await;
    ends(store, "removed", async || assert_eq!(remove(store, [7; 16], "x").await, AddressRemoved::Removed)).await;
    ends(store, "a pass issued", async || store.put_pass(pass(noon()), [8; 16]).await.unwrap()).await;
    ends(store, "a pass ended", async || assert!(store.end_pass([7; 16]).await.unwrap())).await;
    ends(store, "reset", async || drop(store.reset_factors(reset()).await.unwrap())).await;
    // With the count of now each ends as it should, and a factor counts as one change.
    let now = store.user_changes([7; 16]).await.unwrap();
    assert!(store.add_remembered_browser(browser("d", noon()), 5, now).await.unwrap());
    for (id, user, count) in [("now", [7; 16], now), ("never changed", [6; 16], 0)] {
        let challenge = OpenChallenge { changes: Some((user, count)), ..opening(id, noon()) };
        assert_eq!(store.open_challenge(challenge).await.unwrap(), Opened::Open, "{id}");
        assert!(store.challenge("s", id).await.unwrap().is_some(), "{id}");
    }
    assert!(store.end_sign_in("added", verified(noon()), None, Some(([7; 16], now))).await.unwrap());
    store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap();
    let enrolment = Some("e".to_owned());
    added(store.add_factor(AddFactor { enrolment, changes: Some(now), ..adding("b", noon()) }).await.unwrap());
    assert_eq!(store.user_changes([7; 16]).await.unwrap(), now + 1);
    let ended = store.end_factors([7; 16], FactorSelection::One("b"), Some(now + 1), noon()).await.unwrap();
    assert_eq!(ended.unwrap().len(), 1);
    assert_eq!(store.user_changes([6; 16]).await.unwrap(), 0, "another user's");
}

pub async fn a_reset_ends_everything_of_its_user(store: &dyn Store) {
    let of_other = |id: &str| {
        let mut opening = opening(id, noon());
        opening.challenge.person = [6; 16];
        opening
    };
    store.add_factor(adding("a", noon())).await.unwrap();
    store.put_pass(pass(noon()), [8; 16]).await.unwrap();
    let address = address(noon());
    verify(store, address.clone(), 5).await;
    assert_eq!(store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap(), EnrolmentBegun::Begun);
    remember(store, browser("d", noon()), 5).await;
    for id in ["open", "used"] {
        store.open_challenge(opening(id, noon())).await.unwrap();
    }
    store.open_challenge(of_other("other's")).await.unwrap();
    assert!(store.consume_challenge(consume("used", noon())).await.unwrap().is_done());

    let reset = FactorReset { user: [7; 16], persons: vec![[7; 16], [9; 16]], account: None, now: noon() };
    let ended = store.reset_factors(reset.clone()).await.unwrap();
    assert_eq!(ended.factors.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["a"]);
    assert_eq!((ended.pass, ended.browsers, ended.enrolments, ended.challenges), (true, 1, 1, 1));
    assert_eq!(ended.addresses, 1);
    assert_eq!(store.addresses([7; 16]).await.unwrap(), [AddressRecord { verified_at: None, ..address }]);
    assert_eq!(store.factors([7; 16], false).await.unwrap(), []);
    assert_eq!(store.pass_until([7; 16], noon()).await.unwrap(), None);
    assert_eq!(store.enrolment("s", "e").await.unwrap(), None);
    assert_eq!(store.charge_attempt(attempt("open", noon())).await.unwrap(), Charged::Closed);
    assert_eq!(store.answer_challenge(right("open", noon())).await.unwrap(), Answered::Closed);
    assert!(!store.use_challenge_as_proof("s", "used", None, noon() - MINUTE, noon()).await.unwrap());
    assert!(matches!(store.charge_attempt(attempt("other's", noon())).await.unwrap(), Charged::Compare(_)));
    assert_eq!(store.reset_factors(reset).await.unwrap(), FactorResetOutcome::default());
}

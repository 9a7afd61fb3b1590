//! A temporary pass is accepted once, in its time, and replaced by a newer one.

use super::factors::{beginning, enrolment};
use super::*;

const COUNTED: BucketKey = [8; 16];
const OTHER: CodeMac = CodeMac { key: 1, mac: [2; 32] };

pub(crate) fn pass(now: Timestamp) -> PassRecord {
    PassRecord { person: [7; 16], id: "p".to_owned(), code: CODE, created_at: now, expires_at: now + HOUR }
}

pub(crate) fn guess(now: Timestamp) -> PassAttempt {
    PassAttempt { person: [7; 16], counted: COUNTED, charges: Vec::new(), limits: PERSON, now }
}

pub async fn of_many_uses_of_a_pass_at_once_one_succeeds(store: &dyn Store) {
    store.put_pass(pass(noon()), COUNTED).await.unwrap();
    assert_eq!(store.charge_pass(guess(noon())).await.unwrap(), ChargedPass::Compare(pass(noon())));
    let all = (0..100).map(|_| store.use_pass([7; 16], CODE, COUNTED, noon()));
    let won = futures::future::join_all(all).await.into_iter().filter(|one| *one.as_ref().unwrap());
    assert_eq!(won.count(), 1);
    assert_eq!(store.charge_pass(guess(noon())).await.unwrap(), ChargedPass::NoPass);
    assert_eq!(store.pass_until([7; 16], noon()).await.unwrap(), None);
}

pub async fn a_newer_pass_replaces_the_earlier_one(store: &dyn Store) {
    store.put_pass(pass(noon()), COUNTED).await.unwrap();
    let newer = PassRecord { id: "q".to_owned(), code: OTHER, ..pass(noon() + MINUTE) };
    store.put_pass(newer.clone(), COUNTED).await.unwrap();
    let now = noon() + MINUTE;
    assert!(!store.use_pass([7; 16], CODE, COUNTED, now).await.unwrap());
    assert_eq!(store.charge_pass(guess(now)).await.unwrap(), ChargedPass::Compare(newer.clone()));
    assert_eq!(store.pass_until([7; 16], now).await.unwrap(), Some(newer.expires_at));
    assert!(!store.use_pass([6; 16], OTHER, COUNTED, now).await.unwrap(), "another user's");
    assert!(store.end_pass([7; 16]).await.unwrap());
    assert!(!store.end_pass([7; 16]).await.unwrap());
    assert!(!store.use_pass([7; 16], OTHER, COUNTED, now).await.unwrap());
}

pub async fn enrolments_rest_on_a_used_pass_until_something_ends_it(store: &dyn Store) {
    let begin = async |id: &str, pass: &str, now| {
        let request = BeginEnrolment { pass: Some(pass.to_owned()), ..beginning(enrolment(id, now)) };
        store.begin_enrolment(request).await.unwrap()
    };
    let used = async || {
        store.put_pass(pass(noon()), COUNTED).await.unwrap();
        assert!(!store.is_pass_in_use([7; 16], "p", noon()).await.unwrap());
        assert_eq!(begin("early", "p", noon()).await, EnrolmentBegun::PassEnded);
        assert!(store.use_pass([7; 16], CODE, COUNTED, noon()).await.unwrap());
        assert!(store.is_pass_in_use([7; 16], "p", noon()).await.unwrap());
        assert_eq!(begin("e", "p", noon()).await, EnrolmentBegun::Begun);
        assert!(store.enrolment("s", "e").await.unwrap().is_some());
    };
    let ended = async || {
        assert!(!store.is_pass_in_use([7; 16], "p", noon()).await.unwrap());
        assert_eq!(store.enrolment("s", "e").await.unwrap(), None);
        assert_eq!(begin("late", "p", noon()).await, EnrolmentBegun::PassEnded);
    };
    used().await;
    for (person, id, now) in [([6; 16], "p", noon()), ([7; 16], "q", noon()), ([7; 16], "p", noon() + MAX_PROOF_AGE)] {
        assert!(!store.is_pass_in_use(person, id, now).await.unwrap(), "{person:?} {id} {now}");
    }
    assert_eq!(store.pass_until([7; 16], noon()).await.unwrap(), None);
    assert!(!store.end_pass([7; 16]).await.unwrap(), "it was used");
    ended().await;
    used().await;
    store.put_pass(PassRecord { id: "q".to_owned(), code: OTHER, ..pass(noon()) }, COUNTED).await.unwrap();
    ended().await;
    used().await;
    let reset = FactorReset { user: [7; 16], persons: Vec::new(), account: None, now: noon() };
    let outcome = store.reset_factors(reset).await.unwrap();
    assert_eq!((outcome.pass, outcome.enrolments), (false, 1));
    ended().await;
}

pub async fn a_pass_is_valid_in_its_time_only(store: &dyn Store) {
    store.put_pass(pass(noon()), COUNTED).await.unwrap();
    for now in [noon() + HOUR, noon() - MINUTE] {
        assert_eq!(store.charge_pass(guess(now)).await.unwrap(), ChargedPass::NoPass);
        assert!(!store.use_pass([7; 16], CODE, COUNTED, now).await.unwrap());
    }
    let last = noon() + HOUR - Duration::from_millis(1);
    assert!(store.use_pass([7; 16], CODE, COUNTED, last).await.unwrap());
}

pub async fn wrong_passes_are_limited_until_a_new_pass_is_issued(store: &dyn Store) {
    store.put_pass(pass(noon()), COUNTED).await.unwrap();
    let limits = PersonLimits { consecutive: 3, ..PERSON };
    let guess = || PassAttempt { limits, ..guess(noon()) };
    for _ in 0..3 {
        assert!(matches!(store.charge_pass(guess()).await.unwrap(), ChargedPass::Compare(_)));
    }
    assert_eq!(store.charge_pass(guess()).await.unwrap(), ChargedPass::Limited(Limited::PersonLocked));
    // Codes of the same user are counted apart.
    store.open_challenge(opening("a", noon())).await.unwrap();
    assert!(matches!(store.charge_attempt(attempt("a", noon())).await.unwrap(), Charged::Compare(_)));
    store.put_pass(pass(noon()), COUNTED).await.unwrap();
    assert!(matches!(store.charge_pass(guess()).await.unwrap(), ChargedPass::Compare(_)));
    assert!(store.use_pass([7; 16], CODE, COUNTED, noon()).await.unwrap());
}

pub async fn a_guess_counts_against_its_client_whether_there_is_a_pass_or_not(store: &dyn Store) {
    let charges = vec![Charge { key: [9; 16], amount: 1, limit: 1, window_ms: 3_600_000 }];
    let guess = || PassAttempt { charges: charges.clone(), ..guess(noon()) };
    assert_eq!(store.charge_pass(guess()).await.unwrap(), ChargedPass::NoPass);
    assert!(matches!(store.charge_pass(guess()).await.unwrap(), ChargedPass::Limited(Limited::Until(_, 0))));
}

pub async fn a_clock_set_back_over_a_restart_ends_passes_browsers_and_proofs(store: &dyn Store) {
    store.put_pass(pass(noon()), COUNTED).await.unwrap();
    remembered_browsers::remember(store, remembered_browsers::browser("d", noon()), 5).await;
    store.open_challenge(opening("a", noon())).await.unwrap();
    assert!(store.consume_challenge(consume("a", noon())).await.unwrap().is_done());
    store.check_time(noon() + 3 * MINUTE).await.unwrap();
    let back = noon() + MINUTE;
    store.resume(back).await.unwrap();
    assert!(!store.use_pass([7; 16], CODE, COUNTED, back).await.unwrap());
    assert_eq!(store.remembered_browsers([7; 16], back).await.unwrap(), []);
    assert!(!store.use_challenge_as_proof("s", "a", None, noon() - MINUTE, back).await.unwrap());
}

pub async fn expired_passes_and_browsers_are_purged(store: &dyn Store) {
    store.put_pass(pass(noon()), COUNTED).await.unwrap();
    remembered_browsers::remember(store, remembered_browsers::browser("d", noon()), 5).await;
    assert_eq!(store.purge(noon() + DAY + HOUR).await.unwrap(), 0);
    assert_eq!(store.purge(noon() + DAY + 2 * HOUR).await.unwrap(), 1);
    assert_eq!(store.purge(noon() + 32 * DAY).await.unwrap(), 1);
}

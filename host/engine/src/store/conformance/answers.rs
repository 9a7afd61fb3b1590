//! Typed codes are counted, compared and accepted in one step.

use super::*;

const OTHER: CodeMac = CodeMac { key: 1, mac: [2; 32] };
const HOUR_MS: i64 = 3_600_000;

fn wrong(id: &str) -> CodeAnswer {
    answer(id, OTHER, noon())
}

fn limited_to(person: PersonLimits, answer: CodeAnswer) -> CodeAnswer {
    CodeAnswer { attempt: Attempt { person, ..answer.attempt }, ..answer }
}

fn charged(charges: &[Charge], answer: CodeAnswer) -> CodeAnswer {
    CodeAnswer { attempt: Attempt { charges: charges.to_vec(), ..answer.attempt }, ..answer }
}

async fn open(store: &dyn Store, id: &str) {
    assert_eq!(store.open_challenge(opening(id, noon())).await.unwrap(), Opened::Open);
}

async fn attempts(store: &dyn Store, id: &str) -> u32 {
    store.challenge("s", id).await.unwrap().unwrap().attempts
}

pub async fn a_right_answer_closes_its_challenge_once_and_proves_who_gave_it(store: &dyn Store) {
    open(store, "a").await;
    let foreign = right("a", noon());
    let foreign = CodeAnswer { attempt: Attempt { subscription: "t".to_owned(), ..foreign.attempt }, ..foreign };
    assert_eq!(store.answer_challenge(foreign).await.unwrap(), Answered::Closed);
    let Answered::Right(record) = store.answer_challenge(right("a", noon())).await.unwrap() else { panic!() };
    assert_eq!(record, ChallengeRecord { attempts: 1, closed: Some(Closing::Used), ..challenge("a", noon()) });
    assert_eq!(store.challenge("s", "a").await.unwrap(), Some(record));
    assert_eq!(store.answer_challenge(right("a", noon())).await.unwrap(), Answered::Closed);
    assert!(!store.consume_challenge(consume("a", noon())).await.unwrap().is_done());
    for proves in [true, false] {
        let used = store.use_challenge_as_proof("s", "a", None, noon() - MINUTE, noon()).await.unwrap();
        assert_eq!(used, proves);
    }
}

pub async fn a_wrong_answer_counts_for_its_challenge_and_its_person(store: &dyn Store) {
    open(store, "a").await;
    for n in 1..=5 {
        let Answered::Wrong(record) = store.answer_challenge(wrong("a")).await.unwrap() else { panic!() };
        assert_eq!(record, ChallengeRecord { attempts: n, ..challenge("a", noon()) });
    }
    assert_eq!(store.answer_challenge(right("a", noon())).await.unwrap(), Answered::Closed);
    let reached = async |consecutive| {
        let limits = PersonLimits { consecutive, daily: consecutive, ..PERSON };
        let reached = store.reached_limits([7; 16], limits, Vec::new(), noon()).await.unwrap();
        assert_eq!(reached.locked_until.is_some(), reached.day_until.is_some());
        reached.locked_until.is_some()
    };
    assert!(reached(5).await && !reached(6).await);
    assert!(!store.use_challenge_as_proof("s", "a", None, noon() - MINUTE, noon()).await.unwrap());
}

pub async fn an_answer_to_a_challenge_that_is_not_open_counts_against_the_limits_only(store: &dyn Store) {
    for id in ["cancelled", "expired"] {
        open(store, id).await;
    }
    assert!(store.close_challenge("s", "cancelled", Closing::Cancelled, noon()).await.unwrap());
    let charge = Charge { key: [9; 16], amount: 1, limit: 3, window_ms: HOUR_MS };
    let counted = async |id, now| store.answer_challenge(charged(&[charge], right(id, now))).await.unwrap();
    assert_eq!(counted("unknown", noon()).await, Answered::Closed);
    assert_eq!(counted("cancelled", noon()).await, Answered::Closed);
    assert_eq!(counted("expired", noon() + 5 * MINUTE).await, Answered::Closed);
    assert!(matches!(counted("unknown", noon()).await, Answered::Limited(Limited::Until(_, 0))));
    assert!(!store.reached_limits([7; 16], PERSON, Vec::new(), noon()).await.unwrap().is_known);
}

pub async fn an_answer_over_a_limit_is_not_compared_and_changes_nothing(store: &dyn Store) {
    let charge = |n, limit| Charge { key: [n; 16], amount: 1, limit, window_ms: HOUR_MS };
    for id in ["a", "b"] {
        open(store, id).await;
    }
    let one_of_two = charged(&[charge(1, 10), charge(2, 0)], right("a", noon()));
    let Answered::Limited(Limited::Until(_, index)) = store.answer_challenge(one_of_two).await.unwrap() else {
        panic!()
    };
    assert_eq!(index, 1);
    let two = PersonLimits { consecutive: 2, daily: 100, ..PERSON };
    for _ in 0..2 {
        assert!(matches!(store.answer_challenge(limited_to(two, wrong("a"))).await.unwrap(), Answered::Wrong(_)));
    }
    let locked = charged(&[charge(1, 10)], limited_to(two, right("b", noon())));
    assert_eq!(store.answer_challenge(locked).await.unwrap(), Answered::Limited(Limited::PersonLocked));
    let a_day = PersonLimits { consecutive: 100, daily: 2, ..PERSON };
    let over = store.answer_challenge(limited_to(a_day, right("b", noon()))).await.unwrap();
    assert_eq!(over, Answered::Limited(Limited::PersonUntil(noon() + DAY)));
    assert_eq!((attempts(store, "a").await, attempts(store, "b").await), (2, 0));
    // Nothing was counted in the first bucket either.
    let full = charged(&[charge(1, 1)], right("b", noon()));
    assert!(store.answer_challenge(full).await.unwrap().is_right());
}

pub async fn an_answer_is_compared_under_each_of_its_keys(store: &dyn Store) {
    for id in ["a", "b"] {
        open(store, id).await;
    }
    let newer = CodeMac { key: 2, ..CODE };
    let under = |id, codes: &[CodeMac]| CodeAnswer { codes: codes.to_vec(), ..right(id, noon()) };
    for codes in [&[][..], &[newer], &[newer, OTHER]] {
        assert!(matches!(store.answer_challenge(under("a", codes)).await.unwrap(), Answered::Wrong(_)));
    }
    assert!(store.answer_challenge(under("a", &[newer, CODE])).await.unwrap().is_right());
    assert!(store.answer_challenge(under("b", &[CODE, newer])).await.unwrap().is_right());
}

pub async fn an_answer_is_compared_with_the_codes_of_the_last_message(store: &dyn Store) {
    for (id, codes, accepts_both) in [("a", vec![CODE, OTHER], true), ("b", vec![OTHER], false)] {
        open(store, id).await;
        let request = Resend {
            subscription: "s".to_owned(),
            id: id.to_owned(),
            resends: 0,
            codes,
            resend_after: noon(),
            charges: Vec::new(),
            person: PERSON,
            now: noon(),
        };
        assert_eq!(store.resend_challenge(request).await.unwrap(), Resent::Granted);
        assert_eq!(store.answer_challenge(right(id, noon())).await.unwrap().is_right(), accepts_both);
        assert_eq!(store.answer_challenge(wrong(id)).await.unwrap().is_right(), !accepts_both);
    }
}

pub async fn a_right_answer_ends_the_row_of_wrong_ones_but_not_their_day(store: &dyn Store) {
    open(store, "a").await;
    let limits = |consecutive, daily| PersonLimits { consecutive, daily, ..PERSON };
    for answer in [wrong("a"), wrong("a"), right("a", noon())] {
        store.answer_challenge(limited_to(limits(3, 100), answer)).await.unwrap();
    }
    let reached = async |limits| store.reached_limits([7; 16], limits, Vec::new(), noon()).await.unwrap();
    assert_eq!(reached(limits(1, 100)).await.locked_until, None);
    assert!(reached(limits(100, 2)).await.day_until.is_some());
    assert_eq!(reached(limits(100, 3)).await.day_until, None);
}

pub async fn a_right_answer_releases_the_count_of_each_message(store: &dyn Store) {
    let charge = Charge { key: [9; 16], amount: 1, limit: 2, window_ms: HOUR_MS };
    let counted = |id| OpenChallenge { charges: vec![charge], ..opening(id, noon()) };
    for id in ["a", "b"] {
        assert_eq!(store.open_challenge(counted(id)).await.unwrap(), Opened::Open);
    }
    let releasing = |answer| CodeAnswer { release: vec![charge.key; 2], ..answer };
    assert!(!store.answer_challenge(releasing(wrong("a"))).await.unwrap().is_right());
    assert!(matches!(store.open_challenge(counted("c")).await.unwrap(), Opened::Limited(_)));
    assert!(store.answer_challenge(releasing(right("a", noon()))).await.unwrap().is_right());
    for id in ["c", "d"] {
        assert_eq!(store.open_challenge(counted(id)).await.unwrap(), Opened::Open);
    }
    assert!(matches!(store.open_challenge(counted("e")).await.unwrap(), Opened::Limited(_)));
}

pub async fn of_many_right_answers_at_once_one_is_accepted(store: &dyn Store) {
    store.open_challenge(OpenChallenge { challenge: many_attempts("a"), ..opening("a", noon()) }).await.unwrap();
    let all = (0..100).map(|_| store.answer_challenge(right("a", noon())));
    let all: Vec<_> = futures::future::join_all(all).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(all.iter().filter(|one| one.is_right()).count(), 1);
    assert_eq!(all.iter().filter(|one| **one == Answered::Closed).count(), 99);
}

pub async fn of_many_wrong_answers_at_once_the_allowed_number_is_compared(store: &dyn Store) {
    open(store, "a").await;
    store.open_challenge(OpenChallenge { challenge: many_attempts("b"), ..opening("b", noon()) }).await.unwrap();
    let compared = async |id, person| {
        let all = (0..100).map(|_| store.answer_challenge(limited_to(person, wrong(id))));
        let all = futures::future::join_all(all).await.into_iter().map(Result::unwrap);
        all.filter(|one| matches!(one, Answered::Wrong(_))).count()
    };
    assert_eq!(compared("a", PERSON).await, 5);
    assert_eq!(compared("b", PersonLimits { consecutive: 12, ..PERSON }).await, 7);
    assert_eq!(attempts(store, "b").await, 7);
}

pub async fn answers_of_nobody_count_for_their_challenge_alone(store: &dyn Store) {
    let none = PersonLimits { consecutive: 1, daily: 1, ..PERSON };
    for id in ["a", "b"] {
        let challenge = ChallengeRecord { person: NOBODY, ..challenge(id, noon()) };
        store.open_challenge(OpenChallenge { challenge, ..opening(id, noon()) }).await.unwrap();
        assert!(matches!(store.answer_challenge(limited_to(none, wrong(id))).await.unwrap(), Answered::Wrong(_)));
        assert!(matches!(store.answer_challenge(limited_to(none, wrong(id))).await.unwrap(), Answered::Wrong(_)));
        assert!(store.answer_challenge(limited_to(none, right(id, noon()))).await.unwrap().is_right());
    }
}

fn many_attempts(id: &str) -> ChallengeRecord {
    ChallengeRecord { max_attempts: 1000, ..challenge(id, noon()) }
}

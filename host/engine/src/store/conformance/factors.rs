//! Factors are added once, and each of their states is followed by one other.

use super::*;

pub(in super::super) fn enrolment(id: &str, now: Timestamp) -> EnrolmentRecord {
    EnrolmentRecord {
        id: id.to_owned(),
        subscription: "s".to_owned(),
        user: [7; 16],
        instance: "i".to_owned(),
        sealed: vec![1],
        attempts: 0,
        max_attempts: 3,
        created_at: now,
        expires_at: now + 5 * MINUTE,
    }
}

pub(in super::super) fn beginning(enrolment: EnrolmentRecord) -> BeginEnrolment {
    BeginEnrolment { enrolment, charges: Vec::new(), idempotency: None, pass: None }
}

fn factor(id: &str, now: Timestamp) -> FactorRecord {
    FactorRecord {
        id: id.to_owned(),
        subscription: "s".to_owned(),
        user: [7; 16],
        instance: "i".to_owned(),
        type_id: "totp".to_owned(),
        unique_id: None,
        status: FactorStatus::Active,
        fallback: false,
        details: vec![2],
        state: vec![3],
        revision: 1,
        created_at: now,
        last_used_at: None,
        ended_at: None,
    }
}

/// Ends factors of a user, whatever has changed before.
pub(super) async fn end(store: &dyn Store, selection: FactorSelection<'_>) -> Vec<FactorRecord> {
    store.end_factors([7; 16], selection, None, noon()).await.unwrap().unwrap()
}

/// Returns a request to add a factor whose enrolment was taken.
pub(in super::super) fn adding(id: &str, now: Timestamp) -> AddFactor {
    AddFactor {
        factor: factor(id, now),
        enrolment: None,
        changes: None,
        replaces_earlier: false,
        max_per_user: 10,
        now,
    }
}

pub(in super::super) fn using(id: &str, revision: u64) -> FactorUse {
    FactorUse { factor: id.to_owned(), revision, state: vec![4] }
}

fn added() -> FactorAdded {
    FactorAdded::Added(Vec::new())
}

async fn answer(store: &dyn Store, id: &str, now: Timestamp) -> EnrolmentCharged {
    let attempt = EnrolmentAttempt { subscription: "s".to_owned(), id: id.to_owned(), charges: Vec::new(), now };
    store.charge_enrolment(attempt).await.unwrap()
}

async fn statuses(store: &dyn Store) -> Vec<(String, FactorStatus)> {
    let all = store.factors([7; 16], true).await.unwrap();
    all.into_iter().map(|one| (one.id, one.status)).collect()
}

pub async fn an_enrolment_accepts_answers_up_to_its_limit_and_until_it_expires(store: &dyn Store) {
    assert_eq!(store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap(), EnrolmentBegun::Begun);
    assert_eq!(store.enrolment("t", "e").await.unwrap(), None);
    for attempts in 1..=3 {
        let counted = EnrolmentRecord { attempts, ..enrolment("e", noon()) };
        assert_eq!(answer(store, "e", noon()).await, EnrolmentCharged::Verify(counted));
    }
    assert_eq!(answer(store, "e", noon()).await, EnrolmentCharged::Closed);
    // This answer may have been the last one.
    let request = AddFactor { enrolment: Some("e".to_owned()), ..adding("a", noon()) };
    assert_eq!(store.add_factor(request).await.unwrap(), added());

    store.begin_enrolment(beginning(enrolment("f", noon()))).await.unwrap();
    for out_of_time in [noon() + 5 * MINUTE, noon() - MINUTE] {
        assert_eq!(answer(store, "f", out_of_time).await, EnrolmentCharged::Closed);
        let request = AddFactor { enrolment: Some("f".to_owned()), ..adding("b", out_of_time) };
        assert_eq!(store.add_factor(request).await.unwrap(), FactorAdded::Closed);
    }
    store.cancel_enrolments([7; 16]).await.unwrap();
    assert_eq!(answer(store, "f", noon()).await, EnrolmentCharged::Closed);
}

pub async fn an_enrolment_that_is_taken_accepts_no_other_answer(store: &dyn Store) {
    store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap();
    let take = |subscription: &str| EnrolmentAttempt {
        subscription: subscription.to_owned(),
        id: "e".to_owned(),
        charges: Vec::new(),
        now: noon(),
    };
    assert_eq!(store.take_enrolment(take("t")).await.unwrap(), EnrolmentCharged::Closed);
    let all = futures::future::join_all((0..50).map(|_| store.take_enrolment(take("s")))).await;
    let taken = all.into_iter().filter(|one| matches!(one, Ok(EnrolmentCharged::Verify(_))));
    assert_eq!(taken.count(), 1);
    let request = AddFactor { enrolment: Some("e".to_owned()), ..adding("a", noon()) };
    assert!(matches!(store.add_factor(request).await.unwrap(), FactorAdded::Added(_)));
    assert_eq!(store.enrolment("s", "e").await.unwrap(), None);
}

/// What cancels an enrolment may come while its answer is being verified.
pub async fn an_enrolment_that_is_cancelled_after_it_was_taken_adds_no_factor(store: &dyn Store) {
    revisions::furnished(store).await;
    for (id, cancel) in [("e", "all"), ("f", "a newer one"), ("g", "its instance is deleted")] {
        store.begin_enrolment(beginning(enrolment(id, noon()))).await.unwrap();
        let attempt =
            EnrolmentAttempt { subscription: "s".to_owned(), id: id.to_owned(), charges: Vec::new(), now: noon() };
        assert!(matches!(store.take_enrolment(attempt).await.unwrap(), EnrolmentCharged::Verify(_)));
        match cancel {
            "all" => store.cancel_enrolments([7; 16]).await.unwrap(),
            "a newer one" => _ = store.begin_enrolment(beginning(enrolment("n", noon()))).await.unwrap(),
            _ => assert_eq!(store.delete_instance("i", 1, noon()).await.unwrap(), Update::Applied),
        }
        let request = AddFactor { enrolment: Some(id.to_owned()), ..adding(&format!("{id}1"), noon()) };
        assert_eq!(store.add_factor(request).await.unwrap(), FactorAdded::Closed, "{cancel}");
    }
}

pub async fn a_newer_enrolment_of_the_same_instance_removes_the_earlier_one(store: &dyn Store) {
    let other = EnrolmentRecord { instance: "j".to_owned(), ..enrolment("f", noon()) };
    for one in [enrolment("e", noon()), other, enrolment("g", noon())] {
        store.begin_enrolment(beginning(one)).await.unwrap();
    }
    assert_eq!(answer(store, "e", noon()).await, EnrolmentCharged::Closed);
    for open in ["f", "g"] {
        assert!(matches!(answer(store, open, noon()).await, EnrolmentCharged::Verify(_)));
    }
    let charges = vec![Charge { key: [9; 16], amount: 1, limit: 1, window_ms: 3_600_000 }];
    let limited = |id| BeginEnrolment { charges: charges.clone(), ..beginning(enrolment(id, noon())) };
    assert_eq!(store.begin_enrolment(limited("h")).await.unwrap(), EnrolmentBegun::Begun);
    let refused = store.begin_enrolment(limited("k")).await.unwrap();
    assert!(matches!(refused, EnrolmentBegun::Limited(Limited::Until(_, 0))));
    let claim = IdempotencyClaim { key: [8; 16], request: [8; 32], until: noon() + DAY };
    let repeated = |id| BeginEnrolment { idempotency: Some(claim), ..beginning(enrolment(id, noon())) };
    assert_eq!(store.begin_enrolment(repeated("l")).await.unwrap(), EnrolmentBegun::Begun);
    let second = store.begin_enrolment(repeated("m")).await.unwrap();
    assert!(matches!(second, EnrolmentBegun::Repeated(record) if record.request == [8; 32]));
    assert!(store.enrolment("s", "l").await.unwrap().is_some(), "what is refused removes nothing");
}

pub async fn an_enrolment_adds_one_factor(store: &dyn Store) {
    store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap();
    let request = |id: &str| AddFactor { enrolment: Some("e".to_owned()), ..adding(id, noon()) };
    let mut other_user = request("x");
    other_user.factor.user = [8; 16];
    assert_eq!(store.add_factor(other_user).await.unwrap(), FactorAdded::Closed);
    let ids: Vec<String> = (0..50).map(|n| format!("f{n}")).collect();
    let all = futures::future::join_all(ids.iter().map(|id| store.add_factor(request(id)))).await;
    assert_eq!(all.iter().filter(|one| *one.as_ref().unwrap() == added()).count(), 1);
    assert_eq!(store.factors([7; 16], false).await.unwrap().len(), 1);
    assert_eq!(store.factors([8; 16], false).await.unwrap().len(), 0);
}

pub async fn a_unique_id_belongs_to_one_factor_of_all_users(store: &dyn Store) {
    let mut first = adding("a", noon());
    first.factor.unique_id = Some([5; 32]);
    assert_eq!(store.add_factor(first.clone()).await.unwrap(), added());
    let mut second = first;
    second.factor.id = "b".to_owned();
    second.factor.user = [8; 16];
    assert_eq!(store.add_factor(second).await.unwrap(), FactorAdded::Duplicate);
    let found = store.factor_by_unique_id([5; 32]).await.unwrap().unwrap();
    assert_eq!((&*found.id, found.user), ("a", [7; 16]));
    assert_eq!(store.factor_by_unique_id([6; 32]).await.unwrap(), None);
    assert!(store.has_unique_ids("s").await.unwrap() && !store.has_unique_ids("t").await.unwrap());
    assert_eq!(store.factor("t", "a").await.unwrap(), None);
    assert_eq!(store.factor("s", "a").await.unwrap(), Some(found));
}

pub async fn a_user_has_at_most_as_many_factors_as_allowed(store: &dyn Store) {
    let request = |id: &str| AddFactor { max_per_user: 2, ..adding(id, noon()) };
    let ids: Vec<String> = (0..20).map(|n| format!("f{n}")).collect();
    let all = futures::future::join_all(ids.iter().map(|id| store.add_factor(request(id)))).await;
    assert_eq!(all.iter().filter(|one| *one.as_ref().unwrap() == added()).count(), 2);
    assert_eq!(all.iter().filter(|one| *one.as_ref().unwrap() == FactorAdded::TooMany).count(), 18);
    let mut elsewhere = request("x");
    elsewhere.factor.instance = "j".to_owned();
    assert_eq!(store.add_factor(elsewhere).await.unwrap(), added());
}

pub async fn a_factor_replaces_the_earlier_ones_of_its_instance(store: &dyn Store) {
    let mut elsewhere = adding("x", noon());
    elsewhere.factor.instance = "j".to_owned();
    store.add_factor(elsewhere).await.unwrap();
    let request = |id: &str| AddFactor { max_per_user: 1, replaces_earlier: true, ..adding(id, noon() + MINUTE) };
    assert_eq!(store.add_factor(request("a")).await.unwrap(), added());
    assert_eq!(store.add_factor(request("b")).await.unwrap(), FactorAdded::Added(vec!["a".to_owned()]));
    let left = [("x", FactorStatus::Active), ("a", FactorStatus::Ended), ("b", FactorStatus::Active)];
    assert_eq!(statuses(store).await, left.map(|(id, status)| (id.to_owned(), status)));
}

pub async fn a_fallback_needs_another_factor_and_ends_with_the_last_one(store: &dyn Store) {
    let mut fallback = adding("r", noon());
    (fallback.factor.fallback, fallback.factor.instance) = (true, "recovery".to_owned());
    assert_eq!(store.add_factor(fallback.clone()).await.unwrap(), FactorAdded::NeedsAnother);
    for id in ["a", "b"] {
        store.add_factor(adding(id, noon())).await.unwrap();
    }
    assert_eq!(store.add_factor(fallback.clone()).await.unwrap(), added());
    let ended = async |id: &str| {
        let ended = end(store, FactorSelection::One(id)).await;
        ended.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(ended("unknown").await, Vec::<String>::new());
    assert_eq!(ended("a").await, ["a"]);
    assert_eq!(ended("a").await, Vec::<String>::new());
    assert_eq!(ended("b").await, ["b", "r"]);
    let suspended = adding("c", noon());
    store.add_factor(suspended).await.unwrap();
    assert!(store.set_factor_status("s", "c", FactorStatus::Active, FactorStatus::Suspended).await.unwrap());
    fallback.factor.id = "r2".to_owned();
    assert_eq!(store.add_factor(fallback).await.unwrap(), FactorAdded::NeedsAnother);
    store.add_factor(adding("d", noon())).await.unwrap();
    let ended = end(store, FactorSelection::All).await;
    assert_eq!(ended.len(), 2);
    assert_eq!(store.factors([7; 16], false).await.unwrap(), []);
}

async fn open(store: &dyn Store, id: &str) {
    assert_eq!(store.open_challenge(opening(id, noon())).await.unwrap(), Opened::Open);
}

fn answering(challenge: &str, used: FactorUse) -> Consume {
    Consume { factor: Some(used), ..consume(challenge, noon()) }
}

pub async fn of_many_uses_of_one_state_at_once_one_succeeds(store: &dyn Store) {
    store.add_factor(adding("a", noon())).await.unwrap();
    let challenges: Vec<String> = (0..50).map(|n| format!("c{n}")).collect();
    for id in &challenges {
        open(store, id).await;
    }
    let uses = challenges.iter().map(|id| store.consume_challenge(answering(id, using("a", 1))));
    let all: Vec<_> = futures::future::join_all(uses).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(all.iter().filter(|one| **one == Consumed::Done).count(), 1);
    assert_eq!(all.iter().filter(|one| **one == Consumed::FactorChanged).count(), 49);
    let after = store.factor("s", "a").await.unwrap().unwrap();
    assert_eq!((after.revision, after.state, after.last_used_at), (2, vec![4], Some(noon())));
    // A challenge that was answered changes no factor.
    let done = challenges.iter().zip(all).find(|(_, one)| one.is_done()).unwrap().0;
    assert_eq!(store.consume_challenge(answering(done, using("a", 2))).await.unwrap(), Consumed::Closed);
    assert_eq!(store.factor("s", "a").await.unwrap().unwrap().revision, 2);
}

pub async fn a_refused_use_leaves_its_challenge_open(store: &dyn Store) {
    store.add_factor(adding("a", noon())).await.unwrap();
    open(store, "c").await;
    let refused = store.consume_challenge(answering("c", using("a", 7))).await.unwrap();
    assert_eq!(refused, Consumed::FactorChanged);
    assert!(store.consume_challenge(answering("c", using("a", 1))).await.unwrap().is_done());
}

pub async fn a_factor_that_was_suspended_or_has_ended_is_not_used(store: &dyn Store) {
    for id in ["a", "b"] {
        store.add_factor(adding(id, noon())).await.unwrap();
        open(store, id).await;
    }
    let change = async |from, to| store.set_factor_status("s", "a", from, to).await.unwrap();
    assert!(!change(FactorStatus::Suspended, FactorStatus::Active).await);
    assert!(change(FactorStatus::Active, FactorStatus::Suspended).await);
    for revision in [1, 2] {
        let refused = store.consume_challenge(answering("a", using("a", revision))).await.unwrap();
        assert_eq!(refused, Consumed::FactorChanged);
    }
    assert!(change(FactorStatus::Suspended, FactorStatus::Active).await);
    // What was verified before it was suspended is refused even now.
    let before = store.consume_challenge(answering("a", using("a", 1))).await.unwrap();
    assert_eq!(before, Consumed::FactorChanged);
    assert!(store.consume_challenge(answering("a", using("a", 3))).await.unwrap().is_done());

    assert!(!change(FactorStatus::Active, FactorStatus::Ended).await, "only `end_factors` ends factors");
    let ended = end(store, FactorSelection::One("b")).await;
    assert_eq!(ended.len(), 1);
    for revision in [1, 2] {
        let refused = store.consume_challenge(answering("b", using("b", revision))).await.unwrap();
        assert_eq!(refused, Consumed::FactorChanged);
    }
    assert!(!store.set_factor_status("s", "b", FactorStatus::Ended, FactorStatus::Active).await.unwrap());
    assert!(!store.set_factor_details("s", "b", vec![9]).await.unwrap());
    assert!(!store.set_factor_details("t", "a", vec![9]).await.unwrap());
    assert!(store.set_factor_details("s", "a", vec![9]).await.unwrap());
    assert_eq!(store.factor("s", "a").await.unwrap().unwrap().details, [9]);
}

pub async fn an_ended_factor_keeps_no_state_and_frees_its_unique_id(store: &dyn Store) {
    let mut first = adding("a", noon());
    first.factor.unique_id = Some([5; 32]);
    store.add_factor(first.clone()).await.unwrap();
    let one = FactorSelection::One("a");
    let ended = store.end_factors([7; 16], one, None, noon() + MINUTE).await.unwrap().unwrap();
    assert_eq!((&*ended[0].state, ended[0].status), (&[3][..], FactorStatus::Ended), "the former state is returned");
    assert_eq!(store.factor_by_unique_id([5; 32]).await.unwrap(), None);
    assert!(!store.has_unique_ids("s").await.unwrap());
    let record = store.factors([7; 16], true).await.unwrap().remove(0);
    assert_eq!((record.state, record.unique_id, record.ended_at), (Vec::new(), None, Some(noon() + MINUTE)));
    first.factor.id = "b".to_owned();
    assert_eq!(store.add_factor(first).await.unwrap(), added());
}

pub async fn the_factors_of_an_instance_end_with_it(store: &dyn Store) {
    revisions::furnished(store).await;
    let mut recovery = adding("r", noon());
    (recovery.factor.fallback, recovery.factor.instance) = (true, "j".to_owned());
    let mut other = adding("o", noon());
    (other.factor.user, other.factor.instance) = ([8; 16], "j".to_owned());
    for factor in [adding("a", noon()), recovery, other] {
        assert_eq!(store.add_factor(factor).await.unwrap(), added());
    }
    store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap();
    assert_eq!(store.delete_instance("i", 2, noon() + MINUTE).await.unwrap(), Update::Stale);
    assert!(store.enrolment("s", "e").await.unwrap().is_some());
    assert_eq!(store.delete_instance("i", 1, noon() + MINUTE).await.unwrap(), Update::Applied);
    let ended = FactorStatus::Ended;
    // Nobody is left with recovery codes alone.
    assert_eq!(statuses(store).await, [("a".to_owned(), ended), ("r".to_owned(), ended)]);
    assert_eq!(store.factor("s", "a").await.unwrap().unwrap().ended_at, Some(noon() + MINUTE));
    assert_eq!(store.factor("s", "o").await.unwrap().unwrap().status, FactorStatus::Active);
    assert_eq!(store.enrolment("s", "e").await.unwrap(), None);
}

pub async fn a_challenge_proves_a_change_only_while_its_factor_can_be_used(store: &dyn Store) {
    let proves = async |id: &str, holder| {
        store.use_challenge_as_proof("s", id, Some(holder), noon() - MINUTE, noon()).await.unwrap()
    };
    for id in ["kept", "suspended", "ended"] {
        let (mut new, mut challenge) = (adding(id, noon()), opening(id, noon()));
        (new.factor.instance, challenge.challenge.instance) = (id.to_owned(), id.to_owned());
        store.add_factor(new).await.unwrap();
        store.open_challenge(challenge).await.unwrap();
        assert!(store.consume_challenge(answering(id, using(id, 1))).await.unwrap().is_done());
    }
    assert!(store.set_factor_status("s", "suspended", FactorStatus::Active, FactorStatus::Suspended).await.unwrap());
    end(store, FactorSelection::One("ended")).await;
    assert!(!proves("kept", [8; 16]).await, "another user");
    assert!(!proves("suspended", [7; 16]).await);
    assert!(!proves("ended", [7; 16]).await);
    assert!(proves("kept", [7; 16]).await);
    assert!(!proves("kept", [7; 16]).await, "once");
}

pub async fn an_enrolment_ends_when_a_factor_of_its_user_changes(store: &dyn Store) {
    let begin = async || store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap();
    begin().await;
    store.add_factor(adding("a", noon())).await.unwrap();
    assert_eq!(answer(store, "e", noon()).await, EnrolmentCharged::Closed, "a factor was added");
    begin().await;
    assert!(store.set_factor_status("s", "a", FactorStatus::Active, FactorStatus::Suspended).await.unwrap());
    assert_eq!(answer(store, "e", noon()).await, EnrolmentCharged::Closed, "it was suspended");
    begin().await;
    end(store, FactorSelection::All).await;
    assert_eq!(answer(store, "e", noon()).await, EnrolmentCharged::Closed, "it was removed");
}

pub async fn an_answer_of_another_form_is_not_counted(store: &dyn Store) {
    open(store, "c").await;
    for _ in 0..20 {
        assert!(matches!(store.charge_attempt(attempt("c", noon())).await.unwrap(), Charged::Compare(_)));
        store.release_attempt("s", "c", [7; 16]).await.unwrap();
    }
    let limits = PersonLimits { consecutive: 1, daily: 1, ..PERSON };
    let reached = store.reached_limits([7; 16], limits, Vec::new(), noon()).await.unwrap();
    assert_eq!((reached.locked_until, reached.day_until), (None, None));

    store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap();
    for _ in 0..20 {
        assert!(matches!(answer(store, "e", noon()).await, EnrolmentCharged::Verify(_)));
        store.release_enrolment("s", "e").await.unwrap();
    }
}

pub async fn nobody_is_never_locked(store: &dyn Store) {
    let limits = PersonLimits { consecutive: 1, daily: 1, ..PERSON };
    for id in ["a", "b", "c"] {
        let mut unknown = opening(id, noon());
        (unknown.challenge.person, unknown.person) = (NOBODY, limits);
        assert_eq!(store.open_challenge(unknown).await.unwrap(), Opened::Open);
        let wrong = Attempt { person: limits, ..attempt(id, noon()) };
        assert!(matches!(store.charge_attempt(wrong).await.unwrap(), Charged::Compare(_)));
    }
}

pub async fn the_handle_of_a_user_never_changes(store: &dyn Store) {
    assert_eq!(store.user_handle([1; 16]).await.unwrap(), None);
    let all = futures::future::join_all((0..20).map(|n| store.add_user_handle([1; 16], vec![n; 64]))).await;
    let first = all[0].as_ref().unwrap();
    assert!(all.iter().all(|one| one.as_ref().unwrap() == first));
    assert_eq!(&store.add_user_handle([1; 16], vec![99]).await.unwrap(), first);
    assert_eq!(store.user_handle([1; 16]).await.unwrap().as_ref(), Some(first));
    assert_eq!(store.add_user_handle([2; 16], vec![99]).await.unwrap(), [99]);
}

pub async fn imported_factors_are_added_together_or_not_at_all(store: &dyn Store) {
    let import = async |ids: &[&str], max_per_user, dry_run| {
        let factors = ids.iter().map(|id| factor(id, noon())).collect();
        store.import_factors(ImportFactors { factors, max_per_user, dry_run, now: noon() }).await.unwrap()
    };
    assert_eq!(import(&["a", "b"], 2, true).await, []);
    assert_eq!(statuses(store).await, []);
    // One id twice, and one factor too many.
    assert_eq!(import(&["a", "a", "b"], 2, false).await, [(1, FactorAdded::Duplicate)]);
    assert_eq!(import(&["a", "b", "c"], 2, false).await, [(2, FactorAdded::TooMany)]);
    assert_eq!(statuses(store).await, []);
    assert_eq!(import(&["a", "b"], 2, false).await, []);
    end(store, FactorSelection::One("a")).await;
    // Also the id of one that has ended.
    let again = [(0, FactorAdded::Duplicate), (1, FactorAdded::Duplicate)];
    assert_eq!(import(&["a", "b", "c"], 5, false).await, again);
    assert_eq!(statuses(store).await.len(), 2);
}

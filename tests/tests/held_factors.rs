//! Factors that users hold, with the real components: enrolling, using, removing.

use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use twofactor::challenge::RateLimits;
use twofactor::clock::{Clock as _, ManualClock};
use twofactor::factor::{Aal, AnswerKind, FactorStatus, RequiredFactor};
use twofactor::{
    Actor, Answer, Assignment, ChallengeKind, EnrolmentAnswer, ErrorKind, NewChallenge, NewEnrolment, NewInstance,
    Proof, TwoFactor,
};
use twofactor_tests::ecall::Place;
use twofactor_tests::held_factors::{
    App, SUBSCRIPTION, begin_app, engine, enrol_app, enrol_codes, instance, offered_on_page, sign_in, start, use_factor,
};
use twofactor_tests::interleaved::{StoppingClock, interleaved};

const STEP: Duration = Duration::from_secs(30);

struct World {
    engine: TwoFactor,
    clock: ManualClock,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
        let engine = engine(Place::new(folder.path()).builder().clock(clock.clone())).await;
        Self { engine, clock, folder }
    }

    /// Returns the code that an app shows now, and goes on to the next step.
    fn next_code(&self, app: &App) -> String {
        self.clock.advance(STEP);
        app.code(self.clock.now())
    }

    async fn app(&self, user: &str) -> App {
        self.clock.advance(STEP);
        enrol_app(&self.engine, user, self.clock.now()).await.0
    }
}

#[tokio::test]
async fn an_authenticator_app_is_enrolled_and_accepts_each_code_once() {
    let world = World::new().await;
    let engine = &world.engine;
    let enrolment = begin_app(engine, "alice", Proof::FirstFactor).await.unwrap();
    assert_eq!((enrolment.kind, &*enrolment.type_id), (AnswerKind::TypedCode, "totp"));
    assert_eq!(enrolment.code_length, Some(6));
    let app = App::scan(&enrolment);
    // A page that is loaded again shows the same secret; nothing is enrolled yet.
    let again = engine.enrolment(SUBSCRIPTION, &enrolment.id, None).await.unwrap();
    assert_eq!(again.reveal, enrolment.reveal);
    assert_eq!(engine.factors(SUBSCRIPTION, "alice").await.unwrap(), []);
    let none = engine.start(NewChallenge::new(sign_in("alice"))).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NoInstanceAvailable);

    let code = app.code(world.clock.now());
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let rejected = engine.finish_enrolment(SUBSCRIPTION, EnrolmentAnswer::code(&enrolment.id, wrong)).await;
    assert!(rejected.unwrap_err().is_code_rejected());
    let answer = EnrolmentAnswer::code(&enrolment.id, format!(" {} {} ", &code[..3], &code[3..])).label("My phone");
    let factor = engine.finish_enrolment(SUBSCRIPTION, answer.clone()).await.unwrap();
    assert_eq!((factor.label.as_deref(), factor.status), (Some("My phone"), FactorStatus::Active));
    assert!(engine.finish_enrolment(SUBSCRIPTION, answer).await.unwrap_err().is_enrolment_closed());
    assert!(engine.enrolment(SUBSCRIPTION, &enrolment.id, None).await.unwrap_err().is_enrolment_closed());

    // The confirming code has spent its step.
    let (_, replayed) = use_factor(engine, "alice", "totp", &code).await;
    assert!(replayed.unwrap_err().is_code_rejected());
    let code = world.next_code(&app);
    let started = engine.start(NewChallenge::new(sign_in("alice")).after_first_factor()).await.unwrap();
    assert_eq!((started.kind, &*started.channel), (ChallengeKind::TypedCode, "typed-code"));
    assert_eq!((started.recipient_hint, started.resend_after, started.code_length), (None, None, Some(6)));
    let verified = engine.verify(SUBSCRIPTION, Answer::new(&started.id, &code)).await.unwrap();
    assert_eq!((verified.user.as_deref(), verified.amr, verified.acr), (Some("alice"), vec!["otp".to_owned()], None));
    assert_eq!((verified.assurance.aal, verified.factor.as_deref()), (Aal::Aal2, Some(&*factor.id)));
    let (_, replayed) = use_factor(engine, "alice", "totp", &code).await;
    assert!(replayed.unwrap_err().is_code_rejected());
    let listed = engine.factors(SUBSCRIPTION, "alice").await.unwrap();
    assert_eq!(listed[0].last_used_at, Some(world.clock.now()));
    assert_eq!(engine.factors(SUBSCRIPTION, "bob").await.unwrap(), []);
}

#[tokio::test]
async fn an_enrolment_belongs_to_its_holder_and_subscription_and_ends_in_time() {
    let world = World::new().await;
    let engine = &world.engine;
    let totp = instance(engine, "totp").await;
    let mut new = NewEnrolment::new(sign_in("alice"), &totp, Proof::FirstFactor);
    new.holder = Some("browser 1".to_owned());
    let enrolment = engine.enrol(new.clone()).await.unwrap();
    let answer = |holder: Option<&str>| {
        let mut answer = EnrolmentAnswer::code(&enrolment.id, App::scan(&enrolment).code(world.clock.now()));
        answer.holder = holder.map(str::to_owned);
        answer
    };
    for holder in [None, Some("browser 2")] {
        assert!(engine.finish_enrolment(SUBSCRIPTION, answer(holder)).await.unwrap_err().is_enrolment_closed());
    }
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("other", "Other").await.unwrap();
    assert!(engine.finish_enrolment("other", answer(Some("browser 1"))).await.unwrap_err().is_enrolment_closed());
    // A newer enrolment with the same instance ends this one.
    let newer = engine.enrol(new.clone()).await.unwrap();
    let ended = engine.finish_enrolment(SUBSCRIPTION, answer(Some("browser 1"))).await;
    assert!(ended.unwrap_err().is_enrolment_closed());
    world.clock.advance(Duration::from_secs(600));
    let mut late = EnrolmentAnswer::code(&newer.id, App::scan(&newer).code(world.clock.now()));
    late.holder = Some("browser 1".to_owned());
    assert!(engine.finish_enrolment(SUBSCRIPTION, late).await.unwrap_err().is_enrolment_closed());
    assert_eq!(engine.factors(SUBSCRIPTION, "alice").await.unwrap(), []);

    // A repeat with an idempotency key is the same enrolment.
    new.idempotency_key = Some("key".to_owned());
    let first = engine.enrol(new.clone()).await.unwrap();
    let repeated = engine.enrol(new.clone()).await.unwrap();
    assert_eq!((&first.id, &first.reveal), (&repeated.id, &repeated.reveal));
    new.user_name = Some("Alice".to_owned());
    assert!(engine.enrol(new).await.unwrap_err().is_idempotency_key_reused());
}

#[tokio::test]
async fn concurrent_repeats_with_one_proof_are_one_enrolment_or_a_conflict() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap()));
    let builder = Place::new(folder.path()).builder().clock(clock.clone()).rate_limits(RateLimits::none());
    let engine = engine(builder).await;
    let (app, _) = enrol_app(&engine, "alice", clock.now()).await;
    let totp = instance(&engine, "totp").await;
    for n in 0..20 {
        clock.advance(STEP);
        let (challenge, verified) = use_factor(&engine, "alice", "totp", &app.code(clock.now())).await;
        verified.unwrap();
        let mut new = NewEnrolment::new(sign_in("alice"), &totp, Proof::Challenge(challenge));
        new.idempotency_key = Some(format!("key {n}"));
        let all = futures::future::join_all((0..3).map(|_| engine.enrol(new.clone()))).await;
        let mut begun = Vec::new();
        for one in all {
            match one {
                Ok(enrolment) => begun.push(enrolment.id),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}"),
            }
        }
        let again = engine.enrol(new).await.unwrap();
        assert!(!begun.is_empty() && begun.iter().all(|id| *id == again.id), "{begun:?}");
    }
}

/// Whatever step of the slower request the other one comes after.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_repeat_on_another_server_does_not_fail_because_the_proof_was_used_there() {
    let folder = tempfile::tempdir().unwrap();
    let clock = StoppingClock::default();
    let builder = || Place::new(folder.path()).builder().rate_limits(RateLimits::none());
    let [slow, quick] = [engine(builder().clock(clock.clone())).await, engine(builder()).await];
    let totp = instance(&slow, "totp").await;
    let (mut steps, mut repeated) = (0, 0);
    loop {
        let (user, now) = (format!("user{steps}"), jiff::Timestamp::now());
        let (app, _) = enrol_app(&slow, &user, now).await;
        let (challenge, verified) = use_factor(&slow, &user, "totp", &app.code(now + STEP)).await;
        verified.unwrap();
        let mut new = NewEnrolment::new(sign_in(&user), &totp, Proof::Challenge(challenge));
        new.idempotency_key = Some(user);
        let enrol = {
            let (slow, new) = (slow.clone(), new.clone());
            async move { slow.enrol(new).await }
        };
        let (late, early) = interleaved((&clock, steps + 1), enrol, quick.enrol(new)).await;
        match early {
            None => break,
            Some(Ok(first)) => match late {
                Ok(again) => {
                    assert_eq!(again.id, first.id, "step {steps}");
                    repeated += 1;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "step {steps}: {error:?}"),
            },
            // The slower request had used the proof.
            Some(Err(_)) => drop(late.unwrap()),
        }
        steps += 1;
    }
    assert!(repeated > 1, "{repeated} of {steps}");
}

/// Whatever step of the removal the suspension comes after.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_factor_that_was_suspended_in_the_meantime_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = StoppingClock::default();
    let builder = || Place::new(folder.path()).builder().rate_limits(RateLimits::none());
    let [slow, quick] = [engine(builder().clock(clock.clone())).await, engine(builder()).await];
    let admin = quick.administration(Actor::new("test"));
    let (mut steps, mut refused) = (0, 0);
    loop {
        let (user, now) = (format!("user{steps}"), jiff::Timestamp::now());
        let (stolen, used) = enrol_app(&slow, &user, now).await;
        let pass = admin.issue_pass(SUBSCRIPTION, &user, None, "test").await.unwrap();
        let enrolment = begin_app(&slow, &user, Proof::Pass(pass.pass.expose().to_owned())).await.unwrap();
        let answer = EnrolmentAnswer::code(&enrolment.id, App::scan(&enrolment).code(jiff::Timestamp::now()));
        let other = slow.finish_enrolment(SUBSCRIPTION, answer).await.unwrap();
        let (challenge, verified) = use_factor(&slow, &user, "totp", &stolen.code(now + STEP)).await;
        verified.unwrap();
        let remove = {
            let (slow, user, id, proof) = (slow.clone(), user.clone(), other.id.clone(), Proof::Challenge(challenge));
            async move { slow.remove_factor(SUBSCRIPTION, &user, &id, &proof).await }
        };
        let suspend = async {
            let held = quick.factors(SUBSCRIPTION, &user).await.unwrap();
            admin.suspend_factor(SUBSCRIPTION, &user, &used.id, "stolen").await.unwrap();
            held.iter().any(|factor| factor.id == other.id)
        };
        let (removed, was_held) = interleaved((&clock, steps + 1), remove, suspend).await;
        let Some(was_held) = was_held else { break };
        assert_eq!(removed.is_err(), was_held, "step {steps}: {removed:?}");
        refused += usize::from(was_held);
        steps += 1;
    }
    assert!(refused > 1, "{refused} of {steps}");
}

#[tokio::test]
async fn whoever_holds_a_factor_changes_factors_only_with_a_fresh_use_of_it() {
    let world = World::new().await;
    let engine = &world.engine;
    let app = world.app("alice").await;
    let refused = async |proof: Proof| {
        let error = begin_app(engine, "alice", proof).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ProofRequired, "{error:?}");
    };
    refused(Proof::FirstFactor).await;
    refused(Proof::Challenge("unknown".to_owned())).await;
    let open = start(engine, "alice", "totp").await;
    refused(Proof::Challenge(open)).await;
    // Another user's challenge.
    let bobs = world.app("bob").await;
    let (challenge, verified) = use_factor(engine, "bob", "totp", &world.next_code(&bobs)).await;
    verified.unwrap();
    refused(Proof::Challenge(challenge)).await;
    // Her own: once, and only while it is fresh.
    let (challenge, verified) = use_factor(engine, "alice", "totp", &world.next_code(&app)).await;
    verified.unwrap();
    begin_app(engine, "alice", Proof::Challenge(challenge.clone())).await.unwrap();
    refused(Proof::Challenge(challenge)).await;
    let (challenge, verified) = use_factor(engine, "alice", "totp", &world.next_code(&app)).await;
    verified.unwrap();
    world.clock.advance(Duration::from_secs(601));
    refused(Proof::Challenge(challenge)).await;

    let factor = engine.factors(SUBSCRIPTION, "alice").await.unwrap().remove(0);
    let removal = engine.remove_factor(SUBSCRIPTION, "alice", &factor.id, &Proof::FirstFactor).await;
    assert!(removal.unwrap_err().is_proof_required());
    let (challenge, verified) = use_factor(engine, "alice", "totp", &world.next_code(&app)).await;
    verified.unwrap();
    let proof = Proof::Challenge(challenge);
    assert!(engine.remove_factor(SUBSCRIPTION, "bob", &factor.id, &proof).await.unwrap_err().is_not_found());
    let removed = engine.remove_factor(SUBSCRIPTION, "alice", &factor.id, &proof).await.unwrap();
    assert_eq!((removed.ended.len(), removed.ended[0].status), (1, FactorStatus::Ended));
    assert_eq!(engine.factors(SUBSCRIPTION, "alice").await.unwrap(), []);
}

#[tokio::test]
async fn recovery_codes_need_another_factor_are_used_once_and_go_with_it() {
    let world = World::new().await;
    let engine = &world.engine;
    let recovery = instance(engine, "recovery").await;
    let alone = engine.enrol(NewEnrolment::new(sign_in("alice"), &recovery, Proof::FirstFactor)).await;
    assert_eq!(alone.unwrap_err().kind(), ErrorKind::Conflict);
    let app = world.app("alice").await;
    let (codes, factor) = enrol_codes(engine, "alice", &world.next_code(&app)).await;
    assert!(factor.fallback);
    assert_eq!(factor.facts.uses_left, Some(10));
    // As people copy it.
    let typed = codes[0].to_lowercase();
    let (_, verified) = use_factor(engine, "alice", "recovery", &typed).await;
    let verified = verified.unwrap();
    assert_eq!((verified.amr, verified.uses_left), (vec!["otp".to_owned()], Some(9)));
    let (_, again) = use_factor(engine, "alice", "recovery", &codes[0]).await;
    assert!(again.unwrap_err().is_code_rejected());
    // Without an instance, the app comes first.
    let started = engine.start(NewChallenge::new(sign_in("alice"))).await.unwrap();
    assert_eq!(started.two_factor, instance(engine, "totp").await);
    // One kind's code is not another's.
    for (type_id, code) in [("recovery", world.next_code(&app)), ("totp", codes[1].clone())] {
        let (_, other) = use_factor(engine, "alice", type_id, &code).await;
        assert_eq!(other.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let (challenge, verified) = use_factor(engine, "alice", "totp", &world.next_code(&app)).await;
    verified.unwrap();
    let listed = engine.factors(SUBSCRIPTION, "alice").await.unwrap();
    let main = listed.iter().find(|one| !one.fallback).unwrap();
    let proof = Proof::Challenge(challenge);
    let removed = engine.remove_factor(SUBSCRIPTION, "alice", &main.id, &proof).await.unwrap();
    assert_eq!(removed.ended.len(), 2, "the codes go with the last other factor");
    assert_eq!(engine.factors(SUBSCRIPTION, "alice").await.unwrap(), []);
}

#[tokio::test]
async fn input_that_is_not_a_code_is_not_counted_and_wrong_codes_end_the_challenge() {
    let world = World::new().await;
    let engine = &world.engine;
    let app = world.app("alice").await;
    let challenge = start(engine, "alice", "totp").await;
    for malformed in ["12345", "1234567", "12345a", "", "abc"] {
        let error = engine.verify(SUBSCRIPTION, Answer::new(&challenge, malformed)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{malformed}");
    }
    for credential in ["", "[]", "1", r#"{"id": "#, "null"] {
        let error = engine.verify(SUBSCRIPTION, Answer::credential(&challenge, credential)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{credential}");
    }
    let error = engine.verify(SUBSCRIPTION, Answer::credential(&challenge, "{}")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "a code is expected");
    let code = world.next_code(&app);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for left in (0..5).rev() {
        let error = engine.verify(SUBSCRIPTION, Answer::new(&challenge, wrong)).await.unwrap_err();
        assert_eq!(error.attempts_left(), Some(left));
    }
    let closed = engine.verify(SUBSCRIPTION, Answer::new(&challenge, &code)).await;
    assert!(closed.unwrap_err().is_closed());
}

#[tokio::test]
async fn what_no_factor_satisfies_is_refused_at_the_start() {
    let world = World::new().await;
    let engine = &world.engine;
    world.app("alice").await;
    let new = || NewChallenge::new(sign_in("alice"));
    for (start, requirement) in [
        (new().acr("phr"), "phishing-resistant"),
        (new().acr("phrh"), "attested"),
        (new().acr("unknown"), "acr"),
        (new().required(RequiredFactor::DeviceBound), "device-bound"),
        (new().required(RequiredFactor::PhishingResistant).email("alice@example.com"), "phishing-resistant"),
    ] {
        let error = engine.start(start).await.unwrap_err();
        assert_eq!((error.kind(), error.requirement()), (ErrorKind::RequirementUnmet, Some(requirement)));
    }
    let mut enrolment = NewEnrolment::new(sign_in("bob"), instance(engine, "totp").await, Proof::FirstFactor);
    enrolment.required = RequiredFactor::PhishingResistant;
    assert_eq!(engine.enrol(enrolment).await.unwrap_err().requirement(), Some("phishing-resistant"));
}

#[tokio::test]
async fn a_challenge_of_one_instance_is_not_answered_with_an_app_of_another() {
    let world = World::new().await;
    let engine = &world.engine;
    let app = world.app("alice").await;
    let (proof, verified) = use_factor(engine, "alice", "totp", &world.next_code(&app)).await;
    verified.unwrap();
    let admin = engine.administration(Actor::new("test"));
    let new = NewInstance::new("totp", "other", serde_json::json!({}));
    let other = admin.create_instance(SUBSCRIPTION, new).await.unwrap().id;
    admin.set_assignments(SUBSCRIPTION, &other, vec![Assignment::tenant("t")]).await.unwrap();
    let enrolment = engine.enrol(NewEnrolment::new(sign_in("alice"), &other, Proof::Challenge(proof))).await.unwrap();
    let others = App::scan(&enrolment);
    let code = others.code(world.clock.now());
    engine.finish_enrolment(SUBSCRIPTION, EnrolmentAnswer::code(&enrolment.id, code)).await.unwrap();

    let challenge = engine.start(NewChallenge::new(sign_in("alice")).two_factor(&other)).await.unwrap();
    let rejected = engine.verify(SUBSCRIPTION, Answer::new(&challenge.id, &world.next_code(&app))).await;
    assert!(rejected.unwrap_err().is_code_rejected());
    let code = others.code(world.clock.now());
    assert!(engine.verify(SUBSCRIPTION, Answer::new(&challenge.id, &code)).await.is_ok());
}

#[tokio::test]
async fn of_equally_strong_factors_the_one_that_was_used_last_comes_first() {
    let world = World::new().await;
    let engine = &world.engine;
    let first = instance(engine, "totp").await;
    let phone = world.app("alice").await;
    let (proof, verified) = use_factor(engine, "alice", "totp", &world.next_code(&phone)).await;
    verified.unwrap();
    let admin = engine.administration(Actor::new("test"));
    let new = NewInstance::new("totp", "second", serde_json::json!({}));
    let second = admin.create_instance(SUBSCRIPTION, new).await.unwrap().id;
    admin.set_assignments(SUBSCRIPTION, &second, vec![Assignment::tenant("t")]).await.unwrap();
    let enrolment = engine.enrol(NewEnrolment::new(sign_in("alice"), &second, Proof::Challenge(proof))).await.unwrap();
    let tablet = App::scan(&enrolment);
    let code = tablet.code(world.clock.now());
    engine.finish_enrolment(SUBSCRIPTION, EnrolmentAnswer::code(&enrolment.id, code)).await.unwrap();
    for (used, app, other) in [(&second, &tablet, &first), (&first, &phone, &second), (&second, &tablet, &first)] {
        let challenge = engine.start(NewChallenge::new(sign_in("alice")).two_factor(used)).await.unwrap();
        engine.verify(SUBSCRIPTION, Answer::new(&challenge.id, &world.next_code(app))).await.unwrap();
        let picked = engine.start(NewChallenge::new(sign_in("alice"))).await.unwrap();
        assert_eq!(&picked.two_factor, used);
        assert_eq!(offered_on_page(engine, "alice").await, [used.clone(), other.clone()]);
    }
}

#[tokio::test]
async fn a_state_that_was_moved_to_another_row_is_not_used() {
    let world = World::new().await;
    let engine = &world.engine;
    let (alice, bob) = (world.app("alice").await, world.app("bob").await);
    let (_, verified) = use_factor(engine, "alice", "totp", &world.next_code(&alice)).await;
    verified.unwrap();
    let around = Connection::open(Place::new(world.folder.path()).database()).unwrap();
    // Bob's state becomes Alice's.
    around
        .execute_batch(
            "UPDATE factors SET state = (SELECT state FROM factors ORDER BY created_at DESC LIMIT 1) \
             WHERE id = (SELECT id FROM factors ORDER BY created_at LIMIT 1)",
        )
        .unwrap();
    let code = world.next_code(&bob);
    let start = engine.start(NewChallenge::new(sign_in("alice"))).await;
    let error = match start {
        Ok(challenge) => engine.verify(SUBSCRIPTION, Answer::new(&challenge.id, &code)).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let (_, verified) = use_factor(engine, "bob", "totp", &code).await;
    verified.unwrap();
}

#[tokio::test]
async fn a_factor_is_renamed_and_its_label_is_what_people_can_read() {
    let world = World::new().await;
    let engine = &world.engine;
    world.app("alice").await;
    let factor = engine.factors(SUBSCRIPTION, "alice").await.unwrap().remove(0);
    let renamed = engine.rename_factor(SUBSCRIPTION, "alice", &factor.id, Some(" Tablet ")).await.unwrap();
    assert_eq!(renamed.label.as_deref(), Some("Tablet"));
    let long = "x".repeat(61);
    for label in ["a\u{202e}b", "a\nb", &long] {
        let error = engine.rename_factor(SUBSCRIPTION, "alice", &factor.id, Some(label)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert!(engine.rename_factor(SUBSCRIPTION, "bob", &factor.id, None).await.unwrap_err().is_not_found());
    let unnamed = engine.rename_factor(SUBSCRIPTION, "alice", &factor.id, None).await.unwrap();
    assert_eq!(unnamed.label, None);
    assert_eq!(engine.factors(SUBSCRIPTION, "alice").await.unwrap()[0].label, None);
}

//! The login to an account has a second factor, through TwoFactor itself, that cannot be bypassed.

use std::time::Duration;

use twofactor::accounts::{Account, AccountChange, AccountState, Accounts, LoginOutcome};
use twofactor::admin::{InstanceChange, MessageQuery};
use twofactor::challenge::RateLimits;
use twofactor::clock::ManualClock;
use twofactor::instance::{Policy, Quota};
use twofactor::{Actor, Answer, Assignment, EnrolmentAnswer, NewChallenge, SignIn, TwoFactor};
use twofactor_tests::accounts::{
    OTHER, PASSWORD, accept, active, assign_to_accounts, client, is_open, new, pending, session,
};
use twofactor_tests::compiled;
use twofactor_tests::ecall::{Ecall, Place, wrong};
use twofactor_tests::held_factors::{self, App, SUBSCRIPTION};
use twofactor_tests::interleaved::{StoppingClock, interleaved};

const ALICE: &str = "+41791234567";
const BOB: &str = "+41797654321";

struct World {
    ecall: Ecall,
    engine: TwoFactor,
    clock: ManualClock,
    accounts: Accounts,
    alice: Account,
    bob: Account,
}

/// Two accounts that can log in, made before an instance was there for their second factor.
async fn world(set: impl FnOnce(twofactor::Builder) -> twofactor::Builder) -> World {
    let ecall = Ecall::start().await;
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let builder = compiled::builder().clock(clock.clone()).second_factor_for_accounts("demo");
    let engine = ecall.engine(set(builder)).await;
    let accounts = engine.accounts();
    let mut made = Vec::new();
    for (name, phone) in [("alice", ALICE), ("bob", BOB)] {
        let (account, _) = accounts.create(&Actor::new("test"), new(name, Some(phone))).await.unwrap();
        assert!(!session(accept(&accounts, &account).await).session.second_factor);
        made.push(account);
    }
    let [alice, bob] = <[_; 2]>::try_from(made).unwrap();
    assign_to_accounts(&engine).await;
    World { ecall, engine, clock, accounts, alice, bob }
}

impl World {
    async fn password(&self, account: &Account) -> (String, twofactor::Challenge) {
        pending(self.accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap())
    }

    async fn code(&self, secret: &str, code: &str) -> Result<twofactor::accounts::OpenedSession, twofactor::Error> {
        self.accounts.second_factor(secret, code, &client(1)).await
    }
}

#[tokio::test]
async fn a_right_password_opens_nothing_and_the_right_code_opens_one_session() {
    let world = world(|builder| builder).await;
    let (secret, challenge) = world.password(&world.alice).await;
    assert_eq!(challenge.recipient_hint.as_deref(), Some("+41 ••• •• 67"));
    let code = world.ecall.code_to(ALICE);
    for guess in [secret.clone(), secret.replace("tfl_", "tfs_"), secret.replace("tfl_", "tfi_")] {
        assert!(world.accounts.session(&guess).await.unwrap().is_none());
        assert!(world.accounts.invitation(&guess).await.unwrap().is_none());
    }
    for guess in ["", "tfl_", &challenge.id, &secret.replace("tfl_", "tfs_")] {
        assert!(world.code(guess, &code).await.unwrap_err().is_closed(), "{guess}");
    }
    let opened = world.code(&secret, &code).await.unwrap();
    assert!(opened.session.second_factor);
    assert_eq!(opened.session.account.id, world.alice.id);
    assert!(world.accounts.session(opened.secret.expose()).await.unwrap().unwrap().second_factor);
    assert!(world.code(&secret, &code).await.unwrap_err().is_closed());
    // A session that continues with a new secret keeps it.
    let again = world.accounts.reauthenticate(&opened.session, PASSWORD, &client(1)).await.unwrap();
    assert!(again.session.second_factor);
}

#[tokio::test]
async fn concurrent_correct_codes_open_one_session() {
    let world = world(|builder| builder).await;
    let (secret, _) = world.password(&world.alice).await;
    let code = world.ecall.code_to(ALICE);
    let all = (0..5).map(|_| {
        let (accounts, secret, code) = (world.accounts.clone(), secret.clone(), code.clone());
        tokio::spawn(async move { accounts.second_factor(&secret, &code, &client(1)).await.is_ok() })
    });
    let mut opened = 0;
    for one in all.collect::<Vec<_>>() {
        opened += usize::from(one.await.unwrap());
    }
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn the_code_of_another_account_or_of_another_purpose_is_a_wrong_one() {
    let world = world(|builder| builder).await;
    let (of_alice, _) = world.password(&world.alice).await;
    let (of_bob, _) = world.password(&world.bob).await;
    let (code_of_alice, code_of_bob) = (world.ecall.code_to(ALICE), world.ecall.code_to(BOB));
    assert_ne!(code_of_alice, code_of_bob);
    assert!(world.code(&of_alice, &code_of_bob).await.unwrap_err().is_code_rejected());
    assert!(world.code(&of_bob, &code_of_alice).await.unwrap_err().is_code_rejected());
    // A challenge that an application of the same subscription may start, for any user.
    let sign_in = SignIn::new("demo").client_application("twofactor-admin").user(&world.alice.id);
    let foreign = world.engine.start(NewChallenge::new(sign_in).phone(BOB)).await.unwrap();
    let code = world.ecall.code_to(BOB);
    assert!(world.code(&of_alice, &code).await.unwrap_err().is_code_rejected());
    world.engine.verify("demo", Answer::new(&foreign.id, &code)).await.unwrap();
    let opened = world.code(&of_alice, &code_of_alice).await.unwrap();
    assert_eq!(opened.session.account.id, world.alice.id);
}

#[tokio::test]
async fn wrong_codes_are_counted_and_after_five_the_right_one_is_one_too_many() {
    let world = world(|builder| builder).await;
    let (secret, _) = world.password(&world.alice).await;
    let code = world.ecall.code_to(ALICE);
    for left in (0..5).rev() {
        assert_eq!(world.code(&secret, wrong(&code)).await.unwrap_err().attempts_left(), Some(left));
    }
    assert!(world.code(&secret, &code).await.unwrap_err().is_closed());
    let refused = twofactor_tests::accounts::audited(&world.engine, &world.alice.id).await;
    let refused = refused.iter().filter(|line| **line == "nobody from 192.0.2.1: account.login-refused second factor");
    assert_eq!(refused.count(), 5);
}

#[tokio::test]
async fn a_login_waits_ten_minutes_and_no_longer_than_its_challenge() {
    for (lifetime, waits) in [(300, 300), (600, 600)] {
        let policy = Policy { lifetime_seconds: lifetime, ..Policy::default() };
        let world = world(|builder| builder.policy(policy)).await;
        let (early, _) = world.password(&world.alice).await;
        let code = world.ecall.code_to(ALICE);
        world.clock.advance(Duration::from_secs(waits) - Duration::from_millis(1));
        world.code(&early, &code).await.unwrap();
        let (late, _) = world.password(&world.alice).await;
        world.clock.advance(Duration::from_secs(waits));
        assert!(world.code(&late, &world.ecall.code_to(ALICE)).await.unwrap_err().is_closed());
        assert!(world.accounts.resend(&late).await.unwrap_err().is_closed());
    }
}

#[tokio::test]
async fn a_code_that_is_sent_again_replaces_the_one_before() {
    let world = world(|builder| builder).await;
    let (secret, first) = world.password(&world.alice).await;
    let before = world.ecall.code_to(ALICE);
    assert!(world.accounts.resend(&secret).await.unwrap_err().is_rate_limited());
    world.clock.advance(Duration::from_secs(30));
    let again = world.accounts.resend(&secret).await.unwrap();
    assert_eq!(again.id, first.id);
    let after = world.ecall.code_to(ALICE);
    assert!(world.code(&secret, &before).await.unwrap_err().is_code_rejected());
    world.code(&secret, &after).await.unwrap();
    assert!(world.accounts.resend(&secret).await.unwrap_err().is_closed());
    assert!(world.accounts.resend("tfl_x").await.unwrap_err().is_closed());
}

#[tokio::test]
async fn what_changes_the_account_or_takes_the_instance_away_ends_the_login() {
    let change = |change: fn(&mut AccountChange)| {
        let mut one = AccountChange::default();
        change(&mut one);
        one
    };
    let disabled = change(|one| one.state = Some(AccountState::Disabled));
    let enabled = change(|one| one.state = Some(AccountState::Active));
    let world = world(|builder| builder).await;
    let update = async |change: AccountChange| {
        world.accounts.update(&Actor::new("test"), &world.alice.id, change, None).await.unwrap();
    };
    let (secret, _) = world.password(&world.alice).await;
    update(disabled).await;
    let sent = world.ecall.codes().len();
    let refused = world.accounts.log_in(&world.alice.email, PASSWORD, &client(1)).await;
    assert!(refused.unwrap_err().is_invalid_credentials());
    assert_eq!(world.ecall.codes().len(), sent);
    assert!(world.accounts.resend(&secret).await.unwrap_err().is_closed());
    assert!(world.code(&secret, &world.ecall.code_to(ALICE)).await.unwrap_err().is_closed());
    update(enabled).await;
    assert!(world.code(&secret, &world.ecall.code_to(ALICE)).await.unwrap_err().is_closed());

    let (secret, _) = world.password(&world.alice).await;
    let code = world.ecall.code_to(ALICE);
    let invitation = world.accounts.invite(&Actor::new("test"), &world.alice.id).await.unwrap();
    let reset = world.accounts.accept_invitation(invitation.secret.expose(), OTHER, &client(1)).await.unwrap();
    assert!(world.code(&secret, &code).await.unwrap_err().is_closed());
    // The link itself leads to the second factor too.
    let (secret, _) = pending(reset);
    world.code(&secret, &world.ecall.code_to(ALICE)).await.unwrap();

    let (secret, _) = world.password(&world.bob).await;
    let admin = world.engine.administration(Actor::new("test"));
    let instance = admin.instances("demo").await.unwrap().remove(0);
    let off = InstanceChange { active: Some(false), ..InstanceChange::default() };
    admin.update_instance("demo", &instance.id, off, None).await.unwrap();
    assert!(world.code(&secret, &world.ecall.code_to(BOB)).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn without_an_instance_that_reaches_the_person_the_session_says_so_or_is_refused_as_configured() {
    for required in [false, true] {
        let ecall = Ecall::start().await;
        let builder =
            compiled::builder().second_factor_for_accounts("demo").require_second_factor_for_accounts(required);
        let engine = ecall.engine(builder).await;
        let accounts = engine.accounts();
        // A link admits without one: somebody must set the instance up.
        let (account, opened) = active(&accounts, "alice").await;
        assert!(!opened.session.second_factor);
        // The instance sends to phone numbers, and she has none.
        for assigned in [false, true] {
            if assigned {
                assign_to_accounts(&engine).await;
            }
            match accounts.log_in(&account.email, PASSWORD, &client(1)).await {
                Ok(done) => assert!(!required && !session(done).session.second_factor),
                Err(error) => assert!(required && error.is_no_instance_available(), "{error:?}"),
            }
        }
        let phone = AccountChange { phone: Some(Some(ALICE.to_owned())), ..AccountChange::default() };
        accounts.update(&Actor::new("test"), &account.id, phone, None).await.unwrap();
        let (secret, _) = pending(accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap());
        accounts.second_factor(&secret, &ecall.code_to(ALICE), &client(1)).await.unwrap();
        // After a wrong password nothing of this is revealed.
        assert!(accounts.log_in(&account.email, OTHER, &client(1)).await.unwrap_err().is_invalid_credentials());
    }
}

/// Returns a challenge of an application in the subscription that serves logins.
fn of_application(user: &str, phone: &str) -> NewChallenge {
    let mut start = NewChallenge::new(SignIn::new("demo").tenant("demo").user(user)).phone(phone);
    start.client_address = client(1).address;
    start
}

#[tokio::test]
async fn applications_use_up_no_limit_of_logins() {
    let few = RateLimits {
        recipient_per_hour: 2,
        recipient_total_per_hour: 2,
        address_per_hour: 2,
        address_total_per_hour: 2,
        answers_per_address_per_hour: 2,
        answers_per_address_total_per_hour: 2,
        ..RateLimits::none()
    };
    let world = world(|builder| builder.rate_limits(few)).await;
    for user in ["a", "b"] {
        let challenge = world.engine.start(of_application(user, ALICE)).await.unwrap();
        let answer = Answer::new(&challenge.id, wrong(&world.ecall.code())).client_address(client(1).address);
        assert!(world.engine.verify("demo", answer).await.unwrap_err().is_code_rejected());
    }
    for phone in [ALICE, BOB] {
        assert!(world.engine.start(of_application("c", phone)).await.unwrap_err().is_rate_limited());
    }
    let guess = Answer::new("unknown", "000000").client_address(client(1).address);
    assert!(world.engine.verify("demo", guess).await.unwrap_err().is_rate_limited());
    // Logins have their own, as high.
    let (secret, _) = world.password(&world.alice).await;
    let code = world.ecall.code_to(ALICE);
    assert!(world.code(&secret, wrong(&code)).await.unwrap_err().is_code_rejected());
    world.code(&secret, &code).await.unwrap();
    world.password(&world.alice).await;
    let third = world.accounts.log_in(&world.alice.email, PASSWORD, &client(2)).await;
    assert!(third.unwrap_err().is_rate_limited());
    // Those of another account are not affected.
    pending(world.accounts.log_in(&world.bob.email, PASSWORD, &client(2)).await.unwrap());
}

#[tokio::test]
async fn applications_use_up_no_total_and_no_prefix_of_logins() {
    let few = RateLimits { total_per_hour: 2, prefix_per_hour: 2, phone_per_day: 2, ..RateLimits::none() };
    let world = world(|builder| builder.rate_limits(few)).await;
    for user in ["a", "b"] {
        world.engine.start(of_application(user, "+41791234560")).await.unwrap();
    }
    assert!(world.engine.start(of_application("c", ALICE)).await.unwrap_err().is_rate_limited());
    let (secret, _) = world.password(&world.alice).await;
    world.code(&secret, &world.ecall.code_to(ALICE)).await.unwrap();
    // A right code gives applications nothing back either.
    assert!(world.engine.start(of_application("c", ALICE)).await.unwrap_err().is_rate_limited());
}

#[tokio::test]
async fn applications_use_up_no_quota_of_logins() {
    let two = Quota { messages_per_day: 2, ..Quota::default() };
    for is_of_type in [true, false] {
        let of_type = if is_of_type { two } else { Quota::default() };
        let limits = RateLimits { types: [("ecall".to_owned(), of_type)].into(), ..RateLimits::none() };
        let of_instance = if is_of_type { 0 } else { two.messages_per_day };
        let policy = Policy { messages_per_day: of_instance, ..Policy::default() };
        let world = world(|builder| builder.rate_limits(limits).policy(policy)).await;
        for user in ["a", "b"] {
            world.engine.start(of_application(user, "+41791234560")).await.unwrap();
        }
        assert!(world.engine.start(of_application("c", "+41791234560")).await.unwrap_err().is_delivery_failed());
        // Logins have their own, as high.
        let (secret, _) = world.password(&world.alice).await;
        world.code(&secret, &world.ecall.code_to(ALICE)).await.unwrap();
        world.password(&world.bob).await;
        let third = world.accounts.log_in(&world.bob.email, PASSWORD, &client(1)).await;
        assert!(third.unwrap_err().is_delivery_failed());
    }
}

#[tokio::test]
async fn applications_cannot_answer_resend_or_cancel_the_challenge_of_a_login() {
    let world = world(|builder| builder).await;
    let (secret, challenge) = world.password(&world.alice).await;
    let code = world.ecall.code_to(ALICE);
    world.clock.advance(Duration::from_secs(31));
    for guess in [wrong(&code), &code, wrong(&code), wrong(&code), wrong(&code), wrong(&code)] {
        assert!(world.engine.verify("demo", Answer::new(&challenge.id, guess)).await.unwrap_err().is_closed());
    }
    assert!(world.engine.resend("demo", &challenge.id).await.unwrap_err().is_closed());
    assert!(world.engine.cancel("demo", &challenge.id).await.unwrap_err().is_closed());
    // Nothing of it counted.
    assert_eq!(world.code(&secret, wrong(&code)).await.unwrap_err().attempts_left(), Some(4));
    world.code(&secret, &code).await.unwrap();

    // Its id is shown to those who administer the installation.
    let admin = world.engine.administration(Actor::new("test"));
    let (to, by_id) = (MessageQuery::Recipient(ALICE.to_owned()), MessageQuery::Challenge(challenge.id.clone()));
    let shown = admin.messages("demo", &to).await.unwrap();
    assert_eq!(shown.events[0].challenge.as_ref(), Some(&challenge.id));
    assert!(admin.messages("demo", &by_id).await.unwrap().challenge.is_some());
    let admin = admin.of_subscriptions();
    let shown = admin.messages("demo", &to).await.unwrap();
    assert_eq!((shown.events.len(), &shown.events[0].challenge), (1, &None));
    let shown = admin.messages("demo", &by_id).await.unwrap();
    assert!(shown.events.is_empty() && shown.challenge.is_none());
}

/// Whatever step of the login the enrolment comes after.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_that_began_before_the_first_factor_was_enrolled_opens_no_session_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = StoppingClock::default();
    let builder = Place::new(folder.path()).builder().clock(clock.clone()).rate_limits(RateLimits::none());
    let engine = held_factors::engine(builder).await;
    let (admin, accounts) = (engine.administration(Actor::new("test")), engine.accounts());
    let totp = held_factors::instance(&engine, "totp").await;
    let kind = twofactor::store::AssignmentKind::ClientApplication;
    let logins = Assignment { kind, id: "twofactor-admin".to_owned() };
    admin.set_assignments(SUBSCRIPTION, &totp, vec![Assignment::tenant("t"), logins]).await.unwrap();
    accounts.set_second_factor(&Actor::new("test"), Some(SUBSCRIPTION.to_owned()), false, None).await.unwrap();
    let mut steps = 0;
    loop {
        let (account, owner) = active(&accounts, &format!("owner{steps}")).await;
        let enrolment = accounts.enrol_own_factor(&owner.session, &totp, PASSWORD, &client(1)).await.unwrap();
        let answer = EnrolmentAnswer::code(&enrolment.id, App::scan(&enrolment).code(jiff::Timestamp::now()));
        let log_in = {
            let (accounts, email) = (accounts.clone(), account.email.clone());
            async move { accounts.log_in(&email, PASSWORD, &client(2)).await }
        };
        let owners = client(1);
        let finish = accounts.finish_own_enrolment(&owner.session, answer, &owners);
        let (login, added) = interleaved((&clock, steps + 1), log_in, finish).await;
        let Some(added) = added else { break };
        let own = added.unwrap().session.unwrap().session;
        let open = accounts.sessions(&own).await.unwrap();
        assert_eq!(open.iter().map(|one| &*one.id).collect::<Vec<_>>(), [&*own.id], "step {steps}");
        if let Ok(LoginOutcome::Session(opened)) = login {
            assert!(!is_open(&accounts, &opened).await, "step {steps}");
        }
        steps += 1;
    }
    assert!(steps > 3, "{steps}");
}

/// A commit whose outcome is unknown may have stored the factor.
#[tokio::test]
async fn other_sessions_end_even_if_it_is_unknown_whether_the_first_factor_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let engine = held_factors::engine(place.builder().rate_limits(RateLimits::none())).await;
    let (admin, accounts) = (engine.administration(Actor::new("test")), engine.accounts());
    let totp = held_factors::instance(&engine, "totp").await;
    let kind = twofactor::store::AssignmentKind::ClientApplication;
    let logins = Assignment { kind, id: "twofactor-admin".to_owned() };
    admin.set_assignments(SUBSCRIPTION, &totp, vec![Assignment::tenant("t"), logins]).await.unwrap();
    accounts.set_second_factor(&Actor::new("test"), Some(SUBSCRIPTION.to_owned()), false, None).await.unwrap();
    let (account, owner) = active(&accounts, "owner").await;
    let thief = session(accounts.log_in(&account.email, PASSWORD, &client(2)).await.unwrap());
    let enrolment = accounts.enrol_own_factor(&owner.session, &totp, PASSWORD, &client(1)).await.unwrap();
    // A table that does not exist fails as a store does that is not available.
    let sql = "CREATE TRIGGER fault BEFORE INSERT ON factors BEGIN INSERT INTO nowhere VALUES (1); END";
    rusqlite::Connection::open(place.database()).unwrap().execute_batch(sql).unwrap();
    let answer = EnrolmentAnswer::code(&enrolment.id, App::scan(&enrolment).code(jiff::Timestamp::now()));
    let error = accounts.finish_own_enrolment(&owner.session, answer, &client(1)).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert!(is_open(&accounts, &owner).await && !is_open(&accounts, &thief).await);
}

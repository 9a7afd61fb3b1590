//! Once a second factor of administrators worked, what breaks it keeps everybody out, and only system administrators touch what
//! guards it.

use serde_json::json;
use twofactor::accounts::{Account, AccountChange, Accounts, SecondFactorState};
use twofactor::admin::as_code::{ExportedSecrets, SubscriptionDocument};
use twofactor::admin::{Administration, InstanceChange};
use twofactor::store::AssignmentKind;
use twofactor::{Actor, Assignment, NewInstance, TwoFactor};
use twofactor_tests::accounts::{PASSWORD, accept, active, assign_to_accounts, client, new, pending, session};
use twofactor_tests::compiled;
use twofactor_tests::ecall::{Ecall, Place};

const ALICE: &str = "+41791234567";

struct World {
    ecall: Ecall,
    engine: TwoFactor,
    accounts: Accounts,
    alice: Account,
    instance: String,
}

/// Returns an administrator with a phone number, and an instance that may reach it.
async fn world() -> World {
    let ecall = Ecall::start().await;
    let engine = ecall.engine(compiled::builder().second_factor_for_accounts("demo")).await;
    let accounts = engine.accounts();
    let (alice, _) = accounts.create(&Actor::new("test"), new("alice", Some(ALICE))).await.unwrap();
    session(accept(&accounts, &alice).await);
    assign_to_accounts(&engine).await;
    let instance = engine.administration(Actor::new("test")).instances("demo").await.unwrap().remove(0).id;
    World { ecall, engine, accounts, alice, instance }
}

impl World {
    fn admin(&self) -> Administration {
        self.engine.administration(Actor::new("test"))
    }

    async fn log_in_with_a_code(&self) {
        let (secret, _) = pending(self.accounts.log_in(&self.alice.email, PASSWORD, &client(1)).await.unwrap());
        self.accounts.second_factor(&secret, &self.ecall.code_to(ALICE), &client(1)).await.unwrap();
    }

    /// Returns whether a password, and a link that sets one, open nothing.
    async fn is_closed(&self) -> bool {
        let password = self.accounts.log_in(&self.alice.email, PASSWORD, &client(1)).await;
        let invitation = self.accounts.invite(&Actor::new("test"), &self.alice.id).await.unwrap();
        let link = self.accounts.accept_invitation(invitation.secret.expose(), PASSWORD, &client(1)).await;
        let refused = |done: Result<_, twofactor::Error>| done.is_err_and(|error| error.is_no_instance_available());
        refused(password) && refused(link)
    }

    async fn change(&self, change: InstanceChange) {
        self.admin().update_instance("demo", &self.instance, change, None).await.unwrap();
    }
}

fn active_or_not(active: bool) -> InstanceChange {
    InstanceChange { active: Some(active), ..InstanceChange::default() }
}

#[tokio::test]
async fn login_works_before_a_second_factor_is_set_up_and_not_if_one_that_worked_breaks() {
    let world = world().await;
    world.change(active_or_not(false)).await;
    assert!(!world.is_closed().await, "it was never used");
    assert_eq!(world.accounts.second_factor_settings().await.unwrap().demanded_since, None);

    world.change(active_or_not(true)).await;
    world.log_in_with_a_code().await;
    assert!(world.accounts.second_factor_settings().await.unwrap().demanded_since.is_some());
    world.change(active_or_not(false)).await;
    assert!(world.is_closed().await, "inactive");
    world.change(active_or_not(true)).await;
    world.log_in_with_a_code().await;

    let broken = InstanceChange { options: Some(json!({})), ..InstanceChange::default() };
    world.change(broken).await;
    assert!(world.is_closed().await, "invalid");
    let options = json!({"ECallAccountName": "a", "ECallAccountPassword": "s", "ECallAccountFromNumber": "Shop"});
    world.change(InstanceChange { options: Some(options), ..InstanceChange::default() }).await;
    world.log_in_with_a_code().await;

    world.admin().set_assignments("demo", &world.instance, Vec::new()).await.unwrap();
    assert!(world.is_closed().await, "not assigned");
    world.admin().delete_instance("demo", &world.instance, None).await.unwrap();
    assert!(world.is_closed().await, "removed");
    let (bob, _) = world.accounts.create(&Actor::new("test"), new("bob", None)).await.unwrap();
    let invitation = world.accounts.invite(&Actor::new("test"), &bob.id).await.unwrap();
    let link = world.accounts.accept_invitation(invitation.secret.expose(), PASSWORD, &client(2)).await;
    assert!(link.is_err_and(|error| error.is_no_instance_available()), "nor does a new account get in");
}

#[tokio::test]
async fn the_way_back_is_a_link_for_one_or_to_turn_it_off_and_both_are_in_the_audit_log() {
    let world = world().await;
    world.log_in_with_a_code().await;
    world.change(active_or_not(false)).await;
    let operator = Actor::new("command line");
    let invitation = world.accounts.invite_without_second_factor(&operator, &world.alice.id).await.unwrap();
    let opened = world.accounts.accept_invitation(invitation.secret.expose(), PASSWORD, &client(1)).await.unwrap();
    assert!(!session(opened).session.second_factor);
    assert!(world.is_closed().await, "for everybody else, and for her with the password");

    let set = world.accounts.second_factor_settings().await.unwrap();
    let chosen = set.subscription.clone();
    let stale = world.accounts.set_second_factor(&operator, chosen.clone(), false, Some(set.revision + 1)).await;
    assert!(stale.unwrap_err().is_revision_conflict());
    world.accounts.set_second_factor(&operator, chosen, false, Some(set.revision)).await.unwrap();
    assert!(!world.is_closed().await);
    // It is required again once it works again.
    world.change(active_or_not(true)).await;
    world.log_in_with_a_code().await;
    world.change(active_or_not(false)).await;
    assert!(world.is_closed().await);

    let log = world.admin().audit_log(0, 1000).await.unwrap();
    let lines: Vec<_> = log.iter().map(|line| (&*line.actor, &*line.action, &*line.detail)).collect();
    assert!(lines.contains(&("command line", "account.invite", "no second factor required")), "{lines:?}");
    let off = r#"{"/demanded":[true,false]}"#;
    assert!(lines.contains(&("command line", "second-factor.set", off)), "{lines:?}");
    let alice = format!("account {}", world.alice.id);
    let on = r#"{"/demanded":[false,true]}"#;
    let turned_on =
        lines.iter().filter(|line| line.0.starts_with(&alice) && line.1 == "second-factor.set" && line.2 == on);
    assert_eq!(turned_on.count(), 2);
}

#[tokio::test]
async fn subscription_administrators_cannot_change_what_guards_administrators() {
    let world = world().await;
    let (own, other) = (world.admin().of_subscriptions(), "of her own");
    let options = json!({"ECallAccountName": "evil", "ECallAccountPassword": "s", "ECallAccountFromNumber": "Evil"});
    let change = InstanceChange { options: Some(options.clone()), ..InstanceChange::default() };
    for change in [change, active_or_not(false), InstanceChange { name: Some("x".to_owned()), ..active_or_not(true) }] {
        let refused = own.update_instance("demo", &world.instance, change, None).await.unwrap_err();
        assert!(refused.is_forbidden() && refused.to_string().contains("system administrator"), "{refused}");
    }
    assert!(own.delete_instance("demo", &world.instance, None).await.unwrap_err().is_forbidden());
    assert!(own.set_assignments("demo", &world.instance, Vec::new()).await.unwrap_err().is_forbidden());

    // An instance of her own is hers, until she has it deliver the codes of administrators.
    let hers = own.create_instance("demo", NewInstance::new("ecall", other, options)).await.unwrap();
    let target = |kind, id: &str| vec![Assignment { kind, id: id.to_owned() }];
    let to_tenant = target(AssignmentKind::Tenant, "twofactor-admin");
    own.set_assignments("demo", &hers.id, to_tenant).await.unwrap();
    own.set_assignments("demo", &hers.id, target(AssignmentKind::User, "alice")).await.unwrap();
    own.update_instance("demo", &hers.id, active_or_not(true), None).await.unwrap();
    for guarding in
        [target(AssignmentKind::ClientApplication, "twofactor-admin"), target(AssignmentKind::User, &world.alice.id)]
    {
        let refused = own.set_assignments("demo", &hers.id, guarding.clone()).await.unwrap_err();
        assert!(refused.is_forbidden(), "{guarding:?}");
        // What a system administrator assigned is protected from then on.
        world.admin().set_assignments("demo", &hers.id, guarding).await.unwrap();
        assert!(own.update_instance("demo", &hers.id, active_or_not(false), None).await.unwrap_err().is_forbidden());
        world.admin().set_assignments("demo", &hers.id, Vec::new()).await.unwrap();
    }
    // In another subscription nothing is protected.
    world.admin().create_subscription("other", "Other").await.unwrap();
    let elsewhere = own.create_instance("other", NewInstance::new("ecall", "x", json!({}))).await.unwrap();
    let client_application = target(AssignmentKind::ClientApplication, "twofactor-admin");
    own.set_assignments("other", &elsewhere.id, client_application).await.unwrap();
    world.log_in_with_a_code().await;
}

#[tokio::test]
async fn a_subscription_administrators_document_cannot_change_what_guards_administrators() {
    let world = world().await;
    let own = world.admin().of_subscriptions();
    let document = || async { world.admin().export(Some("demo"), ExportedSecrets::Redacted).await.unwrap() };
    let import = async |administration: &Administration, change: &dyn Fn(&mut SubscriptionDocument), prune: bool| {
        let mut document = document().await;
        change(document.subscriptions.get_mut("demo").unwrap());
        administration.import(&document, (prune, true), &|_| Err("there is none".to_owned())).await
    };
    let id = &world.instance;
    type Change<'a> = &'a dyn Fn(&mut SubscriptionDocument);
    let change: [(Change<'_>, bool); 5] = [
        (&|demo| demo.instances.get_mut(id).unwrap().active = false, false),
        (&|demo| demo.instances.get_mut(id).unwrap().options = json!({}), false),
        (&|demo| demo.instances.get_mut(id).unwrap().assigned.clear(), false),
        (&|demo| drop(demo.instances.remove(id)), true),
        (
            &|demo| {
                let mut hers = demo.instances[id].clone();
                hers.options =
                    json!({"ECallAccountName": "e", "ECallAccountPassword": "s", "ECallAccountFromNumber": "E"});
                demo.instances.insert("hers".to_owned(), hers);
            },
            false,
        ),
    ];
    for (n, (change, prune)) in change.into_iter().enumerate() {
        let refused = import(&own, change, prune).await.unwrap_err();
        assert!(refused.is_forbidden() && refused.to_string().contains("system administrator"), "{n}: {refused}");
    }
    world.log_in_with_a_code().await;
    // She may change what protects nobody.
    let named = import(&own, &|demo| demo.name = "Renamed".to_owned(), false).await.unwrap();
    assert_eq!(named.len(), 1);
    // A system administrator may, as may the command line.
    import(&world.admin(), &|demo| demo.instances.get_mut(id).unwrap().active = false, false).await.unwrap();
    assert!(world.is_closed().await);
}

#[tokio::test]
async fn nobody_turns_it_on_while_it_would_lock_everybody_out() {
    let world = world().await;
    let actor = Actor::new("test");
    let turn_on = async |subscription: Option<&str>| {
        world.accounts.set_second_factor(&actor, subscription.map(str::to_owned), true, None).await
    };
    world.admin().create_subscription("empty", "Empty").await.unwrap();
    assert!(turn_on(Some("nowhere")).await.unwrap_err().is_invalid_input());
    assert!(turn_on(Some("empty")).await.unwrap_err().is_conflict());
    assert!(turn_on(None).await.unwrap_err().is_conflict());
    world.change(active_or_not(false)).await;
    assert!(turn_on(Some("demo")).await.unwrap_err().is_conflict());
    world.change(active_or_not(true)).await;
    assert!(turn_on(Some("demo")).await.unwrap().demanded_since.is_some());
    // Nor is a required one moved to a subscription without one.
    assert!(turn_on(Some("empty")).await.unwrap_err().is_conflict());
    assert!(world.accounts.log_in(&world.alice.email, PASSWORD, &client(1)).await.is_ok());
}

#[tokio::test]
async fn it_is_known_what_is_missing_for_a_person_to_be_asked() {
    let ecall = Ecall::start().await;
    let engine = ecall.engine(compiled::builder()).await;
    let accounts = engine.accounts();
    let (mut alice, _) = active(&accounts, "alice").await;
    let actor = Actor::new("test");
    let state = async |account: &Account| accounts.second_factor_state(account).await.unwrap();
    assert_eq!(state(&alice).await, SecondFactorState::NoSubscription);
    accounts.set_second_factor(&actor, Some("demo".to_owned()), false, Some(0)).await.unwrap();
    assert_eq!(state(&alice).await, SecondFactorState::NoInstance);
    assign_to_accounts(&engine).await;
    assert_eq!(state(&alice).await, SecondFactorState::NotReachable);
    let phone = AccountChange { phone: Some(Some(ALICE.to_owned())), ..AccountChange::default() };
    alice = accounts.update(&actor, &alice.id, phone, None).await.unwrap();
    assert_eq!(state(&alice).await, SecondFactorState::Ready);
    pending(accounts.log_in(&alice.email, PASSWORD, &client(1)).await.unwrap());
}

#[tokio::test]
async fn a_second_factor_required_by_one_process_is_required_by_others_immediately() {
    let folder = tempfile::tempdir().unwrap();
    let (place, ecall) = (Place::new(folder.path()), Ecall::start().await);
    let one = ecall.engine(place.builder()).await;
    let two = ecall.engine(place.builder()).await;
    let (alice, _) = active(&one.accounts(), "alice").await;
    let actor = Actor::new("test");
    session(two.accounts().log_in(&alice.email, PASSWORD, &client(1)).await.unwrap());
    assign_to_accounts(&one).await;
    one.accounts().set_second_factor(&actor, Some("demo".to_owned()), true, None).await.unwrap();
    let refused = two.accounts().log_in(&alice.email, PASSWORD, &client(1)).await.unwrap_err();
    assert!(refused.is_no_instance_available(), "she has no phone number: {refused:?}");
}

//! A change that makes valid instances invalid stops them: the caller is told which ones before,
//! and without a confirmation it is refused.

use serde_json::{Value, json};
use twofactor::admin::{Administration, Instance, InstanceChange, NewProvider};
use twofactor::{Actor, NewInstance, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::errors::invalid_input;
use twofactor_tests::wrong::{component, component_with_schema};

async fn engine(component: Vec<u8>) -> TwoFactor {
    let engine = compiled::builder().provider(component).build().await.unwrap();
    admin(&engine).create_subscription("s", "S").await.unwrap();
    engine
}

fn admin(engine: &TwoFactor) -> Administration {
    engine.administration(Actor::new("test"))
}

async fn instance(engine: &TwoFactor, name: &str, options: Value) -> Instance {
    admin(engine).create_instance("s", NewInstance::new("wrong", name, options)).await.unwrap()
}

async fn is_valid(engine: &TwoFactor, instance: &Instance) -> bool {
    admin(engine).instance("s", &instance.id).await.unwrap().valid
}

#[tokio::test]
async fn an_upgrade_that_instances_do_not_satisfy_is_refused_by_their_names_unless_that_is_allowed() {
    let engine = engine(component("none")).await;
    let good = instance(&engine, "Our messages", json!({"Sender": "Shop", "Key": "k3y-canary"})).await;
    let bad = instance(&engine, "Never valid", json!({})).await;
    assert!(good.valid && !bad.valid);
    let upgrade = component("it requires one more");
    let examined = admin(&engine).examine_provider(upgrade.clone()).await.unwrap();
    let [affected] = &examined.made_invalid[..] else { panic!("{:?}", examined.made_invalid) };
    assert_eq!((&affected.id, &*affected.name, affected.valid), (&good.id, "Our messages", false));
    assert_eq!(affected.problems[0].pointer, "/More");
    let said = invalid_input(admin(&engine).add_provider(upgrade.clone()).await);
    assert!(said.contains("`Our messages`") && said.contains(&good.id) && said.contains("allow_invalid"), "{said}");
    assert!(!said.contains("Never valid") && is_valid(&engine, &good).await, "{said}");
    admin(&engine).add_provider(NewProvider::new(upgrade).allow_invalid(true)).await.unwrap();
    assert!(!is_valid(&engine, &good).await);
    // Undoing it stops no instance.
    admin(&engine).roll_back_provider("wrong", None, false).await.unwrap();
    assert!(is_valid(&engine, &good).await);
}

#[tokio::test]
async fn a_rollback_that_instances_do_not_satisfy_is_refused_by_their_names_unless_that_is_allowed() {
    let engine = engine(component("none")).await;
    admin(&engine).add_provider(component("it requires one more")).await.unwrap();
    let more = instance(&engine, "With more", json!({"Sender": "Shop", "Key": "k3y-canary", "More": "x"})).await;
    assert!(more.valid, "{:?}", more.problems);
    assert!(invalid_input(admin(&engine).roll_back_provider("wrong", None, false).await).contains("`With more`"));
    assert!(invalid_input(admin(&engine).remove_provider("wrong", None, false).await).contains("`With more`"));
    assert!(is_valid(&engine, &more).await);
    admin(&engine).roll_back_provider("wrong", None, true).await.unwrap();
    assert!(!is_valid(&engine, &more).await);
}

#[tokio::test]
async fn base_settings_are_checked_before_they_are_saved() {
    let engine = engine(component("none")).await;
    let waiting = instance(&engine, "Waiting", json!({"Key": "k3y-canary"})).await;
    let complete = instance(&engine, "Complete", json!({"Sender": "Shop", "Key": "k3y-canary"})).await;
    let check = async |options: Value| admin(&engine).check_base_settings("wrong", options).await.unwrap();
    let states = |check: &twofactor::admin::BaseSettingsCheck| -> Vec<(String, bool)> {
        check.instances.iter().map(|instance| (instance.id.clone(), instance.valid)).collect()
    };
    let good = check(json!({"Sender": "Bank"})).await;
    assert!(good.problems.is_empty() && !good.is_harmful(), "{good:?}");
    assert_eq!(states(&good), [(waiting.id.clone(), true)]);
    let unknown = check(json!({"Sendre": "Bank"})).await;
    assert_eq!(unknown.problems[0].pointer, "/Sendre");
    assert_eq!(states(&unknown), [(complete.id.clone(), false)]);
    let wrong = check(json!({"Parts": "two"})).await;
    assert_eq!(wrong.problems[0].pointer, "/Parts");
    assert!(wrong.is_harmful());
    // Nothing was saved.
    assert!(!is_valid(&engine, &waiting).await && is_valid(&engine, &complete).await);
    assert_eq!(admin(&engine).base_settings("wrong").await.unwrap().revision, 0);
}

#[tokio::test]
async fn what_the_policy_makes_invalid_is_not_made_valid_by_base_settings() {
    let engine = engine(component("none")).await;
    let waiting = instance(&engine, "Waiting", json!({"Key": "k3y-canary"})).await;
    let policy = Some(Some(json!({"required_factor": "phishing-resistant"})));
    let change = InstanceChange { policy, ..InstanceChange::default() };
    admin(&engine).update_instance("s", &waiting.id, change, None).await.unwrap();
    let check = admin(&engine).check_base_settings("wrong", json!({"Sender": "Bank"})).await.unwrap();
    assert!(check.instances.is_empty(), "{check:?}");
    admin(&engine).set_base_settings("wrong", json!({"Sender": "Bank"}), None).await.unwrap();
    assert!(!is_valid(&engine, &waiting).await);
}

#[tokio::test]
async fn what_is_needed_beside_an_inherited_secret_is_looked_for_in_a_bounded_number_of_calls() {
    let of = |least: usize| {
        let mut properties = json!({"Key": {"type": "string", "writeOnly": true}, "Sender": {"type": "string"}});
        for n in 0..40 {
            properties[format!("o{n}")] = json!({"type": "string"});
        }
        component_with_schema(
            &json!({"type": "object", "properties": properties, "minProperties": least + 1}).to_string(),
        )
    };
    let own = |number: usize| -> Value { Value::Object((0..number).map(|n| (format!("o{n}"), json!("x"))).collect()) };
    for (least, number, is_valid) in [(3, 8, true), (2, 40, true), (9, 8, false), (6, 12, false), (20, 40, false)] {
        let engine = engine(of(least)).await;
        admin(&engine).set_base_settings("wrong", json!({"Key": "b4se-key", "Sender": "Shop"}), None).await.unwrap();
        let made = instance(&engine, "x", own(number)).await;
        assert_eq!(made.valid, is_valid, "{least} of {number}: {:?}", made.problems);
        let too_many = made.problems.iter().any(|problem| problem.detail.contains("too many options to check"));
        assert_eq!(too_many, !is_valid, "{:?}", made.problems);
    }
}

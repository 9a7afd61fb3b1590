//! Secrets go only where they were entered for, whoever changes options, base service settings, a
//! configuration document or a component.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use twofactor::admin::{Administration, Instance, InstanceChange, NewProvider, TestMessage};
use twofactor::sandbox::SandboxLimits;
use twofactor::{Actor, Error, Network, NewInstance, Recipient, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::errors::invalid_input;
use twofactor_tests::wrong::component;

const UPSTREAM: &str = "https://upstream.example.com";

/// Returns an engine with a type whose option `Sender` names the upstream that gets the secret
/// `Key`.
async fn engine() -> TwoFactor {
    with_component(component("its sender is its upstream")).await
}

async fn with_component(component: Vec<u8>) -> TwoFactor {
    let mut limits = SandboxLimits::default();
    limits.running_time = std::time::Duration::from_millis(200);
    let network = Network::builder().build().unwrap();
    let engine = compiled::builder().network(network).limits(limits).bundled_providers().provider(component);
    let engine = engine.build().await.unwrap();
    admin(&engine).create_subscription("s", "S").await.unwrap();
    engine
}

fn admin(engine: &TwoFactor) -> Administration {
    engine.administration(Actor::new("test"))
}

async fn instance(engine: &TwoFactor, options: Value) -> Instance {
    admin(engine).create_instance("s", NewInstance::new("wrong", "x", options)).await.unwrap()
}

async fn base(engine: &TwoFactor, type_id: &str, options: Value) -> Result<(), Error> {
    admin(engine).set_base_settings(type_id, options, None).await.map(drop)
}

async fn again(engine: &TwoFactor, instance: &Instance) -> Instance {
    admin(engine).instance("s", &instance.id).await.unwrap()
}

#[tokio::test]
async fn base_settings_that_an_instance_completes_take_no_stored_secret_elsewhere() {
    let engine = engine().await;
    let smtp = |host: &str, password: &str| {
        json!({"MailServerConfig": {"MailType": "SMTP", "Host": host, "Port": 465, "EnableSSL": true,
            "UserName": "u", "Password": password, "Timeout": 5000}})
    };
    base(&engine, "email", smtp("mail.example.com", "p4ss-word")).await.unwrap();
    let new = NewInstance::new("email", "x", json!({"EMailSenderAddress": "codes@example.com"}));
    let instance = admin(&engine).create_instance("s", new).await.unwrap();
    assert!(instance.valid, "{:?}", instance.problems);
    let said = invalid_input(base(&engine, "email", smtp("mail.evil.example", "********")).await);
    assert!(said.contains("another destination"), "{said}");
    assert!(again(&engine, &instance).await.connections[0].to_string().contains("mail.example.com"));
    // A caller who knows the secret may.
    base(&engine, "email", smtp("mail2.example.com", "p4ss-word")).await.unwrap();
    assert!(again(&engine, &instance).await.connections[0].to_string().contains("mail2.example.com"));
    let mut other = smtp("mail2.example.com", "********");
    other["MailServerConfig"]["Timeout"] = json!(9000);
    base(&engine, "email", other).await.unwrap();
}

#[tokio::test]
async fn a_masked_secret_without_a_known_destination_must_be_entered_again() {
    let engine = engine().await;
    base(&engine, "wrong", json!({"Key": "b4se-key"})).await.unwrap();
    let said = invalid_input(base(&engine, "wrong", json!({"Key": "********", "Parts": 1})).await);
    assert!(said.contains("it is not known where the stored secret would go"), "{said}");
    base(&engine, "wrong", json!({"Key": "********"})).await.unwrap();
    base(&engine, "wrong", json!({"Key": "b4se-key", "Parts": 1})).await.unwrap();
    // An instance that does not use it reveals nothing about it.
    assert!(instance(&engine, json!({"Sender": "one", "Key": "0wn-key"})).await.valid);
    invalid_input(base(&engine, "wrong", json!({"Key": "********", "Parts": 2})).await);
    assert!(instance(&engine, json!({"Sender": "one"})).await.valid);
    base(&engine, "wrong", json!({"Key": "********", "Parts": 2})).await.unwrap();
}

/// Otherwise an instance that is created later could send the secret elsewhere.
#[tokio::test]
async fn base_settings_that_leave_more_open_need_their_secret_again() {
    let engine = engine().await;
    let whole = json!({"Sender": "one", "Key": "b4se-key", "Parts": 1});
    base(&engine, "wrong", whole.clone()).await.unwrap();
    // Through this instance, the secret would go where it goes now.
    assert!(instance(&engine, json!({"Sender": "one"})).await.valid);
    let said = invalid_input(base(&engine, "wrong", json!({"Key": "********", "Parts": 1})).await);
    assert!(said.contains("no longer determine where the stored secret goes"), "{said}");
    // What they leave open already may not become more.
    base(&engine, "wrong", json!({"Key": "b4se-key", "Parts": 1})).await.unwrap();
    let said = invalid_input(base(&engine, "wrong", json!({"Key": "********"})).await);
    assert!(said.contains("no longer determine where the stored secret goes"), "{said}");
    base(&engine, "wrong", json!({"Key": "b4se-key"})).await.unwrap();
    base(&engine, "wrong", json!({"Key": "********", "Parts": 2})).await.unwrap();
}

/// Otherwise settings that state a destination which is not valid would leave the destination to whoever creates an instance.
#[tokio::test]
async fn an_instance_overrides_no_destination_of_base_settings_even_if_it_is_not_valid() {
    for wrong in [json!(null), json!(5), json!("")] {
        let engine = engine().await;
        base(&engine, "wrong", json!({"Sender": wrong, "Key": "b4se-key"})).await.unwrap();
        let evil = instance(&engine, json!({"Sender": "evil"})).await;
        assert!(!evil.valid && evil.problems[0].detail.contains("its own secret"), "{wrong}: {:?}", evil.problems);

        base(&engine, "wrong", json!({"Key": "b4se-key"})).await.unwrap();
        assert!(instance(&engine, json!({"Sender": "one"})).await.valid);
        admin(&engine).delete_instance("s", &evil.id, None).await.unwrap();
        let said = invalid_input(base(&engine, "wrong", json!({"Sender": wrong, "Key": "********"})).await);
        assert!(said.contains("it is not known where the stored secret would go"), "{wrong}: {said}");
    }
}

#[tokio::test]
async fn settings_that_broke_an_instance_do_not_fix_it_for_another_destination() {
    let engine = engine().await;
    base(&engine, "wrong", json!({"Sender": "one"})).await.unwrap();
    let own = instance(&engine, json!({"Key": "0wn-key"})).await;
    base(&engine, "wrong", json!({})).await.unwrap();
    assert!(!again(&engine, &own).await.valid);
    let said = invalid_input(base(&engine, "wrong", json!({"Sender": "evil"})).await);
    assert!(said.contains("secret of an instance"), "{said}");
    base(&engine, "wrong", json!({"Sender": "one"})).await.unwrap();
    assert!(again(&engine, &own).await.valid);
}

#[tokio::test]
async fn base_settings_do_not_move_an_instances_own_secret() {
    let engine = engine().await;
    base(&engine, "wrong", json!({"Sender": "one"})).await.unwrap();
    let own = instance(&engine, json!({"Key": "0wn-key"})).await;
    assert!(own.valid, "{:?}", own.problems);
    let said = invalid_input(base(&engine, "wrong", json!({"Sender": "evil"})).await);
    assert!(said.contains("secret of an instance"), "{said}");
    base(&engine, "wrong", json!({"Sender": "one", "Parts": 2})).await.unwrap();
    let change = InstanceChange { options: Some(json!({"Sender": "one", "Key": "0wn-key"})), ..Default::default() };
    admin(&engine).update_instance("s", &own.id, change, None).await.unwrap();
    base(&engine, "wrong", json!({"Sender": "two"})).await.unwrap();
    // They may fix what they broke.
    base(&engine, "wrong", json!({"Sendre": "two"})).await.unwrap();
    assert!(!again(&engine, &own).await.valid);
    base(&engine, "wrong", json!({})).await.unwrap();
    assert!(again(&engine, &own).await.valid);
}

#[tokio::test]
async fn a_subscriptions_administrator_sends_no_inherited_secret_elsewhere() {
    let engine = engine().await;
    base(&engine, "wrong", json!({"Sender": "one", "Key": "b4se-key"})).await.unwrap();
    let elsewhere = instance(&engine, json!({"Sender": "evil"})).await;
    assert!(!elsewhere.valid && elsewhere.connections.is_empty());
    let said = &elsewhere.problems[0].detail;
    assert!(said.contains("https://evil.example.com") && said.contains("its own secret"), "{said}");
    // Nor by options that are only tried.
    let harmless = instance(&engine, json!({"Parts": 2})).await;
    assert!(harmless.valid, "{:?}", harmless.problems);
    let recipient = Recipient { phone: Some("+41791234567".to_owned()), ..Default::default() };
    let test = TestMessage { options: Some(json!({"Sender": "evil"})), ..TestMessage::to(recipient) };
    let tried = admin(&engine).send_test("s", &harmless.id, test).await;
    invalid_input(tried);
    assert!(instance(&engine, json!({"Sender": "evil", "Key": "0wn-key"})).await.valid);
}

#[tokio::test]
async fn options_that_depend_on_each_other_send_no_inherited_secret_elsewhere() {
    for (settings, own) in [
        (json!({"Sender": "Shop", "Key": "b4se-key"}), json!({})),
        (json!({"Key": "b4se-key"}), json!({"Sender": "Shop"})),
    ] {
        let engine = with_component(component("two options lead elsewhere")).await;
        base(&engine, "wrong", settings).await.unwrap();
        assert!(instance(&engine, own.clone()).await.valid);
        let mut more = own.clone();
        more.as_object_mut().unwrap().extend([("Cloud".to_owned(), json!("own")), ("Host".to_owned(), json!("evil"))]);
        let elsewhere = instance(&engine, more.clone()).await;
        assert!(!elsewhere.valid && elsewhere.connections.is_empty(), "{more}");
        more["Key"] = json!("0wn-key");
        assert!(instance(&engine, more).await.valid);
    }
}

#[tokio::test]
async fn an_instance_may_set_what_base_settings_leave_open() {
    let engine = engine().await;
    base(&engine, "wrong", json!({"Key": "b4se-key"})).await.unwrap();
    let one = instance(&engine, json!({"Sender": "one", "Parts": 2})).await;
    assert!(one.valid, "{:?}", one.problems);
    assert!(one.connections[0].to_string().contains("https://one.example.com"));
}

#[tokio::test]
async fn requested_connections_depend_on_no_clock_and_no_random_number() {
    let mut asked = BTreeSet::new();
    for _ in 0..2 {
        for fault in ["configure throws dice", "configure by the date"] {
            let engine = with_component(component(fault)).await;
            let instance = instance(&engine, json!({"Sender": "Shop", "Key": "k3y"})).await;
            assert!(instance.valid, "{fault}: {:?}", instance.problems);
            asked.extend(instance.connections.into_iter().map(|connection| (fault, connection)));
        }
    }
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked.iter().any(|(_, connection)| connection.to_string().starts_with("https://t0.example.com")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_component_that_hides_where_secrets_go_is_refused() {
    let engine = with_component(component("none")).await;
    let own = instance(&engine, json!({"Sender": "x", "Key": "k3y"})).await;
    assert!(own.valid);
    let said = invalid_input(admin(&engine).add_provider(component("configure never ends")).await);
    assert!(said.contains(&own.id) && said.contains("running-time"), "{said}");
    // Without such an instance a new destination is allowed; then a masked secret needs options
    // that it was entered for.
    let engine = with_component(component("configure never ends")).await;
    let own = instance(&engine, json!({"Sender": "Shop", "Key": "k3y"})).await;
    let change = InstanceChange { options: Some(json!({"Sender": "x", "Key": "********"})), ..Default::default() };
    let error = admin(&engine).update_instance("s", &own.id, change, None).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn a_rollback_that_would_send_secrets_elsewhere_is_refused() {
    let engine = with_component(component("it goes elsewhere")).await;
    let own = instance(&engine, json!({"Sender": "Shop", "Key": "k3y"})).await;
    admin(&engine).add_provider(NewProvider::new(component("none")).destinations([UPSTREAM])).await.unwrap();
    for back in [
        admin(&engine).roll_back_provider("wrong", None, false).await.map(drop),
        admin(&engine).remove_provider("wrong", None, false).await,
    ] {
        let said = invalid_input(back);
        assert!(said.contains("https://elsewhere.example.com"), "{said}");
    }
    assert!(again(&engine, &own).await.connections[0].to_string().contains(UPSTREAM));
    // A destination that does not work need not be kept.
    let allowed =
        NewProvider::new(component("configure refuses what is right")).any_destination(true).allow_invalid(true);
    admin(&engine).add_provider(allowed).await.unwrap();
    assert!(!again(&engine, &own).await.valid);
    admin(&engine).roll_back_provider("wrong", None, false).await.unwrap();
    assert!(again(&engine, &own).await.connections[0].to_string().contains(UPSTREAM));
}

#[tokio::test]
async fn a_header_that_routes_authenticates_nobody() {
    let engine = with_component(component("a host for a header")).await;
    let own = instance(&engine, json!({"Sender": "Shop", "Key": "k3y"})).await;
    assert!(!own.valid && own.problems[0].detail.contains("`host`"), "{:?}", own.problems);
}

fn smtp(sender: &str, host: &str, password: &str) -> Value {
    json!({"EMailSenderAddress": sender, "MailServerConfig": {"MailType": "SMTP", "Host": host, "Port": 465, "EnableSSL": true,
        "UserName": "u", "Password": password, "Timeout": 5000}})
}

async fn changed(engine: &TwoFactor, instance: &Instance, options: Value) -> Result<Instance, Error> {
    let change = InstanceChange { options: Some(options), ..Default::default() };
    admin(engine).update_instance("s", &instance.id, change, None).await
}

#[tokio::test]
async fn a_wrong_option_beside_a_new_secret_is_corrected_without_the_secret() {
    let engine = engine().await;
    let host = "mail.example.com";
    let new = NewInstance::new("email", "x", smtp("not an address", host, "p4ss-word"));
    let own = admin(&engine).create_instance("s", new).await.unwrap();
    assert!(!own.valid);
    // Nor does a wrong host, which received nothing, require the secret again.
    let corrected = changed(&engine, &own, smtp("codes@example.com", host, "********")).await.unwrap();
    assert!(corrected.valid, "{:?}", corrected.problems);
    let new = NewInstance::new("email", "y", smtp("codes@example.com", "no host", "p4ss-word"));
    let own = admin(&engine).create_instance("s", new).await.unwrap();
    assert!(!own.valid);
    let corrected = changed(&engine, &own, smtp("codes@example.com", host, "********")).await.unwrap();
    assert!(corrected.valid, "{:?}", corrected.problems);
}

#[tokio::test]
async fn a_detour_over_invalid_options_sends_a_secret_to_no_other_destination() {
    let engine = engine().await;
    let (host, evil) = ("mail.example.com", "mail.evil.example");
    // It was set before.
    let new = NewInstance::new("email", "x", smtp("codes@example.com", host, "p4ss-word"));
    let own = admin(&engine).create_instance("s", new).await.unwrap();
    for detour in [
        smtp("not an address", host, "********"),
        smtp("not an address", evil, "********"),
        smtp("codes@example.com", "no host", "********"),
    ] {
        assert!(!changed(&engine, &own, detour).await.unwrap().valid);
        let said = invalid_input(changed(&engine, &own, smtp("codes@example.com", evil, "********")).await);
        assert!(said.contains("another destination"), "{said}");
    }
    assert!(changed(&engine, &own, smtp("codes@example.com", host, "********")).await.unwrap().valid);
    // It was entered for this destination, and not sent yet.
    let new = NewInstance::new("email", "y", smtp("not an address", host, "p4ss-word"));
    let meant = admin(&engine).create_instance("s", new).await.unwrap();
    invalid_input(changed(&engine, &meant, smtp("codes@example.com", evil, "********")).await);
    assert!(changed(&engine, &meant, smtp("codes@example.com", host, "********")).await.unwrap().valid);
}

#[tokio::test]
async fn a_test_message_with_options_that_are_typed_sends_no_stored_secret_elsewhere() {
    let engine = engine().await;
    let new = NewInstance::new("email", "x", smtp("codes@example.com", "mail.example.com", "p4ss-word"));
    let own = admin(&engine).create_instance("s", new).await.unwrap();
    let test = async |host: &str, password: &str| {
        let to = Recipient { email: Some("a@example.org".to_owned()), ..Recipient::default() };
        let typed = smtp("codes@example.com", host, password);
        admin(&engine).send_test("s", &own.id, TestMessage { options: Some(typed), ..TestMessage::to(to) }).await
    };
    let said = test("mail.evil.example", "********").await.unwrap_err();
    assert!(said.is_invalid_input() && said.to_string().contains("another destination"), "{said}");
    // The host does not exist, but may be tried: with a secret that already goes there, and with
    // one that is entered.
    assert_ne!(test("mail.example.com", "********").await.unwrap().outcome, "delivered");
    assert_ne!(test("mail.evil.example", "an0ther").await.unwrap().outcome, "delivered");
}

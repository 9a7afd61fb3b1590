//! Components are added, replaced and rolled back, and the intended one serves.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use twofactor::admin::{Administration, NewProvider};
use twofactor::clock::{Clock, ManualClock};
use twofactor::keyring::Keyring;
use twofactor::sandbox::{Destination, SandboxLimits};
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn, SqliteStore, TwoFactor};
use twofactor_tests::errors::invalid_input;
use twofactor_tests::upstream::{Upstream, code};
use twofactor_tests::wrong::component;

/// An installation whose program brings version 1.0.0.
struct Place {
    folder: TempDir,
    keyring: Keyring,
    engine: TwoFactor,
}

impl Place {
    async fn new() -> Self {
        let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::generate().unwrap());
        let engine = engine(folder.path(), &keyring, Some(component("none"))).await;
        Self { folder, keyring, engine }
    }

    /// Another process on the same store.
    async fn other(&self) -> TwoFactor {
        engine(self.folder.path(), &self.keyring, Some(component("none"))).await
    }

    fn admin(&self) -> Administration {
        admin(&self.engine)
    }
}

async fn engine(folder: &Path, keyring: &Keyring, own: Option<Vec<u8>>) -> TwoFactor {
    let store = SqliteStore::open(folder.join("db")).unwrap();
    let builder = TwoFactor::builder().store(store).keyring(keyring.clone()).cache_dir(folder.join("cache"));
    let builder = own.into_iter().fold(builder, |builder, own| builder.provider(own));
    builder.build().await.unwrap()
}

fn admin(engine: &TwoFactor) -> Administration {
    engine.administration(Actor::new("test"))
}

fn version(number: &str) -> Vec<u8> {
    component(&format!("version {number}"))
}

fn serving(engine: &TwoFactor) -> Vec<String> {
    admin(engine).providers().into_iter().map(|provider| provider.manifest.version).collect()
}

#[tokio::test]
async fn a_lower_version_is_refused_unless_it_is_allowed_by_name() {
    let place = Place::new().await;
    place.admin().add_provider(version("1.10.0")).await.unwrap();
    for older in ["1.9.9", "1.10.0-rc.1", "0.99.0"] {
        let said = invalid_input(place.admin().add_provider(version(older)).await);
        assert!(
            said.contains(&format!("version {older} is lower than the current version 1.10.0"))
                && said.contains("allow_downgrade"),
            "{said}"
        );
        assert_eq!(serving(&place.engine), ["1.10.0"]);
    }
    place.admin().add_provider(NewProvider::new(version("1.9.9")).allow_downgrade(true)).await.unwrap();
    assert_eq!(serving(&place.engine), ["1.9.9"]);
    // Bundled components count too.
    let place = Place::new().await;
    invalid_input(place.admin().add_provider(version("0.9.0")).await);
}

#[tokio::test]
async fn a_component_with_another_digest_than_expected_is_refused() {
    let place = Place::new().await;
    let digest = place.admin().examine_provider(version("1.1.0")).await.unwrap().info.digest;
    for wrong in ["", "sha256:", &digest[1..], &digest.replace(&digest[..1], "x"), &"0".repeat(64)] {
        let said = invalid_input(place.admin().add_provider(NewProvider::new(version("1.1.0")).digest(wrong)).await);
        assert!(said.contains("does not have the expected digest") && said.contains(&digest), "{said}");
    }
    // One byte more.
    let longer = [version("1.1.0"), vec![0, 2, 1, b'n']].concat();
    invalid_input(place.admin().add_provider(NewProvider::new(longer).digest(&digest)).await);
    assert_eq!(serving(&place.engine), ["1.0.0"]);
    for right in [digest.clone(), format!("sha256:{digest}"), digest.to_uppercase()] {
        place.admin().add_provider(NewProvider::new(version("1.1.0")).digest(right)).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_approved_is_the_change_from_the_component_that_was_shown() {
    let place = Place::new().await;
    let [shown] = place.admin().providers().try_into().unwrap();
    place.admin().add_provider(version("1.1.0")).await.unwrap();
    let late = NewProvider::new(version("1.2.0"));
    let error = place.admin().add_provider(late.clone().replacing(&shown.digest)).await.unwrap_err();
    assert!(error.is_revision_conflict());
    assert!(place.admin().add_provider(late.clone().replacing("")).await.unwrap_err().is_revision_conflict());
    let [shown] = place.admin().providers().try_into().unwrap();
    place.admin().add_provider(late.replacing(&shown.digest)).await.unwrap();
    assert_eq!(serving(&place.engine), ["1.2.0"]);
}

#[tokio::test]
async fn rollbacks_restore_earlier_components_and_finally_the_bundled_one() {
    let place = Place::new().await;
    for number in ["1.1.0", "1.2.0"] {
        place.admin().add_provider(version(number)).await.unwrap();
    }
    for number in ["1.1.0", "1.0.0"] {
        assert_eq!(place.admin().roll_back_provider("wrong", None, false).await.unwrap().manifest.version, number);
        assert_eq!(serving(&place.engine), [number]);
        // After a restart too.
        assert_eq!(serving(&place.other().await), [number]);
    }
    assert!(place.admin().roll_back_provider("wrong", None, false).await.unwrap_err().is_not_found());
    assert!(place.admin().roll_back_provider("unknown", None, false).await.unwrap_err().is_not_found());
    let lines: Vec<_> = place.admin().audit_log(0, 100).await.unwrap().into_iter().map(|line| line.action).collect();
    assert_eq!(lines, ["provider.add", "provider.add", "provider.roll_back", "provider.roll_back"]);
}

#[tokio::test]
async fn the_only_component_of_a_type_is_removed_and_not_rolled_back() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::generate().unwrap());
    let engine = engine(folder.path(), &keyring, None).await;
    let admin = admin(&engine);
    admin.create_subscription("s", "S").await.unwrap();
    admin.add_provider(version("1.0.0")).await.unwrap();
    let instance = NewInstance::new("wrong", "SMS", json!({"Sender": "Shop", "Key": "k"}));
    let instance = admin.create_instance("s", instance).await.unwrap();
    assert!(instance.valid);
    let error = admin.roll_back_provider("wrong", None, false).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("can only be removed"), "{error}");
    assert_eq!(serving(&engine), ["1.0.0"]);

    admin.remove_provider("wrong", None, false).await.unwrap();
    assert!(serving(&engine).is_empty());
    assert!(!admin.instance("s", &instance.id).await.unwrap().valid);
    assert!(admin.remove_provider("wrong", None, false).await.unwrap_err().is_not_found());
    // Nothing serves it now, so its secrets go nowhere: a new destination needs an approval.
    let again = NewProvider::new(version("1.0.0"));
    assert!(invalid_input(admin.add_provider(again.clone()).await).contains("https://upstream.example.com"));
    admin.add_provider(again.destinations(["https://upstream.example.com"])).await.unwrap();
    assert!(admin.instance("s", &instance.id).await.unwrap().valid);
}

#[tokio::test]
async fn providers_added_or_rolled_back_by_one_process_serve_in_others_after_a_reload() {
    let place = Place::new().await;
    let other = place.other().await;
    place.admin().add_provider(version("1.1.0")).await.unwrap();
    assert_eq!(serving(&other), ["1.0.0"]);
    other.refresh_providers().await.unwrap();
    assert_eq!(serving(&other), ["1.1.0"]);
    // An addition checks the store first, whatever the process knew before.
    place.admin().add_provider(version("1.3.0")).await.unwrap();
    assert!(
        invalid_input(admin(&other).add_provider(version("1.2.0")).await)
            .contains("lower than the current version 1.3.0")
    );
    place.admin().roll_back_provider("wrong", None, false).await.unwrap();
    place.admin().roll_back_provider("wrong", None, false).await.unwrap();
    other.refresh_providers().await.unwrap();
    assert_eq!(serving(&other), ["1.0.0"]);
}

#[tokio::test]
async fn a_maintained_process_follows_the_others_and_is_listed_until_it_closes() {
    let place = Place::new().await;
    let other = place.other().await;
    let maintenance = tokio::spawn(other.clone().maintain("other:443".to_owned()));
    place.admin().add_provider(version("1.1.0")).await.unwrap();
    let listed = async || {
        let nodes = place.engine.nodes().await.unwrap().into_iter();
        nodes.map(|node| (node.name, node.is_this)).collect::<Vec<_>>()
    };
    tokio::time::timeout(Duration::from_secs(60), async {
        while serving(&other) != ["1.1.0"] || listed().await != [("other:443".to_owned(), false)] {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    maintenance.abort();
    assert!(maintenance.await.unwrap_err().is_cancelled());
    other.close().await.unwrap();
    assert_eq!(listed().await, []);
    // A report that comes late does not list it again.
    let late = other.maintain("other:443".to_owned());
    assert!(tokio::time::timeout(Duration::from_secs(1), late).await.is_err());
    assert_eq!(listed().await, []);
}

#[tokio::test]
async fn the_last_five_of_a_type_are_kept() {
    let place = Place::new().await;
    for number in 1..=8 {
        place.admin().add_provider(version(&format!("1.{number}.0"))).await.unwrap();
    }
    for number in (4..=7).rev() {
        let before = place.admin().roll_back_provider("wrong", None, false).await.unwrap();
        assert_eq!(before.manifest.version, format!("1.{number}.0"));
    }
    assert_eq!(place.admin().roll_back_provider("wrong", None, false).await.unwrap().manifest.version, "1.0.0");
}

#[tokio::test]
async fn the_same_component_again_changes_nothing() {
    let place = Place::new().await;
    let first = place.admin().add_provider(version("1.1.0")).await.unwrap();
    let again = place.admin().add_provider(version("1.1.0")).await.unwrap();
    assert_eq!((again.digest, again.added_at), (first.digest, first.added_at));
    assert_eq!(place.admin().audit_log(0, 100).await.unwrap().len(), 1);
    assert_eq!(place.admin().roll_back_provider("wrong", None, false).await.unwrap().manifest.version, "1.0.0");
}

#[tokio::test]
async fn a_refused_component_serves_after_it_is_added_again() {
    let place = Place::new().await;
    place.admin().add_provider(version("1.1.0")).await.unwrap();
    let database = rusqlite::Connection::open(place.folder.path().join("db")).unwrap();
    database.execute("UPDATE providers SET seal = x''", []).unwrap();
    let other = place.other().await;
    assert_eq!((serving(&other).len(), admin(&other).refused_providers().len()), (0, 1));
    admin(&other).add_provider(version("1.1.0")).await.unwrap();
    assert_eq!((serving(&other), admin(&other).refused_providers().len()), (vec!["1.1.0".to_owned()], 0));
    assert_eq!(serving(&place.other().await), ["1.1.0"]);
}

#[tokio::test]
async fn a_refused_component_is_checked_again_after_five_minutes() {
    let place = Place::new().await;
    place.admin().add_provider(version("1.1.0")).await.unwrap();
    let database = rusqlite::Connection::open(place.folder.path().join("db")).unwrap();
    let seal: Vec<u8> = database.query_row("SELECT seal FROM providers", [], |row| row.get(0)).unwrap();
    database.execute("UPDATE providers SET seal = x''", []).unwrap();
    let clock = Hurried::default();
    let store = SqliteStore::open(place.folder.path().join("db")).unwrap();
    let builder = TwoFactor::builder().store(store).keyring(place.keyring.clone()).clock(clock.clone());
    // Checking a component takes longer than the wait, which begins when it was checked.
    clock.at_each_look.store(400, Ordering::Relaxed);
    let other = builder.build().await.unwrap();
    clock.at_each_look.store(0, Ordering::Relaxed);
    database.execute("UPDATE providers SET seal = ?1", [seal]).unwrap();
    for (seconds, serves) in [(0, 0), (299, 0), (1, 1)] {
        clock.inner.advance(Duration::from_secs(seconds));
        assert_eq!(other.refresh_providers().await.is_ok(), serves == 1);
        assert_eq!((serving(&other).len(), admin(&other).refused_providers().len()), (serves, 1 - serves), "{seconds}");
    }
}

/// A clock that advances by this many seconds each time it is read.
#[derive(Clone)]
struct Hurried {
    inner: ManualClock,
    at_each_look: Arc<AtomicU64>,
}

impl Default for Hurried {
    fn default() -> Self {
        Self { inner: ManualClock::new("2026-01-01T12:00:00Z".parse().unwrap()), at_each_look: Arc::default() }
    }
}

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        self.inner.advance(Duration::from_secs(self.at_each_look.load(Ordering::Relaxed)));
        self.inner.now()
    }
}

#[tokio::test]
async fn a_component_that_compiled_too_late_is_available_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = SandboxLimits::default();
    limits.compile_time = Duration::from_millis(1);
    let builder = TwoFactor::builder().limits(limits).cache_dir(folder.path());
    let engine = builder.build().await.unwrap();
    let said = invalid_input(admin(&engine).add_provider(component("none")).await);
    assert!(said.contains("`compile_time`"), "{said}");
    let compiled = async { while admin(&engine).add_provider(component("none")).await.is_err() {} };
    // Longer than any machine takes: a failing test does not hang.
    tokio::time::timeout(Duration::from_secs(120), compiled).await.unwrap();
}

/// An instance with a secret, assigned to the tenant `t`.
async fn with_instance(place: &Place) {
    let admin = place.admin();
    admin.create_subscription("s", "S").await.unwrap();
    let options = json!({"Sender": "Shop", "Key": "k3y"});
    let instance = admin.create_instance("s", NewInstance::new("wrong", "x", options)).await.unwrap();
    assert!(instance.valid, "{:?}", instance.problems);
    admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
}

#[tokio::test]
async fn stored_secrets_go_nowhere_else_with_another_component_unless_that_was_approved() {
    let place = Place::new().await;
    with_instance(&place).await;
    let elsewhere = component("it goes elsewhere");
    let told = place.admin().examine_provider(elsewhere.clone()).await.unwrap().new_destinations;
    assert_eq!(told, [Destination::Https("https://elsewhere.example.com".to_owned())]);
    assert!(place.admin().examine_provider(version("1.1.0")).await.unwrap().new_destinations.is_empty());
    let new = NewProvider::new(elsewhere);
    for allowed in [vec![], vec!["https://other.example.com".to_owned()]] {
        let said = invalid_input(place.admin().add_provider(new.clone().destinations(allowed)).await);
        assert!(said.contains("https://elsewhere.example.com") && said.contains("`destinations`"), "{said}");
    }
    assert_eq!(place.admin().providers()[0].added_at, None);
    place.admin().add_provider(new.destinations(told)).await.unwrap();
    // A type without instances has no secrets.
    Place::new().await.admin().add_provider(component("it goes elsewhere")).await.unwrap();
}

#[tokio::test]
async fn an_upgrade_names_options_that_are_no_longer_secret() {
    let place = Place::new().await;
    let [before] = place.admin().providers().try_into().unwrap();
    let after = place.admin().examine_provider(component("its key is open")).await.unwrap().info;
    assert_eq!(after.changes_from(&before).no_longer_secret, ["Key"]);
    let same = place.admin().examine_provider(version("1.1.0")).await.unwrap().info;
    assert!(same.changes_from(&before).no_longer_secret.is_empty());
}

#[tokio::test]
async fn a_sent_code_stays_valid_if_an_upgrade_requires_more_options() {
    let upstream = Upstream::start().await;
    let network =
        Network::builder().override_endpoint("https://upstream.example.com", upstream.address).build().unwrap();
    let engine = TwoFactor::builder().network(network).provider(component("none")).build().await.unwrap();
    let place = Place { folder: tempfile::tempdir().unwrap(), keyring: Keyring::generate().unwrap(), engine };
    with_instance(&place).await;
    let start = || NewChallenge::new(SignIn::new("s").tenant("t").user("u")).phone("+41791234567");
    let challenge = place.engine.start(start()).await.unwrap();
    let sent = upstream.seen().pop().unwrap().body;
    let wanting = NewProvider::new(component("it requires one more")).allow_invalid(true);
    place.admin().add_provider(wanting).await.unwrap();
    assert!(place.engine.start(start()).await.unwrap_err().is_no_instance_available());
    place.engine.verify("s", Answer::new(&challenge.id, code(&sent).unwrap())).await.unwrap();
}

#[tokio::test]
async fn components_put_into_the_store_without_the_keys_do_not_serve() {
    let place = Place::new().await;
    place.admin().add_provider(version("1.1.0")).await.unwrap();
    let database = rusqlite::Connection::open(place.folder.path().join("db")).unwrap();
    let digest = |bytes: &[u8]| hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes));
    let other = version("1.2.0");
    for sql in [
        // Other bytes under the same digest, and under their own.
        "UPDATE providers SET component = ?1 WHERE length(?2) > 0",
        "UPDATE providers SET component = ?1, digest = ?2",
        "INSERT INTO providers (type_id, position, digest, added_at, component, seal) \
         SELECT type_id, 2, ?2, added_at, ?1, seal FROM providers",
        "INSERT INTO providers (type_id, position, digest, added_at, component, seal) \
         SELECT type_id, 3, ?2, added_at, ?1, x'' FROM providers WHERE position = 1",
    ] {
        database.execute(sql, rusqlite::params![other, digest(&other)]).unwrap();
        assert_eq!(serving(&place.other().await), Vec::<String>::new(), "{sql}");
    }
    let said = invalid_input(place.admin().roll_back_provider("wrong", None, false).await);
    assert!(said.contains("lacks this installation's seal"), "{said}");
    place.admin().remove_provider("wrong", None, false).await.unwrap();
    assert_eq!(serving(&place.other().await), ["1.0.0"]);
}

#[tokio::test]
async fn a_rollback_restores_what_was_shown() {
    let place = Place::new().await;
    for number in ["1.1.0", "1.2.0"] {
        place.admin().add_provider(version(number)).await.unwrap();
    }
    let [shown] = place.admin().providers().try_into().unwrap();
    // A double click.
    let (first, second) =
        tokio::join!(async { place.admin().roll_back_provider("wrong", Some(&shown.digest), false).await }, async {
            place.admin().roll_back_provider("wrong", Some(&shown.digest), false).await
        });
    assert!(first.is_ok() && second.unwrap_err().is_revision_conflict());
    assert!(
        place.admin().remove_provider("wrong", Some(&shown.digest), false).await.unwrap_err().is_revision_conflict()
    );
    assert_eq!(serving(&place.engine), ["1.1.0"]);
}

//! An installation that requires signatures accepts and runs only what one of its signers signed.
//! The real tool makes the signatures.

use std::path::Path;

use twofactor::admin::{Administration, NewProvider};
use twofactor::keyring::Keyring;
use twofactor::sandbox::Signers;
use twofactor::{Actor, SqliteStore, TwoFactor};
use twofactor_tests::errors::invalid_input;
use twofactor_tests::minisign::Signer;
use twofactor_tests::wrong::component;

async fn engine(folder: &Path, keyring: &Keyring, signers: Signers) -> TwoFactor {
    let store = SqliteStore::open(folder.join("db")).unwrap();
    let builder = TwoFactor::builder().store(store).keyring(keyring.clone()).cache_dir(folder.join("cache"));
    builder.provider(component("none")).signers(signers).build().await.unwrap()
}

fn admin(engine: &TwoFactor) -> Administration {
    engine.administration(Actor::new("test"))
}

fn serving(engine: &TwoFactor) -> Vec<(String, Option<String>)> {
    admin(engine).providers().into_iter().map(|one| (one.manifest.version, one.signed_by)).collect()
}

fn newer() -> Vec<u8> {
    component("version 1.1.0")
}

#[tokio::test]
async fn only_components_signed_by_a_trusted_key_are_accepted() {
    let (Some(acme), Some(stranger)) = (Signer::new(), Signer::new()) else { return };
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::generate().unwrap());
    let signers = Signers::new().trust("acme", &acme.public_key).unwrap().required(true);
    let engine = engine(folder.path(), &keyring, signers).await;
    let admin = admin(&engine);
    let good = acme.sign(&newer());
    let flipped = |line: usize, at: usize| {
        let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
        let old = lines[line].as_bytes()[at];
        lines[line].replace_range(at..=at, if old == b'A' { "B" } else { "A" });
        lines.join("\n") + "\n"
    };
    let not_signed = "is not signed";
    let not_by_us = "not one of this component by a key";
    let unreadable = "cannot be read";
    for (what, component, signature, said) in [
        ("no signature", newer(), None, not_signed),
        ("a stranger's", newer(), Some(stranger.sign(&newer())), not_by_us),
        ("one of another component", newer(), Some(acme.sign(&component("none"))), not_by_us),
        ("a component that was changed", [newer(), vec![0, 2, 1, b'n']].concat(), Some(good.clone()), not_by_us),
        ("a signature that was changed", newer(), Some(flipped(1, 60)), not_by_us),
        ("a comment that was changed", newer(), Some(good.replace("a component", "another one")), not_by_us),
        ("the signature of the comment that was changed", newer(), Some(flipped(3, 20)), not_by_us),
        ("nothing", newer(), Some(String::new()), unreadable),
        ("half of it", newer(), Some(good[..good.len() / 2].to_owned()), unreadable),
        ("something else", newer(), Some("\u{fffd}\n".repeat(9)), unreadable),
    ] {
        let mut new = NewProvider::new(component);
        if let Some(signature) = signature {
            new = new.signature(signature);
        }
        assert!(invalid_input(admin.examine_provider(new.clone()).await.map(|it| it.info)).contains(said), "{what}");
        assert!(invalid_input(admin.add_provider(new).await).contains(said), "{what}");
        assert_eq!(serving(&engine), [("1.0.0".to_owned(), None)], "{what}");
    }
    let added = admin.add_provider(NewProvider::new(newer()).signature(good)).await.unwrap();
    assert_eq!(added.signed_by.as_deref(), Some("acme"));
    assert_eq!(serving(&engine), [("1.1.0".to_owned(), Some("acme".to_owned()))]);
    let line = admin.audit_log(0, 100).await.unwrap().pop().unwrap();
    assert!(line.detail.contains("signed by acme"), "{}", line.detail);
}

#[tokio::test]
async fn a_wrong_signature_is_refused_even_if_none_is_required() {
    let (Some(acme), Some(stranger)) = (Signer::new(), Signer::new()) else { return };
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::generate().unwrap());
    let engine = engine(folder.path(), &keyring, Signers::new().trust("acme", &acme.public_key).unwrap()).await;
    invalid_input(admin(&engine).add_provider(NewProvider::new(newer()).signature(stranger.sign(&newer()))).await);
    admin(&engine).add_provider(newer()).await.unwrap();
    assert_eq!(serving(&engine), [("1.1.0".to_owned(), None)]);
    // The same bytes once more, signed now: for another process on the same store too.
    let other = self::engine(folder.path(), &keyring, Signers::new().trust("acme", &acme.public_key).unwrap()).await;
    assert_eq!(serving(&other), [("1.1.0".to_owned(), None)]);
    admin(&engine).add_provider(NewProvider::new(newer()).signature(acme.sign(&newer()))).await.unwrap();
    other.refresh_providers().await.unwrap();
    for engine in [&engine, &other] {
        assert_eq!(serving(engine), [("1.1.0".to_owned(), Some("acme".to_owned()))]);
    }
}

#[tokio::test]
async fn stored_components_are_verified_at_each_start_and_nothing_replaces_a_refused_one() {
    let Some(acme) = Signer::new() else { return };
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::generate().unwrap());
    let start = |required| {
        let signers = Signers::new().trust("acme", &acme.public_key).unwrap().required(required);
        engine(folder.path(), &keyring, signers)
    };
    let first = start(false).await;
    admin(&first).add_provider(newer()).await.unwrap();
    // Signatures are required from now on.
    let second = start(true).await;
    assert_eq!(serving(&second), []);
    let why = |engine: &TwoFactor| {
        admin(engine).refused_providers().into_iter().map(|refused| refused.why).collect::<Vec<_>>()
    };
    let [not_signed] = &why(&second)[..] else { panic!("{:?}", why(&second)) };
    assert!(not_signed.contains("is not signed"), "{not_signed}");
    // A process that serves it already logs this, and continues.
    let signed = NewProvider::new(component("version 1.2.0")).signature(acme.sign(&component("version 1.2.0")));
    admin(&second).add_provider(signed).await.unwrap();
    assert!(why(&second).is_empty());
    assert_eq!(serving(&start(true).await), [("1.2.0".to_owned(), Some("acme".to_owned()))]);
    // What it replaced must not come back.
    assert!(invalid_input(admin(&second).roll_back_provider("wrong", None, false).await).contains("is not signed"));

    // An attacker who can write to the database puts another component there.
    let database = rusqlite::Connection::open(folder.path().join("db")).unwrap();
    let sql = "UPDATE providers SET component = ?1, digest = 'd' WHERE signature IS NOT NULL";
    assert_eq!(database.execute(sql, [component("version 1.3.0")]).unwrap(), 1);
    assert!(second.refresh_providers().await.unwrap_err().to_string().contains("lacks this installation's seal"));
    assert_eq!(serving(&second), [("1.2.0".to_owned(), Some("acme".to_owned()))]);
    let third = start(true).await;
    assert_eq!(serving(&third), []);
    assert!(why(&third)[0].contains("lacks this installation's seal"));
    admin(&third).remove_provider("wrong", None, false).await.unwrap();
    assert_eq!(serving(&third), [("1.0.0".to_owned(), None)]);
}

#[test]
fn an_invalid_key_is_named() {
    for wrong in ["", "RWQ", "RWR4+Zl+p8ImPtpi7z1BMG05j7GV0VhPb6Lk83fdshsC1DM+LH6iJ5q", "minisign"] {
        let error = Signers::new().trust("acme", wrong).err().unwrap().to_string();
        assert!(error.contains("`acme`"), "{error}");
    }
}

#[tokio::test]
async fn a_bundled_component_needs_no_signature_and_a_changed_one_does() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::generate().unwrap());
    let required = || Signers::new().required(true);
    let (_, slack) = twofactor::bundled_components().find(|(type_id, _)| *type_id == "slack").unwrap();
    {
        let engine = engine(folder.path(), &keyring, required()).await;
        let admin = admin(&engine);
        // A custom section (type 0) of one byte, named `n`: another component that does the same.
        let changed = [slack.to_vec(), vec![0, 2, 1, b'n']].concat();
        assert!(invalid_input(admin.add_provider(NewProvider::new(changed)).await).contains("is not signed"));
        let shown = admin.examine_provider(NewProvider::new(slack.to_vec())).await.unwrap();
        assert_eq!((&*shown.info.manifest.type_id, shown.info.signed_by), ("slack", None));
        admin.add_provider(NewProvider::new(slack.to_vec())).await.unwrap();
    }
    // It is checked again at each start.
    let engine = engine(folder.path(), &keyring, required()).await;
    let admin = admin(&engine);
    assert!(admin.refused_providers().is_empty());
    assert!(admin.providers().iter().any(|one| one.manifest.type_id == "slack"));
}

//! `twofactor provider new` makes a project that stands alone, and writes over nothing. That one builds and keeps the contract is in
//! `author_languages.rs`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const LANGUAGES: [&str; 4] = ["rust", "javascript", "python", "go"];

fn twofactor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twofactor-toolkit")).args(arguments).output().unwrap()
}

/// The files of a project and what is in them.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push((entry.path().display().to_string(), fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

#[test]
fn a_project_stands_alone_and_has_one_name() {
    for language in LANGUAGES {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("red-parrot");
        let made = twofactor(&["new", folder.to_str().unwrap(), "--language", language]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut all = Vec::new();
        files(&folder, &mut all);
        for (path, text) in &all {
            assert!(!text.contains("../.."), "{path} leads out of the project");
            for left in
                ["{{name", "{{title", "{{crate", "webhook-javascript", "webhook-python", "webhook-go", "Webhook ("]
            {
                assert!(!text.contains(left), "{path} still has `{left}`");
            }
        }
        let holds = |word: &str| all.iter().filter(|(_, text)| text.contains(word)).count();
        assert!(holds("red-parrot") >= 2 && holds("Red parrot") == 1, "{language}");
        // The contract as it is here, all of it. That of factors is another one.
        let mut contract = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        files(&root, &mut contract);
        contract.retain(|(path, _)| !Path::new(path).starts_with(root.join("factor")));
        for (path, text) in contract {
            let path = Path::new(&path).strip_prefix(&root).unwrap();
            assert_eq!(fs::read_to_string(folder.join("wit").join(path)).unwrap(), text, "{}", path.display());
        }
    }
}

/// Asserts that a project has every file of a language's SDK.
fn has_the_sdk(language: &str, sdk: &str, copied_to: &str) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("red-parrot");
    assert!(twofactor(&["new", folder.to_str().unwrap(), "--language", language]).status.success());
    let mut sources = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(sdk);
    files(&root, &mut sources);
    assert!(sources.len() > 10);
    for (path, text) in sources {
        let path = Path::new(&path).strip_prefix(&root).unwrap();
        assert!(
            fs::read_to_string(folder.join(copied_to).join(path)).is_ok_and(|copy| copy == text),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_project_in_rust_has_every_file_of_the_sdk() {
    has_the_sdk("rust", "providers/sdk/src", "vendor/twofactor-provider/src");
}

/// The bindings in the SDKs are generated for one version of `wit-bindgen`.
#[test]
fn the_sdks_of_a_project_depend_on_the_wit_bindgen_that_their_bindings_are_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = fs::read_to_string(root.join("../../Cargo.toml")).unwrap();
    let dependency = workspace.lines().find(|line| line.starts_with("wit-bindgen = ")).unwrap();
    for kind in ["rust", "factor"] {
        let manifest = fs::read_to_string(root.join("src/new").join(kind).join("sdk.toml.txt")).unwrap();
        assert!(manifest.lines().any(|line| line == dependency), "{kind}");
    }
}

#[test]
fn a_project_in_go_has_every_file_of_the_sdk() {
    has_the_sdk("go", "examples/go/twofactor", "twofactor");
}

#[test]
fn the_project_of_a_factor_stands_alone_and_has_the_contract_and_the_sdk() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("red-parrot");
    let made = twofactor(&["new", folder.to_str().unwrap(), "--kind", "factor"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut all = Vec::new();
    files(&folder, &mut all);
    for (path, text) in &all {
        assert!(!text.contains("../..") && !text.contains("{{"), "{path}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (from, to) in [("wit/factor", "wit/factor"), ("providers/factor-sdk/src", "vendor/twofactor-factor/src")] {
        let mut sources = Vec::new();
        files(&root.join(from), &mut sources);
        assert!(sources.len() >= 3);
        for (path, text) in sources {
            let path = Path::new(&path).strip_prefix(root.join(from)).unwrap().to_owned();
            assert!(
                fs::read_to_string(folder.join(to).join(&path)).is_ok_and(|copy| copy == text),
                "{}",
                path.display()
            );
        }
    }
    let of_go =
        twofactor(&["new", home.path().join("other").to_str().unwrap(), "--kind", "factor", "--language", "go"]);
    assert!(String::from_utf8(of_go.stderr).unwrap().contains("use `--language rust`"));
    let of_none = twofactor(&["new", home.path().join("other").to_str().unwrap()]);
    assert!(String::from_utf8(of_none.stderr).unwrap().contains("choose a programming language"));
}

#[test]
fn existing_files_are_not_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("there");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("kept"), "kept").unwrap();
    for language in LANGUAGES {
        let made = twofactor(&["new", folder.to_str().unwrap(), "--language", language]);
        assert!(String::from_utf8(made.stderr).unwrap().contains("is not empty; nothing was written"));
        assert_eq!(folder.read_dir().unwrap().count(), 1);
    }
    for name in ["My Gateway", "1st", "a_b", &"a".repeat(33)] {
        let made = twofactor(&["new", home.path().join(name).to_str().unwrap(), "--language", "rust"]);
        assert!(String::from_utf8(made.stderr).unwrap().contains("lower-case letters"), "{name}");
        assert!(!home.path().join(name).exists());
    }
}

//! What an author installs with the toolkit: the sandbox and little else.

use std::collections::BTreeSet;
use std::process::Command;

/// Crates of the engine and the server that an author does not need: the store, the web server, passwords, registries.
const NEEDLESS: [&str; 8] =
    ["twofactor", "twofactor-server", "twofactor-bundle", "rusqlite", "libsqlite3-sys", "axum", "argon2", "oci-client"];

#[test]
fn an_author_installs_no_store_web_server_or_password_hash() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--package",
            "twofactor-toolkit",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // The features of this package alone, whatever the environment says.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("twofactor-sandbox"), "{crates:?}");
    for needless in NEEDLESS {
        assert!(!crates.contains(needless), "{needless} is a dependency of the toolkit");
    }
}

//! Commands as an author of a provider types them.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// A shell as a new user has it: with the program on the path, and without what cargo set for a test. What cargo builds on the way to
/// what was asked for stays from run to run.
pub fn bash(twofactor: &Path, folder: &Path) -> Command {
    let path = std::env::join_paths(
        std::iter::once(twofactor.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut shell = Command::new("bash");
    let target = twofactor.ancestors().nth(2).unwrap();
    shell.current_dir(folder).env("PATH", path.unwrap()).env("CARGO_BUILD_BUILD_DIR", target.join("tmp/authors/build"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let of_cargo = ["CARGO_PKG_", "CARGO_BIN_"].iter().any(|start| name.starts_with(start));
        if of_cargo || name == "CARGO_MANIFEST_DIR" || name.starts_with("TWOFACTOR_") {
            shell.env_remove(name);
        }
    }
    shell
}

/// Shown also where a test's output is not.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {why}");
}

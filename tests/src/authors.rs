//! Projects made by `twofactor provider new`, built with the commands of their own README.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// Folders of installed or built files that are kept for the next project in the same language.
const KEPT: [&str; 2] = ["node_modules", "venv"];

/// Two cores are enough for one.
pub static TURN: Mutex<()> = Mutex::new(());

/// A project that was made, tested, built and checked.
pub struct Project {
    pub folder: PathBuf,
    pub component: PathBuf,
    /// The output of its README's commands.
    pub said: String,
}

impl Project {
    /// Makes a project in a folder that is kept between runs. `None`, after printing why, if this
    /// machine lacks the tools.
    pub fn new(twofactor: &Path, language: &str, below: &Path) -> Option<Self> {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = below.join("authors").join(language).join("my-gateway");
        fresh(twofactor, language, &folder);
        let output = sh(twofactor, &folder, &commands(&folder.join("README.md")));
        let (said, traced) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr).into_owned());
        if !output.status.success() {
            let last = traced.lines().rfind(|line| line.starts_with("+ ")).unwrap_or_default();
            let is_missing =
                traced.trim_end().ends_with(": not found") || traced.trim_end().ends_with(": command not found");
            if !is_missing && !["install", "venv", "target add"].iter().any(|word| last.contains(word)) {
                panic!("{last}: {said}{traced}");
            }
            skipped(&format!("a provider in {language} cannot be built: {traced}"));
            return None;
        }
        let component = match language {
            "rust" => folder.join("target/wasm32-wasip2/release/my_gateway.wasm"),
            _ => folder.join("provider.wasm"),
        };
        Some(Self { folder, component, said: said.into_owned() })
    }
}

/// Makes a project in place of an older one, and keeps that one's installed packages.
fn fresh(twofactor: &Path, language: &str, folder: &Path) {
    let aside = folder.with_extension("kept");
    fs::create_dir_all(&aside).unwrap();
    for kept in KEPT.iter().filter(|kept| folder.join(kept).exists()) {
        fs::rename(folder.join(kept), aside.join(kept)).unwrap();
    }
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    let made = Command::new(twofactor).args(["provider", "new"]).arg(folder).args(["--language", language]).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for kept in KEPT.iter().filter(|kept| aside.join(kept).exists()) {
        fs::rename(aside.join(kept), folder.join(kept)).unwrap();
    }
}

/// Returns the first block of shell commands of a README.
fn commands(readme: &Path) -> String {
    let text = fs::read_to_string(readme).unwrap();
    text.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// Runs commands as a new user types them. Each is shown on standard error after a `+`; the first that fails ends the run.
fn sh(twofactor: &Path, folder: &Path, commands: &str) -> Output {
    bash(twofactor, folder).args(["-euxo", "pipefail", "-c", commands]).output().unwrap()
}

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

//! Builds the examples in other languages with their usual commands, each in a copy.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything the examples are made of.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A language with an example.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    JavaScript,
    Python,
}

impl Language {
    /// Returns the type of the example's instances.
    pub fn type_id(self) -> &'static str {
        match self {
            Self::JavaScript => "webhook-javascript",
            Self::Python => "webhook-python",
        }
    }

    /// Returns the example's component, built below the given folder. `None` if this machine lacks
    /// the tools.
    pub fn component(self, below: &Path) -> Option<Vec<u8>> {
        let place = below.join(format!("{self:?}").to_lowercase());
        copy(&Path::new(ROOT).join("wit"), &place.join("wit"));
        let built = match self {
            Self::JavaScript => javascript(&example(&place, "javascript")),
            Self::Python => python(&example(&place, "python")),
        };
        match built {
            Ok(component) => Some(fs::read(component).unwrap()),
            Err(missing) => {
                let _ = writeln!(std::io::stderr(), "SKIPPED: the example in {self:?} cannot be built: {missing}");
                None
            }
        }
    }
}

/// Returns a guest in JavaScript from a folder of `tests`, built with the tools of the example.
pub fn javascript_guest(name: &str, below: &Path) -> Option<Vec<u8>> {
    let place = below.join("javascript");
    copy(&Path::new(ROOT).join("wit"), &place.join("wit"));
    let tools = example(&place, "javascript");
    let guest = place.join("tests").join(name);
    copy(&Path::new(ROOT).join("tests").join(name), &guest);
    for file in ["package.json", "wit.js", "world.wit"] {
        fs::copy(tools.join(file), guest.join(file)).unwrap();
    }
    match installed(&tools) {
        Ok(()) => {
            let modules = guest.join("node_modules");
            if !modules.exists() {
                std::os::unix::fs::symlink(tools.join("node_modules"), modules).unwrap();
            }
            run(&guest, "npm run build").unwrap();
            Some(fs::read(guest.join("provider.wasm")).unwrap())
        }
        Err(missing) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: a guest in JavaScript cannot be built: {missing}");
            None
        }
    }
}

fn example(place: &Path, name: &str) -> PathBuf {
    let folder = place.join("examples").join(name);
    copy(&Path::new(ROOT).join("examples").join(name), &folder);
    folder
}

/// Returns what builds components of JavaScript.
fn installed(folder: &Path) -> Result<(), String> {
    if is_new(folder, "package-lock.json") {
        run(folder, "npm ci --ignore-scripts --no-audit --no-fund")?;
        keep(folder, "package-lock.json");
    }
    Ok(())
}

fn javascript(folder: &Path) -> Result<PathBuf, String> {
    installed(folder)?;
    run(folder, "npm run build").unwrap();
    Ok(folder.join("provider.wasm"))
}

/// What builds components of Python.
fn installed_python(folder: &Path) -> Result<(), String> {
    if is_new(folder, "requirements.txt") {
        run(folder, "python3 -m venv --clear venv")?;
        run(folder, ". venv/bin/activate && pip install --quiet --requirement requirements.txt")?;
        keep(folder, "requirements.txt");
    }
    Ok(())
}

fn python(folder: &Path) -> Result<PathBuf, String> {
    installed_python(folder)?;
    run(folder, ". venv/bin/activate && ./build").unwrap();
    Ok(folder.join("provider.wasm"))
}

/// Returns whether packages must be installed again because the list of them has changed.
fn is_new(folder: &Path, list: &str) -> bool {
    fs::read(folder.join("installed")).ok() != fs::read(folder.join(list)).ok()
}

fn keep(folder: &Path, list: &str) {
    fs::copy(folder.join(list), folder.join("installed")).unwrap();
}

/// Runs a command line. Returns what it printed.
///
/// # Errors
/// The line and its output.
fn run(folder: &Path, line: &str) -> Result<String, String> {
    let output = Command::new("sh").args(["-c", line]).current_dir(folder).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(said(&output.stdout))
    } else {
        Err(format!("{line}: {} {}", said(&output.stdout), said(&output.stderr)))
    }
}

/// The files, and those of folders within; not what was built or installed where they are.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        if ["node_modules", "venv", "types", "bindings", "__pycache__", "provider.wasm", ".wit", "target"]
            .iter()
            .any(|built| name == *built)
        {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// Builds the component in `language` that uses every field of the contract, and has Node call it. Returns the output, or `None` if this
/// machine lacks the tools.
pub fn every_field(language: &str, below: &Path) -> Option<String> {
    let place = below.join("every-field");
    let folder = place.join("tests/every-field");
    copy(&Path::new(ROOT).join("wit"), &place.join("wit"));
    copy(&Path::new(ROOT).join("providers/c"), &place.join("providers/c"));
    copy(&Path::new(ROOT).join("tests/every-field"), &folder);
    example(&place, "go");
    let compiler = if language == "go" { "go version" } else { "{ command -v zig || command -v clang; }" };
    if let Err(missing) = run(&folder, &format!("{compiler} && command -v jco && node --version")) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: a component in {language} cannot be called from Node: {missing}");
        return None;
    }
    run(&folder, &format!("./build {language}")).unwrap();
    Some(run(&folder, "node --test every_field.mjs").unwrap())
}

/// The providers of the tree in a language other than Rust, built by its own script: the folder that has them, each as `TYPE.wasm`;
/// `None` if this machine has not what that takes.
pub fn providers_in(language: &str, below: &Path) -> Option<PathBuf> {
    let place = below.join(language);
    copy(&Path::new(ROOT).join("wit"), &place.join("wit"));
    let tools = example(&place, language);
    let folder = place.join("providers").join(language);
    copy(&Path::new(ROOT).join("providers").join(language), &folder);
    let ready = match language {
        "javascript" => installed(&tools),
        "python" => installed_python(&tools),
        "go" => run(&folder, "go version && { command -v wasm-tools || command -v jco; }").map(|_| ()),
        _ => run(&folder, "{ command -v zig || command -v clang; } && { command -v wasm-tools || command -v jco; }")
            .map(|_| ()),
    };
    match ready {
        Ok(()) => {
            run(&folder, "./build ../built").unwrap();
            Some(place.join("providers/built"))
        }
        Err(missing) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: the providers in {language} cannot be built: {missing}");
            None
        }
    }
}

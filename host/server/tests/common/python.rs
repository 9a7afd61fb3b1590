//! Packages of Python, in virtual environments that the tests of later runs find again.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the folder with the programs of an environment that has these requirements, or nothing if a test must be skipped, after
/// printing so. It is installed when it is first needed, and again when the requirements change.
pub(crate) fn environment(test: &str, name: &str, requirements: &Path) -> Option<PathBuf> {
    // Debian has the module `venv` without what it installs pip from.
    let there = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        // Not captured, unlike what `println!` prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: python3 with venv is not installed");
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (programs, installed) = (folder.join("bin"), folder.join("installed.txt"));
    // Tests run at once: one installs, the others wait. Not in the folder, which is cleared.
    let lock = File::create(folder.with_added_extension("lock")).unwrap();
    lock.lock().unwrap();
    let wanted = fs::read(requirements).unwrap();
    if fs::read(&installed).ok().as_ref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        let pip = ["-m", "pip", "install", "--quiet", "--requirement"];
        run(Command::new(programs.join("python")).args(pip).arg(requirements));
        // Last: an installation that was interrupted is made once more.
        fs::write(&installed, wanted).unwrap();
    }
    Some(programs)
}

/// Runs a program to its end, in the folder where tests keep files. Returns its output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.current_dir(env!("CARGO_TARGET_TMPDIR")).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {out}{err}");
    out.into_owned()
}

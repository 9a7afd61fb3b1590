//! The tool that signs components: Debian's `minisign`.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A key, in a folder that goes with it.
pub struct Signer {
    folder: TempDir,
    /// In base64, as in the configuration.
    pub public_key: String,
}

impl Signer {
    /// Makes one. `None`, after printing so, if the tool is not installed.
    pub fn new() -> Option<Self> {
        if Command::new("minisign").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: minisign is missing (Debian: minisign)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        minisign(folder.path(), &["-G", "-W", "-p", "key.pub", "-s", "key"]);
        let public_key = fs::read_to_string(folder.path().join("key.pub")).unwrap();
        let public_key = public_key.lines().nth(1).unwrap().to_owned();
        Some(Self { folder, public_key })
    }

    /// Returns the text of a signature.
    pub fn sign(&self, bytes: &[u8]) -> String {
        fs::write(self.folder.path().join("it"), bytes).unwrap();
        minisign(self.folder.path(), &["-S", "-W", "-s", "key", "-m", "it", "-t", "a component"]);
        fs::read_to_string(self.folder.path().join("it.minisig")).unwrap()
    }
}

fn minisign(folder: &Path, arguments: &[&str]) {
    let output = Command::new("minisign").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

//! A real identity provider as a process of its own: see `oidc/provider.mjs`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// It dies with this.
pub(crate) struct RealProvider {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(crate) issuer: String,
}

impl Drop for RealProvider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Returns the script with what it depends on, in a folder of their own.
fn workshop() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oidc-provider");
    std::fs::create_dir_all(&folder).unwrap();
    // Tests run at once: one installs, the others wait.
    let guard = std::fs::File::create(folder.join("lock")).unwrap();
    guard.lock().unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc");
    for name in ["package.json", "package-lock.json", "provider.mjs"] {
        std::fs::copy(sources.join(name), folder.join(name)).unwrap();
    }
    // What was installed stays while the lock is the same.
    let pinned = std::fs::read(folder.join("package-lock.json")).unwrap();
    let installed = folder.join("installed-lock.json");
    if std::fs::read(&installed).ok().as_ref() != Some(&pinned) {
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        let output = Command::new("npm").args(npm).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(&installed, pinned).unwrap();
    }
    folder
}

impl RealProvider {
    /// None, said aloud, where it cannot run.
    pub(crate) fn start(test: &str) -> Option<Self> {
        if !is_there("node") || !is_there("npm") {
            let _ = writeln!(std::io::stderr(), "SKIPPED {test}: node and npm are not installed");
            return None;
        }
        let mut child = Command::new("node")
            .arg("provider.mjs")
            .current_dir(workshop())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut provider = Self { child, input, output, issuer: String::new() };
        provider.issuer = provider.line();
        Some(provider)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the provider ended");
        line.trim_end().to_owned()
    }

    /// Says who the client and the person are.
    pub(crate) fn furnish(&mut self, request: &Value) {
        writeln!(self.input, "{request}").unwrap();
        assert_eq!(self.line(), "ready");
    }
}

//! A real registry of OCI artifacts: Debian's `docker-registry`, with all its files in a temporary
//! folder.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub struct Registry {
    folder: TempDir,
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    /// Starts one. `None`, after printing so, if it is not installed.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yml");
        let root = folder.path().join("data");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root:?}}}}}\nhttp: {{addr: \"127.0.0.1:0\", secret: s}}\n"
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: docker-registry is missing (Debian: docker-registry)");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let said = lines.by_ref().find_map(|line| Some(line.split_once("listening on ")?.1.to_owned())).unwrap();
        let address = said.split('"').next().unwrap().parse().unwrap();
        // Its pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { folder, child, address })
    }

    /// Returns where it keeps what has this digest, `sha256:…`.
    pub fn file(&self, digest: &str) -> PathBuf {
        let digest = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&digest[..2]).join(digest).join("data")
    }
}

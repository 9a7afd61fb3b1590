//! A server that may ask its administrators for a code, which arrives in the outbox of a demo.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::{Server, run, share_compiled};

/// The subscription whose instances deliver the codes is called `demo`; it is not there yet.
pub(crate) struct Guarded {
    pub(crate) server: Server,
    /// Where the codes arrive.
    pub(crate) demo: Server,
    /// A system administrator's token.
    pub(crate) admin: String,
    _folder: TempDir,
}

impl Guarded {
    /// Returns the server's configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self._folder.path().join("twofactor.toml")
    }

    pub(crate) fn start() -> Self {
        let demo = Server::demo();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("twofactor.toml");
        let store = folder.path().join("twofactor.db");
        share_compiled(&store);
        let outbox = demo.said["outbox_url"].as_str().unwrap().trim_start_matches("http://");
        let text = format!(
            "listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n[accounts]\nsecond_factor_subscription = \"demo\"\n\
             [network.overrides]\n\"https://rest.ecall.ch\" = {outbox:?}\n"
        );
        std::fs::write(&file, text).unwrap();
        let server = Server::serve(&file);
        let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", file.to_str().unwrap()];
        let said: Value = serde_json::from_slice(&run(&issue).stdout).unwrap();
        let admin = said["token"].as_str().unwrap().to_owned();
        Self { server, demo, admin, _folder: folder }
    }
}

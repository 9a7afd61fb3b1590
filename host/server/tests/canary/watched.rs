//! A server whose every response is recorded, and everything that a run leaves behind.

use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;

use crate::common::{Answer, Server, twofactor};
use twofactor_tests::guest_memory::memories_of_guests;

pub(crate) struct Watched {
    server: Server,
    heard: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Watched {
    /// Returns a process that writes its whole log.
    pub(crate) fn serve(config: &Path, form: &str) -> Self {
        let mut command = twofactor(&["serve", "--config", config.to_str().unwrap(), "--log", form]);
        let server = Server::spawn(command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1"));
        Self { server, heard: Mutex::default() }
    }

    pub(crate) fn process(&self) -> u32 {
        self.server.child.id()
    }

    /// Returns a call whose answer is kept, headers included.
    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, token, &[], text.into_bytes()).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let request = self.server.request(method, path, token).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = Answer::of(request).await;
        let text = format!("{}\n{:?}\n{}", answer.status, answer.headers, answer.text);
        // The path is the caller's own words.
        let route = path.split('?').next().unwrap();
        self.heard.lock().unwrap().push((format!("the answer to {method} {route}"), text.into_bytes()));
        answer
    }

    /// Issues a token. This one answer is not kept: it is where the token is meant to be.
    pub(crate) async fn issue(&self, token: &str, body: Value) -> String {
        let answer = self.server.call("POST", "/v1/tokens", token, body).await;
        answer.expect(201)["token"].as_str().unwrap().to_owned()
    }

    /// Kills the process and gathers what it said and wrote.
    pub(crate) fn end(self, folder: &Path, keep_out: &[&str]) -> Vec<(String, Vec<u8>)> {
        let mut left = std::mem::take(&mut *self.heard.lock().unwrap());
        left.push(("the memories of guests".to_owned(), memories_of_guests(self.process())));
        left.push(("the log".to_owned(), self.server.into_log()));
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if !keep_out.contains(&&*name) {
                    left.push((format!("the file {name}"), std::fs::read(&path).unwrap()));
                }
            }
        }
        left
    }
}

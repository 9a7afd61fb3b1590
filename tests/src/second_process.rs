//! This test program, started once more as another process on the same store.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A process that runs the test `second_process` of this program. It is killed when it is dropped.
pub struct SecondProcess {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl SecondProcess {
    /// Starts it with a variable of the environment that names the folder of the store, and waits until it prints `ready`.
    pub fn start(variable: &str, folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "second_process", "--nocapture"])
            .env(variable, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut second = Self { process, said };
        second.hear("ready").unwrap();
        second
    }

    /// Gives it a line.
    pub fn say(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Returns what follows a word in the next line that begins with it; none if the process ends before.
    pub fn hear(&mut self, word: &str) -> Option<String> {
        self.said.by_ref().map_while(Result::ok).find_map(|line| Some(line.strip_prefix(word)?.trim().to_owned()))
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
    }
}

impl Drop for SecondProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! This test program, started once more as another process on the same store.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A process that runs the test `second_process` of a module of this program. It is killed when it is dropped.
pub struct SecondProcess {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl SecondProcess {
    /// Starts it, and waits until it is ready. Otherwise as [`spawn`](Self::spawn).
    pub fn start(module: &str, variables: &[(&str, &OsStr)]) -> Self {
        let mut second = Self::spawn(module, variables);
        second.hear("ready").unwrap();
        second
    }

    /// Starts the test of a module (`module_path!()`) with variables of the environment, such as one that names the folder of the store.
    /// It prints `ready` when it is.
    pub fn spawn(module: &str, variables: &[(&str, &OsStr)]) -> Self {
        let (_program, suite) = module.split_once("::").unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{suite}::second_process"), "--nocapture"])
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, said }
    }

    /// Gives it a line.
    pub fn say(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Returns what follows a word in the next line that begins with it; none if the process ends before.
    pub fn hear(&mut self, word: &str) -> Option<String> {
        self.said.by_ref().map_while(Result::ok).find_map(|line| Some(line.strip_prefix(word)?.trim().to_owned()))
    }

    /// Returns the words of the next line whose first word is one of these; none if the process ends before.
    pub fn hear_one_of(&mut self, first: &[&str]) -> Option<Vec<String>> {
        let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        // A line that a kill cuts off does not count.
        self.said.by_ref().map_while(Result::ok).map(words).find(|words| first.contains(&&*words[0]))
    }

    /// Kills it: on Unix by SIGKILL.
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

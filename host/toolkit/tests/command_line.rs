//! What the program says of itself, and what its commands print, against `texts/`.
//!
//! `UPDATE_TEXTS=1 cargo test -p twofactor-toolkit --test toolkit command_line::` writes the files again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use twofactor_tests::golden::{assert_golden, help};
use twofactor_tests::wrong::component;

const PROGRAM: &str = env!("CARGO_BIN_EXE_twofactor-toolkit");

fn text(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/texts").join(name)
}

#[test]
fn the_help_of_each_command_is_checked_in() {
    assert_golden(&text("help.txt"), &help(Path::new(PROGRAM)));
}

/// Runs a command, and adds it and what it printed to a text.
struct Session {
    folder: tempfile::TempDir,
    text: String,
    /// What differs from run to run, and what stands in its place.
    replaced: Vec<(String, &'static str)>,
}

impl Session {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let replaced = vec![(folder.path().display().to_string(), "DIR")];
        Self { folder, text: String::new(), replaced }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    fn run(&mut self, arguments: &[&str]) -> Output {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("RUST_LOG", "off")
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap();
        let mut printed = format!("$ twofactor-toolkit {}\n", arguments.join(" "));
        printed += &String::from_utf8_lossy(&output.stdout);
        printed += &String::from_utf8_lossy(&output.stderr);
        printed += &format!("(exit code {})\n\n", output.status.code().unwrap_or_default());
        for (from, to) in &self.replaced {
            printed = printed.replace(from, to);
        }
        self.text += &printed;
        output
    }
}

/// Returns the text without what differs from run to run: digests, times, sizes of components, and codes.
fn without_variables(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let measured = ["elivered in ", "oaded in ", "fresh instance", "The code is ", " ms: "];
        if let Some(at) = line.find("sha256:") {
            let (before, digest) = line.split_at(at + "sha256:".len());
            let after = digest.trim_start_matches(|c: char| c.is_ascii_hexdigit());
            out += &format!("{before}DIGEST{after}");
        } else if measured.iter().any(|what| line.contains(what)) {
            let mut runs = line.split(|c: char| c.is_ascii_digit()).peekable();
            let mut in_number = false;
            while let Some(run) = runs.next() {
                in_number &= run.is_empty();
                out += run;
                if runs.peek().is_some() && !in_number {
                    out.push('N');
                    in_number = true;
                }
            }
        } else {
            out += line;
        }
    }
    out
}

#[test]
fn what_new_inspect_and_try_print_is_checked_in() {
    let mut session = Session::new();
    session.run(&["new", "my-gateway", "--language", "rust"]);
    session.run(&["new", "my-gateway", "--language", "rust"]);
    session.run(&["new", "My_Gateway", "--language", "rust"]);
    session.write("provider.wasm", component("none"));
    session.write("text.wasm", "hello");
    session.run(&["inspect", "missing.wasm"]);
    session.run(&["inspect", "text.wasm"]);
    session.run(&["inspect", "provider.wasm"]);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let upstream = runtime.block_on(twofactor_tests::upstream::Upstream::start());
    session.replaced.push((upstream.address.to_string(), "ADDRESS"));
    session.write("options.json", r#"{"Key":"a-key-for-trying","Sender":"Shop"}"#);
    session.write("wrong.json", r#"{"Sender":7}"#);
    session.write("text.json", "options");
    let of = |origin: &str| format!("{origin}={}", upstream.address);
    let (right, other) = (of("https://upstream.example.com"), of("https://other.example.com"));
    let to = ["--to", "+41791234567"];
    let mut attempt = |options: &str, more: &[&str]| {
        session.run(&[&["try", "provider.wasm", "--options", options], more].concat());
    };
    attempt("text.json", &[&to[..], &["--override", &right]].concat());
    attempt("wrong.json", &[&to[..], &["--override", &right]].concat());
    attempt("options.json", &["--to", "079 123 45 67", "--override", &right]);
    attempt("options.json", &[&to[..], &["--override", "https://upstream.example.com"]].concat());
    attempt("options.json", &[&to[..], &["--override", "https://upstream.example.com=nowhere"]].concat());
    attempt("options.json", &[&to[..], &["--override", &other]].concat());
    attempt("options.json", &[&to[..], &["--override", &right, "--record", "cassette.json"]].concat());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    session.replaced.push((free.to_string(), "ADDRESS"));
    let nobody = format!("https://upstream.example.com={free}");
    session.run(&[&["try", "provider.wasm", "--options", "options.json", "--override", &nobody], &to[..]].concat());
    session.run(&["check", "provider.wasm", "--replay", "options.json"]);
    session.run(&["check", "provider.wasm"]);
    assert_golden(&text("commands.txt"), &without_variables(&session.text));
}

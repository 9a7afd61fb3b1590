//! The texts of the admin UI, in English and German, against `texts/admin.txt`, and those of the API, the configuration, the command
//! line and the log against `texts/server.txt`: a change of what people read is reviewed in one place. The texts of the sign-in page
//! stand in a table already.
//!
//! `UPDATE_TEXTS=1 cargo test -p twofactor-server --test server texts::` writes the file again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A string literal and the code since the literal before it.
struct Literal {
    code: String,
    text: String,
}

/// Returns the string literals of Rust source without comments, up to its unit tests.
fn literals(source: &str) -> Vec<Literal> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let source = lines.collect::<Vec<_>>().join("\n");
    let (mut found, mut code) = (Vec::new(), String::new());
    let mut rest = &*source;
    while let Some(at) = rest.find('"') {
        code.push_str(&rest[..at]);
        let inside = &rest[at + 1..];
        if code.ends_with('\'') && inside.starts_with('\'') {
            rest = inside;
            continue;
        }
        let raw = code.ends_with("r#");
        let end = if raw { inside.find("\"#").unwrap() } else { end_of_literal(inside) };
        let text = if raw { inside[..end].to_owned() } else { unescaped(&inside[..end]) };
        found.push(Literal { code: std::mem::take(&mut code), text });
        rest = &inside[end + 1..];
    }
    found
}

fn end_of_literal(inside: &str) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            '"' if !escaped => return at,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    panic!("a literal without an end: {inside}")
}

/// `\` at the end of a line joins it with the next; of other escapes the texts use few.
fn unescaped(text: &str) -> String {
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap().to_owned();
    let joined = lines.fold(first, |joined, line| joined + line.trim_start());
    joined.replace("\\\"", "\"").replace("\\u{a0}", "\u{a0}")
}

/// Returns the texts in English and German that a source file shows: `say("…", "…")`, or one for each arm of a match on the language.
fn texts(source: &str) -> Vec<(String, String)> {
    let literals = literals(source);
    let mut pairs = Vec::new();
    let mut english = Vec::new();
    for pair in literals.windows(2) {
        if pair[0].code.trim_end().ends_with("say(") && pair[1].code.trim() == "," {
            pairs.push((pair[0].text.clone(), pair[1].text.clone()));
        }
    }
    for literal in literals {
        if literal.code.contains("Language::English =>") {
            english.push(literal.text);
        } else if literal.code.contains("Language::German =>") {
            pairs.push((english.pop().unwrap_or_default(), literal.text));
        }
    }
    pairs
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    all.sort();
    all
}

#[test]
fn the_texts_of_the_admin_ui_are_those_of_the_reviewed_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut list = String::new();
    let mut count = 0;
    for file in ["src/ui", "src/wording"].iter().flat_map(|room| sources(&root.join(room))) {
        let texts = texts(&std::fs::read_to_string(&file).unwrap());
        if !texts.is_empty() {
            let name = file.strip_prefix(root.join("src")).unwrap();
            writeln!(list, "== {}\n", name.display()).unwrap();
        }
        count += texts.len();
        for (english, german) in texts {
            writeln!(list, "en  {}\nde  {}\n", english.trim(), german.trim()).unwrap();
        }
    }
    compare(&list, &root.join("tests/texts/admin.txt"));
    assert!(count > 400, "{count}");
}

/// Compares a list with the reviewed one, or replaces that.
fn compare(list: &str, golden: &Path) {
    if std::env::var_os("UPDATE_TEXTS").is_some() {
        std::fs::write(golden, list).unwrap();
    }
    let reviewed = std::fs::read_to_string(golden).unwrap_or_default();
    let differs = list.lines().find(|line| !reviewed.lines().any(|other| other == *line));
    assert!(list == reviewed, "{differs:?}: if it is meant, run this test with UPDATE_TEXTS=1");
}

/// Returns whether a literal is prose: two words or more, in code that shows it to people.
fn is_prose(literal: &Literal) -> bool {
    let code = literal.code.trim_end();
    let shown = !["reason =", "as_bytes() ==", "default-src"].iter().any(|other| code.ends_with(other));
    let words = literal.text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic));
    shown && words.count() > 1
}

/// Listed elsewhere: the admin UI, the sign-in page, and the demo's outbox, which replaces
/// upstreams.
const ELSEWHERE: [&str; 4] = ["ui", "wording", "sign_in", "outbox"];

#[test]
fn the_texts_of_the_server_are_those_of_the_reviewed_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut list = String::new();
    for file in sources(&root.join("src")) {
        let name = file.strip_prefix(root.join("src")).unwrap();
        let room = name.components().next().unwrap().as_os_str().to_string_lossy();
        if ELSEWHERE.contains(&&*room) || name.to_string_lossy().ends_with("tests.rs") {
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        let prose: Vec<String> = literals(&source).into_iter().filter(is_prose).map(|literal| literal.text).collect();
        if !prose.is_empty() {
            writeln!(list, "== {}\n\n{}\n", name.display(), prose.join("\n")).unwrap();
        }
    }
    compare(&list, &root.join("tests/texts/server.txt"));
}

#[test]
fn each_text_of_the_admin_ui_has_its_german_which_ends_as_it_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in sources(&root.join("src/ui")).into_iter().chain(sources(&root.join("src/wording"))) {
        for (english, german) in texts(&std::fs::read_to_string(&file).unwrap()) {
            let at = format!("{}: {english} / {german}", file.display());
            assert!(!english.is_empty() && !german.is_empty(), "{at}");
            let end = |text: &str| text.chars().next_back().filter(|c| ".?:!".contains(*c) || c.is_whitespace());
            assert_eq!(end(&english), end(&german), "{at}");
            assert!(!german.contains(['«', '»']), "{at}: German quotation marks are „…“");
        }
    }
}

/// Sentences that the source composes from parts.
const COMPOSED: &[&str] = &[
    "of a {} must be 1 to 64 letters",
    "the provider does not accept the value of",
    "`application_name` must be a single line of 1 to 60 characters",
    "`colors.{}` is not readable",
    "each of `return_urls` must",
];

/// `{name}` and `{:?}` become `{}`.
fn without_names(text: &str) -> String {
    let mut parts = text.split('{');
    let mut joined = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        joined.push('{');
        joined.push_str(part.find('}').map_or(part, |end| &part[end..]));
    }
    joined
}

#[test]
fn each_sentence_that_has_a_german_one_is_still_in_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut said = String::new();
    for room in ["host/engine/src", "host/sandbox/src", "host/toolkit/src", "host/server/src", "providers"] {
        let in_table = |file: &&PathBuf| file.to_string_lossy().contains("wording/german");
        for file in sources(&root.join(room)).iter().filter(|file| !in_table(file)) {
            let source = std::fs::read_to_string(file).unwrap();
            // The descriptions of options are comments of their fields.
            for line in source.lines().filter_map(|line| line.trim_start().strip_prefix("///")) {
                said.push_str(line);
            }
            said.extend(literals(&source).iter().map(|literal| without_names(&literal.text) + "\n"));
        }
    }
    let mut missing = Vec::new();
    for file in sources(&root.join("host/server/src/wording/german")) {
        let all = literals(&std::fs::read_to_string(file).unwrap());
        for english in all.iter().filter(|literal| literal.code.trim_end().ends_with('(')).map(|literal| &literal.text)
        {
            let is_said = |part: &str| said.contains(part.trim_matches([' ', '`', ':', ';', ',', '.', '(', ')']));
            let is_composed = COMPOSED.iter().any(|begin| english.starts_with(begin));
            if !is_composed && !english.split("{}").filter(|part| part.trim().len() > 3).all(is_said) {
                missing.push(english.clone());
            }
        }
    }
    assert!(missing.is_empty(), "nothing says these any longer: {missing:#?}");
}

//! What people read uses the words that `CONTRIBUTING.md` lists under "How we write".

use std::fs;
use std::path::PathBuf;

use super::root;
use super::tests::{files, prose};

/// Words that we do not write, and those that we write instead. Only words that are never right here: others of the list in
/// `CONTRIBUTING.md`, such as "keeps" and "says", have other meanings too.
const OLD: [(&str, &str); 11] = [
    ("a wish", "a request"),
    ("anew", "again"),
    ("blot out", "redact"),
    ("errand", "authorization request"),
    ("judge", "verify (codes), validate (options)"),
    ("log-in", "login"),
    ("mend", "fix"),
    ("takes the message", "accepts"),
    ("telephone number", "phone number"),
    ("told of", "shown, notified"),
    ("vouched", "external, federated"),
];

/// Returns whether a text contains a word, as it is or with an ending.
fn contains(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let begins = !text[..at].ends_with(char::is_alphanumeric);
        let rest = &text[at + word.len()..];
        let ending = &rest[..rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())];
        begins && ["", "s", "d", "ed", "ing"].contains(&ending)
    })
}

/// Returns the old words in a text, whose lines may break anywhere.
fn old_words(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let found = OLD.iter().filter(|(word, _)| contains(&text, word));
    found.map(|(word, instead)| format!("`{word}`: write {instead}")).collect()
}

/// Returns what people read, with its file: documents without their code, comments of the contracts, and the texts of messages, pages and
/// commands.
fn texts() -> Vec<(PathBuf, String)> {
    let root = root();
    let mut pages = files(&root.join("docs"), "md");
    pages.extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"].map(|page| root.join(page)));
    let without_code = |page: &PathBuf| prose(page).split('`').step_by(2).collect::<String>();
    let mut texts: Vec<(PathBuf, String)> = pages.into_iter().map(|page| (page.clone(), without_code(&page))).collect();
    // `deps` is not ours.
    let contracts = files(&root.join("wit"), "wit").into_iter().filter(|file| !file.starts_with(root.join("wit/deps")));
    for file in contracts {
        let text = fs::read_to_string(&file).unwrap();
        let comments: Vec<&str> = text.lines().filter_map(|line| line.trim_start().strip_prefix("//")).collect();
        texts.push((file, comments.join("\n").replace('/', " ")));
    }
    let mut golden = vec![root.join("host/engine/src/challenge/texts.txt")];
    golden.extend(
        ["host/server/tests/texts", "host/toolkit/tests/texts"].iter().flat_map(|it| files(&root.join(it), "txt")),
    );
    texts.extend(golden.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())));
    texts
}

#[test]
fn what_people_read_has_none_of_the_words_that_were_replaced() {
    let texts = texts();
    for kind in ["md", "wit", "txt"] {
        assert!(texts.iter().any(|(file, _)| file.extension().is_some_and(|it| it == kind)), "{kind}");
    }
    let found: Vec<String> = texts
        .iter()
        .flat_map(|(file, text)| old_words(text).into_iter().map(move |word| format!("{}: {word}", file.display())))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_old_word_is_found_with_an_ending_and_over_the_end_of_a_line_but_not_within_another_word() {
    for (text, found) in [
        ("The upstream judges it.", 1),
        ("Told\nof it, it was compiled anew.", 2),
        ("The log-ins of an account, and its telephone\n  numbers.", 2),
        ("It recommends to amend a judgement about canewood.", 0),
    ] {
        assert_eq!(old_words(text).len(), found, "{text}");
    }
}

//! The search for what must not be found, in whatever form it might have been written.

use std::collections::HashSet;
use std::fmt::Write as _;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Shorter data is found by chance.
const SHORTEST: usize = 8;

/// The data that must not be found, with names.
#[derive(Clone, Default)]
pub struct Canaries(Vec<(String, String)>);

impl Canaries {
    pub fn add(&mut self, name: &str, text: &str) {
        assert!(text.len() >= SHORTEST, "{name}: what is this short is found by chance");
        self.0.push((name.to_owned(), text.to_owned()));
    }

    /// An address, and what remains of it if it is cut at its sign.
    pub fn add_email(&mut self, address: &str) {
        self.add("email", address);
        self.add("local part", address.split('@').next().unwrap());
    }

    /// A number in the spelling it was sent in, and its digits alone.
    pub fn add_phone(&mut self, number: &str) {
        self.add("phone", number);
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        self.add("phone's digits", digits.trim_start_matches('0').trim_start_matches("41"));
    }

    pub fn search(&self) -> Search {
        let forms = self.0.iter().flat_map(|(name, text)| {
            forms(text).into_iter().map(move |(form, needle)| (form, format!("{name} ({form}): {text}"), needle))
        });
        let (exact, any_case): (Vec<_>, Vec<_>) = forms.partition(|(form, ..)| *form == "base64");
        Search { exact: Needles::new(exact, false), any_case: Needles::new(any_case, true) }
    }
}

/// A search for canaries in all their forms.
pub struct Search {
    any_case: Needles,
    exact: Needles,
}

impl Search {
    /// Returns the canaries that a text contains, each with its name and its encoding.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = self.exact.find(bytes);
        found.extend(self.any_case.find(bytes));
        found.sort();
        found.dedup();
        found
    }
}

/// Returns the ways to write a text that turn up in logs, answers and files.
fn forms(text: &str) -> Vec<(&'static str, String)> {
    let percent = text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
        out
    });
    let json = serde_json::to_string(text).unwrap();
    let mut forms = vec![
        ("as it is", text.to_owned()),
        ("reversed", text.chars().rev().collect()),
        ("hexadecimal", hex::encode(text)),
        ("percent-encoded", percent),
        ("of a form", url::form_urlencoded::byte_serialize(text.as_bytes()).collect()),
        ("escaped", json.trim_matches('"').to_owned()),
        ("escaped twice", serde_json::to_string(&json).unwrap().trim_matches(['"', '\\']).to_owned()),
    ];
    // What stands before it decides how it is cut into groups of six bits.
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend(text.as_bytes());
        let encoded = STANDARD_NO_PAD.encode(&bytes);
        let own = &encoded[(before * 8).div_ceil(6)..bytes.len() * 8 / 6];
        forms.push(("base64", own.to_owned()));
        forms.push(("base64", own.replace('+', "-").replace('/', "_")));
    }
    let mut seen = HashSet::new();
    forms.retain(|(_, form)| form.len() >= SHORTEST && seen.insert(form.clone()));
    forms
}

/// What is looked for in one way, and how each is called.
struct Needles {
    labels: Vec<String>,
    automaton: AhoCorasick,
}

impl Needles {
    fn new(needles: Vec<(&'static str, String, String)>, any_case: bool) -> Self {
        let (labels, needles): (Vec<_>, Vec<_>) = needles.into_iter().map(|(_, label, needle)| (label, needle)).unzip();
        let automaton = AhoCorasick::builder().ascii_case_insensitive(any_case).build(needles).unwrap();
        Self { labels, automaton }
    }

    fn find(&self, bytes: &[u8]) -> Vec<String> {
        let told = |at: aho_corasick::Match| {
            let around = &bytes[at.start().saturating_sub(80)..(at.start() + 120).min(bytes.len())];
            format!("{} in …{}…", self.labels[at.pattern()], String::from_utf8_lossy(around))
        };
        self.automaton.find_overlapping_iter(bytes).map(told).collect()
    }
}

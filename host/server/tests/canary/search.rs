//! The search for what must not be found, in whatever form it might have been written.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// A needle is found by how it begins.
const HEAD: usize = 8;

/// What must not be found, with its name.
#[derive(Clone, Default)]
pub(crate) struct Canaries(Vec<(String, String)>);

impl Canaries {
    pub(crate) fn add(&mut self, name: &str, text: &str) {
        assert!(text.len() >= HEAD, "{name}: what is this short is found by chance");
        self.0.push((name.to_owned(), text.to_owned()));
    }

    /// An address, and what remains of it if it is cut at its sign.
    pub(crate) fn add_email(&mut self, address: &str) {
        self.add("email", address);
        self.add("local part", address.split('@').next().unwrap());
    }

    /// A number in the spelling it was sent in, and its digits alone.
    pub(crate) fn add_phone(&mut self, number: &str) {
        self.add("phone", number);
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        self.add("phone's digits", digits.trim_start_matches('0').trim_start_matches("41"));
    }

    pub(crate) fn search(&self) -> Search {
        let mut search = Search::default();
        for (name, text) in &self.0 {
            for (form, needle) in forms(text) {
                let label = format!("{name} ({form}): {text}");
                if form == "base64" {
                    search.exact.add(label, needle);
                } else {
                    search.any_case.add(label, needle.to_ascii_lowercase());
                }
            }
        }
        search
    }
}

/// A search for canaries in all their forms.
#[derive(Default)]
pub(crate) struct Search {
    any_case: Needles,
    exact: Needles,
}

impl Search {
    /// All that stands in a text, each with its name and its form.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        self.exact.find(bytes, &mut found);
        self.any_case.find(&bytes.to_ascii_lowercase(), &mut found);
        found.sort();
        found.dedup();
        found
    }
}

/// The ways to write a text that turn up in logs, answers and files.
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
    forms.retain(|(_, form)| form.len() >= HEAD && seen.insert(form.clone()));
    forms
}

/// Needles by how they begin, and a table that passes over most places.
struct Needles {
    begins: Vec<bool>,
    by_head: HashMap<[u8; HEAD], Vec<(String, Vec<u8>)>>,
}

impl Default for Needles {
    fn default() -> Self {
        Self { begins: vec![false; 1 << 20], by_head: HashMap::new() }
    }
}

impl Needles {
    fn add(&mut self, label: String, needle: String) {
        let head = needle.as_bytes()[..HEAD].try_into().unwrap();
        self.begins[place(needle.as_bytes())] = true;
        self.by_head.entry(head).or_default().push((label, needle.into_bytes()));
    }

    fn find(&self, bytes: &[u8], found: &mut Vec<String>) {
        for at in 0..bytes.len().saturating_sub(HEAD - 1) {
            // Most of a memory is empty.
            if bytes[at] == 0 {
                continue;
            }
            let rest = &bytes[at..];
            if !self.begins[place(rest)] {
                continue;
            }
            for (label, needle) in self.by_head.get(&rest[..HEAD]).into_iter().flatten() {
                if rest.starts_with(needle) {
                    let from = at.saturating_sub(80);
                    let around = String::from_utf8_lossy(&bytes[from..(at + 120).min(bytes.len())]).into_owned();
                    found.push(format!("{label} in …{around}…"));
                }
            }
        }
    }
}

/// Where the table holds what begins so: by its first five bytes.
fn place(bytes: &[u8]) -> usize {
    bytes[..5].iter().fold(0, |place, byte| (place << 4 ^ usize::from(*byte)) & ((1 << 20) - 1))
}

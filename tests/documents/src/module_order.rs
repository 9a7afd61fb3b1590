//! Modules know only those below them. The sources are read as text: every path outside of tests that begins with `crate`, `super` or
//! `self` is an arrow from one module to another.
//!
//! Between the top-level modules of a crate, arrows follow a declared order. Everywhere else they must not form a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The order of a crate's top-level modules, the lowest first. Modules on one line do not know each other.
struct Crate {
    source: &'static str,
    order: &'static [&'static [&'static str]],
}

const CRATES: [Crate; 4] = [
    Crate {
        source: "host/sandbox/src",
        order: &[
            &["field_error", "readable", "redact", "testing", "limits", "contract", "schema"],
            &["factor"],
            &["egress", "schedule", "component"],
            &["call"],
            &["provider"],
            &["options"],
            &["standalone"],
            &["fuzzing"],
        ],
    },
    Crate {
        source: "host/engine/src",
        order: &[
            &["error", "file_owner", "language"],
            &["completion", "keyring"],
            &["display_name", "random", "store"],
            &["clock", "node", "secret_kind", "site"],
            &["audit", "instance", "statistics", "token"],
            &["user_factor"],
            &["challenge", "changes"],
            &["factor"],
            &["accounts", "fuzzing", "sign_in"],
            &["admin"],
            &["engine"],
            &["builder"],
            &["restore"],
        ],
    },
    Crate {
        source: "host/toolkit/src",
        order: &[
            &["body_texts", "compile_cache", "credentials", "output", "phone_number", "sample", "wording"],
            &["cassette", "inspect", "new"],
            &["check", "try_provider"],
            &["command"],
        ],
    },
    Crate {
        source: "host/server/src",
        order: &[
            &["assurance", "client_address", "cookies", "jwt", "manual", "problem", "qr", "request_limits"],
            &["connections", "fido_metadata", "middleware", "sign_in", "telemetry", "wording"],
            &["oidc"],
            &["config", "state"],
            &["access"],
            &["api", "ui"],
            &["app"],
            &["serve"],
            &["outbox"],
            &["demo"],
            &["cli"],
        ],
    },
];

/// What only the sandbox may contain, and where else it is on purpose.
const ONLY_IN_THE_SANDBOX: [(&str, &[&str]); 4] = [
    ("unsafe", &[]),
    ("wasmtime::", &[]),
    // Identity providers and FIDO metadata: a client of the sandbox's network, whose types the server names.
    ("reqwest::", &["host/server/src/fido_metadata/fetch.rs", "host/server/src/oidc/fetch.rs"]),
    ("lettre::", &[]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// A module: its path within the crate, and its source without comments, texts and tests.
struct Module {
    path: Vec<String>,
    code: String,
}

fn modules(folder: &Path, path: &[String], found: &mut Vec<Module>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_stem().unwrap().to_string_lossy().into_owned();
        let mut inner = path.to_vec();
        if !matches!(&*name, "mod" | "lib" | "main") {
            inner.push(name.clone());
        }
        if ["tests", "oracle", "conformance"].contains(&&*name) {
            continue;
        }
        if entry.is_dir() {
            modules(&entry, &inner, found);
        } else if entry.extension().is_some_and(|it| it == "rs") {
            let code = without_tests(&code_of(&fs::read_to_string(&entry).unwrap()));
            found.push(Module { path: inner, code });
        }
    }
}

/// Returns the source without comments, and with nothing in its texts.
fn code_of(source: &str) -> String {
    let (mut code, mut rest) = (String::new(), source);
    while let Some(c) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r\"") || rest.starts_with("r#") {
            let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
            let begins = rest[1 + hashes..].starts_with('"');
            let end = format!("\"{}", "#".repeat(hashes));
            if begins { rest[2 + hashes..].find(&end).unwrap() + 2 + hashes + end.len() } else { 1 }
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.unwrap() + 2
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').unwrap() + 2
        } else {
            code.push(c);
            c.len_utf8()
        };
        rest = &rest[taken..];
    }
    code
}

/// Leaves out what stands behind `#[cfg(test)]`: one item each.
fn without_tests(code: &str) -> String {
    let mut parts = code.split("#[cfg(test)]");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut depth = 0;
        let end = part.find(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(c, '}' | ';')
        });
        kept.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    kept
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Reads a tree of paths (`a::{b, c::d}`), and returns each path with what is left.
fn tree(text: &str, before: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let start = text.len() - text.trim_start().len();
    let body = &text[start..];
    if body.starts_with('{') {
        let mut at = start + 1;
        while !text[at..].trim_start().starts_with('}') && at < text.len() {
            let taken = tree(&text[at..], before, paths);
            at += taken;
            let skipped = text[at..].find([',', '}']).unwrap_or(text.len() - at);
            at += skipped;
            if text[at..].starts_with(',') {
                at += 1;
            }
        }
        return at;
    }
    let length = body.find(|c| !is_part_of_a_name(c)).unwrap_or(body.len());
    let mut path = before.to_vec();
    if length > 0 {
        path.push(body[..length].to_owned());
    }
    let after = &body[length..];
    if length > 0 && after.starts_with("::") && !after.starts_with("::<") {
        return start + length + 2 + tree(&after[2..], &path, paths);
    }
    paths.push(path);
    start + length
}

/// Returns all paths of a module from the crate's root.
fn paths(module: &Module) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for keyword in ["crate::", "super::", "self::"] {
        for (at, _) in module.code.match_indices(keyword) {
            let before = &module.code[..at];
            if before.ends_with(is_part_of_a_name) || before.ends_with("::") || before.ends_with('$') {
                continue;
            }
            let mut base = if keyword == "crate::" { Vec::new() } else { module.path.clone() };
            let mut rest = &module.code[at..];
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            rest = rest.strip_prefix("crate::").or_else(|| rest.strip_prefix("self::")).unwrap_or(rest);
            tree(rest, &base, &mut all);
        }
    }
    all
}

/// Returns what a module hands on under its own name, and from which child.
fn handed_on(module: &Module, children: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut handed_on = BTreeMap::new();
    for (at, _) in module.code.match_indices("use ") {
        let mut found = Vec::new();
        let rest = module.code[at + 4..].trim_start();
        tree(rest.strip_prefix("self::").unwrap_or(rest), &[], &mut found);
        for path in found.iter().filter(|path| path.len() > 1 && children.contains(&path[0])) {
            handed_on.insert(path[path.len() - 1].clone(), path[0].clone());
        }
    }
    handed_on
}

/// Returns the arrows between the children of each module, which is named by its path.
fn arrows(source: &str) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut all = Vec::new();
    modules(&root().join(source), &[], &mut all);
    let mut children: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    for module in &all {
        for taken in 0..module.path.len() {
            children.entry(module.path[..taken].to_vec()).or_default().insert(module.path[taken].clone());
        }
    }
    let none = BTreeSet::new();
    let mut hands_on: BTreeMap<Vec<String>, BTreeMap<String, String>> = BTreeMap::new();
    for module in &all {
        let of = children.get(&module.path).unwrap_or(&none);
        hands_on.entry(module.path.clone()).or_default().extend(handed_on(module, of));
    }
    let mut arrows: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (parent, of) in &children {
        let of_parent = arrows.entry(parent.join("::")).or_default();
        for child in of {
            of_parent.entry(child.clone()).or_default();
        }
    }
    for module in &all {
        for path in paths(module) {
            let same = module.path.iter().zip(&path).take_while(|(one, other)| one == other).count();
            let (parent, Some(target)) = (&path[..same], path.get(same)) else { continue };
            let Some(from) = module.path.get(same) else { continue };
            let of = children.get(parent).unwrap_or(&none);
            let to = match of.contains(target) {
                true => Some(target),
                false => hands_on.get(parent).and_then(|names| names.get(target)),
            };
            if let Some(to) = to.filter(|to| *to != from) {
                arrows.get_mut(&parent.join("::")).unwrap().get_mut(from).unwrap().insert(to.clone());
            }
        }
    }
    arrows
}

fn leads_to(arrows: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(module) = open.pop() {
        for next in &arrows[module] {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

#[test]
fn modules_form_no_circle() {
    let mut wrong = Vec::new();
    for Crate { source, .. } in &CRATES {
        let mut found = BTreeSet::new();
        for (parent, of) in arrows(source) {
            for (from, targets) in &of {
                for to in targets.iter().filter(|to| leads_to(&of, to, from)) {
                    let (one, other) = if from < to { (from, to) } else { (to, from) };
                    found.insert((parent.clone(), one.clone(), other.clone()));
                }
            }
        }
        wrong.extend(found.iter().map(|circle| format!("{source}: a circle {circle:?}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn top_level_modules_know_only_those_below_them() {
    let mut wrong = Vec::new();
    for Crate { source, order, .. } in &CRATES {
        let level = |name: &str| order.iter().position(|line| line.contains(&name));
        for (from, targets) in &arrows(source)[""] {
            let Some(own) = level(from) else {
                wrong.push(format!("{source}: `{from}` has no place in the order"));
                continue;
            };
            let above = targets.iter().filter(|to| level(to).is_none_or(|level| level >= own));
            wrong.extend(above.map(|to| format!("{source}: `{from}` must not know `{to}`")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_and_connections_are_in_the_sandbox_alone() {
    let mut wrong = Vec::new();
    for source in ["host/engine/src", "host/toolkit/src", "host/server/src"] {
        let mut all = Vec::new();
        modules(&root().join(source), &[], &mut all);
        for module in all {
            for (word, exceptions) in ONLY_IN_THE_SANDBOX {
                let stands = module.code.match_indices(word).any(|(at, _)| {
                    let (before, after) = (&module.code[..at], &module.code[at + word.len()..]);
                    !before.ends_with(is_part_of_a_name)
                        && (word.ends_with(':') || !after.starts_with(is_part_of_a_name))
                });
                let file = format!("{source}/{}.rs", module.path.join("/"));
                if stands && !exceptions.contains(&&*file) {
                    wrong.push(format!("{file}: `{word}`"));
                }
            }
        }
    }
    for manifest in ["host/engine/Cargo.toml", "host/toolkit/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        for name in ["wasmtime", "reqwest", "lettre"] {
            if text.lines().any(|line| line.starts_with(&format!("{name}."))) {
                wrong.push(format!("{manifest}: `{name}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_are_read_in_every_form() {
    let module = |path: &[&str], code: &str| {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        let found = paths(&Module { path, code: without_tests(&code_of(code)) });
        found.iter().map(|path| path.join("::")).collect::<Vec<_>>()
    };
    assert_eq!(module(&["a", "b"], "use crate::x::{y, z::{self, W}};"), ["x::y", "x::z::self", "x::z::W"]);
    assert_eq!(module(&["a", "b"], "use super::c::D; fn f() { super::super::e::g::<u8>() }"), ["a::c::D", "e::g"]);
    assert_eq!(
        module(&["a"], "// crate::x\nconst X: &str = \"crate::y\"; const Q: char = '\"'; use self::b::C;"),
        ["a::b::C"]
    );
    assert_eq!(module(&["a"], "#[cfg(test)]\nmod tests { use crate::x; }\nuse crate::y::Z;"), ["y::Z"]);
}

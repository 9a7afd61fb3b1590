//! The provider author's guide: the tutorial for factors works unchanged, and everything in the contract is described. The tutorials of
//! each language are in `author_languages.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::tutorial;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("docs/providers").join(name)).unwrap()
}

#[test]
fn the_tutorial_for_factors_works_unchanged() {
    let page = Path::new(ROOT).join("docs/providers/factors.md");
    tutorial::works_as_it_stands(&page, &["bash", "cargo", "rustup"], "");
}

/// Every name that a WIT file declares.
fn names(wit: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in wit.lines().map(str::trim).filter(|line| !line.starts_with("///")) {
        let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| !word.is_empty());
        let Some(first) = words.next() else { continue };
        match first {
            "package" | "use" | "import" | "export" => {}
            "interface" | "record" | "variant" | "enum" | "world" => names.extend(words.next().map(str::to_owned)),
            name => names.push(name.to_owned()),
        }
    }
    names
}

#[test]
fn every_item_of_the_contract_is_named_in_the_book() {
    let book = page("README.md");
    let files: Vec<PathBuf> =
        fs::read_dir(Path::new(ROOT).join("wit")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut found = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "wit")) {
        for name in names(&fs::read_to_string(file).unwrap()) {
            // In code, by itself or as the beginning of a signature.
            let named = book.contains(&format!("`{name}`")) || book.contains(&format!("`{name}: "));
            assert!(named, "{}: `{name}` is not in the book", file.display());
            found += 1;
        }
    }
    assert!(found > 100, "{found}");
}

#[test]
fn the_guide_lists_each_limit_with_its_default() {
    let bytes = |n: usize| match n.trailing_zeros() {
        30.. => format!("{} GiB", n >> 30),
        20.. => format!("{} MiB", n >> 20),
        _ => format!("{} KiB", n >> 10),
    };
    let seconds = |time: std::time::Duration| match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds => format!("{seconds} s"),
    };
    let limits = twofactor::sandbox::SandboxLimits::default();
    let defaults = BTreeMap::from([
        ("component_bytes", bytes(limits.component_bytes)),
        ("compile_time", seconds(limits.compile_time)),
        ("memory_bytes", bytes(limits.memory_bytes)),
        ("memory_of_all_calls_bytes", bytes(limits.memory_of_all_calls_bytes)),
        ("memory_of_one_provider_bytes", bytes(limits.memory_of_one_provider_bytes)),
        ("memories", limits.memories.to_string()),
        ("tables", limits.tables.to_string()),
        ("table_elements", format!("{},000", limits.table_elements / 1000)),
        ("core_instances", limits.core_instances.to_string()),
        ("stack_bytes", bytes(limits.stack_bytes)),
        ("running_time", seconds(limits.running_time)),
        ("configure_time", seconds(limits.configure_time)),
        ("deliver_time", seconds(limits.deliver_time)),
        ("factor_running_time", seconds(limits.factor_running_time)),
        ("factor_time", seconds(limits.factor_time)),
        ("exchanged_bytes", bytes(limits.exchanged_bytes)),
        ("host_calls", limits.host_calls.to_string()),
        ("log_lines", limits.log_lines.to_string()),
        ("text_chars", limits.text_chars.to_string()),
        ("handles", limits.handles.to_string()),
        ("calls_in_flight", limits.calls_in_flight.to_string()),
        ("calls_of_one_provider", limits.calls_of_one_provider.to_string()),
        ("queue_time", seconds(limits.queue_time)),
    ]);
    let source = include_str!("../../sandbox/src/limits.rs");
    let fields = source.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "));
    assert_eq!(fields.map(|(name, _)| name).collect::<BTreeSet<_>>(), defaults.keys().copied().collect());
    let book = page("README.md");
    let table = book.split("## Limits").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut told = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let names = cells[1].split(", ").map(|name| name.trim_matches('`'));
        told.extend(names.zip(cells[2].split(", ").map(str::to_owned)));
    }
    // That of the network, which is no part of these.
    assert!(told.remove("timeout_seconds").is_some());
    assert_eq!(told, defaults);
}

#[test]
fn links_within_the_book_lead_somewhere() {
    for name in [
        "README.md",
        "rust.md",
        "javascript.md",
        "python.md",
        "go.md",
        "compatibility.md",
        "other-languages.md",
        "factors.md",
    ] {
        for target in page(name).split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = target.split('#').next().unwrap();
            let leads = target.starts_with("https://") || Path::new(ROOT).join("docs/providers").join(file).exists();
            assert!(leads, "{name}: {target}");
        }
    }
}

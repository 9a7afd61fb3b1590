//! The documents tell the truth: their links lead somewhere, the guide lists its pages, and each claim on security names a test that exists.
//! They use the words of today: see `words.rs`. And gateways are small: see `gateways.rs`.
//! And modules know only those below them: see `module_order.rs`. And generated code is what is generated: see `bindings.rs`.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod bindings;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod gateways;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod module_order;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod words;

/// Returns the workspace's root.
#[cfg(test)]
fn root() -> std::path::PathBuf {
    let mut root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root.pop();
    root
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::root;

    /// Returns all files with an extension below a folder.
    pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                if !["target", "node_modules", "venv"].contains(&&*name.to_string_lossy()) {
                    found.extend(files(&path, extension));
                }
            } else if path.extension().is_some_and(|it| it == extension) {
                found.push(path);
            }
        }
        found
    }

    /// Returns the text of a page without its blocks of code.
    pub(crate) fn prose(page: &Path) -> String {
        let text = fs::read_to_string(page).unwrap();
        text.split("```").step_by(2).collect()
    }

    /// Returns what links to a heading end with, on GitHub and in the book.
    fn anchors(page: &Path) -> BTreeSet<String> {
        let headings = prose(page);
        let headings = headings.lines().filter(|line| line.starts_with('#'));
        let anchor = |heading: &str| {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(anchor).collect()
    }

    #[test]
    fn links_between_documents_lead_somewhere() {
        let root = root();
        let docs = root.join("docs");
        let mut pages = files(&docs, "md");
        pages.extend(
            ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|it| root.join(it)),
        );
        let mut found = 0;
        for page in pages {
            for target in prose(&page).split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()) {
                if target.starts_with("https://") || target.starts_with("http://127.0.0.1") {
                    continue;
                }
                let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
                let leads_to = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
                let leads_to = leads_to.canonicalize().unwrap_or_else(|_| panic!("{}: {target}", page.display()));
                // The book has nothing else.
                let is_left = page.starts_with(&docs) && !leads_to.starts_with(docs.canonicalize().unwrap());
                assert!(!is_left, "{}: {target} is not in the book", page.display());
                assert!(anchor.is_empty() || anchors(&leads_to).contains(anchor), "{}: {target}", page.display());
                found += 1;
            }
        }
        assert!(found > 30, "{found}");
    }

    #[test]
    fn the_summary_of_the_guide_lists_each_page_once() {
        let docs = root().join("docs");
        let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
        for page in files(&docs, "md") {
            let name = page.strip_prefix(&docs).unwrap().to_string_lossy().into_owned();
            let expected = usize::from(name != "SUMMARY.md");
            assert_eq!(summary.matches(&format!("]({name})")).count(), expected, "{name}");
        }
    }

    /// Returns whether some file of tests has the name or path.
    fn is_a_file_of_tests(name: &str) -> bool {
        let root = root();
        let folders =
            ["tests/tests", "host/engine/tests", "host/sandbox/tests", "host/toolkit/tests", "host/server/tests"];
        root.join(name).is_file() || folders.iter().any(|folder| root.join(folder).join(name).is_file())
    }

    /// Returns whether a module of the host, written as a path from its crate, has tests, and among them the one that is named.
    fn is_a_module_with_tests(path: &str) -> bool {
        let parts: Vec<&str> = path.split("::").collect();
        let sources = ["engine", "sandbox", "toolkit", "server"].map(|name| root().join("host").join(name).join("src"));
        sources.iter().filter(|source| source.is_dir()).any(|source| {
            (1..=parts.len()).rev().any(|taken| {
                let module = source.join(parts[..taken].join("/"));
                let own = [
                    module.with_extension("rs"),
                    module.join("mod.rs"),
                    module.join("tests.rs"),
                    module.join("tests/mod.rs"),
                ];
                let text: String = own.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
                let has = |name: &&str| text.contains(&format!("mod {name}")) || text.contains(&format!("fn {name}("));
                (text.contains("#[test]") || text.contains("::test") || path.contains("conformance"))
                    && parts[taken..].iter().all(has)
            })
        })
    }

    #[test]
    fn each_claim_on_security_names_a_test_that_exists() {
        let text = fs::read_to_string(root().join("SECURITY.md")).unwrap();
        let (mut claims, mut missing) = (0, Vec::new());
        let mut before = "";
        for line in text.lines() {
            // A line that a blank one cuts off from its table is shown as raw text.
            if line.starts_with('|') {
                let begins = text.contains(&format!("{line}\n|---"));
                assert!(before.starts_with('|') || begins, "this row is outside of a table: {line}");
            }
            before = line;
            let Some((_, tests)) = line.trim_end_matches('|').trim_end().rsplit_once("| ") else { continue };
            if !line.starts_with("| ") || tests.trim() == "test" {
                continue;
            }
            let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty(), "no test is named: {line}");
            for name in named {
                let exists = if name.contains("::") { is_a_module_with_tests(name) } else { is_a_file_of_tests(name) };
                if !exists {
                    missing.push(format!("`{name}`: {line}"));
                }
            }
            claims += 1;
        }
        assert!(missing.is_empty(), "these do not exist:\n{}", missing.join("\n"));
        assert!(claims > 60, "{claims}");
    }

    #[test]
    fn the_guide_lists_each_metric() {
        let guide = fs::read_to_string(root().join("docs/operations.md")).unwrap();
        let listed: BTreeSet<&str> = guide.split('`').filter(|code| code.starts_with("twofactor_")).collect();
        let mut counted = BTreeSet::new();
        for source in files(&root().join("host"), "rs").into_iter().filter(|file| !file.ends_with("tests.rs")) {
            let text = fs::read_to_string(source).unwrap();
            for kind in ["counter!(", "gauge!(", "histogram!("] {
                let names = text.split(kind).skip(1).filter_map(|rest| rest.split('"').nth(1).map(str::to_owned));
                counted.extend(names.filter(|name| name.starts_with("twofactor_")));
            }
        }
        assert_eq!(listed, counted.iter().map(String::as_str).collect());
    }

    /// Returns whether a word in a document is the path of a file or folder, rather than code, a URL, or a name with a part to fill in.
    fn is_a_path(word: &str) -> bool {
        let file = ["rs", "md", "wit", "toml", "sql", "json", "c"].iter().any(|it| word.ends_with(&format!(".{it}")));
        let folder = ["host/", "providers/", "tests/", "docs/", "examples/"].iter().any(|it| word.starts_with(it));
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        (file || folder) && plain && !word.contains("NAME") && !word.contains("FILE")
    }

    #[test]
    fn the_files_that_the_contributors_documents_name_exist() {
        let root = root();
        let mut all = BTreeSet::new();
        for extension in ["rs", "md", "wit", "toml", "sql", "json", "c"] {
            all.extend(
                files(&root, extension).iter().map(|it| it.strip_prefix(&root).unwrap().to_string_lossy().into_owned()),
            );
        }
        let mut missing = Vec::new();
        for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"] {
            let text = prose(&root.join(page));
            for word in text.split('`').skip(1).step_by(2).filter(|word| is_a_path(word)) {
                let word = word.trim_end_matches('/');
                let ends = format!("/{word}");
                let exists = root.join(word).exists() || all.iter().any(|file| file.ends_with(&ends));
                if !exists {
                    missing.push(format!("{page}: `{word}`"));
                }
            }
        }
        assert!(missing.is_empty(), "these do not exist:\n{}", missing.join("\n"));
    }

    #[test]
    fn each_provider_is_named_where_people_look_for_it() {
        let root = root();
        let types = fs::read_dir(root.join("providers")).unwrap().map(|it| it.unwrap());
        let is_component = |folder: &fs::DirEntry| {
            fs::read_to_string(folder.path().join("Cargo.toml"))
                .is_ok_and(|it| it.split("\n[").any(|table| table.starts_with("lib]") && table.contains("\"cdylib\"")))
        };
        let types: Vec<String> =
            types.filter(is_component).map(|it| it.file_name().to_string_lossy().into_owned()).collect();
        assert!(types.len() >= 8, "{types:?}");
        for (place, quote) in [
            // So that no other provider takes its type.
            ("host/toolkit/src/check", '"'),
            // What it sends, in the admin UI.
            ("host/server/src/ui", '"'),
            ("docs/installing-providers.md", '`'),
        ] {
            let path = root.join(place);
            let sources = if path.is_dir() { files(&path, "rs") } else { vec![path] };
            let text: String = sources.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
            for type_id in &types {
                assert!(text.contains(&format!("{quote}{type_id}{quote}")), "{place} does not name `{type_id}`");
            }
        }
    }
}

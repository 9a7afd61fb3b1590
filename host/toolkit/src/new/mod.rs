//! `twofactor provider new`.

mod files;

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::output::print_line;

use files::{File, GO, JAVASCRIPT, PYTHON, RUST, WIT};

/// The longest type that a provider may say it serves.
const LONGEST_TYPE: usize = 32;

/// What a provider is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, with a kit of its own.
    Rust,
    /// JavaScript, with plain `fetch`.
    #[value(name = "javascript")]
    JavaScript,
    /// Python, with the contract's own HTTP.
    Python,
    /// Go, with a small kit of its own.
    Go,
}

impl Language {
    fn files(self) -> &'static [File] {
        match self {
            Self::Rust => RUST,
            Self::JavaScript => JAVASCRIPT,
            Self::Python => PYTHON,
            Self::Go => GO,
        }
    }

    /// A file's text, with the names that a project has in place of those it has here.
    fn named(self, text: &str, name: &str) -> String {
        let title = title(name);
        match self {
            // The kit is in `vendor/twofactor-provider`, and the contract is beside everything else.
            Self::Rust => {
                let text = text.replace("path: \"wit\"", "path: \"../../wit\"");
                let text = text.replace("{{name}}", name).replace("{{title}}", &title);
                text.replace("{{crate}}", &name.replace('-', "_"))
            }
            // In a project the contract is beside everything else.
            Self::JavaScript => {
                let text = text.replace("webhook-javascript", name).replace("Webhook (JavaScript)", &title);
                text.replace("../../wit", "wit")
            }
            Self::Python => {
                let text = text.replace("webhook-python", name).replace("Webhook (Python)", &title);
                text.replace("../../wit", "wit")
            }
            Self::Go => {
                let text = text.replace("webhook-go", name).replace("Webhook (Go)", &title);
                text.replace("../../wit", "wit")
            }
        }
    }
}

/// Makes the project of a provider in a folder that is not there yet, or is empty.
///
/// # Errors
/// If there is something in the folder, or it cannot be written to.
pub fn new(folder: &Path, language: Language) -> anyhow::Result<()> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.chars().all(fits) || !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > LONGEST_TYPE {
        bail!(
            "the folder's name becomes the project's, and the type of the provider's instances: give it a letter first, then \
             lower-case letters, digits and `-`, {LONGEST_TYPE} at most"
        );
    }
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty: nothing was written", folder.display());
    }
    for (path, text) in language.files() {
        write(&folder.join(path), &language.named(text, name))?;
    }
    for (path, text) in WIT {
        write(&folder.join(path), text)?;
    }
    print_line!("{} is a provider: its README.md says how to build and to check it.", folder.display())?;
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    #[cfg(unix)]
    if text.starts_with("#!") {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("{} cannot be made executable", path.display()))?;
    }
    Ok(())
}

/// The project's name as people write it: `my-gateway` is `My gateway`.
fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let first = words.get(..1).unwrap_or_default().to_ascii_uppercase();
    format!("{first}{}", words.get(1..).unwrap_or_default())
}

//! Makes the project of a new provider, or of a factor that people hold.

mod files;

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::output::print_line;

use files::{FACTOR_WIT, File, GO, JAVASCRIPT, PYTHON, RUST, RUST_FACTOR, WIT};

/// The greatest length of a provider's type, in characters.
const LONGEST_TYPE: usize = 32;

/// What a component does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProjectKind {
    /// Delivers messages.
    #[default]
    Provider,
    /// Verifies answers of a factor that users hold, such as an authenticator app (Rust only).
    Factor,
}

/// A programming language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
    /// JavaScript, with plain `fetch`.
    #[value(name = "javascript")]
    JavaScript,
    /// Python, with the HTTP interface of the contract.
    Python,
    /// Go, with a small library.
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

    /// Returns a file's text with the names of the new project.
    fn named(self, text: &str, name: &str) -> String {
        let title = title(name);
        match self {
            Self::Rust => {
                let text = text.replace("{{name}}", name).replace("{{title}}", &title);
                text.replace("{{crate}}", &name.replace('-', "_"))
            }
            // In a new project the contract is in the same folder.
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

/// Makes a project in a folder that does not exist, or is empty. A factor is in Rust, whose language need not be given.
///
/// # Errors
/// If no language is given or there is none for the kind, if the folder is not empty, cannot be written to, or its name cannot be the type of a provider.
pub fn new(folder: &Path, kind: ProjectKind, language: Option<Language>) -> anyhow::Result<()> {
    let (files, wit, language) = match (kind, language) {
        (ProjectKind::Provider, Some(language)) => (language.files(), WIT, language),
        (ProjectKind::Factor, None | Some(Language::Rust)) => (RUST_FACTOR, FACTOR_WIT, Language::Rust),
        (ProjectKind::Provider, None) => bail!("choose a programming language with `--language`"),
        (ProjectKind::Factor, Some(_)) => {
            bail!(
                "a factor must not import anything, and so far only Rust can build such a component: use `--language rust`"
            )
        }
    };
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.chars().all(fits) || !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > LONGEST_TYPE {
        bail!(
            "the folder's name becomes the name of the project and the type of its instances: it must begin with a lower-case letter \
             and consist of at most {LONGEST_TYPE} lower-case letters, digits and `-`"
        );
    }
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty; nothing was written", folder.display());
    }
    for (path, text) in files {
        write(&folder.join(path), &language.named(text, name))?;
    }
    for (path, text) in wit {
        write(&folder.join(path), text)?;
    }
    print_line!("Created {}. Its README.md says how to build and check the provider.", folder.display())?;
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    #[cfg(unix)]
    if text.starts_with("#!") {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {} executable", path.display()))?;
    }
    Ok(())
}

/// Returns the project's display name: `My gateway` for `my-gateway`.
fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let first = words.get(..1).unwrap_or_default().to_ascii_uppercase();
    format!("{first}{}", words.get(1..).unwrap_or_default())
}

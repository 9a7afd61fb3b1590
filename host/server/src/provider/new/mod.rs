//! `twofactor provider new`.

use std::path::Path;

use anyhow::{Context as _, bail};

/// Where the file goes, and what is in it.
type File = (&'static str, &'static str);

macro_rules! files {
    ($($to:literal from $from:literal),* $(,)?) => { &[$(($to, include_str!($from))),*] };
}

const RUST: &[File] = files![
    "Cargo.toml" from "rust/Cargo.toml.txt",
    "README.md" from "rust/README.md.txt",
    "src/lib.rs" from "rust/lib.rs.txt",
    "vendor/twofactor-provider/Cargo.toml" from "rust/sdk.toml.txt",
    "vendor/twofactor-provider/src/export.rs" from "../../../../../providers/sdk/src/export.rs",
    "vendor/twofactor-provider/src/failure.rs" from "../../../../../providers/sdk/src/failure.rs",
    "vendor/twofactor-provider/src/http.rs" from "../../../../../providers/sdk/src/http.rs",
    "vendor/twofactor-provider/src/lib.rs" from "../../../../../providers/sdk/src/lib.rs",
    "vendor/twofactor-provider/src/log.rs" from "../../../../../providers/sdk/src/log.rs",
    "vendor/twofactor-provider/src/mail.rs" from "../../../../../providers/sdk/src/mail.rs",
    "vendor/twofactor-provider/src/options.rs" from "../../../../../providers/sdk/src/options.rs",
    "vendor/twofactor-provider/src/provider.rs" from "../../../../../providers/sdk/src/provider.rs",
    "vendor/twofactor-provider/src/report.rs" from "../../../../../providers/sdk/src/report.rs",
    "vendor/twofactor-provider/src/testing.rs" from "../../../../../providers/sdk/src/testing.rs",
];

/// The contract, with the WASI packages that it names.
const WIT: &[File] = files![
    "wit/configuration.wit" from "../../../../../wit/configuration.wit",
    "wit/delivery.wit" from "../../../../../wit/delivery.wit",
    "wit/http.wit" from "../../../../../wit/http.wit",
    "wit/reports.wit" from "../../../../../wit/reports.wit",
    "wit/log.wit" from "../../../../../wit/log.wit",
    "wit/smtp.wit" from "../../../../../wit/smtp.wit",
    "wit/types.wit" from "../../../../../wit/types.wit",
    "wit/worlds.wit" from "../../../../../wit/worlds.wit",
    "wit/deps/cli.wit" from "../../../../../wit/deps/cli.wit",
    "wit/deps/clocks.wit" from "../../../../../wit/deps/clocks.wit",
    "wit/deps/filesystem.wit" from "../../../../../wit/deps/filesystem.wit",
    "wit/deps/http.wit" from "../../../../../wit/deps/http.wit",
    "wit/deps/io.wit" from "../../../../../wit/deps/io.wit",
    "wit/deps/random.wit" from "../../../../../wit/deps/random.wit",
    "wit/deps/sockets.wit" from "../../../../../wit/deps/sockets.wit",
];

/// What a provider is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, with a kit of its own.
    Rust,
}

impl Language {
    fn files(self) -> &'static [File] {
        match self {
            Self::Rust => RUST,
        }
    }
}

/// Makes the project of a provider in a folder that is not there yet, or is empty.
///
/// # Errors
/// If there is something in the folder, or it cannot be written to.
#[allow(clippy::print_stdout, reason = "this is what the command is for")]
pub fn new(folder: &Path, language: Language) -> anyhow::Result<()> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.chars().all(fits) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        bail!(
            "the folder's name becomes the project's: give it a letter first, then lower-case letters, digits and `-`"
        );
    }
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty: nothing was written", folder.display());
    }
    for (path, text) in language.files().iter().chain(WIT) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        }
        let text = text.replace("{{name}}", name).replace("{{crate}}", &name.replace('-', "_"));
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    println!("{} is a provider: its README.md says how to build and to check it.", folder.display());
    Ok(())
}

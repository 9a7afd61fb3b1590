//! `twofactor factors import`: authenticator apps that were set up with another program.

pub(super) mod authelia;
pub(super) mod otpauth;
pub(super) mod pskc;
mod xml;

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use twofactor::Actor;
use twofactor::admin::{AppImport, ExistingApp};
use twofactor_toolkit::output;
use zeroize::Zeroizing;

use crate::config::{Config, build};

/// The largest file that is read, in bytes.
const FILE_BYTES: u64 = 16 << 20;

/// How many problems are listed.
const LISTED: usize = 100;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A line for each app: `USER,otpauth://totp/…`, or only the URI, with the user as its account.
    Otpauth,
    /// PSKC (RFC 6030), as privacyIDEA exports it.
    Pskc,
    /// Authelia's export: YAML, or the list of URIs.
    Authelia,
}

/// A request to import a file.
#[derive(clap::Args)]
pub(super) struct FactorImport {
    /// The configuration, a TOML file.
    #[arg(long)]
    config: PathBuf,
    /// The subscription of the users.
    #[arg(long)]
    subscription: String,
    /// The instance that verifies the codes from now on, by its id or its name.
    #[arg(long)]
    two_factor: String,
    /// The format of the file.
    #[arg(long)]
    format: Format,
    /// For PSKC: a file with a line `SERIAL,USER` for each key whose user the export does not name.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// For encrypted PSKC: a file with the pre-shared key in hexadecimal.
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    key_file: Option<PathBuf>,
    /// For encrypted PSKC: a file with the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Check everything without importing it.
    #[arg(long)]
    dry_run: bool,
    /// The file; `-` for standard input.
    file: PathBuf,
}

/// An app in a file, or why it cannot be read. The reason repeats nothing of the file.
pub(super) struct Entry {
    /// The line where it begins, from 1.
    pub(super) line: usize,
    pub(super) app: Result<ExistingApp, String>,
}

/// Imports a file: all apps in it, or none.
///
/// # Errors
/// If the file or the store cannot be read, or an app cannot be imported. The text lists each with its line.
pub(super) async fn import(import: FactorImport) -> anyhow::Result<()> {
    let entries = parse(&import)?;
    let engine = build(Config::read(&import.config)?.builder().await?).await?;
    let administration = engine.administration(Actor::new("command line"));
    let (mut lines, mut apps, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for Entry { line, app } in entries {
        match app {
            Ok(app) => {
                lines.push(line);
                apps.push(app);
            }
            Err(why) => problems.push((line, why)),
        }
    }
    // What is readable is checked even if something is not: all problems are reported together.
    let dry_run = import.dry_run || !problems.is_empty();
    let done = administration.import_apps(&import.subscription, &import.two_factor, apps, dry_run).await?;
    let AppImport { apps, users, refused, .. } = done;
    problems.extend(refused.iter().filter_map(|(index, why)| Some((*lines.get(*index)?, why.to_string()))));
    if !problems.is_empty() {
        problems.sort();
        bail!("nothing was imported:\n{}", listed(&problems));
    }
    output::print(match import.dry_run {
        true => format!("Apps that can be imported: {apps}. Users: {users}. Nothing was changed.\n"),
        false => format!("Imported apps: {apps}. Users: {users}.\n"),
    })
}

fn listed(problems: &[(usize, impl fmt::Display)]) -> String {
    let mut lines: Vec<String> =
        problems.iter().take(LISTED).map(|(line, why)| format!("  line {line}: {why}")).collect();
    if let Some(more @ 1..) = problems.len().checked_sub(LISTED) {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

fn parse(import: &FactorImport) -> anyhow::Result<Vec<Entry>> {
    let text = read(&import.file)?;
    match import.format {
        Format::Otpauth => Ok(otpauth::parse(&text)),
        Format::Authelia => authelia::parse(&text),
        Format::Pskc => {
            let protection = match (&import.key_file, &import.password_file) {
                (Some(file), _) => {
                    let key = hex::decode(read(file)?.trim()).ok();
                    pskc::Protection::Key(Zeroizing::new(key.context("the pre-shared key is not hexadecimal")?))
                }
                (None, Some(file)) => {
                    // A password may end with spaces.
                    pskc::Protection::Password(Zeroizing::new(read(file)?.trim_end_matches(['\r', '\n']).to_owned()))
                }
                (None, None) => pskc::Protection::None,
            };
            let users = import.users.as_deref().map(read).transpose()?;
            pskc::parse(&text, &protection, users.as_ref().map_or("", |text| text.as_str()))
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let read = if file == Path::new("-") {
        std::io::stdin().take(FILE_BYTES + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(FILE_BYTES + 1).read_to_string(&mut text))
    };
    read.with_context(|| format!("the file {}", file.display()))?;
    if text.len() as u64 > FILE_BYTES {
        bail!("the file {} is longer than {FILE_BYTES} bytes", file.display());
    }
    Ok(text)
}

//! Commands that take configuration out of an installation and bring it in, as YAML. They work on the store and its keys, also
//! while a server runs on them.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use twofactor::Actor;
use twofactor::as_code::{Document, ExportedSecrets, Planned, Reference};
use twofactor_toolkit::output;

use crate::config::{Config, build};

/// The largest document that is read, in bytes.
const DOCUMENT_BYTES: u64 = 64 << 20;

/// Prints the installation, or one subscription of it.
///
/// # Errors
/// If the store does not open, or there is no such subscription.
pub async fn export(config: &Path, subscription: Option<&str>, secrets: ExportedSecrets) -> anyhow::Result<()> {
    let engine = build(Config::read(config)?.builder()?).await?;
    let document = engine.administration(Actor::new("command line")).export(subscription, secrets).await?;
    output::print(serde_saphyr::to_string(&document)?)
}

/// Brings in a document, `-` for standard input, and prints what that changes; with `dry_run` it changes nothing.
///
/// # Errors
/// Everything that is wrong with the document, each with its place, and valid instances that it would make invalid unless that is allowed: then
/// nothing was changed.
pub async fn import(
    config: &Path,
    file: &Path,
    (prune, allow_invalid): (bool, bool),
    dry_run: bool,
) -> anyhow::Result<()> {
    let document = read(file).with_context(|| format!("the document {}", file.display()))?;
    let engine = build(Config::read(config)?.builder()?).await?;
    let administration = engine.administration(Actor::new("command line"));
    let changes = if dry_run {
        administration.plan_import(&document, prune, &resolve).await
    } else {
        administration.import(&document, (prune, allow_invalid), &resolve).await
    };
    let changes = changes.map_err(|error| match error.field_errors() {
        [] => anyhow!(error),
        problems => {
            let lines: Vec<String> = problems.iter().map(|it| format!("  {} {}", it.pointer, it.detail)).collect();
            anyhow!("nothing was changed: the document cannot be brought in\n{}", lines.join("\n"))
        }
    })?;
    output::print(summary(&changes, dry_run))?;
    if dry_run && !allow_invalid && changes.iter().any(|change| change.makes_invalid.is_some()) {
        bail!("the document makes instances invalid that are valid now: correct it, or say `--allow-invalid`");
    }
    Ok(())
}

fn summary(changes: &[Planned], dry_run: bool) -> String {
    let mut text: String = changes.iter().map(|change| format!("{change}\n")).collect();
    text.push_str(&match (changes.len(), dry_run) {
        (0, _) => "Nothing to change.\n".to_owned(),
        (n, true) => format!("To change: {n}. Nothing was changed yet.\n"),
        (n, false) => format!("Changed: {n}.\n"),
    });
    text
}

fn read(file: &Path) -> anyhow::Result<Document> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().take(DOCUMENT_BYTES + 1).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.take(DOCUMENT_BYTES + 1).read_to_string(&mut text)?;
    }
    if text.len() as u64 > DOCUMENT_BYTES {
        bail!("it has more than {DOCUMENT_BYTES} bytes");
    }
    // Its own errors would show the lines around: a secret may stand there.
    let options = serde_saphyr::options! {
        with_snippet: false,
        // `NO` is Norway, and `0791234567` is no octal number.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        budget: serde_saphyr::budget! { max_nodes: 8_000_000, max_events: 16_000_000 },
    };
    serde_saphyr::from_str_with_options(&text, options).map_err(|error| in_own_words(&error))
}

/// The parser's own words are for those who program with it.
fn in_own_words(error: &serde_saphyr::Error) -> anyhow::Error {
    let text = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { .. } => "a key stands twice: leave one out".to_owned(),
        _ => return anyhow!("{error}"),
    };
    match error.location() {
        Some(at) => anyhow!("line {}, column {}: {text}", at.line(), at.column()),
        None => anyhow!(text),
    }
}

/// The text of a secret that a document refers to.
fn resolve(reference: &Reference) -> Result<String, String> {
    match reference {
        Reference::Env(name) => std::env::var(name).map_err(|_| format!("refers to the variable {name}: set it")),
        Reference::File(path) => std::fs::read_to_string(path)
            .map(|text| text.trim_end().to_owned())
            .map_err(|error| format!("refers to the file {path}: {error}")),
        _ => Err("refers to something that this program does not know".to_owned()),
    }
}

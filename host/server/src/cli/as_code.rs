//! `twofactor export` and `import`: configuration as YAML. They work on the store and its keys, even while a server uses them.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use twofactor::Actor;
use twofactor::admin::as_code::{Document, ExportedSecrets, Planned, Reference};
use twofactor_toolkit::output;

use super::references::{Allowed, References};
use crate::config::{Config, build};

/// The largest document that is read, in bytes.
const DOCUMENT_BYTES: u64 = 64 << 20;

/// Prints the configuration of the installation, or of one subscription.
///
/// # Errors
/// If the store cannot be opened, or the subscription does not exist.
pub(super) async fn export(config: &Path, subscription: Option<&str>, secrets: ExportedSecrets) -> anyhow::Result<()> {
    let engine = build(Config::read(config)?.builder().await?).await?;
    let document = engine.administration(Actor::new("command line")).export(subscription, secrets).await?;
    output::print(serde_saphyr::to_string(&document)?)
}

/// Imports a document, `-` for standard input, and prints the changes. With `dry_run` it changes nothing.
///
/// # Errors
/// If the document is not valid, or would make valid instances invalid without permission. The text lists all problems. Nothing is
/// changed then.
pub(super) async fn import(
    config: &Path,
    file: &Path,
    (prune, allow_invalid): (bool, bool),
    dry_run: bool,
    allowed: &Allowed<'_>,
) -> anyhow::Result<()> {
    let document = read(file).with_context(|| format!("the document {}", file.display()))?;
    let config = Config::read(config)?;
    let references = References::of(file, allowed, &config.files()?).context("a folder of `--files-from`")?;
    let resolve = |reference: &Reference| references.resolve(reference);
    let engine = build(config.builder().await?).await?;
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
            anyhow!("nothing was changed; the document is not valid:\n{}", lines.join("\n"))
        }
    })?;
    output::print(references.summary() + &summary(&changes, dry_run))?;
    if dry_run && !allow_invalid && changes.iter().any(|change| change.makes_invalid.is_some()) {
        bail!("the document would make valid instances invalid: fix it, or pass `--allow-invalid`");
    }
    if dry_run && !allow_invalid && changes.iter().any(|change| change.ends_passkeys) {
        bail!("the document would make passkeys stop working: keep the RP ID, or pass `--allow-invalid`");
    }
    Ok(())
}

fn summary(changes: &[Planned], dry_run: bool) -> String {
    let mut text: String = changes.iter().map(|change| format!("{change}\n")).collect();
    text.push_str(&match (changes.len(), dry_run) {
        (0, _) => "No changes.\n".to_owned(),
        (n, true) => format!("Planned changes: {n}. Nothing was changed.\n"),
        (n, false) => format!("Applied changes: {n}.\n"),
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
        bail!("it is longer than {DOCUMENT_BYTES} bytes");
    }
    parse(&text)
}

/// Parses a document. Its length is bounded already.
pub(super) fn parse(text: &str) -> anyhow::Result<Document> {
    parse_yaml(text)
}

/// Parses YAML of a bounded length, which may contain secrets.
pub(super) fn parse_yaml<T: serde::de::DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    // Without snippets, which could contain a secret.
    let options = serde_saphyr::options! {
        with_snippet: false,
        // `NO` is Norway, and `0791234567` is no octal number.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        budget: serde_saphyr::budget! { max_nodes: 8_000_000, max_events: 16_000_000 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| in_plain_words(&error))
}

/// Rewrites the errors of the parser that users cannot understand.
fn in_plain_words(error: &serde_saphyr::Error) -> anyhow::Error {
    let text = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { .. } => "a key appears twice: remove one".to_owned(),
        _ => return anyhow!("{error}"),
    };
    match error.location() {
        Some(at) => anyhow!("line {}, column {}: {text}", at.line(), at.column()),
        None => anyhow!(text),
    }
}

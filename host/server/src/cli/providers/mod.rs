//! `twofactor provider add`, `list`, `rollback` and `remove`: management of providers.

mod oci;
mod source;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use twofactor::Actor;
use twofactor::admin::{Administration, NewProvider};
use twofactor::sandbox::ProviderInfo;
use twofactor_toolkit::output::{self, print_line};
use twofactor_toolkit::wording;

use crate::config::{Config, build};
use crate::wording::Language;
use crate::wording::capabilities;
#[cfg(any(test, fuzzing))]
pub(super) use oci::Manifest;
use source::{Source, Stamp};

/// How often a watched component is checked.
const LOOK: Duration = Duration::from_millis(250);

/// The component to add, and conditions.
#[derive(Debug, clap::Args)]
pub(super) struct Addition {
    /// A component, a folder that contains one (such as a built Rust project), or `oci://REGISTRY/NAME@sha256:…`.
    source: String,
    /// The approved digest, `sha256:…`. Only the component with this digest is installed, without confirmation.
    #[arg(long)]
    digest: Option<String>,
    /// Its minisign signature. Default: the file next to it with `.minisig` appended.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Allow a lower version than that of the current component.
    #[arg(long)]
    allow_downgrade: bool,
    /// Allow valid instances to become invalid and send nothing.
    #[arg(long)]
    allow_invalid: bool,
    /// Install without confirmation.
    #[arg(long)]
    yes: bool,
    /// Reinstall whenever the file changes, without confirmation. For development.
    #[arg(long, conflicts_with = "digest")]
    watch: bool,
}

/// Installs a component, after it shows what it is able to do and what changes, and asks for a confirmation. A server on the same store
/// uses it within two seconds.
///
/// # Errors
/// If it cannot be read or loaded, does not meet the conditions, or is not approved.
pub(super) async fn add(config: &Path, addition: &Addition) -> anyhow::Result<()> {
    let admin = administration(config).await?;
    let source = Source::parse(&addition.source)?;
    if addition.watch && source.file()?.is_none() {
        bail!("`--watch` requires a local file or folder");
    }
    // Before it is read: a change from then on is one.
    let stamp = source.stamp();
    let new = read(&source, addition).await?;
    let examined = admin.examine_provider(new.clone()).await?;
    let (info, elsewhere) = (examined.info.clone(), examined.new_destinations.clone());
    let invalid = examined.made_invalid.clone();
    let serving = serving(&admin, &info.manifest.type_id);
    output::print(wording::provider(&info))?;
    match &serving {
        Some(serving) if serving.digest == info.digest => print_line!("\nThis component is installed already.")?,
        Some(serving) => output::print(format_args!("\n{}", differences(serving, &info)))?,
        None => print_line!("\nIt replaces no component: `{}` is a new type.", info.manifest.type_id)?,
    }
    if !elsewhere.is_empty() {
        print_line!("Secrets of instances would be sent to new destinations:")?;
        for destination in &elsewhere {
            print_line!("  - {destination}")?;
        }
    }
    if !invalid.is_empty() {
        print_line!("These valid instances would become invalid and send nothing:")?;
        for instance in &invalid {
            print_line!("  - {} ({})", instance.name.escape_debug(), instance.id)?;
            for problem in &instance.problems {
                print_line!("      {} {}", problem.pointer, problem.detail)?;
            }
        }
    }
    let mut new = new.examined(examined).allow_invalid(addition.allow_invalid);
    if addition.yes || addition.watch {
        new = new.destinations(elsewhere);
    } else if addition.digest.is_none() {
        approved(&info)?;
        new = new.destinations(elsewhere).allow_invalid(true);
    }
    let replaced = serving.map(|serving| serving.digest).unwrap_or_default();
    let info = admin.add_provider(new.replacing(replaced)).await?;
    print_line!("Installed: sha256:{}", info.digest)?;
    if addition.watch { watch(&admin, &source, stamp, addition).await } else { Ok(()) }
}

/// Prints the providers, by type.
///
/// # Errors
/// If the store cannot be opened.
pub(super) async fn list(config: &Path) -> anyhow::Result<()> {
    let admin = administration(config).await?;
    for provider in admin.providers() {
        let manifest = &provider.manifest;
        let came = match (&provider.added_at, &provider.signed_by) {
            (Some(at), Some(signer)) => format!("added {at:.0}, signed by {signer}"),
            (Some(at), None) => format!("added {at:.0}"),
            (None, _) => "bundled".to_owned(),
        };
        print_line!("{} {} {} sha256:{} ({came})", manifest.type_id, manifest.version, manifest.name, provider.digest)?;
    }
    for refused in admin.refused_providers() {
        print_line!(
            "{} CANNOT BE USED: sha256:{} (added {:.0}): {}",
            refused.type_id,
            refused.digest,
            refused.added_at,
            refused.why
        )?;
    }
    Ok(())
}

/// Returns a type to its previous component. With a digest, only if the current component has it.
///
/// # Errors
/// If there is no previous component, or the current one has another digest.
pub(super) async fn roll_back(
    config: &Path,
    type_id: &str,
    digest: Option<&str>,
    allow_invalid: bool,
) -> anyhow::Result<()> {
    let info = administration(config).await?.roll_back_provider(type_id, digest, allow_invalid).await?;
    print_line!("Rolled back `{type_id}` to {} {}: sha256:{}", info.manifest.name, info.manifest.version, info.digest)?;
    Ok(())
}

/// Removes all components that were added for a type. With a digest, only if the current component has it.
///
/// # Errors
/// If none was added, or the current one has another digest.
pub(super) async fn remove(
    config: &Path,
    type_id: &str,
    digest: Option<&str>,
    allow_invalid: bool,
) -> anyhow::Result<()> {
    let admin = administration(config).await?;
    admin.remove_provider(type_id, digest, allow_invalid).await?;
    match serving(&admin, type_id) {
        Some(own) => print_line!(
            "Removed. `{type_id}` uses the bundled component {} {}.",
            own.manifest.name,
            own.manifest.version
        )?,
        None => print_line!("Removed. `{type_id}` has no provider: its instances are not available.")?,
    }
    Ok(())
}

async fn administration(config: &Path) -> anyhow::Result<Administration> {
    let engine = build(Config::read(config)?.builder().await?).await?;
    Ok(engine.administration(Actor::new("command line")))
}

fn serving(admin: &Administration, type_id: &str) -> Option<ProviderInfo> {
    admin.providers().into_iter().find(|provider| provider.manifest.type_id == type_id)
}

async fn read(source: &Source, addition: &Addition) -> anyhow::Result<NewProvider> {
    let (component, beside) = source.read().await?;
    let signature = match &addition.signature {
        Some(file) => Some(std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?),
        None => beside,
    };
    let mut new = NewProvider::new(component).allow_downgrade(addition.allow_downgrade || addition.watch);
    if let Some(signature) = signature {
        new = new.signature(signature);
    }
    if let Some(digest) = &addition.digest {
        new = new.digest(digest);
    }
    Ok(new)
}

#[allow(clippy::print_stderr, reason = "for whoever watches the terminal")]
async fn watch(
    admin: &Administration,
    source: &Source,
    mut last: Option<Stamp>,
    addition: &Addition,
) -> anyhow::Result<()> {
    print_line!("Watching for changes; press Ctrl-C to stop.")?;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = source.stamp();
        // Wait until it has been written completely.
        if now.is_none() || now == last {
            continue;
        }
        tokio::time::sleep(LOOK).await;
        if source.stamp() != now {
            continue;
        }
        last = now;
        let added = async {
            let new = read(source, addition).await?;
            // For development, all destinations are approved.
            let new = new.any_destination(true).allow_invalid(addition.allow_invalid);
            Ok::<_, anyhow::Error>(admin.add_provider(new).await?)
        };
        let added = added.await;
        match added {
            Ok(info) => print_line!("Installed: {} sha256:{}", info.manifest.version, info.digest)?,
            Err(error) => eprintln!("Not installed: {error:#}"),
        }
    }
}

/// Asks for a confirmation on the terminal.
fn approved(info: &ProviderInfo) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "nothing was installed: there is no terminal to confirm on; pass `--digest sha256:{}` or `--yes`",
            info.digest
        );
    }
    output::print(format_args!("\nInstall it? [y/N] "))?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was installed");
    }
    Ok(())
}

/// Describes the changes.
fn differences(before: &ProviderInfo, after: &ProviderInfo) -> String {
    let changes = after.changes_from(before);
    let mut text =
        format!("It replaces {} {} (sha256:{})\n", before.manifest.name, before.manifest.version, before.digest);
    if changes.is_downgrade {
        text += "This is a DOWNGRADE: fixed bugs may return.\n";
    }
    if before.capabilities == after.capabilities {
        text += "Its capabilities are unchanged.\n";
    }
    for (title, items) in [
        ("Added capabilities: it may", &capabilities(Language::English, &changes.added_capabilities)),
        ("Removed capabilities: it may no longer", &capabilities(Language::English, &changes.removed_capabilities)),
        ("Added options", &changes.new_options),
        ("Removed options", &changes.lost_options),
        ("Added required options", &changes.newly_required),
        (
            "Options that are NO LONGER SECRET: their stored values are shown, and passed to the component",
            &changes.no_longer_secret,
        ),
    ] {
        if !items.is_empty() {
            text += &format!("{title}:\n");
            // Names of options are not trusted.
            text.extend(items.iter().map(|item| format!("  - {}\n", item.escape_debug())));
        }
    }
    text
}

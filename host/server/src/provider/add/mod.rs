//! `twofactor provider add`, `list`, `rollback`, `remove`: what an operator does with the components that serve.

mod oci;
mod source;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use twofactor::{Actor, Administration, NewProvider, ProviderInfo};
use twofactor_toolkit::output::{self, print_line};
use twofactor_toolkit::wording;

use crate::config::{Config, build};
use crate::wording::Language;
use crate::wording::capabilities;
use source::{Source, Stamp};

/// How often a component that is watched is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What to add, and what is expected of it.
#[derive(Debug, clap::Args)]
pub struct Addition {
    /// A component, a folder with one (also a project of Rust that was built), or `oci://REGISTRY/NAME@sha256:…`.
    source: String,
    /// Its digest, `sha256:…`, as somebody approved it: it is installed without a question, and nothing else is.
    #[arg(long)]
    digest: Option<String>,
    /// Its minisign signature; the file beside it that ends in `.minisig` if not said.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Takes a version that is lower than that of the component which serves.
    #[arg(long)]
    allow_downgrade: bool,
    /// Installs it even if instances that are valid now become invalid and send nothing.
    #[arg(long)]
    allow_invalid: bool,
    /// Installs it without a question.
    #[arg(long)]
    yes: bool,
    /// Installs it anew whenever it changes, without a question: for development.
    #[arg(long, conflicts_with = "digest")]
    watch: bool,
}

/// Installs a component: shows what it may do and what it changes, and asks. A server that runs on the same store serves with it within
/// a second or two.
///
/// # Errors
/// If it cannot be had, cannot be loaded, is not what was expected, or nobody approves.
pub async fn add(config: &Path, addition: &Addition) -> anyhow::Result<()> {
    let admin = administration(config).await?;
    let source = Source::parse(&addition.source)?;
    if addition.watch && source.file()?.is_none() {
        bail!("--watch needs a file or a folder");
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
        Some(serving) if serving.digest == info.digest => print_line!("\nThis component serves already.")?,
        Some(serving) => output::print(format_args!("\n{}", differences(serving, &info)))?,
        None => print_line!("\nIt replaces nothing: `{}` is a new type.", info.manifest.type_id)?,
    }
    if !elsewhere.is_empty() {
        print_line!("With it secrets of instances would go to where they do not go now:")?;
        for destination in &elsewhere {
            print_line!("  - {destination}")?;
        }
    }
    if !invalid.is_empty() {
        print_line!("With it instances that are valid now would be invalid and send nothing:")?;
        for instance in &invalid {
            print_line!("  - {} ({})", instance.name.escape_debug(), instance.id)?;
            for problem in &instance.problems {
                print_line!("      {} {}", problem.option, problem.message)?;
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

/// Prints the components that serve, by type.
///
/// # Errors
/// If the store does not open.
pub async fn list(config: &Path) -> anyhow::Result<()> {
    let admin = administration(config).await?;
    for provider in admin.providers() {
        let manifest = &provider.manifest;
        let came = match (&provider.added_at, &provider.signed_by) {
            (Some(at), Some(signer)) => format!("added {at:.0}, signed by {signer}"),
            (Some(at), None) => format!("added {at:.0}"),
            (None, _) => "comes with the program".to_owned(),
        };
        print_line!("{} {} {} sha256:{} ({came})", manifest.type_id, manifest.version, manifest.name, provider.digest)?;
    }
    for refused in admin.refused_providers() {
        print_line!(
            "{} DOES NOT SERVE: sha256:{} (added {:.0}): {}",
            refused.type_id,
            refused.digest,
            refused.added_at,
            refused.why
        )?;
    }
    Ok(())
}

/// Has the component that served a type before serve it again. With a digest only if that is the one that serves now.
///
/// # Errors
/// If there is none, or another serves.
pub async fn roll_back(config: &Path, type_id: &str, digest: Option<&str>, allow_invalid: bool) -> anyhow::Result<()> {
    let info = administration(config).await?.roll_back_provider(type_id, digest, allow_invalid).await?;
    print_line!("{} {} serves `{type_id}` again: sha256:{}", info.manifest.name, info.manifest.version, info.digest)?;
    Ok(())
}

/// Takes all components away that were added for a type. With a digest only if that is the newest of them.
///
/// # Errors
/// If none was added, or another one.
pub async fn remove(config: &Path, type_id: &str, digest: Option<&str>, allow_invalid: bool) -> anyhow::Result<()> {
    let admin = administration(config).await?;
    admin.remove_provider(type_id, digest, allow_invalid).await?;
    match serving(&admin, type_id) {
        Some(own) => print_line!(
            "{} {}, which comes with the program, serves `{type_id}`.",
            own.manifest.name,
            own.manifest.version
        )?,
        None => print_line!("Nothing serves `{type_id}` any more: its instances are not available.")?,
    }
    Ok(())
}

async fn administration(config: &Path) -> anyhow::Result<Administration> {
    let engine = build(Config::read(config)?.builder()?).await?;
    Ok(engine.administration(Actor::new("command line")))
}

fn serving(admin: &Administration, type_id: &str) -> Option<ProviderInfo> {
    admin.providers().into_iter().find(|provider| provider.manifest.type_id == type_id)
}

async fn read(source: &Source, addition: &Addition) -> anyhow::Result<NewProvider> {
    let (component, beside) = source.read().await?;
    let signature = match &addition.signature {
        Some(file) => {
            Some(std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?)
        }
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

#[allow(clippy::print_stderr, reason = "somebody sits before it")]
async fn watch(
    admin: &Administration,
    source: &Source,
    mut last: Option<Stamp>,
    addition: &Addition,
) -> anyhow::Result<()> {
    print_line!("Watching; Ctrl-C ends it.")?;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = source.stamp();
        // While it is written it changes from look to look.
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
            // Whoever watches tries what there is.
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

/// Asks whoever sits at the terminal.
fn approved(info: &ProviderInfo) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "nobody is there to approve it: nothing was installed. Say `--digest sha256:{}`, or `--yes`",
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

/// What changes, and nothing else.
fn differences(before: &ProviderInfo, after: &ProviderInfo) -> String {
    let changes = after.changes_from(before);
    let mut text =
        format!("It replaces {} {} (sha256:{})\n", before.manifest.name, before.manifest.version, before.digest);
    if changes.is_downgrade {
        text += "It is OLDER than what it replaces: faults that were mended come back.\n";
    }
    if before.capabilities == after.capabilities {
        text += "It may do what the other may, no more and no less.\n";
    }
    for (title, items) in [
        ("It may newly", &capabilities(Language::English, &changes.added_capabilities)),
        ("It may no longer", &capabilities(Language::English, &changes.removed_capabilities)),
        ("New options", &changes.new_options),
        ("Options it does not know any more", &changes.lost_options),
        ("Options it newly requires", &changes.newly_required),
        (
            "Options that are SECRET NO LONGER: what is stored of them is shown and given to it",
            &changes.no_longer_secret,
        ),
    ] {
        if !items.is_empty() {
            text += &format!("{title}:\n");
            // Names of options are a stranger's words.
            text.extend(items.iter().map(|item| format!("  - {}\n", item.escape_debug())));
        }
    }
    text
}

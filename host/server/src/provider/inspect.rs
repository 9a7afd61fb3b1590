//! `twofactor provider inspect`.

use std::path::Path;

/// Prints who a component says it is and what its imports let it do.
///
/// # Errors
/// If the file cannot be read, or is no provider.
#[allow(clippy::print_stdout, reason = "this is what the command is for")]
pub async fn inspect(file: &Path) -> anyhow::Result<()> {
    let info = twofactor::inspect(&super::read(file)?).await?;
    let manifest = &info.manifest;
    println!("{} {} (type `{}`, channel `{}`)", manifest.name, manifest.version, manifest.type_id, manifest.channel);
    println!("digest sha256:{}", info.digest);
    println!("It may:");
    for ability in &info.may {
        println!("  - {ability}");
    }
    println!("Imports:");
    for import in &info.imports {
        println!("  {import}");
    }
    println!("Options:\n{:#}", manifest.options_schema);
    Ok(())
}

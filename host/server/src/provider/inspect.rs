//! `twofactor provider inspect`.

use std::path::Path;

use super::add::described;

/// Prints who a component says it is and what its imports let it do.
///
/// # Errors
/// If the file cannot be read, or is no provider.
#[allow(clippy::print_stdout, reason = "this is what the command is for")]
pub async fn inspect(file: &Path) -> anyhow::Result<()> {
    let info = twofactor::inspect(&super::read(file)?).await?;
    print!("{}", described(&info));
    println!("Imports:");
    for import in &info.imports {
        println!("  {import}");
    }
    println!("Options:\n{:#}", info.manifest.options_schema);
    Ok(())
}

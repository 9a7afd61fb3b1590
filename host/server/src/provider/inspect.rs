//! `twofactor provider inspect`.

use std::path::Path;

use super::add::described;
use crate::say::{self, say};

/// Prints who a component says it is and what its imports let it do.
///
/// # Errors
/// If the file cannot be read, or is no provider.
pub async fn inspect(file: &Path) -> anyhow::Result<()> {
    let info = twofactor::inspect(&super::read(file)?).await?;
    say::write(described(&info))?;
    say!("Imports:")?;
    for import in &info.imports {
        say!("  {import}")?;
    }
    say!("Options:\n{:#}", info.manifest.options_schema)?;
    Ok(())
}

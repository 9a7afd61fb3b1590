//! Shows what a component declares.

use std::path::Path;

use crate::output::{self, print_line};
use crate::wording;

/// Prints the manifest of a component, its digest, its capabilities and its imports.
///
/// # Errors
/// If the file cannot be read, or is not a provider.
pub async fn inspect(file: &Path) -> anyhow::Result<()> {
    let info = twofactor_sandbox::inspect(&crate::read(file)?).await?;
    output::print(wording::provider(&info))?;
    print_line!("Imports:")?;
    for import in &info.imports {
        print_line!("  {import}")?;
    }
    print_line!("Options schema:\n{:#}", info.manifest.options_schema)
}

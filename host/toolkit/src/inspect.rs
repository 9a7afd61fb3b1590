//! `twofactor provider inspect`.

use std::path::Path;

use crate::output::{self, print_line};
use crate::wording;

/// Prints who a component says it is and what its imports let it do.
///
/// # Errors
/// If the file cannot be read, or is no provider.
pub async fn inspect(file: &Path) -> anyhow::Result<()> {
    let info = twofactor::sandbox::inspect(&super::read(file)?).await?;
    output::print(wording::provider(&info))?;
    print_line!("Imports:")?;
    for import in &info.imports {
        print_line!("  {import}")?;
    }
    print_line!("Options:\n{:#}", info.manifest.options_schema)?;
    Ok(())
}

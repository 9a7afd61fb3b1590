//! Files that a configuration names.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Checks that the folder of a file exists: its own error would only say that the file cannot be opened.
pub(super) fn check_folder(key: &str, file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let user = "the user that runs this program";
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => bail!("`{key}` = {}: {} is not a folder", file.display(), folder.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "`{key}` = {}: the folder {} does not exist; create it and give {user} write access",
            file.display(),
            std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display()
        ),
        Err(error) => {
            bail!(
                "`{key}` = {}: cannot access the folder {}: {error}; give {user} access to it",
                file.display(),
                folder.display()
            )
        }
    }
}

/// Returns the contents of a file. The error names the key.
pub(super) fn read(key: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("`{key}`: cannot read {}", file.display()))
}

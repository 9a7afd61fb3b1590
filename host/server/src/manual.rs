//! Man pages and shell completions, generated from the command line itself. `packaging/build` calls this.

use std::path::Path;

use clap_complete::Shell;

/// Writes a man page of each command to `folder/man`, and completions to `folder/completions`.
///
/// # Errors
/// If a file or folder cannot be written.
pub(crate) fn write_manual(mut command: clap::Command, folder: &Path) -> anyhow::Result<()> {
    let name = command.get_name().to_owned();
    let completions = folder.join("completions");
    std::fs::create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut command, &name, &completions)?;
    }
    let man = folder.join("man");
    std::fs::create_dir_all(&man)?;
    clap_mangen::generate_to(command, man)?;
    Ok(())
}

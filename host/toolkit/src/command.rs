//! The commands, for a command line that includes them.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::{CheckArgs, Language, ProjectKind, TryArgs};

/// A command on a component that is not installed.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the manifest of a component, its digest, its capabilities and its imports.
    Inspect {
        /// The component.
        file: PathBuf,
    },
    /// Create a project for a new provider.
    New {
        /// The new folder. Its name becomes the name of the project and the type of its instances.
        folder: PathBuf,
        /// What the component does.
        #[arg(long, default_value = "provider")]
        kind: ProjectKind,
        /// The programming language. Factors can be written only in Rust.
        #[arg(long)]
        language: Option<Language>,
    },
    /// Check a component against the contract, with servers on loopback in place of everything it reaches
    ///
    /// The servers respond correctly, incorrectly and not at all. Nothing leaves this machine. Exits with 1 if there is a fault.
    Check(CheckArgs),
    /// Deliver one code to a real recipient with a component.
    Try(TryArgs),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// The command's. Findings of `check` are not an error: the exit code tells whether there are faults.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Inspect { file } => crate::inspect(&file).await,
            Self::New { folder, kind, language } => crate::new(&folder, kind, language),
            Self::Check(check) => {
                let clean = crate::check(&check).await?;
                return Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Self::Try(arguments) => crate::try_provider(&arguments).await,
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

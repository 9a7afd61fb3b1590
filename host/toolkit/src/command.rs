//! The commands, for a command line that has them.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::{Check, Language, Try};

/// What an author and an operator do with a component before it serves anybody.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Prints who a component says it is, its digest, and what its imports let it do.
    Inspect {
        /// The component.
        file: PathBuf,
    },
    /// Makes a small project that builds a provider.
    New {
        /// The folder, whose name becomes the project's and the type of its instances.
        folder: PathBuf,
        /// What it is written in.
        #[arg(long)]
        language: Language,
    },
    /// Checks a component against the contract, with an upstream of ours on loopback that answers well, badly and not at all.
    /// Nothing leaves the machine.
    Check(Check),
    /// Has a component deliver one code, for real, and tells what happened.
    Try(Try),
}

impl Command {
    /// Runs it.
    ///
    /// # Errors
    /// Those of the command. What `check` finds is no error: it is in the exit code.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Inspect { file } => crate::inspect(&file).await,
            Self::New { folder, language } => crate::new(&folder, language),
            Self::Check(check) => {
                let clean = crate::check(&check).await?;
                return Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Self::Try(asked) => crate::try_provider(&asked).await,
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

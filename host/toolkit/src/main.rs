//! The command line of the toolkit.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use twofactor_toolkit::Command;
use twofactor_toolkit::output::OutputClosed;

/// Makes, checks and tries providers of TwoFactor.
#[derive(Parser)]
#[command(name = "twofactor-toolkit", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(twofactor::sandbox::on_thread_start)
        .build()?;
    let ended = runtime.block_on(run());
    // Compiling cannot be interrupted, and nobody waits for it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    ended
}

async fn run() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
    // One TLS library, one provider of its cryptography; it fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match arguments.command.run().await {
        Err(error) if error.is::<OutputClosed>() => Ok(twofactor_toolkit::output::CLOSED.into()),
        done => done,
    }
}

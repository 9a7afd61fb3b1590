//! The command line of the toolkit.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use twofactor_toolkit::Command;
use twofactor_toolkit::output::{self, OutputClosed};

/// Make, check and try providers for TwoFactor.
#[derive(Parser)]
#[command(name = "twofactor-toolkit", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Libraries that log data of guests and signed data at TRACE: recipients, and data from which a code can be guessed. It is never logged.
const VERBOSE: [&str; 2] = ["wasmtime_wasi", "aws_sigv4"];

fn main() -> anyhow::Result<ExitCode> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().on_thread_start(twofactor_sandbox::on_thread_start).build()?;
    let ended = runtime.block_on(run());
    // Compiling cannot be interrupted.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn run() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let discreet =
        filter_fn(|of| *of.level() < LevelFilter::TRACE || !VERBOSE.iter().any(|name| of.target().starts_with(name)));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).finish().with(discreet).init();
    // One TLS library with one provider of cryptography; this fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match arguments.command.run().await {
        Err(error) if error.is::<OutputClosed>() => Ok(ExitCode::from(output::CLOSED)),
        done => done,
    }
}

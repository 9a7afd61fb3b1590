//! The command line.

use std::net::SocketAddr;

use clap::{Parser, Subcommand};

/// An engine for second factors.
#[derive(Parser)]
#[command(name = "twofactor", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything on loopback with a throw-away store, and an outbox in place of mail server, eCall and Twilio.
    Demo {
        /// Where the server listens.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
    /// Works with a provider's component.
    Provider {
        #[command(subcommand)]
        command: ProviderCommand,
    },
}

#[derive(Subcommand)]
enum ProviderCommand {
    /// Prints who a component says it is, its digest, and what its imports let it do.
    Inspect {
        /// The component.
        file: std::path::PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match Arguments::parse().command {
        Command::Demo { listen } => twofactor_server::demo(listen).await,
        Command::Provider { command: ProviderCommand::Inspect { file } } => twofactor_server::inspect(&file).await,
    }
}

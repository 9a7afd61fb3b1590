//! The command line.

mod administration;
mod arguments;
mod as_code;
mod factors;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod providers;
mod references;
mod store;

use std::process::ExitCode;

use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use twofactor::admin::as_code::ExportedSecrets;
use twofactor::token::Role;
use twofactor_toolkit::output::{self, OutputClosed};

pub use arguments::Arguments;
use arguments::{
    AccountCommand, AuditCommand, Command, FactorCommand, KeyCommand, LogForm, ProviderCommand, SecretsForm,
    StoreCommand, TokenCommand,
};

use self::references::Allowed;
use crate::api::openapi;
use crate::demo::demo;
#[cfg(feature = "manual")]
use crate::manual::write_manual;
use crate::serve::serve;

/// Libraries that log data of guests and signed data at TRACE: recipients, and data from which a code can be guessed. It is never
/// logged.
const VERBOSE: [&str; 2] = ["wasmtime_wasi", "aws_sigv4"];

/// Sets up the log and runs a command.
///
/// # Errors
/// Those of the command.
pub async fn start(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let discreet =
        filter_fn(|of| *of.level() < LevelFilter::TRACE || !VERBOSE.iter().any(|name| of.target().starts_with(name)));
    match arguments.log {
        LogForm::Text => {
            log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish().with(discreet).init();
        }
        LogForm::Json => log.json().finish().with(discreet).init(),
    }
    // One TLS library, one provider of its cryptography; it fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(arguments.command).await {
        Err(error) if error.is::<OutputClosed>() => Ok(ExitCode::from(output::CLOSED)),
        done => done,
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo { listen, provider, replay, cache } => {
            demo(listen, &provider, &replay, &cache).await
        }
        Command::Serve { config } => serve(&config).await,
        Command::Token {
            command:
                TokenCommand::Issue { config, name, system_admin: _, subscription_admin, auditor, application, expires_at },
        } => {
            let role = match (application, auditor) {
                (Some(subscription), _) => Role::Application { subscription },
                (None, Some(subscriptions)) => {
                    Role::Auditor { subscriptions: Some(subscriptions).filter(|some| !some.is_empty()) }
                }
                (None, None) if subscription_admin.is_empty() => Role::SystemAdmin,
                (None, None) => Role::SubscriptionAdmin { subscriptions: subscription_admin },
            };
            administration::issue_token(&config, &name, role, expires_at).await
        }
        Command::Account {
            command:
                AccountCommand::Invite {
                    config,
                    email,
                    name,
                    system_admin: _,
                    subscription_admin,
                    auditor,
                    without_second_factor,
                },
        } => {
            let role = match auditor {
                Some(subscriptions) => {
                    Role::Auditor { subscriptions: Some(subscriptions).filter(|some| !some.is_empty()) }
                }
                None if subscription_admin.is_empty() => Role::SystemAdmin,
                None => Role::SubscriptionAdmin { subscriptions: subscription_admin },
            };
            let new = name.map(|name| (name, role));
            administration::invite_account(&config, &email, new, without_second_factor).await
        }
        Command::Account { command: AccountCommand::SecondFactor { config, off } } => {
            administration::second_factor(&config, off).await
        }
        Command::Key { command: KeyCommand::Rotate { config } } => administration::rotate_keys(&config),
        Command::Audit { command: AuditCommand::Verify { config } } => {
            administration::verify_audit_log(&config).await
        }
        Command::Store { command: StoreCommand::Backup { config, file } } => store::back_up(&config, &file),
        Command::Store { command: StoreCommand::Restore { config, file } } => store::restore(&config, &file).await,
        Command::Store { command: StoreCommand::Copy { from, to } } => store::copy(&from, &to).await,
        Command::Export { config, subscription, secrets } => {
            let secrets = match secrets {
                SecretsForm::Sealed => ExportedSecrets::Sealed,
                SecretsForm::References => ExportedSecrets::References,
                SecretsForm::Redacted => ExportedSecrets::Redacted,
            };
            as_code::export(&config, subscription.as_deref(), secrets).await
        }
        Command::Import { config, dry_run, prune, allow_invalid, files_from, env, file } => {
            let allowed = Allowed { folders: &files_from, variables: &env };
            as_code::import(&config, &file, (prune, allow_invalid), dry_run, &allowed).await
        }
        Command::Factors { command: FactorCommand::Import(import) } => factors::import(import).await,
        Command::Provider { command: ProviderCommand::Add { config, addition } } => {
            providers::add(&config, &addition).await
        }
        Command::Provider { command: ProviderCommand::List { config } } => {
            providers::list(&config).await
        }
        Command::Provider { command: ProviderCommand::Rollback { config, type_id, digest, allow_invalid } } => {
            providers::roll_back(&config, &type_id, digest.as_deref(), allow_invalid).await
        }
        Command::Provider { command: ProviderCommand::Remove { config, type_id, digest, allow_invalid } } => {
            providers::remove(&config, &type_id, digest.as_deref(), allow_invalid).await
        }
        Command::Provider { command: ProviderCommand::Toolkit(command) } => return command.run().await,
        Command::Openapi => output::print(openapi()),
        #[cfg(feature = "manual")]
        Command::Manual { folder } => {
            write_manual(<Arguments as clap::CommandFactory>::command(), &folder)
        }
    }
    .map(|()| ExitCode::SUCCESS)
}

//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use twofactor::Role;
use twofactor::as_code::ExportedSecrets;
use twofactor_server::ProviderAddition;
use twofactor_toolkit::output::{self, OutputClosed};

/// A delivery allocates in one thread what another frees: the system's allocator has both wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An engine for second factors.
#[derive(Parser)]
#[command(name = "twofactor", version, arg_required_else_help = true)]
struct Arguments {
    /// The form of the log on standard error; `RUST_LOG` says how much of it.
    #[arg(long, global = true, default_value = "text")]
    log: LogForm,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogForm {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything on loopback with a throw-away store, and an outbox in place of mail server, eCall and Twilio.
    Demo {
        /// Where the server listens.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Adds a provider's component, with an instance that has the first of its schema's `examples` for options and is assigned
        /// to a tenant named as its type. The outbox is in the place of whatever it reaches.
        #[arg(long, value_name = "FILE")]
        provider: Vec<PathBuf>,
        /// What the real upstream of such a provider answered, a file that `provider try --record` wrote: the outbox gives these answers
        /// again.
        #[arg(long, value_name = "FILE", requires = "provider")]
        replay: Vec<PathBuf>,
        #[command(flatten)]
        cache: twofactor_toolkit::Cache,
    },
    /// Serves the API.
    Serve {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Works with access tokens.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Works with the accounts of people who administer.
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Works with the keys that seal secrets and sign codes.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Works with the audit log.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Prints subscriptions and base service settings as YAML, to be kept beside code and brought in elsewhere.
    Export {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// Only this one.
        #[arg(long)]
        subscription: Option<String>,
        /// How secrets stand in it.
        #[arg(long, default_value = "sealed")]
        secrets: SecretsForm,
    },
    /// Brings in such a document: all of it, or none. What it does not name stays as it is.
    Import {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// Prints what would change, and changes nothing.
        #[arg(long)]
        dry_run: bool,
        /// Removes the instances of its subscriptions that it does not name.
        #[arg(long)]
        prune: bool,
        /// Goes on even if instances that are valid now become invalid and send nothing.
        #[arg(long)]
        allow_invalid: bool,
        /// The document, a YAML file; `-` for standard input.
        file: PathBuf,
    },
    /// Works with a provider's component.
    Provider {
        #[command(subcommand)]
        command: ProviderCommand,
    },
    /// Prints the OpenAPI document of the API.
    Openapi,
    /// Writes man pages and shell completions to a folder.
    #[cfg(feature = "manual")]
    #[command(hide = true)]
    Manual {
        /// The folder.
        folder: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum SecretsForm {
    /// Encrypted with this installation's key.
    Sealed,
    /// As names of variables of the environment.
    References,
    /// As a mask, which keeps what is stored where it is brought in.
    LeftOut,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Issues a token and prints it, this once. The first one of an installation comes from here.
    #[command(group(ArgGroup::new("role").required(true)))]
    Issue {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// A name for people.
        #[arg(long)]
        name: String,
        /// For everything.
        #[arg(long, group = "role")]
        system_admin: bool,
        /// For everything within these subscriptions.
        #[arg(long, group = "role", value_delimiter = ',', value_name = "SUBSCRIPTION")]
        subscription_admin: Vec<String>,
        /// To read everything within these subscriptions, or without any the whole installation.
        #[arg(long, group = "role", value_delimiter = ',', num_args = 0.., value_name = "SUBSCRIPTION")]
        auditor: Option<Vec<String>>,
        /// For challenges of this subscription.
        #[arg(long, group = "role", value_name = "SUBSCRIPTION")]
        application: Option<String>,
        /// When it ends by itself (RFC 3339); never if not said.
        #[arg(long)]
        expires_at: Option<Timestamp>,
    },
}

#[derive(Subcommand)]
enum AccountCommand {
    /// Prints a link, this once, with which a person sets a password. With a name and a role the account is made; without them it
    /// is there already.
    #[command(group(ArgGroup::new("role").requires("name")))]
    Invite {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// What the person logs in with.
        #[arg(long)]
        email: String,
        /// The person's name.
        #[arg(long, requires = "role")]
        name: Option<String>,
        /// For everything.
        #[arg(long, group = "role")]
        system_admin: bool,
        /// For everything within these subscriptions.
        #[arg(long, group = "role", value_delimiter = ',', value_name = "SUBSCRIPTION")]
        subscription_admin: Vec<String>,
        /// To read everything within these subscriptions, or without any the whole installation.
        #[arg(long, group = "role", value_delimiter = ',', num_args = 0.., value_name = "SUBSCRIPTION")]
        auditor: Option<Vec<String>>,
        /// The link lets in without a second factor, once, though every log-in demands one: the way back where it is broken. For an
        /// account that is there already.
        #[arg(long, conflicts_with = "name")]
        without_second_factor: bool,
    },
    /// Prints whether log-ins demand a second factor, and which subscription's instances deliver it.
    SecondFactor {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// Log-ins demand none any longer, until somebody next logs in with one.
        #[arg(long)]
        off: bool,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Adds a key. What is sealed and signed from now on uses it; what was before stays good.
    Rotate {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Finds a line that is missing or was changed.
    Verify {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
    },
}

#[derive(Subcommand)]
enum ProviderCommand {
    /// Installs a component, having shown what it may do and what it changes.
    Add {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        #[command(flatten)]
        addition: ProviderAddition,
    },
    /// Prints the components that serve.
    List {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Has the component that served a type before serve it again.
    Rollback {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// The type, such as `email`.
        type_id: String,
        /// The digest of the component that is taken away, `sha256:…`: if another one serves by now, nothing happens.
        #[arg(long)]
        digest: Option<String>,
        /// Goes on even if instances that are valid now become invalid and send nothing.
        #[arg(long)]
        allow_invalid: bool,
    },
    /// Takes all components away that were added for a type.
    Remove {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// The type, such as `email`.
        type_id: String,
        /// The digest of the component that is taken away, `sha256:…`: if another one serves by now, nothing happens.
        #[arg(long)]
        digest: Option<String>,
        /// Goes on even if instances that are valid now become invalid and send nothing.
        #[arg(long)]
        allow_invalid: bool,
    },
    #[command(flatten)]
    Toolkit(twofactor_toolkit::Command),
}

/// Libraries that write at TRACE what guests hand to them and what is signed: recipients, and that of which a code can be guessed. That is
/// written down for nobody.
const TALKATIVE: [&str; 2] = ["wasmtime_wasi", "aws_sigv4"];

fn main() -> anyhow::Result<ExitCode> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().on_thread_start(twofactor::on_thread_start).build()?;
    let ended = runtime.block_on(begin());
    // What is compiled now cannot be stopped, and nobody waits for it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    ended
}

async fn begin() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let discreet =
        filter_fn(|of| *of.level() < LevelFilter::TRACE || !TALKATIVE.iter().any(|name| of.target().starts_with(name)));
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
            twofactor_server::demo(listen, &provider, &replay, &cache).await
        }
        Command::Serve { config } => twofactor_server::serve(&config).await,
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
            twofactor_server::issue_token(&config, &name, role, expires_at).await
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
            twofactor_server::invite_account(&config, &email, new, without_second_factor).await
        }
        Command::Account { command: AccountCommand::SecondFactor { config, off } } => {
            twofactor_server::second_factor(&config, off).await
        }
        Command::Key { command: KeyCommand::Rotate { config } } => twofactor_server::rotate_keys(&config),
        Command::Audit { command: AuditCommand::Verify { config } } => {
            twofactor_server::verify_audit_log(&config).await
        }
        Command::Export { config, subscription, secrets } => {
            let secrets = match secrets {
                SecretsForm::Sealed => ExportedSecrets::Sealed,
                SecretsForm::References => ExportedSecrets::References,
                SecretsForm::LeftOut => ExportedSecrets::LeftOut,
            };
            twofactor_server::export(&config, subscription.as_deref(), secrets).await
        }
        Command::Import { config, dry_run, prune, allow_invalid, file } => {
            twofactor_server::import(&config, &file, (prune, allow_invalid), dry_run).await
        }
        Command::Provider { command: ProviderCommand::Add { config, addition } } => {
            twofactor_server::add_provider(&config, &addition).await
        }
        Command::Provider { command: ProviderCommand::List { config } } => {
            twofactor_server::list_providers(&config).await
        }
        Command::Provider { command: ProviderCommand::Rollback { config, type_id, digest, allow_invalid } } => {
            twofactor_server::roll_back_provider(&config, &type_id, digest.as_deref(), allow_invalid).await
        }
        Command::Provider { command: ProviderCommand::Remove { config, type_id, digest, allow_invalid } } => {
            twofactor_server::remove_provider(&config, &type_id, digest.as_deref(), allow_invalid).await
        }
        Command::Provider { command: ProviderCommand::Toolkit(command) } => return command.run().await,
        Command::Openapi => output::print(twofactor_server::openapi()),
        #[cfg(feature = "manual")]
        Command::Manual { folder } => {
            twofactor_server::write_manual(<Arguments as clap::CommandFactory>::command(), &folder)
        }
    }
    .map(|()| ExitCode::SUCCESS)
}

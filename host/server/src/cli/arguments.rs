//! The arguments of the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::factors::FactorImport;
use super::providers::Addition;

/// TwoFactor: an engine for second factors with sandboxed providers.
#[derive(Parser)]
#[command(name = "twofactor", version, arg_required_else_help = true)]
pub struct Arguments {
    /// The format of the log on standard error. `RUST_LOG` sets its level.
    #[arg(long, global = true, default_value = "text")]
    pub(super) log: LogForm,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum LogForm {
    Text,
    Json,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Start everything on loopback with a temporary store, and a built-in outbox instead of a mail server, eCall and Twilio.
    Demo {
        /// The address and port to listen on.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// A component to add, with an instance that is assigned to the tenant with the name of its type. Its options are the first
        /// entry of `examples` in its options schema. The outbox replaces its upstreams.
        #[arg(long, value_name = "FILE")]
        provider: Vec<PathBuf>,
        /// Recorded responses of its upstream, a file from `provider try --record`. The outbox replays them.
        #[arg(long, value_name = "FILE", requires = "provider")]
        replay: Vec<PathBuf>,
        #[command(flatten)]
        cache: twofactor_toolkit::CompileCacheArgs,
    },
    /// Start the server.
    Serve {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Manage access tokens.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Manage the accounts of administrators.
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Manage the keys that seal secrets and sign codes.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Check the audit log.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Back up a SQLite database, restore it, or copy the store to another database.
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Print subscriptions and base service settings as YAML, for version control or another installation.
    Export {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// Only this subscription.
        #[arg(long)]
        subscription: Option<String>,
        /// How secrets are written.
        #[arg(long, default_value = "sealed")]
        secrets: SecretsForm,
    },
    /// Import a document from `export`, all or nothing. Anything it does not contain stays unchanged.
    Import {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// Print the changes without making them.
        #[arg(long)]
        dry_run: bool,
        /// Delete instances of its subscriptions that it does not contain.
        #[arg(long)]
        prune: bool,
        /// Allow valid instances to become invalid and send nothing, and passkeys to stop working because the RP ID changes.
        #[arg(long)]
        allow_invalid: bool,
        /// A folder whose files the document may refer to as secrets (`$file`), in addition to files next to the document. Can be repeated.
        #[arg(long, value_name = "FOLDER")]
        files_from: Vec<PathBuf>,
        /// An environment variable that the document may refer to as a secret (`$env`), in addition to those whose names begin with `SECRET__`. Can be repeated.
        #[arg(long, value_name = "NAME")]
        env: Vec<String>,
        /// The document, a YAML file; `-` for standard input.
        file: PathBuf,
    },
    /// Import factors from another program.
    Factors {
        #[command(subcommand)]
        command: FactorCommand,
    },
    /// Manage, write and check providers.
    Provider {
        #[command(subcommand)]
        command: ProviderCommand,
    },
    /// Print the OpenAPI document of the REST API.
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
pub(super) enum SecretsForm {
    /// Encrypted with a key of this installation.
    Sealed,
    /// As names of environment variables.
    References,
    /// As a mask. Importing it keeps the stored secret.
    Redacted,
}

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Issue a token and print it. It is shown only once. The first token of an installation is issued here.
    #[command(group(ArgGroup::new("role").required(true)))]
    Issue {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// The display name.
        #[arg(long)]
        name: String,
        /// Full access.
        #[arg(long, group = "role")]
        system_admin: bool,
        /// Full access to these subscriptions.
        #[arg(long, group = "role", value_delimiter = ',', value_name = "SUBSCRIPTION")]
        subscription_admin: Vec<String>,
        /// Read access to these subscriptions or, with no value, to the whole installation.
        #[arg(long, group = "role", value_delimiter = ',', num_args = 0.., value_name = "SUBSCRIPTION")]
        auditor: Option<Vec<String>>,
        /// Challenges, sign-ins, and the factors and addresses of users, of this subscription only.
        #[arg(long, group = "role", value_name = "SUBSCRIPTION")]
        application: Option<String>,
        /// When it expires (RFC 3339). By default, it does not expire.
        #[arg(long)]
        expires_at: Option<Timestamp>,
    },
}

#[derive(Subcommand)]
pub(super) enum AccountCommand {
    /// Print a link for setting a password. It is shown only once. With a name and a role, the account is created; otherwise it must
    /// exist.
    #[command(group(ArgGroup::new("role").requires("name")))]
    Invite {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// The email address for login.
        #[arg(long)]
        email: String,
        /// The name of the person.
        #[arg(long, requires = "role")]
        name: Option<String>,
        /// Full access.
        #[arg(long, group = "role")]
        system_admin: bool,
        /// Full access to these subscriptions.
        #[arg(long, group = "role", value_delimiter = ',', value_name = "SUBSCRIPTION")]
        subscription_admin: Vec<String>,
        /// Read access to these subscriptions or, with no value, to the whole installation.
        #[arg(long, group = "role", value_delimiter = ',', num_args = 0.., value_name = "SUBSCRIPTION")]
        auditor: Option<Vec<String>>,
        /// Let the link log in once without a second factor, even if one is required or the account holds one. Use it if delivery is
        /// broken or a factor is lost. For existing accounts only.
        #[arg(long, conflicts_with = "name")]
        without_second_factor: bool,
    },
    /// Print whether logins require a second factor, and which subscription delivers it.
    SecondFactor {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// Turn the requirement off. The next login with a delivered code turns it on again.
        #[arg(long)]
        off: bool,
    },
}

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Add a key. Restart the servers to use it for new data; existing data stays readable.
    Rotate {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Find missing and changed entries.
    Verify {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum StoreCommand {
    /// Copy a SQLite database to a new file, even while servers use it, and check the copy. It does not contain the keys.
    Backup {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// The new file.
        file: PathBuf,
    },
    /// Replace a SQLite database with a backup, after checking it with the keys. No server may be running. The database that is replaced gets
    /// another name. Pending codes, sign-ins and sessions in the backup are ended.
    Restore {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// The file that `backup` created.
        file: PathBuf,
    },
    /// Copy a store from SQLite to PostgreSQL or back, and verify the copy. No server may be running. Pending codes are not copied.
    Copy {
        /// The TOML configuration of the database to copy.
        #[arg(long)]
        from: PathBuf,
        /// The TOML configuration of the target, with an empty database and the same keys.
        #[arg(long)]
        to: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum FactorCommand {
    /// Import authenticator apps that users have set up with another program, all or nothing.
    Import(FactorImport),
}

#[derive(Subcommand)]
pub(super) enum ProviderCommand {
    /// Show what a component can do and what it changes, then install it.
    Add {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        #[command(flatten)]
        addition: Addition,
    },
    /// List the providers.
    List {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Roll back a type to its previous component.
    Rollback {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// The type, such as `email`.
        type_id: String,
        /// The digest of the current component, `sha256:…`. If it is a different one, nothing is changed.
        #[arg(long)]
        digest: Option<String>,
        /// Allow valid instances to become invalid and send nothing.
        #[arg(long)]
        allow_invalid: bool,
    },
    /// Remove all components that were added for a type.
    Remove {
        /// The configuration, a TOML file.
        #[arg(long)]
        config: PathBuf,
        /// The type, such as `email`.
        type_id: String,
        /// The digest of the current component, `sha256:…`. If it is a different one, nothing is changed.
        #[arg(long)]
        digest: Option<String>,
        /// Allow valid instances to become invalid and send nothing.
        #[arg(long)]
        allow_invalid: bool,
    },
    #[command(flatten)]
    Toolkit(twofactor_toolkit::Command),
}

//! The configuration of `twofactor serve`: a TOML file, with variables of the environment over it. It holds no secrets: the
//! keys are a file of their own.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::connections::ConnectionLimits;
use crate::oidc::{Oidc, OidcConfig};
use crate::sign_in::PublicUrl;
use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use twofactor::{Builder, HistoryLimits, IpNet, Network, Policy, RateLimits, Signers, SqliteStore, TwoFactor};
use url::Url;

/// Everything that can be configured. What has a default may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the server listens; `127.0.0.1:8080`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Where people reach the server, as `https://admin.example.com`: links begin with it. Where it listens, if not said. The sign-in
    /// page needs one with `https:` and without a path, unless the server listens on a loopback address.
    pub public_url: Option<String>,
    /// The networks of the proxies whose `X-Forwarded-For` counts; none.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
    /// How long calls under way may take after SIGTERM, in seconds; 30.
    #[serde(default = "default_drain")]
    pub drain_seconds: u64,
    /// How many connections clients may have, and how long each may keep the server waiting.
    #[serde(default)]
    pub connections: ConnectionLimits,
    /// TLS at the server itself; without it a proxy in front must speak it.
    pub tls: Option<Tls>,
    /// Where everything durable lives.
    pub store: Store,
    /// The keys that seal secrets and sign codes.
    #[serde(default)]
    pub keys: Keys,
    /// What may be reached.
    #[serde(default)]
    pub network: Reach,
    /// Which providers are loaded.
    #[serde(default)]
    pub providers: Providers,
    /// The policy of instances that state none of their own.
    #[serde(default)]
    pub policy: Policy,
    /// How much is too much.
    #[serde(default)]
    pub limits: RateLimits,
    /// How much of what became of messages is kept.
    #[serde(default)]
    pub history: HistoryLimits,
    /// The accounts of people who administer.
    #[serde(default)]
    pub accounts: Accounts,
}

/// The accounts.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// After how many minutes without use a session ends; 30.
    pub idle_minutes: u64,
    /// After how many hours a session ends in any case; 12.
    pub session_hours: u64,
    /// The subscription whose instances deliver second factors of accounts: those assigned to the client application
    /// `twofactor-admin`. It counts until a system administrator chooses one in the admin UI. None if not said.
    pub second_factor_subscription: Option<String>,
    /// Whether nobody logs in without one, but with an invitation; `false`.
    pub require_second_factor: bool,
    /// Log-in at an identity provider, beside that with a password. None if not said.
    pub oidc: Option<OidcConfig>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            idle_minutes: 30,
            session_hours: 12,
            second_factor_subscription: None,
            require_second_factor: false,
            oidc: None,
        }
    }
}

/// A certificate and its key. They are read again on SIGHUP.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain, as a PEM file.
    pub certificate: PathBuf,
    /// The private key, as a PEM file.
    pub key: PathBuf,
}

/// The store.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The SQLite database; made if it is not there.
    pub path: PathBuf,
}

/// The keys.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The key file, made (mode 0600) if it is not there; beside the database, with the ending `.keys`, if not said. Keep a copy,
    /// and not with the copies of the database.
    pub file: Option<PathBuf>,
}

/// What may be reached beyond public addresses over TLS.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// PEM files of certificate authorities to trust besides the system's.
    #[serde(default)]
    pub trust_certificates: Vec<PathBuf>,
    /// Networks of private addresses that instances may reach.
    #[serde(default)]
    pub allow_networks: Vec<IpNet>,
    /// Mail servers, as `host:port`, that instances may speak to without TLS.
    #[serde(default)]
    pub allow_plaintext_smtp: Vec<String>,
    /// Names with a fixed address, as `"smtp.example.com" = "10.0.0.5:465"`. TLS still demands the name.
    #[serde(default)]
    pub resolve: BTreeMap<String, SocketAddr>,
    /// Loopback addresses that stand in for an endpoint, without TLS, as `"https://api.twilio.com" = "127.0.0.1:9000"`: for
    /// trying things out.
    #[serde(default)]
    pub stand_ins: BTreeMap<String, SocketAddr>,
    /// How long a request over HTTP may take, in seconds; see [`twofactor::NetworkBuilder::timeout`] for the default. How long a mail may
    /// is said by its instance.
    pub timeout_seconds: Option<u64>,
}

/// The providers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Providers {
    /// Whether the usual ones that come with TwoFactor are loaded, `email`, `ecall` and `twilio`; `true`.
    #[serde(default = "yes")]
    pub bundled: bool,
    /// Others that come with TwoFactor and are loaded as well: `["ses", "slack", "twilio-verify", "twilio-voice", "webhook"]`; none.
    #[serde(default)]
    pub also: Vec<String>,
    /// More components.
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// Whose signatures of components are trusted: minisign public keys in base64, as `acme = "RWQ…"`.
    #[serde(default)]
    pub signers: BTreeMap<String, String>,
    /// Whether a component that is added must carry one; `false`. Those of `bundled` and `files` need none.
    #[serde(default)]
    pub require_signature: bool,
    /// Where compiled components are kept; beside the database, with the ending `.cache`, if not said.
    pub cache: Option<PathBuf>,
}

impl Default for Providers {
    fn default() -> Self {
        Self {
            bundled: true,
            also: Vec::new(),
            files: Vec::new(),
            signers: BTreeMap::new(),
            require_signature: false,
            cache: None,
        }
    }
}

fn yes() -> bool {
    true
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn default_drain() -> u64 {
    30
}

/// Begins the name of every variable that overrides the file: `TWOFACTOR_STORE__PATH` is `path` in `[store]`.
const PREFIX: &str = "TWOFACTOR_";

impl Config {
    /// Reads the file, and the process's environment over it.
    ///
    /// # Errors
    /// What is wrong, with the file's line and key or the variable's name.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let value = value.into_string().unwrap_or_default();
            (name.starts_with(PREFIX) && !is_of_kubernetes(&name, &value)).then_some((name, value))
        });
        Self::parse(&text, variables.collect()).with_context(|| format!("in the configuration {}", path.display()))
    }

    fn parse(text: &str, variables: BTreeMap<String, String>) -> anyhow::Result<Self> {
        let mut table: toml::Table = toml::from_str(text)?;
        if variables.is_empty() {
            // Only the text by itself knows its lines.
            return Ok(toml::from_str(text)?);
        }
        for (name, value) in &variables {
            lay_over(&mut table, name, value)?;
        }
        if table.clone().try_into::<Self>().is_err() && toml::from_str::<Self>(text).is_ok() {
            // One of the variables is wrong: say which.
            for (name, value) in &variables {
                let mut alone: toml::Table = toml::from_str(text)?;
                lay_over(&mut alone, name, value)?;
                if let Err(error) = alone.try_into::<Self>() {
                    bail!("the variable {name} of the environment: {}", error.message());
                }
            }
        }
        table.try_into().map_err(|error: toml::de::Error| match toml::from_str::<Self>(text) {
            // The file by itself is wrong: say where.
            Err(of_the_file) if of_the_file.message() == error.message() => of_the_file.into(),
            _ => anyhow!(error).context("with the environment's variables laid over the file"),
        })
    }

    /// The engine that this describes.
    ///
    /// # Errors
    /// What cannot be read or does not fit, with the key.
    pub fn builder(&self) -> anyhow::Result<Builder> {
        let mut builder = self.books()?.policy(self.policy.clone()).rate_limits(self.limits.clone());
        builder = builder.history(self.history);
        builder = builder.network(self.network.build()?).cache_dir(self.beside(&self.providers.cache, "cache"));
        let accounts = &self.accounts;
        let seconds = |count: u64, each: u64| Duration::from_secs(count.saturating_mul(each));
        builder = builder
            .session_times(seconds(accounts.idle_minutes, 60), seconds(accounts.session_hours, 3600))
            .require_second_factor_for_accounts(accounts.require_second_factor);
        if self.providers.bundled {
            builder = builder.bundled_providers();
        }
        for type_id in &self.providers.also {
            builder = builder.bundled_provider(type_id).context("`providers.also`")?;
        }
        if self.public_url.is_some() {
            builder = builder.report_url(format!("{}/reports", self.base_url(self.listen)?));
        }
        for file in &self.providers.files {
            builder = builder.provider(read("providers.files", file)?);
        }
        Ok(builder)
    }

    /// The store and its keys alone: enough to administer.
    ///
    /// # Errors
    /// What cannot be opened.
    pub fn books(&self) -> anyhow::Result<Builder> {
        let file = self.key_file();
        folder_of("store.path", &self.store.path)?;
        folder_of("keys.file", &file)?;
        let store = SqliteStore::open(&self.store.path)
            .with_context(|| format!("`store.path` = {}: the database cannot be opened", self.store.path.display()))?;
        let mut signers = Signers::new().required(self.providers.require_signature);
        for (name, key) in &self.providers.signers {
            signers = signers.trust(name, key).with_context(|| format!("`providers.signers.{name}`"))?;
        }
        let mut builder = TwoFactor::builder().store(store).key_file(file).signers(signers);
        if let Some(subscription) = &self.accounts.second_factor_subscription {
            builder = builder.second_factor_for_accounts(subscription);
        }
        Ok(builder)
    }

    /// What links begin with, where the server listens at `address`.
    ///
    /// # Errors
    /// If `public_url` is more than a scheme, a host, a port and a path.
    pub fn base_url(&self, address: SocketAddr) -> anyhow::Result<String> {
        let Some(url) = &self.public_url else { return Ok(self.listening_url(address)) };
        let plain = |url: &Url| {
            let nobody = url.username().is_empty() && url.password().is_none();
            matches!(url.scheme(), "http" | "https") && nobody && url.query().is_none() && url.fragment().is_none()
        };
        let Some(url) = Url::parse(url).ok().filter(plain) else {
            bail!("`public_url` must be like `https://admin.example.com`");
        };
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    /// Log-in at an identity provider, if it is configured. Browsers find this server at `base`.
    ///
    /// # Errors
    /// What does not fit, with the key.
    pub fn oidc(&self, base: &str) -> anyhow::Result<Option<Oidc>> {
        let Some(oidc) = &self.accounts.oidc else { return Ok(None) };
        oidc.build(&self.network.build()?, base).map(Some)
    }

    /// Where browsers find the sign-in page, if it can be served.
    ///
    /// # Errors
    /// As for [`Self::base_url`].
    pub fn sign_in_page_url(&self, address: SocketAddr) -> anyhow::Result<Option<PublicUrl>> {
        if self.public_url.is_none() && !address.ip().is_loopback() {
            return Ok(None);
        }
        match PublicUrl::parse(&self.base_url(address)?) {
            Ok(url) => Ok(Some(url)),
            Err(why) => {
                tracing::warn!(%why, "there is no sign-in page at this `public_url`");
                Ok(None)
            }
        }
    }

    pub(crate) fn listening_url(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.tls.is_some() { "https" } else { "http" })
    }

    /// Where the keys are.
    pub fn key_file(&self) -> PathBuf {
        self.beside(&self.keys.file, "keys")
    }

    fn beside(&self, said: &Option<PathBuf>, ending: &str) -> PathBuf {
        said.clone().unwrap_or_else(|| self.store.path.with_added_extension(ending))
    }
}

/// Says which folder is missing, before something else says that a file in it cannot be opened.
fn folder_of(key: &str, file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let user = "the user that runs this program";
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => bail!("`{key}` = {}: {} is not a folder", file.display(), folder.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "`{key}` = {}: the folder {} does not exist; create it so that {user} can write to it",
            file.display(),
            std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display()
        ),
        Err(error) => {
            bail!("`{key}` = {}: the folder {}: {error}; give {user} access to it", file.display(), folder.display())
        }
    }
}

impl Reach {
    fn build(&self) -> anyhow::Result<Network> {
        let mut network = Network::builder();
        for file in &self.trust_certificates {
            network = network.trust_certificate_pem(&read("network.trust_certificates", file)?);
        }
        for allowed in &self.allow_networks {
            network = network.allow_network(*allowed);
        }
        for endpoint in &self.allow_plaintext_smtp {
            let parts = endpoint.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
            let Some((host, port)) = parts else {
                bail!("`network.allow_plaintext_smtp`: `{endpoint}` must be `host:port`");
            };
            network = network.allow_plaintext_smtp(host, port);
        }
        for (host, address) in &self.resolve {
            network = network.resolve(host, *address);
        }
        for (endpoint, address) in &self.stand_ins {
            network = network.stand_in(endpoint, *address);
        }
        if let Some(seconds) = self.timeout_seconds {
            network = network.timeout(Duration::from_secs(seconds));
        }
        network.build().context("`[network]`")
    }
}

/// Puts the engine together. What its errors keep from callers of the API is for the operator to read here.
pub(crate) async fn build(builder: Builder) -> anyhow::Result<TwoFactor> {
    builder.build().await.map_err(|error| match error.operator_detail() {
        Some(detail) => anyhow!("{detail}"),
        None => error.into(),
    })
}

fn read(key: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("`{key}`: {} cannot be read", file.display()))
}

/// Puts a variable's value in the place of the key that it names.
fn lay_over(table: &mut toml::Table, name: &str, value: &str) -> anyhow::Result<()> {
    let keys = name.trim_start_matches(PREFIX).to_ascii_lowercase();
    set(table, &keys.split("__").collect::<Vec<_>>(), scalar(value))
        .with_context(|| format!("the variable {name} of the environment"))
}

/// Whether Kubernetes set a variable: for a service whose name begins with `twofactor` each container of its namespace gets some, as
/// `TWOFACTOR_SERVICE_HOST`, `TWOFACTOR_PORT` = `tcp://10.0.0.1:443` and `TWOFACTOR_PORT_443_TCP_ADDR`.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    if name.contains("__") {
        return false;
    }
    let after_port = || name.rsplit_once("_PORT_").map(|(_, rest)| rest.split('_').collect::<Vec<_>>());
    let protocol = |text: &str| matches!(text, "TCP" | "UDP" | "SCTP");
    let port = |text: &str| text.parse::<u16>().is_ok();
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT") && value.contains("://")
        || matches!(after_port().as_deref(), Some([number, kind]) if port(number) && protocol(kind))
        || matches!(after_port().as_deref(), Some([number, kind, "PROTO" | "ADDR"]) if port(number) && protocol(kind))
        // `…_PORT_443_TCP_PORT`: the last part is a port as well.
        || name.strip_suffix("_PORT").is_some_and(|rest| protocol(rest.rsplit('_').next().unwrap_or_default()))
}

/// A variable's text as TOML would read it, or else as a string: `8080`, `true`, `["a"]`, `10.0.0.1:80`.
fn scalar(text: &str) -> toml::Value {
    let read = toml::from_str::<toml::Table>(&format!("value = {text}")).ok();
    // A text with a line break could bring more keys.
    let one = read.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    one.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn set(table: &mut toml::Table, keys: &[&str], value: toml::Value) -> anyhow::Result<()> {
    match keys {
        [] | [""] => bail!("names no key"),
        [key] => {
            table.insert((*key).to_owned(), value);
            Ok(())
        }
        [key, rest @ ..] => match table.entry(*key).or_insert_with(|| toml::Table::new().into()) {
            toml::Value::Table(inner) => set(inner, rest, value),
            _ => bail!("`{key}` is no table"),
        },
    }
}

#[cfg(test)]
mod tests;

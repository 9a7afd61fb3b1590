//! The configuration of `twofactor`: a TOML file, overridden by environment variables. It holds no secrets: the keys are in a file of
//! their own. `docs/configuration.md` lists every key; a test compares it with these structs.

mod build;
mod environment;
mod files;
mod renamed;
mod store;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use twofactor::challenge::{HistoryLimits, RateLimits};
use twofactor::instance::Policy;
use twofactor::sandbox::IpNet;

pub(crate) use build::{build, for_operator};

use crate::connections::ConnectionLimits;
use crate::fido_metadata::FidoMetadata;
use crate::oidc::OidcConfig;

/// The whole configuration. Only `store` has no default: it sets `path`, `url` or `url_file`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address and port to listen on. Default: `127.0.0.1:8080`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The URL at which people reach the server, such as `https://admin.example.com`. Links begin with it. Default: the listening
    /// address. The sign-in page needs an `https:` URL without a path, unless the server listens on a loopback address.
    pub public_url: Option<String>,
    /// The networks or addresses of proxies whose `X-Forwarded-For` header is trusted. Default: none.
    #[serde(default, deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// How many seconds requests in progress may take to finish after SIGTERM. Default: 30.
    #[serde(default = "default_shutdown_timeout")]
    pub shutdown_timeout_seconds: u64,
    /// Limits on client connections.
    #[serde(default)]
    pub connections: ConnectionLimits,
    /// TLS of the server itself. Without it, a proxy in front must provide TLS.
    pub tls: Option<Tls>,
    /// The database.
    pub store: Store,
    /// The keys that seal secrets and sign codes.
    #[serde(default)]
    pub keys: Keys,
    /// Which upstreams can be reached, and how.
    #[serde(default)]
    pub network: NetworkConfig,
    /// Which providers are loaded.
    #[serde(default)]
    pub providers: Providers,
    /// The policy of instances that do not set their own.
    #[serde(default)]
    pub policy: Policy,
    /// Limits against abuse.
    #[serde(default)]
    pub rate_limits: RateLimits,
    /// How much of the message history is kept.
    #[serde(default)]
    pub history: HistoryLimits,
    /// Accounts of administrators.
    #[serde(default)]
    pub accounts: Accounts,
    /// The metadata of the FIDO Alliance. Default: none, so that no authenticator model is trusted.
    pub fido_metadata: Option<FidoMetadata>,
}

/// Accounts of administrators.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// Minutes without a request after which a session ends: at least 2. Default: 30.
    pub session_idle_minutes: u64,
    /// Hours after which a session ends even if it is in use: at least as long as `session_idle_minutes`, at most 720. Default: 12.
    pub session_lifetime_hours: u64,
    /// The subscription whose instances deliver the second factor of accounts: those assigned to the client application
    /// `twofactor-admin`. Used until a system administrator chooses one in the admin UI. Default: none.
    pub second_factor_subscription: Option<String>,
    /// Whether a login with a password is refused if no second factor is available, also before one has worked for the first
    /// time. Until then, an invitation link still logs in without one; afterwards every login requires it. Needs
    /// `second_factor_subscription`. Default: `false`.
    pub require_second_factor: bool,
    /// Login through an OpenID Connect provider, besides password login. Default: none.
    pub oidc: Option<OidcConfig>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            session_idle_minutes: 30,
            session_lifetime_hours: 12,
            second_factor_subscription: None,
            require_second_factor: false,
            oidc: None,
        }
    }
}

/// A certificate and its private key. Both are reloaded on SIGHUP.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain, a PEM file.
    pub certificate: PathBuf,
    /// The private key, a PEM file.
    pub key: PathBuf,
}

/// The database: a SQLite file, or a PostgreSQL database that any number of servers may share.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The SQLite database file. It is created if it does not exist. Default: none; either this, `url` or `url_file` is required.
    pub path: Option<PathBuf>,
    /// The URL of a PostgreSQL database, such as `postgres://twofactor@db.example.com/twofactor`, without a password. Default: none.
    pub url: Option<String>,
    /// A file that contains such a URL, which may contain the password, and nothing else. Default: none.
    pub url_file: Option<PathBuf>,
    /// A file that contains the password of the PostgreSQL user and nothing else. Default: none.
    pub password_file: Option<PathBuf>,
    /// How many connections to PostgreSQL this server opens at most. Default: 16.
    #[serde(default = "default_connections")]
    pub connections: usize,
}

/// The keys.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The key file, created with mode 0600 if it does not exist. Default: `store.path` with `.keys` appended; required with
    /// PostgreSQL, where all servers use copies of one file. Back it up, but not together with the database.
    pub file: Option<PathBuf>,
}

/// Which upstreams can be reached, besides public addresses over TLS.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// PEM files of certificate authorities to trust in addition to the system's. Default: none.
    pub ca_certificates: Vec<PathBuf>,
    /// Private networks or addresses that instances may reach. Default: none.
    #[serde(deserialize_with = "networks")]
    pub allowed_networks: Vec<IpNet>,
    /// Mail servers, as `host:port`, that may be reached without TLS. Default: none.
    pub allowed_plaintext_smtp: Vec<String>,
    /// Origins with plain `http`, or with an IP address or a single label in place of a full host name, that instances may reach, such
    /// as `http://192.168.1.20:8080`. Default: none.
    pub allowed_plaintext_http: Vec<String>,
    /// Client certificates, by upstream. Default: none.
    pub client_certificates: Vec<ClientCertificate>,
    /// The proxy for HTTP requests. Default: none.
    pub proxy: Option<ForwardProxy>,
    /// How many connections to one mail server with one login may be open at the same time. Default: 32. Further emails wait.
    pub smtp_connections: usize,
    /// Origins, such as `https://sms.example.com`, that may receive codes in the URL, which is written to their logs. Default: none.
    pub allowed_code_in_query: Vec<String>,
    /// Origins, such as `http://192.168.1.20`, that get user names and passwords by HTTP Digest authentication instead of HTTP Basic.
    /// Default: none.
    pub digest_authentication: Vec<String>,
    /// Fixed addresses of host names, such as `"smtp.example.com" = "10.0.0.5:465"`. TLS still verifies the name. Default: none.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// Loopback addresses that replace an upstream, without TLS, such as `"https://api.twilio.com" = "127.0.0.1:9000"`. For tests
    /// only. Default: none.
    pub overrides: BTreeMap<String, SocketAddr>,
    /// How many seconds an HTTP request may take. Default: 15. For email, the instance sets it.
    pub timeout_seconds: u64,
}

/// A client certificate that is presented to an upstream.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The upstream: `https://host` or `smtp://host:port`.
    pub upstream: String,
    /// The certificate chain, a PEM file.
    pub certificate: PathBuf,
    /// The private key, a PEM file.
    pub key: PathBuf,
}

/// A proxy for HTTP requests.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardProxy {
    /// Its URL, such as `http://proxy.example.com:3128`.
    pub url: String,
    /// A file that contains `user:password` and nothing else.
    pub credentials_file: Option<PathBuf>,
    /// Hosts that are reached without it.
    #[serde(default)]
    pub except: Vec<String>,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            ca_certificates: Vec::new(),
            allowed_networks: Vec::new(),
            allowed_plaintext_smtp: Vec::new(),
            allowed_plaintext_http: Vec::new(),
            client_certificates: Vec::new(),
            proxy: None,
            smtp_connections: 32,
            allowed_code_in_query: Vec::new(),
            digest_authentication: Vec::new(),
            hosts: BTreeMap::new(),
            overrides: BTreeMap::new(),
            timeout_seconds: 15,
        }
    }
}

/// Which providers are loaded.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Providers {
    /// The providers to load: names of bundled ones (`email`, `ecall`, `twilio`, `infobip`, `sendgrid`, `ses`, `slack`, `telnyx`,
    /// `twilio-verify`, `twilio-voice`, `vonage`, `webhook`, `whatsapp`), of bundled factors (`totp`, `fido`, `recovery`), and paths of component files, which contain a `/` or end with `.wasm`. Default: `["email", "ecall", "twilio"]`.
    pub load: Vec<String>,
    /// Trusted signers of components: minisign public keys in base64, such as `acme = "RWQ…"`. Default: none.
    pub signers: BTreeMap<String, String>,
    /// Whether an added component must be signed. Those in `load` need no signature. Default: `false`.
    pub require_signature: bool,
    /// The folder for compiled components. Default: `store.path` with `.cache` appended; with PostgreSQL none, and each start compiles
    /// them.
    pub cache: Option<PathBuf>,
}

impl Default for Providers {
    fn default() -> Self {
        Self {
            load: ["email", "ecall", "twilio"].map(str::to_owned).into(),
            signers: BTreeMap::new(),
            require_signature: false,
            cache: None,
        }
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn default_connections() -> usize {
    16
}

/// Reads networks. An address is the network of that address alone.
fn networks<'de, D: Deserializer<'de>>(texts: D) -> Result<Vec<IpNet>, D::Error> {
    let read = |text: String| {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network
            .map_err(|_| D::Error::custom(format!("{text:?} is neither a network such as `10.0.0.0/8` nor an address")))
    };
    Vec::<String>::deserialize(texts)?.into_iter().map(read).collect()
}

fn default_shutdown_timeout() -> u64 {
    30
}

impl Config {
    /// Reads a configuration file, overridden by the environment variables of this process.
    ///
    /// # Errors
    /// If the file cannot be read or a value is wrong. The text names the line and key, or the variable.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        Self::parse(&text, &environment::variables())
            .with_context(|| format!("invalid configuration {}", path.display()))
    }
}

#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod tests;

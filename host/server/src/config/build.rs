//! The engine that a configuration describes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use twofactor::sandbox::Signers;
use twofactor::{Builder, Network, TwoFactor};
use url::Url;

use super::files::{check_folder, read};
use super::store::open;
use super::{ClientCertificate, Config, ForwardProxy, NetworkConfig};
use crate::connections::LONGEST_SECONDS;
use crate::fido_metadata::Follower;
use crate::oidc::Oidc;
use crate::sign_in::PublicUrl;

impl Config {
    /// Returns a builder of the engine.
    ///
    /// # Errors
    /// If a file cannot be read or a value is not valid. The text names the key.
    pub async fn builder(&self) -> anyhow::Result<Builder> {
        let mut builder = self.store_builder().await?.policy(self.policy.clone()).rate_limits(self.rate_limits.clone());
        builder = builder.history(self.history);
        builder = builder.network(self.network.build()?);
        if let Some(folder) = self.beside(&self.providers.cache, "cache") {
            builder = builder.cache_dir(folder);
        }
        let accounts = &self.accounts;
        let seconds = |count: u64, each: u64| Duration::from_secs(count.saturating_mul(each));
        builder = builder
            .session_times(seconds(accounts.session_idle_minutes, 60), seconds(accounts.session_lifetime_hours, 3600))
            .require_second_factor_for_accounts(accounts.require_second_factor);
        for provider in &self.providers.load {
            builder = if provider.contains('/') || provider.ends_with(".wasm") {
                builder.provider(read("providers.load", Path::new(provider))?)
            } else {
                builder.bundled_provider(provider).context("`providers.load`")?
            };
        }
        if self.public_url.is_some() {
            let base = self.base_url(self.listen)?;
            builder = builder.report_url(format!("{base}/reports")).public_url(base);
        }
        Ok(builder)
    }

    /// Returns a builder of an engine with the store and its keys alone: enough for administration.
    ///
    /// # Errors
    /// If the store or the keys cannot be opened.
    pub async fn store_builder(&self) -> anyhow::Result<Builder> {
        let place = self.store.place()?;
        if let Some(path) = &self.store.path {
            check_folder("store.path", path)?;
        }
        let file = self.key_file()?;
        check_folder("keys.file", &file)?;
        let mut signers = Signers::new().required(self.providers.require_signature);
        for (name, key) in &self.providers.signers {
            signers = signers.trust(name, key).with_context(|| format!("`providers.signers.{name}`"))?;
        }
        let mut builder = open(place).await?.key_file(file).signers(signers);
        if let Some(subscription) = &self.accounts.second_factor_subscription {
            builder = builder.second_factor_for_accounts(subscription);
        }
        Ok(builder)
    }

    /// Returns the beginning of links to a server that listens at `address`.
    ///
    /// # Errors
    /// If `public_url` has more than a scheme, a host, a port and a path.
    pub fn base_url(&self, address: SocketAddr) -> anyhow::Result<String> {
        let Some(url) = &self.public_url else { return Ok(self.listening_url(address)) };
        let plain = |url: &Url| {
            let nobody = url.username().is_empty() && url.password().is_none();
            matches!(url.scheme(), "http" | "https") && nobody && url.query().is_none() && url.fragment().is_none()
        };
        let Some(url) = Url::parse(url).ok().filter(plain) else {
            bail!("`public_url` must be a URL such as `https://admin.example.com`");
        };
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    /// Returns the login at an identity provider, if one is configured. Browsers reach this server at `base`.
    ///
    /// # Errors
    /// If a value is not valid. The text names the key.
    pub fn oidc(&self, base: &str) -> anyhow::Result<Option<Oidc>> {
        let Some(oidc) = &self.accounts.oidc else { return Ok(None) };
        oidc.build(&self.network.build()?, base).map(Some)
    }

    /// Returns what keeps the trusted models of authenticators up to date, if that is configured.
    ///
    /// # Errors
    /// If a value is not valid. The text names the key.
    pub(crate) fn fido_metadata(&self) -> anyhow::Result<Option<Follower>> {
        let Some(metadata) = &self.fido_metadata else { return Ok(None) };
        metadata.follower(&self.network.build()?).map(Some)
    }

    /// Returns the URL of the sign-in page, if it can be served.
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
                tracing::warn!(%why, "the sign-in page cannot be served at this `public_url`");
                Ok(None)
            }
        }
    }

    pub(crate) fn listening_url(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.tls.is_some() { "https" } else { "http" })
    }

    /// Returns the path of the key file.
    ///
    /// # Errors
    /// If it is not set, and there is no file beside which it could be.
    pub fn key_file(&self) -> anyhow::Result<PathBuf> {
        self.beside(&self.keys.file, "keys").context(
            "`keys.file` is required with a PostgreSQL database: each server needs a copy of the same file, in its own folder",
        )
    }

    /// Returns the paths that the configuration names, such as those of the store, of the keys and of other secrets.
    ///
    /// # Errors
    /// As for [`Config::key_file`].
    pub(crate) fn files(&self) -> anyhow::Result<Vec<PathBuf>> {
        let (mut found, mut values) = (vec![self.key_file()?], vec![serde_json::to_value(self)?]);
        while let Some(value) = values.pop() {
            match value {
                Value::String(text) => found.push(text.into()),
                Value::Array(items) => values.extend(items),
                Value::Object(fields) => values.extend(fields.into_iter().map(|(_, value)| value)),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Returns a configured path, or the default beside the database's file.
    fn beside(&self, configured: &Option<PathBuf>, extension: &str) -> Option<PathBuf> {
        configured.clone().or_else(|| Some(self.store.path.as_ref()?.with_added_extension(extension)))
    }
}

impl NetworkConfig {
    pub(super) fn build(&self) -> anyhow::Result<Network> {
        if self.smtp_connections == 0 {
            bail!("`network.smtp_connections` must be at least 1");
        }
        if !(1..=LONGEST_SECONDS).contains(&self.timeout_seconds) {
            bail!("`network.timeout_seconds` must be 1 to {LONGEST_SECONDS} (a day)");
        }
        let mut network = Network::builder().smtp_connections(self.smtp_connections);
        for file in &self.ca_certificates {
            network = network.trust_certificate_pem(&read("network.ca_certificates", file)?);
        }
        for allowed in &self.allowed_networks {
            network = network.allow_network(*allowed);
        }
        for endpoint in &self.allowed_plaintext_smtp {
            let parts = endpoint.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
            let Some((host, port)) = parts else {
                bail!("`network.allowed_plaintext_smtp`: `{endpoint}` is not of the form `host:port`");
            };
            network = network.allow_plaintext_smtp(host, port);
        }
        for origin in &self.allowed_code_in_query {
            network = network.allow_code_in_query(origin);
        }
        for origin in &self.digest_authentication {
            network = network.digest_authentication(origin);
        }
        for origin in &self.allowed_plaintext_http {
            network = network.allow_plaintext_http(origin);
        }
        for ClientCertificate { upstream, certificate, key } in &self.client_certificates {
            let certificate = read("network.client_certificates", certificate)?;
            network =
                network.client_certificate_pem(upstream, &certificate, &read("network.client_certificates", key)?);
        }
        if let Some(ForwardProxy { url, credentials_file, except }) = &self.proxy {
            let credentials = credentials_file.as_ref().map(|file| proxy_credentials(file)).transpose()?;
            let credentials = credentials.as_ref().map(|(username, password)| (&**username, &**password));
            network = network.forward_proxy(url, credentials, except);
        }
        for (host, address) in &self.hosts {
            network = network.resolve(host, *address);
        }
        for (endpoint, address) in &self.overrides {
            network = network.override_endpoint(endpoint, *address);
        }
        network.timeout(Duration::from_secs(self.timeout_seconds)).build().context("`[network]`")
    }
}

/// Builds the engine.
pub(crate) async fn build(builder: Builder) -> anyhow::Result<TwoFactor> {
    builder.build().await.map_err(for_operator)
}

/// Returns an error with what the engine keeps from callers of the API: the operator reads it here.
pub(crate) fn for_operator(error: twofactor::Error) -> anyhow::Error {
    match error.operator_detail() {
        Some(detail) => anyhow!("{detail}"),
        None => error.into(),
    }
}

/// Reads `user:password` from a file.
fn proxy_credentials(file: &Path) -> anyhow::Result<(String, String)> {
    const KEY: &str = "network.proxy.credentials_file";
    let text = String::from_utf8(read(KEY, file)?).ok();
    let pair = text.as_deref().and_then(|text| text.trim_end_matches(['\r', '\n']).split_once(':'));
    let (username, password) = pair.with_context(|| format!("`{KEY}`: the file must contain `user:password`"))?;
    Ok((username.to_owned(), password.to_owned()))
}

//! `[accounts.oidc]`: the configuration of the identity provider.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use twofactor::Network;
use twofactor::sandbox::Secret;
use twofactor::token::Role;
use url::Url;

use super::discovery::Discovery;
use super::fetch::Fetch;
use super::{BACK, Oidc, Rule};
use crate::sign_in::is_confidential;

/// Login through an OpenID Connect provider.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// The issuer, exactly as the provider names itself: `/.well-known/openid-configuration` is appended to it. It begins with `https:`,
    /// or with `http:` on a loopback address.
    pub issuer: String,
    /// The client id of this server at the provider.
    pub client_id: String,
    /// A file that contains the client secret and nothing else. Without it the client is public.
    pub client_secret_file: Option<PathBuf>,
    /// The scopes to request. Default: `openid`, `email` and `profile`. The claims that `roles` use must be in the ID token.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// The name of the provider on the login button. Default: the host of the issuer.
    pub name: Option<String>,
    /// Whether the provider asks for a second factor, in which case this server does not. Default: `false`.
    #[serde(default)]
    pub second_factor_by_provider: bool,
    /// Who gets which role. The first match counts; without a match the login is refused.
    pub roles: Vec<OidcRole>,
}

/// A role for people with a certain claim.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OidcRole {
    /// A top-level claim of the ID token: a string or a list of strings.
    pub claim: String,
    /// The value that the claim must have or contain.
    pub value: String,
    /// The role.
    pub role: OidcRoleName,
    /// The subscriptions of a `subscription_admin`, or of an `auditor` of only some subscriptions.
    pub subscriptions: Option<Vec<String>>,
}

/// A role of an account.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OidcRoleName {
    /// Full access.
    SystemAdmin,
    /// Full access to some subscriptions.
    SubscriptionAdmin,
    /// Read access.
    Auditor,
}

fn default_scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).into()
}

impl OidcRole {
    fn rule(&self) -> anyhow::Result<Rule> {
        let role = match (self.role, self.subscriptions.clone()) {
            (OidcRoleName::SystemAdmin, None) => Role::SystemAdmin,
            (OidcRoleName::SystemAdmin, _) => bail!("`subscriptions` must be omitted for a `system_admin`"),
            (OidcRoleName::Auditor, subscriptions) => Role::Auditor { subscriptions },
            (OidcRoleName::SubscriptionAdmin, subscriptions) => {
                Role::SubscriptionAdmin { subscriptions: subscriptions.unwrap_or_default() }
            }
        };
        role.check()?;
        if self.claim.is_empty() || self.value.is_empty() {
            bail!("`claim` and `value` must not be empty");
        }
        Ok(Rule { claim: self.claim.clone(), value: self.value.clone(), role })
    }
}

impl OidcConfig {
    /// Returns the login that this describes, for a server that browsers reach at `base`.
    pub(crate) fn build(&self, network: &Network, base: &str) -> anyhow::Result<Oidc> {
        let plain = |url: &Url| {
            let nobody = url.username().is_empty() && url.password().is_none();
            is_confidential(url) && nobody && url.query().is_none() && url.fragment().is_none()
        };
        let Some(issuer) = Url::parse(&self.issuer).ok().filter(plain) else {
            bail!("`accounts.oidc.issuer` must be a URL such as `https://login.example.com`");
        };
        if !Url::parse(base).is_ok_and(|url| is_confidential(&url)) {
            bail!("`public_url` must begin with https: for `accounts.oidc`: browsers return to it");
        }
        if self.client_id.is_empty() {
            bail!("`accounts.oidc.client_id` must not be empty");
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            bail!("`accounts.oidc.scopes` must contain `openid`");
        }
        if self.roles.is_empty() {
            bail!("`accounts.oidc.roles` must not be empty: nobody could log in");
        }
        let rules = self.roles.iter().enumerate();
        let rules =
            rules.map(|(n, role)| role.rule().with_context(|| format!("`accounts.oidc.roles`, entry {}", n + 1)));
        let host = issuer.host_str().unwrap_or_default();
        let fetch = Fetch(network.client_for_named_hosts().context("`[network]`")?);
        Ok(Oidc {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.secret()?,
            scopes: self.scopes.join(" "),
            name: self.name.clone().unwrap_or_else(|| host.to_owned()),
            rules: rules.collect::<anyhow::Result<_>>()?,
            second_factor: self.second_factor_by_provider,
            redirect_uri: format!("{base}{BACK}"),
            discovery: Discovery::new(self.issuer.clone(), fetch.clone()),
            fetch,
        })
    }

    fn secret(&self) -> anyhow::Result<Option<Secret>> {
        let Some(file) = &self.client_secret_file else { return Ok(None) };
        let key = "accounts.oidc.client_secret_file";
        let text = std::fs::read_to_string(file).with_context(|| format!("`{key}`: cannot read {}", file.display()))?;
        let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
        if secret.expose().is_empty() {
            bail!("`{key}`: {} is empty", file.display());
        }
        Ok(Some(secret))
    }
}

//! `[accounts.oidc]`: what the operator says of the identity provider.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use twofactor::{Network, Role, Secret};
use url::Url;

use super::fetch::Fetch;
use super::{BACK, Oidc, Rule};
use crate::sign_in::is_confidential;

/// Log-in at an identity provider.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// The provider, as it names itself: what `/.well-known/openid-configuration` is put behind. It begins with `https:`, or with
    /// `http:` on a loopback address for trying things out.
    pub issuer: String,
    /// What the provider knows this server by.
    pub client_id: String,
    /// A file that holds the client's secret and nothing else. Without it the client is public.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for; `openid`, `email` and `profile`. The claims that roles depend on must come in the ID token.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// What the button says people log in with; the issuer's host, if not said.
    pub name: Option<String>,
    /// Whether the provider asks for a second factor, so that none is asked for here; `false`.
    #[serde(default)]
    pub second_factor_by_provider: bool,
    /// Who gets which role: the first that fits counts, and nobody gets in whom none fits.
    pub roles: Vec<OidcRole>,
}

/// A role for those of whom the provider says something.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OidcRole {
    /// A claim at the top of the ID token: a string, or a list of strings.
    pub claim: String,
    /// What it must be or hold.
    pub value: String,
    /// The role.
    pub role: OidcRoleName,
    /// The subscriptions of a `subscription_admin`, and of an `auditor` who is not one of the whole installation.
    pub subscriptions: Option<Vec<String>>,
}

/// A role that an account may have.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OidcRoleName {
    /// Everything.
    SystemAdmin,
    /// Everything within some subscriptions.
    SubscriptionAdmin,
    /// Reads, and changes nothing.
    Auditor,
}

fn default_scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).into()
}

impl OidcRole {
    fn rule(&self) -> anyhow::Result<Rule> {
        let role = match (self.role, self.subscriptions.clone()) {
            (OidcRoleName::SystemAdmin, None) => Role::SystemAdmin,
            (OidcRoleName::SystemAdmin, _) => bail!("`subscriptions` are not for a `system_admin`: leave them out"),
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
    /// What it describes, for a server that browsers find at `base`.
    pub(crate) fn build(&self, network: &Network, base: &str) -> anyhow::Result<Oidc> {
        let plain = |url: &Url| {
            let nobody = url.username().is_empty() && url.password().is_none();
            is_confidential(url) && nobody && url.query().is_none() && url.fragment().is_none()
        };
        let Some(issuer) = Url::parse(&self.issuer).ok().filter(plain) else {
            bail!("`accounts.oidc.issuer` must be like `https://login.example.com`");
        };
        if !Url::parse(base).is_ok_and(|url| is_confidential(&url)) {
            bail!("`public_url` must begin with https: for log-in over `accounts.oidc`: browsers come back to it");
        }
        if self.client_id.is_empty() {
            bail!("`accounts.oidc.client_id` must be what the identity provider knows this server by");
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            bail!("`accounts.oidc.scopes` must hold `openid`");
        }
        if self.roles.is_empty() {
            bail!("`accounts.oidc.roles` must say who gets which role: nobody would get in");
        }
        let rules = self.roles.iter().enumerate();
        let rules =
            rules.map(|(n, role)| role.rule().with_context(|| format!("`accounts.oidc.roles`, number {}", n + 1)));
        let host = issuer.host_str().unwrap_or_default();
        Ok(Oidc {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.secret()?,
            scopes: self.scopes.join(" "),
            name: self.name.clone().unwrap_or_else(|| host.to_owned()),
            rules: rules.collect::<anyhow::Result<_>>()?,
            second_factor: self.second_factor_by_provider,
            redirect_uri: format!("{base}{BACK}"),
            fetch: Fetch(network.client_for_named_hosts().context("`[network]`")?),
            known: Mutex::default(),
        })
    }

    fn secret(&self) -> anyhow::Result<Option<Secret>> {
        let Some(file) = &self.client_secret_file else { return Ok(None) };
        let key = "accounts.oidc.client_secret_file";
        let text =
            std::fs::read_to_string(file).with_context(|| format!("`{key}`: {} cannot be read", file.display()))?;
        let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
        if secret.expose().is_empty() {
            bail!("`{key}`: {} is empty", file.display());
        }
        Ok(Some(secret))
    }
}

//! The operator's rules: which addresses may be dialled, which mail servers may be used without
//! TLS, and which endpoints have an override on loopback.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::address::is_allowed;
use super::origin::{Origin, is_label};
use super::resolver::Resolver;

/// The rules of one installation.
pub(crate) struct Rules {
    pub(crate) names: Arc<Names>,
    pub(crate) http_overrides: HashMap<Origin, SocketAddr>,
    pub(crate) smtp_overrides: HashMap<String, SocketAddr>,
    pub(crate) for_all: Overrides,
    pub(crate) plaintext_smtp: HashSet<String>,
    /// Origins that take the code in the query.
    pub(crate) code_in_query: HashSet<String>,
    /// Origins that may have plain `http` or an address.
    pub(crate) plaintext_http: HashSet<String>,
    /// Origins at which user names and passwords are sent by HTTP Digest authentication.
    pub(crate) digest: HashSet<String>,
}

/// The servers for all endpoints that have no override of their own.
#[derive(Clone, Copy, Default)]
pub(crate) struct Overrides {
    pub(crate) http: Option<SocketAddr>,
    pub(crate) smtp: Option<SocketAddr>,
}

/// Resolution of names, with its restrictions.
pub(crate) struct Names {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) allowed: Vec<IpNet>,
    pub(crate) fixed: HashMap<String, SocketAddr>,
}

impl Rules {
    pub(crate) fn http_override(&self, origin: &Origin) -> Option<SocketAddr> {
        self.http_overrides.get(origin).copied().or(self.for_all.http)
    }

    pub(crate) fn smtp_override(&self, host: &str, port: u16) -> Option<SocketAddr> {
        self.smtp_overrides.get(&endpoint(host, port)).copied().or(self.for_all.smtp)
    }

    /// Returns whether the operator's settings name this mail server.
    pub(crate) fn names_smtp(&self, host: &str, port: u16) -> bool {
        self.names.fixed.contains_key(host)
            || self.smtp_override(host, port).is_some()
            || self.plaintext_smtp.contains(&endpoint(host, port))
    }

    /// Returns whether the operator allowed this very origin, although it is not encrypted or has an address in place of a name.
    pub(crate) fn allows_origin(&self, origin: &Origin) -> bool {
        self.plaintext_http.contains(&origin.to_string())
    }

    pub(crate) fn allows_plaintext(&self, host: &str, port: u16) -> bool {
        self.smtp_override(host, port).is_some() || self.plaintext_smtp.contains(&endpoint(host, port))
    }

    /// Returns whether the operator allows the code in the query of requests to this origin. If all
    /// endpoints are overridden, nothing leaves the machine.
    pub(crate) fn allows_code_in_query(&self, origin: &Origin) -> bool {
        self.for_all.http.is_some() || self.code_in_query.contains(&origin.to_string())
    }

    /// Returns whether the operator says that this origin requires HTTP Digest authentication.
    pub(crate) fn demands_digest(&self, origin: &Origin) -> bool {
        self.digest.contains(&origin.to_string())
    }

    /// Returns whether the operator mapped this name to an address.
    pub(crate) fn is_fixed(&self, host: &str) -> bool {
        self.names.fixed.contains_key(host)
    }
}

impl Names {
    /// Returns the same without restrictions on addresses, for hosts that the operator named.
    pub(crate) fn unrestricted(&self) -> Self {
        let allowed = vec![Ipv4Net::default().into(), Ipv6Net::default().into()];
        Self { resolver: self.resolver.clone(), allowed, fixed: self.fixed.clone() }
    }

    /// Returns the addresses of a name that may be dialled.
    pub(crate) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NotDialled> {
        if let Some(fixed) = self.fixed.get(host) {
            return Ok(vec![*fixed]);
        }
        let found = self.resolver.resolve(host).await.map_err(|_| NotDialled::NoAddress)?;
        if found.is_empty() {
            return Err(NotDialled::NoAddress);
        }
        let allowed = found.into_iter().filter(|address| is_allowed(*address, &self.allowed));
        let allowed: Vec<SocketAddr> = allowed.map(|address| SocketAddr::new(address, port)).collect();
        if allowed.is_empty() {
            return Err(NotDialled::NotAllowed);
        }
        Ok(allowed)
    }
}

/// Why a name is not dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDialled {
    #[error("the name has no address")]
    NoAddress,
    #[error("the name does not resolve to a public address")]
    NotAllowed,
}

/// Returns the key of a mail server in these rules.
pub(crate) fn endpoint(host: &str, port: u16) -> String {
    format!("{}:{port}", host.to_ascii_lowercase())
}

/// Parses what follows `smtp://` in the operator's settings. Returns the key of that mail server in these rules.
pub(crate) fn parse_endpoint(text: &str) -> Result<String, String> {
    let key = text.rsplit_once(':').and_then(|(host, port)| {
        let is_host = is_label(host) && (!host.contains(':') || host.parse::<Ipv6Addr>().is_ok());
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| *port != 0 && is_host && is_port)?;
        Some(endpoint(host, port))
    });
    key.ok_or_else(|| format!("`smtp://{}` must have the form `smtp://host:port`", text.escape_debug()))
}

//! What one instance may reach: parsed and checked once, when it is configured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::http::HeaderName;

use super::connection::{Connection, Credentials, HttpAuthentication};
use super::echo;
use super::http::routes;
use super::network::Network;
use super::origin::{Origin, is_name};
use super::reach::{Authentication, Destination, GrantedConnection, SmtpSecurity};
use super::signature;
use crate::redact::Texts;

/// The connections of one instance. Empty denies all.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(super) http: Vec<HttpGrant>,
    pub(super) smtp: Option<SmtpGrant>,
    /// What went over these connections and was not counted yet.
    bytes: AtomicU64,
}

#[derive(Debug)]
pub(super) struct HttpGrant {
    pub(super) origin: Origin,
    pub(super) authentication: HttpAuthentication,
    /// What must not come back.
    pub(super) secrets: Texts,
}

#[derive(Debug)]
pub(super) struct SmtpGrant {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: SmtpSecurity,
    pub(super) credentials: Option<Credentials>,
    pub(super) timeout: Duration,
}

/// Bytes that nobody knows yet whether they left.
pub(super) struct OnTheirWay<'a> {
    grants: &'a Grants,
    bytes: usize,
}

impl OnTheirWay<'_> {
    /// Surely not.
    pub(super) fn did_not_leave(mut self) {
        self.bytes = 0;
    }
}

impl Drop for OnTheirWay<'_> {
    fn drop(&mut self) {
        self.grants.note_bytes(self.bytes);
    }
}

/// A connection that cannot be granted; the text says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct GrantError(String);

impl Grants {
    /// Nothing.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Whether nothing is granted.
    pub(crate) fn reach_nobody(&self) -> bool {
        self.http.is_empty() && self.smtp.is_none()
    }

    /// Checks what a provider asked for against the operator's rules.
    pub(crate) fn new(connections: Vec<Connection>, network: &Network) -> Result<Self, GrantError> {
        let mut grants = Self::default();
        if connections.len() > 8 {
            return Err(GrantError("an instance may ask for at most 8 connections".to_owned()));
        }
        for connection in connections {
            match connection {
                Connection::Http { origin, authentication } => grants.add_http(&origin, authentication)?,
                Connection::Smtp { host, port, security, credentials, timeout } => {
                    let asked = SmtpGrant { host: host.to_ascii_lowercase(), port, security, credentials, timeout };
                    grants.add_smtp(asked, network)?;
                }
            }
        }
        Ok(grants)
    }

    fn add_http(&mut self, origin: &str, authentication: HttpAuthentication) -> Result<(), GrantError> {
        let origin = secure_origin(origin)?;
        if self.http.iter().any(|grant| grant.origin == origin) {
            return Err(GrantError(format!("{origin} is asked for twice: one connection an origin")));
        }
        match &authentication {
            HttpAuthentication::OAuth2 { token_url, .. } => {
                let (token_origin, _) = Origin::of_url(token_url).map_err(GrantError)?;
                secure_origin(&token_origin.to_string())?;
            }
            HttpAuthentication::Header { name, .. } => {
                let parsed = HeaderName::from_bytes(name.as_bytes());
                let parsed =
                    parsed.map_err(|_| GrantError("the name of an authenticating header is malformed".to_owned()))?;
                if routes(&parsed) {
                    return Err(GrantError(format!(
                        "`{parsed}` says where or how a request goes and cannot be an authenticating header"
                    )));
                }
            }
            HttpAuthentication::AwsSignature(key) => signature::check_aws(key).map_err(GrantError)?,
            HttpAuthentication::WebhookSignature(secret) => {
                signature::webhook_key(secret).map_err(GrantError)?;
            }
            _ => {}
        }
        let secrets = echo::of_http(&authentication);
        self.http.push(HttpGrant { origin, authentication, secrets });
        Ok(())
    }

    fn add_smtp(&mut self, asked: SmtpGrant, network: &Network) -> Result<(), GrantError> {
        if self.smtp.is_some() {
            return Err(GrantError("an instance may ask for one SMTP server".to_owned()));
        }
        let (host, port) = (&asked.host, asked.port);
        let named = network.names_smtp(host, port);
        let nameable = is_name(host) || named && is_label(host);
        if port == 0 || !nameable {
            return Err(GrantError(
                "an SMTP server must be named by its full host name (a single word or an address only where the operator's \
                 network settings name it) and a port"
                    .to_owned(),
            ));
        }
        if asked.security == SmtpSecurity::Plaintext && !network.allows_plaintext(host, port) {
            return Err(GrantError(format!(
                "mail to {host}:{port} without TLS is not allowed: turn TLS on, or have the operator list \
                 \"{host}:{port}\" under `allow_plaintext_smtp`"
            )));
        }
        self.smtp = Some(asked);
        Ok(())
    }

    /// Bytes that leave now: they are noted when this is dropped, also if the exchange is broken off.
    pub(super) fn on_their_way(&self, bytes: usize) -> OnTheirWay<'_> {
        OnTheirWay { grants: self, bytes }
    }

    pub(super) fn note_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many bytes went over these connections since this was asked last: bodies of requests and answers, and mails.
    pub(crate) fn take_bytes(&self) -> u64 {
        self.bytes.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn origins(&self) -> usize {
        self.http.len()
    }

    /// What may be reached, for the one who approves it.
    pub(crate) fn connections(&self) -> Vec<GrantedConnection> {
        let http = self.http.iter().map(|grant| GrantedConnection {
            destination: Destination::Https(grant.origin.to_string()),
            authentication: match &grant.authentication {
                HttpAuthentication::None => Authentication::None,
                HttpAuthentication::Basic(_) => Authentication::Basic,
                HttpAuthentication::Bearer(_) => Authentication::Bearer,
                HttpAuthentication::Header { name, .. } => Authentication::Header { name: name.clone() },
                HttpAuthentication::OAuth2 { token_url, .. } => Authentication::OAuth2 { token_url: token_url.clone() },
                HttpAuthentication::AwsSignature(_) => Authentication::AwsSignature,
                HttpAuthentication::WebhookSignature(_) => Authentication::WebhookSignature,
            },
        });
        let smtp = self.smtp.iter().map(|grant| GrantedConnection {
            destination: grant.destination(),
            authentication: if grant.credentials.is_some() { Authentication::Login } else { Authentication::None },
        });
        http.chain(smtp).collect()
    }

    /// What may be reached, issuers of access tokens included, as the operator's network settings name it: `https://host` or
    /// `smtp://host:port`.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let issuer = |grant: &HttpGrant| match &grant.authentication {
            HttpAuthentication::OAuth2 { token_url, .. } => Origin::of_url(token_url).ok().map(|(origin, _)| origin),
            _ => None,
        };
        let http = self.http.iter().flat_map(|grant| [Some(grant.origin.clone()), issuer(grant)]).flatten();
        let smtp = self.smtp.iter().map(|grant| format!("smtp://{}:{}", grant.host, grant.port));
        http.map(|origin| origin.to_string()).chain(smtp).collect()
    }

    /// Where secrets go: what must not change under a secret that is kept.
    pub(crate) fn destinations(&self) -> Vec<Destination> {
        let http = self.http.iter().flat_map(|grant| {
            let origin = Destination::Https(grant.origin.to_string());
            match &grant.authentication {
                HttpAuthentication::OAuth2 { token_url, .. } => vec![origin, Destination::Https(token_url.clone())],
                _ => vec![origin],
            }
        });
        let mut all: Vec<Destination> = http.chain(self.smtp.iter().map(SmtpGrant::destination)).collect();
        all.sort();
        all
    }
}

impl SmtpGrant {
    fn destination(&self) -> Destination {
        Destination::Smtp { host: self.host.clone(), port: self.port, security: self.security }
    }
}

fn secure_origin(text: &str) -> Result<Origin, GrantError> {
    let origin = Origin::parse(text).map_err(GrantError)?;
    if !origin.is_https() {
        return Err(GrantError(format!("{origin} is not protected: only https origins are granted")));
    }
    Ok(origin)
}

fn is_label(host: &str) -> bool {
    !host.is_empty() && host.len() <= 253 && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::capability::Secret;

    #[test]
    fn a_header_that_routes_authenticates_nobody() {
        let network = Network::builder().build().unwrap();
        let granted = |name: &str| {
            let authentication = HttpAuthentication::Header { name: name.to_owned(), value: Secret::new("s3cret") };
            let origin = "https://a.example.com".to_owned();
            Grants::new(vec![Connection::Http { origin, authentication }], &network)
        };
        assert!(granted("X-Api-Key").is_ok());
        for name in ["Host", "Forwarded", "X-Forwarded-Host", "x_forwarded_for", "X-HTTP-Method-Override", "a b", ""] {
            assert!(granted(name).is_err(), "{name}");
        }
    }
}

//! The URL that browsers know this server by.

use ring::digest::{SHA256, digest};
use url::{Host, Url};

/// The public URL: `https:`, or `http:` on a loopback address for trying things out. It has no
/// path.
#[derive(Clone, Debug)]
pub struct PublicUrl {
    origin: String,
    secure: bool,
    host: Option<String>,
    webotp_host: Option<String>,
}

/// Returns whether nobody can read what passes through it: over TLS, or on this machine.
pub(crate) fn is_confidential(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl PublicUrl {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it, as text.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let wrong = || anyhow::anyhow!("it must be a URL such as https://login.example.com, without a path");
        let url = Url::parse(text).map_err(|_| wrong())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong());
        }
        url.host().ok_or_else(wrong)?;
        let (secure, loopback) = (url.scheme() == "https", is_loopback(&url));
        if !is_confidential(&url) {
            anyhow::bail!("it must begin with https: codes and cookies pass through it");
        }
        // An SMS can bind its code to a domain with the usual port only.
        let domain = url.domain().filter(|_| secure && url.port().is_none() && !loopback);
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            secure,
            host: url.domain().map(str::to_owned),
            webotp_host: domain.map(str::to_owned),
        })
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn link(&self, secret: &str) -> String {
        format!("{}/sign-in/{secret}", self.origin)
    }

    /// Returns the prefix of all cookies of sign-ins. `__Host-` keeps other hosts of the domain
    /// from setting one; it needs TLS.
    pub(super) fn cookie_prefix(&self) -> &'static str {
        if self.secure { "__Host-twofactor-sign-in-" } else { "twofactor-sign-in-" }
    }

    /// Returns the cookie of the sign-in behind a link. Each has its own, so that two in one
    /// browser do not end each other.
    pub(super) fn cookie_name(&self, secret: &str) -> String {
        let digest = digest(&SHA256, format!("cookie {secret}").as_bytes());
        format!("{}{}", self.cookie_prefix(), hex::encode(&digest.as_ref()[..8]))
    }

    /// Returns the prefix of all cookies of remembered browsers.
    pub(super) fn remembered_prefix(&self) -> &'static str {
        if self.secure { "__Host-twofactor-remembered-" } else { "twofactor-remembered-" }
    }

    /// Returns the cookie of a browser that is remembered for a person. Each person has its own: a browser may be shared.
    pub(super) fn remembered_name(&self, person: &str) -> String {
        format!("{}{person}", self.remembered_prefix())
    }

    /// Returns the host, if it is a name: only a name can be an RP ID.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the host that a code in SMS is bound to, so that a browser fills it in on this page only.
    pub(super) fn webotp_host(&self) -> Option<String> {
        self.webotp_host.clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::PublicUrl;

    #[test]
    fn a_public_url_is_an_origin_over_tls_or_on_loopback() {
        let good = [
            ("https://login.example.com", Some("login.example.com")),
            ("https://login.example.com:8443/", None),
            ("http://127.0.0.1:8080", None),
            ("http://localhost:8080", None),
            ("https://192.0.2.1", None),
        ];
        for (url, host) in good {
            let public = PublicUrl::parse(url).unwrap();
            assert_eq!(public.webotp_host().as_deref(), host, "{url}");
            assert_eq!(public.origin(), url.trim_end_matches('/'));
        }
        for url in [
            "http://login.example.com",
            "https://login.example.com/x",
            "https://u@example.com",
            "login",
            "ftp://a",
            "https://a?b",
        ] {
            assert!(PublicUrl::parse(url).is_err(), "{url}");
        }
    }
}

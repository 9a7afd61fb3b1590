//! `[connections]`: limits on client connections.

use serde::{Deserialize, Serialize};

/// Limits on client connections.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionLimits {
    /// Open connections. Default: 4096. Fewer if the limit of open files requires it; the log says so. At the limit, a new connection
    /// closes the oldest one that waits for its client.
    pub total: u32,
    /// Open connections of one client: one IPv4 address or one IPv6 /64 network. Default: 256. Does not apply to `trusted_proxies`.
    pub per_client: u32,
    /// Seconds from connecting to the end of the headers of the first request, TLS handshake included. Default: 15.
    pub header_timeout_seconds: u64,
    /// Seconds for the body of a request, plus one for each 16 KiB received. Default: 20.
    pub body_timeout_seconds: u64,
    /// Seconds that a connection stays open without a request, and for the headers of its next request. Default: 75.
    pub idle_timeout_seconds: u64,
    /// Seconds for a client to read a response, plus one for each 16 KiB. Default: 30.
    pub response_timeout_seconds: u64,
    /// MiB of unread responses, of all connections together. Default: 64. Above it, the connection with the most is closed.
    pub unread_mib: u64,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 4096,
            per_client: 256,
            header_timeout_seconds: 15,
            body_timeout_seconds: 20,
            idle_timeout_seconds: 75,
            response_timeout_seconds: 30,
            unread_mib: 64,
        }
    }
}

impl ConnectionLimits {
    /// Checks that no limit is 0.
    ///
    /// # Errors
    /// The key of the first limit that is 0.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let seconds = [
            ("header_timeout_seconds", self.header_timeout_seconds),
            ("body_timeout_seconds", self.body_timeout_seconds),
            ("idle_timeout_seconds", self.idle_timeout_seconds),
            ("response_timeout_seconds", self.response_timeout_seconds),
            ("unread_mib", self.unread_mib),
            ("total", self.total.into()),
            ("per_client", self.per_client.into()),
        ];
        match seconds.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => anyhow::bail!("`connections.{key}` must be at least 1"),
            None => Ok(()),
        }
    }
}

//! `[connections]`: limits on client connections.

use serde::{Deserialize, Serialize};

/// Limits on client connections.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionLimits {
    /// Open connections. Default: 4096. Fewer if the limit on open files requires it; the log says so. At the limit, a new connection
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
    /// MiB of unread responses and of the bodies of requests in progress, of all connections together. Default: 128, which the longest
    /// component fits into. Above it, the connection with the most is closed.
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
            unread_mib: 128,
        }
    }
}

/// The longest time that the configuration may set, in seconds: a day. A time near the largest number cannot be added to a clock.
pub(crate) const LONGEST_SECONDS: u64 = 24 * 3600;

impl ConnectionLimits {
    /// Checks that no limit is 0, and that no time is longer than a day.
    ///
    /// # Errors
    /// The key of the first limit that is out of bounds.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let times = [
            ("header_timeout_seconds", self.header_timeout_seconds),
            ("body_timeout_seconds", self.body_timeout_seconds),
            ("idle_timeout_seconds", self.idle_timeout_seconds),
            ("response_timeout_seconds", self.response_timeout_seconds),
        ];
        let numbers =
            [("unread_mib", self.unread_mib), ("total", self.total.into()), ("per_client", self.per_client.into())];
        if let Some((key, _)) = times.iter().chain(&numbers).find(|(_, value)| *value == 0) {
            anyhow::bail!("`connections.{key}` must be at least 1");
        }
        if let Some((key, _)) = times.iter().find(|(_, seconds)| *seconds > LONGEST_SECONDS) {
            anyhow::bail!("`connections.{key}` must be at most {LONGEST_SECONDS} (a day)");
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_and_a_time_longer_than_a_day_are_refused() {
        let of = |key: &str, value: u64| -> ConnectionLimits { toml::from_str(&format!("{key} = {value}")).unwrap() };
        let times =
            ["header_timeout_seconds", "body_timeout_seconds", "idle_timeout_seconds", "response_timeout_seconds"];
        for key in times.into_iter().chain(["unread_mib", "total", "per_client"]) {
            let error = of(key, 0).check().unwrap_err().to_string();
            assert!(error.contains(key) && error.contains("at least 1"), "{error}");
        }
        for key in times {
            assert!(of(key, LONGEST_SECONDS).check().is_ok(), "{key}");
            // TOML has no larger number.
            for seconds in [LONGEST_SECONDS + 1, i64::MAX.unsigned_abs()] {
                let error = of(key, seconds).check().unwrap_err().to_string();
                assert!(error.contains(key) && error.contains("at most 86400"), "{error}");
            }
        }
    }
}

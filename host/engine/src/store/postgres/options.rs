//! Options of connections to the database.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Config, NoTls};

use super::failure::store_error;
use super::session::Session;
use super::tls::Tls;
use crate::store::{Result, StoreError, StoreErrorKind};

/// Options of connections to a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresOptions {
    config: Config,
    /// None: without TLS.
    tls: Option<Tls>,
    pub(super) connections: usize,
    pub(super) call: Duration,
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions").field("hosts", &self.config.get_hosts()).finish_non_exhaustive()
    }
}

/// The default number of connections of a process.
const CONNECTIONS: usize = 16;

impl PostgresOptions {
    /// Parses a URL such as `postgres://twofactor@db1.example.com,db2.example.com/twofactor?sslrootcert=/etc/twofactor/ca.pem`.
    ///
    /// Several hosts are tried in order; hosts that do not accept writes are skipped. Connections use TLS and verify the
    /// server's certificate and name. `sslrootcert` names a PEM file of authorities to trust instead of the system's;
    /// `sslmode=disable` turns TLS off for a database on this machine. To use a Unix socket, write its path in place of the host, with `%2F` for each slash.
    ///
    /// # Errors
    /// [`StoreError::is_incompatible`] if the URL cannot be used, with the reason but without the URL.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| Err(StoreError::incompatible(why));
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return wrong("the URL does not begin with `postgres://`");
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut authorities, mut mode, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (name, value) {
                ("sslrootcert", path) => {
                    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
                    let Ok(path) = decoded else { return wrong("`sslrootcert` is not a path") };
                    authorities = Some(PathBuf::from(&*path));
                }
                ("sslmode", _) if mode.is_some() => {
                    return wrong("the URL contains `sslmode` twice: remove one of them");
                }
                ("sslmode", "disable" | "verify-full") => mode = Some(value),
                ("sslmode", _) => return wrong("`sslmode` must be `verify-full`, the default, or `disable`"),
                ("target_session_attrs" | "options", _) => {
                    return wrong("the URL must not contain `target_session_attrs` or `options`");
                }
                _ => others.push(pair),
            }
        }
        let rest = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
        let Ok(mut config) = rest.parse::<Config>() else { return wrong("the URL is malformed") };
        if config.get_hosts().is_empty() {
            return wrong("the URL does not name a host");
        }
        if mode == Some("disable") && !is_on_this_machine(&config) {
            return wrong(
                "`sslmode=disable` would send the data over a network without TLS: remove it, and name the certificate authority with \
                 `sslrootcert` if it is your own; or connect to a Unix socket, a loopback address, or a PgBouncer on this machine",
            );
        }
        let tls = if mode == Some("disable") || config.get_hosts().iter().all(is_local_socket) {
            config.ssl_mode(SslMode::Disable);
            None
        } else {
            config.ssl_mode(SslMode::Require);
            Some(Tls::new(authorities.as_deref())?)
        };
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("twofactor");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(10));
        }
        config.keepalives_idle(Duration::from_secs(30));
        config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
        Ok(Self { config, tls, connections: CONNECTIONS, call: Duration::from_secs(10) })
    }

    /// Returns whether the URL contains a password.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Sets the password, which replaces one in the URL.
    pub fn password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }

    /// Sets the maximum number of connections of a process. Default: 16.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Sets the time limit of a call, after which the caller gets an error. Default: 10 seconds.
    pub fn call_timeout(mut self, longest: Duration) -> Self {
        self.call = longest;
        self
    }

    /// Opens a connection to the first host that accepts writes.
    pub(super) async fn connect(&self) -> Result<Session> {
        let failed = |error| store_error(error, StoreErrorKind::Unavailable);
        // The connect timeout of the socket does not include what the server sends afterwards.
        let connecting = async {
            Ok(match &self.tls {
                Some(tls) => {
                    let (client, connection) = self.config.connect(tls.clone()).await.map_err(failed)?;
                    Session::new(client, connection)
                }
                None => {
                    let (client, connection) = self.config.connect(NoTls).await.map_err(failed)?;
                    Session::new(client, connection)
                }
            })
        };
        let hosts = u32::try_from(self.config.get_hosts().len()).unwrap_or(u32::MAX);
        let longest =
            self.config.get_connect_timeout().copied().unwrap_or_default().saturating_mul(hosts.saturating_add(1));
        tokio::time::timeout(longest, connecting)
            .await
            .unwrap_or_else(|_| Err(StoreError::unavailable("no host accepted a connection in time")))
    }
}

/// Returns whether connections stay on this machine. `hostaddr` is where they go if the URL names one.
fn is_on_this_machine(config: &Config) -> bool {
    let is_near = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(is_near),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

fn is_local_socket(host: &Host) -> bool {
    match host {
        Host::Tcp(_) => false,
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn connections_are_verified_unless_the_url_says_otherwise() {
        let parse = |url: &str| PostgresOptions::parse(url).unwrap();
        let usual = parse("postgres://me@db1,db2:5433/it");
        assert!(usual.tls.is_some());
        assert_eq!((usual.config.get_ssl_mode(), usual.config.get_hosts().len()), (SslMode::Require, 2));
        assert_eq!(usual.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(
            parse("postgres://me@db/it?sslmode=verify-full&connect_timeout=7").config.get_connect_timeout(),
            Some(&Duration::from_secs(7))
        );
        for near in [
            "postgres://me@127.0.0.1/it?sslmode=disable",
            "postgres://me@localhost/it?sslmode=disable",
            "postgres://me@localhost,localhost:5433/it?sslmode=disable&hostaddr=127.0.0.1,::1",
            "postgres://me@%2Frun%2Fpostgresql/it",
        ] {
            assert!(parse(near).tls.is_none(), "{near}");
        }
    }

    #[test]
    fn contradictions_about_tls_are_refused() {
        for (url, expected) in [
            ("postgres://me@localhost/it?sslmode=disable&sslmode=verify-full", "twice: remove one"),
            ("postgres://me@localhost/it?sslmode=disable&sslmode=disable", "twice: remove one"),
            ("postgres://me@db/it?sslmode=disable", "over a network without TLS: remove it"),
            ("postgres://me@localhost,db/it?sslmode=disable", "over a network without TLS"),
            ("postgres://me@localhost/it?hostaddr=10.0.0.1&sslmode=disable", "over a network without TLS"),
        ] {
            let error = PostgresOptions::parse(url).unwrap_err();
            assert!(error.is_incompatible() && error.to_string().contains(expected), "{url}: {error}");
        }
    }

    #[test]
    fn the_error_for_an_unusable_url_does_not_contain_it() {
        for url in [
            "mysql://secret@db/it",
            "postgres://me:secret@db/it?sslmode=require",
            "postgres://me:secret@db/it?sslmode=prefer",
            "postgres://me:secret@db/it?target_session_attrs=any",
            "postgres://me:secret@db/it?nonsense=secret",
            "postgres://me:secret@db/it?sslrootcert=/does/not/exist",
            "postgres:///it",
        ] {
            let error = PostgresOptions::parse(url).unwrap_err();
            assert!(error.is_incompatible(), "{url}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
}

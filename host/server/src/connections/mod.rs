//! What connections of clients may cost: how many there are, how long they keep the server waiting, and what they hold in memory.
//!
//! axum-server accepts connections and hyper speaks HTTP. Here is what neither bounds: each connection is registered when it is accepted
//! ([`registry`]), its stream can be closed from outside ([`stream`]), and its requests say whom the connection waits for ([`service`]).

mod open_files;
mod registry;
mod service;
mod stream;

use std::future::{Ready, ready};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum_server::accept::Accept;
use axum_server::{Handle, Server};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use twofactor::IpNet;

use registry::{Registry, is_near};
use service::Counted;
use stream::Guarded;

/// Streams that a client may have open at once in one HTTP/2 connection: RFC 9113 section 6.5.2 asks for no fewer than 100.
const HTTP2_STREAMS: u32 = 100;

/// What a client may send on an HTTP/2 stream before it is read, in bytes.
const HTTP2_STREAM_WINDOW: u32 = 64 << 10;

/// The same for all streams of a connection together.
const HTTP2_CONNECTION_WINDOW: u32 = 256 << 10;

/// The headers of one HTTP/2 request, in bytes.
const HTTP2_HEADER_LIST: u32 = 16 << 10;

/// HTTP/2 streams that were reset and are still remembered: those that the client reset before they were looked at, and those that were
/// reset because of a client's error. With more the connection ends.
const HTTP2_RESETS: usize = 100;

/// The head of an HTTP/1 request, and what of an answer is buffered until the client takes it, in bytes.
const BUFFER: usize = 64 << 10;

/// Limits on the connections of clients.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionLimits {
    /// How many connections are open at once; 4096. Fewer if the system's limit of open files demands it: the log says so. When there
    /// are as many, a new one has the oldest closed that waits for its client.
    pub total: u32,
    /// How many of them one client has: one IPv4 address, or one /64 network of IPv6; 256. Peers in `trusted_proxies` stand for many
    /// clients, and only `total` counts for them.
    pub per_client: u32,
    /// How many seconds pass at most from the connection to the end of its first request's head, TLS handshake included; 15.
    pub header_timeout_seconds: u64,
    /// How many seconds the body of a request may take, and one more for each 16 KiB that arrived; 20.
    pub body_timeout_seconds: u64,
    /// How many seconds a connection stays open without a request, and how long the head of its next request may take; 75.
    pub idle_timeout_seconds: u64,
    /// How many seconds a client may take to read a response, and one more for each 16 KiB; 30.
    pub response_timeout_seconds: u64,
    /// How many MiB of responses may wait for clients to read them, in all connections together; 64. With more, the connection that
    /// holds the most is closed.
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
    /// Says which limit would let nobody in.
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

/// Registers each connection that axum-server accepts, or refuses it.
#[derive(Clone)]
pub(crate) struct Registering {
    registry: Arc<Registry>,
    proxies: Arc<[IpNet]>,
}

impl<S> Accept<TcpStream, S> for Registering {
    type Stream = Guarded;
    type Service = Counted<S>;
    type Future = Ready<io::Result<(Guarded, Counted<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = stream.peer_addr().and_then(|peer| {
            let peer = peer.ip().to_canonical();
            let stands_for_many = self.proxies.iter().any(|network| network.contains(&peer));
            let admitted = self.registry.admit((!stands_for_many).then_some(peer));
            admitted.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))
        });
        ready(
            accepted
                .map(|connection| (Guarded::new(stream, Arc::clone(&connection)), Counted::new(service, connection))),
        )
    }
}

/// A server on a listener that keeps to the limits. It must be run within a Tokio runtime.
///
/// # Errors
/// If the system refuses to use the listener.
pub(crate) fn server(
    listener: TcpListener,
    handle: Handle<SocketAddr>,
    limits: &ConnectionLimits,
    proxies: Arc<[IpNet]>,
) -> io::Result<(Server<SocketAddr>, Registering)> {
    let files = open_files::raise();
    let registry = Arc::new(Registry::new(limits, open_files::connections(limits.total, files)));
    tokio::spawn(watch(Arc::clone(&registry), files));
    let mut server = axum_server::from_tcp(listener)?.handle(handle);
    let builder = server.http_builder();
    builder.http1().max_buf_size(BUFFER);
    builder
        .http2()
        .max_concurrent_streams(HTTP2_STREAMS)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
        .max_header_list_size(HTTP2_HEADER_LIST)
        .max_pending_accept_reset_streams(HTTP2_RESETS)
        .max_local_error_reset_streams(HTTP2_RESETS)
        .max_send_buf_size(BUFFER);
    Ok((server, Registering { registry, proxies }))
}

/// How often connections are looked through for those whose time has passed.
const SWEEP: Duration = Duration::from_secs(1);

/// How many sweeps pass between two looks at the process's open files.
const SWEEPS_BETWEEN: u32 = 30;

/// Closes connections whose time has passed, and warns when the process's open files are near their limit.
async fn watch(registry: Arc<Registry>, files: Option<u64>) {
    let mut turns = tokio::time::interval(SWEEP);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sweeps = 0;
    loop {
        turns.tick().await;
        metrics::gauge!("twofactor_connections").set(registry.sweep());
        sweeps = (sweeps + 1) % SWEEPS_BETWEEN;
        if sweeps == 0
            && let (Some(limit), Some(open)) = (files, open_files::count())
            && is_near(open, limit)
        {
            tracing::warn!(
                open,
                limit,
                "open files and connections are near the limit of the process: raise it (`ulimit -n`, `LimitNOFILE`)"
            );
        }
    }
}

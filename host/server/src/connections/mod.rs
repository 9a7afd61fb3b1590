//! Limits on client connections: their number, how long they keep the server waiting, and their memory.
//!
//! axum-server accepts connections and hyper speaks HTTP. This module bounds what they do not: each connection is registered when it is
//! accepted ([`registry`]), its stream can be closed from outside ([`stream`]), and its requests tell whether the connection waits for
//! the client or for the server ([`service`]).

mod limits;
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
use std::net::SocketAddr;
use tokio::net::TcpStream;
use twofactor::sandbox::IpNet;

pub use limits::ConnectionLimits;
pub(crate) use limits::LONGEST_SECONDS;
use registry::{Registry, is_near};
use service::Counted;
use stream::Guarded;

/// Concurrent streams of an HTTP/2 connection. RFC 9113 section 6.5.2 recommends at least 100.
const HTTP2_STREAMS: u32 = 100;

/// Unread data of an HTTP/2 stream, in bytes.
const HTTP2_STREAM_WINDOW: u32 = 64 << 10;

/// Unread data of all streams of a connection, in bytes.
const HTTP2_CONNECTION_WINDOW: u32 = 256 << 10;

/// The headers of one HTTP/2 request, in bytes.
const HTTP2_HEADER_LIST: u32 = 16 << 10;

/// HTTP/2 streams that were reset by the client before they were handled, or because of its errors. With more, the connection ends.
const HTTP2_RESETS: usize = 100;

/// The headers of an HTTP/1 request, and the buffered part of a response, in bytes.
const BUFFER: usize = 64 << 10;

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

/// Returns a server on a listener that applies the limits. Call it within a Tokio runtime.
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

/// How often expired connections are closed.
const SWEEP: Duration = Duration::from_secs(1);

/// How many sweeps there are between two checks of open files.
const SWEEPS_BETWEEN: u32 = 30;

/// Closes expired connections, and warns when open files are near their limit.
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
                "open files are near the limit of the process; raise it (`ulimit -n`, `LimitNOFILE`)"
            );
        }
    }
}

//! All open connections, and whom each of them waits for.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use axum_server::ConnectionShutdown;
use futures::task::AtomicWaker;

use super::limits::ConnectionLimits;

/// How long a client may take to close a connection after it was told to.
const FAREWELL: Duration = Duration::from_secs(5);

/// The number of bytes for which a body or a response may take one more second.
const BYTES_PER_SECOND: u64 = 16 << 10;

/// The minimum time between two warnings.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// Returns whether a count is at nine tenths of its limit or more.
pub(super) fn is_near(count: u64, limit: u64) -> bool {
    count.saturating_mul(10) >= limit.saturating_mul(9)
}

/// Why a connection was closed, as metrics name it.
#[derive(Clone, Copy)]
enum Why {
    /// It had waited longest for its client when another one arrived.
    Room,
    /// Its first request did not arrive in time.
    Head,
    /// It had no request for too long.
    Idle,
    /// A response was not read in time.
    Response,
    /// Its bodies, of requests and of responses, took the most memory.
    Memory,
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Response => "response",
            Self::Memory => "memory",
        }
    }
}

/// All open connections of a server.
pub(super) struct Registry {
    limits: ConnectionLimits,
    total: u32,
    open: Mutex<Open>,
    /// The number of bytes that bodies take: of requests without a response yet, and of responses that clients have not read yet.
    held: AtomicU64,
}

#[derive(Default)]
struct Open {
    last: u64,
    connections: HashMap<u64, Arc<Connection>>,
    clients: HashMap<IpAddr, u32>,
    /// When the log last warned that the limit is near.
    warned: Option<Instant>,
    /// When it last warned that bodies take too much memory.
    warned_of_memory: Option<Instant>,
}

impl Open {
    fn remove(&mut self, connection: &Connection) {
        if self.connections.remove(&connection.id).is_none() {
            return;
        }
        let Some(client) = connection.client else { return };
        if let Some(count) = self.clients.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.clients.remove(&client);
            }
        }
    }

    /// Returns the connection that has waited longest for its client, of this one or of any.
    fn oldest(&self, of: Option<IpAddr>) -> Option<Arc<Connection>> {
        let candidates = self.connections.values().filter(|it| of.is_none() || it.client == of);
        let waiting = candidates.filter_map(|it| Some((it.waits_since()?, it)));
        waiting.min_by_key(|(since, _)| *since).map(|(_, it)| Arc::clone(it))
    }

    /// Returns the connection whose bodies take the most memory, of the client whose connections take the most.
    fn heaviest(&self) -> Option<Arc<Connection>> {
        // A connection without a client is that of a proxy.
        let whose = |it: &Connection| it.client.ok_or(it.id);
        let mut all: HashMap<_, (u64, u64, &Arc<Connection>)> = HashMap::new();
        for it in self.connections.values() {
            let held = it.activity().held;
            let (sum, most, heaviest) = all.entry(whose(it)).or_insert((0, 0, it));
            *sum += held;
            if held > *most {
                (*most, *heaviest) = (held, it);
            }
        }
        let (_, most, heaviest) = all.into_values().max_by_key(|(sum, ..)| *sum)?;
        (most > 0).then(|| Arc::clone(heaviest))
    }
}

impl Registry {
    /// Creates a registry. `total` is the number of connections that the limit on open files
    /// allows.
    pub(super) fn new(limits: &ConnectionLimits, total: u32) -> Self {
        Self { limits: limits.clone(), total, open: Mutex::default(), held: AtomicU64::new(0) }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection. If its client, or all clients together, have reached their limit,
    /// the connection that has waited longest for its client is closed. `None` if no connection
    /// waits. A peer that is a proxy for many clients does not count as one.
    pub(super) fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Arc<Connection>> {
        let client = peer.map(client);
        let mut open = self.open();
        let own = client.and_then(|client| open.clients.get(&client)).copied().unwrap_or_default();
        let count = u32::try_from(open.connections.len()).unwrap_or(u32::MAX);
        let full = count >= self.total;
        if is_near(count.into(), self.total.into()) && open.warned.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) {
            open.warned = Some(Instant::now());
            tracing::warn!(
                open = count,
                limit = self.total,
                "connections are near their limit, beyond which the oldest idle ones are closed. If the clients are legitimate, raise \
                 `connections.total` and the limit of open files (`ulimit -n`, `LimitNOFILE`)"
            );
        }
        let victim = if own >= self.limits.per_client {
            Some(open.oldest(client))
        } else if full {
            Some(open.oldest(None))
        } else {
            None
        };
        match victim {
            None => {}
            Some(Some(victim)) => {
                open.remove(&victim);
                victim.close(Why::Room);
            }
            Some(None) => {
                metrics::counter!("twofactor_connections_refused_total").increment(1);
                return None;
            }
        }
        open.last += 1;
        let connection = Arc::new(Connection {
            id: open.last,
            client,
            registry: Arc::clone(self),
            activity: Mutex::new(Activity {
                since: Instant::now(),
                last: 0,
                requests: Vec::new(),
                shutdown: None,
                told: None,
                held: 0,
                closed: false,
            }),
            closed: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        if let Some(client) = client {
            *open.clients.entry(client).or_default() += 1;
        }
        open.connections.insert(connection.id, Arc::clone(&connection));
        Some(connection)
    }

    /// Closes expired connections. Returns how many there are.
    pub(super) fn sweep(&self) -> u32 {
        let now = Instant::now();
        let mut open = self.open();
        let overdue: Vec<_> =
            open.connections.values().filter_map(|it| Some((Arc::clone(it), it.overdue(now, &self.limits)?))).collect();
        for (connection, why) in overdue {
            open.remove(&connection);
            connection.close(why);
        }
        u32::try_from(open.connections.len()).unwrap_or(u32::MAX)
    }

    /// Closes connections until the bodies of all together are within the limit: the heaviest one of the client whose connections take the
    /// most. So a client with many connections is no lighter than another with one upload. A proxy's connection counts as a client.
    fn relieve(&self) {
        let most = self.limits.unread_mib.saturating_mul(1 << 20);
        if self.held.load(Ordering::Relaxed) <= most {
            return;
        }
        let mut open = self.open();
        while self.held.load(Ordering::Relaxed) > most {
            let Some(heaviest) = open.heaviest() else { return };
            open.remove(&heaviest);
            heaviest.close(Why::Memory);
            if open.warned_of_memory.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) {
                open.warned_of_memory = Some(Instant::now());
                tracing::warn!(
                    limit_mib = self.limits.unread_mib,
                    "unread responses and bodies of requests take too much memory: the connection of the client that has the most was closed. \
                     If the clients are legitimate, raise `connections.unread_mib`"
                );
            }
        }
    }
}

/// Returns what counts as one client: an IPv4 address, or a /64 network, since a host with one IPv6
/// address usually has one.
fn client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// One open connection.
pub(crate) struct Connection {
    id: u64,
    client: Option<IpAddr>,
    registry: Arc<Registry>,
    activity: Mutex<Activity>,
    closed: AtomicBool,
    waker: AtomicWaker,
}

/// The state of a connection.
struct Activity {
    /// Since when it has had no request.
    since: Instant,
    last: u64,
    requests: Vec<Request>,
    /// Tells the client to close the connection. `None` before the first request.
    shutdown: Option<ConnectionShutdown>,
    /// When the client was told to.
    told: Option<Instant>,
    /// The number of bytes that the bodies of its requests and responses take.
    held: u64,
    closed: bool,
}

struct Request {
    id: u64,
    since: Instant,
    phase: Phase,
    /// The number of bytes that its body takes, and from the response on those of the response.
    held: u64,
}

/// What a request waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The server.
    Working,
    /// The client, to send the body.
    Body,
    /// The client, to read this many bytes of a response.
    Response(u64),
}

impl Connection {
    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns since when it has waited only for its client.
    fn waits_since(&self) -> Option<Instant> {
        let activity = self.activity();
        if activity.requests.iter().any(|it| it.phase == Phase::Working) {
            return None;
        }
        Some(activity.requests.iter().map(|it| it.since).min().unwrap_or(activity.since))
    }

    /// Returns why it must be closed now. An idle client is told first.
    fn overdue(&self, now: Instant, limits: &ConnectionLimits) -> Option<Why> {
        let mut activity = self.activity();
        if activity.requests.is_empty() {
            let waited = now.saturating_duration_since(activity.since);
            if activity.shutdown.is_none() {
                return (waited >= Duration::from_secs(limits.header_timeout_seconds)).then_some(Why::Head);
            }
            if waited < Duration::from_secs(limits.idle_timeout_seconds) {
                return None;
            }
            if let Some(told) = activity.told {
                return (now.saturating_duration_since(told) >= FAREWELL).then_some(Why::Idle);
            }
            activity.told = Some(now);
            if let Some(shutdown) = &activity.shutdown {
                shutdown.graceful_shutdown();
            }
            return None;
        }
        let late = |request: &Request| match request.phase {
            Phase::Working | Phase::Body => false,
            Phase::Response(bytes) => {
                now.saturating_duration_since(request.since) >= time_for(limits.response_timeout_seconds, bytes)
            }
        };
        activity.requests.iter().any(late).then_some(Why::Response)
    }

    /// Closes it. The caller has removed it from the registry.
    fn close(&self, why: Why) {
        metrics::counter!("twofactor_connections_closed_total", "reason" => why.name()).increment(1);
        let mut activity = self.activity();
        activity.closed = true;
        self.registry.held.fetch_sub(std::mem::take(&mut activity.held), Ordering::Relaxed);
        drop(activity);
        self.closed.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Returns whether it was closed; if not, wakes the caller when it is.
    pub(super) fn is_closed(&self, waker: &Waker) -> bool {
        self.waker.register(waker);
        self.closed.load(Ordering::Acquire)
    }

    /// Removes it: its stream has ended.
    pub(super) fn ended(&self) {
        self.registry.open().remove(self);
    }

    /// Returns how many seconds the bodies of its requests may take.
    pub(super) fn body_time(&self, received: u64) -> Duration {
        time_for(self.registry.limits.body_timeout_seconds, received)
    }

    /// Records that a request has begun.
    pub(super) fn begin(self: &Arc<Self>, shutdown: Option<&ConnectionShutdown>) -> Work {
        let mut activity = self.activity();
        activity.last += 1;
        let id = activity.last;
        activity.requests.push(Request { id, since: Instant::now(), phase: Phase::Working, held: 0 });
        if activity.shutdown.is_none() {
            activity.shutdown = shutdown.cloned();
        }
        drop(activity);
        Work { connection: Arc::clone(self), id }
    }

    /// Records whether a request waits for its body, and how many more bytes the body takes.
    pub(super) fn receives(&self, id: u64, waits: bool, bytes: u64) {
        let mut activity = self.activity();
        if activity.closed {
            return;
        }
        let request = activity.requests.iter_mut().find(|it| it.id == id);
        // Body data that is read after the response was made does not matter.
        let Some(request) = request.filter(|it| !matches!(it.phase, Phase::Response(_))) else { return };
        request.phase = if waits { Phase::Body } else { Phase::Working };
        request.held += bytes;
        activity.held += bytes;
        // Count it before the connection can be closed, because closing takes it back.
        self.registry.held.fetch_add(bytes, Ordering::Relaxed);
        drop(activity);
        self.registry.relieve();
    }
}

fn time_for(seconds: u64, bytes: u64) -> Duration {
    Duration::from_secs(seconds.saturating_add(bytes / BYTES_PER_SECOND))
}

/// A request, until its response was read or aborted.
pub(super) struct Work {
    connection: Arc<Connection>,
    id: u64,
}

impl Work {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Records that the response is ready for the client to read. The body of the request is no longer needed.
    pub(super) fn responds(&self, bytes: u64) {
        let mut activity = self.connection.activity();
        if activity.closed {
            return;
        }
        let Some(request) = activity.requests.iter_mut().find(|it| it.id == self.id) else { return };
        request.since = Instant::now();
        request.phase = Phase::Response(bytes);
        let body = std::mem::replace(&mut request.held, bytes);
        activity.held = activity.held - body + bytes;
        // Count it before the connection can be closed, because closing takes it back.
        let held = &self.connection.registry.held;
        held.fetch_add(bytes, Ordering::Relaxed);
        held.fetch_sub(body, Ordering::Relaxed);
        drop(activity);
        self.connection.registry.relieve();
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut activity = self.connection.activity();
        let Some(at) = activity.requests.iter().position(|it| it.id == self.id) else { return };
        let request = activity.requests.swap_remove(at);
        activity.since = Instant::now();
        activity.told = None;
        if !activity.closed {
            activity.held -= request.held;
            self.connection.registry.held.fetch_sub(request.held, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn of_the_client_that_takes_the_most_memory_the_heaviest_connection_is_closed() {
        let registry = Arc::new(Registry::new(&ConnectionLimits::default(), 100));
        let admit = |peer: Option<&str>, held: u64| {
            let connection = registry.admit(peer.map(|peer| peer.parse().unwrap())).unwrap();
            connection.activity().held = held;
            connection
        };
        let heaviest = || registry.open().heaviest().map(|it| it.id);
        assert_eq!(heaviest(), None);
        let upload = admit(Some("192.0.2.1"), 64);
        let proxy = [admit(None, 40), admit(None, 50)];
        assert_eq!(heaviest(), Some(upload.id));
        let others = [5, 40, 20].map(|held| admit(Some("192.0.2.2"), held));
        assert_eq!(heaviest(), Some(others[1].id), "65 in all");
        registry.open().remove(&others[1]);
        registry.open().remove(&upload);
        assert_eq!(heaviest(), Some(proxy[1].id), "each of a proxy's counts by itself");
    }
}

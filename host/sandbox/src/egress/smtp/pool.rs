//! Connections that are kept from one email to the next.
//!
//! Each kept connection is owned by a task. It sends RSET after an email, watches for bytes that nobody asked for, gives the connection
//! to one email, and sends QUIT when its time is up. Nothing else can reach a kept connection, and an email that is aborted drops the
//! connection that it was given. So nothing that one exchange leaves behind can be read as a reply in the next.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::Rset;
use sha2::Sha256;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use super::stream::Line;
use crate::egress::policy::SmtpGrant;

/// The limits of a pool.
pub(super) struct Bounds {
    /// How many connections to one server with one login may be open at the same time.
    pub(super) open: usize,
    /// How many unused connections are kept in total.
    pub(super) kept: usize,
    /// How many emails are sent over one connection.
    pub(super) mails: u32,
    /// The maximum age of a connection that is used again. Names are resolved, and addresses checked, for each new connection.
    pub(super) age: Duration,
    /// How long an unused connection is kept.
    pub(super) idle: Duration,
}

impl Bounds {
    pub(super) fn new(open: usize) -> Self {
        Self { open: open.max(1), kept: 256, mails: 100, age: Duration::from_secs(300), idle: Duration::from_secs(30) }
    }
}

/// How long a server may take to answer RSET.
const RESET: Duration = Duration::from_secs(2);
/// How long no further connections are opened to a server that refused one.
const CROWDED: Duration = Duration::from_secs(60);
/// How long to wait for the reply to QUIT.
const QUIT: Duration = Duration::from_secs(1);

/// An open connection to a server, with the granted login.
pub(super) struct Connection {
    pub(super) smtp: AsyncSmtpConnection,
    line: Arc<dyn Line>,
    opened: Instant,
    mails: u32,
}

impl Connection {
    pub(super) fn new(smtp: AsyncSmtpConnection, line: Arc<dyn Line>) -> Self {
        Self { smtp, line, opened: Instant::now(), mails: 0 }
    }

    /// Sends RSET after an email. Returns whether the last exchange ended cleanly.
    async fn reset(&mut self) -> bool {
        let reset = timeout(RESET, self.smtp.command(Rset)).await;
        matches!(reset, Ok(Ok(reply)) if reply.has_code(250)) && self.line.begin_exchange()
    }

    pub(super) async fn close(mut self) {
        let _ = timeout(QUIT, self.smtp.quit()).await;
    }
}

/// Identifies a server, with the security of its connections and the login. It is a MAC with a key of this process, so the pool stores no
/// password.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key([u8; 32]);

/// The connections to one server with one login, whatever name they gave in EHLO: the component chooses that name, with the domain of a
/// mail's sender.
struct Lane {
    places: Arc<Places>,
    parked: Vec<Parked>,
}

/// How many emails may use a connection at the same time. Others wait in the order of their arrival.
struct Places {
    free: Arc<Semaphore>,
    /// The free places and those in use.
    all: AtomicUsize,
}

/// A kept connection, owned by its task.
struct Parked {
    number: u64,
    /// The name that it gave in EHLO: only emails of the same name use it again.
    hello: Arc<str>,
    /// Requests the connection from the task.
    request: oneshot::Sender<oneshot::Sender<Connection>>,
    /// Whether the server has confirmed RSET.
    ready: Arc<AtomicBool>,
    /// Ends when the connection is closed.
    closed: oneshot::Receiver<()>,
}

impl Parked {
    /// Closes the connection, and waits until that is done: the server may accept no other one before.
    async fn close(self) {
        drop(self.request);
        let _ = timeout(RESET + QUIT, self.closed).await;
    }
}

/// What a pool has for an email.
enum Found {
    /// A kept connection of the same name in EHLO.
    Own(Parked),
    /// One of another name, which must be closed before another one is opened.
    InTheWay(Parked),
}

#[derive(Default)]
struct Lanes {
    by_key: HashMap<Key, Lane>,
    parked: usize,
    number: u64,
}

/// All kept connections of one network.
pub(super) struct Pool {
    lanes: Mutex<Lanes>,
    secret: [u8; 32],
    bounds: Bounds,
}

/// An email's permission to use a connection to a server.
pub(super) struct Turn {
    pool: Arc<Pool>,
    key: Key,
    hello: Arc<str>,
    places: Arc<Places>,
    place: OwnedSemaphorePermit,
}

impl Places {
    /// Returns how many emails use a connection.
    fn in_use(&self) -> usize {
        self.all.load(Ordering::Relaxed).saturating_sub(self.free.available_permits())
    }
}

impl Pool {
    pub(super) fn new(bounds: Bounds) -> Result<Arc<Self>, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Arc::new(Self { lanes: Mutex::default(), secret, bounds }))
    }

    /// Waits for a turn at the granted server.
    pub(super) async fn turn(self: &Arc<Self>, grant: &SmtpGrant, hello: &str) -> Option<Turn> {
        let key = self.key(grant)?;
        let places = self.places(key);
        Turn::wait(self.clone(), key, hello.into(), places).await
    }

    fn key(&self, grant: &SmtpGrant) -> Option<Key> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        let SmtpGrant { host, port, security, credentials, secrets: _, timeout: _ } = grant;
        let (port, security) = (port.to_string(), security.to_string());
        let login = credentials.as_ref().map(|login| [&*login.username, login.password.expose()]);
        let server = [host, &*port, &*security];
        for field in server.into_iter().chain(login.into_iter().flatten()) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field.as_bytes());
        }
        Some(Key(mac.finalize().into_bytes().into()))
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self, key: Key) -> Arc<Places> {
        let mut lanes = self.lanes();
        if !lanes.by_key.contains_key(&key) {
            // Unused lanes are removed when one is added.
            lanes.by_key.retain(|_, lane| !lane.parked.is_empty() || Arc::strong_count(&lane.places) > 1);
        }
        let open = self.bounds.open;
        let new = || Places { free: Arc::new(Semaphore::new(open)), all: AtomicUsize::new(open) };
        let lane = lanes.by_key.entry(key);
        let lane = lane.or_insert_with(|| Lane { places: Arc::new(new()), parked: Vec::new() });
        lane.places.clone()
    }

    /// Removes a kept connection from the pool, preferably one that is ready. If there is none of that name, and no further connection to
    /// the server may be open, removes one of another name.
    fn take(&self, key: Key, hello: &str) -> Option<Found> {
        let mut lanes = self.lanes();
        let Lane { places, parked } = lanes.by_key.get_mut(&key)?;
        let is_ready = |parked: &Parked| parked.ready.load(Ordering::Relaxed);
        let ready = parked.iter().rposition(|parked| *parked.hello == *hello && is_ready(parked));
        let found = ready.or_else(|| parked.iter().rposition(|parked| *parked.hello == *hello));
        let most = places.all.load(Ordering::Relaxed);
        let in_the_way = || (!parked.is_empty() && parked.len() + places.in_use() > most).then_some(0);
        let at = found.or_else(in_the_way)?;
        let taken = parked.remove(at);
        lanes.parked -= 1;
        Some(if found.is_some() { Found::Own(taken) } else { Found::InTheWay(taken) })
    }

    /// Adds an entry for a connection. `None` if the pool is full.
    fn park(
        &self,
        key: Key,
        hello: Arc<str>,
        closed: oneshot::Receiver<()>,
    ) -> Option<(u64, oneshot::Receiver<oneshot::Sender<Connection>>, Arc<AtomicBool>)> {
        let mut lanes = self.lanes();
        if lanes.parked >= self.bounds.kept {
            return None;
        }
        lanes.number += 1;
        let (number, ready) = (lanes.number, Arc::<AtomicBool>::default());
        let (request, requests) = oneshot::channel();
        let lane = lanes.by_key.get_mut(&key)?;
        lane.parked.push(Parked { number, hello, request, ready: ready.clone(), closed });
        lanes.parked += 1;
        Some((number, requests, ready))
    }

    fn forget(&self, key: Key, number: u64) {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.by_key.get_mut(&key) else { return };
        let before = lane.parked.len();
        lane.parked.retain(|parked| parked.number != number);
        let gone = before - lane.parked.len();
        lanes.parked -= gone;
    }
}

impl Turn {
    async fn wait(pool: Arc<Pool>, key: Key, hello: Arc<str>, places: Arc<Places>) -> Option<Self> {
        // The semaphore is never closed.
        let place = places.free.clone().acquire_owned().await.ok()?;
        Some(Self { pool, key, hello, places, place })
    }

    /// Returns a kept connection whose last exchange ended cleanly, if there is one.
    pub(super) async fn kept(&self) -> Option<Connection> {
        loop {
            let parked = match self.pool.take(self.key, &self.hello)? {
                Found::Own(parked) => parked,
                Found::InTheWay(parked) => {
                    parked.close().await;
                    return None;
                }
            };
            let (taker, taken) = oneshot::channel();
            if parked.request.send(taker).is_ok()
                && let Ok(connection) = taken.await
            {
                return Some(connection);
            }
        }
    }

    /// Waits for one of the other connections, because the server accepts no more of them; if they are all unused and of another name,
    /// closes one. `None` if there is no other.
    pub(super) async fn behind_others(self) -> Option<Self> {
        let pool = self.pool.clone();
        let in_the_way = {
            // The lock ensures that one of several callers keeps its place.
            let mut lanes = pool.lanes();
            if self.places.in_use() > 1 {
                let removed = self.places.free.forget_permits(self.places.all.load(Ordering::Relaxed)) + 1;
                self.places.all.fetch_sub(removed, Ordering::Relaxed);
                tokio::spawn(restore(Arc::downgrade(&self.places), removed));
                None
            } else {
                let parked = &mut lanes.by_key.get_mut(&self.key)?.parked;
                if parked.iter().any(|parked| parked.hello == self.hello) {
                    return Some(self);
                }
                if parked.is_empty() {
                    return None;
                }
                let one = parked.remove(0);
                lanes.parked -= 1;
                Some(one)
            }
        };
        match in_the_way {
            Some(parked) => {
                parked.close().await;
                Some(self)
            }
            None => {
                let Self { pool, key, hello, places, place } = self;
                // It was removed above.
                place.forget();
                Self::wait(pool, key, hello, places).await
            }
        }
    }

    /// Keeps the connection over which an email has just been sent, if that ended cleanly, and ends the turn.
    pub(super) fn keep(self, mut connection: Connection) {
        connection.mails += 1;
        let (key, pool) = (self.key, Arc::downgrade(&self.pool));
        let bounds = &self.pool.bounds;
        let remaining = bounds.age.saturating_sub(connection.opened.elapsed());
        let (may_go_on, idle) = (connection.mails < bounds.mails && !remaining.is_zero(), bounds.idle.min(remaining));
        let (closing, closed) = oneshot::channel::<()>();
        let parked = if may_go_on { self.pool.park(key, self.hello.clone(), closed) } else { None };
        tokio::spawn(async move {
            // Dropped once the connection is closed, or taken.
            let _closing = closing;
            let Some((number, requests, ready)) = parked else { return connection.close().await };
            keep_idle(connection, idle, requests, &ready).await;
            if let Some(pool) = Weak::upgrade(&pool) {
                pool.forget(key, number);
            }
        });
    }
}

/// Adds removed places again after a while.
async fn restore(places: Weak<Places>, removed: usize) {
    sleep(CROWDED).await;
    if let Some(places) = places.upgrade() {
        places.all.fetch_add(removed, Ordering::Relaxed);
        places.free.add_permits(removed);
    }
}

/// Keeps a connection until an email takes it or it can no longer be used.
async fn keep_idle(
    mut connection: Connection,
    idle: Duration,
    mut requests: oneshot::Receiver<oneshot::Sender<Connection>>,
    ready: &AtomicBool,
) {
    if !connection.reset().await {
        return;
    }
    ready.store(true, Ordering::Relaxed);
    tokio::select! {
        biased;
        // Nobody asked the server for anything.
        () = poll_fn(|context| connection.line.poll_unexpected(context)) => return,
        taker = &mut requests => {
            let Ok(taker) = taker else { return connection.close().await };
            match taker.send(connection) {
                Ok(()) => return,
                Err(back) => connection = back,
            }
        }
        () = sleep(idle) => {}
    }
    connection.close().await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use lettre::transport::smtp::extension::ClientId;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::super::stream::Replies;
    use super::*;
    use crate::egress::policy::{Credentials, Secret, SmtpSecurity};
    use crate::redact::Texts;

    const HELLO: &str = "example.com";

    fn grant(host: &str, login: Option<(&str, &str)>) -> SmtpGrant {
        let credentials = login
            .map(|(username, password)| Credentials { username: username.to_owned(), password: Secret::new(password) });
        let (security, timeout) = (SmtpSecurity::ImplicitTls, Duration::from_secs(1));
        SmtpGrant { host: host.to_owned(), port: 465, security, credentials, secrets: Texts::default(), timeout }
    }

    /// A server that says yes to everything. Ends with the commands that came.
    async fn serve(wire: DuplexStream) -> Vec<String> {
        let mut wire = BufReader::new(wire);
        let mut commands = Vec::new();
        wire.write_all(b"220 ours\r\n").await.unwrap();
        let mut line = String::new();
        while wire.read_line(&mut line).await.unwrap() > 0 {
            commands.push(line.trim_end().to_owned());
            line.clear();
            if wire.write_all(b"250 ok\r\n").await.is_err() {
                break;
            }
        }
        commands
    }

    async fn open() -> (Connection, JoinHandle<Vec<String>>) {
        let (client, server) = duplex(1024);
        let server = tokio::spawn(serve(server));
        let replies = Replies::new(client);
        let line = Arc::new(replies.clone());
        let hello = ClientId::Domain(HELLO.to_owned());
        let smtp = AsyncSmtpConnection::connect_with_transport(Box::new(replies), &hello).await.unwrap();
        (Connection::new(smtp, line), server)
    }

    async fn turn(pool: &Arc<Pool>) -> Turn {
        pool.turn(&grant("a.example.com", None), HELLO).await.unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_some_emails_and_ends_with_quit() {
        let pool = Pool::new(Bounds { mails: 2, ..Bounds::new(1) }).unwrap();
        let (connection, server) = open().await;
        turn(&pool).await.keep(connection);
        let second = turn(&pool).await;
        let connection = second.kept().await.unwrap();
        assert!(second.kept().await.is_none());
        second.keep(connection);
        assert_eq!(server.await.unwrap(), ["EHLO example.com", "RSET", "QUIT"]);
        assert!(turn(&pool).await.kept().await.is_none());
    }

    #[tokio::test]
    async fn one_that_nobody_needs_or_that_is_old_ends_with_quit() {
        let short = Duration::from_millis(20);
        for bounds in [
            Bounds { idle: short, ..Bounds::new(1) },
            Bounds { age: short, ..Bounds::new(1) },
            Bounds { kept: 0, ..Bounds::new(1) },
        ] {
            let pool = Pool::new(bounds).unwrap();
            let (connection, server) = open().await;
            turn(&pool).await.keep(connection);
            assert_eq!(server.await.unwrap().last().unwrap(), "QUIT");
            // Its task forgets it a little later.
            while pool.lanes().parked > 0 {
                tokio::task::yield_now().await;
            }
            assert!(turn(&pool).await.kept().await.is_none());
        }
    }

    #[tokio::test]
    async fn an_aborted_email_closes_its_connection() {
        let pool = Pool::new(Bounds::new(1)).unwrap();
        let (connection, server) = open().await;
        turn(&pool).await.keep(connection);
        {
            let second = turn(&pool).await;
            let _taken = second.kept().await.unwrap();
        }
        assert_eq!(server.await.unwrap(), ["EHLO example.com", "RSET"]);
        assert!(turn(&pool).await.kept().await.is_none());
    }

    #[tokio::test]
    async fn connections_go_with_the_pool() {
        let pool = Pool::new(Bounds::new(1)).unwrap();
        let (connection, server) = open().await;
        turn(&pool).await.keep(connection);
        drop(pool);
        assert_eq!(server.await.unwrap().last().unwrap(), "QUIT");
    }

    #[tokio::test]
    async fn only_what_is_the_same_in_all_is_shared() {
        let pool = Pool::new(Bounds::new(1)).unwrap();
        let own = grant("a.example.com", Some(("user", "password")));
        let key = |grant: &SmtpGrant| pool.key(grant).unwrap();
        let same = SmtpGrant { timeout: Duration::from_secs(9), ..grant("a.example.com", Some(("user", "password"))) };
        assert!(key(&own) == key(&same));
        for other in [
            grant("b.example.com", Some(("user", "password"))),
            grant("a.example.com", Some(("user", "passwore"))),
            grant("a.example.com", Some(("use", "rpassword"))),
            grant("a.example.com", Some(("", ""))),
            grant("a.example.com", None),
            SmtpGrant { port: 587, ..grant("a.example.com", Some(("user", "password"))) },
            SmtpGrant { security: SmtpSecurity::StartTls, ..grant("a.example.com", Some(("user", "password"))) },
        ] {
            assert!(key(&own) != key(&other), "{other:?}");
        }
        assert!(key(&own) != Pool::new(Bounds::new(1)).unwrap().key(&own).unwrap());
    }

    #[tokio::test]
    async fn a_connection_is_used_again_under_the_name_that_it_gave() {
        let pool = Pool::new(Bounds::new(2)).unwrap();
        let (connection, _server) = open().await;
        turn(&pool).await.keep(connection);
        let other = pool.turn(&grant("a.example.com", None), "example.org").await.unwrap();
        assert!(other.kept().await.is_none());
        assert!(turn(&pool).await.kept().await.is_some());
    }

    #[tokio::test]
    async fn connections_under_other_names_count_for_the_same_server() {
        let pool = Pool::new(Bounds::new(1)).unwrap();
        let (connection, server) = open().await;
        turn(&pool).await.keep(connection);
        let other = pool.turn(&grant("a.example.com", None), "example.org").await.unwrap();
        // It may open one, so the kept one is closed.
        assert!(other.kept().await.is_none());
        assert_eq!(server.await.unwrap().last().unwrap(), "QUIT");
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { drop(pool.turn(&grant("a.example.com", None), "example.net").await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(other);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn an_unused_connection_under_another_name_is_closed_where_the_server_takes_no_more() {
        let pool = Pool::new(Bounds::new(32)).unwrap();
        let (connection, server) = open().await;
        turn(&pool).await.keep(connection);
        let other = pool.turn(&grant("a.example.com", None), "example.org").await.unwrap();
        // Another one may be opened, as far as this host knows.
        assert!(other.kept().await.is_none());
        let other = other.behind_others().await.unwrap();
        assert_eq!(server.await.unwrap().last().unwrap(), "QUIT");
        assert!(other.kept().await.is_none() && other.behind_others().await.is_none());
    }

    #[tokio::test]
    async fn others_wait_where_the_server_takes_no_more() {
        let pool = Pool::new(Bounds::new(3)).unwrap();
        let (first, second) = (turn(&pool).await, turn(&pool).await);
        let waiting = tokio::spawn(second.behind_others());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        // The third place is gone for now as well.
        let third = tokio::spawn({
            let pool = pool.clone();
            async move { drop(turn(&pool).await) }
        });
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        let (connection, _server) = open().await;
        first.keep(connection);
        let second = waiting.await.unwrap().unwrap();
        assert!(second.kept().await.is_some());
        assert!(second.behind_others().await.is_none());
        third.await.unwrap();
    }

    #[tokio::test]
    async fn lanes_that_nobody_uses_are_forgotten() {
        let pool = Pool::new(Bounds::new(1)).unwrap();
        for n in 0..1000 {
            drop(pool.turn(&grant(&format!("{n}.example.com"), None), HELLO).await.unwrap());
        }
        assert_eq!(pool.lanes().by_key.len(), 1);
    }
}

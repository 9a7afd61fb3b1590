//! Name resolution.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Resolves names. [`Network`](crate::Network) dials only those of its addresses that are allowed,
/// and calls it for every connection, so it may return different addresses each time.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// Returns the addresses of a name, in the order to try them. The caller may give up before: a resolver that leaves something
    /// behind then, such as a thread, must bound how much.
    ///
    /// # Errors
    /// If there is none.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
pub(crate) struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match host.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => LOOKUPS.addresses(host).await,
        }
    }
}

/// The operating system's lookups at once. Each blocks one of 512 threads, which are for other work as well, until the system gives
/// up, whether anybody still waits for it or not.
const AT_ONCE: usize = 256;

/// Those of one zone: somebody whose name servers stay silent blocks the lookups of few others.
const AT_ONCE_OF_ZONE: usize = 16;

/// The number of queues for zones. Zones that share one wait for each other.
const QUEUES: usize = 64;

/// One for the process, as those threads are.
static LOOKUPS: LazyLock<Lookups> = LazyLock::new(|| Lookups::new(AT_ONCE, AT_ONCE_OF_ZONE, look_up));

fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0_u16).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// What a lookup found, for all that wait for it.
type Found = Result<Vec<IpAddr>, io::ErrorKind>;

/// Resolves a name. It blocks its thread.
type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// The lookups that are running, by name.
type Running = Mutex<HashMap<String, watch::Receiver<Option<Found>>>>;

/// Lookups that block a thread each: a bounded number at once, in all and of each zone, and one of each name, which all who ask for the
/// name share. So names whose servers stay silent take few of them.
struct Lookups {
    free: Arc<Semaphore>,
    of_zones: [Arc<Semaphore>; QUEUES],
    hasher: RandomState,
    look_up: Arc<LookUp>,
    running: Arc<Running>,
}

/// A lookup that is running, until it is dropped.
struct Lookup {
    host: String,
    running: Arc<Running>,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Drop for Lookup {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.host);
    }
}

impl Lookups {
    fn new(
        at_once: usize,
        of_zone: usize,
        look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        let free = Arc::new(Semaphore::new(at_once));
        let of_zones = std::array::from_fn(|_| Arc::new(Semaphore::new(of_zone)));
        Self { free, of_zones, hasher: RandomState::new(), look_up: Arc::new(look_up), running: Arc::default() }
    }

    /// Returns the permits of the zone of a name: of its last two labels.
    fn of_zone(&self, host: &str) -> &Arc<Semaphore> {
        let host = host.trim_end_matches('.');
        let zone = host.rmatch_indices('.').nth(1).map_or(host, |(dot, _)| &host[dot + 1..]);
        let queue = self.hasher.hash_one(zone) % QUEUES as u64;
        &self.of_zones[usize::try_from(queue).unwrap_or_default()]
    }

    /// Returns the addresses of a name. It waits as long as its caller does.
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut result = match self.running(host) {
            Some(result) => result,
            None => {
                let of_zone = self.of_zone(host).clone().acquire_owned().await.map_err(io::Error::other)?;
                let of_all = self.free.clone().acquire_owned().await.map_err(io::Error::other)?;
                self.begin(host, [of_zone, of_all])
            }
        };
        let found = result.wait_for(Option::is_some).await.map_err(io::Error::other)?.clone();
        found.unwrap_or(Err(io::ErrorKind::Other)).map_err(io::Error::from)
    }

    /// Returns the result of a lookup of this name that is running.
    fn running(&self, host: &str) -> Option<watch::Receiver<Option<Found>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }

    /// Begins a lookup, and returns its result.
    fn begin(&self, host: &str, permits: [OwnedSemaphorePermit; 2]) -> watch::Receiver<Option<Found>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // Another caller may have begun it while this one waited for the permits.
        if let Some(result) = running.get(host) {
            return result.clone();
        }
        let (sender, result) = watch::channel(None);
        running.insert(host.to_owned(), result.clone());
        drop(running);
        let lookup = Lookup { host: host.to_owned(), running: self.running.clone(), _permits: permits };
        let look_up = self.look_up.clone();
        tokio::task::spawn_blocking(move || {
            let found = look_up(&lookup.host).map_err(|error| error.kind());
            // Before the result is known: who asks after that gets a new one.
            drop(lookup);
            let _ = sender.send(Some(found));
        });
        result
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Condvar;
    use std::time::Duration;

    use futures::FutureExt as _;
    use tokio::sync::mpsc;

    use super::*;

    /// Keeps lookups waiting until it is opened.
    #[derive(Default)]
    struct Gate {
        is_open: Mutex<bool>,
        opened: Condvar,
    }

    impl Gate {
        fn wait(&self) {
            // Not for ever: a test that fails waits for its threads.
            let (is_open, longest) = (self.is_open.lock().unwrap(), Duration::from_secs(20));
            drop(self.opened.wait_timeout_while(is_open, longest, |is_open| !*is_open).unwrap());
        }

        fn open(&self) {
            *self.is_open.lock().unwrap() = true;
            self.opened.notify_all();
        }
    }

    /// Returns lookups that wait at a gate, and the names of those that began.
    fn gated(at_once: usize, of_zone: usize) -> (Lookups, Arc<Gate>, mpsc::UnboundedReceiver<String>) {
        let (gate, (began, names)) = (Arc::new(Gate::default()), mpsc::unbounded_channel());
        let shut = gate.clone();
        let lookups = Lookups::new(at_once, of_zone, move |host| {
            began.send(host.to_owned()).unwrap();
            shut.wait();
            Ok(vec![IpAddr::from([192, 0, 2, 1])])
        });
        (lookups, gate, names)
    }

    #[tokio::test]
    async fn lookups_are_bounded_even_when_no_one_waits_for_them_any_longer() {
        let (lookups, gate, mut began) = gated(2, 2);
        for host in ["a.example", "b.example"] {
            assert!(lookups.addresses(host).now_or_never().is_none());
            assert_eq!(began.recv().await.unwrap(), host);
        }
        for host in ["a.example", "c.example", "d.example"] {
            assert!(lookups.addresses(host).now_or_never().is_none());
        }
        assert_eq!(lookups.free.available_permits(), 0);
        assert_eq!(lookups.running.lock().unwrap().len(), 2, "only names that are being looked up");
        assert!(began.try_recv().is_err());
        gate.open();
        assert!(lookups.addresses("c.example").await.is_ok());
        let _all = lookups.free.acquire_many(2).await.unwrap();
        assert!(lookups.running.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn all_who_ask_for_a_name_share_one_lookup() {
        let (lookups, gate, mut began) = gated(2, 2);
        let open = async {
            began.recv().await.unwrap();
            gate.open();
        };
        let (one, other, ()) = tokio::join!(lookups.addresses("a.example"), lookups.addresses("a.example"), open);
        assert_eq!(one.unwrap(), other.unwrap());
        assert!(began.try_recv().is_err());
        assert!(lookups.addresses("a.example").await.is_ok());
        assert_eq!(began.try_recv().unwrap(), "a.example", "the result is not kept");
    }

    #[tokio::test]
    async fn names_of_one_zone_leave_lookups_to_others() {
        let (lookups, gate, mut began) = gated(4, 1);
        assert!(lookups.addresses("a.evil.example").now_or_never().is_none());
        for host in ["b.evil.example", "a.b.evil.example", "evil.example"] {
            assert!(lookups.addresses(host).now_or_never().is_none());
        }
        let queue = lookups.of_zone("evil.example");
        let is_apart = |host: &String| !Arc::ptr_eq(queue, lookups.of_zone(host));
        let other = (0..).map(|n| format!("a.good{n}.example")).find(is_apart).unwrap();
        assert!(lookups.addresses(&other).now_or_never().is_none());
        let names = [began.recv().await.unwrap(), began.recv().await.unwrap()];
        assert!(names.contains(&"a.evil.example".to_owned()) && names.contains(&other), "{names:?}");
        assert!(began.try_recv().is_err());
        gate.open();
        assert!(lookups.addresses("b.evil.example").await.is_ok());
    }

    #[tokio::test]
    async fn a_lookup_that_panics_gives_back_its_turn() {
        let lookups = Lookups::new(1, 1, |_| panic!("on purpose"));
        assert!(lookups.addresses("a.example").await.is_err());
        let _all = lookups.free.acquire().await.unwrap();
        assert!(lookups.running.lock().unwrap().is_empty());
    }
}

//! The clock that interrupts guests, and limits how many processors long-running calls may use.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread::{self, Thread};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;

use super::time_slice::LongSlice;
use crate::limits::SandboxLimits;

/// The clock stops after this many ticks without a call.
const IDLE_TICKS: u32 = 100;

/// A call that runs for this many ticks without waiting is long.
const LONG: u64 = 2;

/// The clock's thread, which ends when this is dropped.
pub(crate) struct EpochClock {
    shared: Arc<Shared>,
    thread: Thread,
    ended: Arc<AtomicBool>,
}

struct Shared {
    ticks: AtomicU64,
    calls: AtomicUsize,
    stands_still: AtomicBool,
    /// One permit for each processor that long-running calls may use.
    gate: Arc<Semaphore>,
}

/// Whether a provider's calls are long.
pub(crate) struct Habit {
    /// Whether they run long, as the last one that ended did or did not.
    long: AtomicBool,
    /// Before all that run long those of one provider wait among themselves: however many they are, the others find a short queue.
    gate: Arc<Semaphore>,
}

/// The time of one call. It is at work while its future is polled; what it waits for is not its own time.
pub(crate) struct CallTime {
    shared: Arc<Shared>,
    limit: u64,
    /// Ticks at work before it was last restarted.
    used: AtomicU64,
    /// Of these, the ticks since it last waited for something other than its turn.
    stretch: AtomicU64,
    /// When it was last restarted.
    since: AtomicU64,
    /// Whether it runs long, or is expected to.
    long: AtomicBool,
    expected: AtomicBool,
    /// Whether it was made to give way.
    gave_way: AtomicBool,
}

/// What to do with a guest that is running at a tick.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Early,
    Long,
    OutOfTime,
}

impl Drop for EpochClock {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl EpochClock {
    /// Starts its thread.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub(crate) fn start(engine: &Engine) -> io::Result<Self> {
        let (shared, ended) = (Arc::new(Shared::new(for_long())), Arc::new(AtomicBool::new(false)));
        let (ticking, engine, end) = (shared.clone(), engine.weak(), ended.clone());
        let thread = thread::Builder::new().name("epoch-clock".to_owned()).spawn(move || {
            let mut idle = 0;
            while !end.load(Ordering::SeqCst)
                && let Some(engine) = engine.upgrade()
            {
                ticking.ticks.fetch_add(1, Ordering::SeqCst);
                engine.increment_epoch();
                drop(engine);
                idle = if ticking.calls.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
                if idle < IDLE_TICKS {
                    thread::sleep(SandboxLimits::TICK);
                    continue;
                }
                idle = 0;
                ticking.stands_still.store(true, Ordering::SeqCst);
                // A call that starts now is either seen here, or sees that the clock stands still.
                while ticking.calls.load(Ordering::SeqCst) == 0 && !end.load(Ordering::SeqCst) {
                    thread::park();
                }
                ticking.stands_still.store(false, Ordering::SeqCst);
            }
        })?;
        Ok(Self { shared, thread: thread.thread().clone(), ended })
    }

    /// Starts a call, which may run for this many ticks.
    pub(crate) fn call(&self, limit: u64) -> Arc<CallTime> {
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        if self.shared.stands_still.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Arc::new(CallTime::new(&self.shared, limit))
    }
}

/// Returns how many processors long-running calls may use: all but one.
fn for_long() -> usize {
    thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1)
}

impl Habit {
    pub(crate) fn new() -> Self {
        Self { long: AtomicBool::new(false), gate: Arc::new(Semaphore::new(for_long())) }
    }
}

impl Shared {
    fn new(at_once: usize) -> Self {
        Self {
            ticks: AtomicU64::new(0),
            calls: AtomicUsize::new(0),
            stands_still: AtomicBool::new(false),
            gate: Arc::new(Semaphore::new(at_once)),
        }
    }
}

impl Drop for CallTime {
    fn drop(&mut self) {
        self.shared.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

impl CallTime {
    fn new(shared: &Arc<Shared>, limit: u64) -> Self {
        let (zero, no) = (|| AtomicU64::new(0), || AtomicBool::new(false));
        let (used, stretch, since) = (zero(), zero(), zero());
        Self { shared: shared.clone(), limit, used, stretch, since, long: no(), expected: no(), gave_way: no() }
    }

    /// Runs a call. If it runs long, or calls of its provider recently did, it runs only while one
    /// of the processors for such calls is free. So all other calls find a free processor.
    pub(crate) async fn run<T>(&self, habit: Option<&Habit>, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let mut place = None;
        self.expected.store(habit.is_some_and(|habit| habit.long.load(Ordering::Relaxed)), Ordering::Relaxed);
        let answer = poll_fn(|context| {
            let long = self.is_long();
            // Given back when the guest waits or has had its time.
            let _permits = if long {
                let place = place.get_or_insert_with(|| Box::pin(self.turn(habit)));
                match place.as_mut().poll(context) {
                    Poll::Ready(permits) => Some(permits),
                    Poll::Pending => return Poll::Pending,
                }
            } else {
                None
            };
            place = None;
            self.since.store(self.now(), Ordering::Relaxed);
            let slice = long.then(LongSlice::begin);
            let answer = call.as_mut().poll(context);
            drop(slice);
            let ran = self.ran();
            self.used.fetch_add(ran, Ordering::Relaxed);
            // The host may have done the work: the clock does not find that.
            self.note_stretch(ran);
            if self.gave_way.swap(false, Ordering::Relaxed) {
                self.stretch.fetch_add(ran, Ordering::Relaxed);
                // To the other threads on this processor as well, which would otherwise wait for
                // the system's own tick.
                thread::yield_now();
            } else {
                self.stretch.store(0, Ordering::Relaxed);
            }
            answer
        })
        .await;
        if let Some(habit) = habit {
            habit.long.store(self.long.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        answer
    }

    /// Waits among the calls of the same provider first, and then among all that run long.
    fn turn(&self, habit: Option<&Habit>) -> impl Future<Output = [Option<OwnedSemaphorePermit>; 2]> + use<> {
        let (own, all) = (habit.map(|habit| habit.gate.clone()), self.shared.gate.clone());
        async move {
            let own = match own {
                Some(own) => own.acquire_owned().await.ok(),
                None => None,
            };
            [own, all.acquire_owned().await.ok()]
        }
    }

    fn is_long(&self) -> bool {
        self.long.load(Ordering::Relaxed) || self.expected.load(Ordering::Relaxed)
    }

    /// The clock found the guest at work.
    pub(crate) fn found(&self) -> Found {
        let ran = self.ran();
        if self.used.load(Ordering::Relaxed) + ran >= self.limit {
            return Found::OutOfTime;
        }
        self.note_stretch(ran);
        if !self.is_long() {
            return Found::Early;
        }
        self.gave_way.store(true, Ordering::Relaxed);
        Found::Long
    }

    /// Notes that it has been running for this many ticks more.
    fn note_stretch(&self, ran: u64) {
        if self.stretch.load(Ordering::Relaxed) + ran >= LONG {
            self.long.store(true, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        self.shared.ticks.load(Ordering::SeqCst)
    }

    /// Ticks since it was restarted.
    fn ran(&self) -> u64 {
        self.now().saturating_sub(self.since.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt as _;
    use tokio::task::yield_now;
    use wasmtime::Config;

    use super::*;

    /// Returns a call under a clock that is moved by hand.
    fn call(shared: &Arc<Shared>, limit: u64) -> CallTime {
        shared.calls.fetch_add(1, Ordering::SeqCst);
        CallTime::new(shared, limit)
    }

    /// Runs for this many ticks each time, endlessly, and records what the clock finds.
    async fn work(call: &CallTime, ticks: u64, found: &Mutex<Vec<Found>>) {
        loop {
            call.shared.ticks.fetch_add(ticks, Ordering::SeqCst);
            found.lock().unwrap().push(call.found());
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_call_is_charged_for_its_work_and_not_for_waiting() {
        let shared = Arc::new(Shared::new(1));
        let (call, found) = (call(&shared, 5), Mutex::default());
        let mut running = pin!(call.run(None, work(&call, 1, &found)));
        for _ in 0..5 {
            shared.ticks.fetch_add(100, Ordering::SeqCst);
            assert!(running.as_mut().now_or_never().is_none());
        }
        use Found::{Early, OutOfTime};
        assert_eq!(*found.lock().unwrap(), [Early, Early, Early, Early, OutOfTime]);
    }

    #[tokio::test]
    async fn long_running_calls_wait_for_a_free_processor_and_others_do_not() {
        let shared = Arc::new(Shared::new(1));
        let (long, short) = (call(&shared, 1000), call(&shared, 1000));
        let (of_long, of_short) = (Mutex::default(), Mutex::default());
        let times = |found: &Mutex<Vec<Found>>| found.lock().unwrap().len();
        let mut long = pin!(long.run(None, work(&long, LONG, &of_long)));
        let mut short = pin!(short.run(None, work(&short, LONG - 1, &of_short)));
        for taken in [false, true, false, true] {
            let permit = taken.then(|| shared.gate.clone().try_acquire_owned().unwrap());
            let before = (times(&of_long), times(&of_short));
            assert!(long.as_mut().now_or_never().is_none() && short.as_mut().now_or_never().is_none());
            assert_eq!(times(&of_short), before.1 + 1);
            assert_eq!(times(&of_long), before.0 + usize::from(!taken));
            drop(permit);
        }
        assert_eq!(shared.gate.available_permits(), 0, "it is the next");
    }

    #[tokio::test]
    async fn work_of_the_host_counts_as_the_guests() {
        let shared = Arc::new(Shared::new(1));
        let call = call(&shared, 1000);
        // The clock never finds the guest at work: each time the host works before it waits.
        let rounds = AtomicUsize::new(0);
        let mut running = pin!(call.run(None, async {
            loop {
                rounds.fetch_add(1, Ordering::Relaxed);
                call.shared.ticks.fetch_add(LONG, Ordering::SeqCst);
                yield_now().await;
            }
        }));
        assert!(running.as_mut().now_or_never().is_none());
        let taken = shared.gate.clone().try_acquire_owned().unwrap();
        assert!(running.as_mut().now_or_never().is_none());
        assert_eq!(rounds.load(Ordering::Relaxed), 1);
        drop(taken);
        assert!(running.as_mut().now_or_never().is_none());
        assert_eq!(rounds.load(Ordering::Relaxed), 2);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_long_running_calls_have_a_long_time_slice() {
        use super::super::time_slice::{LONGEST, slice};
        let (shared, ordinary) = (Arc::new(Shared::new(1)), slice());
        let (call, seen, found) = (call(&shared, 1000), Mutex::<Vec<u64>>::default(), Mutex::default());
        let watched = async {
            let mut work = pin!(work(&call, LONG, &found));
            poll_fn(|context| {
                seen.lock().unwrap().push(slice());
                work.as_mut().poll(context)
            })
            .await
        };
        let mut running = pin!(call.run(None, watched));
        for _ in 0..2 {
            assert!(running.as_mut().now_or_never().is_none());
            assert_eq!(slice(), ordinary);
        }
        // The first one was not known to be long. A kernel without time slices returns 0 for all.
        assert_eq!(*seen.lock().unwrap(), [ordinary, if ordinary == 0 { 0 } else { LONGEST }]);
    }

    #[tokio::test]
    async fn calls_of_a_provider_that_ran_long_wait_from_the_beginning_until_one_did_not() {
        let (shared, habit) = (Arc::new(Shared::new(1)), Habit::new());
        let once = async |ticks: u64| {
            let call = call(&shared, 1000);
            let work = async {
                call.shared.ticks.fetch_add(ticks, Ordering::SeqCst);
                call.found();
            };
            call.run(Some(&habit), work).now_or_never()
        };
        assert!(once(LONG).await.is_some());
        let taken = shared.gate.clone().try_acquire_owned().unwrap();
        assert!(once(0).await.is_none());
        drop(taken);
        assert!(once(0).await.is_some());
        let _taken = shared.gate.clone().try_acquire_owned().unwrap();
        assert!(once(0).await.is_some());
    }

    #[test]
    fn a_clock_that_stands_still_goes_on_with_the_next_call() {
        let engine = Engine::new(&Config::new()).unwrap();
        let clock = EpochClock::start(&engine).unwrap();
        for _ in 0..3 {
            while !clock.shared.stands_still.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            let call = clock.call(1);
            let before = call.now();
            while call.now() == before {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn the_clocks_thread_ends_with_it() {
        let engine = Engine::new(&Config::new()).unwrap();
        let clock = EpochClock::start(&engine).unwrap();
        let shared = clock.shared.clone();
        drop(clock);
        while Arc::strong_count(&shared) > 1 {
            thread::yield_now();
        }
    }
}

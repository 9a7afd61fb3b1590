//! The clock that interrupts guests, and how much of the processors those may take that run long.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread::{self, Thread};

use tokio::sync::Semaphore;
use wasmtime::Engine;

use super::limits::Limits;

/// After so many ticks without a call the clock stands still.
const IDLE_TICKS: u32 = 100;

/// Whoever runs for so many ticks in one go runs long.
const LONG: u64 = 2;

/// The clock's thread, which ends when this is dropped.
pub(super) struct Clock {
    shared: Arc<Shared>,
    thread: Thread,
    ended: Arc<AtomicBool>,
}

struct Shared {
    ticks: AtomicU64,
    calls: AtomicUsize,
    stands_still: AtomicBool,
    /// One permit for each processor that those may have who run long.
    gate: Arc<Semaphore>,
}

/// The time of one call. It is at work while its future is polled; what it waits for is not its own time.
pub(super) struct CallTime {
    shared: Arc<Shared>,
    /// Ticks at work, those since it was last begun or looked at left out.
    used: AtomicU64,
    since: AtomicU64,
    limit: u64,
    long: AtomicBool,
}

/// What to do with a guest that the clock finds at work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Early,
    Long,
    OutOfTime,
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Clock {
    pub(super) fn start(engine: &Engine) -> Self {
        // One processor is always left for those who do not run long.
        let shared = Shared::new(thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1));
        let (shared, ended) = (Arc::new(shared), Arc::new(AtomicBool::new(false)));
        let (ticking, engine, end) = (shared.clone(), engine.weak(), ended.clone());
        let thread = thread::spawn(move || {
            let mut idle = 0;
            while !end.load(Ordering::SeqCst)
                && let Some(engine) = engine.upgrade()
            {
                ticking.ticks.fetch_add(1, Ordering::SeqCst);
                engine.increment_epoch();
                drop(engine);
                idle = if ticking.calls.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
                if idle < IDLE_TICKS {
                    thread::sleep(Limits::TICK);
                    continue;
                }
                idle = 0;
                ticking.stands_still.store(true, Ordering::SeqCst);
                // A call that begins now either is seen here or sees that the clock stands still.
                while ticking.calls.load(Ordering::SeqCst) == 0 && !end.load(Ordering::SeqCst) {
                    thread::park();
                }
                ticking.stands_still.store(false, Ordering::SeqCst);
            }
        });
        Self { shared, thread: thread.thread().clone(), ended }
    }

    /// A call begins, which may be at work for so many ticks.
    pub(super) fn call(&self, limit: u64) -> Arc<CallTime> {
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        if self.shared.stands_still.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Arc::new(CallTime::new(&self.shared, limit))
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
        let (used, since, long) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Self { shared: shared.clone(), used, since, limit, long }
    }

    /// Runs a call. If it runs long, or those of its provider do of late, it is at work only while one of the processors for such
    /// calls is free: all others find one that is not taken.
    pub(super) async fn run<T>(&self, provider: Option<&AtomicBool>, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let mut place = None;
        let answer = poll_fn(|context| {
            let long = self.long.load(Ordering::Relaxed) || provider.is_some_and(|long| long.load(Ordering::Relaxed));
            // Given back when the guest waits or has had its time.
            let _permit = if long {
                let place = place.get_or_insert_with(|| Box::pin(self.shared.gate.clone().acquire_owned()));
                match place.as_mut().poll(context) {
                    Poll::Ready(permit) => permit.ok(),
                    Poll::Pending => return Poll::Pending,
                }
            } else {
                None
            };
            place = None;
            self.since.store(self.now(), Ordering::Relaxed);
            let answer = call.as_mut().poll(context);
            self.used.fetch_add(self.ran(), Ordering::Relaxed);
            if long && answer.is_pending() {
                // To the other threads on this processor too, which would wait for the system's own tick else.
                thread::yield_now();
            }
            answer
        })
        .await;
        if let Some(provider) = provider {
            provider.store(self.long.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        answer
    }

    /// The clock found the guest at work.
    pub(super) fn found(&self) -> Found {
        let ran = self.ran();
        if self.used.load(Ordering::Relaxed) + ran >= self.limit {
            return Found::OutOfTime;
        }
        if ran < LONG {
            return Found::Early;
        }
        self.long.store(true, Ordering::Relaxed);
        Found::Long
    }

    fn now(&self) -> u64 {
        self.shared.ticks.load(Ordering::SeqCst)
    }

    /// Ticks since it was begun anew.
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

    /// A call under a clock that is moved by hand.
    fn call(shared: &Arc<Shared>, limit: u64) -> CallTime {
        shared.calls.fetch_add(1, Ordering::SeqCst);
        CallTime::new(shared, limit)
    }

    /// Is at work for so many ticks each time, for ever; notes how the clock finds it then.
    async fn work(call: &CallTime, ticks: u64, found: &Mutex<Vec<Found>>) {
        loop {
            call.shared.ticks.fetch_add(ticks, Ordering::SeqCst);
            found.lock().unwrap().push(call.found());
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_call_is_charged_for_all_its_work_and_for_no_wait() {
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
    async fn who_runs_long_waits_for_a_free_processor_and_others_do_not() {
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
    async fn calls_of_a_provider_that_ran_long_wait_from_the_beginning_until_one_did_not() {
        let (shared, provider) = (Arc::new(Shared::new(1)), AtomicBool::new(false));
        let once = async |ticks: u64| {
            let call = call(&shared, 1000);
            let work = async {
                call.shared.ticks.fetch_add(ticks, Ordering::SeqCst);
                call.found();
            };
            call.run(Some(&provider), work).now_or_never()
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
        let clock = Clock::start(&engine);
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
        let clock = Clock::start(&engine);
        let shared = clock.shared.clone();
        drop(clock);
        while Arc::strong_count(&shared) > 1 {
            thread::yield_now();
        }
    }
}

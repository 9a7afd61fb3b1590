//! The clock that interrupts guests, and how much of the processors those take that run long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};

use tokio::sync::Semaphore;
use wasmtime::Engine;

use super::limits::Limits;

/// After so many ticks without a call the clock stands still.
const IDLE_TICKS: u32 = 100;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Pace(Arc<Shared>);

struct Shared {
    /// How many guests may go on until the next tick, of those that one has found running before.
    slices: Semaphore,
    at_once: usize,
    calls: AtomicUsize,
    stands_still: AtomicBool,
}

/// Keeps the clock going, until it is dropped.
pub(super) struct Running(Pace);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The clock's thread, which ends when this is dropped.
pub(super) struct Clock {
    pace: Pace,
    thread: Thread,
    ended: Arc<AtomicBool>,
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Clock {
    pub(super) fn start(engine: &Engine) -> Self {
        // One processor is always left for what does not run long.
        let at_once = thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
        let pace = Pace::new(at_once);
        let ended = Arc::new(AtomicBool::new(false));
        let (shared, engine, end) = (pace.0.clone(), engine.weak(), ended.clone());
        let thread = thread::spawn(move || {
            let mut idle = 0;
            while !end.load(Ordering::SeqCst)
                && let Some(engine) = engine.upgrade()
            {
                engine.increment_epoch();
                drop(engine);
                shared.tick();
                idle = if shared.calls.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
                if idle < IDLE_TICKS {
                    thread::sleep(Limits::TICK);
                    continue;
                }
                idle = 0;
                shared.stands_still.store(true, Ordering::SeqCst);
                // A call that begins now either is seen here or sees that the clock stands still.
                while shared.calls.load(Ordering::SeqCst) == 0 && !end.load(Ordering::SeqCst) {
                    thread::park();
                }
                shared.stands_still.store(false, Ordering::SeqCst);
            }
        });
        Self { pace, thread: thread.thread().clone(), ended }
    }

    /// A call begins.
    pub(super) fn run(&self) -> Running {
        self.pace.0.calls.fetch_add(1, Ordering::SeqCst);
        if self.pace.0.stands_still.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(self.pace.clone())
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace.clone()
    }
}

impl Shared {
    /// What was not used is not saved up.
    fn tick(&self) {
        self.slices.add_permits(self.at_once.saturating_sub(self.slices.available_permits()));
    }
}

impl Pace {
    fn new(at_once: usize) -> Self {
        let (slices, calls, stands_still) = (Semaphore::new(at_once), AtomicUsize::new(0), AtomicBool::new(false));
        Self(Arc::new(Shared { slices, at_once, calls, stands_still }))
    }

    /// Lets others run, and waits until there is time again for a guest that was found running.
    pub(super) async fn next_slice(&self) {
        tokio::task::yield_now().await;
        if let Ok(slice) = self.0.slices.acquire().await {
            slice.forget();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use futures::FutureExt as _;
    use wasmtime::Config;

    use super::*;

    /// How many go on now, of as many as want to.
    async fn go_on(pace: &Pace) -> usize {
        let mut went = 0;
        loop {
            let next = pace.next_slice();
            tokio::pin!(next);
            // Once to let others run, once more to go on.
            if next.as_mut().now_or_never().is_none() && next.now_or_never().is_none() {
                return went;
            }
            went += 1;
        }
    }

    #[tokio::test]
    async fn no_more_guests_go_on_between_two_ticks_than_there_is_room_for() {
        let pace = Pace::new(3);
        assert_eq!(go_on(&pace).await, 3);
        assert_eq!(go_on(&pace).await, 0);
        pace.0.tick();
        assert_eq!(go_on(&pace).await, 3);
        for _ in 0..10 {
            pace.0.tick();
        }
        assert_eq!(go_on(&pace).await, 3);
    }

    #[tokio::test]
    async fn a_clock_that_stands_still_goes_on_with_the_next_call() {
        let engine = Engine::new(&Config::new()).unwrap();
        let clock = Clock::start(&engine);
        let pace = clock.pace();
        for _ in 0..3 {
            while !pace.0.stands_still.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            go_on(&pace).await;
            let _call = clock.run();
            pace.next_slice().await;
        }
    }

    #[tokio::test]
    async fn the_clocks_thread_ends_with_it() {
        let engine = Engine::new(&Config::new()).unwrap();
        let clock = Clock::start(&engine);
        let pace = clock.pace();
        drop(clock);
        while Arc::strong_count(&pace.0) > 1 {
            thread::yield_now();
        }
    }
}

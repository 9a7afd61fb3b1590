//! One call in the middle of another one: a clock at which a call can be stopped.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use twofactor::clock::Clock;

/// How long the call in the middle may take before the other one goes on, in case it waits for that one.
const PATIENCE: Duration = Duration::from_secs(5);

tokio::task_local! {
    static STOP: Stop;
}

/// Where a call is stopped.
struct Stop {
    left: AtomicUsize,
    stopped: Mutex<Option<(oneshot::Sender<()>, Receiver<()>)>>,
}

/// The system's clock. [`interleaved`] stops a call when it reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoppingClock;

impl Clock for StoppingClock {
    fn now(&self) -> Timestamp {
        let stopped = STOP.try_with(|stop| {
            let is_here = stop.left.fetch_sub(1, Ordering::Relaxed) == 1;
            if is_here { stop.stopped.lock().unwrap().take() } else { None }
        });
        if let Ok(Some((reached, going_on))) = stopped {
            let _ = reached.send(());
            let _ = tokio::task::block_in_place(|| going_on.recv());
        }
        Timestamp::now()
    }
}

/// Runs a call until it reads the [`StoppingClock`] for the `nth` time, from 1; then the other call; then the rest of the first. Returns
/// the results, without the second one if the first did not read the clock so often. It needs a runtime with several threads.
pub async fn interleaved<A: Send + 'static, B>(
    nth: usize,
    first: impl Future<Output = A> + Send + 'static,
    second: impl Future<Output = B>,
) -> (A, Option<B>) {
    let ((reached, reaching), (go_on, going_on)) = (oneshot::channel(), mpsc::channel());
    let stop = Stop { left: AtomicUsize::new(nth), stopped: Mutex::new(Some((reached, going_on))) };
    let first = tokio::spawn(STOP.scope(stop, first));
    if reaching.await.is_err() {
        return (first.await.unwrap(), None);
    }
    let mut second = pin!(second);
    let early = tokio::time::timeout(PATIENCE, &mut second).await.ok();
    drop(go_on);
    let first = first.await.unwrap();
    let second = match early {
        Some(second) => second,
        None => second.await,
    };
    (first, Some(second))
}

//! One call in the middle of another one: a clock at which a call can be stopped. And calls that are given up half way.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use twofactor::clock::Clock;

/// How long the call in the middle may take before the other one goes on, in case it waits for that one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a call is stopped.
#[derive(Debug)]
struct Stop {
    left: usize,
    reached: oneshot::Sender<()>,
    going_on: Receiver<()>,
}

/// The system's clock, for one engine. [`interleaved`] stops a call of that engine when it reads it.
#[derive(Debug, Clone, Default)]
pub struct StoppingClock(Arc<Mutex<Option<Stop>>>);

impl StoppingClock {
    fn stop(&self) -> Option<Stop> {
        let mut armed = self.0.lock().unwrap();
        let stop = armed.as_mut()?;
        stop.left -= 1;
        if stop.left == 0 { armed.take() } else { None }
    }
}

impl Clock for StoppingClock {
    fn now(&self) -> Timestamp {
        if let Some(stop) = self.stop() {
            let _ = stop.reached.send(());
            let _ = tokio::task::block_in_place(|| stop.going_on.recv());
        }
        Timestamp::now()
    }
}

/// Runs a call until its engine reads its clock for the `nth` time, from 1; then the other call; then the rest of the first. Returns
/// the results, without the second one if the first did not read the clock so often. It needs a runtime with several threads.
pub async fn interleaved<A: Send + 'static, B>(
    (clock, nth): (&StoppingClock, usize),
    first: impl Future<Output = A> + Send + 'static,
    second: impl Future<Output = B>,
) -> (A, Option<B>) {
    let ((reached, reaching), (go_on, going_on)) = (oneshot::channel(), mpsc::channel());
    *clock.0.lock().unwrap() = Some(Stop { left: nth, reached, going_on });
    let clock = clock.clone();
    let first = tokio::spawn(async move {
        let done = first.await;
        drop(clock.0.lock().unwrap().take());
        done
    });
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

/// Runs a call until it waits for the `nth` time, from 1, and drops it there, as a server does whose client disconnects. Returns its result
/// if it did not wait so often.
pub async fn given_up<A>(nth: usize, call: impl Future<Output = A>) -> Option<A> {
    let mut call = pin!(call);
    let mut left = nth;
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            left -= 1;
            if left == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

//! Clocks and random numbers that are the same in each call, so that its result is too.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// Random numbers that always repeat: enough of them that none occurs twice where a guest draws a few.
static NUMBERS: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=u8::MAX).flat_map(|n| Sha256::digest([n])).collect());

/// Puts them in the place of the real ones.
pub(crate) fn fix(wasi: &mut WasiCtxBuilder) {
    wasi.wall_clock(Midnight)
        .monotonic_clock(Looks::default())
        .secure_random(Deterministic::new(NUMBERS.clone()))
        .insecure_random(Deterministic::new(NUMBERS.clone()))
        .insecure_random_seed(0);
}

/// A clock that always shows the beginning of 1970.
struct Midnight;

impl HostWallClock for Midnight {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// A clock that advances by a millisecond each time it is read, so that a loop that waits for time
/// to pass ends.
#[derive(Default)]
struct Looks(AtomicU64);

impl HostMonotonicClock for Looks {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1_000_000, Ordering::Relaxed)
    }
}

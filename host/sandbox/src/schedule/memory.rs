//! Limits the memory of the calls in flight, of all providers and of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that each call has in any case. Most components in Rust need no more, so they run while others hold all the rest.
const OF_EACH_CALL: usize = 2 << 20;

/// Memory that calls share, in bytes that are left.
pub(crate) struct SharedMemory(AtomicUsize);

impl SharedMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// Returns whether this many bytes were left.
    fn take(&self, bytes: usize) -> bool {
        self.0.try_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::AcqRel);
    }
}

/// The memory of one call. What it took of the shared memory is given back when this is dropped.
pub(crate) struct CallMemory {
    shared: Vec<Arc<SharedMemory>>,
    bytes: usize,
}

/// The error that calls in flight hold all the memory that they share.
#[derive(Debug, thiserror::Error)]
#[error("the calls in flight use too much memory")]
pub(crate) struct NoMemory;

impl CallMemory {
    /// Creates that of a call without any. It grows at the expense of all of `shared`.
    pub(crate) fn new(shared: Vec<Arc<SharedMemory>>) -> Self {
        Self { shared, bytes: 0 }
    }

    /// Adds memory, if so much is left.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let bytes = self.bytes.saturating_add(bytes);
        let more = taken(bytes) - taken(self.bytes);
        for (n, shared) in self.shared.iter().enumerate() {
            if !shared.take(more) {
                self.shared[..n].iter().for_each(|shared| shared.give_back(more));
                return Err(NoMemory);
            }
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for CallMemory {
    fn drop(&mut self) {
        self.shared.iter().for_each(|shared| shared.give_back(taken(self.bytes)));
    }
}

/// Returns how much of these bytes is taken from the shared memory.
fn taken(bytes: usize) -> usize {
    bytes.saturating_sub(OF_EACH_CALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_from_all_or_from_none_and_gives_back_what_it_took() {
        let [all, own] = [100, 60].map(|bytes| Arc::new(SharedMemory::new(bytes)));
        let left = || [&all, &own].map(|shared| shared.0.load(Ordering::Acquire));
        let mut call = CallMemory::new(vec![all.clone(), own.clone()]);
        assert!(call.grow(OF_EACH_CALL).is_ok());
        assert_eq!(left(), [100, 60]);
        assert!(call.grow(50).is_ok());
        assert_eq!(left(), [50, 10]);
        assert!(call.grow(11).is_err() && call.grow(usize::MAX).is_err());
        assert_eq!(left(), [50, 10]);
        assert!(call.grow(10).is_ok());
        drop(call);
        assert_eq!(left(), [100, 60]);
    }
}

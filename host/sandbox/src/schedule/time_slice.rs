//! A thread that runs a guest for long gives way to threads that wake up.
//!
//! Linux lets one that woke up wait until the thread on its processor has had its slice, and looks after that at its tick, every 4 ms as
//! a rule. Since 6.12 it need not wait for one with a longer slice than its own (`sched_setattr(2)`, `sched_runtime`; `PREEMPT_SHORT`). The
//! share that a thread has of the processor stays what it was, and no privilege is needed. Older kernels accept the request and do nothing.

#[cfg(all(test, target_os = "linux"))]
pub(crate) use linux::{LONGEST, slice};
#[cfg(target_os = "linux")]
pub(crate) use linux::{LongSlice, forget};
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{LongSlice, forget};

/// What the threads of a runtime should do when they begin: [`on_thread_start`](tokio::runtime::Builder::on_thread_start). One that is begun while a
/// provider's component runs for long inherits how eagerly that thread gives way to others; after this it is scheduled as any other.
/// It costs a system call on Linux and nothing elsewhere.
pub fn on_thread_start() {
    forget();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::marker::PhantomData;

    /// The longest slice that the kernel gives, in nanoseconds.
    pub(crate) const LONGEST: u64 = 100_000_000;

    /// While it lives, the slice of this thread is the longest there is.
    pub(crate) struct LongSlice {
        before: Option<u64>,
        /// It belongs to this thread.
        _not_send: PhantomData<*const ()>,
    }

    impl LongSlice {
        pub(crate) fn begin() -> Self {
            let before = attributes().filter(|found| found.is_fair()).map(|found| {
                set(&Attributes { runtime: LONGEST, ..found });
                found.runtime
            });
            Self { before, _not_send: PhantomData }
        }
    }

    impl Drop for LongSlice {
        fn drop(&mut self) {
            // Read again: the thread may have got another priority in the meantime.
            if let (Some(before), Some(found)) = (self.before, attributes().filter(Attributes::is_fair)) {
                set(&Attributes { runtime: before, ..found });
            }
        }
    }

    /// Takes the slice back that this thread inherited.
    pub(crate) fn forget() {
        // 0 is the system's own.
        if let Some(found) = attributes().filter(|found| found.is_fair() && found.runtime == LONGEST) {
            set(&Attributes { runtime: 0, ..found });
        }
    }

    /// Returns the slice of this thread; 0 where it has none.
    #[cfg(test)]
    pub(crate) fn slice() -> u64 {
        attributes().filter(Attributes::is_fair).map_or(0, |found| found.runtime)
    }

    /// `struct sched_attr` in its first version.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }

    impl Attributes {
        const SIZE: u32 = size_of::<Self>() as u32;

        /// Returns whether the scheduling class has a time slice. In the deadline class, `runtime`
        /// has another meaning.
        fn is_fair(&self) -> bool {
            [libc::SCHED_OTHER, libc::SCHED_BATCH].iter().any(|fair| u32::try_from(*fair) == Ok(self.policy))
        }
    }

    #[allow(unsafe_code, reason = "no library offers this call: see the safety comment")]
    fn attributes() -> Option<Attributes> {
        let mut found = Attributes::default();
        // SAFETY: the kernel writes at most as many bytes as it is told `found` has, all of whose values are valid. 0 is this thread.
        let answer =
            unsafe { libc::syscall(libc::SYS_sched_getattr, 0, std::ptr::from_mut(&mut found), Attributes::SIZE, 0) };
        (answer == 0).then_some(found)
    }

    /// Sets it. If it is refused, the thread stays as it is, as without this module.
    #[allow(unsafe_code, reason = "no library offers this call: see the safety comment")]
    fn set(wanted: &Attributes) {
        let mut wanted = Attributes { size: Attributes::SIZE, ..*wanted };
        // SAFETY: the kernel reads as many bytes as `size` says, and may write to that field. 0 is this thread.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, std::ptr::from_mut(&mut wanted), 0) };
    }

    #[cfg(test)]
    #[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    mod tests {
        use super::*;

        #[test]
        fn the_time_slice_is_the_longest_while_it_is_needed() {
            let before = attributes().unwrap();
            let ordinary = slice();
            let long = LongSlice::begin();
            let (meanwhile, longest) = (attributes().unwrap(), slice());
            drop(long);
            let after = attributes().unwrap();
            // A kernel without time slices returns 0 for all.
            assert_eq!((longest, slice()), (if ordinary == 0 { 0 } else { LONGEST }, ordinary));
            let kept = |found: &Attributes| (found.policy, found.nice, found.priority);
            assert_eq!((kept(&meanwhile), kept(&after)), (kept(&before), kept(&before)));
        }

        #[test]
        fn a_thread_that_started_meanwhile_gets_an_ordinary_time_slice() {
            let before = slice();
            let _long = LongSlice::begin();
            let seen = || (slice(), forget(), slice());
            let (inherited, (), after) = std::thread::spawn(seen).join().unwrap();
            assert_eq!((inherited, after), (if before == 0 { 0 } else { LONGEST }, before));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    /// Other systems have their own ways.
    pub(crate) struct LongSlice;

    impl LongSlice {
        pub(crate) fn begin() -> Self {
            Self
        }
    }

    pub(crate) fn forget() {}
}

//! Which call runs when: how many at the same time and with how much memory, how long one may compute, and how calls that compute for a
//! long time yield to the others.

pub(crate) mod concurrency;
pub(crate) mod epoch_clock;
pub(crate) mod fixed_clock;
pub(crate) mod memory;
pub(crate) mod time_slice;

pub use time_slice::on_thread_start;

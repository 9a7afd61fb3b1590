//! End-to-end suites by topic: see `tests/`. Here is what they share.

pub mod ecall;

//! End-to-end suites by topic: see `tests/`. Here is what they share.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "this serves tests, which fail by panicking")]

pub mod ecall;
pub mod hostile;
pub mod spellings;
pub mod upstream;
pub mod vendors;
pub mod wire;

//! End-to-end suites by topic: see `tests/`.

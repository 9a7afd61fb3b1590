//! End-to-end suites by topic: see `tests/`. Here is what they share.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "this serves tests, which fail by panicking")]

pub mod accounts;
pub mod attestation;
pub mod authors;
pub mod canaries;
pub mod certificates;
pub mod compiled;
pub mod delivery_reports;
pub mod ecall;
pub mod errors;
pub mod exim;
pub mod factors;
pub mod gateway;
pub mod gateways;
pub mod golden;
pub mod guest_memory;
pub mod held_factors;
pub mod hostile;
pub mod http_requests;
pub mod interleaved;
pub mod languages;
pub mod log;
pub mod mail;
pub mod minisign;
pub mod registry;
pub mod sample;
pub mod second_process;
pub mod smtp_server;
pub mod spellings;
pub mod suites;
pub mod upstream;
pub mod vendors;
pub mod webhook;
pub mod wire;
pub mod wrong;
pub mod wrong_factor;

/// The providers in the provider author's guide, with their tests. Not in the SDK: its package has no guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/providers/README.md")]
struct GuideProviders;

/// The examples of authentication in that guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/providers/authentication.md")]
struct GuideExamples;

//! How long the bodies of requests may be.

/// The longest body of a call that carries JSON, in bytes.
pub(crate) const BODY_BYTES: usize = 256 << 10;

/// The longest body of a call that carries ten thousand names.
pub(crate) const LIST_BYTES: usize = 8 << 20;

/// The longest report of an upstream, in bytes: a form of some fields.
pub(crate) const REPORT_BYTES: usize = 64 << 10;

/// The longest component taken, in bytes; what the engine takes may be less ([`twofactor::SandboxLimits`]).
pub(crate) const COMPONENT_BYTES: usize = 64 << 20;

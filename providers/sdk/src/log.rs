//! Lines for the operator's log.

pub use crate::bindings::twofactor::provider::log::Level;

/// Writes one line. It must not contain a code, an address or a secret. The host escapes the line and limits its length.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::twofactor::provider::log::write(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::log(level, message);
}

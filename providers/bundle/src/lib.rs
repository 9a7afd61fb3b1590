//! The providers of this repository, built for `wasm32-wasip2` and embedded: one constant for each, such as [`EMAIL`], and
//! [`BY_TYPE`]. `build.rs` finds them.

include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// Returns the providers that are loaded by default.
pub fn usual() -> [&'static [u8]; 3] {
    [EMAIL, ECALL, TWILIO]
}

//! The components of this repository, providers and factors, built and embedded: one constant for each, such as [`EMAIL`], and
//! [`BY_TYPE`]. `build.rs` finds them.

include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// Returns the providers that are loaded by default.
pub fn usual() -> [&'static [u8]; 3] {
    [EMAIL, ECALL, TWILIO]
}

//! The providers of this repository, built for `wasm32-wasip2` and embedded.

/// Email over SMTP or Microsoft 365.
pub const EMAIL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_email.wasm"));
/// eCall SMS.
pub const ECALL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_ecall.wasm"));
/// Twilio SMS.
pub const TWILIO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_twilio.wasm"));

/// All of them.
pub fn all() -> [&'static [u8]; 3] {
    [EMAIL, ECALL, TWILIO]
}

//! Builds the providers for `wasm32-wasip2`.

fn main() -> Result<(), twofactor_guest_build::Error> {
    twofactor_guest_build::build(
        &["twofactor-email", "twofactor-ecall", "twofactor-twilio"],
        &["providers/email", "providers/ecall", "providers/twilio"],
    )
}

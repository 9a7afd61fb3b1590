//! Builds the providers for `wasm32-wasip2`.

fn main() -> Result<(), twofactor_guest_build::Error> {
    twofactor_guest_build::build(
        &[
            "twofactor-email",
            "twofactor-ecall",
            "twofactor-twilio",
            "twofactor-ses",
            "twofactor-slack",
            "twofactor-twilio-voice",
            "twofactor-webhook",
        ],
        &[
            "providers/email",
            "providers/ecall",
            "providers/twilio",
            "providers/twilio-account",
            "providers/ses",
            "providers/slack",
            "providers/twilio-voice",
            "providers/webhook",
        ],
    )
}

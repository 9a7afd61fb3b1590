//! Builds the guests that tests load.

fn main() -> Result<(), twofactor_guest_build::Error> {
    twofactor_guest_build::build(
        &["twofactor-hostile-guest", "twofactor-verifying-guest", "twofactor-wasi-http-guest", "twofactor-wrong-guest"],
        &["tests/hostile", "tests/verifying", "tests/wasi-http-guest", "tests/wrong"],
    )?;
    twofactor_guest_build::build_without_wasi(&["twofactor-wrong-factor-guest"], &["tests/wrong-factor"])
}

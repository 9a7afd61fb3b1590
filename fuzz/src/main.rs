//! The program that libFuzzer drives, with one target: `./run fuzz TARGET`.

#![no_main]

use std::sync::LazyLock;

use twofactor_fuzz::Target;

/// The target whose name is in `FUZZ_TARGET`.
static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let all = [
        twofactor_sandbox::fuzzing::TARGETS,
        twofactor::fuzzing::TARGETS,
        twofactor_server::fuzzing::TARGETS,
        twofactor_fido::fuzzing::TARGETS,
    ];
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some(target) = all.into_iter().flatten().find(|(name, _)| *name == wanted) else {
        panic!("there is no target `{wanted}`")
    };
    *target
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| TARGET.1(input));

//! Fuzz targets: what reads the words of components, upstreams and administrators. They exist in tests, which run each of them
//! briefly, and where libFuzzer drives them (`./run fuzz`). Their seeds are in `fuzz/seeds`.

mod egress;
mod manifest;
mod redact;
mod schema;

/// A target: the name of its seeds' folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("component_signature", manifest::component_signature),
    ("destination", egress::destination),
    ("manifest", manifest::manifest),
    ("options_schema", schema::options_schema),
    ("redaction", redact::redaction),
    ("report_signature", egress::report_signature),
    ("retry_after", egress::retry_after),
    ("smtp_replies", egress::smtp_replies),
];

/// Splits an input at the first empty line.
fn halves(input: &[u8]) -> (&[u8], &[u8]) {
    match input.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&input[..at], &input[at + 2..]),
        None => (input, b""),
    }
}

#[cfg(test)]
#[test]
fn every_target_withstands_its_seeds_and_their_mutations() {
    twofactor_fuzz::run_briefly(TARGETS);
}

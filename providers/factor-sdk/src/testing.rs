//! For native tests of a factor: a context, and the component's functions over serialized values.

use serde_json::Value;

use crate::bindings::exports::twofactor::factor::factor::Guest;
use crate::bindings::twofactor::factor::types as wit;
use crate::{
    Context, Entropy, Exported, Factor, Manifest, Problem, Requirements, Site, StateError, User, UserVerification,
};

/// A context: the site `example.com`, the user `ada@example.com`, the time 1,800,000,000, and random bytes that are the same in each
/// call.
pub fn context() -> Context {
    Context {
        now: 1_800_000_000,
        entropy: entropy(0),
        site: site(),
        user: User { handle: vec![7; 64], name: "ada@example.com".to_owned(), display_name: "Ada".to_owned() },
        requirements: Requirements {
            user_verification: UserVerification::Preferred,
            device_bound: false,
            attested: false,
            passwordless: false,
        },
        trusted_authenticators: Vec::new(),
    }
}

/// The site `example.com`, with `https://login.example.com` as its only origin.
pub fn site() -> Site {
    Site {
        rp_id: "example.com".to_owned(),
        name: "Example".to_owned(),
        origins: vec!["https://login.example.com".to_owned()],
        top_origins: Vec::new(),
    }
}

/// Returns 256 bytes that look random and depend only on the seed.
pub fn entropy(seed: u64) -> Entropy {
    // SplitMix64: <https://prng.di.unimi.it/splitmix64.c>
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    });
    Entropy::new(words.take(32).flat_map(u64::to_le_bytes).collect())
}

/// Returns a factor's description as its component gives it.
pub fn describe<F: Factor>() -> Manifest {
    Exported::<F>::describe()
}

/// Validates options as the component does.
///
/// # Errors
/// What is wrong with them.
pub fn configure<F: Factor>(options: &Value) -> Result<Option<crate::CodeFormat>, Vec<Problem>> {
    Exported::<F>::configure(options.to_string(), site()).map(|configured| configured.code_format)
}

/// Reads a stored state as the component does, and writes it again in the current format.
///
/// # Errors
/// If it cannot be read.
pub fn upgrade<F: Factor>(format: u32, data: &[u8]) -> Result<Vec<u8>, StateError> {
    Exported::<F>::upgrade(wit::State { format, data: data.to_vec() }).map(|state| state.data)
}

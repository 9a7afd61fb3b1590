//! What the host passes in each call.

use std::cell::Cell;

use crate::bindings::twofactor::factor::types as wit;
use crate::{Requirements, Site, TrustedAuthenticator, User};

/// What the host passes in each call: see `context` in the contract.
#[derive(Debug, Clone)]
pub struct Context {
    /// The time, in seconds since 1970.
    pub now: u64,
    /// Random bytes.
    pub entropy: Entropy,
    /// The site on which the factor is used.
    pub site: Site,
    /// The user; all fields are empty while a passwordless sign-in has not identified the user.
    pub user: User,
    /// What the sign-in requires.
    pub requirements: Requirements,
    /// The authenticator models that satisfy a required attestation.
    pub trusted_authenticators: Vec<TrustedAuthenticator>,
}

impl From<wit::Context> for Context {
    fn from(context: wit::Context) -> Self {
        Self {
            now: context.now,
            entropy: Entropy::new(context.entropy),
            site: context.site,
            user: context.user,
            requirements: context.requirements,
            trusted_authenticators: context.trusted_authenticators,
        }
    }
}

/// Random bytes from the host. Each is used once.
#[derive(Clone)]
pub struct Entropy {
    bytes: Vec<u8>,
    drawn: Cell<usize>,
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entropy({} of {} bytes drawn)", self.drawn.get(), self.bytes.len())
    }
}

impl Entropy {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, drawn: Cell::new(0) }
    }

    /// Returns bytes that were not drawn before. There are 256 in each call.
    ///
    /// # Panics
    /// If there are fewer left.
    #[allow(clippy::panic, reason = "going on without randomness would be worse than ending the call")]
    pub fn draw<const N: usize>(&self) -> [u8; N] {
        let from = self.drawn.get();
        let Some(Ok(bytes)) = self.bytes.get(from..from + N).map(TryInto::try_into) else {
            panic!("fewer than {N} random bytes are left")
        };
        self.drawn.set(from + N);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_drawn_twice() {
        let entropy = Entropy::new((0..8).collect());
        assert_eq!(entropy.draw(), [0, 1, 2]);
        assert_eq!(entropy.draw(), [3, 4, 5, 6, 7]);
    }

    #[test]
    #[should_panic(expected = "fewer than 5 random bytes")]
    fn too_many_bytes_end_the_call() {
        let entropy = Entropy::new((0..8).collect());
        let _: [u8; 4] = entropy.draw();
        let _: [u8; 5] = entropy.draw();
    }

    #[test]
    fn debug_output_shows_no_random_byte() {
        assert_eq!(format!("{:?}", Entropy::new(vec![200; 8])), "Entropy(0 of 8 bytes drawn)");
    }
}

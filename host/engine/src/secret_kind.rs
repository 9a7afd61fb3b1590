//! Secrets that somebody is given and sends back: access tokens, and those of accounts and browsers. Only digests of them are stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use twofactor_sandbox::Secret;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::random;

/// The longest text that is taken for a secret, in bytes: strangers must not make this server digest long ones.
const LONGEST: usize = 64;

/// What a secret is for. Each kind has a prefix by which scanners find leaked secrets, and a secret is looked up among its own kind only.
#[derive(Clone, Copy)]
pub(crate) enum SecretKind {
    /// An access token.
    Token,
    /// The link with which a person sets the password of an account.
    Invitation,
    /// A login that waits for its second factor.
    Login,
    /// A login at an identity provider.
    AuthorizationRequest,
    /// A session of an account.
    Session,
    /// A browser in which somebody logged in to an account before.
    KnownBrowser,
    /// A browser that is remembered for a user.
    RememberedBrowser,
}

impl SecretKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Token => "tf_",
            Self::Invitation => "tfi_",
            Self::Login => "tfl_",
            Self::AuthorizationRequest => "tfe_",
            Self::Session => "tfs_",
            Self::KnownBrowser => "tfb_",
            Self::RememberedBrowser => "tfr_",
        }
    }

    /// Returns a new secret of 256 random bits, and its digest.
    pub(crate) fn draw(self) -> Result<(Secret, [u8; 32]), Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        random::fill(&mut *bytes)?;
        let secret = Secret::new(format!("{}{}", self.prefix(), URL_SAFE_NO_PAD.encode(*bytes)));
        let digest = Sha256::digest(secret.expose()).into();
        Ok((secret, digest))
    }

    /// Returns the digest of what may be a secret of this kind. Secrets are looked up by digest and cannot be guessed, so the time of a
    /// lookup reveals nothing.
    pub(crate) fn digest(self, secret: &str) -> Option<[u8; 32]> {
        (secret.starts_with(self.prefix()) && secret.len() <= LONGEST).then(|| Sha256::digest(secret).into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_256_bits_and_is_accepted_for_its_own_purpose_only() {
        let all = [
            SecretKind::Token,
            SecretKind::Invitation,
            SecretKind::Login,
            SecretKind::AuthorizationRequest,
            SecretKind::Session,
            SecretKind::KnownBrowser,
            SecretKind::RememberedBrowser,
        ];
        for one in all {
            let (secret, digest) = one.draw().unwrap();
            assert_ne!(secret, one.draw().unwrap().0);
            let (_, bits) = secret.expose().split_once('_').unwrap();
            assert_eq!(URL_SAFE_NO_PAD.decode(bits).unwrap().len(), 32);
            let taken: Vec<_> = all.iter().filter_map(|other| other.digest(secret.expose())).collect();
            assert_eq!(taken, [digest]);
        }
    }
}

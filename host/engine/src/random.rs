//! Randomness comes from the operating system. If it fails, nothing is made.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Error;

/// Returns an id that cannot be guessed: 144 random bits, where 128 are asked for, since base64url then needs no padding.
pub(crate) fn id() -> Result<String, Error> {
    let mut bytes = [0; 18];
    fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Fills a buffer with random bytes.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|_| Error::unavailable("the operating system provides no random numbers"))
}

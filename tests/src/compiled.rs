//! A cache of compiled components that all test programs share. Without it, each would spend seconds compiling the same ones.

use std::path::Path;

use twofactor::sandbox::{CacheSeal, CodeCache};
use twofactor::{Builder, TwoFactor};

/// Returns a builder of an engine that reuses the components an earlier test compiled.
pub fn builder() -> Builder {
    TwoFactor::builder().code_cache(cache())
}

/// Returns the cache. Only the build writes to its folder.
pub fn cache() -> CodeCache {
    CodeCache::new(Path::new(env!("OUT_DIR")).join("compiled"), Digest)
}

/// Marks compiled code with the digest of its component, without a key.
struct Digest;

impl CacheSeal for Digest {
    fn seal(&self, digest: &str, code: &[u8]) -> Vec<u8> {
        [digest.as_bytes(), code].concat()
    }

    fn open<'a>(&self, digest: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        sealed.strip_prefix(digest.as_bytes())
    }
}

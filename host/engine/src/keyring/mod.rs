//! The installation's keys. They are in a file separate from the database, so that a stolen database reveals no secret, no code
//! and no address.
//!
//! New data is sealed with the newest key; older data stays readable with older keys.

mod file;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use twofactor_sandbox::CacheSeal;

/// The id of a key in a keyring.
pub type KeyId = u32;

const COMPILED_CODE: &str = "compiled-code";

const NONCE_BYTES: usize = 24;
const ID_BYTES: usize = 4;
const MAC_BYTES: usize = 32;

/// The keys of an installation, the newest first. Cheap to clone; all clones share the keys. `Debug` shows only their ids.
#[derive(Clone)]
pub struct Keyring(Arc<Shared>);

struct Shared {
    keys: RwLock<Vec<Arc<Key>>>,
    /// Read again if a key is missing here: another process may have added it.
    file: Option<PathBuf>,
}

struct Key {
    id: KeyId,
    secret: Zeroizing<[u8; 32]>,
}

/// An error of a key file that cannot be used, or of sealed data that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeyringError(String);

impl Keyring {
    /// Creates a keyring with one new key, which is stored nowhere.
    ///
    /// # Errors
    /// If the operating system provides no random numbers.
    pub fn generate() -> Result<Self, KeyringError> {
        Ok(Self::of(vec![Arc::new(Key::generate()?)], None))
    }

    fn of(keys: Vec<Arc<Key>>, file: Option<PathBuf>) -> Self {
        Self(Arc::new(Shared { keys: RwLock::new(keys), file }))
    }

    /// Returns the newest key's id and its check value, to be stored.
    pub(crate) fn newest_check(&self) -> (KeyId, [u8; MAC_BYTES]) {
        let newest = self.newest();
        (newest.id, check_value(&newest))
    }

    /// Returns the check value of the key that keyed hashes for lookups are made with.
    pub(crate) fn oldest_check(&self) -> [u8; MAC_BYTES] {
        check_value(&self.oldest())
    }

    /// Returns whether the keyring has this key, with this check value.
    pub(crate) fn has(&self, id: KeyId, check: &[u8; MAC_BYTES]) -> bool {
        self.key(id).is_some_and(|key| bool::from(check_value(&key).ct_eq(check)))
    }

    fn keys(&self) -> RwLockReadGuard<'_, Vec<Arc<Key>>> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    // Nothing makes an empty keyring.
    fn newest(&self) -> Arc<Key> {
        self.keys()[0].clone()
    }

    fn oldest(&self) -> Arc<Key> {
        let keys = self.keys();
        keys[keys.len() - 1].clone()
    }

    fn key(&self, id: KeyId) -> Option<Arc<Key>> {
        let find = |keys: &[Arc<Key>]| keys.iter().find(|key| key.id == id).cloned();
        // Not held while the file is read.
        let known = find(&self.keys());
        known.or_else(|| {
            let now = match Self::read(self.0.file.as_deref()?) {
                Ok(now) => now?.keys().clone(),
                Err(error) => {
                    tracing::error!(%error, "unknown key, and the key file cannot be reloaded");
                    return None;
                }
            };
            let found = find(&now)?;
            if now.last().map(|key| key.id) != Some(self.oldest().id) {
                // With another one, no stored hash would be found again.
                tracing::error!(
                    "the last line of the key file has changed since startup: restore the order of its lines"
                );
                return Some(found);
            }
            *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = now;
            Some(found)
        })
    }

    /// Returns a MAC with the newest key. The parts are length-prefixed: no two lists of parts are alike.
    pub(crate) fn mac(&self, purpose: &str, parts: &[&[u8]]) -> (KeyId, [u8; MAC_BYTES]) {
        let key = self.newest();
        (key.id, key.mac(purpose, parts))
    }

    /// Returns a MAC with a certain key, if it is known.
    pub(crate) fn mac_with(&self, id: KeyId, purpose: &str, parts: &[&[u8]]) -> Option<[u8; MAC_BYTES]> {
        Some(self.key(id)?.mac(purpose, parts))
    }

    /// Compares in constant time.
    pub(crate) fn verify_mac(&self, id: KeyId, mac: &[u8; MAC_BYTES], purpose: &str, parts: &[&[u8]]) -> bool {
        self.mac_with(id, purpose, parts).is_some_and(|found| found.ct_eq(mac).into())
    }

    /// Returns a keyed hash for lookups. It is made with the oldest key, so it does not change when a key is added.
    pub(crate) fn bucket(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 16] {
        let mut bucket = [0; 16];
        bucket.copy_from_slice(&self.fingerprint(purpose, parts)[..16]);
        bucket
    }

    /// Returns the same in full length, to tell whether two values are equal.
    pub(crate) fn fingerprint(&self, purpose: &str, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        self.oldest().mac(purpose, parts)
    }

    /// Encrypts a text, bound to its place: it cannot be decrypted in any other place.
    pub(crate) fn seal(&self, purpose: &str, place: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let key = self.newest();
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| no_randomness())?;
        key.seal(purpose, nonce, place, plain)
    }

    /// Encrypts like [`Keyring::seal`], but the same input always has the same result, so that results can be compared. The nonce
    /// is derived from text and place (as in RFC 5297), so it is never used for two texts.
    pub(crate) fn seal_alike(&self, purpose: &str, place: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let key = self.newest();
        let mac = key.mac(&format!("{purpose}-nonce"), &[place, &[plain]].concat());
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&mac[..NONCE_BYTES]);
        key.seal(purpose, nonce, place, plain)
    }

    /// Decrypts what [`Keyring::seal`] made for this place.
    pub(crate) fn open(
        &self,
        purpose: &str,
        place: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let opened = || -> Option<Vec<u8>> {
            let (id, rest) = sealed.split_first_chunk::<ID_BYTES>()?;
            let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
            let aad = joined(place);
            let cipher = self.key(KeyId::from_be_bytes(*id))?.cipher(purpose);
            cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad }).ok()
        };
        opened().map(Zeroizing::new).ok_or_else(|| KeyringError("not sealed by this installation".to_owned()))
    }

    /// Derives a secret for one purpose from each of the newest keys, at most `wanted`.
    pub(crate) fn derived(&self, purpose: &str, wanted: usize) -> Vec<(KeyId, Zeroizing<[u8; 32]>)> {
        self.keys().iter().take(wanted).map(|key| (key.id, key.derive(purpose))).collect()
    }

    /// Returns the same from the current key file, which another process may have changed. The newest key here is always included.
    pub(crate) fn derived_in_file(&self, purpose: &str, wanted: usize) -> Vec<(KeyId, Zeroizing<[u8; 32]>)> {
        let file = self.0.file.as_deref().and_then(|path| match Self::read(path) {
            Ok(file) => file,
            Err(error) => {
                tracing::warn!(%error, "the key file cannot be reloaded");
                None
            }
        });
        let Some(file) = file else {
            return self.derived(purpose, wanted);
        };
        let mut derived = file.derived(purpose, wanted);
        let here = self.derived(purpose, 1);
        derived.extend(here.into_iter().filter(|(id, _)| file.keys().iter().take(wanted).all(|key| key.id != *id)));
        derived
    }

    /// Prepends a MAC to data that need not be secret.
    pub(crate) fn sign(&self, purpose: &str, place: &[&[u8]], data: &[u8]) -> Vec<u8> {
        let key = self.newest();
        let mac = key.mac(purpose, &[place, &[data]].concat());
        [&key.id.to_be_bytes()[..], &mac, data].concat()
    }

    /// Returns the data that [`Keyring::sign`] signed, if the MAC is right.
    pub(crate) fn open_signed<'a>(&self, purpose: &str, place: &[&[u8]], signed: &'a [u8]) -> Option<&'a [u8]> {
        let (id, rest) = signed.split_first_chunk::<ID_BYTES>()?;
        let (mac, data) = rest.split_first_chunk::<MAC_BYTES>()?;
        let parts = [place, &[data]].concat();
        self.verify_mac(KeyId::from_be_bytes(*id), mac, purpose, &parts).then_some(data)
    }
}

/// Compiled components are authenticated with the installation's key.
impl CacheSeal for Keyring {
    fn seal(&self, digest: &str, code: &[u8]) -> Vec<u8> {
        self.sign(COMPILED_CODE, &[digest.as_bytes()], code)
    }

    fn open<'a>(&self, digest: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        self.open_signed(COMPILED_CODE, &[digest.as_bytes()], sealed)
    }
}

impl Key {
    fn generate() -> Result<Self, KeyringError> {
        let (mut id, mut secret) = ([0; ID_BYTES], Zeroizing::new([0; 32]));
        getrandom::fill(&mut id).map_err(|_| no_randomness())?;
        getrandom::fill(&mut *secret).map_err(|_| no_randomness())?;
        Ok(Self { id: KeyId::from_be_bytes(id), secret })
    }

    /// Derives a key for one purpose (HKDF-SHA256, RFC 5869): one derived key reveals nothing about another.
    fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut derived = Zeroizing::new([0; 32]);
        let hkdf = Hkdf::<Sha256>::new(Some(b"twofactor"), &*self.secret);
        // 32 bytes are far below the limit of 255 hashes, the only error there is.
        let _ = hkdf.expand(purpose.as_bytes(), &mut *derived);
        derived
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let derived = self.derive(purpose);
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*derived) else {
            // HMAC takes keys of every length.
            return [0; MAC_BYTES];
        };
        mac.update(&joined(parts));
        mac.finalize().into_bytes().into()
    }

    fn seal(
        &self,
        purpose: &str,
        nonce: [u8; NONCE_BYTES],
        place: &[&[u8]],
        plain: &[u8],
    ) -> Result<Vec<u8>, KeyringError> {
        let aad = joined(place);
        let sealed = self
            .cipher(purpose)
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
            .map_err(|_| KeyringError("cannot be sealed".to_owned()))?;
        Ok([&self.id.to_be_bytes()[..], &nonce, &sealed].concat())
    }

    fn cipher(&self, purpose: &str) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.derive(purpose)).into())
    }
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

fn check_value(key: &Key) -> [u8; MAC_BYTES] {
    key.mac("key-check", &[])
}

fn no_randomness() -> KeyringError {
    KeyringError("the operating system provides no random numbers".to_owned())
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().iter().map(|key| format!("{:08x}", key.id))).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn sealed_data_opens_only_in_its_own_place() {
        let keyring = Keyring::generate().unwrap();
        let sealed = keyring.seal("options", &[b"instance", b"1"], b"secret").unwrap();
        assert_eq!(&**keyring.open("options", &[b"instance", b"1"], &sealed).unwrap(), b"secret");
        assert!(keyring.open("options", &[b"instance", b"2"], &sealed).is_err());
        assert!(keyring.open("options", &[b"instanc", b"e1"], &sealed).is_err());
        assert!(keyring.open("other", &[b"instance", b"1"], &sealed).is_err());
        assert!(Keyring::generate().unwrap().open("options", &[b"instance", b"1"], &sealed).is_err());
    }

    #[test]
    fn a_changed_byte_of_signed_data_is_detected() {
        let keyring = Keyring::generate().unwrap();
        let mut signed = keyring.sign("code", &[b"d"], b"data");
        assert_eq!(keyring.open_signed("code", &[b"d"], &signed), Some(&b"data"[..]));
        assert_eq!(keyring.open_signed("code", &[b"e"], &signed), None);
        *signed.last_mut().unwrap() ^= 1;
        assert_eq!(keyring.open_signed("code", &[b"d"], &signed), None);
    }

    #[test]
    fn a_rotated_keyring_opens_what_the_old_one_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let old = Keyring::open_or_create(&path).unwrap();
        let sealed = old.seal("p", &[], b"x").unwrap();
        let new = Keyring::rotate(&path).unwrap();
        assert_eq!(&**new.open("p", &[], &sealed).unwrap(), b"x");
        assert_eq!(old.bucket("b", &[b"a"]), new.bucket("b", &[b"a"]));
    }

    #[test]
    fn a_key_added_by_another_process_is_loaded_when_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let running = Keyring::open_or_create(&path).unwrap();
        let before = running.seal("p", &[], b"old").unwrap();
        let started = Keyring::rotate(&path).unwrap();
        assert_eq!(&**running.open("p", &[], &started.seal("p", &[], b"new").unwrap()).unwrap(), b"new");
        assert_eq!(&**started.open("p", &[], &running.seal("p", &[], b"x").unwrap()).unwrap(), b"x");
        assert_eq!(&**running.open("p", &[], &before).unwrap(), b"old");
        assert_eq!(running.newest().id, started.newest().id);
    }

    #[test]
    fn a_key_that_nobody_has_is_not_found_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let running = Keyring::open_or_create(&path).unwrap();
        let sealed = running.seal("p", &[], b"x").unwrap();
        std::fs::remove_file(&path).unwrap();
        Keyring::open_or_create(&path).unwrap();
        assert!(running.open("p", &[], &Keyring::generate().unwrap().seal("p", &[], b"x").unwrap()).is_err());
        assert_eq!(&**running.open("p", &[], &sealed).unwrap(), b"x");
    }
}

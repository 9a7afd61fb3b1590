//! Passwords: which are accepted, and how they are stored.
//!
//! A password is counted, compared and hashed as a whole, in Unicode's form NFC: the same text
//! typed on another keyboard is the same password (NIST SP 800-63B-4 section 3.1.1.2).

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use icu_normalizer::ComposingNormalizerBorrowed;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::common_words::{WALKS, is_common};
use crate::error::Error;
use crate::random;

/// The number of characters of a password.
const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// The maximum length before normalization.
const LONGEST_INPUT: usize = 8 << 10;

/// How many may wait to be hashed.
const WAITING: usize = 64;

/// Returns the cost of a password: OWASP's first recommendation for a server (Password Storage Cheat
/// Sheet): 19 MiB, two passes, one lane.
fn owasp() -> Params {
    // These are within argon2's bounds, so the default is never used.
    Params::new(19 << 10, 2, 1, None).unwrap_or_default()
}

pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// A password that may be set.
pub(super) struct Accepted(Zeroizing<String>);

/// Checks whether a password may be set by a person with these names and addresses.
pub(super) fn accept(password: &str, person: &[&str]) -> Result<Accepted, Error> {
    if password.len() > LONGEST_INPUT {
        return Err(Error::invalid("a password can have at most 128 characters"));
    }
    let password = Zeroizing::new(nfc(password).into_owned());
    let length = password.chars().count();
    if length < *LENGTH.start() {
        return Err(Error::invalid("a password must have at least 12 characters"));
    }
    if length > *LENGTH.end() {
        return Err(Error::invalid("a password can have at most 128 characters"));
    }
    if is_guessed_first(&password, person) {
        return Err(Error::invalid(
            "this password is too easy to guess: it is common, contains your name or address, or is a keyboard sequence",
        ));
    }
    Ok(Accepted(password))
}

fn is_guessed_first(password: &str, person: &[&str]) -> bool {
    let lower = Zeroizing::new(password.to_lowercase());
    let plain = letters_and_digits(&lower);
    let trimmed = lower.trim_matches(|c: char| !c.is_alphabetic());
    // Compared as it is, and with digits and signs replaced by the letters they resemble: anywhere
    // inside, or as a whole.
    let core = [letters_and_digits(trimmed), meant(trimmed), meant(&lower)];
    let person: Vec<_> = person.iter().flat_map(|name| names(&name.to_lowercase())).collect();
    let known = |text: &Zeroizing<String>| {
        is_common(text) || person.iter().any(|name| name == text.as_str()) || is_walk(text) || repeats(text)
    };
    repeats(&lower) || is_walk(&plain) || person.contains(&*plain) || core.iter().any(known)
}

fn meant(text: &str) -> Zeroizing<String> {
    let meant = Zeroizing::new(text.chars().map(looks_like).collect::<String>());
    letters_and_digits(meant.trim_matches(|c: char| !c.is_alphabetic()))
}

/// Returns the letter that a digit or sign resembles.
fn looks_like(c: char) -> char {
    match c {
        '@' | '4' => 'a',
        '3' => 'e',
        '1' | '!' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '7' => 't',
        c => c,
    }
}

fn letters_and_digits(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.chars().filter(|c| c.is_alphanumeric()).collect())
}

/// Returns a name or address as a whole, and its parts.
fn names(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).chain(text.split('@'));
    let all = std::iter::once(text).chain(parts).map(|part| letters_and_digits(part).to_string());
    all.filter(|part| part.chars().count() >= 3).collect()
}

fn is_walk(text: &str) -> bool {
    let backwards = Zeroizing::new(text.chars().rev().collect::<String>());
    text.len() >= 4 && WALKS.iter().any(|row| row.contains(text) || row.contains(&**backwards))
}

/// Returns whether a text is one part repeated, such as `abcabcabc`.
fn repeats(text: &str) -> bool {
    let text = Zeroizing::new(text.chars().collect::<Vec<_>>());
    text.len() >= 4 && (1..=text.len() / 2).any(|part| text.iter().skip(part).eq(text.iter().take(text.len() - part)))
}

/// The result of verifying a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordCheck {
    Wrong,
    /// The hash has a different cost than new ones.
    Right {
        stale: bool,
    },
}

/// Hashes passwords, a few at a time: each takes 19 MiB and a CPU core.
#[derive(Clone)]
pub(crate) struct Passwords {
    params: Params,
    slots: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    runs: Arc<AtomicU64>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self::costing(owasp())
    }

    pub(super) fn costing(params: Params) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            params,
            slots: Arc::new(Semaphore::new(processors.min(4))),
            queue: Arc::new(Semaphore::new(WAITING)),
            runs: Arc::default(),
        }
    }

    /// Returns how many passwords were hashed: tests observe the cost of an unknown account by this, not by
    /// time.
    #[cfg(test)]
    pub(super) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Returns the hash to store, a PHC string.
    pub(super) async fn hash(&self, password: Accepted) -> Result<Zeroizing<String>, Error> {
        let mut salt = [0; 16];
        random::fill(&mut salt)?;
        let hash = self.run(move |argon2| {
            argon2.hash_password_with_salt(password.0.as_bytes(), &salt).map(|hash| Zeroizing::new(hash.to_string()))
        });
        hash.await?.map_err(Error::unavailable)
    }

    /// Compares a password with a hash. Without a hash, it compares with one that matches nothing,
    /// at the same cost.
    pub(super) async fn verify(&self, password: &str, hash: Option<Zeroizing<String>>) -> Result<PasswordCheck, Error> {
        // A longer one was never accepted, and the cost of normalization grows with the length.
        let password = if password.len() > LONGEST_INPUT { Cow::default() } else { nfc(password) };
        let password = Zeroizing::new(password.into_owned());
        let hash = hash.unwrap_or_else(|| Zeroizing::new(self.dummy()));
        let (m, t, p) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let verdict = self.run(move |argon2| {
            let hash = PasswordHash::new(&hash)?;
            let own = Params::try_from(&hash)?;
            let stale =
                hash.algorithm.as_str() != "argon2id" || (own.m_cost(), own.t_cost(), own.p_cost()) != (m, t, p);
            match argon2.verify_password(password.as_bytes(), &hash) {
                Ok(()) => Ok(PasswordCheck::Right { stale }),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(PasswordCheck::Wrong),
                Err(error) => Err(error),
            }
        });
        verdict.await?.map_err(Error::unavailable)
    }

    /// Returns a regular hash of a password that nobody can find.
    fn dummy(&self) -> String {
        let (m, t, p) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        format!("$argon2id$v=19$m={m},t={t},p={p}${}${}", "A".repeat(22), "A".repeat(43))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Argon2<'_>) -> T + Send + 'static) -> Result<T, Error> {
        let busy = |_| Error::rate_limited(Duration::from_secs(1));
        let waiting = self.queue.clone().try_acquire_owned().map_err(busy)?;
        let slot = self.slots.clone().acquire_owned().await.map_err(Error::unavailable)?;
        drop(waiting);
        let (params, runs) = (self.params.clone(), self.runs.clone());
        let done = tokio::task::spawn_blocking(move || {
            runs.fetch_add(1, Ordering::Relaxed);
            let done = work(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params));
            // Only after the work is done, even if the caller no longer waits.
            drop(slot);
            done
        });
        done.await.map_err(Error::unavailable)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const PERSON: &[&str] = &["alice.muster@example.com", "Alice Muster-Meier"];

    fn refusal(password: &str) -> String {
        match accept(password, PERSON) {
            Ok(_) => panic!("`{password}` was accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn twelve_to_128_characters_of_any_kind_are_accepted() {
        for password in [
            "korrekt pferd!",
            "ein Satz ohne Ziffer",
            "493028471059",
            "ÄÖÜäöüßéèàçñ",
            "🦀🐍🐹🐘🦫🐪🐬🐝🦅🐧🦊🐢",
            "xk29dk3mf02l",
        ] {
            assert!(accept(password, PERSON).is_ok(), "{password}");
        }
        let long: String = (0..128).map(|n| if n % 3 == 0 { '😀' } else { char::from(b'a' + n / 5) }).collect();
        assert!(accept(&long, PERSON).is_ok());
        assert!(refusal(&format!("{long}x")).contains("at most 128"));
        assert!(refusal(&"long ".repeat(1 << 20)).contains("at most 128"));
        assert!(refusal("elf Zeichen").contains("at least 12"));
        assert!(refusal("").contains("at least 12"));
    }

    #[test]
    fn a_password_is_counted_as_it_is_normalised() {
        // Eleven letters, six of which are written as a letter and an accent.
        assert!(refusal("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}bcdfg").contains("at least 12"));
    }

    #[test]
    fn common_passwords_are_refused() {
        for password in [
            "password1234",
            "Password2026!",
            "P@ssw0rd2026!",
            "passwordpassword",
            "administrator",
            "Administrator1!",
            "welcome12345",
            "changeme!!!!",
            "Letmein-please-1",
            "123456789012",
            "098765432109",
            "111111111111",
            "abcabcabcabc",
            "abcdefghijkl",
            "qwertyuiop123",
            "qwertzuiop[]12",
            "1q2w3e4r5t6y",
            "1qaz2wsx3edc",
            "TwoFactor2026",
            "qwertyuiopasdf",
            "Passwort!2026",
            "correct horse battery staple",
            "aaaaaaaaaaaaaaaa",
            "Sommer-2026-2026",
        ] {
            assert!(refusal(password).contains("too easy to guess"), "{password}");
        }
    }

    #[test]
    fn ones_own_name_and_address_are_refused() {
        for password in [
            "alice.muster@example.com",
            "Alice.Muster2026",
            "alicemuster!!",
            "Alice Muster-Meier",
            "muster123456",
            "example.com-2026",
            "4l1ce.Muster99",
            "example.2026.1",
        ] {
            assert!(refusal(password).contains("too easy to guess"), "{password}");
        }
        assert!(accept("alice in wonderland", PERSON).is_ok());
    }

    fn cheap() -> Passwords {
        Passwords::costing(Params::new(64, 1, 1, None).unwrap())
    }

    fn accepted(password: &str) -> Accepted {
        accept(password, PERSON).unwrap_or_else(|error| panic!("{error}"))
    }

    #[tokio::test]
    async fn each_hash_is_argon2id_with_owasps_costs_and_its_own_salt() {
        let passwords = Passwords::new();
        let first = passwords.hash(accepted("korrekt pferd!")).await.unwrap();
        let second = passwords.hash(accepted("korrekt pferd!")).await.unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", *first);
        assert_ne!(*first, *second);
        assert_eq!(
            passwords.verify("korrekt pferd!", Some(first)).await.unwrap(),
            PasswordCheck::Right { stale: false }
        );
        assert_eq!(passwords.verify("Korrekt pferd!", Some(second)).await.unwrap(), PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn the_last_of_128_characters_counts_and_so_does_nothing_but_the_text() {
        let passwords = cheap();
        let long: String = ('a'..='z').cycle().step_by(7).take(127).collect();
        let hash = passwords.hash(accepted(&format!("{long}é"))).await.unwrap();
        let verify = async |text: String| passwords.verify(&text, Some(hash.clone())).await.unwrap();
        assert_eq!(verify(format!("{long}e\u{301}")).await, PasswordCheck::Right { stale: false });
        assert_eq!(verify(format!("{long}e")).await, PasswordCheck::Wrong);
        assert_eq!(verify(long.clone()).await, PasswordCheck::Wrong);
        assert_eq!(verify(format!("{long}é ")).await, PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn a_hash_with_an_old_cost_still_matches_and_is_marked_stale() {
        let hash = cheap().hash(accepted("korrekt pferd!")).await.unwrap();
        let dearer = Passwords::costing(Params::new(128, 1, 1, None).unwrap());
        assert_eq!(dearer.verify("korrekt pferd!", Some(hash)).await.unwrap(), PasswordCheck::Right { stale: true });
    }

    #[tokio::test]
    async fn without_a_hash_a_password_costs_as_much_and_is_wrong() {
        let passwords = Passwords::new();
        let dummy = passwords.dummy();
        let like = passwords.hash(accepted("korrekt pferd!")).await.unwrap();
        assert_eq!(dummy.len(), like.len());
        assert_eq!(dummy.split('$').take(4).collect::<Vec<_>>(), like.split('$').take(4).collect::<Vec<_>>());
        for password in ["", "korrekt pferd!", &"x".repeat(1 << 20)] {
            let before = passwords.runs();
            assert_eq!(passwords.verify(password, None).await.unwrap(), PasswordCheck::Wrong);
            assert_eq!(passwords.runs(), before + 1);
        }
    }

    #[tokio::test]
    async fn an_invalid_hash_is_an_error_and_not_a_wrong_password() {
        let error = cheap().verify("korrekt pferd!", Some(Zeroizing::new("$none$".to_owned()))).await.unwrap_err();
        assert!(error.is_unavailable());
    }
}

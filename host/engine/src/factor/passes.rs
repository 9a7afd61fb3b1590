//! Temporary passes: an administrator gives one to a user who has lost every factor, or has none yet.
//!
//! A pass is 16 random letters and digits (80 bits). Only a MAC of it is stored. It is shown once, works once, and a new one replaces
//! it. It enrols a factor; if a policy allows it, it also signs in. Wrong passes are limited like wrong codes, but counted separately: so
//! wrong codes do not lock out somebody whom an administrator is helping.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use zeroize::Zeroizing;

use twofactor_sandbox::Secret;

use super::Factors;
use super::notices::UserEventKind;
use crate::challenge::{Challenges, CountedFor, RateLimits, Verified, shared_keys, user_person};
use crate::clock::Clock;
use crate::completion::to_the_end;
use crate::error::Error;
use crate::instance::SignIn;
use crate::keyring::Keyring;
use crate::random;
use crate::store::{BucketKey, ChargedPass, CodeMac, PassAttempt, PassRecord, Store};
use crate::user_factor::of_temporary_pass;

/// How many characters a pass has.
const LENGTH: usize = 16;

/// Crockford's base32: no letter looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The most characters of an answer that are examined.
const INPUT_CHARS: usize = 64;

/// For how many minutes a pass is valid, by default and at most and at least.
const MINUTES: u32 = 60;
const MINUTES_RANGE: std::ops::RangeInclusive<u32> = 10..=8 * 60;

const MAC: &str = "temporary-pass";

/// A pass that was issued. It is shown once: only a MAC of it is stored.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedPass {
    /// The pass, in groups of four.
    pub pass: Secret,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Issues and accepts passes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PassKeeper {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: RateLimits,
}

impl fmt::Debug for PassKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassKeeper").finish_non_exhaustive()
    }
}

/// Returns for how long a pass is valid.
///
/// # Errors
/// Invalid input if the minutes are out of range.
pub(crate) fn lifetime(minutes: Option<u32>) -> Result<Duration, Error> {
    let minutes = minutes.unwrap_or(MINUTES);
    if !MINUTES_RANGE.contains(&minutes) {
        let (least, most) = (MINUTES_RANGE.start(), MINUTES_RANGE.end());
        return Err(Error::invalid_at("/minutes", format!("must be {least} to {most}")));
    }
    Ok(Duration::from_secs(60 * u64::from(minutes)))
}

impl PassKeeper {
    /// Issues a pass, which replaces an earlier one. The caller has checked and audited it.
    pub(crate) async fn issue(&self, subscription: &str, user: &str, lifetime: Duration) -> Result<IssuedPass, Error> {
        let (pass, id, now) = (draw()?, random::id()?, self.clock.now());
        let (key, mac) = self.keyring.mac(MAC, &parts(&id, subscription, user, &pass));
        let expires_at = now + lifetime;
        let record = PassRecord {
            person: user_person(&self.keyring, subscription, user),
            id,
            code: CodeMac { key, mac },
            created_at: now,
            expires_at,
        };
        self.store.put_pass(record, self.counted(subscription, user)).await?;
        Ok(IssuedPass { pass: Secret::new(grouped(&pass)), expires_at })
    }

    /// Uses up a user's pass, and returns its id. Returns none if it is not the right one, or was used, replaced or has expired: callers
    /// cannot tell these apart.
    ///
    /// # Errors
    /// Invalid input, which is not counted, for what cannot be a pass; [`Error::is_rate_limited`].
    pub(crate) async fn use_up(
        &self,
        (subscription, user): (&str, &str),
        given: &str,
        client_address: Option<IpAddr>,
    ) -> Result<Option<String>, Error> {
        let given = canonical(given)?;
        let now = self.clock.now();
        let limits = self.limits.answer(&self.keyring, CountedFor::Subscription(subscription), client_address);
        let (names, charges): (Vec<_>, Vec<_>) = limits.into_iter().unzip();
        let shared = shared_keys(&names, &charges);
        let person = user_person(&self.keyring, subscription, user);
        let counted = self.counted(subscription, user);
        let attempt = PassAttempt { person, counted, charges, limits: self.limits.person(), now };
        let pass = match self.store.charge_pass(attempt).await? {
            ChargedPass::Compare(pass) => pass,
            ChargedPass::NoPass => {
                if !shared.is_empty() {
                    self.store.release(shared).await?;
                }
                return Ok(None);
            }
            ChargedPass::Limited(limited) => return Err(Challenges::limited(&limited, &names, now)),
        };
        let parts = parts(&pass.id, subscription, user, &given);
        if !self.keyring.verify_mac(pass.code.key, &pass.code.mac, MAC, &parts) {
            return Ok(None);
        }
        let used = self.store.use_pass(person, pass.code, counted, self.clock.now()).await?;
        Ok(used.then_some(pass.id))
    }

    fn counted(&self, subscription: &str, user: &str) -> BucketKey {
        pass_person(&self.keyring, subscription, user)
    }
}

impl Factors {
    /// Returns the instance in whose place a pass may sign in, if a policy allows it.
    pub(crate) async fn pass_signs_in(&self, sign_in: &SignIn) -> Result<Option<String>, Error> {
        let policies = self.instances.policies(&sign_in.clone().in_one_spelling()?).await?;
        Ok(policies.into_iter().find(|(_, policy)| policy.pass_signs_in).map(|(id, _)| id))
    }

    /// Uses up a user's pass, notifies the user, and returns the pass's id. Returns none if it is not the right one: see
    /// [`PassKeeper::use_up`].
    pub(crate) async fn use_pass(
        &self,
        (subscription, user): (&str, &str),
        pass: &str,
        client_address: Option<IpAddr>,
    ) -> Result<Option<String>, Error> {
        let (this, pass) = (self.clone(), Zeroizing::new(pass.to_owned()));
        let (subscription, user) = (subscription.to_owned(), user.to_owned());
        // Runs to completion even if the caller disconnects: the user is notified of a pass that was used.
        to_the_end(async move {
            let used = this.passes.use_up((&subscription, &user), &pass, client_address).await?;
            if used.is_some() {
                this.happened(&subscription, &user, UserEventKind::PassUsed, None);
            }
            Ok(used)
        })
        .await
    }

    /// Returns whether changes may rest on a pass that was used: for ten minutes, until a newer pass or a reset ends it.
    pub(crate) async fn is_pass_in_use(&self, sign_in: &SignIn, id: &str) -> Result<bool, Error> {
        let person = user_person(&self.keyring, &sign_in.subscription, sign_in.user.as_deref().unwrap_or_default());
        Ok(self.store.is_pass_in_use(person, id, self.clock.now()).await?)
    }

    /// Signs a user in with a pass, which is used up. Returns its id, too.
    pub(crate) async fn sign_in_with_pass(
        &self,
        sign_in: &SignIn,
        pass: &str,
        client_address: Option<IpAddr>,
    ) -> Result<(Verified, String), Error> {
        let sign_in = sign_in.clone().in_one_spelling()?;
        let user = sign_in.user.clone().ok_or_else(|| Error::invalid_at("/user", "is required"))?;
        let two_factor = self.pass_signs_in(&sign_in).await?.ok_or_else(Error::no_instance_available)?;
        let id =
            self.use_pass((&sign_in.subscription, &user), pass, client_address).await?.ok_or_else(Error::closed)?;
        Ok((Verified::of(of_temporary_pass(), user, two_factor, self.clock.now()), id))
    }
}

/// Returns the person under whom wrong passes of a user are counted.
fn pass_person(keyring: &Keyring, subscription: &str, user: &str) -> BucketKey {
    keyring.bucket("pass-person", &[subscription.as_bytes(), user.as_bytes()])
}

fn parts<'a>(id: &'a str, subscription: &'a str, user: &'a str, pass: &'a str) -> [&'a [u8]; 4] {
    [id, subscription, user, pass].map(str::as_bytes)
}

/// Each character is drawn from 5 bits of its own byte, so that all are equally likely.
fn draw() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    random::fill(&mut *bytes)?;
    let mut pass = Zeroizing::new(String::with_capacity(LENGTH));
    pass.extend(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])));
    Ok(pass)
}

fn grouped(pass: &str) -> String {
    let groups: Vec<&str> = (0..LENGTH).step_by(4).filter_map(|at| pass.get(at..at + 4)).collect();
    groups.join("-")
}

/// Converts what a person typed, once and before it is counted.
///
/// # Errors
/// Invalid input for what cannot be a pass.
fn canonical(given: &str) -> Result<Zeroizing<String>, Error> {
    let malformed = || Error::invalid_at("/pass", format!("must be the {LENGTH} letters and digits of the pass"));
    if given.chars().nth(INPUT_CHARS).is_some() {
        return Err(malformed());
    }
    let mut pass = Zeroizing::new(String::with_capacity(INPUT_CHARS));
    for c in given.chars() {
        match c.to_ascii_uppercase() {
            'I' | 'L' => pass.push('1'),
            'O' => pass.push('0'),
            c if u8::try_from(c).is_ok_and(|byte| ALPHABET.contains(&byte)) => pass.push(c),
            '-' | '\u{2010}'..='\u{2015}' => {}
            c if c.is_whitespace() && !c.is_control() => {}
            '\t' | '\r' | '\n' => {}
            _ => return Err(malformed()),
        }
    }
    if pass.len() == LENGTH { Ok(pass) } else { Err(malformed()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::store::SqliteStore;

    const ALICE: (&str, &str) = ("shop", "alice");

    fn keeper(limits: RateLimits) -> (PassKeeper, ManualClock) {
        let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
        let (store, keyring) = (Arc::new(SqliteStore::in_memory().unwrap()), Keyring::generate().unwrap());
        (PassKeeper { store, keyring, clock: Arc::new(clock.clone()), limits }, clock)
    }

    async fn issue(keeper: &PassKeeper, minutes: Option<u32>) -> String {
        let (subscription, user) = ALICE;
        keeper.issue(subscription, user, lifetime(minutes).unwrap()).await.unwrap().pass.expose().to_owned()
    }

    #[tokio::test]
    async fn a_pass_works_once_for_its_user_and_however_it_is_typed() {
        let (keeper, _) = keeper(RateLimits::none());
        for write in [
            |pass: &str| pass.to_owned(),
            |pass: &str| format!(" {} ", pass.to_lowercase().replace('-', " ")),
            |pass: &str| pass.replace('-', "").replace('1', "l").replace('0', "O"),
        ] {
            let pass = issue(&keeper, None).await;
            assert_eq!(pass.len(), 19);
            let typed = write(&pass);
            for other in [("shop", "bob"), ("other", "alice")] {
                assert!(keeper.use_up(other, &typed, None).await.unwrap().is_none());
            }
            assert!(keeper.use_up(ALICE, &typed, None).await.unwrap().is_some(), "{typed}");
            assert!(keeper.use_up(ALICE, &typed, None).await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn a_new_pass_replaces_the_earlier_one_and_each_expires() {
        let (keeper, clock) = keeper(RateLimits::none());
        let (first, second) = (issue(&keeper, None).await, issue(&keeper, Some(10)).await);
        assert!(keeper.use_up(ALICE, &first, None).await.unwrap().is_none());
        clock.advance(Duration::from_secs(10 * 60));
        assert!(keeper.use_up(ALICE, &second, None).await.unwrap().is_none());
        let third = issue(&keeper, None).await;
        clock.advance(Duration::from_secs(60 * 60 - 1));
        assert!(keeper.use_up(ALICE, &third, None).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn guesses_are_limited_by_user_and_by_client_until_a_new_pass_is_issued() {
        let limits = RateLimits { lockout_threshold: 3, answers_per_address_per_hour: 5, ..RateLimits::none() };
        let (keeper, _) = keeper(limits);
        let wrong = "0000-0000-0000-0000";
        let right = issue(&keeper, None).await;
        for _ in 0..3 {
            assert!(keeper.use_up(ALICE, wrong, None).await.unwrap().is_none());
        }
        assert!(keeper.use_up(ALICE, &right, None).await.unwrap_err().is_closed());
        let right = issue(&keeper, None).await;
        assert!(keeper.use_up(ALICE, &right, None).await.unwrap().is_some());
        let from = Some("192.0.2.1".parse().unwrap());
        for n in 0..5 {
            assert!(keeper.use_up(("shop", &format!("user {n}")), wrong, from).await.unwrap().is_none());
        }
        assert!(keeper.use_up(ALICE, wrong, from).await.unwrap_err().is_rate_limited());
    }

    #[tokio::test]
    async fn what_cannot_be_a_pass_is_not_counted() {
        let (keeper, _) = keeper(RateLimits { lockout_threshold: 1, ..RateLimits::none() });
        let right = issue(&keeper, None).await;
        let long = "0".repeat(1 << 20);
        for given in ["", "123", "0000-0000-0000-000U", "0000-0000-0000-000\0", "０000-0000-0000-0000", &long] {
            assert!(keeper.use_up(ALICE, given, None).await.unwrap_err().is_invalid_input());
        }
        assert!(keeper.use_up(ALICE, &right, None).await.unwrap().is_some());
    }

    #[test]
    fn a_pass_lasts_ten_minutes_to_eight_hours() {
        assert_eq!(lifetime(None).unwrap(), Duration::from_secs(3600));
        for minutes in [10, 480] {
            assert!(lifetime(Some(minutes)).is_ok());
        }
        for minutes in [0, 9, 481, u32::MAX] {
            assert!(lifetime(Some(minutes)).unwrap_err().is_invalid_input());
        }
    }

    /// χ² with 31 degrees of freedom exceeds 69 once in 10,000 times.
    #[test]
    fn all_characters_are_equally_likely() {
        let mut counts = [0_u32; 32];
        for _ in 0..20_000 {
            for byte in draw().unwrap().bytes() {
                counts[ALPHABET.iter().position(|one| *one == byte).unwrap()] += 1;
            }
        }
        let expected = f64::from(20_000 * u32::try_from(LENGTH).unwrap()) / 32.0;
        let chi2: f64 = counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        assert!(chi2 < 80.0, "{chi2}");
    }
}

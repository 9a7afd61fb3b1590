//! The bounds of what a factor component gets and returns.

use std::ops::RangeInclusive;

/// The longest answer of a person, in bytes: a credential in JSON.
pub(crate) const ANSWER_BYTES: usize = 64 << 10;
/// The longest text for the page, in bytes.
pub(crate) const PUBLIC_BYTES: usize = 64 << 10;
/// The longest state, and the longest pending data, in bytes.
pub(crate) const STATE_BYTES: usize = 8192;
/// The longest unique id, in bytes: that of a credential id (WebAuthn Level 3, section 7.1).
pub(crate) const UNIQUE_ID_BYTES: usize = 1023;
/// The length of the random numbers that each call gets, in bytes.
pub(crate) const ENTROPY_BYTES: usize = 256;
/// The length of an AAGUID, in bytes.
pub(crate) const AAGUID_BYTES: usize = 16;
/// The lengths of a code that a person types, in characters.
pub(crate) const CODE_CHARS: RangeInclusive<u32> = 4..=64;
/// The longest typed code with its separators, in bytes.
pub(crate) const TYPED_BYTES: usize = 256;
/// How many factors of one instance a user may have.
pub(crate) const FACTORS_PER_USER: RangeInclusive<u32> = 1..=100;
/// The longest `otpauth:` URI, in bytes. A QR code holds no more than 2953.
pub(crate) const URI_BYTES: usize = 2048;
/// The lengths of an authenticator app's secret in base32, in characters: 80 bits to 1280 bits.
pub(crate) const SECRET_CHARS: RangeInclusive<usize> = 16..=256;
/// How many codes are shown at a time.
pub(crate) const CODES: RangeInclusive<usize> = 1..=100;
/// The lengths of a shown code, in characters.
pub(crate) const SHOWN_CODE_CHARS: RangeInclusive<usize> = 8..=128;
/// How many signals a page sends after a change.
pub(crate) const SIGNALS: usize = 16;
/// The longest sentence about an answer that is logged, in characters.
pub(crate) const DETAIL_CHARS: usize = 200;
/// How many bytes a component may return in one call: all of the above together.
pub(crate) const RETURNED_BYTES: usize = 256 << 10;

//! Authenticator data (WebAuthn Level 3, section 6.1).

use crate::Refusal;
use crate::cbor::{self, Map};

/// The length of the part that is always there.
const HEAD: usize = 37;

/// The longest credential id (section 4, "Credential ID").
pub const MAX_ID: usize = 1023;

/// The flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// UP: the person was present.
    pub fn user_present(self) -> bool {
        self.0 & 1 != 0
    }

    /// UV: the authenticator verified its user.
    pub fn user_verified(self) -> bool {
        self.0 & 1 << 2 != 0
    }

    /// BE: the credential can be copied to other devices.
    pub fn backup_eligible(self) -> bool {
        self.0 & 1 << 3 != 0
    }

    /// BS: a copy exists.
    pub fn backed_up(self) -> bool {
        self.0 & 1 << 4 != 0
    }

    fn has_credential(self) -> bool {
        self.0 & 1 << 6 != 0
    }

    fn has_extensions(self) -> bool {
        self.0 & 1 << 7 != 0
    }
}

/// What an authenticator says and signs.
#[derive(Debug, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// The SHA-256 digest of the relying party's id.
    pub rp_id_hash: &'a [u8],
    /// The flags.
    pub flags: Flags,
    /// How often the authenticator signed, or 0 if it does not count.
    pub sign_count: u32,
    /// The new credential, at registration.
    pub credential: Option<AttestedCredential<'a>>,
}

/// A new credential.
#[derive(Debug, PartialEq, Eq)]
pub struct AttestedCredential<'a> {
    /// The authenticator's model.
    pub aaguid: [u8; 16],
    /// The credential's id.
    pub id: &'a [u8],
    /// Its public key: a COSE_Key in CBOR.
    pub key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Parses authenticator data. What the flags announce must be there, and nothing else. Extensions are not interpreted.
    ///
    /// # Errors
    /// If they have another form.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let short = Refusal::Malformed("the authenticator data end early");
        let (rp_id_hash, rest) = bytes.split_at_checked(32).ok_or(short)?;
        let (flags, rest) = rest.split_first().ok_or(short)?;
        let (count, mut rest) = rest.split_first_chunk().ok_or(short)?;
        debug_assert_eq!(bytes.len() - rest.len(), HEAD);
        let flags = Flags(*flags);
        let mut credential = None;
        if flags.has_credential() {
            let (aaguid, after) = rest.split_first_chunk().ok_or(short)?;
            let (length, after) = after.split_first_chunk().ok_or(short)?;
            let (id, after) = after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(short)?;
            let (_, tail) = cbor::item(after)?;
            credential = Some(AttestedCredential { aaguid: *aaguid, id, key: &after[..after.len() - tail.len()] });
            rest = tail;
        }
        if flags.has_extensions() {
            let (extensions, tail) = cbor::item(rest)?;
            Map::of(extensions)?;
            rest = tail;
        }
        if !rest.is_empty() {
            return Err(Refusal::Malformed("bytes follow the authenticator data"));
        }
        Ok(Self { rp_id_hash, flags, sign_count: u32::from_be_bytes(*count), credential })
    }
}

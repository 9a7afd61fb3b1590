//! How both databases store what they have no type for. `store copy` moves it as it is.

use super::{AddressKind, AssignmentKind, Closing, CodeMac, FactorStatus};
use crate::keyring::KeyId;

/// The status of a factor that can be used.
pub(super) const ACTIVE: i64 = 0;
/// The status of a factor that was suspended.
const SUSPENDED: i64 = 1;
/// The status of a factor that has ended.
pub(super) const ENDED: i64 = 2;

/// How many ended factors of a user are returned.
pub(super) const ENDED_SHOWN: u32 = 100;

pub(super) fn closing_number(closing: Closing) -> i64 {
    match closing {
        Closing::Used => 0,
        Closing::Cancelled => 1,
        Closing::Undelivered => 2,
    }
}

pub(super) fn to_closing(number: i64) -> Closing {
    match number {
        0 => Closing::Used,
        1 => Closing::Cancelled,
        _ => Closing::Undelivered,
    }
}

/// A code takes 36 bytes: the key's id and the MAC.
pub(super) fn pack(codes: &[CodeMac]) -> Vec<u8> {
    codes.iter().flat_map(|code| [&code.key.to_be_bytes()[..], &code.mac].concat()).collect()
}

pub(super) fn unpack(bytes: &[u8]) -> Vec<CodeMac> {
    bytes
        .as_chunks::<36>()
        .0
        .iter()
        .filter_map(|chunk| {
            let (key, mac) = chunk.split_first_chunk::<4>()?;
            Some(CodeMac { key: KeyId::from_be_bytes(*key), mac: mac.try_into().ok()? })
        })
        .collect()
}

pub(super) fn assignment_kind_number(kind: AssignmentKind) -> i64 {
    match kind {
        AssignmentKind::Tenant => 0,
        AssignmentKind::Idp => 1,
        AssignmentKind::ClientApplication => 2,
        AssignmentKind::User => 3,
    }
}

pub(super) fn to_assignment_kind(number: i64) -> AssignmentKind {
    match number {
        0 => AssignmentKind::Tenant,
        1 => AssignmentKind::Idp,
        2 => AssignmentKind::ClientApplication,
        _ => AssignmentKind::User,
    }
}

pub(super) fn address_kind_number(kind: AddressKind) -> i64 {
    match kind {
        AddressKind::Email => 0,
        AddressKind::Phone => 1,
    }
}

pub(super) fn to_address_kind(number: i64) -> AddressKind {
    match number {
        0 => AddressKind::Email,
        _ => AddressKind::Phone,
    }
}

/// Returns the text that searches match, in lower case: neither database knows the case of more than ASCII.
pub(super) fn search_text(id: &str, name: Option<&str>) -> String {
    format!("{id}\n{}", name.unwrap_or_default()).to_lowercase()
}

pub(super) fn status_number(status: FactorStatus) -> i64 {
    match status {
        FactorStatus::Active => ACTIVE,
        FactorStatus::Suspended => SUSPENDED,
        FactorStatus::Ended => ENDED,
    }
}

/// Returns a status. An unknown number is from a later version: such a factor cannot be used.
pub(super) fn to_status(number: i64) -> FactorStatus {
    match number {
        ACTIVE => FactorStatus::Active,
        SUSPENDED => FactorStatus::Suspended,
        _ => FactorStatus::Ended,
    }
}

//! The checks that registration and authentication share. Each names the step of WebAuthn Level 3: R of section 7.1 (registering a new
//! credential), A of section 7.2 (verifying an authentication assertion).

use sha2::{Digest as _, Sha256};
use twofactor_factor::{Requirements, Site, UnmetRequirement, UserVerification};

use crate::Refusal;
use crate::authenticator_data::Flags;
use crate::client_data::ClientData;

fn check(holds: bool, otherwise: &'static str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Wrong(otherwise)) }
}

/// R7, A10: the value of `type` is that of the ceremony.
pub fn type_is(client_data: &ClientData, kind: &str) -> Result<(), Refusal> {
    check(client_data.kind == kind, "the client data are of another ceremony")
}

/// R8, A11: the challenge is the pending one. An empty one never is.
pub fn challenge_is(client_data: &ClientData, challenge: &[u8]) -> Result<(), Refusal> {
    check(challenge.len() >= 16 && *client_data.challenge == *challenge, "the challenge is another one")
}

/// R8, A11 and section 13.4.3: the challenge has not expired.
pub fn is_in_time(began: u64, now: u64, timeout: u64) -> Result<(), Refusal> {
    check(now <= began.saturating_add(timeout), "the answer comes too late")
}

/// R9, A12: the origin is one of the site's, letter by letter.
pub fn origin_is_listed(client_data: &ClientData, site: &Site) -> Result<(), Refusal> {
    check(site.origins.contains(&client_data.origin), "the origin is none of the site's")
}

/// R10 and R11, A13 and A14: a page in a frame of another origin answers only below a listed top origin.
pub fn top_origin_is_listed(client_data: &ClientData, site: &Site) -> Result<(), Refusal> {
    if client_data.cross_origin != Some(true) && client_data.top_origin.is_none() {
        return Ok(());
    }
    let listed = client_data.top_origin.as_ref().is_some_and(|top| site.top_origins.contains(top));
    check(listed, "the page was in a frame, and its top origin is not listed")
}

/// R14, A15: the hash is that of the relying party's id.
pub fn rp_id_hash_is(hash: &[u8], rp_id: &str) -> Result<(), Refusal> {
    check(*hash == Sha256::digest(rp_id)[..], "the authenticator answered another relying party")
}

/// R15, A16: the person was present. Mediation is never `conditional` at registration.
pub fn user_is_present(flags: Flags) -> Result<(), Refusal> {
    check(flags.user_present(), "the person was not present")
}

/// R16, A17: the authenticator verified its user, if that was required.
pub fn user_is_verified(flags: Flags, required: bool) -> Result<(), Refusal> {
    if required && !flags.user_verified() {
        return Err(Refusal::Unmet(UnmetRequirement::UserVerification));
    }
    Ok(())
}

/// R17, A18: what has a copy can be copied.
pub fn backup_is_eligible(flags: Flags) -> Result<(), Refusal> {
    check(flags.backup_eligible() || !flags.backed_up(), "a copy is reported of a credential that cannot be copied")
}

/// Returns whether the authenticator must verify its user. A passkey that is the only factor proves nothing about the person otherwise.
pub fn requires_user_verification(requirements: &Requirements) -> bool {
    requirements.passwordless || requirements.user_verification == UserVerification::Required
}

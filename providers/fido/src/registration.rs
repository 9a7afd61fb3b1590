//! Registers a credential: WebAuthn Level 3, section 7.1.

use twofactor_factor::{Bytes, Context, UnmetRequirement};

use crate::authenticator_data::{AttestedCredential, AuthenticatorData, MAX_ID};
use crate::cbor::{self, Map, Value};
use crate::client_data::{self, ClientData};
use crate::credential::{Attestation, Credential};
use crate::key::PublicKey;
use crate::state::{Pending, State};
use crate::{Refusal, attestation, checks};

/// A registered credential, and whether the authenticator verified its user.
pub struct Registered {
    /// The credential.
    pub state: State,
    /// UV.
    pub user_verified: bool,
}

/// Verifies the answer to a registration.
///
/// # Errors
/// The first check that fails.
pub fn verify(context: &Context, timeout: u64, pending: &Pending, answer: &str) -> Result<Registered, Refusal> {
    let credential = Credential::<Attestation>::parse(answer)?;
    let response = &credential.response;

    let client_data = ClientData::parse(&response.client_data)?;
    checks::type_is(&client_data, "webauthn.create")?;
    checks::challenge_is(&client_data, &pending.challenge)?;
    checks::is_in_time(pending.began, context.now, timeout)?;
    user_is_the_same(pending, context)?;
    checks::origin_is_listed(&client_data, &context.site)?;
    checks::top_origin_is_listed(&client_data, &context.site)?;
    let hash = client_data::hash(&response.client_data);

    let object = AttestationObject::parse(&response.object)?;
    let data = AuthenticatorData::parse(&object.authenticator_data)?;
    checks::rp_id_hash_is(data.rp_id_hash, &context.site.rp_id)?;
    checks::user_is_present(data.flags)?;
    let verify_user = pending.user_verification || checks::requires_user_verification(&context.requirements);
    checks::user_is_verified(data.flags, verify_user)?;
    checks::backup_is_eligible(data.flags)?;

    let attested = data.credential.as_ref().ok_or(Refusal::Malformed("the authenticator data have no credential"))?;
    id_is_named(attested, credential.id())?;
    id_is_short(attested)?;
    let key = PublicKey::parse(attested.key)?;
    let signed = [&object.authenticator_data[..], &hash].concat();
    let statement = attestation::Statement { format: &object.format, members: object.statement, signed: &signed };
    let evidence = statement.verify(attested, &key)?;
    is_device_bound(data.flags.backup_eligible(), context.requirements.device_bound)?;
    let is_attested = evidence.is_trusted(context, &attested.aaguid);
    if context.requirements.attested {
        is_attested?;
    }

    let state = State {
        id: credential.id().clone(),
        key: attested.key.to_vec().into(),
        rp_id: context.site.rp_id.clone(),
        user_handle: pending.user_handle.clone(),
        sign_count: data.sign_count,
        uv_initialized: data.flags.user_verified(),
        backup_eligible: data.flags.backup_eligible(),
        backed_up: data.flags.backed_up(),
        transports: response.transports.clone(),
        aaguid: attested.aaguid.into(),
        attested: is_attested.is_ok(),
        discoverable: credential.is_discoverable(),
    };
    Ok(Registered { state, user_verified: data.flags.user_verified() })
}

/// The parts of an attestation object.
struct AttestationObject {
    format: String,
    statement: Map,
    authenticator_data: Vec<u8>,
}

impl AttestationObject {
    /// R13: parses it. Nothing may follow.
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let (value, rest) = cbor::item(bytes)?;
        let mut object = Map::of(value)?;
        if !rest.is_empty() {
            return Err(Refusal::Malformed("bytes follow the attestation object"));
        }
        match (object.take("fmt"), object.take("attStmt"), object.take("authData")) {
            (Some(Value::Text(format)), Some(statement), Some(Value::Bytes(authenticator_data))) => {
                Ok(Self { format, statement: Map::of(statement)?, authenticator_data })
            }
            _ => Err(Refusal::Malformed("the attestation object lacks a member")),
        }
    }
}

/// Whoever began is who ends: the host binds the pending data to the user as well.
fn user_is_the_same(pending: &Pending, context: &Context) -> Result<(), Refusal> {
    if *pending.user_handle == *context.user.handle {
        return Ok(());
    }
    Err(Refusal::Wrong("the registration was begun for another user"))
}

/// The id of the answer is the one that the authenticator signed.
fn id_is_named(attested: &AttestedCredential<'_>, id: &Bytes) -> Result<(), Refusal> {
    if *attested.id == **id { Ok(()) } else { Err(Refusal::Wrong("the authenticator data name another credential")) }
}

/// R25: the id has at most 1023 bytes.
fn id_is_short(attested: &AttestedCredential<'_>) -> Result<(), Refusal> {
    if attested.id.len() <= MAX_ID { Ok(()) } else { Err(Refusal::Wrong("the credential's id is too long")) }
}

/// The site's own requirement: not copied between devices.
fn is_device_bound(backup_eligible: bool, required: bool) -> Result<(), Refusal> {
    if required && backup_eligible { Err(Refusal::Unmet(UnmetRequirement::DeviceBound)) } else { Ok(()) }
}

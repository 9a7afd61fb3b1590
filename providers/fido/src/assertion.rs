//! Verifies an assertion: WebAuthn Level 3, section 7.2.

use twofactor_factor::{Accepted, Context, Facts, Held, Observation, Requirements, Suspicion, VerificationError};

use crate::authenticator_data::AuthenticatorData;
use crate::client_data::{self, ClientData};
use crate::credential::{Assertion, Credential};
use crate::key::PublicKey;
use crate::state::{Challenge, State, shortened};
use crate::{Refusal, checks};

/// Verifies the answer to a challenge.
///
/// What raises suspicion is told only after the signature was found valid: otherwise anybody could have a passkey suspended.
///
/// # Errors
/// The first check that fails.
pub fn verify(
    context: &Context,
    timeout: u64,
    factors: Vec<Held<State>>,
    challenge: &Challenge,
    answer: &str,
) -> Result<Accepted<State>, VerificationError> {
    let credential = Credential::<Assertion>::parse(answer)?;
    let response = &credential.response;
    id_is_allowed(credential.id(), challenge)?;
    let held = credential_of(credential.id(), factors)?;
    user_handle_is(response, &held.state, context)?;
    site_is(&held.state, context)?;

    let data = AuthenticatorData::parse(&response.authenticator_data)?;
    let client_data = ClientData::parse(&response.client_data)?;
    checks::type_is(&client_data, "webauthn.get")?;
    checks::challenge_is(&client_data, &challenge.challenge)?;
    checks::is_in_time(challenge.began, context.now, timeout)?;
    checks::origin_is_listed(&client_data, &context.site)?;
    checks::top_origin_is_listed(&client_data, &context.site)?;
    checks::rp_id_hash_is(data.rp_id_hash, &held.state.rp_id)?;
    checks::user_is_present(data.flags)?;
    let verify_user = challenge.user_verification || checks::requires_user_verification(&context.requirements);
    checks::user_is_verified(data.flags, verify_user)?;
    checks::backup_is_eligible(data.flags)?;
    signature_is_valid(response, &held.state)?;

    let copyable = backup_eligibility(&held, &data)?;
    meets(&held.state, &data, &context.requirements)?;
    let counter = counter(&held, &data)?;

    let Held { index, state } = held;
    let state = State {
        sign_count: data.sign_count,
        uv_initialized: state.uv_initialized || data.flags.user_verified(),
        backup_eligible: data.flags.backup_eligible(),
        backed_up: data.flags.backed_up(),
        ..state
    };
    let facts = Facts { user_present: Some(true), user_verified: Some(data.flags.user_verified()), ..state.facts() };
    let observations = copyable.into_iter().chain(counter).collect();
    Ok(Accepted { observations, ..Accepted::new(Held { index, state }).facts(facts) })
}

/// A5: the credential is one of those that were allowed, if any were named.
fn id_is_allowed(id: &[u8], challenge: &Challenge) -> Result<(), Refusal> {
    if challenge.allowed.is_empty() || challenge.allowed.contains(&shortened(id)) {
        return Ok(());
    }
    Err(Refusal::Wrong("the credential is none of those that were allowed"))
}

/// A6: the credential is one of this user's.
fn credential_of(id: &[u8], factors: Vec<Held<State>>) -> Result<Held<State>, Refusal> {
    let found = factors.into_iter().find(|held| *held.state.id == *id);
    found.ok_or(Refusal::Wrong("the user has no such credential"))
}

/// A6: a user handle, if there is one, is this user's. In a passwordless sign-in there must be one, because it names the user.
fn user_handle_is(response: &Assertion, state: &State, context: &Context) -> Result<(), Refusal> {
    if state.user_handle.0 != context.user.handle {
        return Err(Refusal::Wrong("the credential was created for another user handle"));
    }
    match &response.user_handle {
        Some(handle) if *handle == state.user_handle => Ok(()),
        None if !context.requirements.passwordless => Ok(()),
        _ => Err(Refusal::Wrong("the user handle is missing or another one")),
    }
}

/// A6, A15: the credential was created for this relying party.
fn site_is(state: &State, context: &Context) -> Result<(), Refusal> {
    if state.rp_id == context.site.rp_id {
        return Ok(());
    }
    Err(Refusal::Wrong("the credential was created for another relying party"))
}

/// A20, A21: the signature is one of the credential's key, over authenticator data and the hash of the client data.
fn signature_is_valid(response: &Assertion, state: &State) -> Result<(), Refusal> {
    let key = PublicKey::parse(&state.key)?;
    let hash = client_data::hash(&response.client_data);
    let signed = [&response.authenticator_data[..], &hash].concat();
    if key.verify(&signed, &response.signature) {
        return Ok(());
    }
    Err(Refusal::Wrong("the signature is not valid"))
}

/// A19: whether a credential can be copied does not change. Some password managers say otherwise later on, which is observed; the
/// other way round it cannot happen.
fn backup_eligibility(
    held: &Held<State>,
    data: &AuthenticatorData<'_>,
) -> Result<Option<Observation>, VerificationError> {
    match (held.state.backup_eligible, data.flags.backup_eligible()) {
        (true, false) => Err(VerificationError::Suspicious(held.index, Suspicion::PropertyChanged)),
        (false, true) => Ok(Some(Observation::BecameCopyable)),
        _ => Ok(None),
    }
}

/// The site's own requirements. One more: where a passkey is the only factor, the first user verification of an authenticator does not
/// count (step 24).
fn meets(state: &State, data: &AuthenticatorData<'_>, requirements: &Requirements) -> Result<(), Refusal> {
    if requirements.passwordless && !state.uv_initialized {
        return Err(Refusal::Wrong("the authenticator never verified its user together with another factor"));
    }
    let now = State { backup_eligible: data.flags.backup_eligible(), ..state.clone() };
    if now.meets(requirements) { Ok(()) } else { Err(Refusal::Wrong("the passkey does not meet a requirement")) }
}

/// A22: a counter increases, if the authenticator counts. For a credential that can be copied another value says little.
fn counter(held: &Held<State>, data: &AuthenticatorData<'_>) -> Result<Option<Observation>, VerificationError> {
    let (stored, new) = (held.state.sign_count, data.sign_count);
    if (stored == 0 && new == 0) || new > stored {
        return Ok(None);
    }
    if data.flags.backup_eligible() {
        return Ok(Some(Observation::CounterNotIncreased));
    }
    Err(VerificationError::Suspicious(held.index, Suspicion::CounterWentBack))
}

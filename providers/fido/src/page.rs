//! What the page gives the browser: `PublicKeyCredentialCreationOptionsJSON`, `PublicKeyCredentialRequestOptionsJSON`, and signals
//! (WebAuthn Level 3, section 5).

use serde_json::{Value, json};
use twofactor_factor::{Bytes, Context, Signal, SignalKind, UserVerification};

use crate::checks;
use crate::key::Algorithm;
use crate::options::{Options, ResidentKey};
use crate::state::{Challenge, Pending, State};

/// Returns what `parseCreationOptionsFromJSON` takes.
pub fn creation(options: &Options, context: &Context, pending: &Pending, existing: &[State]) -> Value {
    let requirements = &context.requirements;
    let resident_key = if requirements.passwordless { ResidentKey::Required } else { options.resident_key };
    let mut selection = json!({
        "residentKey": resident_key,
        "requireResidentKey": resident_key == ResidentKey::Required,
        "userVerification": user_verification(context),
    });
    if let Some(attachment) = options.attachment() {
        selection["authenticatorAttachment"] = attachment.into();
    }
    let parameters: Vec<Value> =
        Algorithm::OFFERED.iter().map(|algorithm| json!({"type": "public-key", "alg": *algorithm as i64})).collect();
    json!({
        "rp": {"id": context.site.rp_id, "name": context.site.name},
        "user": {
            "id": pending.user_handle,
            "name": context.user.name,
            "displayName": context.user.display_name,
        },
        "challenge": pending.challenge,
        "pubKeyCredParams": parameters,
        "timeout": options.timeout.0 * 1000,
        "excludeCredentials": descriptors(existing, context),
        "authenticatorSelection": selection,
        "hints": options.hints,
        "attestation": if requirements.attested { "direct" } else { "none" },
        "extensions": {"credProps": true},
    })
}

/// Returns what `parseRequestOptionsFromJSON` takes. For a passwordless sign-in no credential is named.
pub fn request(options: &Options, context: &Context, challenge: &Challenge, allowed: &[State]) -> Value {
    json!({
        "challenge": challenge.challenge,
        "timeout": options.timeout.0 * 1000,
        "rpId": context.site.rp_id,
        "allowCredentials": descriptors(allowed, context),
        "userVerification": user_verification(context),
        "hints": options.hints,
    })
}

/// Returns the signals that tell password managers which passkeys there still are. The full list is for signed-in users only.
pub fn signals(context: &Context, remaining: &[State], removed: Option<&State>) -> Vec<Signal> {
    let mut signals = Vec::new();
    if let Some(removed) = removed {
        let argument = json!({"rpId": removed.rp_id, "credentialId": removed.id});
        signals.push(Signal { kind: SignalKind::UnknownCredential, argument });
    }
    let (site, user) = (&context.site, &context.user);
    if !user.handle.is_empty() {
        let handle = Bytes(user.handle.clone());
        let ids: Vec<&Bytes> = remaining.iter().filter(|it| it.rp_id == site.rp_id).map(|it| &it.id).collect();
        signals.push(Signal {
            kind: SignalKind::AllAcceptedCredentials,
            argument: json!({"rpId": site.rp_id, "userId": handle, "allAcceptedCredentialIds": ids}),
        });
        signals.push(Signal {
            kind: SignalKind::CurrentUserDetails,
            argument: json!({
                "rpId": site.rp_id,
                "userId": handle,
                "name": user.name,
                "displayName": user.display_name,
            }),
        });
    }
    signals
}

fn user_verification(context: &Context) -> &'static str {
    if checks::requires_user_verification(&context.requirements) {
        return "required";
    }
    match context.requirements.user_verification {
        UserVerification::Required => "required",
        UserVerification::Preferred => "preferred",
        UserVerification::Discouraged => "discouraged",
    }
}

/// Returns the descriptors of credentials of this relying party, with the transports that were reported.
fn descriptors(states: &[State], context: &Context) -> Vec<Value> {
    let here = states.iter().filter(|state| state.rp_id == context.site.rp_id);
    here.map(|state| {
        let mut descriptor = json!({"type": "public-key", "id": state.id});
        if !state.transports.is_empty() {
            descriptor["transports"] = json!(state.transports);
        }
        descriptor
    })
    .collect()
}

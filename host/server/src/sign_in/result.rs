//! The signed result that an application gets for a handle and may pass on: a JWT (RFC 7519) with a
//! signature that only this installation can make (EdDSA, RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, OctetKeyPairParameters,
    OctetKeyPairType, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::Serialize;
use twofactor::sign_in::{HostedSignIns, ResultKey, SignInResult};

use super::PublicUrl;
use crate::assurance::Assurance;
use crate::jwt;

/// How long a result is valid, in seconds.
const LIFETIME: i64 = 120;

/// Tells a result from any other JWT (RFC 8725 section 3.11).
const TYPE: &str = "sign-in-result+jwt";

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    /// The subscription. A client application's id would not do: each subscription names its own as it likes, so one could
    /// make results for another's.
    aud: &'a str,
    sub: &'a str,
    jti: &'a str,
    /// The purpose of the code.
    purpose: &'a str,
    amr: &'a [String],
    /// The authentication context class, if one is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assurance: Option<Assurance>,
    /// When the person gave the code.
    auth_time: i64,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_application: Option<&'a str>,
}

/// Returns the signed result of a sign-in.
pub(crate) fn sign(sign_ins: &HostedSignIns, issuer: &PublicUrl, result: &SignInResult) -> anyhow::Result<String> {
    jwt::install();
    let key = sign_ins.result_key()?;
    let sign_in = &result.sign_in;
    let issued = result.redeemed_at.as_second();
    let claims = Claims {
        iss: issuer.origin(),
        aud: &sign_in.subscription,
        sub: sign_in.user.as_deref().unwrap_or_default(),
        jti: &result.id,
        purpose: &result.purpose,
        amr: &result.amr,
        acr: result.acr.as_deref(),
        assurance: result.assurance.map(Into::into),
        auth_time: result.verified_at.as_second(),
        iat: issued,
        exp: issued + LIFETIME,
        tenant: sign_in.tenant.as_deref(),
        idp: sign_in.idp.as_deref(),
        client_application: sign_in.client_application.as_deref(),
    };
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key.id.clone());
    Ok(encode(&header, &claims, &EncodingKey::from_ed_der(&*key.seed))?)
}

/// Returns the public keys that results are verified with (RFC 7517).
pub(super) fn key_set(sign_ins: &HostedSignIns) -> JwkSet {
    JwkSet { keys: sign_ins.result_keys().iter().filter_map(public).collect() }
}

fn public(key: &ResultKey) -> Option<Jwk> {
    let pair = Ed25519KeyPair::from_seed_unchecked(&*key.seed).ok()?;
    Some(Jwk {
        common: CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(KeyAlgorithm::EdDSA),
            key_id: Some(key.id.clone()),
            ..CommonParameters::default()
        },
        algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: URL_SAFE_NO_PAD.encode(pair.public_key()),
        }),
    })
}

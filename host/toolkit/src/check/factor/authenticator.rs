//! An authenticator (WebAuthn Level 3) that can answer rightly and wrongly. It signs with ES256 and attests nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::cbor;

/// The flags of authenticator data (WebAuthn Level 3, section 6.1).
pub(super) const UP: u8 = 0x01;
pub(super) const UV: u8 = 0x04;
pub(super) const BE: u8 = 0x08;
pub(super) const BS: u8 = 0x10;
const AT: u8 = 0x40;

/// An authenticator with one credential.
#[derive(Clone)]
pub(super) struct Authenticator {
    /// The key pair in PKCS #8.
    key: Vec<u8>,
    pub(super) id: Vec<u8>,
    /// The user handle, once it has a credential.
    user_handle: Vec<u8>,
    pub(super) flags: u8,
    pub(super) counter: u32,
}

/// How an answer differs from the right one.
#[derive(Clone, Default)]
pub(super) struct Twist {
    pub(super) origin: Option<String>,
    /// Other members of the client data.
    pub(super) client_data: Vec<(&'static str, Value)>,
    pub(super) rp_id: Option<String>,
    /// What is done to the public key or the signature.
    pub(super) crypto: Option<Crypto>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) user_handle: Option<Vec<u8>>,
    /// Bytes after the authenticator data.
    pub(super) trailing: Vec<u8>,
}

/// What is wrong with a key or a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Crypto {
    /// A bit of the signature is flipped.
    Flipped,
    /// The signature is by another key.
    OtherKey,
    /// The authenticator data was changed after it was signed.
    ChangedData,
    /// The point of the public key is not on the curve.
    OffCurve,
    /// The key says that it is of another algorithm than it is.
    OtherAlgorithm,
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn new_key() -> Result<Vec<u8>, String> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
    Ok(key.map_err(|_| "this machine makes no keys")?.as_ref().to_vec())
}

fn pair(key: &[u8]) -> Result<EcdsaKeyPair, String> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key, &SystemRandom::new());
    pair.map_err(|_| "this machine reads no keys".to_owned())
}

impl Authenticator {
    /// Creates one whose credential is copied between devices, as most are.
    ///
    /// # Errors
    /// If no key can be made.
    pub(super) fn new(seed: u8) -> Result<Self, String> {
        let key = new_key()?;
        let id = Sha256::digest([&key[..], &[seed]].concat()).to_vec();
        Ok(Self { key, id, user_handle: Vec::new(), flags: UP | UV | BE | BS, counter: 0 })
    }

    /// Answers `navigator.credentials.create` with these options, on a page of this origin.
    ///
    /// # Errors
    /// If the options lack what an authenticator needs.
    pub(super) fn create(&mut self, options: &Value, origin: &str) -> Result<Value, String> {
        self.create_twisted(options, origin, &Twist::default())
    }

    pub(super) fn create_twisted(&mut self, options: &Value, origin: &str, twist: &Twist) -> Result<Value, String> {
        let rp_id = options["rp"]["id"].as_str().ok_or("the creation options have no `rp.id`")?;
        let handle = options["user"]["id"].as_str().and_then(|id| URL_SAFE_NO_PAD.decode(id).ok());
        self.user_handle = handle.ok_or("the creation options have no `user.id` in base64url")?;
        let client_data = client_data("webauthn.create", options, origin, twist)?;
        let data = [&self.data(rp_id, AT, twist), &self.attested(twist)?[..], &twist.trailing].concat();
        let attestation = cbor::map(&[
            (cbor::text("fmt"), cbor::text("none")),
            (cbor::text("attStmt"), cbor::map(&[])),
            (cbor::text("authData"), cbor::bytes(&data)),
        ]);
        let id = encode(twist.id.as_ref().unwrap_or(&self.id));
        Ok(json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(client_data.as_bytes()),
                "attestationObject": encode(&attestation),
                "authenticatorData": encode(&data),
                "publicKeyAlgorithm": -7,
                "transports": ["internal", "hybrid"],
            },
        }))
    }

    /// Answers `navigator.credentials.get` with these options, on a page of this origin.
    ///
    /// # Errors
    /// If the options lack what an authenticator needs.
    pub(super) fn get(&mut self, options: &Value, origin: &str) -> Result<Value, String> {
        self.get_twisted(options, origin, &Twist::default())
    }

    pub(super) fn get_twisted(&mut self, options: &Value, origin: &str, twist: &Twist) -> Result<Value, String> {
        let rp_id = options["rpId"].as_str().ok_or("the request options have no `rpId`")?;
        let client_data = client_data("webauthn.get", options, origin, twist)?;
        let mut data = [self.data(rp_id, 0, twist), twist.trailing.clone()].concat();
        let signed = [&data[..], &Sha256::digest(&client_data)].concat();
        let key = if twist.crypto == Some(Crypto::OtherKey) { pair(&new_key()?)? } else { pair(&self.key)? };
        let signature = key.sign(&SystemRandom::new(), &signed).map_err(|_| "this machine makes no signatures")?;
        let mut signature = signature.as_ref().to_vec();
        match twist.crypto {
            Some(Crypto::Flipped) => signature.iter_mut().skip(20).take(1).for_each(|byte| *byte ^= 1),
            Some(Crypto::ChangedData) => data[36] ^= 1,
            _ => {}
        }
        let id = encode(twist.id.as_ref().unwrap_or(&self.id));
        Ok(json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(client_data.as_bytes()),
                "authenticatorData": encode(&data),
                "signature": encode(&signature),
                "userHandle": encode(twist.user_handle.as_ref().unwrap_or(&self.user_handle)),
            },
        }))
    }

    /// Returns authenticator data, without attested credential data.
    fn data(&self, rp_id: &str, more: u8, twist: &Twist) -> Vec<u8> {
        let hash = Sha256::digest(twist.rp_id.as_deref().unwrap_or(rp_id));
        [&hash[..], &[self.flags | more], &self.counter.to_be_bytes()].concat()
    }

    /// Returns attested credential data: no AAGUID, the credential id, and the public key (COSE, RFC 9053).
    fn attested(&self, twist: &Twist) -> Result<Vec<u8>, String> {
        let pair = pair(&self.key)?;
        let mut point = pair.public_key().as_ref().to_vec();
        if twist.crypto == Some(Crypto::OffCurve) {
            point[64] ^= 1;
        }
        let algorithm = if twist.crypto == Some(Crypto::OtherAlgorithm) { -8 } else { -7 };
        let key = cbor::map(&[
            (cbor::integer(1), cbor::integer(2)),
            (cbor::integer(3), cbor::integer(algorithm)),
            (cbor::integer(-1), cbor::integer(1)),
            (cbor::integer(-2), cbor::bytes(&point[1..33])),
            (cbor::integer(-3), cbor::bytes(&point[33..65])),
        ]);
        let id = twist.id.as_ref().unwrap_or(&self.id);
        let length = u16::try_from(id.len()).unwrap_or(u16::MAX).to_be_bytes();
        Ok([&[0; 16][..], &length, id, &key].concat())
    }
}

/// Returns the client data, as browsers write it.
fn client_data(kind: &str, options: &Value, origin: &str, twist: &Twist) -> Result<String, String> {
    let challenge = options["challenge"].as_str().ok_or("the options have no `challenge`")?;
    let mut data = json!({
        "type": kind,
        "challenge": challenge,
        "origin": twist.origin.as_deref().unwrap_or(origin),
        "crossOrigin": false,
    });
    for (name, value) in &twist.client_data {
        data[name] = value.clone();
    }
    Ok(data.to_string())
}

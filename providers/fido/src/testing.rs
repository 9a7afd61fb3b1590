//! An authenticator and a browser in software, whose answers can be changed before and after they are signed. For native tests.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::{Value as Cbor, cbor};
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::SignatureEncoding as _;
use rsa::BoxedUint;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use crate::key::Algorithm;

/// Flags of authenticator data.
pub mod flag {
    /// The person was present.
    pub const UP: u8 = 1;
    /// The authenticator verified its user.
    pub const UV: u8 = 1 << 2;
    /// The credential can be copied.
    pub const BE: u8 = 1 << 3;
    /// A copy exists.
    pub const BS: u8 = 1 << 4;
    /// A credential follows.
    pub const AT: u8 = 1 << 6;
    /// Extensions follow.
    pub const ED: u8 = 1 << 7;
}

/// The origin of the site of [`twofactor_factor::testing::site`].
pub const ORIGIN: &str = "https://login.example.com";

/// A key that signs.
#[derive(Clone)]
pub enum SigningKey {
    /// For ES256.
    P256(p256::ecdsa::SigningKey),
    /// For EdDSA.
    Ed25519(ed25519_dalek::SigningKey),
    /// For RS256.
    Rsa(Box<rsa::PrivateKey>),
}

impl SigningKey {
    /// Returns the key of P-256 that is in a PKCS #8 document, as `ring` writes it and therefore `rcgen`.
    pub fn of_pkcs8(document: &[u8]) -> Self {
        // The private key is at this place (RFC 5915).
        Self::P256(p256::ecdsa::SigningKey::from_slice(&document[36..68]).unwrap())
    }
}

/// An authenticator with one credential.
#[derive(Clone)]
pub struct Authenticator {
    /// Its key.
    pub key: SigningKey,
    /// The credential's id.
    pub id: Vec<u8>,
    /// Its model.
    pub aaguid: [u8; 16],
    /// Its flags at each use.
    pub flags: u8,
    /// Its counter.
    pub sign_count: u32,
}

impl Authenticator {
    /// Returns an authenticator whose key and id depend only on the seed.
    pub fn new(algorithm: Algorithm, seed: &str) -> Self {
        let derived = |purpose: &str| -> [u8; 32] { Sha256::digest(format!("{purpose} {seed}")).into() };
        let key = match algorithm {
            Algorithm::Es256 => SigningKey::P256(p256::ecdsa::SigningKey::from_slice(&derived("key")).unwrap()),
            Algorithm::EdDsa => SigningKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&derived("key"))),
            Algorithm::Rs256 => SigningKey::Rsa(Box::new(RSA_KEY.clone())),
        };
        let aaguid = derived("model")[..16].try_into().unwrap();
        Self { key, id: derived("id").to_vec(), aaguid, flags: flag::UP | flag::UV, sign_count: 0 }
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            SigningKey::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            SigningKey::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            SigningKey::Rsa(key) => rsa::pkcs1v15::SigningKey::<Sha256>::new((**key).clone()).sign(message).to_vec(),
        }
    }

    /// Returns the algorithm of its key.
    pub fn algorithm(&self) -> Algorithm {
        match self.key {
            SigningKey::P256(_) => Algorithm::Es256,
            SigningKey::Ed25519(_) => Algorithm::EdDsa,
            SigningKey::Rsa(_) => Algorithm::Rs256,
        }
    }

    /// Returns the public key of ES256 as an uncompressed point (SEC 1), and nothing for other algorithms.
    pub fn point(&self) -> Vec<u8> {
        match &self.key {
            SigningKey::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            _ => Vec::new(),
        }
    }

    /// Returns its public key as a COSE_Key.
    pub fn public_key(&self) -> Cbor {
        let bytes = |bytes: &[u8]| Cbor::Bytes(bytes.to_vec());
        match &self.key {
            SigningKey::P256(_) => {
                let point = self.point();
                let (x, y) = point[1..].split_at(32);
                cbor!({1 => 2, 3 => -7, -1 => 1, -2 => bytes(x), -3 => bytes(y)}).unwrap()
            }
            SigningKey::Ed25519(key) => {
                cbor!({1 => 1, 3 => -8, -1 => 6, -2 => bytes(key.verifying_key().as_bytes())}).unwrap()
            }
            SigningKey::Rsa(key) => {
                cbor!({1 => 3, 3 => -257, -1 => bytes(&key.n_bytes()), -2 => bytes(&key.e_bytes())}).unwrap()
            }
        }
    }

    /// Answers `navigator.credentials.create` on a page of this origin.
    pub fn create(&self, options: &Value, origin: &str) -> Creation {
        Creation {
            client_data: client_data("webauthn.create", options, origin),
            data: Data {
                rp_id: options["rp"]["id"].as_str().unwrap().to_owned(),
                flags: self.flags | flag::AT,
                sign_count: self.sign_count,
                credential: Some((self.aaguid, self.id.clone(), to_cbor(&self.public_key()))),
                more: Vec::new(),
            },
            format: "none".to_owned(),
            statement: Statement::Members(Cbor::Map(Vec::new())),
            credential: self.credential(),
        }
    }

    /// Answers `navigator.credentials.get` on a page of this origin.
    pub fn get(&self, options: &Value, origin: &str) -> Assertion {
        Assertion {
            client_data: client_data("webauthn.get", options, origin),
            data: Data {
                rp_id: options["rpId"].as_str().unwrap().to_owned(),
                flags: self.flags,
                sign_count: self.sign_count,
                credential: None,
                more: Vec::new(),
            },
            user_handle: None,
            credential: self.credential(),
        }
    }

    fn credential(&self) -> Value {
        let id = base64url(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {}})
    }
}

fn client_data(kind: &str, options: &Value, origin: &str) -> Value {
    json!({"type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": false})
}

/// Authenticator data in parts.
#[derive(Clone)]
pub struct Data {
    /// The relying party's id, which is hashed.
    pub rp_id: String,
    /// The flags.
    pub flags: u8,
    /// The counter.
    pub sign_count: u32,
    /// AAGUID, id and public key of a new credential.
    pub credential: Option<([u8; 16], Vec<u8>, Vec<u8>)>,
    /// Bytes at the end, such as extensions.
    pub more: Vec<u8>,
}

impl Data {
    /// Returns the bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Sha256::digest(&self.rp_id).to_vec();
        bytes.push(self.flags);
        bytes.extend(self.sign_count.to_be_bytes());
        if let Some((aaguid, id, key)) = &self.credential {
            bytes.extend(aaguid);
            bytes.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
            bytes.extend(id);
            bytes.extend(key);
        }
        bytes.extend(&self.more);
        bytes
    }
}

/// An attestation statement.
#[derive(Clone)]
pub enum Statement {
    /// These members.
    Members(Cbor),
    /// A `packed` one that the credential's own key signs.
    SelfSigned,
    /// A `packed` one that another key signs, with the certificates of that key (DER).
    Certified(Box<Authenticator>, Vec<Vec<u8>>),
}

/// The answer to `navigator.credentials.create`, in parts.
#[derive(Clone)]
pub struct Creation {
    /// The client data.
    pub client_data: Value,
    /// The authenticator data.
    pub data: Data,
    /// The format of the attestation.
    pub format: String,
    /// The attestation.
    pub statement: Statement,
    /// The credential, without its response.
    pub credential: Value,
}

impl Creation {
    /// Signs where there is something to sign, and returns the answer as JSON.
    pub fn answer(&self, authenticator: &Authenticator) -> String {
        self.answer_with(authenticator, self.client_data.to_string().as_bytes(), |_| {})
    }

    /// As [`answer`](Self::answer), with client data of any bytes, and a change of the attestation object's bytes.
    pub fn answer_with(
        &self,
        authenticator: &Authenticator,
        client_data: &[u8],
        change: impl Fn(&mut Vec<u8>),
    ) -> String {
        let data = self.data.bytes();
        let signed = [&data[..], &Sha256::digest(client_data)].concat();
        let signature = |signer: &Authenticator| Cbor::Bytes(signer.sign(&signed));
        let statement = match &self.statement {
            Statement::Members(members) => members.clone(),
            Statement::SelfSigned => {
                cbor!({"alg" => authenticator.algorithm() as i64, "sig" => signature(authenticator)}).unwrap()
            }
            Statement::Certified(signer, certificates) => {
                let certificates: Vec<Cbor> = certificates.iter().cloned().map(Cbor::Bytes).collect();
                cbor!({"alg" => signer.algorithm() as i64, "sig" => signature(signer), "x5c" => certificates}).unwrap()
            }
        };
        let object = cbor!({"fmt" => self.format, "attStmt" => statement, "authData" => Cbor::Bytes(data)}).unwrap();
        let mut object = to_cbor(&object);
        change(&mut object);
        let mut credential = self.credential.clone();
        credential["response"] = json!({
            "clientDataJSON": base64url(client_data),
            "attestationObject": base64url(&object),
            "transports": ["internal", "hybrid"],
        });
        credential.to_string()
    }
}

/// The answer to `navigator.credentials.get`, in parts.
#[derive(Clone)]
pub struct Assertion {
    /// The client data.
    pub client_data: Value,
    /// The authenticator data.
    pub data: Data,
    /// The user handle.
    pub user_handle: Option<Vec<u8>>,
    /// The credential, without its response.
    pub credential: Value,
}

impl Assertion {
    /// Signs, and returns the answer as JSON.
    pub fn answer(&self, authenticator: &Authenticator) -> String {
        self.answer_with(authenticator, self.client_data.to_string().as_bytes(), |_| {})
    }

    /// As [`answer`](Self::answer), with client data of any bytes, and a change of the signature.
    pub fn answer_with(
        &self,
        authenticator: &Authenticator,
        client_data: &[u8],
        change: impl Fn(&mut Vec<u8>),
    ) -> String {
        let data = self.data.bytes();
        let mut signature = authenticator.sign(&[&data[..], &Sha256::digest(client_data)].concat());
        change(&mut signature);
        let mut credential = self.credential.clone();
        credential["response"] = json!({
            "clientDataJSON": base64url(client_data),
            "authenticatorData": base64url(&data),
            "signature": base64url(&signature),
            "userHandle": self.user_handle.as_deref().map(base64url),
        });
        credential.to_string()
    }
}

/// Returns bytes in base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns a value in CBOR.
pub fn to_cbor(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// An RSA key of 2048 bits, for tests alone.
static RSA_KEY: LazyLock<rsa::PrivateKey> = LazyLock::new(|| {
    let number = |hex: &str| BoxedUint::from_be_hex(hex, 1024).unwrap();
    rsa::PrivateKey::from_p_q(number(RSA_P), number(RSA_Q), BoxedUint::from(65537_u64)).unwrap()
});

const RSA_P: &str = concat!(
    "ebf19943060a6711584d21d0e03f571f5933cf63365eda124c096f0f81bf28d4ff3fd8bb3a57eb544f036d3f1535f43fd69b514258c31dfefa6f35ee328287d9",
    "b0d413700dc3abdf3851a659c78da19d7df52aad41763bd217ae47f8d683fe2ce7f559916d0e2cb2e54ffbd812f463229f79e2a74e0f7335e87a4246f2fa2d27",
);
const RSA_Q: &str = concat!(
    "c229accedd1e87effd5a80c206136c8148b12128d370c432e20294f8390e5ff88de8b46788399e0943a83aab78dca4d2853c383e100bf38ab0cd31fb25991533",
    "9868b89230af3f140a3b82e0f28ab83877d2f1acec567b07257d9bd685d42569c31fcebd6588ed47007e8518caddb273b6eaca9c5823874adf900cfd3e4ede73",
);

//! A manufacturer of authenticators, whose certificates prove the models of passkeys.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, DnValue, IsCa, KeyPair};
use twofactor::factor::{RequiredFactor, TrustedAuthenticator};
use twofactor::{Answer, EnrolmentAnswer, Error, NewChallenge, NewEnrolment, Proof, TwoFactor, UserFactor, Verified};
use twofactor_fido::testing::{Algorithm, Authenticator, ORIGIN, SigningKey, Statement};

use crate::held_factors::{SUBSCRIPTION, instance, sign_in};

pub struct Manufacturer(CertifiedIssuer<'static, KeyPair>);

impl Default for Manufacturer {
    fn default() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Test Manufacturer");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }
}

impl Manufacturer {
    /// Returns its root certificate in DER.
    pub fn root(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    /// Returns what one states who trusts a model of this manufacturer.
    pub fn trusted(&self, aaguid: [u8; 16]) -> TrustedAuthenticator {
        TrustedAuthenticator { aaguid, roots: vec![self.root()] }
    }

    /// Returns how a device of a model attests itself: with a certificate as section 8.2.1 of WebAuthn Level 3 requires it.
    pub fn certify(&self, aaguid: &[u8; 16]) -> Statement {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::ExplicitNoCa;
        let country = DnValue::PrintableString("CH".try_into().unwrap());
        params.distinguished_name.push(DnType::CountryName, country);
        for (kind, value) in [
            (DnType::OrganizationName, "Example"),
            (DnType::OrganizationalUnitName, "Authenticator Attestation"),
            (DnType::CommonName, "Example Key"),
        ] {
            params.distinguished_name.push(kind, value);
        }
        let content = [&[4, 16][..], aaguid].concat();
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4], content)];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let signs = SigningKey::of_pkcs8(&key.serialize_der());
        let signer = Authenticator { key: signs, ..Authenticator::new(Algorithm::Es256, "attestation") };
        Statement::Certified(Box::new(signer), vec![certificate.der().to_vec()])
    }
}

/// Enrols a passkey as the user's first factor, where its model must be proved.
pub async fn enrol(
    engine: &TwoFactor,
    user: &str,
    device: &Authenticator,
    statement: &Statement,
) -> Result<UserFactor, Error> {
    enrol_for(engine, user, device, statement, RequiredFactor::Attested).await
}

/// Enrols a passkey as the user's first factor, where this is required of it.
pub async fn enrol_for(
    engine: &TwoFactor,
    user: &str,
    device: &Authenticator,
    statement: &Statement,
    required: RequiredFactor,
) -> Result<UserFactor, Error> {
    let mut new = NewEnrolment::new(sign_in(user), instance(engine, "fido").await, Proof::FirstFactor);
    new.required = required;
    let enrolment = engine.enrol(new).await?;
    let mut creation = device.create(&enrolment.public, ORIGIN);
    (creation.format, creation.statement) = ("packed".to_owned(), statement.clone());
    let answer = EnrolmentAnswer::credential(&enrolment.id, creation.answer(device));
    engine.finish_enrolment(SUBSCRIPTION, answer).await
}

/// Signs in with the user's passkey.
pub async fn use_key(engine: &TwoFactor, user: &str, device: &Authenticator) -> Result<Verified, Error> {
    let new = NewChallenge::new(sign_in(user)).two_factor(instance(engine, "fido").await);
    let challenge = engine.start(new).await?;
    let credential = device.get(challenge.public.as_ref().unwrap(), ORIGIN).answer(device);
    engine.verify(SUBSCRIPTION, Answer::credential(&challenge.id, &credential)).await
}

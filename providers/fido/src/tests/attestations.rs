//! Attestation by certificates: section 8.2, and step 24 of section 7.1.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, DnValue, IsCa, KeyPair,
    PublicKeyData as _,
};
use twofactor_factor::{TrustedAuthenticator, UnmetRequirement};

use super::*;
use crate::testing::{Algorithm, Authenticator, SigningKey, Statement};

use EnrolmentError::{Unmet, Wrong};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What a certificate of an authenticator has, if nothing is changed.
fn params(aaguid: &[u8; 16]) -> CertificateParams {
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
    params.custom_extensions = vec![model(aaguid)];
    params
}

fn model(aaguid: &[u8]) -> CustomExtension {
    let content = [&[4, 16], aaguid].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4], content)
}

/// A registration with a certificate that `change` changed, of a root that is trusted for the authenticator's model.
fn registration(change: impl FnOnce(&mut CertificateParams)) -> Registration {
    let mut context = testing::context();
    context.requirements.attested = true;
    let authenticator = Authenticator::new(Algorithm::Es256, "one");
    let root = authority("Root");
    let mut params = params(&authenticator.aaguid);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &root).unwrap();
    context.trusted_authenticators =
        vec![TrustedAuthenticator { aaguid: authenticator.aaguid.to_vec(), roots: vec![root.der().to_vec()] }];
    let signer = signer(&key);
    let mut registration = Registration::begin(authenticator, context);
    registration.creation.format = "packed".to_owned();
    registration.creation.statement = Statement::Certified(Box::new(signer), vec![certificate.der().to_vec()]);
    registration
}

/// Returns an authenticator that signs with the key of a certificate.
fn signer(key: &KeyPair) -> Authenticator {
    let signs = SigningKey::of_pkcs8(&key.serialize_der());
    let signer = Authenticator { key: signs, ..Authenticator::new(Algorithm::Es256, "signer") };
    assert_eq!(signer.point(), key.der_bytes());
    signer
}

#[test]
fn a_model_that_certificates_prove_is_attested() {
    let enrolled = registration(|_| {}).verdict().unwrap();
    assert!(enrolled.state.attested && enrolled.facts.attested);
}

#[test]
fn a_proof_that_was_not_required_is_noted() {
    let mut registration = registration(|_| {});
    registration.context.requirements.attested = false;
    assert!(registration.verdict().unwrap().facts.attested);
    registration.context.trusted_authenticators = Vec::new();
    assert!(!registration.verdict().unwrap().facts.attested);
}

#[test]
fn another_root_or_another_model_is_not_trusted() {
    let mut other_root = registration(|_| {});
    other_root.context.trusted_authenticators[0].roots = vec![authority("Root").der().to_vec()];
    assert_eq!(other_root.verdict().err(), Some(Unmet(UnmetRequirement::TrustedAuthenticator)));
    let mut other_model = registration(|_| {});
    other_model.context.trusted_authenticators[0].aaguid = vec![9; 16];
    assert_eq!(other_model.verdict().err(), Some(Unmet(UnmetRequirement::TrustedAuthenticator)));
    let mut none = registration(|_| {});
    none.context.trusted_authenticators = Vec::new();
    assert_eq!(none.verdict().err(), Some(Unmet(UnmetRequirement::TrustedAuthenticator)));
}

#[test]
fn an_expired_certificate_is_not_trusted() {
    let expired = registration(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    assert_eq!(expired.verdict().err(), Some(Unmet(UnmetRequirement::TrustedAuthenticator)));
}

#[test]
fn the_own_certificate_may_be_the_trusted_one() {
    let mut registration = registration(|_| {});
    let Statement::Certified(_, certificates) = &registration.creation.statement else { panic!("it has certificates") };
    registration.context.trusted_authenticators[0].roots = certificates.clone();
    assert!(registration.verdict().is_ok());
}

#[test]
fn a_chain_of_more_than_six_certificates_is_not_trusted() {
    let mut registration = registration(|_| {});
    let Statement::Certified(_, certificates) = &mut registration.creation.statement else { panic!("it has some") };
    let own = certificates[0].clone();
    certificates.resize(6, own.clone());
    registration.context.trusted_authenticators[0].roots = vec![own.clone()];
    assert!(registration.verdict().is_ok());
    let Statement::Certified(_, certificates) = &mut registration.creation.statement else { panic!("it has some") };
    certificates.push(own);
    assert_eq!(registration.verdict().err(), Some(Unmet(UnmetRequirement::TrustedAuthenticator)));
}

#[test]
fn an_intermediate_certificate_leads_to_the_root() {
    let root = authority("Root");
    let mut registration = registration(|_| {});
    let mut of_intermediate = CertificateParams::new(Vec::new()).unwrap();
    of_intermediate.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    of_intermediate.distinguished_name.push(DnType::CommonName, "Intermediate");
    let intermediate = CertifiedIssuer::signed_by(of_intermediate, KeyPair::generate().unwrap(), &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = params(&registration.authenticator.aaguid).signed_by(&key, &intermediate).unwrap();
    let chain = vec![own.der().to_vec(), intermediate.der().to_vec()];
    registration.creation.statement = Statement::Certified(Box::new(signer(&key)), chain.clone());
    registration.context.trusted_authenticators[0].roots = vec![root.der().to_vec()];
    assert!(registration.verdict().is_ok());
    // Without the one between.
    registration.creation.statement = Statement::Certified(Box::new(signer(&key)), chain[..1].to_vec());
    assert_eq!(registration.verdict().err(), Some(Unmet(UnmetRequirement::TrustedAuthenticator)));
}

#[test]
fn a_certificate_of_another_model_is_refused() {
    let refused = registration(|params| params.custom_extensions = vec![model(&[9; 16])]).verdict().err();
    assert_eq!(refused, Some(Wrong("the attestation certificate is for another model")));
    let critical = registration(|params| params.custom_extensions[0].set_criticality(true)).verdict().err();
    assert_eq!(critical, Some(Wrong("the attestation certificate is for another model")));
}

#[test]
fn a_certificate_that_does_not_belong_to_an_authenticator_is_refused() {
    let expected = Some(Wrong("the attestation certificate's version or subject is not that of an authenticator"));
    for missing in [DnType::CountryName, DnType::OrganizationName, DnType::OrganizationalUnitName, DnType::CommonName] {
        let refused = registration(|params| assert!(params.distinguished_name.remove(missing))).verdict().err();
        assert_eq!(refused, expected);
    }
    let unit = registration(|params| params.distinguished_name.push(DnType::OrganizationalUnitName, "Web Server"));
    assert_eq!(unit.verdict().err(), expected);
}

#[test]
fn a_certificate_of_an_authority_is_refused() {
    let refused = registration(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)).verdict().err();
    assert_eq!(refused, Some(Wrong("the attestation certificate may sign certificates")));
}

#[test]
fn a_signature_of_another_key_than_the_certificates_is_refused() {
    let mut registration = registration(|_| {});
    let Statement::Certified(signer, _) = &mut registration.creation.statement else { panic!("it has certificates") };
    **signer = Authenticator::new(Algorithm::Es256, "another key");
    assert_eq!(registration.verdict().err(), Some(Wrong("the attestation's signature is not valid")));
}

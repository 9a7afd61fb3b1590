//! Metadata signed below a root of these tests.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;
use twofactor::sandbox::NetworkBuilder;
use twofactor_tests::attestation::{self, Manufacturer};
use twofactor_tests::certificates::Authority;
use twofactor_tests::held_factors;
use twofactor_tests::held_factors::passkeys::{Algorithm, Authenticator};

use super::blob::{BlobError, verify};
use super::*;

const RSA_KEY: &str = include_str!("test_keys/rsa.pem");

const GOOD: &str = "11111111-1111-1111-1111-111111111111";
const OTHER: &str = "22222222-2222-2222-2222-222222222222";

/// A root, and what signs metadata below it.
struct Service {
    root: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
    chain: Vec<String>,
}

impl Service {
    fn new(name: &str, key: KeyPair) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params.clone(), KeyPair::generate().unwrap()).unwrap();
        let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let own = params.signed_by(&key, &between).unwrap();
        let chain = vec![STANDARD.encode(own.der()), STANDARD.encode(between.der())];
        Self { root, key, chain }
    }

    fn usual() -> Self {
        Self::new("mds.fidoalliance.org", KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    fn roots(&self) -> Vec<TrustAnchor<'static>> {
        vec![webpki::anchor_from_trusted_cert(self.root.der()).unwrap().to_owned()]
    }

    fn sign(&self, payload: &serde_json::Value) -> String {
        let rsa = self.key.algorithm() == &PKCS_RSA_SHA256;
        let header = json!({"alg": if rsa { "RS256" } else { "ES256" }, "typ": "JWT", "x5c": self.chain});
        self.sign_with(&header, payload)
    }

    fn sign_with(&self, header: &serde_json::Value, payload: &serde_json::Value) -> String {
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let (signed, random) = (format!("{}.{}", part(header), part(payload)), SystemRandom::new());
        let signature = if self.key.algorithm() == &PKCS_RSA_SHA256 {
            let key = RsaKeyPair::from_pkcs8(self.key.serialized_der()).unwrap();
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
            signature
        } else {
            let key = self.key.serialized_der();
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &random).unwrap();
            key.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn follower(&self, folder: &Path, aaguids: &[&str]) -> Follower {
        let root = folder.join("root.pem");
        std::fs::write(&root, self.root.pem()).unwrap();
        let aaguids = aaguids.iter().map(|one| (*one).to_owned()).collect();
        let config = FidoMetadata { root: Some(root), aaguids, ..config(&folder.join("blob.jwt")) };
        config.follower(&Network::builder().build().unwrap()).unwrap()
    }

    /// Serves this over TLS as `mds.test`. Returns what trusts the server and finds it.
    async fn serve(blob: String) -> NetworkBuilder {
        let (authority, listener) = (Authority::default(), TcpListener::bind("127.0.0.1:0").unwrap());
        listener.set_nonblocking(true).unwrap();
        let network = Network::builder().trust_certificate_pem(authority.pem().as_bytes());
        let network = network.resolve("mds.test", listener.local_addr().unwrap());
        let mut tls = (*authority.issue("mds.test").server_config()).clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let router = axum::Router::new().route("/", axum::routing::get(async move || blob));
        let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(Arc::new(tls))).unwrap();
        tokio::spawn(server.serve(router.into_make_service()));
        network
    }
}

fn config(file: &Path) -> FidoMetadata {
    FidoMetadata { file: file.to_owned(), url: None, root: None, aaguids: Vec::new(), overdue_days: 30 }
}

fn entry(aaguid: &str, statuses: &[&str]) -> serde_json::Value {
    let reports: Vec<_> =
        statuses.iter().map(|status| json!({"status": status, "effectiveDate": "2026-01-01"})).collect();
    json!({"aaguid": aaguid, "statusReports": reports, "timeOfLastStatusChange": "2026-01-01",
        "metadataStatement": {"description": "x", "icon": "data:", "attestationRootCertificates": [STANDARD.encode(b"root")]}})
}

fn payload(no: u64, entries: &[serde_json::Value]) -> serde_json::Value {
    json!({"legalHeader": "x", "no": no, "nextUpdate": "2099-01-01", "entries": entries})
}

fn names(models: &[TrustedAuthenticator]) -> Vec<String> {
    models.iter().map(|model| hex::encode(&model.aaguid[..1])).collect()
}

#[test]
fn the_signature_leads_to_the_root_and_is_of_the_metadata_service() {
    let (good, other) = (Service::usual(), Service::usual());
    let (blob, now) = (good.sign(&payload(1, &[])), Timestamp::now());
    assert_eq!(verify(blob.as_bytes(), &good.roots(), now).unwrap().no, 1);
    let refused = |blob: &str, roots: &[TrustAnchor<'_>], now| verify(blob.as_bytes(), roots, now).unwrap_err();
    assert!(matches!(refused(&blob, &other.roots(), now), BlobError::NotTrusted(_)));
    assert!(matches!(refused(&blob, &[], now), BlobError::NotTrusted(_)));
    let late = "9999-01-01T00:00:00Z".parse().unwrap();
    assert!(matches!(refused(&blob, &good.roots(), late), BlobError::NotTrusted(_)), "the certificates have expired");

    let stranger = Service::new("mds.example.org", KeyPair::generate().unwrap());
    let foreign = stranger.sign(&payload(1, &[]));
    assert!(matches!(refused(&foreign, &stranger.roots(), now), BlobError::NotTrusted(_)), "another name");
    // The certificates of the service, and a signature of somebody else.
    let header = json!({"alg": "ES256", "x5c": good.chain});
    assert_eq!(refused(&other.sign_with(&header, &payload(9, &[])), &good.roots(), now), BlobError::WrongSignature);
    let (signed, _) = blob.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let changed = URL_SAFE_NO_PAD.encode(payload(2, &[]).to_string());
    let swapped = format!("{header}.{changed}.{}", blob.rsplit_once('.').unwrap().1);
    assert_eq!(refused(&swapped, &good.roots(), now), BlobError::WrongSignature);
}

#[test]
fn the_services_algorithm_is_rs256() {
    let key = KeyPair::from_pem_and_sign_algo(RSA_KEY, &PKCS_RSA_SHA256).unwrap();
    let service = Service::new("mds.fidoalliance.org", key);
    let blob = service.sign(&payload(7, &[]));
    assert_eq!(verify(blob.as_bytes(), &service.roots(), Timestamp::now()).unwrap().no, 7);
}

#[test]
fn input_that_is_not_a_blob_is_refused_and_never_a_panic() {
    let service = Service::usual();
    let good = service.sign(&payload(1, &[]));
    let header = |change: serde_json::Value| {
        let mut header = json!({"alg": "ES256", "x5c": service.chain});
        header.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        service.sign_with(&header, &payload(1, &[]))
    };
    let mut bad = vec![
        String::new(),
        "a.b".to_owned(),
        "a.b.c".to_owned(),
        "..".to_owned(),
        format!("{good}.x"),
        header(json!({"alg": "none"})),
        header(json!({"alg": "HS256"})),
        header(json!({"x5c": []})),
        header(json!({"x5c": vec!["!"; 2]})),
        header(json!({"x5c": vec![service.chain[0].clone(); 9]})),
        header(json!({"crit": ["x"]})),
        service.sign(&json!({"no": 1})),
        service.sign(&json!({"no": "1", "nextUpdate": "2099-01-01", "entries": []})),
        "x".repeat(BLOB_BYTES + 1),
    ];
    bad.extend((0..good.len()).step_by(97).map(|end| good[..end].to_owned()));
    for blob in bad {
        let shown = &blob[..blob.len().min(40)];
        assert!(verify(blob.as_bytes(), &service.roots(), Timestamp::now()).is_err(), "{shown}");
    }
}

#[test]
fn what_is_too_long_is_refused_before_it_is_parsed() {
    let service = Service::usual();
    let with = |header: serde_json::Value| service.sign_with(&header, &payload(1, &[]));
    let padded = |bytes| with(json!({"alg": "ES256", "x5c": service.chain, "x": "x".repeat(bytes)}));
    let verdict = |blob: &str| verify(blob.as_bytes(), &service.roots(), Timestamp::now()).map(|payload| payload.no);
    assert_eq!(verdict(&padded(40 << 10)), Ok(1));
    assert_eq!(verdict(&padded(64 << 10)), Err(BlobError::Malformed("its header is too long")));
    assert_eq!(verdict(&"x".repeat(BLOB_BYTES + 1)), Err(BlobError::Malformed("it is too long")));
    let many = with(json!({"alg": "ES256", "x5c": vec![service.chain[0].clone(); 9]}));
    assert_eq!(verdict(&many), Err(BlobError::Malformed("it has no certificates, or too many")));
}

#[test]
fn the_number_and_the_size_of_models_and_certificates_are_bounded() {
    let models = |entries: Vec<serde_json::Value>| {
        models::trusted(&serde_json::from_value(payload(1, &entries)).unwrap(), &BTreeSet::new())
    };
    let with = |roots: Vec<usize>| {
        let roots: Vec<_> = roots.into_iter().map(|length| STANDARD.encode(vec![0; length])).collect();
        json!({"aaguid": GOOD, "metadataStatement": {"attestationRootCertificates": roots}})
    };
    assert_eq!(models(vec![with(vec![1]); 5001]).len(), 5000);
    assert_eq!(models(vec![with(vec![1; 65])])[0].roots.len(), 64);
    assert_eq!(models(vec![with(vec![16 << 10, (16 << 10) + 1])])[0].roots.len(), 1);
    assert!(models(vec![with(vec![(16 << 10) + 1])]).is_empty());
    assert_eq!(models(vec![with(vec![16 << 10; 64]); 5]).len(), 4, "4 MiB together");
}

#[test]
fn compromised_models_and_those_that_are_not_listed_are_omitted() {
    let service = Service::usual();
    let folder = tempfile::tempdir().unwrap();
    let compromised = [
        "REVOKED",
        "USER_VERIFICATION_BYPASS",
        "ATTESTATION_KEY_COMPROMISE",
        "USER_KEY_REMOTE_COMPROMISE",
        "USER_KEY_PHYSICAL_COMPROMISE",
    ];
    let mut entries = vec![
        entry(GOOD, &["FIDO_CERTIFIED", "UPDATE_AVAILABLE"]),
        entry(OTHER, &[]),
        // A model of U2F, and one that is not well formed.
        json!({"attestationCertificateKeyIdentifiers": ["a"], "statusReports": []}),
        entry("33", &[]),
    ];
    entries
        .extend(compromised.map(|status| entry("44444444-4444-4444-4444-444444444444", &[status, "FIDO_CERTIFIED"])));
    let blob = service.sign(&payload(1, &entries));
    let models = service.follower(folder.path(), &[]).verify(blob.as_bytes()).unwrap().models;
    assert_eq!(names(&models), ["11", "22"]);
    assert_eq!(models[0].roots, [b"root"]);
    assert_eq!(names(&service.follower(folder.path(), &[OTHER]).verify(blob.as_bytes()).unwrap().models), ["22"]);
    let config = FidoMetadata { aaguids: vec!["x".to_owned()], ..config(Path::new("x")) };
    assert!(
        config
            .follower(&Network::builder().build().unwrap())
            .is_err_and(|error| error.to_string().contains("fido_metadata.aaguids"))
    );
}

#[tokio::test]
async fn older_metadata_changes_nothing() {
    let (service, folder) = (Service::usual(), tempfile::tempdir().unwrap());
    let engine = TwoFactor::builder().build().await.unwrap();
    let mut follower = service.follower(folder.path(), &[]);
    for (no, is_accepted) in [(5, true), (4, false), (5, true), (6, true), (5, false)] {
        let verified = follower.verify(service.sign(&payload(no, &[])).as_bytes());
        assert_eq!(verified.is_ok(), is_accepted, "{no}");
        if let Ok(verified) = verified {
            follower.use_them(&engine, verified);
        }
    }
}

#[tokio::test]
async fn overdue_metadata_is_used_for_thirty_days_and_then_no_model_is_trusted() {
    let (service, folder) = (Service::usual(), tempfile::tempdir().unwrap());
    let engine = TwoFactor::builder().build().await.unwrap();
    let blob = |days: i32| {
        let mut overdue = payload(7, &[entry(GOOD, &[])]);
        overdue["nextUpdate"] = json!(today().saturating_sub(days.days()).to_string());
        service.sign(&overdue)
    };
    let mut follower = service.follower(folder.path(), &[]);
    assert!(follower.verify(blob(32).as_bytes()).is_err());
    let verified = follower.verify(blob(29).as_bytes()).unwrap();
    assert_eq!(names(&verified.models), ["11"]);
    std::fs::write(folder.path().join("blob.jwt"), blob(32)).unwrap();
    for (last_day, is_in_use) in [(today(), true), (today().yesterday().unwrap(), false)] {
        follower.use_them(&engine, Verified { no: 7, last_day, models: Vec::new() });
        assert_eq!(follower.update(&engine).await, RETRY);
        assert_eq!(follower.in_use.is_some(), is_in_use);
    }
}

#[tokio::test]
async fn fetched_metadata_is_stored_and_is_used_even_if_it_cannot_be() {
    let (service, folder) = (Service::usual(), tempfile::tempdir().unwrap());
    let engine = TwoFactor::builder().build().await.unwrap();
    let blob = service.sign(&payload(7, &[entry(GOOD, &[])]));
    let network = Service::serve(blob.clone()).await.build().unwrap();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, service.root.pem()).unwrap();
    for (file, stored) in [("blob.jwt", Some(blob)), ("missing/blob.jwt", None)] {
        let file = folder.path().join(file);
        let url = Some("https://mds.test/".to_owned());
        let config = FidoMetadata { url, root: Some(root.clone()), ..config(&file) };
        let mut follower = config.follower(&network).unwrap();
        follower.begin(&engine).unwrap();
        assert_eq!(follower.update(&engine).await, DAILY);
        assert_eq!(follower.in_use.unwrap().no, 7);
        assert_eq!(std::fs::read_to_string(&file).ok(), stored);
    }
}

#[tokio::test]
async fn the_file_is_read_at_the_start_and_one_that_is_not_valid_stops_only_attestation() {
    let (service, folder) = (Service::usual(), tempfile::tempdir().unwrap());
    let engine = TwoFactor::builder().build().await.unwrap();
    let number_in_use = || {
        let mut follower = service.follower(folder.path(), &[]);
        follower.begin(&engine).map(|()| follower.in_use.map(|in_use| in_use.no))
    };
    assert!(number_in_use().unwrap_err().to_string().contains("fido_metadata.file"));
    std::fs::write(folder.path().join("blob.jwt"), "x").unwrap();
    assert_eq!(number_in_use().unwrap(), None);
    store(&folder.path().join("blob.jwt"), service.sign(&payload(1, &[entry(GOOD, &[])])).as_bytes()).unwrap();
    assert_eq!(number_in_use().unwrap(), Some(1));
}

/// From the file to the sign-in: the metadata, the engine and the component are tested apart as well.
#[tokio::test]
async fn a_key_of_a_listed_model_signs_in_as_hardware_and_one_of_a_revoked_model_is_refused() {
    let (service, folder, manufacturer) = (Service::usual(), tempfile::tempdir().unwrap(), Manufacturer::default());
    let engine = held_factors::engine(twofactor_tests::compiled::builder()).await;
    let publish = |no, statuses: &[&str]| {
        let mut model = entry(GOOD, statuses);
        model["metadataStatement"]["attestationRootCertificates"] = json!([STANDARD.encode(manufacturer.root())]);
        std::fs::write(folder.path().join("blob.jwt"), service.sign(&payload(no, &[model]))).unwrap();
    };
    let key = |seed: &str| Authenticator { aaguid: [0x11; 16], ..Authenticator::new(Algorithm::Es256, seed) };
    let (alices, bobs, statement) = (key("alice"), key("bob"), manufacturer.certify(&[0x11; 16]));
    let mut follower = service.follower(folder.path(), &[]);
    publish(1, &["FIDO_CERTIFIED"]);
    follower.begin(&engine).unwrap();
    attestation::enrol(&engine, "alice", &alices, &statement).await.unwrap();
    let verified = attestation::use_key(&engine, "alice", &alices).await.unwrap();
    assert_eq!((verified.acr.as_deref(), &*verified.amr[0]), (Some("phrh"), "hwk"));

    publish(2, &["REVOKED", "FIDO_CERTIFIED"]);
    assert_eq!(follower.update(&engine).await, DAILY);
    let refused = attestation::enrol(&engine, "bob", &bobs, &statement).await.unwrap_err();
    assert_eq!(refused.requirement(), Some("trusted-authenticator"));
}

#[test]
fn the_default_root_is_the_one_that_the_fido_alliance_names() {
    assert_eq!(default_roots().len(), 1);
    let config = FidoMetadata { url: Some("http://x".to_owned()), ..config(Path::new("x")) };
    assert!(
        config
            .follower(&Network::builder().build().unwrap())
            .is_err_and(|error| error.to_string().contains("fido_metadata.url"))
    );
}

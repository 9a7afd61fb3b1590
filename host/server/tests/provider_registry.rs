//! `twofactor provider add oci://…`, from a real registry that returns what was pushed, and from
//! one that does not.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::common;
use common::run;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use tempfile::TempDir;
use twofactor_tests::minisign::Signer;
use twofactor_tests::registry::Registry;
use twofactor_tests::wrong::component;

struct Place {
    _folder: TempDir,
    config: PathBuf,
    registry: Registry,
}

impl Place {
    fn new() -> Option<Self> {
        Self::with("")
    }

    fn with(more: &str) -> Option<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let registry = Registry::start()?;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("twofactor.toml");
        fs::write(&config, format!("[store]\npath = {:?}\n{more}", folder.path().join("db"))).unwrap();
        Some(Self { _folder: folder, config, registry })
    }

    fn add(&self, source: &str) -> Output {
        run(&["provider", "add", "--config", self.config.to_str().unwrap(), "--yes", source])
    }

    fn serves(&self) -> bool {
        let output = run(&["provider", "list", "--config", self.config.to_str().unwrap()]);
        String::from_utf8(output.stdout).unwrap().lines().any(|line| line.starts_with("wrong "))
    }

    #[track_caller]
    fn refuses(&self, source: &str, why: &str) {
        let output = self.add(source);
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why), "{said}");
        assert!(!self.serves());
    }

    /// Pushes an artifact as `oras` and `wkg` do; its reference, and the digests of its manifest and layers.
    async fn push(&self, layers: Vec<(Vec<u8>, &str)>) -> (String, String, Vec<String>) {
        let untitled = |(bytes, kind): (Vec<u8>, &str)| ImageLayer::new(bytes, kind.to_owned(), None);
        self.push_layers(layers.into_iter().map(untitled).collect()).await
    }

    async fn push_layers(&self, layers: Vec<ImageLayer>) -> (String, String, Vec<String>) {
        let client = Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() });
        let name = format!("{}/providers/it", self.registry.address);
        let config = Config::new(b"{}".to_vec(), "application/vnd.wasm.config.v0+json".to_owned(), None);
        let manifest = OciImageManifest::build(&layers, &config, None);
        let image: Reference = format!("{name}:latest").parse().unwrap();
        client.push(&image, &layers, config, &RegistryAuth::Anonymous, Some(manifest)).await.unwrap();
        let digest = client.fetch_manifest_digest(&image, &RegistryAuth::Anonymous).await.unwrap();
        (format!("oci://{name}"), digest, layers.iter().map(ImageLayer::sha256_digest).collect())
    }
}

const WASM: &str = "application/wasm";

#[tokio::test]
async fn a_component_is_pulled_from_a_registry_by_the_digest_of_its_manifest() {
    let Some(place) = Place::new() else { return };
    let (name, digest, _) = place.push(vec![(component("none"), WASM)]).await;
    place.refuses(&name, "must contain a digest");
    place.refuses(&format!("{name}:latest"), "must contain a digest");
    place.refuses(&format!("{name}@sha256:{}", "0".repeat(64)), "did not return the manifest");
    place.refuses(&format!("{name}-other@{digest}"), "did not return the manifest");
    let added = place.add(&format!("{name}@{digest}"));
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    assert!(place.serves());
}

#[tokio::test]
async fn a_layer_or_a_manifest_that_was_tampered_with_is_refused() {
    let Some(place) = Place::new() else { return };
    let (name, digest, layers) = place.push(vec![(component("none"), WASM)]).await;
    let source = format!("{name}@{digest}");
    let layer = place.registry.file(&layers[0]);
    // As long as before, and an equally good provider.
    let other = component("version 1.0.1");
    assert_eq!(fs::metadata(&layer).unwrap().len(), other.len() as u64);
    fs::write(&layer, &other).unwrap();
    place.refuses(&source, "did not return the component");
    fs::write(&layer, component("none")).unwrap();

    // A manifest that names the other component.
    let (_, second, _) = place.push(vec![(other, WASM)]).await;
    let manifest = place.registry.file(&digest);
    let right = fs::read(&manifest).unwrap();
    fs::copy(place.registry.file(&second), &manifest).unwrap();
    place.refuses(&source, "did not return the manifest");
    fs::write(&manifest, right).unwrap();
    assert!(place.add(&source).status.success());
}

#[tokio::test]
async fn an_artifact_without_exactly_one_component_is_refused() {
    let Some(place) = Place::new() else { return };
    for layers in
        [vec![(b"text".to_vec(), "text/plain")], vec![(component("none"), WASM), (component("version 1.0.1"), WASM)]]
    {
        let (name, digest, _) = place.push(layers).await;
        place.refuses(&format!("{name}@{digest}"), "must have exactly one layer");
    }
    let (name, digest, _) = place.push(vec![(b"\0asm".to_vec(), WASM)]).await;
    place.refuses(&format!("{name}@{digest}"), "not a valid WebAssembly component");
}

#[tokio::test]
async fn a_signature_comes_with_its_component() {
    let (Some(acme), Some(other)) = (Signer::new(), Signer::new()) else { return };
    let signers = format!("[providers]\nrequire_signature = true\n[providers.signers]\nacme = {:?}\n", acme.public_key);
    let Some(place) = Place::with(&signers) else { return };
    let it = component("none");
    // As `oras push it.wasm:application/wasm it.wasm.minisig` makes them.
    let file = |bytes: &[u8], kind: &str, name: &str| {
        let title = [("org.opencontainers.image.title".to_owned(), name.to_owned())].into();
        ImageLayer::new(bytes.to_vec(), kind.to_owned(), Some(title))
    };
    let wasm = || file(&it, WASM, "it.wasm");
    let signed = |by: &Signer| file(by.sign(&it).as_bytes(), "application/octet-stream", "it.wasm.minisig");
    let huge = file(&[b'x'; 5000], "application/octet-stream", "it.wasm.minisig");
    for (layers, why) in [
        (vec![wasm()], "is not signed"),
        (vec![wasm(), signed(&other)], "signature"),
        (vec![wasm(), signed(&acme), signed(&other)], "more than one signature"),
        (vec![wasm(), huge], "more than 4096"),
    ] {
        let (name, digest, _) = place.push_layers(layers).await;
        place.refuses(&format!("{name}@{digest}"), why);
    }
    // The signature of another file does not count.
    let beside = file(other.sign(b"{}").as_bytes(), "application/octet-stream", "sbom.json.minisig");
    let (name, digest, layers) = place.push_layers(vec![wasm(), signed(&acme), beside]).await;
    let source = format!("{name}@{digest}");
    let layer = place.registry.file(&layers[1]);
    let right = fs::read(&layer).unwrap();
    fs::write(&layer, &right[1..]).unwrap();
    place.refuses(&source, "did not return the signature");
    fs::write(&layer, right).unwrap();
    let added = place.add(&source);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    assert!(place.serves());
}

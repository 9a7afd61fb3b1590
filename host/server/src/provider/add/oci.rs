//! A component in a registry: an OCI artifact with one layer of type `application/wasm`, as `wkg` and `oras` push it
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>). It is named by the digest of its manifest, which names the
//! layer's: whoever has the reference has the component, whatever the registry says.

use std::str::FromStr;

use anyhow::{Context as _, anyhow, bail, ensure};
use futures::TryStreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

use crate::api::COMPONENT_BYTES;

const LAYER: &str = "application/wasm";

pub(super) struct Image(Reference);

impl FromStr for Image {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let reference: Reference =
            text.parse().map_err(|error| anyhow!("`oci://{text}` names nothing in a registry: {error}"))?;
        if !reference.digest().is_some_and(|digest| digest.starts_with("sha256:")) {
            bail!(
                "`oci://{text}` must say which one by its digest, `…@sha256:…`: a tag may mean something else tomorrow"
            );
        }
        Ok(Self(reference))
    }
}

impl Image {
    pub(super) async fn pull(&self) -> anyhow::Result<Vec<u8>> {
        let registry = self.0.resolve_registry();
        let local = registry.split(':').next().is_some_and(|host| host == "localhost" || host == "127.0.0.1");
        let protocol = if local { ClientProtocol::Http } else { ClientProtocol::Https };
        let client = Client::new(ClientConfig { protocol, ..ClientConfig::default() });
        // The client compares both digests with what it got.
        let (manifest, _) = client
            .pull_manifest_raw(&self.0, &credentials(), &[OCI_IMAGE_MEDIA_TYPE])
            .await
            .with_context(|| format!("{registry} did not give the manifest of {}", self.0))?;
        let manifest: OciImageManifest = serde_json::from_slice(&manifest).context("the manifest cannot be read")?;
        let layer = only_component(&manifest)?;
        let failed = || format!("{registry} did not give the component {} of {}", layer.digest, self.0);
        let mut stream = client.pull_blob_stream(&self.0, layer).await.with_context(failed)?.stream;
        let mut component = Vec::new();
        while let Some(part) = stream.try_next().await.with_context(failed)? {
            ensure!(
                component.len() + part.len() <= COMPONENT_BYTES,
                "{registry} sends more than {COMPONENT_BYTES} bytes"
            );
            component.extend_from_slice(&part);
        }
        Ok(component)
    }
}

fn only_component(manifest: &OciImageManifest) -> anyhow::Result<&OciDescriptor> {
    let mut layers = manifest.layers.iter().filter(|layer| layer.media_type == LAYER);
    let (Some(layer), None) = (layers.next(), layers.next()) else {
        bail!("this is no component: it has not exactly one layer of type `{LAYER}`");
    };
    let fits = usize::try_from(layer.size).is_ok_and(|size| size <= COMPONENT_BYTES);
    ensure!(fits, "the component has {} bytes, more than {COMPONENT_BYTES}", layer.size);
    Ok(layer)
}

/// Of the environment; nobody's if not said.
fn credentials() -> RegistryAuth {
    match (std::env::var("REGISTRY_USERNAME"), std::env::var("REGISTRY_PASSWORD")) {
        (Ok(name), Ok(password)) => RegistryAuth::Basic(name, password),
        _ => RegistryAuth::Anonymous,
    }
}

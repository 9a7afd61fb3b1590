//! A component in a registry: an OCI artifact with one layer of type `application/wasm`, as `wkg` and `oras` push it
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>). It is named by the digest of its manifest, which names the
//! layers': whoever has the reference has the component, whatever the registry says. Its signature may be another layer, of whatever
//! type, with the component's title and `.minisig`: `oras push` gives each file a layer with its name for a title.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use futures::TryStreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

use crate::request_limits::COMPONENT_BYTES;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a registry may send nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long everything may take.
const PULL_TIMEOUT: Duration = Duration::from_secs(900);

const LAYER: &str = "application/wasm";

/// <https://github.com/opencontainers/image-spec/blob/main/annotations.md>
const TITLE: &str = "org.opencontainers.image.title";

/// A signature has some three hundred.
const SIGNATURE_BYTES: usize = 4096;

pub(super) struct Image(Reference);

impl FromStr for Image {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let reference: Reference =
            text.parse().map_err(|error| anyhow!("`oci://{text}` is not a valid reference: {error}"))?;
        if !reference.digest().is_some_and(|digest| digest.starts_with("sha256:")) {
            bail!("`oci://{text}` must contain a digest, `…@sha256:…`: a tag can change");
        }
        Ok(Self(reference))
    }
}

impl Image {
    /// Returns the component, and its signature if there is one.
    pub(super) async fn pull(&self) -> anyhow::Result<(Vec<u8>, Option<String>)> {
        self.pull_within(PULL_TIMEOUT).await
    }

    async fn pull_within(&self, longest: Duration) -> anyhow::Result<(Vec<u8>, Option<String>)> {
        let late =
            || format!("{} did not return {} within {} seconds", self.0.resolve_registry(), self.0, longest.as_secs());
        tokio::time::timeout(longest, self.pull_all()).await.with_context(late)?
    }

    async fn pull_all(&self) -> anyhow::Result<(Vec<u8>, Option<String>)> {
        let registry = self.0.resolve_registry();
        let local = registry.split(':').next().is_some_and(|host| host == "localhost" || host == "127.0.0.1");
        let protocol = if local { ClientProtocol::Http } else { ClientProtocol::Https };
        let client = Client::new(ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            ..ClientConfig::default()
        });
        let credentials = credentials(registry, |name| std::env::var(name).ok())?;
        // The client compares all digests with what it got.
        let (manifest, _) = client
            .pull_manifest_raw(&self.0, &credentials, &[OCI_IMAGE_MEDIA_TYPE])
            .await
            .with_context(|| format!("{registry} did not return the manifest of {}", self.0))?;
        let manifest = Manifest::parse(&manifest)?;
        let component = self.layer(&client, "component", &manifest.component, COMPONENT_BYTES).await?;
        let signature = match manifest.signature {
            Some(layer) => {
                let text = self.layer(&client, "signature", &layer, SIGNATURE_BYTES).await?;
                Some(String::from_utf8(text).context("the signature is not text")?)
            }
            None => None,
        };
        Ok((component, signature))
    }

    async fn layer(&self, client: &Client, what: &str, layer: &OciDescriptor, most: usize) -> anyhow::Result<Vec<u8>> {
        let fits = usize::try_from(layer.size).is_ok_and(|size| size <= most);
        ensure!(fits, "the {what} has {} bytes, more than {most}", layer.size);
        let registry = self.0.resolve_registry();
        let failed = || format!("{registry} did not return the {what} {} of {}", layer.digest, self.0);
        let mut stream = client.pull_blob_stream(&self.0, layer).await.with_context(failed)?.stream;
        let mut bytes = Vec::new();
        while let Some(part) = stream.try_next().await.with_context(failed)? {
            ensure!(bytes.len() + part.len() <= most, "{registry} sent more than {most} bytes");
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }
}

/// The layers that a manifest names.
pub(in crate::cli) struct Manifest {
    pub(in crate::cli) component: OciDescriptor,
    pub(in crate::cli) signature: Option<OciDescriptor>,
}

impl Manifest {
    /// Reads a manifest, as a registry sent it.
    pub(in crate::cli) fn parse(manifest: &[u8]) -> anyhow::Result<Self> {
        let manifest: OciImageManifest = serde_json::from_slice(manifest).context("the manifest is not valid")?;
        let component = only_component(&manifest)?;
        let signature = only_signature(&manifest, component)?;
        Ok(Self { component: component.clone(), signature: signature.cloned() })
    }
}

fn only_component(manifest: &OciImageManifest) -> anyhow::Result<&OciDescriptor> {
    let mut layers = manifest.layers.iter().filter(|layer| layer.media_type == LAYER);
    let (Some(layer), None) = (layers.next(), layers.next()) else {
        bail!("not a component: the manifest must have exactly one layer of type `{LAYER}`");
    };
    Ok(layer)
}

/// Returns the layer that has the component's title and `.minisig`; where that has no title, the one whose title ends so.
fn only_signature<'a>(
    manifest: &'a OciImageManifest,
    component: &OciDescriptor,
) -> anyhow::Result<Option<&'a OciDescriptor>> {
    let wanted = title(component).map(|title| format!("{title}.minisig"));
    let is_one = |layer: &&OciDescriptor| match (title(layer), &wanted) {
        (Some(title), Some(wanted)) => title == wanted,
        (Some(title), None) => title.ends_with(".minisig"),
        (None, _) => false,
    };
    let mut layers = manifest.layers.iter().filter(is_one);
    match (layers.next(), layers.next()) {
        (one, None) => Ok(one),
        _ => bail!("it has more than one signature"),
    }
}

fn title(layer: &OciDescriptor) -> Option<&str> {
    layer.annotations.as_ref()?.get(TITLE).map(String::as_str)
}

/// Returns the credentials for a registry from variables of the environment. A registry that these do not name is asked without: whoever
/// proposes a reference chooses the registry.
fn credentials(registry: &str, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<RegistryAuth> {
    let (Some(user), Some(password)) = (variable("REGISTRY_USERNAME"), variable("REGISTRY_PASSWORD")) else {
        return Ok(RegistryAuth::Anonymous);
    };
    let host = variable("REGISTRY_HOST")
        .context("set REGISTRY_HOST to the registry that REGISTRY_USERNAME and REGISTRY_PASSWORD are for")?;
    Ok(if host == registry { RegistryAuth::Basic(user, password) } else { RegistryAuth::Anonymous })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_registry_that_sends_a_little_now_and_then_is_not_waited_for_without_end() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let image = format!("{}/it@sha256:{}", listener.local_addr().unwrap(), "0".repeat(64));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.unwrap();
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let image: Image = image.parse().unwrap();
        let pulled = tokio::time::timeout(Duration::from_secs(20), image.pull_within(Duration::from_secs(1))).await;
        let error = format!("{:#}", pulled.unwrap().unwrap_err());
        assert!(error.contains("within 1 seconds"), "{error}");
    }

    #[test]
    fn credentials_are_for_the_registry_that_they_name() {
        let variable = |host: Option<&'static str>| {
            move |name: &str| match name {
                "REGISTRY_HOST" => host.map(str::to_owned),
                _ => Some("value".to_owned()),
            }
        };
        let company = Some("registry.example.com");
        assert!(matches!(credentials("registry.example.com", variable(company)).unwrap(), RegistryAuth::Basic(..)));
        for other in ["registry.evil.example", "registry.example.com:444", "evil.registry.example.com"] {
            assert!(matches!(credentials(other, variable(company)).unwrap(), RegistryAuth::Anonymous), "{other}");
        }
        assert!(credentials("registry.example.com", variable(None)).unwrap_err().to_string().contains("REGISTRY_HOST"));
        assert!(matches!(credentials("registry.example.com", |_| None).unwrap(), RegistryAuth::Anonymous));
    }
}

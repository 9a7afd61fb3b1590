//! A component in a registry: an OCI artifact with one layer of type `application/wasm`, as `wkg` and `oras` push it
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>). It is named by the digest of its manifest, which names the
//! layers': whoever has the reference has the component, whatever the registry says. Its signature may be another layer, of whatever
//! type, with the component's title and `.minisig`: `oras push` gives each file a layer with its name for a title.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use oci_client::Reference;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use reqwest::header::{ACCEPT, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, StatusCode};
use ring::digest::{SHA256, SHA512, digest};
use serde_json::Value;
use url::Url;

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

/// The longest manifest or token. The distribution specification of OCI recommends 4 MiB for manifests.
const DOCUMENT_BYTES: usize = 4 << 20;

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
        let repository = Repository::of(&self.0).await?;
        let manifest = Manifest::parse(&repository.manifest().await?)?;
        let component = repository.layer("component", &manifest.component, COMPONENT_BYTES).await?;
        let signature = match manifest.signature {
            Some(layer) => {
                let text = repository.layer("signature", &layer, SIGNATURE_BYTES).await?;
                Some(String::from_utf8(text).context("the signature is not text")?)
            }
            None => None,
        };
        Ok((component, signature))
    }
}

/// The repository of an image at its registry. The client of `oci_client` reads manifests, tokens and refusals without a bound, so this
/// has requests of its own.
struct Repository<'a> {
    image: &'a Reference,
    client: Client,
    authentication: RegistryAuth,
}

impl<'a> Repository<'a> {
    async fn of(image: &'a Reference) -> anyhow::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .user_agent(concat!("twofactor/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let registry = image.resolve_registry();
        let credentials = credentials(registry, |name| std::env::var(name).ok())?;
        let mut repository = Self { image, client, authentication: RegistryAuth::Anonymous };
        repository.authentication =
            repository.authenticate(credentials).await.with_context(|| format!("cannot authenticate at {registry}"))?;
        Ok(repository)
    }

    /// Returns a URL of the registry's API.
    fn url(&self, path: &str) -> String {
        format!("{}://{}/v2/{path}", if self.is_local() { "http" } else { "https" }, self.image.resolve_registry())
    }

    fn is_local(&self) -> bool {
        let host = self.image.resolve_registry().split(':').next();
        host.is_some_and(|host| host == "localhost" || host == "127.0.0.1")
    }

    /// Returns what the registry asks for: nothing, the credentials, or a token
    /// (<https://distribution.github.io/distribution/spec/auth/token/>).
    async fn authenticate(&self, credentials: RegistryAuth) -> anyhow::Result<RegistryAuth> {
        // The body is not read.
        let headers = self.client.get(self.url("")).send().await?.headers().clone();
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
        let challenges: Vec<&str> = challenges.filter_map(|challenge| challenge.to_str().ok()).collect();
        if challenges.is_empty() {
            return Ok(RegistryAuth::Anonymous);
        }
        let bearer = challenges.into_iter().find(|challenge| parameter(challenge, "realm").is_some());
        let Some(challenge) = bearer else { return Ok(credentials) };
        let url = token_url(challenge, self.image.repository(), self.is_local())?;
        let answer = read(authenticated(self.client.get(url), &credentials), DOCUMENT_BYTES).await?;
        let answer: Value = serde_json::from_slice(&answer).context("its token is not valid")?;
        let token = answer["token"].as_str().or(answer["access_token"].as_str()).context("it issued no token")?;
        Ok(RegistryAuth::Bearer(token.to_owned()))
    }

    async fn manifest(&self) -> anyhow::Result<Vec<u8>> {
        let digest = self.image.digest().unwrap_or_default();
        let url = self.url(&format!("{}/manifests/{digest}", self.image.repository()));
        let request = self.client.get(url).header(ACCEPT, OCI_IMAGE_MEDIA_TYPE);
        self.get(request, "manifest", digest, DOCUMENT_BYTES).await
    }

    async fn layer(&self, what: &str, layer: &OciDescriptor, most: usize) -> anyhow::Result<Vec<u8>> {
        let fits = usize::try_from(layer.size).is_ok_and(|size| size <= most);
        ensure!(fits, "the {what} has {} bytes, more than {most}", layer.size);
        let url = self.url(&format!("{}/blobs/{}", self.image.repository(), layer.digest));
        self.get(self.client.get(url), what, &layer.digest, most).await
    }

    /// Returns what has this digest.
    async fn get(&self, request: RequestBuilder, what: &str, digest: &str, most: usize) -> anyhow::Result<Vec<u8>> {
        let found = async {
            let bytes = read(authenticated(request, &self.authentication), most).await?;
            ensure!(has_digest(&bytes, digest), "what it returned has another digest");
            Ok::<_, anyhow::Error>(bytes)
        };
        let failed =
            || format!("{} did not return the {what} {digest} of {}", self.image.resolve_registry(), self.image);
        found.await.with_context(failed)
    }
}

fn authenticated(request: RequestBuilder, authentication: &RegistryAuth) -> RequestBuilder {
    match authentication {
        RegistryAuth::Anonymous => request,
        RegistryAuth::Basic(user, password) => request.basic_auth(user, Some(password)),
        RegistryAuth::Bearer(token) => request.bearer_auth(token),
    }
}

/// Reads a response of at most so many bytes. The text of a refusal is not read.
async fn read(request: RequestBuilder, most: usize) -> anyhow::Result<Vec<u8>> {
    let mut response = request.send().await?;
    ensure!(response.status() == StatusCode::OK, "it responded with status {}", response.status().as_u16());
    let mut whole = Vec::new();
    while let Some(part) = response.chunk().await? {
        ensure!(whole.len() + part.len() <= most, "it sent more than {most} bytes");
        whole.extend_from_slice(&part);
    }
    Ok(whole)
}

/// Returns a parameter of a challenge, such as `Bearer realm="https://auth.example.com/token",service="registry"`; `None` for a challenge
/// of another scheme.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let (scheme, mut rest) = challenge.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    loop {
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if key.trim_matches([',', ' ']).eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

/// Returns where to get a token for a repository. It is sent the credentials, so it needs TLS as the registry does.
fn token_url(challenge: &str, repository: &str, without_tls: bool) -> anyhow::Result<Url> {
    let realm = parameter(challenge, "realm").unwrap_or_default();
    let mut url = Url::parse(realm).context("the URL at which it issues tokens is not valid")?;
    ensure!(url.scheme() == "https" || without_tls, "it issues tokens without TLS");
    url.query_pairs_mut().append_pair("scope", &format!("repository:{repository}:pull"));
    if let Some(service) = parameter(challenge, "service") {
        url.query_pairs_mut().append_pair("service", service);
    }
    Ok(url)
}

fn has_digest(bytes: &[u8], expected: &str) -> bool {
    let Some((name, expected)) = expected.split_once(':') else { return false };
    let algorithm = match name {
        "sha256" => &SHA256,
        "sha512" => &SHA512,
        _ => return false,
    };
    hex::encode(digest(algorithm, bytes)) == expected
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
        .context("set REGISTRY_HOST to the registry for which REGISTRY_USERNAME and REGISTRY_PASSWORD are")?;
    Ok(if host == registry { RegistryAuth::Basic(user, password) } else { RegistryAuth::Anonymous })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn a_registry_that_sends_a_little_now_and_then_is_not_waited_for_without_end() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let image = format!("{}/it@sha256:{}", listener.local_addr().unwrap(), "0".repeat(64));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
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
    fn parameters_of_a_bearer_challenge_are_found_by_name() {
        let challenge = r#"Bearer realm="https://auth.example.com/token",service="it", scope="repository:a:pull,push""#;
        assert_eq!(parameter(challenge, "realm"), Some("https://auth.example.com/token"));
        assert_eq!(parameter(challenge, "service"), Some("it"));
        assert_eq!(parameter(challenge, "scope"), Some("repository:a:pull,push"));
        for other in [r#"Basic realm="it""#, "Bearer", "Bearer realm", r#"Bearer service="it""#, r#"Bearer realm="it"#]
        {
            assert_eq!(parameter(other, "realm"), None, "{other}");
        }
    }

    #[test]
    fn a_token_is_asked_for_without_tls_only_of_a_registry_on_this_machine() {
        let url = |scheme: &str, local| {
            let challenge = format!("Bearer realm=\"{scheme}://auth.example.com/token?a=b\",service=\"it\"");
            token_url(&challenge, "acme/it", local).map(String::from).map_err(|error| error.to_string())
        };
        let query = "auth.example.com/token?a=b&scope=repository%3Aacme%2Fit%3Apull&service=it";
        assert_eq!(url("https", false), Ok(format!("https://{query}")));
        assert_eq!(url("http", true), Ok(format!("http://{query}")));
        assert_eq!(url("http", false), Err("it issues tokens without TLS".to_owned()));
    }

    #[test]
    fn a_digest_is_that_of_the_bytes() {
        let digests = [
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd\
             454d4423643ce80e2a9ac94fa54ca49f",
        ];
        for digest in digests {
            assert!(has_digest(b"abc", digest) && !has_digest(b"abd", digest), "{digest}");
        }
        for digest in ["", "sha256", "sha256:", "md5:900150983cd24fb0d6963f7d28e17f72"] {
            assert!(!has_digest(b"abc", digest), "{digest}");
        }
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

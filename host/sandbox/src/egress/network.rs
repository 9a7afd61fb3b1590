//! The network that components use: the operator's rules, the trusted certificates, HTTP and mail.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::http::{Clients, ForwardProxy, HttpEgress, HttpError, HttpRequest, HttpResponse, client};
use super::policy::{
    Grants, Names, Origin, Overrides, Resolver, Rules, Secret, SystemResolver, endpoint, parse_endpoint,
};
use super::smtp::{Mail, MailError, SmtpEgress};
use crate::testing::{Exchange, Outbox, Recording};

/// The network that components use, and what may be reached in it. Cheap to clone; all clones share
/// one pool of connections.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    http: HttpEgress,
    smtp: SmtpEgress,
    rules: Arc<Rules>,
    tls: Arc<ClientConfig>,
    proxy: Option<ForwardProxy>,
    timeout: Duration,
    recording: Option<Recording>,
}

/// Invalid settings of a [`Network`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NetworkError(String);

/// The proxy's URL, its credentials, and the hosts that are reached without it.
type Proxy = (String, Option<(String, Secret)>, Vec<String>);

/// Builds a [`Network`].
pub struct NetworkBuilder {
    resolver: Arc<dyn Resolver>,
    certificates: Vec<Vec<u8>>,
    allowed: Vec<IpNet>,
    fixed: HashMap<String, SocketAddr>,
    overrides: Vec<(String, SocketAddr)>,
    for_all: Overrides,
    plaintext_smtp: HashSet<String>,
    smtp_connections: usize,
    plaintext_http: Vec<String>,
    client_certificates: Vec<(String, Vec<u8>, Vec<u8>)>,
    proxy: Option<Proxy>,
    code_in_query: Vec<String>,
    digest: Vec<String>,
    outbox: Option<Outbox>,
    recording: Option<Recording>,
    timeout: Duration,
}

impl NetworkBuilder {
    /// Trusts root certificates (PEM, one or more) in addition to the public ones.
    pub fn trust_certificate_pem(mut self, pem: &[u8]) -> Self {
        self.certificates.push(pem.to_vec());
        self
    }

    /// Allows connections to addresses of a private, loopback or link-local network.
    pub fn allow_network(mut self, network: IpNet) -> Self {
        self.allowed.push(network);
        self
    }

    /// Allows mail without TLS, credentials included, to one server.
    pub fn allow_plaintext_smtp(mut self, host: &str, port: u16) -> Self {
        self.plaintext_smtp.insert(endpoint(host, port));
        self
    }

    /// Allows requests to an origin with plain `http`, or with an IP address or a single label in place of a host's full name, such
    /// as `http://192.168.1.20:8080`. An address that is named here needs no [`Self::allow_network`]; a name still does.
    pub fn allow_plaintext_http(mut self, origin: &str) -> Self {
        self.plaintext_http.push(origin.to_owned());
        self
    }

    /// Presents a client certificate (PEM: the chain, and the private key) to `https://host` or `smtp://host:port`.
    pub fn client_certificate_pem(mut self, endpoint: &str, chain: &[u8], key: &[u8]) -> Self {
        self.client_certificates.push((endpoint.to_owned(), chain.to_vec(), key.to_vec()));
        self
    }

    /// Sends all HTTP requests through a proxy (`http://host:port`), with these credentials, except those to the hosts `except` and
    /// to hosts with a fixed address. The proxy resolves names: it must refuse private addresses.
    pub fn forward_proxy(mut self, url: &str, credentials: Option<(&str, &str)>, except: &[String]) -> Self {
        let credentials = credentials.map(|(username, password)| (username.to_owned(), Secret::new(password)));
        self.proxy = Some((url.to_owned(), credentials, except.to_vec()));
        self
    }

    /// Sets how many connections to one mail server with one login may be open at the same time, at least 1; 32 if not set. Further
    /// emails wait.
    pub fn smtp_connections(mut self, most: usize) -> Self {
        self.smtp_connections = most;
        self
    }

    /// Allows codes in the query of requests to an origin, such as `https://sms.example.com`. URLs are written to the upstream's logs.
    pub fn allow_code_in_query(mut self, origin: &str) -> Self {
        self.code_in_query.push(origin.to_owned());
        self
    }

    /// Uses HTTP Digest authentication (RFC 7616) at an origin, such as `http://192.168.1.20`, where an instance has a user name and a
    /// password: they are never sent by HTTP Basic authentication there.
    pub fn digest_authentication(mut self, origin: &str) -> Self {
        self.digest.push(origin.to_owned());
        self
    }

    /// Resolves names with this resolver instead of the system's. The addresses are still checked.
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Maps a name to an address and port, as `/etc/hosts` would. TLS still uses the name. The rules for addresses do not apply: the
    /// operator chose this one.
    pub fn resolve(mut self, host: &str, address: SocketAddr) -> Self {
        self.fixed.insert(host.to_ascii_lowercase(), address);
        self
    }

    /// Sends what goes to `https://…` or `smtp://host:port` to a server on loopback instead, in plaintext. For demos and tests.
    pub fn override_endpoint(mut self, endpoint: &str, address: SocketAddr) -> Self {
        self.overrides.push((endpoint.to_owned(), address));
        self
    }

    /// Sends what goes to an HTTPS origin or a mail server that has no override of its own to servers on loopback: nothing leaves
    /// the machine. For checking a provider.
    pub fn override_all(mut self, http: SocketAddr, smtp: SocketAddr) -> Self {
        self.for_all = Overrides { http: Some(http), smtp: Some(smtp) };
        self
    }

    /// Stores all emails in an outbox instead of sending them. For tests.
    pub fn outbox(mut self, outbox: &Outbox) -> Self {
        self.outbox = Some(outbox.clone());
        self
    }

    /// Records the HTTP exchanges of components. For trying providers.
    pub fn recording(mut self, recording: &Recording) -> Self {
        self.recording = Some(recording.clone());
        self
    }

    /// Sets the timeout of one HTTP exchange, and of connecting; 15 seconds if not set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Builds the network.
    ///
    /// # Errors
    /// If a certificate cannot be read, an override is not on loopback, or an endpoint or an origin is not valid.
    pub fn build(self) -> Result<Network, NetworkError> {
        let (mut http_overrides, mut smtp_overrides) = (HashMap::new(), HashMap::new());
        let Overrides { http, smtp } = self.for_all;
        if [http, smtp].into_iter().flatten().any(|address| !address.ip().is_loopback()) {
            return Err(NetworkError("overrides must be on loopback".to_owned()));
        }
        for (text, address) in self.overrides {
            if !address.ip().is_loopback() {
                return Err(NetworkError(format!("the override for {text} must be on loopback")));
            }
            let wrong = |why: String| NetworkError(format!("`overrides`: {why}"));
            match text.strip_prefix("smtp://") {
                Some(server) => smtp_overrides.insert(parse_endpoint(server).map_err(wrong)?, address),
                None => http_overrides.insert(Origin::parse(&text).map_err(wrong)?, address),
            };
        }
        let store = trust(&self.certificates)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = || {
            ClientConfig::builder_with_provider(provider.clone())
                .with_safe_default_protocol_versions()
                .map_err(|error| NetworkError(error.to_string()))
                .map(|builder| builder.with_root_certificates(store.clone()))
        };
        let (mut https, mut smtps) = (HashMap::new(), HashMap::new());
        for (endpoint, chain, key) in &self.client_certificates {
            let wrong = |why: String| {
                NetworkError(format!("`client_certificates`: the client certificate for {endpoint}: {why}"))
            };
            let server = endpoint.strip_prefix("smtp://").map(parse_endpoint).transpose().map_err(wrong)?;
            let (chain, key) = identity(chain, key).map_err(wrong)?;
            let tls = tls()?.with_client_auth_cert(chain, key).map_err(|error| wrong(error.to_string()))?;
            match server {
                Some(server) => _ = smtps.insert(server, Arc::new(tls)),
                None => {
                    let origin = Origin::parse(endpoint).map_err(wrong)?;
                    if !origin.is_https() {
                        return Err(wrong("it needs an https origin".to_owned()));
                    }
                    https.insert(origin, tls);
                }
            }
        }
        let tls = tls()?.with_no_client_auth();
        let proxy = self.proxy.map(|(url, credentials, except)| ForwardProxy::new(&url, credentials, except));
        let proxy = proxy.transpose().map_err(NetworkError)?;
        let names = Arc::new(Names { resolver: self.resolver, allowed: self.allowed, fixed: self.fixed });
        let clients = Clients::new(&tls, &https, &names, proxy.as_ref(), self.timeout).map_err(NetworkError)?;
        let (for_all, plaintext_smtp) = (self.for_all, self.plaintext_smtp);
        let code_in_query = origins("allowed_code_in_query", &self.code_in_query)?;
        let plaintext_http = origins("allowed_plaintext_http", &self.plaintext_http)?;
        let digest = origins("digest_authentication", &self.digest)?;
        let rules = Rules {
            names,
            http_overrides,
            smtp_overrides,
            for_all,
            plaintext_smtp,
            code_in_query,
            plaintext_http,
            digest,
        };
        let rules = Arc::new(rules);
        let tls = Arc::new(tls);
        Ok(Network(Arc::new(Inner {
            http: HttpEgress::new(clients, rules.clone(), self.timeout),
            smtp: SmtpEgress::new((tls.clone(), smtps), rules.clone(), self.smtp_connections, self.outbox)
                .map_err(|error| NetworkError(format!("the operating system provides no random numbers: {error}")))?,
            rules,
            tls,
            proxy,
            timeout: self.timeout,
            recording: self.recording,
        })))
    }
}

impl Network {
    /// Returns the recording of exchanges and log lines, if there is one.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        self.0.recording.as_ref()
    }

    /// Counts a request of a component. Returns whether its exchange is recorded.
    pub(crate) fn begins_exchange(&self) -> bool {
        self.0.recording.as_ref().inspect(|recording| recording.count_attempt()).is_some()
    }

    /// Records an exchange as the component sees it.
    pub(crate) fn record(&self, request: HttpRequest, response: &HttpResponse) {
        if let Some(recording) = &self.0.recording {
            let HttpRequest { method, url, headers: request_headers, body: request_body } = request;
            let HttpResponse { status, headers, body, .. } = response.clone();
            recording.keep(Exchange { method, url, request_headers, request_body, status, headers, body });
        }
    }

    #[cfg(test)]
    pub(crate) fn http(&self) -> &HttpEgress {
        &self.0.http
    }

    /// Returns the operator's rules.
    pub(crate) fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// Sends a request to a granted origin, authenticated as granted.
    pub(crate) async fn send_http(&self, grants: &Grants, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.0.http.send(grants, request).await
    }

    /// Sends an email to the granted server. Returns the server's reply to the message.
    pub(crate) async fn send_mail(&self, grants: &Grants, mail: Mail) -> Result<String, MailError> {
        self.0.smtp.send(grants, mail).await
    }

    /// Returns a builder of a network that reaches public addresses and trusts public certificates.
    pub fn builder() -> NetworkBuilder {
        NetworkBuilder {
            resolver: Arc::new(SystemResolver),
            certificates: Vec::new(),
            allowed: Vec::new(),
            fixed: HashMap::new(),
            overrides: Vec::new(),
            for_all: Overrides::default(),
            plaintext_smtp: HashSet::new(),
            smtp_connections: 32,
            plaintext_http: Vec::new(),
            client_certificates: Vec::new(),
            proxy: None,
            code_in_query: Vec::new(),
            digest: Vec::new(),
            outbox: None,
            recording: None,
            timeout: Duration::from_secs(15),
        }
    }

    /// Returns a client for hosts that the operator named, whatever their addresses, with the same trusted certificates and mapped names.
    /// It does not follow redirects.
    ///
    /// # Errors
    /// If the client cannot be built.
    pub fn client_for_named_hosts(&self) -> Result<reqwest::Client, NetworkError> {
        let names = Arc::new(self.0.rules.names.unrestricted());
        client(&self.0.tls, names, self.0.proxy.as_ref(), self.0.timeout).map_err(NetworkError)
    }
}

/// Returns the trusted root certificates: the machine's, or Mozilla's if the machine has none, and
/// the operator's.
fn trust(pems: &[Vec<u8>]) -> Result<RootCertStore, NetworkError> {
    let mut roots: Vec<CertificateDer<'static>> = Vec::new();
    for pem in pems {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.push(
                certificate.map_err(|error| NetworkError(format!("a trusted certificate cannot be read: {error}")))?,
            );
        }
    }
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for root in roots {
        store.add(root).map_err(|error| NetworkError(format!("a trusted certificate is not valid: {error}")))?;
    }
    Ok(store)
}

/// Reads origins that the operator named.
fn origins(key: &str, texts: &[String]) -> Result<HashSet<String>, NetworkError> {
    let parsed = texts.iter().map(|text| Origin::parse_any(text).map(|origin| origin.to_string()));
    parsed.collect::<Result<_, _>>().map_err(|why| NetworkError(format!("`{key}`: {why}")))
}

/// Reads a client certificate: its chain, and its private key.
fn identity(chain: &[u8], key: &[u8]) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let certificates = certificates.map_err(|error| format!("the certificate cannot be read: {error}"))?;
    if certificates.is_empty() {
        return Err("the file has no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "the private key cannot be read".to_owned())?;
    Ok((certificates, key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::egress::policy::NotDialled;

    /// `localhost` resolves to a private address, as does any name whose owner changes its address
    /// after it was approved. What counts is the address at the time of dialling.
    #[tokio::test]
    async fn a_name_is_checked_by_its_address_at_the_time_of_dialling() {
        let network = Network::builder().build().unwrap();
        assert_eq!(network.rules().names.addresses("localhost", 1).await.unwrap_err(), NotDialled::NotAllowed);
        assert!(network.0.http.resolves_nothing("localhost").await);
        let named = network.client_for_named_hosts().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream);
            }
        });
        // The server closed the connection, so it had been reached.
        assert!(!named.get(&url).send().await.unwrap_err().is_connect());
        let leave = Network::builder().allow_network("127.0.0.0/8".parse().unwrap()).build().unwrap();
        let allowed = leave.rules().names.addresses("localhost", 1).await.unwrap();
        assert_eq!(allowed, [SocketAddr::from(([127, 0, 0, 1], 1))]);
    }
}

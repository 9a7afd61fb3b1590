//! How anything is reached: which addresses, which roots of trust, through which client.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::address::is_allowed;
use super::failure::UpstreamCause;
use super::http::{HttpRequest, HttpResponse};
use super::oauth::TokenCache;
use super::origin::Origin;
use super::outbox::Outbox;
use super::recording::Recording;
use super::resolver::{Resolver, SystemResolver};

/// What may be reached at all, and how. Cheap to clone; all clones share one pool of connections.
#[derive(Clone)]
pub struct Network(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) client: reqwest::Client,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) tokens: TokenCache,
    pub(super) timeout: Duration,
    pub(super) outbox: Option<Outbox>,
    recording: Option<Recording>,
    names: Arc<Names>,
    stand_ins: HashMap<String, SocketAddr>,
    for_all: StandInsForAll,
    plaintext_smtp: HashSet<String>,
}

/// In the place of whatever has no stand-in of its own.
#[derive(Clone, Copy, Default)]
struct StandInsForAll {
    http: Option<SocketAddr>,
    smtp: Option<SocketAddr>,
}

/// How names become addresses.
struct Names {
    resolver: Arc<dyn Resolver>,
    leave: Vec<IpNet>,
    fixed: HashMap<String, SocketAddr>,
}

/// Settings of a [`Network`] that do not fit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NetworkError(String);

/// Puts a [`Network`] together.
pub struct NetworkBuilder {
    resolver: Arc<dyn Resolver>,
    certificates: Vec<Vec<u8>>,
    leave: Vec<IpNet>,
    fixed: HashMap<String, SocketAddr>,
    stand_ins: Vec<(String, SocketAddr)>,
    for_all: StandInsForAll,
    plaintext_smtp: HashSet<String>,
    outbox: Option<Outbox>,
    recording: Option<Recording>,
    timeout: Duration,
}

impl NetworkBuilder {
    /// Trusts a root certificate (PEM, one or more) beside the public ones.
    pub fn trust_certificate_pem(mut self, pem: &[u8]) -> Self {
        self.certificates.push(pem.to_vec());
        self
    }

    /// Gives leave to dial addresses of a private, loopback or link-local network.
    pub fn allow_network(mut self, network: IpNet) -> Self {
        self.leave.push(network);
        self
    }

    /// Gives leave for mail without TLS, credentials included, to one server.
    pub fn allow_plaintext_smtp(mut self, host: &str, port: u16) -> Self {
        self.plaintext_smtp.insert(endpoint(host, port));
        self
    }

    /// Looks names up in this way instead of the system's. Where a name leads is vetted all the same.
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Fixes where a name leads, as `/etc/hosts` would, port included. TLS and the name in it stay as they are. The rules for
    /// addresses do not apply: the operator named this one.
    pub fn resolve(mut self, host: &str, address: SocketAddr) -> Self {
        self.fixed.insert(host.to_ascii_lowercase(), address);
        self
    }

    /// Puts a stand-in on loopback in the place of `https://…` or `smtp://host:port`: it is reached in plaintext. For demos and
    /// tests.
    pub fn stand_in(mut self, endpoint: &str, address: SocketAddr) -> Self {
        self.stand_ins.push((endpoint.to_owned(), address));
        self
    }

    /// Puts stand-ins on loopback in the place of every HTTPS origin and of every mail server that has none of its own: nothing
    /// leaves the machine. For checking a provider.
    pub fn stand_ins_for_all(mut self, http: SocketAddr, smtp: SocketAddr) -> Self {
        self.for_all = StandInsForAll { http: Some(http), smtp: Some(smtp) };
        self
    }

    /// Keeps all mail in an outbox instead of sending it. For tests.
    pub fn outbox(mut self, outbox: &Outbox) -> Self {
        self.outbox = Some(outbox.clone());
        self
    }

    /// Keeps what components ask over HTTP and are answered, too. For trying providers.
    pub fn recording(mut self, recording: &Recording) -> Self {
        self.recording = Some(recording.clone());
        self
    }

    /// How long one HTTP exchange may take; 15 seconds if not set. It is also what a connection may take to come about.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Builds the network.
    ///
    /// # Errors
    /// If a certificate cannot be read, or a stand-in is not on loopback or stands for nothing.
    pub fn build(self) -> Result<Network, NetworkError> {
        let mut stand_ins = HashMap::new();
        let StandInsForAll { http, smtp } = self.for_all;
        if [http, smtp].into_iter().flatten().any(|address| !address.ip().is_loopback()) {
            return Err(NetworkError("stand-ins must be on loopback".to_owned()));
        }
        for (text, address) in self.stand_ins {
            if !address.ip().is_loopback() {
                return Err(NetworkError(format!("the stand-in for {text} must be on loopback")));
            }
            let key = match text.strip_prefix("smtp://") {
                Some(endpoint) => endpoint.to_ascii_lowercase(),
                None => Origin::parse(&text).map_err(NetworkError)?.to_string(),
            };
            stand_ins.insert(key, address);
        }
        let store = trust(&self.certificates)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| NetworkError(error.to_string()))?
            .with_root_certificates(store)
            .with_no_client_auth();
        let names = Arc::new(Names { resolver: self.resolver, leave: self.leave, fixed: self.fixed });
        let client = client(&tls, names.clone(), self.timeout)?;
        Ok(Network(Arc::new(Inner {
            client,
            tls: Arc::new(tls),
            tokens: TokenCache::default(),
            timeout: self.timeout,
            outbox: self.outbox,
            recording: self.recording,
            names,
            stand_ins,
            for_all: self.for_all,
            plaintext_smtp: self.plaintext_smtp,
        })))
    }
}

impl Network {
    /// What exchanges and lines of the log are kept in, if they are.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        self.0.recording.as_ref()
    }

    /// Counts a request that a component makes. Answers whether its exchange is to be kept.
    pub(crate) fn begins_exchange(&self) -> bool {
        self.0.recording.as_ref().inspect(|recording| recording.count_attempt()).is_some()
    }

    /// Keeps an exchange as the component sees it.
    pub(crate) fn record(&self, asked: HttpRequest, answer: &HttpResponse) {
        if let Some(recording) = &self.0.recording {
            recording.keep(asked, answer);
        }
    }

    /// Begins a network that reaches public addresses and trusts public certificates.
    pub fn builder() -> NetworkBuilder {
        NetworkBuilder {
            resolver: Arc::new(SystemResolver),
            certificates: Vec::new(),
            leave: Vec::new(),
            fixed: HashMap::new(),
            stand_ins: Vec::new(),
            for_all: StandInsForAll::default(),
            plaintext_smtp: HashSet::new(),
            outbox: None,
            recording: None,
            timeout: Duration::from_secs(15),
        }
    }

    /// A client for hosts that the operator named: wherever their names lead, by the same roots of trust and fixed names. It follows
    /// no redirect.
    ///
    /// # Errors
    /// If the client cannot be built.
    pub fn client_for_named_hosts(&self) -> Result<reqwest::Client, NetworkError> {
        let Names { resolver, fixed, .. } = &*self.0.names;
        let leave = vec![Ipv4Net::default().into(), Ipv6Net::default().into()];
        let names = Names { resolver: resolver.clone(), leave, fixed: fixed.clone() };
        client(&self.0.tls, Arc::new(names), self.0.timeout)
    }

    pub(super) fn http_stand_in(&self, origin: &Origin) -> Option<SocketAddr> {
        self.0.stand_ins.get(&origin.to_string()).copied().or(self.0.for_all.http)
    }

    pub(super) fn smtp_stand_in(&self, host: &str, port: u16) -> Option<SocketAddr> {
        self.0.stand_ins.get(&endpoint(host, port)).copied().or(self.0.for_all.smtp)
    }

    /// Whether the operator's settings name this mail server.
    pub(super) fn names_smtp(&self, host: &str, port: u16) -> bool {
        self.0.names.fixed.contains_key(host)
            || self.smtp_stand_in(host, port).is_some()
            || self.0.plaintext_smtp.contains(&endpoint(host, port))
    }

    pub(super) fn allows_plaintext(&self, host: &str, port: u16) -> bool {
        self.smtp_stand_in(host, port).is_some() || self.0.plaintext_smtp.contains(&endpoint(host, port))
    }

    /// Whether the operator fixed where a name leads.
    pub(super) fn is_fixed(&self, host: &str) -> bool {
        self.0.names.fixed.contains_key(host)
    }

    /// The addresses of a name that may be dialled. `Err` says why there is none.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NotDialled> {
        self.0.names.addresses(host, port).await
    }
}

impl Names {
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NotDialled> {
        if let Some(fixed) = self.fixed.get(host) {
            return Ok(vec![*fixed]);
        }
        let found = self.resolver.resolve(host).await.map_err(|_| NotDialled::NoAddress)?;
        if found.is_empty() {
            return Err(NotDialled::NoAddress);
        }
        let allowed = found.into_iter().filter(|address| is_allowed(*address, &self.leave));
        let allowed: Vec<SocketAddr> = allowed.map(|address| SocketAddr::new(address, port)).collect();
        if allowed.is_empty() {
            return Err(NotDialled::NotAllowed);
        }
        Ok(allowed)
    }
}

/// Why a name is not dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotDialled {
    #[error("the name has no address")]
    NoAddress,
    #[error("the name leads to no public address")]
    NotAllowed,
}

impl From<NotDialled> for UpstreamCause {
    fn from(why: NotDialled) -> Self {
        match why {
            NotDialled::NoAddress => Self::NoAddress,
            NotDialled::NotAllowed => Self::AddressNotAllowed,
        }
    }
}

/// The HTTP client asks this for addresses and dials what it answers: what was vetted is what is dialled.
struct Vetted(Arc<Names>);

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.0.clone();
        Box::pin(async move {
            let addresses = names.addresses(name.as_str(), 0).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn client(tls: &ClientConfig, names: Arc<Names>, timeout: Duration) -> Result<reqwest::Client, NetworkError> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(Vetted(names)))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .timeout(timeout)
        .connect_timeout(timeout)
        .http1_max_headers(64)
        .http2_max_header_list_size(32 << 10)
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(60))
        .build()
        .map_err(|error| NetworkError(format!("the HTTP client cannot be built: {error}")))
}

/// Mozilla's roots, for a machine that has none, with the machine's own and those of the operator.
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
        store.add(root).map_err(|error| NetworkError(format!("a trusted certificate does not fit: {error}")))?;
    }
    Ok(store)
}

fn endpoint(host: &str, port: u16) -> String {
    format!("{}:{port}", host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// `localhost` is a name that leads to a private address, as is any whose owner rebinds it after it was approved: what counts
    /// is where it leads when it is dialled.
    #[tokio::test]
    async fn a_name_is_vetted_by_where_it_leads_when_it_is_dialled() {
        let network = Network::builder().build().unwrap();
        assert_eq!(network.addresses("localhost", 1).await.unwrap_err(), NotDialled::NotAllowed);
        assert!(Vetted(network.0.names.clone()).resolve("localhost".parse().unwrap()).await.is_err());
        let named = network.client_for_named_hosts().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream);
            }
        });
        // It was hung up on, and so had been reached.
        assert!(!named.get(&url).send().await.unwrap_err().is_connect());
        let leave = Network::builder().allow_network("127.0.0.0/8".parse().unwrap()).build().unwrap();
        let allowed = leave.addresses("localhost", 1).await.unwrap();
        assert_eq!(allowed, [SocketAddr::from(([127, 0, 0, 1], 1))]);
    }
}

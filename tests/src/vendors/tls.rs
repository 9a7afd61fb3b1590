//! A certificate authority of ours, and listeners that speak TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Signs certificates for servers.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of ours");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }
}

impl Authority {
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Returns a server's settings with a certificate for these names.
    pub fn server(&self, names: &[&str]) -> ServerConfig {
        self.server_with(names, |_| {})
    }

    /// Returns the same with a certificate that is changed before it is signed.
    pub fn server_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        let mut params = params(names);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        server_config(certificate, key)
    }
}

/// Returns a server's settings with a certificate that it signed itself.
pub fn self_signed(names: &[&str]) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate = params(names).self_signed(&key).unwrap();
    server_config(certificate, key)
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn server_config(certificate: rcgen::Certificate, key: KeyPair) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap()
}

/// Accepts connections on loopback, hands on those whose TLS came about, and counts all.
pub struct TlsListener {
    address: SocketAddr,
    streams: mpsc::Receiver<TlsStream<TcpStream>>,
    dialled: Arc<AtomicUsize>,
}

impl TlsListener {
    pub async fn bind(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (hand_on, streams) = mpsc::channel(16);
        let dialled = Arc::new(AtomicUsize::new(0));
        let (acceptor, count) = (TlsAcceptor::from(Arc::new(config)), dialled.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (acceptor, hand_on) = (acceptor.clone(), hand_on.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = hand_on.send(stream).await;
                    }
                });
            }
        });
        Self { address, streams, dialled }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts connections, whatever becomes of them.
    pub fn dialled(&self) -> Arc<AtomicUsize> {
        self.dialled.clone()
    }

    /// Returns the next connection whose TLS came about.
    pub async fn next(&mut self) -> TlsStream<TcpStream> {
        match self.streams.recv().await {
            Some(stream) => stream,
            None => std::future::pending().await,
        }
    }

    /// Serves HTTP, 1.1 and 2, until its runtime ends.
    pub fn serve(self, router: Router) {
        tokio::spawn(async move { axum::serve(self, router).await });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        (self.next().await, self.address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Settings under which a client may choose HTTP/2 as well.
pub fn with_http2(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

//! What the operator's network settings add: plain HTTP and addresses, client certificates, and a proxy, each where it
//! was named and nowhere else.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use twofactor::Network;
use twofactor::admin::TestReport;
use twofactor::sandbox::{NetworkBuilder, Resolver};
use twofactor_tests::certificates::{Authority, Certificate};
use twofactor_tests::hostile::Neighbourhood;
use twofactor_tests::upstream::Upstream;
use twofactor_tests::vendors::tls::TlsListener;

const HOST: &str = "bank.example.com";

async fn place(network: NetworkBuilder) -> Neighbourhood {
    let upstream = Upstream::start().await;
    let network = network.override_endpoint("https://api.twilio.com", upstream.address);
    Neighbourhood::on(network.build().unwrap(), upstream).await
}

async fn send(place: &Neighbourhood, origin: &str) -> TestReport {
    place.attempt_alone(json!({"Behaviour": "send", "Origin": origin, "Url": format!("{origin}/x?y=1")})).await
}

/// The `Authorization` of each request that came.
type Heard = Arc<Mutex<Vec<Option<String>>>>;

fn hearing() -> (Router, Heard) {
    let heard = Heard::default();
    let ear = heard.clone();
    let router = Router::new().fallback(async move |request: Request| {
        let value = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        ear.lock().unwrap().push(value);
        (StatusCode::CREATED, "{}")
    });
    (router, heard)
}

async fn plain(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Resolves every name to one address, or knows none.
struct Always(Option<IpAddr>);

#[async_trait]
impl Resolver for Always {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.0.map(|address| vec![address]).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn loopback() -> Option<IpAddr> {
    Some(IpAddr::from([127, 0, 0, 1]))
}

#[tokio::test]
async fn plain_http_and_an_address_only_at_the_very_origin_that_was_named() {
    let (router, heard) = hearing();
    let address = plain(router).await;
    let origin = format!("http://{address}");
    let named = place(Network::builder().allow_plaintext_http(&origin)).await;
    assert_eq!(send(&named, &origin).await.outcome, "delivered");
    assert_eq!(heard.lock().unwrap().len(), 1);
    for other in [
        format!("http://127.0.0.1:{}", address.port() + 1),
        format!("https://{address}"),
        format!("http://localhost:{}", address.port()),
        "http://127.0.0.1".to_owned(),
        "http://169.254.169.254".to_owned(),
    ] {
        let options = json!({"Behaviour": "send", "Origin": other, "Url": format!("{origin}/x")});
        assert!(named.try_alone(options).await.unwrap_err().is_invalid_input(), "{other}");
    }
    // What is named, and what another origin leads to, are two things.
    let options = json!({"Behaviour": "send", "Origin": "https://upstream.example.com", "Url": format!("{origin}/x")});
    assert_eq!(named.attempt_alone(options).await.outcome, "misconfigured");
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_with_plain_http_must_lead_to_an_address_that_is_allowed() {
    let (router, heard) = hearing();
    let origin = format!("http://gateway.example.com:{}", plain(router).await.port());
    let network = || Network::builder().allow_plaintext_http(&origin).resolver(Always(loopback()));
    let report = send(&place(network()).await, &origin).await;
    assert_eq!((&*report.outcome, &*report.code), ("retry-later", "not-sent"), "{}", report.detail);
    assert_eq!(heard.lock().unwrap().len(), 0);
    let allowed = place(network().allow_network("127.0.0.0/8".parse().unwrap())).await;
    assert_eq!(send(&allowed, &origin).await.outcome, "delivered");
}

/// A server that requires a certificate of this authority.
async fn demanding(authority: &Authority) -> (SocketAddr, Heard) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let own = authority.issue(HOST);
    let chain = CertificateDer::pem_slice_iter(own.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = rustls_pki_types::PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
    let listener = TlsListener::bind(config).await;
    let ((router, heard), address) = (hearing(), listener.address());
    listener.serve(router);
    (address, heard)
}

#[tokio::test]
async fn a_client_certificate_is_presented_to_the_upstream_it_is_for() {
    let authority = Authority::default();
    let (address, heard) = demanding(&authority).await;
    let origin = format!("https://{HOST}");
    let network = |certificate: Option<(&str, &Certificate)>| {
        let network = Network::builder().trust_certificate_pem(authority.pem().as_bytes()).resolve(HOST, address);
        certificate.into_iter().fold(network, |network, (upstream, own)| {
            network.client_certificate_pem(upstream, own.chain.as_bytes(), own.key.as_bytes())
        })
    };
    let own = authority.issue("client.example.com");
    let foreign = Authority::default().issue("client.example.com");
    for certificate in [
        None,
        Some(("https://other.example.com", &own)),
        Some((&*origin, &foreign)),
        Some(("smtp://bank.example.com:443", &own)),
    ] {
        let report = send(&place(network(certificate)).await, &origin).await;
        assert_ne!(report.outcome, "delivered");
    }
    assert_eq!(heard.lock().unwrap().len(), 0);
    let report = send(&place(network(Some((&origin, &own)))).await, &origin).await;
    assert_eq!(report.outcome, "delivered", "{}", report.detail);
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_certificate_that_cannot_be_used_is_refused_at_the_start() {
    let (own, other) = (Authority::default().issue("a.example.com"), Authority::default().issue("b.example.com"));
    for (upstream, chain, key) in [
        ("https://a.example.com", &own.chain, &other.key),
        ("https://a.example.com", &own.key, &own.key),
        ("https://a.example.com", &own.chain, &own.chain),
        ("http://a.example.com", &own.chain, &own.key),
        ("a.example.com", &own.chain, &own.key),
    ] {
        let network = Network::builder().client_certificate_pem(upstream, chain.as_bytes(), key.as_bytes());
        let error = network.build().err().unwrap().to_string();
        assert!(error.contains(&format!("the client certificate for {upstream}")), "{error}");
    }
}

/// A proxy that leads every connection to one address. It keeps the first line of each request, and takes those with its credentials.
async fn proxy(to: SocketAddr, credentials: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
    let lines = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let lines = lines.clone();
            tokio::spawn(async move {
                let mut client = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert!(client.read_line(&mut head).await.unwrap() > 0);
                }
                lines.lock().unwrap().push(head.lines().next().unwrap().to_owned());
                let expected = format!("proxy-authorization: basic {}", STANDARD.encode(credentials));
                if !head.lines().any(|line| line.eq_ignore_ascii_case(&expected)) {
                    let _ = client.write_all(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n").await;
                    return;
                }
                let mut upstream = TcpStream::connect(to).await.unwrap();
                if head.starts_with("CONNECT ") {
                    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                } else {
                    // In absolute form; what follows is passed on as it is.
                    upstream.write_all(head.as_bytes()).await.unwrap();
                }
                let _ = copy_bidirectional(&mut client, &mut upstream).await;
            });
        }
    });
    (address, asked)
}

#[tokio::test]
async fn requests_go_through_the_proxy_except_where_it_is_said() {
    let authority = Authority::default();
    let (address, heard) = demanding(&authority).await;
    let own = authority.issue("client.example.com");
    let origin = format!("https://{HOST}");
    let (proxy_address, asked) = proxy(address, "user:pass:word").await;
    let url = format!("http://{proxy_address}");
    let network = |password, except: &[String]| {
        Network::builder()
            .trust_certificate_pem(authority.pem().as_bytes())
            .client_certificate_pem(&origin, own.chain.as_bytes(), own.key.as_bytes())
            .forward_proxy(&url, Some(("user", password)), except)
    };
    // TLS is with the upstream, through the proxy; the name is the proxy's to resolve.
    let through = place(network("pass:word", &[]).resolver(Always(None))).await;
    let report = send(&through, &origin).await;
    assert_eq!(report.outcome, "delivered", "{}", report.detail);
    assert_eq!(*asked.lock().unwrap(), [format!("CONNECT {HOST}:443 HTTP/1.1")]);
    assert_eq!(heard.lock().unwrap().len(), 1);
    // Wrong credentials for the proxy: nothing was sent.
    let refused = place(network("wrong", &[]).resolver(Always(None))).await;
    let report = send(&refused, &origin).await;
    assert_eq!((&*report.outcome, &*report.code), ("retry-later", "not-sent"), "{}", report.detail);
    // A name that leads to a private address here is not asked for at all.
    let before = asked.lock().unwrap().len();
    let private = place(network("pass:word", &[]).resolver(Always(loopback()))).await;
    let report = send(&private, &origin).await;
    assert!(report.detail.contains("does not resolve to a public address"), "{}", report.detail);
    // Nor is one that is reached without it.
    for direct in [
        network("pass:word", &[HOST.to_owned()]).resolver(Always(None)),
        network("pass:word", &[]).resolve(HOST, address),
    ] {
        send(&place(direct).await, &origin).await;
    }
    assert_eq!(asked.lock().unwrap().len(), before);
    assert_eq!(heard.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn plain_http_goes_through_the_proxy_as_well() {
    let (router, heard) = hearing();
    let (address, asked) = proxy(plain(router).await, "user:password").await;
    let origin = "http://gateway.example.com";
    let network = Network::builder().allow_plaintext_http(origin).resolver(Always(None));
    let network = network.forward_proxy(&format!("http://{address}"), Some(("user", "password")), &[]);
    assert_eq!(send(&place(network).await, origin).await.outcome, "delivered");
    assert_eq!(*asked.lock().unwrap(), ["POST http://gateway.example.com/x?y=1 HTTP/1.1"]);
    assert_eq!(heard.lock().unwrap().len(), 1);
    for wrong in ["https://proxy.example.com", "http://user:password@proxy.example.com", "proxy.example.com:3128"] {
        assert!(Network::builder().forward_proxy(wrong, None, &[]).build().is_err(), "{wrong}");
    }
}

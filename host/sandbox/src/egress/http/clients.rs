//! The pooled HTTP clients: by way (direct, or through the operator's proxy) and by client certificate.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Proxy, Url};
use rustls::ClientConfig;

use crate::egress::policy::{Names, Origin, Rules, Secret};

/// The operator's forward proxy.
#[derive(Clone, Debug)]
pub(crate) struct ForwardProxy {
    url: Url,
    credentials: Option<(String, Secret)>,
    /// The hosts that are reached without it.
    except: HashSet<String>,
}

impl ForwardProxy {
    /// Reads `http://host:port`. `Err` says how it should be written.
    pub(crate) fn new(url: &str, credentials: Option<(String, Secret)>, except: Vec<String>) -> Result<Self, String> {
        let wrong = || "the proxy must be a URL such as `http://proxy.example.com:3128`".to_owned();
        let url = Url::parse(url).map_err(|_| wrong())?;
        let plain = url.scheme() == "http" && url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !plain || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong());
        }
        Ok(Self { url, credentials, except: except.into_iter().map(|host| host.to_ascii_lowercase()).collect() })
    }

    fn to_reqwest(&self) -> Proxy {
        let (url, except) = (self.url.clone(), self.except.clone());
        let proxy = Proxy::custom(move |target| {
            let direct = target.host_str().is_some_and(|host| except.contains(host));
            (!direct).then(|| url.clone())
        });
        match &self.credentials {
            Some((username, password)) => proxy.basic_auth(username, password.expose()),
            None => proxy,
        }
    }
}

/// The clients of one network.
pub(crate) struct Clients {
    direct: reqwest::Client,
    proxied: Option<(ForwardProxy, reqwest::Client)>,
    /// Those with a client certificate, by origin.
    own: HashMap<Origin, reqwest::Client>,
}

impl Clients {
    /// Builds the clients. `own` are the TLS settings of origins with a client certificate.
    pub(crate) fn new(
        tls: &ClientConfig,
        own: &HashMap<Origin, ClientConfig>,
        names: &Arc<Names>,
        proxy: Option<&ForwardProxy>,
        timeout: Duration,
    ) -> Result<Self, String> {
        let build = |tls: &ClientConfig, proxy: Option<&ForwardProxy>| match proxy {
            // The proxy is the only host that this client connects to, and the operator named it.
            Some(_) => client(tls, Arc::new(names.unrestricted()), proxy, timeout),
            None => client(tls, names.clone(), None, timeout),
        };
        let mut clients = HashMap::new();
        for (origin, tls) in own {
            let host = origin.host();
            let proxy = proxy.filter(|proxy| !proxy.except.contains(host) && !names.fixed.contains_key(host));
            clients.insert(origin.clone(), build(tls, proxy)?);
        }
        let proxied = proxy.map(|proxy| Ok::<_, String>((proxy.clone(), build(tls, Some(proxy))?))).transpose()?;
        Ok(Self { direct: build(tls, None)?, proxied, own: clients })
    }

    /// Returns the client for an origin.
    pub(crate) fn of(&self, origin: &Origin, rules: &Rules) -> &reqwest::Client {
        if rules.http_override(origin).is_some() {
            return &self.direct;
        }
        let proxied = self.proxied.as_ref().filter(|_| self.uses_proxy(origin, rules));
        let usual = proxied.map_or(&self.direct, |(_, client)| client);
        self.own.get(origin).unwrap_or(usual)
    }

    /// Returns whether requests to an origin go through the proxy. Where the operator chose the address they do not.
    pub(crate) fn uses_proxy(&self, origin: &Origin, rules: &Rules) -> bool {
        let fixed = rules.http_override(origin).is_some() || rules.is_fixed(origin.host());
        !fixed && self.proxied.as_ref().is_some_and(|(proxy, _)| !proxy.except.contains(origin.host()))
    }
}

/// A resolver for the HTTP client that returns only allowed addresses: the client connects to the
/// addresses that were checked.
pub(crate) struct Vetted {
    pub(crate) names: Arc<Names>,
    /// How long to wait for them.
    pub(crate) patience: Duration,
}

/// Why a name is not dialled whose addresses were not found in time.
#[derive(Debug, thiserror::Error)]
#[error("the name was not resolved in time")]
pub(crate) struct NotResolved;

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, patience) = (self.names.clone(), self.patience);
        Box::pin(async move {
            let found = tokio::time::timeout(patience, names.addresses(name.as_str(), 0)).await;
            let addresses = found.map_err(|_| NotResolved)??;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Builds a pooled client. `Err` says why it cannot be built.
pub(crate) fn client(
    tls: &ClientConfig,
    names: Arc<Names>,
    proxy: Option<&ForwardProxy>,
    timeout: Duration,
) -> Result<reqwest::Client, String> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // The proxies of the environment are not used.
    let builder = reqwest::Client::builder().no_proxy();
    let builder = proxy.into_iter().fold(builder, |builder, proxy| builder.proxy(proxy.to_reqwest()));
    // Earlier than the exchange is given up: then it is known that nothing was sent.
    let patience = timeout - timeout / 8;
    builder
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(Vetted { names, patience }))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .timeout(timeout)
        .connect_timeout(timeout)
        .http1_max_headers(64)
        .http2_max_header_list_size(32 << 10)
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(60))
        .build()
        .map_err(|error| format!("the HTTP client cannot be built: {error}"))
}

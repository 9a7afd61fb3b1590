//! Requests to the substitutes that none of our components makes.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Map, Value};

use super::recorder::Recorder;
use super::tls::Authority;

/// Returns a client that trusts an authority of ours.
pub fn client(authority: &Authority, hosts: &[(&str, std::net::SocketAddr)]) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let builder = Client::builder().tls_certs_only([root]);
    hosts.iter().fold(builder, |builder, (host, address)| builder.resolve(host, *address)).build().unwrap()
}

/// Returns status and body, null if that is not JSON.
pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

/// Returns a form's body.
pub fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A request with JSON.
#[derive(Clone, Debug)]
pub struct Asked {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

impl Asked {
    /// Creates a request with a credential.
    pub fn new(method: Method, path: &str, credential: &str, body: Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned()), ("authorization", credential.to_owned())];
        Self { method, path: path.to_owned(), headers, body }
    }

    pub fn post(path: &str, credential: &str, body: Value) -> Self {
        Self::new(Method::POST, path, credential, body)
    }

    fn object(&mut self, pointer: &str) -> &mut Map<String, Value> {
        self.body.pointer_mut(pointer).unwrap().as_object_mut().unwrap()
    }

    /// Replaces the value at a pointer.
    pub fn with(&self, pointer: &str, value: Value) -> Self {
        let mut changed = self.clone();
        *changed.body.pointer_mut(pointer).unwrap() = value;
        changed
    }

    /// Adds a member to the object at a pointer.
    pub fn and(&self, pointer: &str, name: &str, value: Value) -> Self {
        let mut changed = self.clone();
        let before = changed.object(pointer).insert(name.to_owned(), value);
        assert!(before.is_none(), "{name} is there already");
        changed
    }

    /// Removes a member of the object at a pointer.
    pub fn without(&self, pointer: &str, name: &str) -> Self {
        let mut changed = self.clone();
        changed.object(pointer).remove(name).unwrap();
        changed
    }

    /// Sets a header, or removes it.
    pub fn header(&self, name: &'static str, value: Option<&str>) -> Self {
        let mut changed = self.clone();
        changed.headers.retain(|(known, _)| *known != name);
        changed.headers.extend(value.map(|value| (name, value.to_owned())));
        changed
    }

    pub fn credential(&self, value: &str) -> Self {
        self.header("authorization", Some(value))
    }

    pub fn without_credential(&self) -> Self {
        self.header("authorization", None)
    }

    pub fn as_text(&self) -> Self {
        self.header("content-type", Some("text/plain"))
    }

    pub fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    pub fn by(&self, method: Method) -> Self {
        Self { method, ..self.clone() }
    }
}

/// A request, and the status and what is at the pointer in the answer that refuses it.
pub type Refused = (Asked, u16, Value);

/// Holds a substitute to its vendor's documentation: it accepts a request, and refuses all others in the documented form. Returns the
/// answer that accepts.
pub async fn holds(
    authority: &Authority,
    vendor: &Recorder,
    right: &Asked,
    pointer: &str,
    wrong: Vec<Refused>,
) -> Value {
    let url: url::Url = vendor.url("/").parse().unwrap();
    let client = client(authority, &[(url.host_str().unwrap(), vendor.address())]);
    let send = |asked: &Asked| {
        let request = client.request(asked.method.clone(), vendor.url(&asked.path)).body(asked.body.to_string());
        asked.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
    };
    let (status, accepted) = answer(send(right)).await;
    assert!((200..300).contains(&status), "{status} {accepted}");
    assert_eq!(vendor.accepted().len(), 1, "{accepted}");
    for (asked, status, told) in wrong {
        let (given, body) = answer(send(&asked)).await;
        assert_eq!((given, body.pointer(pointer).unwrap_or(&Value::Null)), (status, &told), "{asked:?}");
    }
    assert_eq!(vendor.accepted().len(), 1);
    accepted
}

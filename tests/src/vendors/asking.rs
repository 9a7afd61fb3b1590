//! Requests to the substitutes that none of our components makes.

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

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

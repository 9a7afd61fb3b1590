//! Request headers that only the host may set.

use ::http::{HeaderName, header};

use super::authentication::{HttpAuthentication, TokenPlace};

/// Headers of a connection, and headers that servers and proxies use in their place: where a
/// request goes, its method, its sender, the coding of the response.
const OF_THE_HOST: [&str; 38] = [
    "accept-encoding",
    "alt-used",
    "cf-connecting-ip",
    "client-ip",
    "connection",
    "content-length",
    "early-data",
    "expect",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "proxy",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-custom-ip-authorization",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-originating-ip",
    "x-real-host",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-rewrite-url",
    "x-true-ip",
    "x-url-scheme",
];

/// Prefixes of other such headers.
const OF_THE_HOST_WITH: [&str; 4] = ["proxy-", "x-forwarded", "x-original-", "x-envoy-"];

/// Returns a header's name as servers compare it that pass headers to programs as variables: they treat `_` like `-` (RFC 3875 section
/// 4.1.18).
fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Returns whether a header decides where or how a request goes: only the host may set it.
pub(crate) fn routes(name: &HeaderName) -> bool {
    let name = folded(name.as_str());
    OF_THE_HOST.contains(&&*name) || OF_THE_HOST_WITH.iter().any(|begin| name.starts_with(begin))
}

/// Returns whether a header routes or authenticates a request, so that only the host may set it.
pub(crate) fn belongs_to_host(name: &HeaderName, authentication: &HttpAuthentication) -> bool {
    let folded_name = folded(name.as_str());
    let is_own = |own: &str| folded(own) == folded_name;
    let own = match authentication {
        HttpAuthentication::Header { name: own, .. } => is_own(own),
        HttpAuthentication::Login(login) => matches!(&login.place, TokenPlace::Header(own) if is_own(own)),
        HttpAuthentication::Signature(signature) => {
            let templates = &signature.templates;
            let mut set = templates.signed_headers.iter().chain(&templates.headers);
            set.any(|(own, _)| is_own(own))
        }
        HttpAuthentication::AwsSignature(_) => folded_name.starts_with("x-amz-"),
        HttpAuthentication::WebhookSignature(_) => {
            matches!(&*folded_name, "webhook-timestamp" | "webhook-signature")
        }
        _ => false,
    };
    own || routes(name) || *name == header::AUTHORIZATION || *name == header::COOKIE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use crate::egress::authentication::{
        AwsKey, HmacHash, HmacKey, KeyEncoding, LoginFormat, RequestSignature, SignatureTemplates, TokenLogin,
    };

    #[test]
    fn a_header_that_authenticates_is_set_by_the_host_alone() {
        let secret = || Secret::new("s3cret");
        let key = AwsKey {
            access_key_id: "id".to_owned(),
            secret_access_key: secret(),
            region: "eu".to_owned(),
            service: "ses".to_owned(),
        };
        let by_header = HttpAuthentication::Header { name: "X-Api-Key".to_owned(), value: secret() };
        let webhook = HttpAuthentication::WebhookSignature(secret());
        let templates = SignatureTemplates {
            key_steps: Vec::new(),
            values: Vec::new(),
            signed_headers: vec![("X-Date".to_owned(), "{date}".to_owned())],
            text: "{body}".to_owned(),
            headers: vec![("X_Signature".to_owned(), "{signature|hex}".to_owned())],
            query: Vec::new(),
            fields: Vec::new(),
        };
        let key_of_signature = HmacKey { hash: HmacHash::Sha256, key: secret(), encoding: KeyEncoding::Text };
        let signature = HttpAuthentication::Signature(Box::new(RequestSignature { key: key_of_signature, templates }));
        let login = HttpAuthentication::Login(Box::new(TokenLogin {
            url: "https://a.example.com/login".to_owned(),
            fields: Vec::new(),
            format: LoginFormat::Json,
            expected: Vec::new(),
            token: "/token".to_owned(),
            valid_seconds: String::new(),
            default_valid_seconds: 600,
            place: TokenPlace::Header("X-Access-Token".to_owned()),
        }));
        let aws = HttpAuthentication::AwsSignature(key);
        for (name, authentication) in [
            ("x-api-key", &by_header),
            ("x_api_key", &by_header),
            ("x-api_key", &by_header),
            ("x-access-token", &login),
            ("x_access_token", &login),
            ("x-date", &signature),
            ("x_date", &signature),
            ("x-signature", &signature),
            ("x-amz-date", &aws),
            ("x_amz_date", &aws),
            ("webhook-signature", &webhook),
            ("webhook_signature", &webhook),
            ("webhook-timestamp", &webhook),
            ("authorization", &by_header),
            ("cookie", &by_header),
        ] {
            assert!(belongs_to_host(&HeaderName::from_static(name), authentication), "{name}");
        }
        for name in ["x-api-key", "x_api_key", "x-amz-date", "webhook-signature", "x-own"] {
            assert!(!belongs_to_host(&HeaderName::from_static(name), &HttpAuthentication::None), "{name}");
        }
    }

    #[test]
    fn headers_that_change_where_or_how_a_request_goes_are_the_hosts() {
        for name in [
            "accept-encoding",
            "forwarded",
            "host",
            "proxy-authorization",
            "transfer-encoding",
            "x-envoy-original-path",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-http-method-override",
            "x-original-url",
            "x-rewrite-url",
        ] {
            assert!(routes(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["accept", "content-type", "x-forward", "x-own"] {
            assert!(!routes(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn every_listed_header_and_prefix_routes_also_with_underscores() {
        let beginnings = OF_THE_HOST_WITH.map(|begin| format!("{begin}x"));
        for name in OF_THE_HOST.into_iter().chain(beginnings.iter().map(String::as_str)) {
            for name in [name.to_owned(), name.replace('-', "_"), name.to_uppercase()] {
                assert!(HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| routes(&name)), "{name}");
            }
        }
    }
}

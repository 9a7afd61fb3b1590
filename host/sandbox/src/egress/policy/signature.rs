//! Requests that are signed as AWS and Standard Webhooks say, with a secret that the guest does not see.

use std::time::SystemTime;

use ::http::{HeaderName, HeaderValue, header};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Request;
use sha2::{Digest as _, Sha256};
use url::Position;
use zeroize::Zeroizing;

use super::authentication::AwsKey;
use super::origin::Origin;
use super::secret::Secret;

/// Headers that a sender or a proxy may change.
const UNSIGNED: [&str; 2] = ["host", "user-agent"];

/// Checks that signatures can be made with a key. The error says what to do.
pub(crate) fn check_aws(key: &AwsKey) -> Result<(), String> {
    let word = |text: &str| {
        (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if !word(&key.access_key_id) || !word(&key.region) || !word(&key.service) {
        return Err("an AWS key needs an id, a region and a service of letters, digits and `-`".to_owned());
    }
    Ok(())
}

/// A request that cannot be signed.
#[derive(Debug)]
pub(crate) enum SigningError {
    /// The request is at fault.
    Denied(String),
    /// The secret is at fault.
    Unauthenticated(String),
}

/// Signs a request with AWS Signature Version 4, for the origin that was granted, whatever the
/// operator's override is. Returns the signature, which is valid for some minutes.
pub(crate) fn sign_aws(
    key: &AwsKey,
    origin: &Origin,
    request: &mut Request,
    now: SystemTime,
) -> Result<String, SigningError> {
    let unsignable =
        || SigningError::Denied("the request cannot be signed: its URL or a header is malformed".to_owned());
    let url = format!("{origin}{}", &request.url()[Position::BeforePath..Position::AfterQuery]);
    // The body is not given to a library that may log what it signs.
    let body = hex::encode(Sha256::digest(request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default()));
    let mut headers = Vec::new();
    for (name, value) in request.headers() {
        if !UNSIGNED.contains(&name.as_str()) {
            headers.push((name.as_str(), value.to_str().map_err(|_| unsignable())?));
        }
    }
    let identity = Credentials::from_keys(&*key.access_key_id, key.secret_access_key.expose(), None).into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&key.region)
        .name(&key.service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| unsignable())?
        .into();
    let signable =
        SignableRequest::new(request.method().as_str(), url, headers.into_iter(), SignableBody::Precomputed(body));
    let (signed, signature) =
        signable.and_then(|signable| sign(signable, &parameters)).map_err(|_| unsignable())?.into_parts();
    for (name, value) in signed.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsignable())?;
        attach(request, name, value).map_err(|_| unsignable())?;
    }
    Ok(signature)
}

/// Returns the key of a webhook's secret: base64 after `whsec_` (Standard Webhooks 1.0.0,
/// "Signature scheme"). The error says what to do.
pub(crate) fn webhook_key(secret: &Secret) -> Result<Zeroizing<Vec<u8>>, String> {
    let encoded = secret.expose().strip_prefix("whsec_");
    let key = encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).map(Zeroizing::new);
    key.filter(|key| (24..=64).contains(&key.len())).ok_or_else(|| {
        "a webhook's signing secret is `whsec_` followed by 24 to 64 bytes in base64, as its receiver shows it"
            .to_owned()
    })
}

/// Signs a request by Standard Webhooks 1.0.0: over its id, the time and the body. Returns the signature, which is valid for some minutes.
pub(crate) fn sign_webhook(secret: &Secret, request: &mut Request, now: SystemTime) -> Result<String, SigningError> {
    let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok());
    let Some(id) = id.filter(|id| !id.is_empty() && !id.contains('.')) else {
        let why = "a signed webhook needs the header `webhook-id`, without a dot: give it the message's id";
        return Err(SigningError::Denied(why.to_owned()));
    };
    let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let key = webhook_key(secret).map_err(SigningError::Unauthenticated)?;
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let mac = webhook_mac(&key, id, &time, body)
        .ok_or_else(|| SigningError::Unauthenticated("the webhook's secret is not a valid key".to_owned()))?;
    let mac = STANDARD.encode(mac.finalize().into_bytes());
    let signature = format!("v1,{mac}");
    let unsignable = |_| SigningError::Denied("the request cannot be signed".to_owned());
    attach(request, HeaderName::from_static("webhook-timestamp"), &time).map_err(unsignable)?;
    attach(request, HeaderName::from_static("webhook-signature"), &signature).map_err(unsignable)?;
    Ok(mac)
}

pub(super) fn webhook_mac(key: &[u8], id: &str, time: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac)
}

fn attach(request: &mut Request, name: HeaderName, value: &str) -> Result<(), header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use ::http::Method;

    use super::*;

    fn request(url: &str, headers: &[(&'static str, &'static str)], body: &'static str) -> Request {
        let mut request = Request::new(Method::POST, url.parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        *request.body_mut() = Some(body.into());
        request
    }

    /// The case `post-x-www-form-urlencoded` of AWS's own suite, without the header of the body's length.
    #[test]
    fn a_request_is_signed_as_aws_own_examples_are() {
        let key = AwsKey {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            region: "us-east-1".to_owned(),
            service: "service".to_owned(),
        };
        // 2015-08-30T12:36:00Z.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        // The request goes to an override, but the signature is for the origin.
        let mut request = request("http://127.0.0.1:81/", &headers, "Param1=value1");
        sign_aws(&key, &Origin::parse("https://example.amazonaws.com").unwrap(), &mut request, now).unwrap();
        assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
        assert_eq!(
            request.headers()["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn a_webhook_is_signed_as_the_specification_s_example_is() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_614_265_330);
        let headers = [("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")];
        let mut request = request("https://a.example.com/", &headers, r#"{"test": 2432232314}"#);
        sign_webhook(&secret, &mut request, now).unwrap();
        assert_eq!(request.headers()["webhook-timestamp"], "1614265330");
        assert_eq!(request.headers()["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_webhook_without_an_id_and_a_secret_of_another_form_are_refused() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        for headers in [&[][..], &[("webhook-id", "")], &[("webhook-id", "a.b")]] {
            let mut request = request("https://a.example.com/", headers, "");
            assert!(matches!(sign_webhook(&secret, &mut request, SystemTime::now()), Err(SigningError::Denied(_))));
        }
        for secret in ["", "whsec_", "whsec_!", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(webhook_key(&Secret::new(secret.to_owned())).is_err(), "{secret}");
        }
    }
}

//! Signatures with a secret that the guest does not see: of requests to upstreams, and of delivery
//! reports from them.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Request;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use url::{Position, Url};
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
/// operator's override is.
pub(crate) fn sign_aws(
    key: &AwsKey,
    origin: &Origin,
    request: &mut Request,
    now: SystemTime,
) -> Result<(), SigningError> {
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
    let (signed, _) = signable.and_then(|signable| sign(signable, &parameters)).map_err(|_| unsignable())?.into_parts();
    for (name, value) in signed.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsignable())?;
        attach(request, name, value).map_err(|_| unsignable())?;
    }
    Ok(())
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

/// Signs a request by Standard Webhooks 1.0.0: over its id, the time and the body.
pub(crate) fn sign_webhook(secret: &Secret, request: &mut Request, now: SystemTime) -> Result<(), SigningError> {
    let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok());
    let Some(id) = id.filter(|id| !id.is_empty() && !id.contains('.')) else {
        let why = "a signed webhook needs the header `webhook-id`, without a dot: give it the message's id";
        return Err(SigningError::Denied(why.to_owned()));
    };
    let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let key = webhook_key(secret).map_err(SigningError::Unauthenticated)?;
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let mac = webhook_mac(&key, id, &time, body)
        .ok_or_else(|| SigningError::Unauthenticated("the webhook's secret is no key".to_owned()))?;
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let unsignable = |_| SigningError::Denied("the request cannot be signed".to_owned());
    attach(request, HeaderName::from_static("webhook-timestamp"), &time).map_err(unsignable)?;
    attach(request, HeaderName::from_static("webhook-signature"), &signature).map_err(unsignable)
}

/// How an upstream signs delivery reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReportSignature {
    Twilio(Secret),
    Webhook(Secret),
}

/// A request from outside.
pub struct Arrived<'a> {
    /// The URL that the upstream was given, unchanged.
    pub url: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl ReportSignature {
    /// Checks that signatures can be made this way. The error says what to do.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Twilio(token) if token.expose().is_empty() => {
                Err("the auth token that signs reports is empty".to_owned())
            }
            Self::Twilio(_) => Ok(()),
            Self::Webhook(secret) => webhook_key(secret).map(|_| ()),
        }
    }

    /// Returns whether two are made in the same way.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Returns the same with another secret.
    pub(crate) fn with_secret(&self, secret: Secret) -> Self {
        match self {
            Self::Twilio(_) => Self::Twilio(secret),
            Self::Webhook(_) => Self::Webhook(secret),
        }
    }

    /// Returns what it is made with.
    pub(crate) fn secret(&self) -> &Secret {
        match self {
            Self::Twilio(secret) | Self::Webhook(secret) => secret,
        }
    }

    /// Returns whether a request was signed so. Compared in constant time.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(crate) fn verify(&self, arrived: &Arrived<'_>, now: SystemTime) -> Result<(), NotSigned> {
        match self {
            Self::Twilio(token) => verify_twilio(token, arrived),
            Self::Webhook(secret) => verify_webhook(secret, arrived, now),
        }
    }

    #[cfg(test)]
    fn is_of(&self, arrived: &Arrived<'_>, now: SystemTime) -> bool {
        self.verify(arrived, now).is_ok()
    }
}

/// Why a delivery report is not accepted, for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// A header of the signature is missing or malformed.
    #[error("it has no header {0}, or a malformed one")]
    Header(&'static str),
    /// It was signed too long ago, or in the future.
    #[error("its time is more than five minutes from this host's")]
    Time,
    /// It was signed with another secret, or for another URL or body.
    #[error(
        "its signature does not match: the secret in the instance's options must be the one that signs at the upstream, and the upstream \
         must call the URL at `public_url` as it was given"
    )]
    Signature,
}

/// <https://www.twilio.com/docs/usage/security#validating-requests>: Base64(HMAC-SHA1(auth token, URL and, by name, each field's name
/// and value)). Of a field that stands there several times equal values count once.
fn verify_twilio(token: &Secret, arrived: &Arrived<'_>) -> Result<(), NotSigned> {
    const HEADER: &str = "x-twilio-signature";
    let given = arrived.headers.get(HEADER).and_then(|value| STANDARD.decode(value).ok());
    let given = given.ok_or(NotSigned::Header(HEADER))?;
    let fields: BTreeSet<_> = url::form_urlencoded::parse(arrived.body).collect();
    // Twilio signs the URL with its port or without it, and its own libraries take both.
    let mut urls = vec![arrived.url.to_owned()];
    if let Ok(url) = Url::parse(arrived.url)
        && let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default())
    {
        let rest = &url[Position::BeforePath..];
        urls.extend([format!("{}://{host}{rest}", url.scheme()), format!("{}://{host}:{port}{rest}", url.scheme())]);
    }
    let is_signed = urls.iter().any(|url| {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.expose().as_bytes()) else { return false };
        mac.update(url.as_bytes());
        for (name, value) in &fields {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
        mac.verify_slice(&given).is_ok()
    });
    if is_signed { Ok(()) } else { Err(NotSigned::Signature) }
}

/// How far a webhook's time may be from ours (Standard Webhooks 1.0.0, "Verifying the timestamp").
const WEBHOOK_TIME: Duration = Duration::from_secs(5 * 60);

fn verify_webhook(secret: &Secret, arrived: &Arrived<'_>, now: SystemTime) -> Result<(), NotSigned> {
    let text = |name: &'static str| {
        let value = arrived.headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or(NotSigned::Header(name))
    };
    let (id, time, signatures) = (text("webhook-id")?, text("webhook-timestamp")?, text("webhook-signature")?);
    let sent = time.parse().ok().and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    let sent = sent.ok_or(NotSigned::Header("webhook-timestamp"))?;
    let apart = now.duration_since(sent).or_else(|_| sent.duration_since(now)).unwrap_or(Duration::MAX);
    if apart > WEBHOOK_TIME {
        return Err(NotSigned::Time);
    }
    let mac = webhook_key(secret).ok().and_then(|key| webhook_mac(&key, id, time, arrived.body));
    let mac = mac.ok_or(NotSigned::Signature)?;
    let one = |signature: &str| {
        let given = signature.strip_prefix("v1,").and_then(|encoded| STANDARD.decode(encoded).ok());
        given.is_some_and(|given| mac.clone().verify_slice(&given).is_ok())
    };
    if signatures.split(' ').any(one) { Ok(()) } else { Err(NotSigned::Signature) }
}

fn webhook_mac(key: &[u8], id: &str, time: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
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
        // Something else stands in the origin's place: the signature is for the origin.
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

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    /// The example of Twilio's own libraries.
    #[test]
    fn a_report_of_twilio_is_checked_as_twilio_documents_it() {
        let signature = ReportSignature::Twilio(Secret::new("12345".to_owned()));
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let body = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
        let right = headers(&[("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")]);
        let is_of =
            |url, headers: &HeaderMap, body| signature.is_of(&Arrived { url, headers, body }, SystemTime::now());
        assert!(is_of(url, &right, body));
        assert!(!is_of("https://mycompany.com/myapp.php?foo=1&bar=3", &right, body));
        assert!(!is_of(url, &right, &body[..body.len() - 1]));
        assert!(!is_of(url, &headers(&[]), body));
        // The order of the fields is no part of it, nor how often one stands there.
        assert!(is_of(url, &right, b"Digits=1234&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"));
        // Twilio may sign with the port.
        assert!(is_of(url, &headers(&[("x-twilio-signature", "kvajT1Ptam85bY51eRf/AJRuM3w=")]), body));
        assert!(is_of("https://mycompany.com:443/myapp.php?foo=1&bar=2", &right, body));
        // Different values of one field.
        let several = headers(&[("x-twilio-signature", "IK+Dwps556ElfBT0I3Rgjkr1wJU=")]);
        assert!(is_of(url, &several, b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"));
        for wrong in ["", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            assert!(!is_of(url, &headers(&[("x-twilio-signature", wrong)]), body), "{wrong}");
        }
        let other = ReportSignature::Twilio(Secret::new("12346".to_owned()));
        assert!(!other.is_of(&Arrived { url, headers: &right, body }, SystemTime::now()));
    }

    #[test]
    fn a_report_by_webhook_is_checked_by_signature_and_time() {
        let secret = || Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let (signature, body) = (ReportSignature::Webhook(secret()), br#"{"test": 2432232314}"#);
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let of = |id, time, signed: &str| {
            headers(&[("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signed)])
        };
        let (id, time, right) =
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let is_of = |headers: &HeaderMap, body, second| {
            signature.is_of(&Arrived { url: "https://a.example.com/", headers, body }, at(second))
        };
        assert!(is_of(&of(id, time, right), body, 1_614_265_330));
        assert!(is_of(&of(id, time, &format!("v1,AAAA v1a,x {right}")), body, 1_614_265_330 + 300));
        for second in [1_614_265_330 - 301, 1_614_265_330 + 301] {
            assert!(!is_of(&of(id, time, right), body, second));
        }
        assert!(!is_of(&of(id, time, right), b"{}", 1_614_265_330));
        assert!(!is_of(&of("other", time, right), body, 1_614_265_330));
        assert!(!is_of(&of(id, "1614265331", right), body, 1_614_265_330));
        assert!(!is_of(&of(id, "-1", right), body, 1_614_265_330));
        assert!(!is_of(&headers(&[]), body, 1_614_265_330));
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

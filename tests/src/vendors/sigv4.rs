//! AWS Signature Version 4 as its receiver checks it, written down from the steps AWS documents, with other cryptography than the host's:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use axum::http::{HeaderMap, Uri};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ring::{digest, hmac};

/// A key, with the scope of its signatures.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub id: &'a str,
    pub secret: &'a str,
    pub region: &'a str,
    pub service: &'a str,
}

/// A request, as it is signed. `host` is its destination, with the port if that is not the scheme's
/// default.
pub struct Signed<'a> {
    pub method: &'a str,
    pub uri: &'a Uri,
    pub host: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// The fields of a request's `authorization`.
struct Claim<'a> {
    credential: Vec<&'a str>,
    headers: Vec<&'a str>,
    signature: &'a str,
}

fn claim(value: &str) -> Option<Claim<'_>> {
    let parts = value.strip_prefix("AWS4-HMAC-SHA256 ")?.split(',').map(str::trim).collect::<Vec<_>>();
    let [credential, headers, signature] = parts[..] else { return None };
    Some(Claim {
        credential: credential.strip_prefix("Credential=")?.split('/').collect(),
        headers: headers.strip_prefix("SignedHeaders=")?.split(';').collect(),
        signature: signature.strip_prefix("Signature=")?,
    })
}

/// `Err` is the name of AWS's error. `now` is in seconds since 1970.
pub fn verify(request: &Signed<'_>, key: Key<'_>, now: i64) -> Result<(), &'static str> {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").ok_or("MissingAuthenticationTokenException")?;
    let claim = claim(authorization).ok_or("IncompleteSignature")?;
    let time = header("x-amz-date").ok_or("IncompleteSignature")?;
    let [id, date, region, service, "aws4_request"] = claim.credential[..] else {
        return Err("IncompleteSignature");
    };
    if id != key.id {
        return Err("UnrecognizedClientException");
    }
    let at = seconds(time).ok_or("IncompleteSignature")?;
    let in_scope = (date, region, service) == (&time[..8], key.region, key.service);
    if !in_scope || (now - at).abs() > 300 {
        return Err("InvalidSignatureException");
    }
    // The host, each header of AWS's own and the content's type must be signed, in order of their names.
    let needed = request.headers.keys().map(|name| name.as_str());
    let needed = needed.filter(|name| name.starts_with("x-amz-") || *name == "content-type").chain(["host"]);
    if !claim.headers.is_sorted() || needed.into_iter().any(|name| !claim.headers.contains(&name)) {
        return Err("InvalidSignatureException");
    }
    match signature(request, key, time, &claim.headers) == claim.signature {
        true => Ok(()),
        false => Err("InvalidSignatureException"),
    }
}

/// Returns the signature over these headers.
pub fn signature(request: &Signed<'_>, key: Key<'_>, time: &str, names: &[&str]) -> String {
    let mut query: Vec<&str> = request.uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let mut canonical = format!("{}\n{}\n{}\n", request.method, request.uri.path(), query.join("&"));
    for name in names {
        let value = match *name {
            "host" => request.host.to_owned(),
            name => {
                let all = request.headers.get_all(name).iter();
                all.map(|value| value.to_str().unwrap_or_default().trim()).collect::<Vec<_>>().join(",")
            }
        };
        canonical.push_str(&format!("{name}:{value}\n"));
    }
    canonical.push_str(&format!("\n{}\n{}", names.join(";"), digest_of(request.body)));
    let scope = [&time[..8], key.region, key.service, "aws4_request"];
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{}\n{}", scope.join("/"), digest_of(canonical.as_bytes()));
    let first = format!("AWS4{}", key.secret).into_bytes();
    let signing = scope.iter().fold(first, |key, part| keyed(&key, part));
    hex::encode(keyed(&signing, &text))
}

fn digest_of(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

const FORM: &str = "%Y%m%dT%H%M%SZ";

/// `20261125T103423Z` in seconds since 1970.
fn seconds(time: &str) -> Option<i64> {
    let read = DateTime::strptime(FORM, time).ok()?;
    Some(TimeZone::UTC.to_timestamp(read).ok()?.as_second())
}

/// Returns the other way round.
pub fn written(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap().strftime(FORM).to_string()
}

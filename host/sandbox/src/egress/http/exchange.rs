//! One exchange with an upstream, with limits on size and time.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use reqwest::{Body, Request};
use tokio::time::timeout;
use url::Position;

use super::clients::{Clients, NotResolved};
use super::message::{Failed, HttpError, HttpResponse};
use super::retry_after;
use crate::egress::failure::{UpstreamCause, UpstreamFailure, UpstreamStep};
use crate::egress::policy::{ByteMeter, NotDialled, Origin, Rules};

/// The maximum length of a response body, in bytes. Receipts are small.
pub(crate) const ANSWER_BYTES: usize = 1 << 20;

/// How long to resolve a name before the proxy does.
const LOOK_UP: Duration = Duration::from_secs(1);

/// The pooled clients, and the operator's rules.
pub(crate) struct HttpClient {
    pub(crate) clients: Clients,
    pub(crate) rules: Arc<Rules>,
    pub(crate) timeout: Duration,
}

impl HttpClient {
    /// Returns where a request goes: to the origin, or to the operator's override.
    pub(crate) fn route(&self, origin: &Origin, request: &mut Request) {
        let address = self.rules.http_override(origin);
        if address.is_none() && !self.rules.is_fixed(origin.host()) {
            return;
        }
        let url = request.url_mut();
        let authority = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
        if let Some(address) = address {
            let _ = url.set_scheme("http");
            let _ = url.set_ip_host(address.ip());
            let _ = url.set_port(Some(address.port()));
        } else {
            // If the URL has no port, the port of the fixed address is dialled.
            let _ = url.set_port(None);
        }
        if let Ok(host) = authority {
            request.headers_mut().insert(header::HOST, host);
        }
    }

    /// Sends an admitted request and reads the whole response, with limits on size and time. The
    /// meter counts all bytes in both directions, also of an incomplete exchange.
    pub(crate) async fn exchange(
        &self,
        meter: &ByteMeter,
        origin: &Origin,
        request: Request,
    ) -> Result<HttpResponse, HttpError> {
        let deadline = self.timeout.saturating_add(Duration::from_millis(100));
        let bytes = meter.leaving(request.body().and_then(Body::as_bytes).map_or(0, <[u8]>::len));
        let answer = match timeout(deadline, self.exchange_unbounded(meter, origin, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::OutcomeUnknown(unanswered(origin, UpstreamCause::TimedOut))),
        };
        if matches!(answer, Err(HttpError::NotSent(_))) {
            bytes.did_not_leave();
        }
        answer
    }

    /// Refuses a name that leads to no allowed address where a proxy resolves it. The proxy may resolve it differently, and knows
    /// names that are unknown here: it has to refuse private addresses itself.
    async fn check_address(&self, origin: &Origin) -> Result<(), HttpError> {
        if !self.clients.uses_proxy(origin, &self.rules) || origin.is_address() {
            return Ok(());
        }
        let found = timeout(LOOK_UP, self.rules.names.addresses(origin.host(), origin.port())).await;
        let Ok(Err(why @ NotDialled::NotAllowed)) = found else { return Ok(()) };
        let failure = UpstreamFailure::new(UpstreamStep::NameResolution, origin.host(), origin.port(), why.into());
        Err(HttpError::NotSent(failure.into()))
    }

    async fn exchange_unbounded(
        &self,
        meter: &ByteMeter,
        origin: &Origin,
        request: Request,
    ) -> Result<HttpResponse, HttpError> {
        self.check_address(origin).await?;
        let client = self.clients.of(origin, &self.rules);
        let mut answer = client.execute(request).await.map_err(|error| {
            // The client's error texts contain the URL. These say only what happened.
            if error.is_connect() || error.is_builder() {
                let (step, cause) = not_connected(&error);
                HttpError::NotSent(UpstreamFailure::new(step, origin.host(), origin.port(), cause).into())
            } else if error.is_timeout() {
                HttpError::OutcomeUnknown(unanswered(origin, UpstreamCause::TimedOut))
            } else {
                HttpError::OutcomeUnknown(unanswered(origin, UpstreamCause::Closed))
            }
        })?;
        let broken = |_| HttpError::OutcomeUnknown(unanswered(origin, UpstreamCause::Closed));
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            meter.add(chunk.len());
            if body.len() + chunk.len() > ANSWER_BYTES {
                let text = format!("the upstream's answer is longer than {ANSWER_BYTES} bytes");
                return Err(HttpError::OutcomeUnknown(Failed { text, ..unanswered(origin, UpstreamCause::Malformed) }));
            }
            body.extend_from_slice(&chunk);
        }
        let coding = coding(answer.headers());
        let plain = match coding {
            None => Some(body),
            Some(coding) => expanded(coding, &body),
        };
        // It could not be searched for what must be redacted.
        let body = plain.ok_or_else(|| {
            let coding = coding.unwrap_or_default();
            let text = format!(
                "the upstream's answer is compressed ({coding}), although the request asked for none, and cannot be read"
            );
            HttpError::OutcomeUnknown(Failed { text, ..unanswered(origin, UpstreamCause::Malformed) })
        })?;
        let mut headers = visible(answer.headers());
        if coding.is_some() {
            headers.retain(|(name, _)| !matches!(name.as_str(), "content-encoding" | "content-length"));
        }
        let challenges = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let challenges = challenges.filter_map(|value| Some(value.to_str().ok()?.to_owned())).collect();
        Ok(HttpResponse { status: answer.status().as_u16(), headers, challenges, body })
    }
}

/// Returns the content coding of a response (RFC 9110 section 8.4), if it has one. Several of them are none that is known.
fn coding(headers: &HeaderMap) -> Option<&'static str> {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter().flat_map(|value| {
        let value = value.to_str().unwrap_or("?");
        value.split(',').map(|coding| coding.trim().to_ascii_lowercase()).collect::<Vec<_>>()
    });
    let mut codings = codings.filter(|coding| !matches!(&**coding, "" | "identity"));
    let coding = codings.next()?;
    if codings.next().is_some() {
        return Some("more than one coding");
    }
    let known = ["gzip", "x-gzip", "deflate", "br", "zstd", "compress"];
    Some(known.into_iter().find(|known| *known == coding).unwrap_or("a coding that is not known"))
}

/// Decompresses a response body: some upstreams compress without being asked. `None` if it is too
/// long, broken, or in an unsupported coding.
fn expanded(coding: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut reader: Box<dyn Read + '_> = match coding {
        "gzip" | "x-gzip" => Box::new(flate2::read::GzDecoder::new(body)),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(body)),
        _ => return None,
    };
    let mut plain = Vec::new();
    reader.by_ref().take(ANSWER_BYTES as u64 + 1).read_to_end(&mut plain).ok()?;
    (plain.len() <= ANSWER_BYTES).then_some(plain)
}

/// Returns the failure of a request that was sent and has no complete response.
fn unanswered(origin: &Origin, cause: UpstreamCause) -> Failed {
    UpstreamFailure::new(UpstreamStep::Message, origin.host(), origin.port(), cause).into()
}

/// Returns why there is no connection, from the causes of the client's error, whose texts contain
/// the URL.
fn not_connected(error: &reqwest::Error) -> (UpstreamStep, UpstreamCause) {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(name) = error.downcast_ref::<NotDialled>() {
            return (UpstreamStep::NameResolution, (*name).into());
        }
        if error.is::<NotResolved>() {
            return (UpstreamStep::NameResolution, UpstreamCause::TimedOut);
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return (UpstreamStep::Tls, UpstreamCause::of_tls(tls));
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            let of_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
            let step = if of_tls { UpstreamStep::Tls } else { UpstreamStep::Connection };
            // An error that wraps another of its kind has no information of its own.
            if of_tls || error.get_ref().is_none() {
                return (step, UpstreamCause::of_io(error));
            }
        }
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    let timed_out = error.is_timeout();
    (UpstreamStep::Connection, if timed_out { UpstreamCause::TimedOut } else { UpstreamCause::Closed })
}

/// Headers that no guest sees: cookies, and what authentication exchanges. With `rspauth` and the nonces of Digest a guest could try
/// passwords by itself (RFC 7616 section 3.5).
const FOR_THE_HOST: [&str; 5] =
    ["set-cookie", "www-authenticate", "authentication-info", "proxy-authenticate", "proxy-authentication-info"];

/// Returns the headers of a response that a guest may see. Values that are not text are left out,
/// and a date in `Retry-After` is converted to seconds: not every guest has a clock.
fn visible(headers: &HeaderMap) -> Vec<(String, String)> {
    let wait = retry_after::seconds(headers, Timestamp::now());
    headers
        .iter()
        .filter(|(name, _)| !FOR_THE_HOST.contains(&name.as_str()))
        .filter_map(|(name, value)| match wait {
            Some(seconds) if *name == header::RETRY_AFTER => Some((name.as_str().to_owned(), seconds.to_string())),
            _ => Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ::http::HeaderName;

    use super::*;

    #[test]
    fn a_component_sees_neither_cookies_nor_challenges_of_an_upstream() {
        let names = FOR_THE_HOST.into_iter().chain(["content-type"]);
        let headers = names.map(|name| (HeaderName::from_static(name), HeaderValue::from_static("x"))).collect();
        assert_eq!(visible(&headers), [("content-type".to_owned(), "x".to_owned())]);
    }
}

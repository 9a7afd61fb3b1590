//! One HTTP exchange, under an instance's grants.

use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::{Body, Request, Url};
use tokio::time::timeout;
use url::Position;

use super::connection::HttpAuthentication;
use super::echo;
use super::failure::{UpstreamCause, UpstreamFailure, UpstreamStep};
use super::grants::{Grants, HttpGrant};
use super::network::{Network, NotDialled};
use super::oauth::{AccessToken, TokenError};
use super::origin::Origin;
use super::{retry_after, signature};
use crate::redact::Texts;

/// The longest body accepted from an upstream, in bytes. Receipts are small.
pub(super) const ANSWER_BYTES: usize = 1 << 20;

/// A request as the guest made it.
#[derive(Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An upstream's whole answer.
#[derive(Clone, Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer. The texts hold no secret and may be shown to the operator.
#[derive(Debug)]
pub(crate) enum HttpError {
    Denied(String),
    Unauthenticated(String),
    /// The token endpoint does not accept the credentials.
    LoginRefused(Failed),
    NotSent(Failed),
    OutcomeUnknown(Failed),
}

/// A failure of an upstream, in a sentence and as data.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) text: String,
    pub(crate) upstream: UpstreamFailure,
}

impl From<UpstreamFailure> for Failed {
    fn from(upstream: UpstreamFailure) -> Self {
        Self { text: upstream.to_string(), upstream }
    }
}

impl HttpError {
    /// Whether the request surely did not go out.
    pub(crate) fn is_before_sending(&self) -> bool {
        !matches!(self, Self::OutcomeUnknown(_))
    }

    /// The upstream's part in it.
    pub(crate) fn upstream(&self) -> Option<&UpstreamFailure> {
        match self {
            Self::Denied(_) | Self::Unauthenticated(_) => None,
            Self::LoginRefused(failed) | Self::NotSent(failed) | Self::OutcomeUnknown(failed) => Some(&failed.upstream),
        }
    }
}

impl Network {
    /// Sends a request to a granted origin, authenticated as granted.
    pub(crate) async fn send_http(&self, grants: &Grants, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let began = Instant::now();
        let (grant, mut request) = self.admit(grants, request)?;
        let mut renewed = false;
        let (mut answer, token) = loop {
            let token = self.authenticate(grants, grant, &mut request).await?;
            // A body held in memory can be sent a second time.
            let again = token.as_ref().and_then(|_| request.try_clone());
            let answer = self.exchange(grants, &grant.origin, request).await?;
            match (token, again) {
                // An access token may be withdrawn before its time (RFC 6750 section 3.1): one new one, one more try.
                // 401 says that the request was not processed.
                (Some(token), Some(again)) if answer.status == 401 && !renewed => {
                    token.forget().await;
                    renewed = true;
                    request = again;
                }
                (token, _) => break (answer, token),
            }
        };
        let of_token = token.as_ref().map(|token| Texts::new([token.secret.expose()], echo::SHORTEST));
        for secrets in [Some(&grant.secrets), of_token.as_ref()].into_iter().flatten() {
            secrets.cover(&mut answer.body);
            for (_, value) in &mut answer.headers {
                *value = secrets.covered(std::mem::take(value));
            }
        }
        let (origin, status, took) = (&grant.origin, answer.status, began.elapsed());
        tracing::debug!(target: "twofactor::capability", %origin, status, ?took, "http exchange");
        Ok(answer)
    }

    /// Compares a request with the grants and builds it anew from its parts.
    fn admit<'a>(&self, grants: &'a Grants, asked: HttpRequest) -> Result<(&'a HttpGrant, Request), HttpError> {
        let denied = |why: String| HttpError::Denied(why);
        let (origin, url) = Origin::of_url(&asked.url).map_err(denied)?;
        let Some(grant) = grants.http.iter().find(|grant| grant.origin == origin) else {
            return Err(denied(format!(
                "{origin} was not granted to this instance: the provider must ask for it in what `configure` returns"
            )));
        };
        let method = Method::from_bytes(asked.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT && *method != Method::TRACE)
            .ok_or_else(|| denied("the request's method is not allowed".to_owned()))?;
        let mut request = Request::new(method, url);
        if asked.headers.len() > 64 {
            return Err(denied("the request has more than 64 headers".to_owned()));
        }
        for (name, value) in &asked.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| denied("the name of a header is malformed".to_owned()))?;
            if belongs_to_host(&name, &grant.authentication) {
                return Err(denied(format!("the header `{name}` is set by the host alone: leave it out")));
            }
            let value = HeaderValue::from_str(value)
                .map_err(|_| denied(format!("the value of the header `{name}` is malformed")))?;
            request.headers_mut().append(name, value);
        }
        *request.body_mut() = Some(asked.body.into());
        self.route(&origin, request.url().clone(), &mut request);
        Ok((grant, request))
    }

    /// Where a request goes if the operator put something in the origin's place.
    pub(super) fn route(&self, origin: &Origin, mut url: Url, request: &mut Request) {
        let authority = url[Position::BeforeHost..Position::AfterPort].to_owned();
        if let Some(address) = self.http_stand_in(origin) {
            let _ = url.set_scheme("http");
            let _ = url.set_ip_host(address.ip());
            let _ = url.set_port(Some(address.port()));
        } else if self.is_fixed(origin.host()) {
            // Without a port in the URL the one of the fixed address is dialled.
            let _ = url.set_port(None);
        } else {
            return;
        }
        if let Ok(host) = HeaderValue::from_str(&authority) {
            request.headers_mut().insert(header::HOST, host);
        }
        *request.url_mut() = url;
    }

    /// Attaches what the grant says; answers with the access token that was used, if any.
    async fn authenticate(
        &self,
        grants: &Grants,
        grant: &HttpGrant,
        request: &mut Request,
    ) -> Result<Option<AccessToken>, HttpError> {
        let (name, value, token) = match &grant.authentication {
            HttpAuthentication::None => return Ok(None),
            HttpAuthentication::Basic(credentials) => {
                let pair = format!("{}:{}", credentials.username, credentials.password.expose());
                (header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)), None)
            }
            HttpAuthentication::Bearer(token) => (header::AUTHORIZATION, format!("Bearer {}", token.expose()), None),
            HttpAuthentication::Header { name, value } => {
                let name = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| HttpError::Unauthenticated("the authenticating header is malformed".to_owned()))?;
                (name, value.expose().to_owned(), None)
            }
            HttpAuthentication::OAuth2 { token_url, client_id, client_secret, scope } => {
                let token =
                    self.token(grants, token_url, client_id, client_secret, scope).await.map_err(
                        |error| match error {
                            TokenError::Misconfigured(why) => HttpError::Unauthenticated(why),
                            TokenError::Refused(why) => HttpError::LoginRefused(why),
                            TokenError::Unavailable(why) => HttpError::NotSent(why),
                        },
                    )?;
                (header::AUTHORIZATION, format!("Bearer {}", token.secret.expose()), Some(token))
            }
            HttpAuthentication::AwsSignature(key) => {
                signature::sign_aws(key, &grant.origin, request, SystemTime::now())?;
                return Ok(None);
            }
            HttpAuthentication::WebhookSignature(secret) => {
                signature::sign_webhook(secret, request, SystemTime::now())?;
                return Ok(None);
            }
        };
        let mut value = HeaderValue::from_str(&value).map_err(|_| {
            HttpError::Unauthenticated("the credentials hold a character that no header can".to_owned())
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
        Ok(token)
    }

    /// Sends a request that was admitted and gathers the whole answer, within bounds of size and time. What went out and what came,
    /// however far it came, is noted at the grants.
    pub(super) async fn exchange(
        &self,
        grants: &Grants,
        origin: &Origin,
        request: Request,
    ) -> Result<HttpResponse, HttpError> {
        let deadline = self.0.timeout + Duration::from_millis(100);
        let bytes = grants.on_their_way(request.body().and_then(Body::as_bytes).map_or(0, <[u8]>::len));
        let answer = match timeout(deadline, self.exchange_unbounded(grants, origin, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::OutcomeUnknown(unanswered(origin, UpstreamCause::TimedOut))),
        };
        if matches!(answer, Err(HttpError::NotSent(_))) {
            bytes.did_not_leave();
        }
        answer
    }

    async fn exchange_unbounded(
        &self,
        grants: &Grants,
        origin: &Origin,
        request: Request,
    ) -> Result<HttpResponse, HttpError> {
        let mut answer = self.0.client.execute(request).await.map_err(|error| {
            // The texts of the client's errors hold the URL: these say what happened only.
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
            grants.note_bytes(chunk.len());
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
        // Nobody could search it for what must not come back.
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
        Ok(HttpResponse { status: answer.status().as_u16(), headers, body })
    }
}

/// The coding of an answer (RFC 9110 section 8.4), if it has one.
fn coding(headers: &HeaderMap) -> Option<&'static str> {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter().flat_map(|value| {
        let value = value.to_str().unwrap_or("?");
        value.split(',').map(|coding| coding.trim().to_ascii_lowercase()).collect::<Vec<_>>()
    });
    let coding = codings.into_iter().find(|coding| !matches!(&**coding, "" | "identity"))?;
    let known = ["gzip", "x-gzip", "deflate", "br", "zstd", "compress"];
    Some(known.into_iter().find(|known| *known == coding).unwrap_or("a coding that is not known"))
}

/// A compressed answer as it was before: some upstreams compress whatever is asked for. `None` if it is too long, broken, or of a coding that is
/// not read here.
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

/// A request that went out and has no whole answer.
fn unanswered(origin: &Origin, cause: UpstreamCause) -> Failed {
    UpstreamFailure::new(UpstreamStep::Message, origin.host(), origin.port(), cause).into()
}

/// Why there is no connection: found among the causes of the client's error, whose texts hold the URL.
fn not_connected(error: &reqwest::Error) -> (UpstreamStep, UpstreamCause) {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(name) = error.downcast_ref::<NotDialled>() {
            return (UpstreamStep::NameResolution, (*name).into());
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return (UpstreamStep::Tls, UpstreamCause::of_tls(tls));
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            let of_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
            let step = if of_tls { UpstreamStep::Tls } else { UpstreamStep::Connection };
            // An error that wraps another of its kind says nothing by itself.
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

/// Headers of a connection, and what servers and proxies read there in place of it: where a request goes, by which method, who sent it,
/// in which coding the answer comes.
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

/// How others of them begin.
const OF_THE_HOST_WITH: [&str; 4] = ["proxy-", "x-forwarded", "x-original-", "x-envoy-"];

/// Headers that say where or how a request goes: nobody's but the host's, whatever they hold. Servers that give headers to programs as
/// variables take `_` for `-` (RFC 3875 section 4.1.18).
pub(super) fn routes(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    OF_THE_HOST.contains(&&*name) || OF_THE_HOST_WITH.iter().any(|begin| name.starts_with(begin))
}

/// Headers that route or authenticate are the host's.
fn belongs_to_host(name: &HeaderName, authentication: &HttpAuthentication) -> bool {
    let own = match authentication {
        HttpAuthentication::Header { name: own, .. } => own.eq_ignore_ascii_case(name.as_str()),
        HttpAuthentication::AwsSignature(_) => name.as_str().starts_with("x-amz-"),
        HttpAuthentication::WebhookSignature(_) => {
            matches!(name.as_str(), "webhook-timestamp" | "webhook-signature")
        }
        _ => false,
    };
    own || routes(name) || *name == header::AUTHORIZATION || *name == header::COOKIE
}

/// What a guest may see of an answer's headers. Values that are no text are left out, and a date in `Retry-After` is given in
/// seconds: not every guest has a clock.
fn visible(headers: &HeaderMap) -> Vec<(String, String)> {
    let wait = retry_after::seconds(headers, Timestamp::now());
    headers
        .iter()
        .filter(|(name, _)| **name != header::SET_COOKIE && **name != header::WWW_AUTHENTICATE)
        .filter_map(|(name, value)| match wait {
            Some(seconds) if *name == header::RETRY_AFTER => Some((name.as_str().to_owned(), seconds.to_string())),
            _ => Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Secret;
    use crate::capability::connection::AwsKey;

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
        for (name, authentication) in [
            ("x-api-key", &by_header),
            ("x-amz-date", &HttpAuthentication::AwsSignature(key)),
            ("webhook-signature", &webhook),
            ("webhook-timestamp", &webhook),
            ("authorization", &by_header),
            ("cookie", &by_header),
        ] {
            assert!(belongs_to_host(&HeaderName::from_static(name), authentication), "{name}");
        }
        for name in ["x-api-key", "x-amz-date", "webhook-signature", "x-own"] {
            assert!(!belongs_to_host(&HeaderName::from_static(name), &HttpAuthentication::None), "{name}");
        }
    }

    #[test]
    fn every_listed_header_and_beginning_routes_also_with_low_lines() {
        let beginnings = OF_THE_HOST_WITH.map(|begin| format!("{begin}x"));
        for name in OF_THE_HOST.into_iter().chain(beginnings.iter().map(String::as_str)) {
            for name in [name.to_owned(), name.replace('-', "_"), name.to_uppercase()] {
                assert!(HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| routes(&name)), "{name}");
            }
        }
    }
}

//! One HTTP exchange, authorized by an instance's grants.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ::http::{HeaderName, HeaderValue, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Request;
use url::Position;

use super::clients::Clients;
use super::digest::{Challenge, Challenges};
use super::exchange::HttpClient;
use super::message::{HttpError, HttpRequest, HttpResponse};
use super::token::TokenError;
use super::token_cache::{AccessToken, TokenCache};
use crate::egress::policy::{
    Credentials, Grants, HttpAuthentication, HttpGrant, Origin, Rules, Secret, SigningError, TokenKey, TokenPlace,
    belongs_to_host, reflected_secrets, sign_aws, sign_webhook,
};
use crate::redact::Texts;

/// Sends the requests of components.
pub(crate) struct HttpEgress {
    pub(crate) client: HttpClient,
    pub(crate) tokens: TokenCache,
    challenges: Challenges,
}

/// What a request was authenticated with.
enum Used {
    /// Nothing but the secrets of the grant.
    Fixed,
    /// A token.
    Token(AccessToken),
    /// A signature, in the forms in which it may come back.
    Signature(Vec<String>),
    /// HTTP Digest authentication: the response to a challenge, if there was one, and by what challenges are kept.
    Digest(Option<String>, TokenKey),
}

impl Used {
    /// What must not come back, beside the secrets of the grant.
    fn secrets(&self) -> Texts {
        match self {
            Self::Fixed => Texts::default(),
            Self::Token(token) => Texts::new([token.secret.expose()], reflected_secrets::SHORTEST),
            Self::Digest(response, _) => Texts::new(response.as_deref(), reflected_secrets::SHORTEST),
            Self::Signature(forms) => Texts::new(forms.iter().map(String::as_str), reflected_secrets::SHORTEST),
        }
    }
}

impl From<SigningError> for HttpError {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::Denied(why) => Self::Denied(why),
            SigningError::Unauthenticated(why) => Self::Unauthenticated(why),
        }
    }
}

impl HttpEgress {
    pub(crate) fn new(clients: Clients, rules: Arc<Rules>, timeout: Duration) -> Self {
        Self {
            client: HttpClient { clients, rules, timeout },
            tokens: TokenCache::default(),
            challenges: Challenges::default(),
        }
    }

    /// Sends a request to a granted origin, with the granted authentication.
    pub(crate) async fn send(&self, grants: &Grants, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let began = Instant::now();
        let (grant, mut request) = self.admit(grants, request)?;
        let mut renewed = false;
        let mut challenge = None;
        let (mut answer, used) = loop {
            // A body in memory can be sent a second time.
            let may_repeat = (grant.token_key.is_some() || grant.challenge_key.is_some()) && !renewed;
            let again = if may_repeat { request.try_clone() } else { None };
            let used = self.authenticate(grants, grant, &mut request, challenge.as_ref()).await?;
            let answer = self.client.exchange(&grants.meter, &grant.origin, request).await?;
            // A token may be revoked before it expires (RFC 6750 section 3.1): obtain a new one and try once more. 401 means that the
            // request was not processed.
            match (&used, again) {
                (Used::Token(token), Some(again)) if answer.status == 401 && token.give_up().await => {
                    renewed = true;
                    request = again;
                }
                // The origin has no challenge yet that we could answer, or no longer accepts the last one.
                (Used::Digest(_, key), Some(again)) if answer.status == 401 => {
                    self.challenges.remove(*key);
                    challenge = Challenge::strongest(&answer.challenges);
                    if challenge.is_none() {
                        return Err(no_challenge(&grant.origin));
                    }
                    renewed = true;
                    request = again;
                }
                _ => break (answer, used),
            }
        };
        if let (Used::Digest(_, key), Some(challenge), true) = (&used, challenge, answer.status != 401) {
            self.challenges.keep(*key, challenge);
        }
        let of_request = used.secrets();
        for secrets in [&grant.secrets, &grant.placed_secrets, &of_request] {
            secrets.cover(&mut answer.body);
            for text in answer.headers.iter_mut().flat_map(|(name, value)| [name, value]) {
                *text = secrets.covered(std::mem::take(text));
            }
        }
        let (origin, status, took) = (&grant.origin, answer.status, began.elapsed());
        tracing::debug!(target: "twofactor::capability", %origin, status, ?took, "http exchange");
        Ok(answer)
    }

    /// Checks a request against the grants and rebuilds it from its parts.
    fn admit<'a>(&self, grants: &'a Grants, asked: HttpRequest) -> Result<(&'a HttpGrant, Request), HttpError> {
        let denied = |why: String| HttpError::Denied(why);
        let (origin, url) = Origin::of_any_url(&asked.url).map_err(denied)?;
        let Some(grant) = grants.http_at(&origin) else {
            return Err(denied(format!(
                "{origin} was not granted to this instance: the provider must request it in the result of `configure`"
            )));
        };
        let method = Method::from_bytes(asked.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT && *method != Method::TRACE)
            .ok_or_else(|| denied("the request's method is not allowed".to_owned()))?;
        if let Some(name) =
            grant.authentication.query_parameters().find(|name| url.query_pairs().any(|(own, _)| own == *name))
        {
            return Err(denied(format!("the parameter `{name}` is set by the host alone: leave it out")));
        }
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
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| denied(format!("the value of the header `{name}` is malformed")))?;
            value.set_sensitive(grant.places_in_headers());
            request.headers_mut().append(name, value);
        }
        *request.body_mut() = Some(asked.body.into());
        self.client.route(&origin, &mut request);
        Ok((grant, request))
    }

    /// Attaches the granted credentials.
    async fn authenticate(
        &self,
        grants: &Grants,
        grant: &HttpGrant,
        request: &mut Request,
        challenge: Option<&Challenge>,
    ) -> Result<Used, HttpError> {
        match &grant.authentication {
            HttpAuthentication::None => {}
            HttpAuthentication::Basic(credentials) => {
                if let Some(key) = grant.challenge_key {
                    let Some(challenge) = challenge.cloned().or_else(|| self.challenges.next(key)) else {
                        return Ok(Used::Digest(None, key));
                    };
                    let response = answer_challenge(request, &challenge, credentials)?;
                    return Ok(Used::Digest(Some(response), key));
                }
                let pair = format!("{}:{}", credentials.username, credentials.password.expose());
                set(request, header::AUTHORIZATION, &format!("Basic {}", STANDARD.encode(pair)))?;
            }
            HttpAuthentication::Bearer(token) => set_bearer(request, token)?,
            HttpAuthentication::Header { name, value } => set_named(request, name, value)?,
            HttpAuthentication::OAuth2(_) | HttpAuthentication::Jwt(_) => {
                let token = self.token(grants, grant).await?;
                set_bearer(request, &token.secret)?;
                return Ok(Used::Token(token));
            }
            HttpAuthentication::Login(login) => {
                let token = self.token(grants, grant).await?;
                match &login.place {
                    TokenPlace::Bearer => set_bearer(request, &token.secret)?,
                    TokenPlace::Header(name) => set_named(request, name, &token.secret)?,
                    TokenPlace::Query(name) => {
                        request.url_mut().query_pairs_mut().append_pair(name, token.secret.expose());
                    }
                }
                return Ok(Used::Token(token));
            }
            HttpAuthentication::Signature(_) => {
                let mut nonce = [0; 16];
                let scheme = grant.signature.as_ref().filter(|_| getrandom::fill(&mut nonce).is_ok());
                let unsigned = || HttpError::Unauthenticated("the request could not be signed".to_owned());
                let scheme = scheme.ok_or_else(unsigned)?;
                return Ok(Used::Signature(scheme.sign(&grant.origin, request, SystemTime::now(), nonce)?));
            }
            HttpAuthentication::AwsSignature(key) => {
                return Ok(Used::Signature(vec![sign_aws(key, &grant.origin, request, SystemTime::now())?]));
            }
            HttpAuthentication::WebhookSignature(secret) => {
                return Ok(Used::Signature(vec![sign_webhook(secret, request, SystemTime::now())?]));
            }
        }
        Ok(Used::Fixed)
    }

    /// Returns the token for an origin.
    async fn token(&self, grants: &Grants, grant: &HttpGrant) -> Result<AccessToken, HttpError> {
        let key = grant.token_key.unwrap_or_default();
        let token = self.tokens.token(&self.client, &grants.meter, key, &grant.authentication).await;
        token.map_err(|error| match error {
            TokenError::Misconfigured(why) => HttpError::Unauthenticated(why),
            TokenError::Refused(why) => HttpError::LoginRefused(why),
            TokenError::Unavailable(why) => HttpError::NotSent(why),
        })
    }

    #[cfg(test)]
    pub(crate) async fn resolves_nothing(&self, host: &str) -> bool {
        use reqwest::dns::Resolve as _;
        let names = self.client.rules.names.clone();
        match host.parse() {
            Ok(name) => super::clients::Vetted { names, patience: self.client.timeout }.resolve(name).await.is_err(),
            Err(_) => false,
        }
    }
}

/// Attaches the response to a challenge. Returns what must not come back.
fn answer_challenge(
    request: &mut Request,
    challenge: &Challenge,
    credentials: &Credentials,
) -> Result<String, HttpError> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)
        .map_err(|_| HttpError::Unauthenticated("the operating system provides no random numbers".to_owned()))?;
    let uri = &request.url()[Position::BeforePath..Position::AfterQuery];
    let answer = challenge.answer(credentials, request.method().as_str(), uri, &hex::encode(nonce));
    set(request, header::AUTHORIZATION, &answer.header)?;
    Ok(answer.response)
}

fn no_challenge(origin: &Origin) -> HttpError {
    HttpError::Unauthenticated(format!(
        "{origin} is listed under `digest_authentication`, but does not ask for HTTP Digest authentication with MD5 or SHA-256 and \
         `qop=auth`"
    ))
}

fn set_bearer(request: &mut Request, token: &Secret) -> Result<(), HttpError> {
    set(request, header::AUTHORIZATION, &format!("Bearer {}", token.expose()))
}

fn set_named(request: &mut Request, name: &str, value: &Secret) -> Result<(), HttpError> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| HttpError::Unauthenticated("the authenticating header is malformed".to_owned()))?;
    set(request, name, value.expose())
}

fn set(request: &mut Request, name: HeaderName, value: &str) -> Result<(), HttpError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| HttpError::Unauthenticated("the credentials hold a character that no header can".to_owned()))?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::egress::Network;
    use crate::egress::authentication::AwsKey;
    use crate::egress::policy::{Connection, Placeable};

    /// Returns what a component sees of an upstream that responds with the head of the request.
    async fn echoed(authentication: HttpAuthentication) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Network::builder().override_endpoint("https://a.example.com", listener.local_addr().unwrap());
        let network = network.build().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let head = format!("HTTP/1.1 200 x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(&[head.as_bytes(), &request[..length]].concat()).await;
        });
        let origin = "https://a.example.com".to_owned();
        let connection = Connection::Http { origin, authentication, settings: Vec::new() };
        let grants = Grants::new(vec![connection], Placeable::default(), network.rules()).unwrap();
        let (url, headers) = ("https://a.example.com/".to_owned(), vec![("webhook-id".to_owned(), "m1".to_owned())]);
        let request = HttpRequest { method: "POST".to_owned(), url, headers, body: b"x".to_vec() };
        String::from_utf8(network.http().send(&grants, request).await.unwrap().body).unwrap().to_lowercase()
    }

    #[tokio::test]
    async fn a_signature_that_comes_back_is_covered() {
        let key = format!("whsec_{}", STANDARD.encode([7; 32]));
        let webhook = echoed(HttpAuthentication::WebhookSignature(Secret::new(key))).await;
        assert!(webhook.contains("webhook-signature: v1,*****"), "{webhook}");
        let [access_key_id, region, service] = ["AKID", "eu-west-1", "email"].map(str::to_owned);
        let key = AwsKey { access_key_id, secret_access_key: Secret::new("s3cret-key"), region, service };
        let aws = echoed(HttpAuthentication::AwsSignature(key)).await;
        assert!(aws.contains("signature=*****"), "{aws}");
    }

    #[test]
    fn a_request_for_a_proxy_and_one_with_more_than_64_headers_are_denied() {
        let network = Network::builder().build().unwrap();
        let (origin, authentication) = ("https://a.example.com".to_owned(), HttpAuthentication::None);
        let connection = Connection::Http { origin: origin.clone(), authentication, settings: Vec::new() };
        let grants = Grants::new(vec![connection], Placeable::default(), network.rules()).unwrap();
        let with = |method: &str, count| HttpRequest {
            method: method.to_owned(),
            url: origin.clone(),
            headers: vec![("x-a".to_owned(), "b".to_owned()); count],
            body: Vec::new(),
        };
        assert!(network.http().admit(&grants, with("GET", 64)).is_ok());
        for denied in [with("GET", 65), with("CONNECT", 0), with("TRACE", 0), with("GET /", 0)] {
            assert!(matches!(network.http().admit(&grants, denied), Err(HttpError::Denied(_))));
        }
    }

    #[tokio::test]
    async fn a_secret_that_comes_back_in_the_name_of_a_header_is_covered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Network::builder().override_endpoint("https://a.example.com", listener.local_addr().unwrap());
        let network = network.build().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer =
                b"HTTP/1.1 200 x\r\nx-s3cret-key: s3cret-key\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer).await;
        });
        let authentication = HttpAuthentication::Bearer(Secret::new("s3cret-key"));
        let origin = "https://a.example.com".to_owned();
        let connection = Connection::Http { origin, authentication, settings: Vec::new() };
        let grants = Grants::new(vec![connection], Placeable::default(), network.rules()).unwrap();
        let url = "https://a.example.com/".to_owned();
        let request = HttpRequest { method: "GET".to_owned(), url, headers: Vec::new(), body: Vec::new() };
        let answer = network.http().send(&grants, request).await.unwrap();
        let covered = ("x-**********".to_owned(), "**********".to_owned());
        assert!(answer.headers.contains(&covered), "{:?}", answer.headers);
    }
}

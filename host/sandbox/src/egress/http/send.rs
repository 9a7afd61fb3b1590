//! One HTTP exchange, authorized by an instance's grants.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ::http::{HeaderName, HeaderValue, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Request;

use super::exchange::HttpClient;
use super::message::{HttpError, HttpRequest, HttpResponse};
use super::oauth::{AccessToken, ClientCredentials, TokenCache, TokenError};
use crate::egress::policy::{
    Grants, HttpAuthentication, HttpGrant, Origin, Rules, SigningError, belongs_to_host, reflected_secrets, sign_aws,
    sign_webhook,
};
use crate::redact::Texts;

/// Sends the requests of components.
pub(crate) struct HttpEgress {
    pub(crate) client: HttpClient,
    pub(crate) tokens: TokenCache,
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
    pub(crate) fn new(client: reqwest::Client, rules: Arc<Rules>, timeout: Duration) -> Self {
        Self { client: HttpClient { client, rules, timeout }, tokens: TokenCache::default() }
    }

    /// Sends a request to a granted origin, with the granted authentication.
    pub(crate) async fn send(&self, grants: &Grants, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let began = Instant::now();
        let (grant, mut request) = self.admit(grants, request)?;
        let mut renewed = false;
        let (mut answer, token) = loop {
            let token = self.authenticate(grants, grant, &mut request).await?;
            // A body in memory can be sent a second time.
            let again = token.as_ref().and_then(|_| request.try_clone());
            let answer = self.client.exchange(&grants.meter, &grant.origin, request).await?;
            match (token, again) {
                // An access token may be revoked before it expires (RFC 6750 section 3.1): fetch a
                // new one and try once more. 401 means that the request was not processed.
                (Some(token), Some(again)) if answer.status == 401 && !renewed => {
                    token.forget().await;
                    renewed = true;
                    request = again;
                }
                (token, _) => break (answer, token),
            }
        };
        let of_token = token.as_ref().map(|token| Texts::new([token.secret.expose()], reflected_secrets::SHORTEST));
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

    /// Checks a request against the grants and rebuilds it from its parts.
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
        self.client.route(&origin, request.url().clone(), &mut request);
        Ok((grant, request))
    }

    /// Attaches the granted credentials. Returns the access token that was used, if any.
    async fn authenticate(
        &self,
        grants: &Grants,
        grant: &HttpGrant,
        request: &mut Request,
    ) -> Result<Option<AccessToken>, HttpError> {
        let (name, value, token) = match &grant.authentication {
            HttpAuthentication::None | HttpAuthentication::Unsupported => return Ok(None),
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
                let credentials = ClientCredentials { token_url, client_id, client_secret, scope };
                let token = self.tokens.token(&self.client, &grants.meter, credentials).await;
                let token = token.map_err(|error| match error {
                    TokenError::Misconfigured(why) => HttpError::Unauthenticated(why),
                    TokenError::Refused(why) => HttpError::LoginRefused(why),
                    TokenError::Unavailable(why) => HttpError::NotSent(why),
                })?;
                (header::AUTHORIZATION, format!("Bearer {}", token.secret.expose()), Some(token))
            }
            HttpAuthentication::AwsSignature(key) => {
                sign_aws(key, &grant.origin, request, SystemTime::now())?;
                return Ok(None);
            }
            HttpAuthentication::WebhookSignature(secret) => {
                sign_webhook(secret, request, SystemTime::now())?;
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

    #[cfg(test)]
    pub(crate) async fn resolves_nothing(&self, host: &str) -> bool {
        use reqwest::dns::Resolve as _;
        let names = self.client.rules.names.clone();
        match host.parse() {
            Ok(name) => super::exchange::Vetted(names).resolve(name).await.is_err(),
            Err(_) => false,
        }
    }
}

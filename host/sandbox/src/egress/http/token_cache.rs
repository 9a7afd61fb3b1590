//! Tokens that the host obtains or signs. They are cached, renewed early, and never visible to a guest.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Mutex;

use super::exchange::HttpClient;
use super::token::{Token, TokenError};
use super::{login, oauth};
use crate::egress::policy::{ByteMeter, HttpAuthentication, Secret, TokenKey, jwt};

/// Tokens by what obtains them. Each slot is locked while its token is obtained: one request at a
/// time.
#[derive(Default)]
pub(crate) struct TokenCache(std::sync::Mutex<HashMap<TokenKey, Slot>>);

type Slot = Arc<Mutex<Held>>;

/// The least time between two tokens that are obtained because an origin answered 401. An upstream may lock an account that logs in too
/// often, and a component decides which requests are sent.
const PAUSE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// When a token was last given up because the origin did not accept it.
    given_up: Option<Instant>,
    /// When the endpoint last failed, and why.
    failed: Option<(Instant, TokenError)>,
}

impl Held {
    fn is_needed(&self, now: Instant) -> bool {
        self.token.as_ref().is_some_and(|token| token.renew_at > now)
            || self.given_up.is_some_and(|before| now < before + PAUSE)
    }
}

/// A token in use, and its slot.
pub(crate) struct AccessToken {
    pub(crate) secret: Secret,
    slot: Slot,
}

impl AccessToken {
    /// Removes the token from the cache, since it was not accepted. Returns whether the request may be sent again, with another token:
    /// not if this one was obtained less than [`PAUSE`] after another that was not accepted either.
    pub(crate) async fn give_up(&self) -> bool {
        let mut held = self.slot.lock().await;
        // Another request has given it up already.
        if held.token.as_ref().is_none_or(|kept| kept.secret != self.secret) {
            return true;
        }
        let now = Instant::now();
        if held.given_up.is_some_and(|before| now < before + PAUSE) {
            return false;
        }
        (held.token, held.given_up) = (None, Some(now));
        true
    }
}

impl TokenCache {
    fn slot(&self, key: TokenKey) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return slot.clone();
        }
        // Those that are no longer used: an instance was removed, or a secret replaced.
        let now = Instant::now();
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|held| held.is_needed(now)));
        slots.entry(key).or_default().clone()
    }

    /// Returns the token for requests with this authentication, from the cache or a new one.
    pub(crate) async fn token(
        &self,
        client: &HttpClient,
        meter: &ByteMeter,
        key: TokenKey,
        authentication: &HttpAuthentication,
    ) -> Result<AccessToken, TokenError> {
        let slot = self.slot(key);
        let asked = Instant::now();
        let mut held = slot.lock().await;
        if let Some(token) = held.token.as_ref().filter(|token| token.renew_at > Instant::now()) {
            let secret = token.secret.clone();
            drop(held);
            return Ok(AccessToken { secret, slot });
        }
        // Requests that waited for the token share its result and do not fetch another.
        if let Some((_, why)) = held.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(why.clone());
        }
        match fetch(client, meter, authentication).await {
            Ok(token) => {
                let secret = token.secret.clone();
                held.token = Some(token);
                drop(held);
                Ok(AccessToken { secret, slot })
            }
            Err(why) => {
                held.failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }
}

async fn fetch(
    client: &HttpClient,
    meter: &ByteMeter,
    authentication: &HttpAuthentication,
) -> Result<Token, TokenError> {
    match authentication {
        HttpAuthentication::OAuth2(oauth2) => oauth::fetch(client, meter, oauth2).await,
        HttpAuthentication::Login(login) => login::fetch(client, meter, login).await,
        HttpAuthentication::Jwt(token) => {
            let signed = jwt::sign(token, &[], SystemTime::now()).map_err(TokenError::Misconfigured)?;
            Ok(Token::new(signed.expose(), Instant::now(), token.valid_seconds.into()))
        }
        _ => Err(TokenError::Misconfigured("there is no token for this origin".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::egress::Network;
    use crate::egress::policy::{ClientAuthentication, OAuth2Client, OAuth2Grant};

    /// Starts an endpoint that responds with 503 when released, and counts its requests.
    async fn endpoint(release: Arc<tokio::sync::Notify>) -> (Network, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Network::builder().override_endpoint("https://token.example.com", listener.local_addr().unwrap());
        let (network, asked) = (network.build().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                release.notified().await;
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let answer = b"HTTP/1.1 503 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
            }
        });
        (network, asked)
    }

    async fn token(network: &Network, client: &str) -> Result<AccessToken, TokenError> {
        let authentication = HttpAuthentication::OAuth2(Box::new(OAuth2Client {
            token_url: "https://token.example.com/t".to_owned(),
            client_id: client.to_owned(),
            authentication: ClientAuthentication::SecretInBody(Secret::new("s")),
            grant: OAuth2Grant::ClientCredentials,
            scope: String::new(),
            parameters: Vec::new(),
        }));
        let key = authentication.token_key().unwrap();
        let http = network.http();
        http.tokens.token(&http.client, &ByteMeter::default(), key, &authentication).await
    }

    #[tokio::test]
    async fn one_failed_token_request_answers_all_that_wait_for_it() {
        let release = Arc::new(tokio::sync::Notify::new());
        let (network, asked) = endpoint(release.clone()).await;
        let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(token(&network, "a"))).collect();
        for one in &mut waiting {
            assert!(futures::poll!(one).is_pending());
        }
        release.notify_one();
        for one in waiting {
            assert!(matches!(one.await, Err(TokenError::Unavailable(_))));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        // A later call requests a new token.
        release.notify_one();
        assert!(token(&network, "a").await.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn dropping_a_token_does_not_wait_for_another_endpoint() {
        let (network, _) = endpoint(Arc::default()).await;
        let mut hanging = Box::pin(token(&network, "a"));
        assert!(futures::poll!(&mut hanging).is_pending());
        let slot = network.http().tokens.slot([7; 32]);
        slot.lock().await.token = Some(Token::new("t", Instant::now(), 60));
        let token = AccessToken { secret: Secret::new("t"), slot: slot.clone() };
        assert!(futures::poll!(std::pin::pin!(token.give_up())).is_ready());
        assert!(slot.lock().await.token.is_none());
    }

    #[tokio::test]
    async fn a_token_is_given_up_once_in_a_pause() {
        let cache = TokenCache::default();
        let slot = cache.slot([1; 32]);
        let put = async |text: &str| {
            slot.lock().await.token = Some(Token::new(text, Instant::now(), 3600));
            AccessToken { secret: Secret::new(text), slot: slot.clone() }
        };
        let first = put("1").await;
        assert!(first.give_up().await);
        let second = put("2").await;
        // A late answer to the first token: the second is tried.
        assert!(first.give_up().await);
        assert!(!second.give_up().await && slot.lock().await.token.is_some());
        // Nor is it forgotten when other slots are made.
        slot.lock().await.token = None;
        let _ = cache.slot([2; 32]);
        let third = put("3").await;
        assert!(!third.give_up().await);
        slot.lock().await.given_up = Instant::now().checked_sub(PAUSE);
        assert!(third.give_up().await);
    }

    #[tokio::test]
    async fn unused_tokens_are_dropped() {
        let cache = TokenCache::default();
        let in_use = cache.slot([1; 32]);
        cache.slot([2; 32]).lock().await.token = Some(Token::new("2", Instant::now(), 60));
        drop(cache.slot([3; 32]));
        cache.slot([5; 32]).lock().await.given_up = Some(Instant::now());
        let _ = cache.slot([4; 32]);
        let mut left: Vec<u8> = cache.0.lock().unwrap().keys().map(|key| key[0]).collect();
        left.sort_unstable();
        assert_eq!(left, [1, 2, 4, 5]);
        drop(in_use);
    }
}

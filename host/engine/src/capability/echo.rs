//! What an upstream repeats of a secret it was sent goes no further: a guest that delivers sees no secret, also not by way of
//! its upstream.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use zeroize::Zeroizing;

use super::connection::{AwsKey, Credentials, HttpAuthentication};
use super::secret::Secret;

/// What is shorter than this is not searched for: it would turn up in what an answer says of its own.
const SHORTEST: usize = 6;

/// Secrets, in the forms an answer may hold them.
pub(super) struct Echo(Vec<Zeroizing<Vec<u8>>>);

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Echo(…)")
    }
}

impl Echo {
    /// Of what an HTTP exchange is authenticated with.
    pub(super) fn of_http(authentication: &HttpAuthentication) -> Self {
        let mut echo = Self(Vec::new());
        match authentication {
            HttpAuthentication::None => {}
            HttpAuthentication::Basic(Credentials { username, password }) => {
                echo.add(password.expose());
                echo.add(&STANDARD.encode(format!("{username}:{}", password.expose())));
            }
            HttpAuthentication::Bearer(secret)
            | HttpAuthentication::Header { value: secret, .. }
            | HttpAuthentication::OAuth2 { client_secret: secret, .. }
            | HttpAuthentication::AwsSignature(AwsKey { secret_access_key: secret, .. })
            | HttpAuthentication::WebhookSignature(secret) => echo.add(secret.expose()),
        }
        echo
    }

    /// Of an access token.
    pub(super) fn of_token(token: &Secret) -> Self {
        let mut echo = Self(Vec::new());
        echo.add(token.expose());
        echo
    }

    /// Of a mail's (RFC 4616: PLAIN; the password by itself is what LOGIN sends).
    pub(super) fn of_mail(credentials: Option<&Credentials>) -> Self {
        let mut echo = Self(Vec::new());
        if let Some(Credentials { username, password }) = credentials {
            echo.add(password.expose());
            echo.add(&STANDARD.encode(password.expose()));
            echo.add(&STANDARD.encode(format!("\0{username}\0{}", password.expose())));
        }
        echo
    }

    fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let in_a_form = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
        let in_json = serde_json::Value::from(secret).to_string();
        for form in [secret, &in_a_form, in_json.trim_matches('"')] {
            if !self.0.iter().any(|known| **known == form.as_bytes()) {
                self.0.push(Zeroizing::new(form.as_bytes().to_vec()));
            }
        }
        // One that holds another goes first: nothing of it stays.
        self.0.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// Blots the secrets out. Nothing else of the answer changes, its length neither.
    pub(super) fn blot(&self, bytes: &mut [u8]) {
        for secret in &self.0 {
            let mut from = 0;
            while let Some(at) = memmem::find(&bytes[from..], secret) {
                bytes[from + at..][..secret.len()].fill(b'*');
                from += at + secret.len();
            }
        }
    }

    /// The same for a text.
    pub(super) fn blotted(&self, text: String) -> String {
        if !self.0.iter().any(|secret| memmem::find(text.as_bytes(), secret).is_some()) {
            return text;
        }
        let mut bytes = text.into_bytes();
        self.blot(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blotted_out_in_every_form_it_was_sent_in() {
        let password = Secret::new("s3cret/é\"x");
        let credentials = Credentials { username: "user".to_owned(), password };
        let echo = Echo::of_http(&HttpAuthentication::Basic(credentials.clone()));
        let sent = STANDARD.encode("user:s3cret/é\"x");
        let text = format!(r#"a s3cret/é"x b s3cret%2F%C3%A9%22x c s3cret/é\"x d {sent} s3cret/é"xs3cret/é"x"#);
        let blotted = echo.blotted(text.clone());
        assert_eq!(blotted.len(), text.len());
        assert_eq!(blotted.replace('*', ""), "a  b  c  d  ");
        let echo = Echo::of_mail(Some(&credentials));
        assert_eq!(echo.blotted(STANDARD.encode("\0user\0s3cret/é\"x")).replace('*', ""), "");
    }

    #[test]
    fn what_is_too_short_to_be_told_from_a_word_stays() {
        let echo = Echo::of_http(&HttpAuthentication::Bearer(Secret::new("sent")));
        assert_eq!(echo.blotted("sent".to_owned()), "sent");
    }
}

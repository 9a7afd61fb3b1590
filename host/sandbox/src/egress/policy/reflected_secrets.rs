//! Redacts secrets that an upstream repeats in its response: a guest that delivers must not see a
//! secret that way either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::authentication::{Credentials, HttpAuthentication};
use crate::redact::Texts;

/// Shorter secrets are not searched for: they would occur in other parts of a response by chance.
pub(crate) const SHORTEST: usize = 6;

/// Returns the secrets of an HTTP authentication, except for private keys that sign tokens: they never
/// leave. What only looks like one does.
pub(crate) fn of_http(authentication: &HttpAuthentication) -> Texts {
    let mut copy = authentication.clone();
    let secrets = copy.secrets_mut();
    let stays = |text: &str| {
        matches!(authentication, HttpAuthentication::OAuth2(_) | HttpAuthentication::Jwt(_)) && is_private_key(text)
    };
    let mut texts: Vec<&str> = secrets.iter().map(|secret| secret.expose()).filter(|text| !stays(text)).collect();
    let pair;
    if let HttpAuthentication::Basic(Credentials { username, password }) = authentication {
        // The pair does not contain a password that is too short to be searched for by itself.
        pair = STANDARD.encode(format!("{username}:{}", password.expose()));
        texts.push(&pair);
    }
    Texts::new(texts, SHORTEST)
}

fn is_private_key(text: &str) -> bool {
    text.contains("-----BEGIN")
}

/// Returns the secrets of a login at a mail server. A password by itself is also found in base64,
/// as LOGIN sends it. PLAIN sends it within a longer text (RFC 4616), in which a password that is
/// too short to be searched for would not be found.
pub(crate) fn of_mail(credentials: Option<&Credentials>) -> Texts {
    let Some(Credentials { username, password }) = credentials else { return Texts::default() };
    let plain = STANDARD.encode(format!("\0{username}\0{}", password.expose()));
    Texts::new([password.expose(), &plain], SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::policy::Secret;

    #[test]
    fn a_secret_is_covered_in_every_form_it_was_sent_in() {
        let password = Secret::new("s3cret/é\"x");
        let credentials = Credentials { username: "user".to_owned(), password };
        let secrets = of_http(&HttpAuthentication::Basic(credentials.clone()));
        let sent = STANDARD.encode("user:s3cret/é\"x");
        let text = format!(r#"a s3cret/é"x b s3cret%2F%C3%A9%22x c s3cret/é\"x d {sent} s3cret/é"xs3cret/é"x"#);
        let covered = secrets.covered(text.clone());
        assert_eq!(covered.len(), text.len());
        assert_eq!(covered.replace('*', ""), "a  b  c  d  ");
        let secrets = of_mail(Some(&credentials));
        for sent in ["\0user\0s3cret/é\"x", "s3cret/é\"x"] {
            assert_eq!(secrets.covered(STANDARD.encode(sent)).trim_matches(['*', '=']), "", "{sent}");
        }
    }

    #[test]
    fn a_secret_that_only_looks_like_a_private_key_is_covered() {
        let secrets = of_http(&HttpAuthentication::Bearer(Secret::new("-----BEGIN s3cret")));
        assert!(!secrets.covered("a -----BEGIN s3cret".to_owned()).contains("s3cret"));
    }

    #[test]
    fn the_secret_of_an_oauth_client_is_covered() {
        use crate::egress::policy::{ClientAuthentication, OAuth2Client, OAuth2Grant};
        let secrets = of_http(&HttpAuthentication::OAuth2(Box::new(OAuth2Client {
            token_url: String::new(),
            client_id: "id".to_owned(),
            authentication: ClientAuthentication::SecretInBody(Secret::new("s3cret-of-client")),
            grant: OAuth2Grant::ClientCredentials,
            scope: String::new(),
            parameters: Vec::new(),
        })));
        assert!(!secrets.covered("a s3cret-of-client".to_owned()).contains("s3cret"));
    }

    #[test]
    fn text_that_is_too_short_to_search_for_stays() {
        let secrets = of_http(&HttpAuthentication::Bearer(Secret::new("sent")));
        assert_eq!(secrets.covered("sent".to_owned()), "sent");
    }
}

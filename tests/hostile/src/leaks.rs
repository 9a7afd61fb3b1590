//! Ways in which `configure` could put a secret where somebody can read it.

use twofactor_provider::bindings::twofactor::provider::types::SmtpSecurity;
use twofactor_provider::{
    Connection, HmacKey, JwtKey, OAuth2Client, Problem, RequestSignature, Secret, SignedJwt, SmtpServer, TokenLogin,
    problem,
};

use super::Options;

/// Returns a secret in letters that are not searched for and that fit into a host name.
fn disguised(secret: &str) -> String {
    secret.bytes().take(24).map(|byte| format!("{}{}", letter(byte >> 4), letter(byte & 15))).collect()
}

fn letter(four_bits: u8) -> char {
    char::from(b'g' + four_bits)
}

/// Returns the connections of the leak with this name, or `None` if there is no such leak.
pub(super) fn leak(options: &Options) -> Option<Result<Vec<Connection>, Vec<Problem>>> {
    let secret = options.secret.reveal();
    let word = disguised(secret);
    let host = format!("{}.example.com", &word[..word.len().min(48)]);
    let key = &options.secret;
    let origin = &options.origin;
    let client = |token_url: &str, id: &str| OAuth2Client::new(token_url, id).secret_in_body(key);
    let token = |claim: &str| SignedJwt::new(JwtKey::hs256(key).header("kid", "1"), 60).claim("iss", claim);
    let login = |url: &str| TokenLogin::json(url, "/token").secret("key", key).valid_for(60);
    let signature =
        |text: &str| RequestSignature::new(HmacKey::sha256(key), text).header("x-signature", "{signature|hex}");
    let smtp = |host: String, port, username: String, timeout_ms| {
        let security = SmtpSecurity::ImplicitTls;
        let credentials = Some((username, key.clone()));
        Connection::smtp(SmtpServer { host, port, security, credentials, timeout_ms })
    };
    let mail = |host: &str| smtp(host.to_owned(), 465, "user".to_owned(), 1500);
    let connections = match options.behaviour.strip_prefix("leak: ")? {
        "host" => vec![Connection::basic(format!("https://{host}"), "user", key)],
        "port" => vec![Connection::basic(format!("{origin}:{}", 1000 + u32::from(secret.as_bytes()[0])), "user", key)],
        "header" => vec![Connection::header(origin, &word, key)],
        "user name" => vec![Connection::basic(origin, &word, key)],
        "token URL" => vec![Connection::oauth2(origin, client(&format!("https://{host}/t"), "id"))],
        "token path" => vec![Connection::oauth2(origin, client(&format!("https://login.example.com/{word}"), "id"))],
        "client id" => vec![Connection::oauth2(origin, client("https://login.example.com/t", &word))],
        "scope" => vec![Connection::oauth2(origin, client("https://login.example.com/t", "id").scope(word))],
        "assertion" => {
            vec![Connection::oauth2(origin, client("https://login.example.com/t", "id").jwt_bearer(token(&word)))]
        }
        "parameter" => {
            vec![Connection::oauth2(origin, client("https://login.example.com/t", "id").parameter("audience", word))]
        }
        "claim" => vec![Connection::jwt(origin, token(&word))],
        "key id" => vec![Connection::jwt(origin, SignedJwt::new(JwtKey::hs256(key).header("kid", word), 60))],
        "login URL" => vec![Connection::login(origin, login(&format!("https://login.example.com/{word}")))],
        "login field" => vec![Connection::login(origin, login("https://login.example.com/t").secret(word, key))],
        "token place" => vec![Connection::login(origin, login("https://login.example.com/t").in_query(word))],
        "template" => vec![Connection::signature(origin, signature(&word))],
        "signature header" => vec![Connection::signature(origin, signature("{body}").header("x-account", word))],
        "region" => vec![Connection::aws(origin.as_str(), "AKIDEXAMPLE", key, &word, "ses")],
        "access key" => vec![Connection::aws(origin.as_str(), &word, key, "eu-central-1", "ses")],
        "mail server" => vec![mail(&host)],
        "mail port" => vec![smtp("smtp.example.com".to_owned(), secret.len() as u16, "user".to_owned(), 1500)],
        "mail user" => vec![smtp("smtp.example.com".to_owned(), 465, word, 1500)],
        "mail time" => {
            vec![smtp("smtp.example.com".to_owned(), 465, "user".to_owned(), 1000 + u32::from(secret.as_bytes()[0]))]
        }
        "kind" if secret.as_bytes()[0] % 2 == 1 => vec![Connection::bearer(origin, key)],
        "number" => (0..secret.as_bytes()[0] % 4 + 1)
            .map(|n| Connection::bearer(format!("https://n{n}.example.com"), key))
            .collect(),
        "number of none" if secret.as_bytes()[0] % 2 == 1 => Vec::new(),
        "an origin that is refused" => vec![Connection::basic(format!("http://{host}"), "user", key)],
        "text" => return Some(Err(vec![problem("/Url", format!("must not be {word}"))])),
        "pointer" => return Some(Err(vec![problem(&format!("/{word}"), "must be else")])),
        "number of problems" => {
            return Some(Err((0..secret.as_bytes()[0] % 16 + 1).map(|n| problem("/Url", format!("{n}"))).collect()));
        }
        // A question that options ask: one bit a time.
        "beginning" if !secret.starts_with(&options.needle) => {
            return Some(Err(vec![problem("/Url", "must be else")]));
        }
        // The same by what goes to the upstream.
        "beginning in a credential" if !secret.starts_with(&options.needle) => {
            vec![Connection::basic(origin, "user", &Secret::from("wrong"))]
        }
        // A form that a secret must have.
        "form" if !secret.starts_with("key_") => return Some(Err(vec![problem("/Secret", "must begin with key_")])),
        // What an honest provider may do: use the secret in another form.
        "changed" => {
            let changed: String = secret.chars().rev().collect();
            vec![Connection::bearer(origin, &Secret::from(&*changed))]
        }
        _ => vec![Connection::basic(origin, "user", key)],
    };
    Some(Ok(connections))
}

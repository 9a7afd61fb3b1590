//! Tokens by a login of an upstream's own: a request with some fields, and a JSON response that contains the token.

use std::time::Instant;

use ::http::{HeaderValue, Method, header};
use reqwest::Request;
use serde_json::{Map, Value};
use url::form_urlencoded::Serializer;

use super::exchange::HttpClient;
use super::message::{Failed, HttpResponse};
use super::oauth::{LONGEST, answered, exchange, number, unusable};
use super::token::{Token, TokenError};
use crate::egress::policy::{ByteMeter, LoginFormat, Origin, TokenLogin};

pub(super) async fn fetch(client: &HttpClient, meter: &ByteMeter, login: &TokenLogin) -> Result<Token, TokenError> {
    let (origin, url) = Origin::of_url(&login.url).map_err(TokenError::Misconfigured)?;
    if !origin.is_https() {
        return Err(TokenError::Misconfigured("the login URL is not protected: it must be https".to_owned()));
    }
    let fields = || login.fields.iter().map(|(name, value)| (name.as_str(), value.expose()));
    let mut request = Request::new(Method::POST, url);
    let media_type = match login.format {
        LoginFormat::Query => {
            *request.method_mut() = Method::GET;
            request.url_mut().query_pairs_mut().extend_pairs(fields());
            None
        }
        LoginFormat::Form => {
            *request.body_mut() = Some(Serializer::new(String::new()).extend_pairs(fields()).finish().into());
            Some("application/x-www-form-urlencoded")
        }
        LoginFormat::Json => {
            let object: Map<_, _> = fields().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
            *request.body_mut() = Some(Value::Object(object).to_string().into());
            Some("application/json")
        }
    };
    if let Some(media_type) = media_type {
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    client.route(&origin, &mut request);
    let began = Instant::now();
    let answer = exchange(client, meter, &origin, request).await?;
    match answer.status {
        200..=299 => token(login, &origin, &answer, began),
        400 | 401 | 403 => {
            let text = format!("{origin} refused the login ({})", answer.status);
            Err(TokenError::Refused(Failed { text, upstream: answered(&origin, &answer) }))
        }
        status => {
            let text = format!("{origin} responded with status {status} instead of a token");
            Err(TokenError::Unavailable(Failed { text, upstream: answered(&origin, &answer) }))
        }
    }
}

/// Reads the token of a response that says with its status that it has one.
fn token(login: &TokenLogin, origin: &Origin, answer: &HttpResponse, began: Instant) -> Result<Token, TokenError> {
    let said: Value = serde_json::from_slice(&answer.body).map_err(|_| unusable(origin))?;
    for (pointer, expected) in &login.expected {
        let found = said.pointer(pointer);
        if found.and_then(text).as_ref() != Some(expected) {
            // Texts may repeat what was sent; numbers are the upstream's own, unless they are too.
            let found = found.and_then(number).map(|number| number.to_string());
            let found = found.filter(|found| *pointer != login.token && !is_of_a_field(login, found));
            let found = found.unwrap_or("something else".to_owned());
            let text = format!("{origin} refused the login ({pointer} is {found}, not {expected})");
            return Err(TokenError::Refused(Failed { text, upstream: answered(origin, answer) }));
        }
    }
    let token = said.pointer(&login.token).and_then(text).filter(|token| (1..=LONGEST).contains(&token.len()));
    let token = token.filter(|token| token.bytes().all(|b| b.is_ascii_graphic())).ok_or_else(|| unusable(origin))?;
    let says = (!login.valid_seconds.is_empty()).then(|| said.pointer(&login.valid_seconds).and_then(number));
    Ok(Token::new(token, began, says.flatten().unwrap_or(login.default_valid_seconds.into())))
}

/// Whether digits are part of what was sent. Few of them are by chance.
fn is_of_a_field(login: &TokenLogin, digits: &str) -> bool {
    digits.len() > 3 && login.fields.iter().any(|(_, value)| value.expose().contains(digits))
}

/// A text, or a number as a text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;
    use crate::egress::policy::{Secret, TokenPlace};

    fn login() -> TokenLogin {
        TokenLogin {
            url: "https://open.example.com/login".to_owned(),
            fields: Vec::new(),
            format: LoginFormat::Json,
            expected: vec![("/code".to_owned(), "0".to_owned())],
            token: "/data/token".to_owned(),
            valid_seconds: "/data/expire".to_owned(),
            default_valid_seconds: 600,
            place: TokenPlace::Bearer,
        }
    }

    fn read(body: &str) -> Result<u64, String> {
        let (origin, _) = Origin::of_url("https://open.example.com/login").unwrap();
        let answer = HttpResponse { status: 200, body: body.as_bytes().to_vec(), ..Default::default() };
        let began = Instant::now();
        match token(&login(), &origin, &answer, began) {
            Ok(token) => Ok((token.renew_at - began).as_secs()),
            Err(TokenError::Refused(why) | TokenError::Unavailable(why)) => Err(why.text),
            Err(TokenError::Misconfigured(why)) => panic!("{why}"),
        }
    }

    #[test]
    fn a_number_that_is_the_token_or_was_sent_is_not_shown() {
        let (origin, _) = Origin::of_url("https://open.example.com/login").unwrap();
        let fields = vec![("pin".to_owned(), Secret::new("p482913"))];
        let expected = |pointer: &str| vec![(pointer.to_owned(), "0".to_owned())];
        for (pointer, shown) in [("/data/token", false), ("/pin", false), ("/code", true)] {
            let login = TokenLogin { fields: fields.clone(), expected: expected(pointer), ..login() };
            let body = br#"{"code":10003,"pin":"482913","data":{"token":8123456789}}"#.to_vec();
            let answer = HttpResponse { status: 200, body, ..Default::default() };
            let Err(TokenError::Refused(why)) = token(&login, &origin, &answer, Instant::now()) else {
                panic!("{pointer}")
            };
            assert_eq!(why.text.contains("something else"), !shown, "{}", why.text);
        }
    }

    #[test]
    fn a_token_is_read_where_the_login_says() {
        assert_eq!(read(r#"{"code":0,"data":{"token":"t","expire":7200}}"#), Ok(6900));
        assert_eq!(read(r#"{"code":"0","data":{"token":"t"}}"#), Ok(480));
        let refused = |found| Err(format!("https://open.example.com refused the login (/code is {found}, not 0)"));
        assert_eq!(read(r#"{"code":10003,"msg":"invalid s3cret","data":{"token":"t"}}"#), refused("10003"));
        assert_eq!(read(r#"{"code":"s3cret","data":{"token":"t"}}"#), refused("something else"));
        assert_eq!(read("{}"), refused("something else"));
        let unusable = Err("https://open.example.com returned no usable token".to_owned());
        for body in
            ["", "[]x", r#"{"code":0}"#, r#"{"code":0,"data":{"token":""}}"#, r#"{"code":0,"data":{"token":"a\nb"}}"#]
        {
            assert_eq!(read(body), unusable, "{body}");
        }
    }
}

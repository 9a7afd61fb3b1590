//! A signature over each request as it leaves, with secrets and code in their places: `request-signature` in
//! `wit/types.wit`.

use std::borrow::Cow;
use std::time::SystemTime;

use ::http::{HeaderName, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reqwest::Request;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::approved_name::check_name;
use super::authentication::{Entries, RequestSignature};
use super::hmac_key::Key;
use super::host_headers::routes;
use super::jwt::check_entries;
use super::origin::Origin;
use super::signature::SigningError;
use super::template::{BUDGET, Name, Scope, Template, TooLong, Values, is_free};

/// The most steps that derive a key.
const KEY_STEPS: usize = 8;

/// The length of the shortest digest as text: SHA-1 in base64.
const SHORTEST_DIGEST: usize = 27;

/// What ends a key step whose result is the next key as hexadecimal digits.
const AS_HEX: &str = "{hex}";

/// A signature that was read and checked.
#[derive(Debug)]
pub(crate) struct SignatureScheme {
    key: Key,
    key_steps: Vec<KeyStep>,
    values: Vec<Template>,
    signed_headers: Vec<(HeaderName, Template)>,
    text: Template,
    headers: Vec<(HeaderName, Template)>,
    query: Vec<(String, Template)>,
    fields: Vec<(String, Template)>,
}

#[derive(Debug)]
struct KeyStep {
    template: Template,
    /// Whether the next key is the hexadecimal digits of the result.
    as_hex: bool,
}

impl SignatureScheme {
    /// Reads a signature. The text of an error says what is wrong.
    pub(crate) fn new(asked: &RequestSignature) -> Result<Self, String> {
        let templates = &asked.templates;
        for (of, entries) in [
            ("the values of a signature", &templates.values),
            ("the signed headers of a signature", &templates.signed_headers),
            ("the headers of a signature", &templates.headers),
            ("the query of a signature", &templates.query),
            ("the fields of a signature", &templates.fields),
        ] {
            check_entries(of, entries, &[])?;
        }
        if templates.key_steps.len() > KEY_STEPS {
            return Err(format!("the key of a signature must be derived in at most {KEY_STEPS} steps"));
        }
        let own: Vec<String> = templates.values.iter().map(|(name, _)| name.clone()).collect();
        if let Some(name) = own.iter().find(|name| !is_free(name)) {
            return Err(format!(
                "`{}` cannot be the name of a value of a signature: use lower-case letters, digits and `-`, and no name that \
                 the host gives a value",
                name.chars().filter(|c| c.is_ascii_graphic()).take(40).collect::<String>()
            ));
        }
        let later: Entries = templates.signed_headers.iter().chain(&templates.headers).cloned().collect();
        let before = Scope { requests: true, own: &own, later_headers: &later, signature: false };
        let values = templates.values.iter().enumerate().map(|(n, (name, text))| {
            let scope = Scope { own: &own[..n], ..before };
            Template::parse(text, scope).map_err(|why| format!("the value `{name}` of a signature {why}"))
        });
        let values: Vec<Template> = values.collect::<Result<_, _>>()?;
        let mut repeats = Vec::new();
        for value in &values {
            let one = value.repeats(&repeats);
            repeats.push(one);
        }
        let signed = Scope { later_headers: &templates.headers, ..before };
        let after = Scope { signature: true, ..signed };
        let key_steps = templates.key_steps.iter().map(|text| {
            let as_hex = text.strip_suffix(AS_HEX);
            let template = Template::parse(as_hex.unwrap_or(text), signed);
            let template = template.map_err(|why| format!("a step that derives the key of a signature {why}"))?;
            Ok::<_, String>(KeyStep { template, as_hex: as_hex.is_some() })
        });
        let scheme = Self {
            key: Key::new(&asked.key)?,
            key_steps: key_steps.collect::<Result<_, _>>()?,
            values,
            signed_headers: headers(&templates.signed_headers, before)?,
            text: Template::parse(&templates.text, signed).map_err(|why| format!("the text of a signature {why}"))?,
            headers: headers(&templates.headers, after)?,
            query: named("parameter", &templates.query, after)?,
            fields: named("field", &templates.fields, after)?,
        };
        let mut places = scheme.headers.iter().map(|(_, it)| it);
        let mut named = scheme.query.iter().chain(&scheme.fields).map(|(_, it)| it);
        if !places.any(|it| it.names(&Name::Signature)) && !named.any(|it| it.names(&Name::Signature)) {
            return Err("the signature is not sent: name `signature` in `headers`, `query` or `fields`".to_owned());
        }
        let headers = scheme.signed_headers.iter().chain(&scheme.headers).map(|(name, it)| (name.as_str(), it));
        let others = scheme.query.iter().chain(&scheme.fields).map(|(name, it)| (name.as_str(), it));
        if let Some((name, _)) = headers.chain(others).find(|(_, it)| it.repeats(&repeats)) {
            return Err(format!(
                "`{name}` of a signature repeats a part of the request, in which a code or a secret may be: use a digest, such as \
                 `{{body|sha256|hex}}`"
            ));
        }
        if scheme.signed_headers.iter().any(|(name, _)| *name == header::AUTHORIZATION) {
            return Err("a signature must set `authorization` in `headers`, after it is computed".to_owned());
        }
        if let Some((twice, _)) =
            scheme.signed_headers.iter().find(|(name, _)| scheme.headers.iter().any(|(other, _)| other == name))
        {
            return Err(format!("a signature sets the header `{twice}` twice"));
        }
        Ok(scheme)
    }

    /// Signs a request to an origin. Returns what must be covered in the response: with a signature, the request could be
    /// repeated.
    pub(crate) fn sign(
        &self,
        origin: &Origin,
        request: &mut Request,
        now: SystemTime,
        nonce: [u8; 16],
    ) -> Result<Vec<String>, SigningError> {
        let mut budget = BUDGET;
        let mut facts = Facts {
            host: host(origin),
            now: Timestamp::try_from(now).unwrap_or_default(),
            nonce: hex::encode(nonce),
            own: Vec::new(),
            signature: Vec::new(),
        };
        let mut evaluated = |template: &Template, facts: &Facts, request: &Request| {
            let too_long =
                |TooLong| SigningError::Denied("the texts of the request's signature are too long".to_owned());
            template.evaluate(&OfRequest { facts, request }, &mut budget).map_err(too_long)
        };
        // Whoever reads a digest can try which code or secret it is of.
        let mut proofs = Vec::new();
        let mut note = |template: &Template, value: &[u8]| {
            if template.proves() && value.len() >= SHORTEST_DIGEST {
                proofs.push(String::from_utf8_lossy(value).into_owned());
            }
        };
        for template in &self.values {
            let value = evaluated(template, &facts, request)?;
            facts.own.push(value);
        }
        for (name, template) in &self.signed_headers {
            let value = evaluated(template, &facts, request)?;
            note(template, &value);
            set_header(request, name, &value)?;
        }
        let mut key = self.key.clone();
        for step in &self.key_steps {
            let mut next = Zeroizing::new(key.sign(&evaluated(&step.template, &facts, request)?));
            if step.as_hex {
                next = Zeroizing::new(hex::encode(&*next).into_bytes());
            }
            key = key.with(next);
        }
        facts.signature = key.sign(&evaluated(&self.text, &facts, request)?);
        for (name, template) in &self.headers {
            let value = evaluated(template, &facts, request)?;
            note(template, &value);
            set_header(request, name, &value)?;
        }
        for (name, template) in &self.query {
            let value = text(name, evaluated(template, &facts, request)?)?;
            note(template, value.as_bytes());
            request.url_mut().query_pairs_mut().append_pair(name, &value);
        }
        let fields = self.fields.iter().map(|(name, template)| {
            let value = text(name, evaluated(template, &facts, request)?)?;
            note(template, value.as_bytes());
            Ok((name.as_str(), value))
        });
        let fields: Vec<(&str, String)> = fields.collect::<Result<_, SigningError>>()?;
        if !fields.is_empty() {
            add_fields(request, &fields)?;
        }
        let Facts { signature, nonce, .. } = facts;
        let forms = [hex::encode(&signature), STANDARD.encode(&signature), URL_SAFE_NO_PAD.encode(&signature), nonce];
        proofs.extend(forms);
        Ok(proofs)
    }
}

/// The origin's host, and its port unless it is 443.
fn host(origin: &Origin) -> String {
    match origin.port() {
        443 => origin.host().to_owned(),
        port => format!("{}:{port}", origin.host()),
    }
}

fn headers(entries: &Entries, scope: Scope<'_>) -> Result<Vec<(HeaderName, Template)>, String> {
    let parsed = entries.iter().map(|(name, text)| {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| "the name of a header that a signature sets is malformed".to_owned())?;
        if routes(&parsed) || parsed == header::COOKIE {
            return Err(format!("a signature cannot set the header `{parsed}`"));
        }
        Ok((parsed, written("header", name, text, scope)?))
    });
    parsed.collect()
}

fn named(kind: &str, entries: &Entries, scope: Scope<'_>) -> Result<Vec<(String, Template)>, String> {
    let parsed = entries.iter().map(|(name, text)| {
        check_name(&format!("a {kind} of a signature"), name)?;
        Ok((name.clone(), written(kind, name, text, scope)?))
    });
    parsed.collect()
}

/// Reads a template whose result is written into the request, and so must be text.
fn written(kind: &str, name: &str, text: &str, scope: Scope<'_>) -> Result<Template, String> {
    let template = Template::parse(text, scope).map_err(|why| format!("the {kind} `{name}` of a signature {why}"))?;
    match template.is_text() {
        true => Ok(template),
        false => Err(format!("the {kind} `{name}` of a signature is not text: end the value with `hex` or `base64`")),
    }
}

/// What templates may name, apart from the request itself.
struct Facts {
    host: String,
    now: Timestamp,
    nonce: String,
    own: Vec<Vec<u8>>,
    signature: Vec<u8>,
}

/// The values of a request.
struct OfRequest<'a> {
    facts: &'a Facts,
    request: &'a Request,
}

impl Values for OfRequest<'_> {
    fn value(&self, name: &Name) -> Cow<'_, [u8]> {
        let Self { facts, request } = self;
        let url = request.url();
        let time = |format: &str| Cow::Owned(facts.now.strftime(format).to_string().into_bytes());
        match name {
            Name::Method => Cow::Borrowed(request.method().as_str().as_bytes()),
            Name::Host => Cow::Borrowed(facts.host.as_bytes()),
            Name::Path => Cow::Borrowed(url.path().as_bytes()),
            Name::Query => Cow::Borrowed(url.query().unwrap_or_default().as_bytes()),
            Name::QuerySorted => Cow::Owned(sorted(url.query().unwrap_or_default()).into_bytes()),
            Name::Target => match url.query() {
                Some(query) => Cow::Owned(format!("{}?{query}", url.path()).into_bytes()),
                None => Cow::Borrowed(url.path().as_bytes()),
            },
            Name::Body => Cow::Borrowed(request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default()),
            Name::Header(name) => Cow::Owned(header_value(request.headers(), name)),
            Name::UnixSeconds => Cow::Owned(facts.now.as_second().to_string().into_bytes()),
            Name::UnixMilliseconds => Cow::Owned(facts.now.as_millisecond().to_string().into_bytes()),
            Name::Date => time("%Y-%m-%d"),
            Name::DateBasic => time("%Y%m%d"),
            Name::Time => time("%Y-%m-%dT%H:%M:%SZ"),
            Name::TimeBasic => time("%Y%m%dT%H%M%SZ"),
            Name::TimeHttp => time("%a, %d %b %Y %H:%M:%S GMT"),
            Name::Nonce => Cow::Borrowed(facts.nonce.as_bytes()),
            Name::Signature => Cow::Borrowed(&facts.signature),
            Name::Own(at) => Cow::Borrowed(facts.own.get(*at).map_or(&[], Vec::as_slice)),
            // Only reports have one.
            Name::Url | Name::UrlWithQuery => Cow::Borrowed(&[]),
        }
    }
}

/// The value of a header; several are joined as a list (RFC 9110 section 5.3).
pub(super) fn header_value(headers: &::http::HeaderMap, name: &str) -> Vec<u8> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b", "[..])
}

/// A query with its parameters in the order of their names, and of their values where names are the same.
fn sorted(query: &str) -> String {
    let mut parameters: Vec<&str> = query.split('&').filter(|parameter| !parameter.is_empty()).collect();
    parameters.sort_by_key(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    parameters.join("&")
}

fn set_header(request: &mut Request, name: &HeaderName, value: &[u8]) -> Result<(), SigningError> {
    let malformed = || SigningError::Denied(format!("the header `{name}` that a signature sets is malformed"));
    let text = std::str::from_utf8(value).map_err(|_| malformed())?;
    let mut value = HeaderValue::from_str(text).map_err(|_| malformed())?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

fn text(name: &str, value: Vec<u8>) -> Result<String, SigningError> {
    String::from_utf8(value).map_err(|_| SigningError::Denied(format!("`{name}` of a signature is not UTF-8")))
}

/// Adds fields to the form or JSON object in a request's body, and changes nothing else of it.
fn add_fields(request: &mut Request, fields: &[(&str, String)]) -> Result<(), SigningError> {
    let media_type = header_value(request.headers(), header::CONTENT_TYPE.as_str());
    let media_type =
        String::from_utf8_lossy(&media_type).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let denied = |why: &str| SigningError::Denied(why.to_owned());
    let taken = |name: &str| SigningError::Denied(format!("the field `{name}` is set by the host alone: leave it out"));
    let body = match &*media_type {
        "application/x-www-form-urlencoded" => {
            let twice = fields.iter().find(|(name, _)| url::form_urlencoded::parse(body).any(|(own, _)| own == *name));
            if let Some((name, _)) = twice {
                return Err(taken(name));
            }
            let body = std::str::from_utf8(body).map_err(|_| denied("the form is not UTF-8"))?;
            url::form_urlencoded::Serializer::for_suffix(body.to_owned(), 0).extend_pairs(fields).finish().into_bytes()
        }
        "application/json" => {
            let object: Map<String, Value> = serde_json::from_slice(body)
                .map_err(|_| denied("a signature adds fields to a JSON object, but the body is not one"))?;
            if let Some((name, _)) = fields.iter().find(|(name, _)| object.contains_key(*name)) {
                return Err(taken(name));
            }
            let added: Map<String, Value> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(&**value))).collect();
            let added = Value::Object(added).to_string();
            // What was written stays to the letter: it may be what was signed.
            let end = body.iter().rposition(|byte| *byte == b'}').unwrap_or_default();
            let comma: &[u8] = if object.is_empty() { b"" } else { b"," };
            [&body[..end], comma, &added.as_bytes()[1..]].concat()
        }
        _ => {
            return Err(denied(
                "a signature adds fields to the body: it must be a form or JSON, and its content-type say so",
            ));
        }
    };
    *request.body_mut() = Some(body.into());
    Ok(())
}

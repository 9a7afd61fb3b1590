//! Cookies and addresses of browsers, and the security headers of responses.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use maud::Markup;
use twofactor::sign_in::{BrowserSecret, Visit};
use url::Url;

use super::public::PublicUrl;
use super::site::Site;
use crate::client_address;
use crate::cookies::{cookie, cookies, set_cookie};
use crate::request_limits::FORM_FIELDS;

/// The data that every request of a browser has.
pub(super) struct Client {
    /// `Accept-Language`.
    pub(super) languages: Option<String>,
    /// Its network address.
    pub(super) address: Option<IpAddr>,
    /// Whether a person opens the page, rather than something that looks at links.
    pub(super) opens: bool,
    /// Whether a page of the application shows it in a frame.
    pub(super) framed: bool,
    headers: HeaderMap,
}

impl FromRequestParts<Site> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Infallible> {
        let headers = parts.headers.clone();
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let destination = said("sec-fetch-dest");
        let framed = destination == Some("iframe");
        let opens = parts.method == Method::GET
            && (framed || destination.is_none_or(|destination| destination == "document"))
            && said("sec-purpose").or(said("purpose")).is_none();
        Ok(Self {
            languages: said("accept-language").map(str::to_owned),
            address: peer.map(|peer| client_address::address(peer, &headers, &site.proxies)),
            opens,
            framed,
            headers,
        })
    }
}

impl Client {
    /// Returns the cookie that this browser got when it opened the link.
    pub(super) fn cookie(&self, public: &PublicUrl, secret: &str) -> Option<&str> {
        cookie(&self.headers, &public.cookie_name(secret))
    }

    /// Returns the secret of a browser that may be remembered for a person.
    pub(super) fn remembered(&self, public: &PublicUrl, person: &str) -> Option<&str> {
        cookie(&self.headers, &public.remembered_name(person))
    }

    /// Returns its `User-Agent`.
    pub(super) fn user_agent(&self) -> &str {
        self.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default()
    }

    /// Returns whether a form of this page was sent. A page that says `no-referrer` sends `Origin: null` with its own forms, so it is
    /// `Sec-Fetch-Site` that tells; `Origin` counts where a browser has no such header.
    pub(super) fn is_from_here(&self, public: &PublicUrl) -> bool {
        let said = |name: HeaderName| self.headers.get(name).map(|value| value.as_bytes());
        match said(HeaderName::from_static("sec-fetch-site")) {
            Some(site) => site == b"same-origin",
            None => said(header::ORIGIN) == Some(public.origin().as_bytes()),
        }
    }
}

/// Names and values of a form or a query; the first of a name counts.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().take(FORM_FIELDS).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// The query of a URL.
pub(super) struct Query(pub(super) Fields);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Fields::of(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

/// A form that was sent.
pub(super) struct Form(pub(super) Fields);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self(Fields::of(&bytes)))
    }
}

/// The maximum number of sign-ins, and of people, that one browser has cookies for. The oldest are removed, so that
/// its requests stay short enough for any server.
const COOKIES: usize = 10;

/// How long a browser keeps the cookie of a sign-in, in seconds: as long as the page that is open for longest. The sign-in itself may
/// expire before.
const BOUND_FOR: u32 = 1800;

/// Sets a cookie and removes the oldest ones: a part of a response.
pub(super) type SetCookies = AppendHeaders<Vec<(HeaderName, String)>>;

/// Gives a browser the cookie of a sign-in.
pub(super) fn give(client: &Client, public: &PublicUrl, secret: &str, value: &str) -> SetCookies {
    set(client, public, (public.cookie_prefix(), &public.cookie_name(secret)), (value, BOUND_FOR))
}

/// Gives a browser the cookie by which it is recognized as remembered for a person.
pub(super) fn remember(client: &Client, public: &PublicUrl, person: &str, it: &BrowserSecret) -> SetCookies {
    let name = public.remembered_name(person);
    let seconds = it.days * 24 * 3600;
    set(client, public, (public.remembered_prefix(), &name), (it.secret.expose(), seconds))
}

/// Sets a cookie. `Lax`, so that the browser sends it when the application sends the
/// browser here a second time, and not with a form of another site. In a frame of another site, a browser accepts only a cookie that
/// it keeps apart for that site (`Partitioned`).
fn set(client: &Client, public: &PublicUrl, (prefix, name): (&str, &str), (value, seconds): (&str, u32)) -> SetCookies {
    let attributes = match (public.is_secure(), client.framed) {
        (true, true) => "HttpOnly; SameSite=None; Secure; Partitioned",
        (true, false) => "HttpOnly; SameSite=Lax; Secure",
        (false, _) => "HttpOnly; SameSite=Lax",
    };
    // Browsers send the one they got first at the beginning (RFC 6265 section 5.4).
    let known = cookies(&client.headers).map(|(known, _)| known);
    let others: Vec<&str> = known.filter(|known| known.starts_with(prefix) && *known != name).collect();
    let oldest = &others[..(others.len() + 1).saturating_sub(COOKIES)];
    let own = set_cookie(name, value, Some(seconds), attributes);
    let removed = oldest.iter().map(|other| set_cookie(other, "", Some(0), attributes));
    AppendHeaders([own].into_iter().chain(removed).collect())
}

/// Returns a random value that marks the scripts of one response: a browser runs no others.
pub(super) fn nonce() -> String {
    let mut bytes = [0; 16];
    // Without randomness no script runs: an empty nonce matches nothing.
    getrandom::fill(&mut bytes).map_or_else(|_| String::new(), |()| hex::encode(bytes))
}

/// Returns a page, with all that keeps other sites away from it.
pub(super) fn page(status: StatusCode, markup: Markup, visit: Option<&Visit>, nonce: &str) -> Response {
    let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    let mut response = (status, html, markup.into_string()).into_response();
    guard(&mut response, visit, nonce);
    response
}

/// Elsewhere.
pub(super) fn go(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::from_str(to) {
        Ok(to) => drop(response.headers_mut().insert(header::LOCATION, to)),
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    guard(&mut response, None, "");
    response
}

/// Returns a file that belongs to a link.
pub(super) fn asset(media_type: &'static str, bytes: Vec<u8>) -> Response {
    let mut response = ([(header::CONTENT_TYPE, media_type)], Body::from(bytes)).into_response();
    guard(&mut response, None, "");
    let nothing = HeaderValue::from_static("default-src 'none'; sandbox");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, nothing);
    response
}

/// What the pages may use of the browser.
const PERMISSIONS: &str = "publickey-credentials-get=(self), publickey-credentials-create=(self), otp-credentials=(self), \
                           clipboard-write=(self), camera=(), microphone=(), geolocation=()";

fn guard(response: &mut Response, visit: Option<&Visit>, nonce: &str) {
    // A form's redirects count as its target too, and the application may redirect the browser
    // anywhere.
    let back = visit.and_then(|visit| Url::parse(visit.return_url()).ok());
    let loopback =
        back.filter(|url| url.scheme() == "http").map(|url| format!(" {}", url.origin().ascii_serialization()));
    // The settings of the page allow origins only, which have no character that could end the list.
    let frames = visit.map(|visit| visit.page.top_origins.as_slice()).unwrap_or_default();
    let script = if nonce.is_empty() { "'none'".to_owned() } else { format!("'nonce-{nonce}'") };
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src {script}; img-src 'self'; form-action 'self' https:{}; \
         base-uri 'none'; frame-ancestors {}; require-trusted-types-for 'script'; trusted-types 'none'",
        loopback.unwrap_or_default(),
        if frames.is_empty() { "'none'".to_owned() } else { frames.join(" ") },
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex, nofollow"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", PERMISSIONS),
        ("vary", "accept-language, cookie"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // This header knows no list of origins, so it goes where there is one.
    if frames.is_empty() {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
}

/// Returns the URL at which the application learns that the sign-in did not happen (RFC 6749
/// section 4.1.2.1).
pub(super) fn denied(visit: &Visit) -> String {
    returned(visit, "error", "access_denied")
}

/// Returns the URL at which the application learns that the person has no passkey and must sign in otherwise (OpenID Connect Core
/// section 3.1.2.6), with the user name that the person typed (`login_hint`, section 3.1.2.1).
pub(super) fn without_passkey(visit: &Visit, name: Option<&str>) -> String {
    let more = [Some(("error", "login_required")), name.map(|name| ("login_hint", name))];
    back(visit, more.into_iter().flatten())
}

/// Returns the return URL with `state` and one more parameter.
pub(super) fn returned(visit: &Visit, name: &str, value: &str) -> String {
    back(visit, [(name, value)])
}

/// Returns the return URL with `state` only: nothing was signed in to.
pub(super) fn returned_without(visit: &Visit) -> String {
    back(visit, [])
}

fn back<'a>(visit: &Visit, more: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let Ok(mut url) = Url::parse(visit.return_url()) else {
        return visit.return_url().to_owned();
    };
    url.query_pairs_mut().append_pair("state", visit.state()).extend_pairs(more);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_a_bounded_number_of_fields() {
        let fields = Fields::of("a=1&".repeat(FORM_FIELDS + 1).as_bytes());
        assert_eq!(fields.0.len(), FORM_FIELDS);
    }
}

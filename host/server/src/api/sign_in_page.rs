//! How a subscription's sign-in page is set.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Body;
use super::caller::Administrator;
use super::instances::expected;
use super::problem::Problem;

/// The settings of a sign-in page.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInPage {
    /// Where browsers may be sent at the end: `https:`, or `http:` on a loopback address. These very strings and no other.
    return_urls: Vec<String>,
    /// The application's name on the page; the subscription's if not said.
    application_name: Option<String>,
    /// A picture above the form: a `data:` URI of a PNG, JPEG or WebP of at most 64 KiB.
    logo: Option<String>,
    #[serde(default)]
    colours: Colours,
    /// Where a person finds help: `https:` or `mailto:`.
    support_url: Option<String>,
}

/// Colours as `#rrggbb`. What could not be read is refused; a dark page makes its own of them.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Colours {
    /// Of buttons and links: at least 4.5 to 1 against white.
    accent: Option<String>,
    /// Behind the form: at least 4.5 to 1 against dark text.
    background: Option<String>,
}

impl From<twofactor::SignInPage> for SignInPage {
    fn from(page: twofactor::SignInPage) -> Self {
        Self {
            return_urls: page.return_urls,
            application_name: page.application_name,
            logo: page.logo,
            colours: Colours { accent: page.colours.accent, background: page.colours.background },
            support_url: page.support_url,
        }
    }
}

impl From<SignInPage> for twofactor::SignInPage {
    fn from(page: SignInPage) -> Self {
        Self {
            return_urls: page.return_urls,
            application_name: page.application_name,
            logo: page.logo,
            colours: twofactor::Colours { accent: page.colours.accent, background: page.colours.background },
            support_url: page.support_url,
        }
    }
}

fn tagged((page, revision): (twofactor::SignInPage, u64)) -> Response {
    let mut response = Json(SignInPage::from(page)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// How a subscription's sign-in page is set.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/sign-in-page", operation_id = "readSignInPage", tag = "administration",
    responses((status = 200, body = SignInPage, headers(("ETag" = String)))))]
pub(super) async fn read(administrator: Administrator, Path(subscription): Path<String>) -> Result<Response, Problem> {
    Ok(tagged(administrator.of(&subscription)?.sign_in_page(&subscription).await?))
}

/// Sets it. With `If-Match` only if nobody else changed it meanwhile: else 412 `precondition-failed`.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/sign-in-page", operation_id = "replaceSignInPage", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the settings as they were read.")),
    request_body = SignInPage, responses((status = 200, body = SignInPage)))]
pub(super) async fn replace(
    administrator: Administrator,
    Path(subscription): Path<String>,
    headers: HeaderMap,
    Body(page): Body<SignInPage>,
) -> Result<Response, Problem> {
    let admin = administrator.of(&subscription)?;
    let set = admin.set_sign_in_page(&subscription, page.into(), if_match(&headers)).await;
    Ok(tagged(set.map_err(Problem::of_a_condition)?))
}

/// As `expected`, which says 0 for a tag that cannot be ours: here that is the revision of a page never set.
fn if_match(headers: &HeaderMap) -> Option<u64> {
    match expected(headers) {
        Some(0) if headers.get(header::IF_MATCH).is_some_and(|tag| tag != "\"0\"") => Some(u64::MAX),
        expected => expected,
    }
}

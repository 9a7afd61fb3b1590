//! How a subscription's sign-in page is set.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Body, Segments};
use super::condition::{Expected, tagged};
use crate::access::{Administrator, Reader};
use crate::problem::Problem;

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
    #[serde(default, deserialize_with = "super::body::object")]
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

fn answer((page, revision): (twofactor::SignInPage, u64)) -> Response {
    tagged(StatusCode::OK, revision, SignInPage::from(page))
}

/// How a subscription's sign-in page is set.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/sign-in-page", operation_id = "readSignInPage", tag = "administration",
    responses((status = 200, body = SignInPage, headers(("ETag" = String)))))]
pub(super) async fn read(reader: Reader, Segments(subscription): Segments<String>) -> Result<Response, Problem> {
    Ok(answer(reader.of(&subscription)?.sign_in_page(&subscription).await?))
}

/// Sets it. With `If-Match` only if nobody else changed it meanwhile: else 412 `precondition-failed`.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/sign-in-page", operation_id = "replaceSignInPage", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the settings as they were read.")),
    request_body = SignInPage, responses((status = 200, body = SignInPage, headers(("ETag" = String)))))]
pub(super) async fn replace(
    administrator: Administrator,
    Segments(subscription): Segments<String>,
    Expected(revision): Expected,
    Body(page): Body<SignInPage>,
) -> Result<Response, Problem> {
    let admin = administrator.of(&subscription)?;
    Ok(answer(admin.set_sign_in_page(&subscription, page.into(), revision).await?))
}

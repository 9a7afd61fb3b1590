//! The settings of the sign-in page of a subscription.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{Body, Parameters, Segments};
use super::condition::{Expected, tagged};
use crate::access::{Administrator, Reader};
use crate::problem::Problem;

/// The settings of a sign-in page.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInPage {
    /// URLs to which browsers may return: `https:`, or `http:` on a loopback address. They are compared exactly.
    return_urls: Vec<String>,
    /// The name of the application on the page; by default that of the subscription.
    application_name: Option<String>,
    /// An image above the form: a `data:` URI of a PNG, JPEG or WebP of at most 64 KiB.
    logo: Option<String>,
    #[serde(default, deserialize_with = "super::body::object")]
    colors: Colors,
    /// A link to support: `https:` or `mailto:`.
    support_url: Option<String>,
    /// The WebAuthn relying party id: a host name, such as `example.com`, that is not a public suffix. Passkeys belong to it and stop
    /// working when it changes. By default the host of the server's public URL.
    #[schema(example = "example.com")]
    rp_id: Option<String>,
    /// The origins whose pages may use factors: `https:` at the RP ID or below it, `http:` on `localhost`, or `android:apk-key-hash:…` of
    /// an app. They are compared exactly. By default the origin of the server's public URL.
    #[serde(default)]
    #[schema(max_items = 20)]
    origins: Vec<String>,
    /// Further origins, in other domains, whose pages may use factors. This server lists them at `/.well-known/webauthn` if it is at the
    /// RP ID.
    #[serde(default)]
    #[schema(max_items = 20)]
    related_origins: Vec<String>,
    /// The origins that may show those pages in frames.
    #[serde(default)]
    #[schema(max_items = 20)]
    top_origins: Vec<String>,
}

/// Colors, as `#rrggbb`. Colors without enough contrast are refused. In dark mode they are adapted.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Colors {
    /// Buttons and links: contrast of at least 4.5:1 with white.
    accent: Option<String>,
    /// Behind the form: contrast of at least 4.5:1 with dark text.
    background: Option<String>,
}

impl From<twofactor::sign_in::SignInPage> for SignInPage {
    fn from(page: twofactor::sign_in::SignInPage) -> Self {
        Self {
            return_urls: page.return_urls,
            application_name: page.application_name,
            logo: page.logo,
            colors: Colors { accent: page.colors.accent, background: page.colors.background },
            support_url: page.support_url,
            rp_id: page.rp_id,
            origins: page.origins,
            related_origins: page.related_origins,
            top_origins: page.top_origins,
        }
    }
}

impl From<SignInPage> for twofactor::sign_in::SignInPage {
    fn from(page: SignInPage) -> Self {
        Self {
            return_urls: page.return_urls,
            application_name: page.application_name,
            logo: page.logo,
            colors: twofactor::sign_in::Colors { accent: page.colors.accent, background: page.colors.background },
            support_url: page.support_url,
            rp_id: page.rp_id,
            origins: page.origins,
            related_origins: page.related_origins,
            top_origins: page.top_origins,
        }
    }
}

fn answer((page, revision): (twofactor::sign_in::SignInPage, u64)) -> Response {
    tagged(StatusCode::OK, revision, SignInPage::from(page))
}

/// Returns the settings of the sign-in page.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/sign-in-page", operation_id = "readSignInPage", tag = "administration",
    responses((status = 200, body = SignInPage, headers(("ETag" = String)))))]
pub(super) async fn read(reader: Reader, Segments(subscription): Segments<String>) -> Result<Response, Problem> {
    Ok(answer(reader.of(&subscription)?.sign_in_page(&subscription).await?))
}

/// What a change may do.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Confirmed {
    /// `rp-id` confirms that the RP ID changes and that the passkeys of the subscription stop working.
    #[param(inline)]
    confirm: Option<Confirmation>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Confirmation {
    RpId,
}

/// Replaces the settings of the sign-in page. With `If-Match`, returns 412 `precondition-failed` if someone else modified them. Returns
/// 409 `conflict` if the RP ID changes, the subscription has passkeys, and this is not confirmed.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/sign-in-page", operation_id = "replaceSignInPage", tag = "administration",
    params(Confirmed, ("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
    request_body = SignInPage, responses((status = 200, body = SignInPage, headers(("ETag" = String)))))]
pub(super) async fn replace(
    administrator: Administrator,
    Segments(subscription): Segments<String>,
    Expected(revision): Expected,
    Parameters(Confirmed { confirm }): Parameters<Confirmed>,
    Body(page): Body<SignInPage>,
) -> Result<Response, Problem> {
    let admin = administrator.of(&subscription)?;
    let set = match confirm {
        Some(Confirmation::RpId) => admin.set_sign_in_page_and_end_passkeys(&subscription, page.into(), revision).await,
        None => admin.set_sign_in_page(&subscription, page.into(), revision).await,
    };
    Ok(answer(set?))
}

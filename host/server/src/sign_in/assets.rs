//! Style sheets and scripts of the pages, under paths that contain a digest of their content: a
//! browser may cache them forever.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::get;
use ring::digest::{SHA256, digest};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");
const PASSKEY: &str = include_str!("assets/passkey.js");

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path(STYLE, "css"));
static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| path(SCRIPT, "js"));
static PASSKEY_PATH: LazyLock<String> = LazyLock::new(|| path(PASSKEY, "js"));

pub(super) fn style_path() -> &'static str {
    &STYLE_PATH
}

pub(super) fn script_path() -> &'static str {
    &SCRIPT_PATH
}

/// Returns the script of pages with a passkey.
pub(crate) fn passkey_path() -> &'static str {
    &PASSKEY_PATH
}

fn path(content: &str, ending: &str) -> String {
    let digest = digest(&SHA256, content.as_bytes());
    format!("/sign-in-assets/{}.{ending}", hex::encode(&digest.as_ref()[..12]))
}

pub(super) fn routes() -> Router {
    Router::new()
        .route(style_path(), get(|| async { file("text/css; charset=utf-8", STYLE) }))
        .route(script_path(), get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }))
        .route(passkey_path(), get(|| async { file("text/javascript; charset=utf-8", PASSKEY) }))
}

fn file(media_type: &'static str, content: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    (headers, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_styles_are_small() {
        assert!(PASSKEY.len() <= 3 << 10, "{}", PASSKEY.len());
        assert!(PASSKEY.len() + SCRIPT.len() + STYLE.len() < 20 << 10);
    }
}

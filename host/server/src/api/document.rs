//! The OpenAPI document, made from the calls themselves.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response};
use utoipa::{Modify, OpenApi};

use super::problem::ProblemBody;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "TwoFactor",
        description = "Second factors: start a challenge, verify its code; administer the instances that deliver it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody)),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "challenges", description = "For applications, with a token of the role `application`."),
        (name = "administration", description = "For administrators.")
    )
)]
struct Frame;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    }
}

/// The document without its calls.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}

/// The API's OpenAPI 3.1 document, as JSON.
pub fn openapi() -> String {
    let mut document = super::calls().into_openapi();
    let problem = Content::new(Some(Ref::from_schema_name("ProblemBody")));
    let mut refused = Response::new("A problem (RFC 9457); what its `type` ends in is stable.");
    refused.content.insert("application/problem+json".to_owned(), RefOr::T(problem));
    for path in document.paths.paths.values_mut() {
        let calls = [&mut path.get, &mut path.put, &mut path.post, &mut path.patch, &mut path.delete];
        for call in calls.into_iter().flatten() {
            call.responses.responses.insert("default".to_owned(), RefOr::T(refused.clone()));
        }
    }
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    /// `cargo run -- openapi > host/server/openapi.json` writes it anew.
    #[test]
    fn the_document_that_is_checked_in_is_the_one_the_code_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == super::openapi(), "openapi.json is stale: cargo run -- openapi > host/server/openapi.json");
    }
}

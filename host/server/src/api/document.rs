//! The OpenAPI document, generated from the calls.

use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::problem::ProblemBody;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "TwoFactor",
        description = "Second factors: start and verify challenges, enrol factors, and administer the instances behind them.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody)),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "challenges", description = "For applications, with a token of the role `application`."),
        (name = "administration", description = "For administrators. Auditors can make calls that only read.")
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

/// Returns the document without its calls.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}

/// Returns the OpenAPI 3.1 document of the API, as JSON.
pub fn openapi() -> String {
    let mut document = serde_json::to_value(super::calls().into_openapi()).unwrap_or_default();
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        for (path, calls) in paths {
            for (method, call) in calls.as_object_mut().into_iter().flatten() {
                name_parameters(path, call);
                describe_refusals(method, path, call);
                if let Some(content) = call.pointer_mut("/requestBody/content/application~1wasm") {
                    *content = json!({"schema": {"type": "string", "format": "binary"}});
                }
            }
        }
    }
    open_objects(&mut document);
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Adds the parameters of paths, and makes no header nullable.
fn name_parameters(path: &str, call: &mut Value) {
    let Some(call) = call.as_object_mut() else { return };
    let parameters = call.entry("parameters").or_insert_with(|| json!([]));
    let Some(parameters) = parameters.as_array_mut() else { return };
    for header in parameters.iter_mut().filter(|one| one["in"] == "header") {
        header["schema"] = json!({"type": "string"});
    }
    let named = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let missing: Vec<&str> = named.filter(|name| !parameters.iter().any(|one| one["name"] == *name)).collect();
    for (n, name) in missing.into_iter().enumerate() {
        let (schema, description) = match name {
            "subscription" => (json!({"type": "string"}), "The subscription."),
            "kind" => (json!({"$ref": "#/components/schemas/Kind"}), "The kind of the target."),
            "user" => {
                (json!({"type": "string", "minLength": 1, "maxLength": 256}), "The user, as the application names it.")
            }
            "type" => (json!({"type": "string"}), "The type of a provider."),
            _ if path.contains("/directory/") => {
                (json!({"type": "string", "minLength": 1, "maxLength": 256}), "The id, as the application names it.")
            }
            _ => (json!({"type": "string"}), "The id."),
        };
        let parameter =
            json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema});
        parameters.insert(n, parameter);
    }
    if parameters.is_empty() {
        call.remove("parameters");
    }
}

/// Adds the error responses of a call.
fn describe_refusals(method: &str, path: &str, call: &mut Value) {
    let application = call["tags"][0] == "challenges";
    let conditional = call["parameters"].as_array().into_iter().flatten().any(|one| one["name"] == "If-Match");
    let body = !call["requestBody"].is_null();
    let parameters = !call["parameters"].is_null();
    let challenge = path.starts_with("/v1/challenges");
    let enrolment = path.starts_with("/v1/enrolments");
    let factor = path.starts_with("/v1/users/") && application;
    let name = call["operationId"].as_str().unwrap_or_default().to_owned();
    let Some(responses) = call["responses"].as_object_mut() else { return };
    let taken = [
        "createAccount",
        "changeAccount",
        "removeAccount",
        "inviteAccount",
        "rollBackProvider",
        "createSubscription",
        "createTwoFactor",
        "removeSubscription",
        "removeDirectoryEntry",
        "startChallenge",
        "beginEnrolment",
        "finishEnrolment",
        "addAddress",
        "verifyAddress",
        "beginSignIn",
        "redeemSignIn",
        "replaceSecondFactor",
        "replaceSignInPage",
    ]
    .contains(&&*name);
    // Those that verify ask the upstream if that generated the code.
    let upstream =
        ["startChallenge", "resendChallenge", "verifyChallenge", "addAddress", "verifyAddress"].contains(&&*name);
    // A pass is one of the proofs.
    let proved = ["beginEnrolment", "removeFactor", "addAddress", "removeAddress"].contains(&&*name);
    // They refuse to change an administrator's account.
    let protected = proved || ["renameFactor", "beginSignIn"].contains(&&*name);
    // Without `If-Match`, too.
    let overtaken = ["addProvider", "rollBackProvider", "removeProvider", "importDirectory"].contains(&&*name);
    for (status, here, description) in [
        ("400", body || parameters, "Invalid request: `invalid-input`. `errors` lists the invalid fields."),
        ("401", true, "The token is missing, expired or revoked: `unauthorized`."),
        (
            "403",
            protected,
            "The role of the token does not allow this call, or not for this object: `forbidden`. The proof is not enough: `proof-required`.",
        ),
        ("403", true, "The role of the token does not allow this call, or not for this object: `forbidden`."),
        ("404", factor, "The user has no such factor: `not-found`."),
        ("404", name == "readSignIn", "It does not exist, or does not belong to the caller: `not-found`."),
        ("404", name == "issueToken", "The subscription does not belong to the caller: `not-found`."),
        (
            "404",
            !application && path.contains('{'),
            "It does not exist, or does not belong to the caller: `not-found`.",
        ),
        ("409", taken, "It conflicts with the current state: `conflict`, `not-available`."),
        (
            "410",
            challenge && path.contains('{') || name == "verifyAddress",
            "The challenge is used, expired, locked, cancelled or unknown: `challenge-closed`.",
        ),
        (
            "410",
            name == "finishEnrolment",
            "The enrolment is finished, replaced, expired, of another token, or unknown: `enrolment-closed`.",
        ),
        (
            "410",
            name == "redeemSignIn",
            "The handle is unknown, redeemed, expired, or of another sign-in: `sign-in-closed`.",
        ),
        (
            "410",
            name == "beginEnrolment",
            "The enrolment of the first request is closed: `enrolment-closed`. The proof is a pass, and the user is locked: `challenge-closed`.",
        ),
        ("410", proved, "The proof is a pass, and the user is locked: `challenge-closed`."),
        ("412", conditional || overtaken, "Modified by someone else: `precondition-failed`."),
        ("408", body, "The body did not arrive in time: `request-timeout`."),
        ("413", body, "The body is too long: `too-large`."),
        (
            "422",
            challenge && method == "post",
            "`code-rejected`, `recipient-rejected`, `requirement-unmet`, or `idempotency-key-reused`.",
        ),
        ("422", name == "addAddress", "`recipient-rejected` or `idempotency-key-reused`."),
        ("422", name == "verifyAddress", "`code-rejected`."),
        ("422", ["beginSignIn", "testTwoFactor"].contains(&&*name), "`recipient-rejected`."),
        ("422", enrolment, "`code-rejected`, `requirement-unmet`, or `idempotency-key-reused`."),
        (
            "429",
            challenge || enrolment || factor || ["addAddress", "verifyAddress", "beginSignIn"].contains(&&*name),
            "Too many requests: `rate-limited`, with `Retry-After`, or `user-locked`, without.",
        ),
        (
            "502",
            upstream,
            "The message could not be delivered, or the code not verified: `delivery-failed`, with `retryable`.",
        ),
        ("503", true, "Temporarily unavailable: `unavailable`, `delivery-failed`."),
        ("default", true, "A problem (RFC 9457). The end of its `type` is stable."),
    ] {
        if here && !responses.contains_key(status) {
            let content = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}});
            responses.insert(status.to_owned(), json!({"description": description, "content": content}));
        }
    }
}

/// Allows any fields in objects without further description; client generators would treat them as empty.
fn open_objects(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let object = match fields.get("type") {
                Some(Value::String(one)) => one == "object",
                Some(Value::Array(several)) => several.contains(&json!("object")),
                _ => false,
            };
            let said = ["properties", "additionalProperties", "allOf", "oneOf", "anyOf"];
            if object && !said.iter().any(|word| fields.contains_key(*word)) {
                fields.insert("additionalProperties".to_owned(), Value::Bool(true));
            }
            fields.values_mut().for_each(open_objects);
        }
        Value::Array(items) => items.iter_mut().for_each(open_objects),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn a_status_that_the_text_of_a_call_names_is_among_its_responses() {
        let document: Value = serde_json::from_str(&super::openapi()).unwrap_or_default();
        assert!(document["paths"].as_object().is_some_and(|paths| paths.len() > 30));
        for (path, calls) in document["paths"].as_object().into_iter().flatten() {
            for (method, call) in calls.as_object().into_iter().flatten() {
                // Its text names what another call returns.
                if call["operationId"] == "unlockUser" {
                    continue;
                }
                let text = format!("{} {}", call["summary"], call["description"]);
                let numbers = text.split(|c: char| !c.is_ascii_digit());
                for status in numbers.filter(|number| number.len() == 3 && number.starts_with('4')) {
                    assert!(call["responses"].get(status).is_some(), "{method} {path}: {status}");
                }
            }
        }
    }

    /// `cargo run -- openapi > host/server/openapi.json` updates it.
    #[test]
    fn the_checked_in_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if std::env::var_os("UPDATE_TEXTS").is_some() {
            std::fs::write(path, super::openapi()).unwrap_or_default();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == super::openapi(), "openapi.json is stale: cargo run -- openapi > host/server/openapi.json");
    }
}

//! The providers that are loaded.

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use twofactor::{ProviderInfo, RecipientKind};
use utoipa::ToSchema;

use super::body::Raw;
use super::caller::{Administrator, Reader};
use super::problem::Problem;

/// What a provider delivers to.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "it is the document's")]
enum RecipientWord {
    Email,
    Phone,
    Handle,
}

/// A provider.
#[derive(Serialize, ToSchema)]
pub(super) struct Provider {
    /// The type of the instances it serves.
    r#type: String,
    /// For people.
    name: String,
    /// Its own version.
    version: String,
    /// The way a code takes.
    channel: String,
    /// What it delivers to.
    #[schema(value_type = RecipientWord)]
    recipient: &'static str,
    /// JSON Schema 2020-12 of its options; `writeOnly` marks a secret.
    #[schema(value_type = Object)]
    options_schema: Value,
    /// SHA-256 of the component, in hexadecimal.
    digest: String,
    /// The interfaces it imports.
    imports: Vec<String>,
    /// What these imports let it do, in words.
    may: Vec<&'static str>,
}

impl From<ProviderInfo> for Provider {
    fn from(info: ProviderInfo) -> Self {
        let recipient = match info.manifest.recipient {
            RecipientKind::EmailAddress => "email",
            RecipientKind::PhoneNumber => "phone",
            RecipientKind::Handle => "handle",
        };
        Self {
            r#type: info.manifest.type_id,
            name: info.manifest.name,
            version: info.manifest.version,
            channel: info.manifest.channel,
            recipient,
            options_schema: info.manifest.options_schema,
            digest: info.digest,
            imports: info.imports,
            may: info.may,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct ProviderList {
    providers: Vec<Provider>,
}

/// The providers that are loaded.
#[utoipa::path(get, path = "/v1/providers", operation_id = "listProviders", tag = "administration", responses((status = 200, body = ProviderList)))]
pub(super) async fn list(reader: Reader) -> Json<ProviderList> {
    let all = reader.of_anything().providers();
    Json(ProviderList { providers: all.into_iter().map(Provider::from).collect() })
}

/// Loads a component and keeps it (system administrators). It serves all instances of its type from now on.
#[utoipa::path(post, path = "/v1/providers", operation_id = "addProvider", tag = "administration",
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 201, body = Provider)))]
pub(super) async fn add(
    administrator: Administrator,
    Raw(component): Raw,
) -> Result<(StatusCode, Json<Provider>), Problem> {
    let added = administrator.of_the_system()?.add_provider(&component).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

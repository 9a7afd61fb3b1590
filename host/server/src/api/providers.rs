//! The providers that are loaded.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use twofactor::{Capability, Destination, NewProvider, ProviderInfo, RecipientKind};
use utoipa::{IntoParams, ToSchema};

use super::body::{Parameters, Raw};
use super::instances::Affected;
use crate::access::{Administrator, Reader};
use crate::problem::Problem;
use crate::wording::{Language, capabilities};

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
    /// What these imports and its manifest let it do, as sentences for people that follow "It may".
    may: Vec<String>,
    /// The same by stable names, such as `http`, `smtp`, `log`, `code` or `secret:TwilioAuthToken`.
    capabilities: Vec<String>,
    /// Whose signature it carries, of those that this installation trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    /// When it was added; not there for one that comes with the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_at: Option<Timestamp>,
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
            may: capabilities(Language::English, &info.capabilities),
            capabilities: info.capabilities.iter().map(Capability::to_string).collect(),
            signed_by: info.signed_by,
            added_at: info.added_at,
        }
    }
}

/// A component that was added and does not serve.
#[derive(Serialize, ToSchema)]
struct Refused {
    /// The type that it was to serve.
    r#type: String,
    /// SHA-256 of the component, in hexadecimal.
    digest: String,
    /// When it was added.
    added_at: Timestamp,
    /// Why it does not serve, in a sentence.
    why: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ProviderList {
    /// Those that serve.
    providers: Vec<Provider>,
    /// Those that were added and do not serve, on the node that answers.
    refused: Vec<Refused>,
}

/// The providers that are loaded.
#[utoipa::path(get, path = "/v1/providers", operation_id = "listProviders", tag = "administration", responses((status = 200, body = ProviderList)))]
pub(super) async fn list(reader: Reader) -> Json<ProviderList> {
    let admin = reader.of_anything();
    let refused = admin.refused_providers().into_iter().map(|refused| Refused {
        r#type: refused.type_id,
        digest: refused.digest,
        added_at: refused.added_at,
        why: refused.why,
    });
    let providers = admin.providers().into_iter().map(Provider::from);
    Json(ProviderList { providers: providers.collect(), refused: refused.collect() })
}

/// What a component changes against the one that serves its type; all lists are empty where it is the first.
#[derive(Serialize, ToSchema)]
struct Changes {
    /// What it may do that the other may not, as sentences for people.
    may_newly: Vec<String>,
    /// What the other may do that it may not, as sentences for people.
    may_no_longer: Vec<String>,
    /// What it may do that the other may not, by stable names.
    added_capabilities: Vec<String>,
    /// What the other may do that it may not, by stable names.
    removed_capabilities: Vec<String>,
    /// Options that the other does not know.
    new_options: Vec<String>,
    /// Options that it does not know any more.
    lost_options: Vec<String>,
    /// Options that it requires and the other does not.
    newly_required: Vec<String>,
    /// Options that are secrets to the other and none to it: what is stored of them is shown and given to it from then on.
    no_longer_secret: Vec<String>,
    /// Whether its version comes before the other's: it is taken with `allow_older` only.
    is_older: bool,
    /// Where secrets of instances would go that they do not go to now: for `destinations`, if somebody approves.
    new_destinations: Vec<String>,
    /// The valid instances that would no longer be valid, and would send nothing: for `allow_invalid`, if somebody approves.
    made_invalid: Vec<Affected>,
}

/// What somebody approves before a component is added.
#[derive(Serialize, ToSchema)]
pub(super) struct Examined {
    provider: Provider,
    /// The digest of the component that serves its type: for `replaces`; empty if there is none.
    replaces: String,
    changes: Changes,
}

/// Looks at a component as adding it would, and keeps nothing of it (system administrators): what it may do, and what it changes.
#[utoipa::path(post, path = "/v1/providers/examination", operation_id = "examineProvider", tag = "administration",
    params(("Minisign-Signature" = Option<String>, Header, description = "The file that `minisign -S` makes, in base64.")),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 200, body = Examined)))]
pub(super) async fn examine(
    administrator: Administrator,
    headers: HeaderMap,
    Raw(component): Raw,
) -> Result<Json<Examined>, Problem> {
    let administration = administrator.of_the_system()?;
    let examined = administration.examine_provider(signed(NewProvider::new(component), &headers)?).await?;
    let type_id = &examined.info.manifest.type_id;
    let serving = administration.providers().into_iter().find(|serving| serving.manifest.type_id == *type_id);
    let changes = serving.as_ref().map(|serving| examined.info.changes_from(serving)).unwrap_or_default();
    let changes = Changes {
        may_newly: capabilities(Language::English, &changes.added_capabilities),
        may_no_longer: capabilities(Language::English, &changes.removed_capabilities),
        added_capabilities: changes.added_capabilities.iter().map(Capability::to_string).collect(),
        removed_capabilities: changes.removed_capabilities.iter().map(Capability::to_string).collect(),
        new_options: changes.new_options,
        lost_options: changes.lost_options,
        newly_required: changes.newly_required,
        no_longer_secret: changes.no_longer_secret,
        is_older: changes.is_older,
        new_destinations: examined.new_destinations.iter().map(Destination::to_string).collect(),
        made_invalid: examined.made_invalid.into_iter().map(Affected::from).collect(),
    };
    let replaces = serving.map(|serving| serving.digest).unwrap_or_default();
    Ok(Json(Examined { provider: examined.info.into(), replaces, changes }))
}

/// With the signature that a header brings.
fn signed(new: NewProvider, headers: &HeaderMap) -> Result<NewProvider, Problem> {
    let Some(encoded) = headers.get(SIGNATURE) else { return Ok(new) };
    let text = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| {
        let detail = "the header `Minisign-Signature` must be the signature's file in base64";
        Problem::new(StatusCode::BAD_REQUEST, "invalid-input", detail)
    })?;
    Ok(new.signature(text))
}

/// What is expected of a component.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Expected {
    /// Its SHA-256, as `sha256:` and 64 hexadecimal digits.
    digest: Option<String>,
    /// The digest of the component that it is to replace; empty if there is none.
    replaces: Option<String>,
    /// Whether it may have a lower version than the component it replaces; `false` if not said.
    #[serde(default)]
    allow_older: bool,
    /// Where secrets of instances may go that they do not go to now, with commas between; a refusal names them.
    destinations: Option<String>,
    /// Whether instances that are valid now may become invalid; `false` if not said. A refusal names them.
    #[serde(default)]
    allow_invalid: bool,
}

/// The header that brings a signature.
const SIGNATURE: &str = "Minisign-Signature";

/// Loads a component and keeps it (system administrators). It serves all instances of its type from now on.
#[utoipa::path(post, path = "/v1/providers", operation_id = "addProvider", tag = "administration",
    params(("Minisign-Signature" = Option<String>, Header, description = "The file that `minisign -S` makes, in base64."), Expected),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 201, body = Provider)))]
pub(super) async fn add(
    administrator: Administrator,
    Parameters(expected): Parameters<Expected>,
    headers: HeaderMap,
    Raw(component): Raw,
) -> Result<(StatusCode, Json<Provider>), Problem> {
    let administration = administrator.of_the_system()?;
    let mut new = NewProvider::new(component).allow_older(expected.allow_older).allow_invalid(expected.allow_invalid);
    if let Some(digest) = expected.digest {
        new = new.digest(digest);
    }
    if let Some(replaces) = expected.replaces {
        new = new.replacing(replaces.trim_start_matches("sha256:"));
    }
    if let Some(allowed) = expected.destinations {
        new = new.destinations(allowed.split(',').map(str::trim));
    }
    let added = administration.add_provider(signed(new, &headers)?).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

/// Which component is meant.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Meant {
    /// The digest of the component that is taken away: if another one serves by now, nothing happens.
    digest: Option<String>,
    /// Whether instances that are valid now may become invalid; `false` if not said. A refusal names them.
    #[serde(default)]
    allow_invalid: bool,
}

/// Has the component that served a type before serve it again (system administrators): the one that was replaced, or the one that
/// comes with the program. What serves now is taken away.
#[utoipa::path(post, path = "/v1/providers/{type}/rollback", operation_id = "rollBackProvider", tag = "administration", params(Meant),
    responses((status = 200, body = Provider)))]
pub(super) async fn roll_back(
    administrator: Administrator,
    Path(type_id): Path<String>,
    Parameters(meant): Parameters<Meant>,
) -> Result<Json<Provider>, Problem> {
    let admin = administrator.of_the_system()?;
    Ok(Json(admin.roll_back_provider(&type_id, meant.digest.as_deref(), meant.allow_invalid).await?.into()))
}

/// Takes all components away that were added for a type (system administrators). The one that comes with the program serves then, or
/// none.
#[utoipa::path(delete, path = "/v1/providers/{type}", operation_id = "removeProvider", tag = "administration", params(Meant),
    responses((status = 204)))]
pub(super) async fn remove(
    administrator: Administrator,
    Path(type_id): Path<String>,
    Parameters(meant): Parameters<Meant>,
) -> Result<StatusCode, Problem> {
    let admin = administrator.of_the_system()?;
    admin.remove_provider(&type_id, meant.digest.as_deref(), meant.allow_invalid).await?;
    Ok(StatusCode::NO_CONTENT)
}

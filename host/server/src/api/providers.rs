//! Providers.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use twofactor::admin::NewProvider;
use twofactor::sandbox::{FactorManifest, ProviderInfo, RecipientKind};
use utoipa::{IntoParams, ToSchema};

use super::body::{Parameters, Raw};
use super::instances::Affected;
use super::reach::{Capability, Destination};
use crate::access::{Administrator, Reader, SystemAdministrator};
use crate::problem::{Problem, ProblemType};

/// The kind of recipient that a provider delivers to.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "only for the OpenAPI document")]
enum RecipientWord {
    Email,
    Phone,
    Handle,
}

/// What kind of factor a provider verifies.
#[derive(Serialize, ToSchema)]
struct FactorKind {
    /// How an enrolment is finished: `typed-code`, `webauthn-create` or `show-once`.
    #[schema(example = "typed-code")]
    enrolment: &'static str,
    /// How a challenge is answered: `typed-code` or `webauthn-get`.
    #[schema(example = "typed-code")]
    challenge: &'static str,
    /// How many factors of one instance a user may have.
    max_per_user: u32,
    /// Whether a new factor ends the user's earlier ones of the instance.
    replaces_earlier: bool,
    /// Whether it is only a fallback, and never a user's only factor.
    never_sole: bool,
}

impl From<&FactorManifest> for FactorKind {
    fn from(factor: &FactorManifest) -> Self {
        Self {
            enrolment: factor.enrolment.name(),
            challenge: factor.challenge.name(),
            max_per_user: factor.max_per_user,
            replaces_earlier: factor.replaces_earlier,
            never_sole: factor.never_sole,
        }
    }
}

/// A provider.
#[derive(Serialize, ToSchema)]
pub(super) struct Provider {
    /// The type of its instances.
    r#type: String,
    /// The display name.
    name: String,
    /// Its own version.
    version: String,
    /// The channel.
    channel: String,
    /// The kind of recipient; absent for a factor that people hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RecipientWord>, nullable = false)]
    recipient: Option<&'static str>,
    /// What kind of factor it verifies; absent for a provider that sends messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    factor: Option<FactorKind>,
    /// The JSON Schema (2020-12) of its options. `writeOnly` marks a secret.
    #[schema(value_type = Object)]
    options_schema: Value,
    /// The SHA-256 digest of the component, in hexadecimal.
    digest: String,
    /// The interfaces it imports.
    imports: Vec<String>,
    /// What its imports and its manifest allow it to do.
    capabilities: Vec<Capability>,
    /// The trusted signer whose signature it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    /// When it was added; absent for a bundled one.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_at: Option<Timestamp>,
}

impl From<ProviderInfo> for Provider {
    fn from(info: ProviderInfo) -> Self {
        let recipient = info.manifest.recipient.map(|kind| match kind {
            RecipientKind::EmailAddress => "email",
            RecipientKind::PhoneNumber => "phone",
            RecipientKind::Handle => "handle",
        });
        Self {
            r#type: info.manifest.type_id,
            name: info.manifest.name,
            version: info.manifest.version,
            channel: info.manifest.channel,
            recipient,
            factor: info.manifest.factor.as_ref().map(FactorKind::from),
            options_schema: info.manifest.options_schema,
            digest: info.digest,
            imports: info.imports,
            capabilities: info.capabilities.iter().map(Capability::from).collect(),
            signed_by: info.signed_by,
            added_at: info.added_at,
        }
    }
}

/// A component that was added but cannot be used.
#[derive(Serialize, ToSchema)]
struct Refused {
    /// The type of its instances.
    r#type: String,
    /// The SHA-256 digest of the component, in hexadecimal.
    digest: String,
    /// When it was added.
    added_at: Timestamp,
    /// Why it cannot be used.
    why: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ProviderList {
    /// The active providers.
    providers: Vec<Provider>,
    /// Components that were added but cannot be used, on the server that responds.
    refused: Vec<Refused>,
}

/// Lists the providers.
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

/// What a component changes compared with the active one of its type. All lists are empty if it is the first.
#[derive(Serialize, ToSchema)]
struct Changes {
    /// What only the new component can do.
    added_capabilities: Vec<Capability>,
    /// What only the active component can do.
    removed_capabilities: Vec<Capability>,
    /// Options that only the new component has.
    added_options: Vec<String>,
    /// Options that only the active component has.
    removed_options: Vec<String>,
    /// Options that only the new component requires.
    added_required_options: Vec<String>,
    /// Options that are secret only for the active component. Their stored values would be shown, and passed to the new component.
    exposed_options: Vec<String>,
    /// Whether its version is lower. It is accepted only with `allow_downgrade`.
    is_downgrade: bool,
    /// New destinations of secrets. Pass those you approve in `destinations`.
    new_destinations: Vec<Destination>,
    /// Valid instances that would become invalid and send nothing. If you approve, pass `allow_invalid`.
    made_invalid: Vec<Affected>,
}

/// What adding a component would change.
#[derive(Serialize, ToSchema)]
pub(super) struct ProviderPreview {
    provider: Provider,
    /// The digest of the active component of its type, for `replaces`; empty if there is none.
    replaces: String,
    changes: Changes,
}

/// Checks a component without adding it, as adding it would: what it can do, and what it would change (system administrators).
#[utoipa::path(post, path = "/v1/providers/preview", operation_id = "previewProvider", tag = "administration",
    params(("Minisign-Signature" = Option<String>, Header, description = "The signature file of `minisign -S`, in base64.")),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 200, body = ProviderPreview)))]
pub(super) async fn preview(
    administrator: SystemAdministrator,
    headers: HeaderMap,
    Raw(component): Raw,
) -> Result<Json<ProviderPreview>, Problem> {
    let administration = administrator.administration();
    let examined = administration.examine_provider(signed(NewProvider::new(component), &headers)?).await?;
    let type_id = &examined.info.manifest.type_id;
    let serving = administration.providers().into_iter().find(|serving| serving.manifest.type_id == *type_id);
    let changes = serving.as_ref().map(|serving| examined.info.changes_from(serving)).unwrap_or_default();
    let changes = Changes {
        added_capabilities: changes.added_capabilities.iter().map(Capability::from).collect(),
        removed_capabilities: changes.removed_capabilities.iter().map(Capability::from).collect(),
        added_options: changes.new_options,
        removed_options: changes.lost_options,
        added_required_options: changes.newly_required,
        exposed_options: changes.no_longer_secret,
        is_downgrade: changes.is_downgrade,
        new_destinations: examined.new_destinations.iter().map(Destination::from).collect(),
        made_invalid: examined.made_invalid.into_iter().map(Affected::from).collect(),
    };
    let replaces = serving.map(|serving| serving.digest).unwrap_or_default();
    Ok(Json(ProviderPreview { provider: examined.info.into(), replaces, changes }))
}

/// Adds the signature from the request header.
fn signed(new: NewProvider, headers: &HeaderMap) -> Result<NewProvider, Problem> {
    let Some(encoded) = headers.get(SIGNATURE) else { return Ok(new) };
    let text = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| {
        let detail = "the header `Minisign-Signature` must be a signature file in base64";
        Problem::new(ProblemType::InvalidInput, detail)
    })?;
    Ok(new.signature(text))
}

/// Names and values of a query.
type Pairs = Vec<(String, String)>;

/// Conditions for adding a component.
#[derive(Deserialize, IntoParams)]
#[serde(try_from = "Pairs")]
#[into_params(parameter_in = Query)]
pub(super) struct Expected {
    /// The expected SHA-256 digest: `sha256:` and 64 hexadecimal digits.
    digest: Option<String>,
    /// The digest of the component that it replaces; empty if there is none.
    replaces: Option<String>,
    /// Whether it may have a lower version than the component that it replaces; `false` by default.
    #[serde(default)]
    allow_downgrade: bool,
    /// Approved new destinations of secrets, each as a separate parameter. An error lists those that are missing.
    #[serde(default)]
    destinations: Vec<String>,
    /// Whether valid instances may become invalid; `false` by default. An error lists them.
    #[serde(default)]
    allow_invalid: bool,
}

/// By hand, because one of the parameters may be repeated.
impl TryFrom<Pairs> for Expected {
    type Error = &'static str;

    fn try_from(parameters: Pairs) -> Result<Self, Self::Error> {
        let (mut digest, mut replaces, mut allow_downgrade, mut allow_invalid) = (None, None, None, None);
        let mut destinations = Vec::new();
        for (name, value) in parameters {
            let parameter = match &*name {
                "digest" => &mut digest,
                "replaces" => &mut replaces,
                "allow_downgrade" => &mut allow_downgrade,
                "allow_invalid" => &mut allow_invalid,
                "destinations" => {
                    destinations.push(value);
                    continue;
                }
                _ => return Err("unknown"),
            };
            if parameter.replace(value).is_some() {
                return Err("repeated");
            }
        }
        let flag = |text: Option<String>| text.map_or(Ok(false), |text| text.parse::<bool>().map_err(|_| "invalid"));
        let (allow_downgrade, allow_invalid) = (flag(allow_downgrade)?, flag(allow_invalid)?);
        Ok(Self { digest, replaces, allow_downgrade, destinations, allow_invalid })
    }
}

/// The header with the signature.
const SIGNATURE: &str = "Minisign-Signature";

/// Adds a component. It becomes the active one of its type immediately (system administrators).
#[utoipa::path(post, path = "/v1/providers", operation_id = "addProvider", tag = "administration",
    params(("Minisign-Signature" = Option<String>, Header, description = "The signature file of `minisign -S`, in base64."), Expected),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 201, body = Provider)))]
pub(super) async fn add(
    administrator: SystemAdministrator,
    Parameters(expected): Parameters<Expected>,
    headers: HeaderMap,
    Raw(component): Raw,
) -> Result<(StatusCode, Json<Provider>), Problem> {
    let administration = administrator.administration();
    let mut new = NewProvider::new(component)
        .allow_downgrade(expected.allow_downgrade)
        .destinations(expected.destinations)
        .allow_invalid(expected.allow_invalid);
    if let Some(digest) = expected.digest {
        new = new.digest(digest);
    }
    if let Some(replaces) = expected.replaces {
        new = new.replacing(replaces.trim_start_matches("sha256:"));
    }
    let added = administration.add_provider(signed(new, &headers)?).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

/// The component to remove.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Meant {
    /// The digest of the active component. If another one is active, the request fails.
    digest: Option<String>,
    /// Whether valid instances may become invalid; `false` by default. An error lists them.
    #[serde(default)]
    allow_invalid: bool,
}

/// Returns a type to its previous component: the replaced one, or the bundled one. The active component is removed (system
/// administrators).
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

/// Removes all components that were added for a type. The bundled one becomes active, if there is one (system administrators).
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

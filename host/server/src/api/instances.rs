//! TwoFactor instances of a subscription.

use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use twofactor::{GrantedConnection, InstanceChange, TestMessage};
use utoipa::ToSchema;

use super::body::{Body, Parameters, Segments};
use super::challenges::Recipient;
use super::condition::{Expected, tagged};
use super::part::{Part, size};
use crate::access::{Administrator, Reader};
use crate::problem::Problem;
use crate::wording::{Language, connection};

/// A TwoFactor instance.
#[derive(Serialize, ToSchema)]
pub(super) struct Instance {
    /// Opaque.
    id: String,
    subscription: String,
    /// The type, which names the provider.
    r#type: String,
    /// For people.
    name: String,
    /// Whether sign-ins may use it.
    active: bool,
    /// Whether its options, merged over the base service settings, satisfy the provider. If not it is not available.
    valid: bool,
    problems: Vec<OptionProblem>,
    /// What it may reach, as sentences for people.
    connections: Vec<String>,
    /// What it may reach, each with its destination and how the host authenticates there.
    granted: Vec<Granted>,
    /// Its own options, secrets masked. A mask sent back keeps the secret that stands there.
    #[schema(value_type = Object)]
    options: Value,
    /// Its own policy: the fields that differ from the installation's.
    #[schema(value_type = Option<PolicyPart>, required = true)]
    policy: Option<Value>,
    /// What should be reconsidered about the policy in force, which is its own over the installation's.
    policy_warnings: Vec<PolicyWarning>,
    /// Counts changes; also the `ETag`.
    revision: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Fields of a policy: how codes are made, sent and judged. The engine reads and judges them.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is the document's")]
pub(super) struct PolicyPart {
    /// Digits of a code.
    #[schema(minimum = 4, maximum = 10, nullable = false)]
    digits: Option<u8>,
    /// How many seconds a code is good.
    #[schema(minimum = 30, maximum = 600, nullable = false)]
    lifetime_seconds: Option<u32>,
    /// How many answers a challenge takes over all its codes.
    #[schema(minimum = 1, maximum = 10, nullable = false)]
    attempts: Option<u32>,
    /// How many seconds lie between two messages of a challenge.
    #[schema(minimum = 5, maximum = 600, nullable = false)]
    resend_interval_seconds: Option<u32>,
    /// How often a challenge's message may be sent again.
    #[schema(minimum = 0, maximum = 10, nullable = false)]
    resends: Option<u32>,
    /// Whether codes sent before a resend stay good.
    #[schema(nullable = false)]
    keep_earlier_codes: Option<bool>,
    /// The application's name in messages; may be empty.
    #[schema(max_length = 40, nullable = false)]
    application_name: Option<String>,
    /// The host that codes in SMS are bound to, in lower case; empty for none.
    #[schema(max_length = 100, nullable = false)]
    webotp_host: Option<String>,
    /// Countries (ISO 3166-1 alpha-2) that messages to telephone numbers may go to, or `*` for all.
    #[schema(nullable = false)]
    countries: Option<Vec<String>>,
    /// Messages of the instance in a day, each attempt counted and test messages not; 0 for as many as come.
    #[schema(minimum = 0, maximum = 1_000_000_000, nullable = false)]
    messages_per_day: Option<u32>,
    /// Parts that its messages are billed as in a day, by what the upstream says, or one each; 0 for as many as come.
    #[schema(minimum = 0, maximum = 1_000_000_000, nullable = false)]
    parts_per_day: Option<u32>,
    /// Bytes between it and its upstream in a day; 0 for as many as come.
    #[schema(minimum = 0, maximum = 4_000_000_000_u32, nullable = false)]
    bytes_per_day: Option<u32>,
    /// How often a message that surely was not sent is tried again by itself, where no other instance takes it.
    #[schema(minimum = 0, maximum = 5, nullable = false)]
    retries: Option<u32>,
    /// After how many messages in a row that nobody took the instance pauses; 0 for never.
    #[schema(minimum = 0, maximum = 1000, nullable = false)]
    pause_after: Option<u32>,
    /// How many seconds such a pause lasts.
    #[schema(minimum = 1, maximum = 3600, nullable = false)]
    pause_seconds: Option<u32>,
}

/// A connection that an instance was granted.
#[derive(Serialize, ToSchema)]
struct Granted {
    /// `https://HOST[:PORT]`, `smtp+tls://HOST:PORT`, `smtp+starttls://HOST:PORT` or `smtp+plaintext://HOST:PORT`.
    #[schema(example = "smtp+starttls://mail.example.com:587")]
    destination: String,
    /// `none`, `basic`, `bearer`, `header=NAME`, `oauth2=TOKEN-URL`, `aws-signature`, `webhook-signature`, or `login` at an SMTP
    /// server.
    #[schema(example = "login")]
    authentication: String,
}

impl From<GrantedConnection> for Granted {
    fn from(granted: GrantedConnection) -> Self {
        let (destination, authentication) = (granted.destination.to_string(), granted.authentication.to_string());
        Self { destination, authentication }
    }
}

/// Something in a policy that is allowed but should be reconsidered.
#[derive(Serialize, ToSchema)]
struct PolicyWarning {
    /// The field of the policy.
    #[schema(example = "application_name")]
    field: &'static str,
    /// What it leads to.
    detail: String,
}

impl From<twofactor::PolicyWarning> for PolicyWarning {
    fn from(it: twofactor::PolicyWarning) -> Self {
        Self { field: it.field(), detail: it.to_string() }
    }
}

/// What is wrong with an option.
#[derive(Serialize, ToSchema)]
pub(super) struct OptionProblem {
    /// JSON Pointer into the options; empty for the whole.
    option: String,
    /// What to do about it.
    message: String,
}

impl From<twofactor::Problem> for OptionProblem {
    fn from(it: twofactor::Problem) -> Self {
        Self { option: it.option, message: it.message }
    }
}

/// An instance that a change makes valid or invalid.
#[derive(Serialize, ToSchema)]
pub(super) struct Affected {
    /// Its id.
    id: String,
    /// The subscription it belongs to.
    subscription: String,
    /// Its name.
    name: String,
    /// Whether it is valid after the change; before it was the opposite.
    valid: bool,
    /// Why it is not valid after the change.
    problems: Vec<OptionProblem>,
}

impl From<twofactor::AffectedInstance> for Affected {
    fn from(it: twofactor::AffectedInstance) -> Self {
        let problems = it.problems.into_iter().map(OptionProblem::from).collect();
        Self { id: it.id, subscription: it.subscription, name: it.name, valid: it.valid, problems }
    }
}

impl From<twofactor::Instance> for Instance {
    fn from(one: twofactor::Instance) -> Self {
        let problems = one.problems.into_iter();
        Self {
            id: one.id,
            subscription: one.subscription,
            r#type: one.type_id,
            name: one.name,
            active: one.active,
            valid: one.valid,
            problems: problems.map(OptionProblem::from).collect(),
            connections: one.connections.iter().map(|it| connection(Language::English, it)).collect(),
            granted: one.connections.into_iter().map(Granted::from).collect(),
            options: one.options,
            policy: one.policy,
            policy_warnings: one.policy_warnings.into_iter().map(PolicyWarning::from).collect(),
            revision: one.revision,
            created_at: one.created_at,
            updated_at: one.updated_at,
        }
    }
}

/// An instance with its `ETag`.
fn answer(status: StatusCode, instance: twofactor::Instance) -> Response {
    tagged(status, instance.revision, Instance::from(instance))
}

#[derive(Serialize, ToSchema)]
pub(super) struct InstanceList {
    two_factors: Vec<Instance>,
    /// `after` of the next part; not there at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A subscription's instances, the oldest first.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/two-factors", operation_id = "listTwoFactors", tag = "administration",
    params(Part),
    responses((status = 200, body = InstanceList)))]
pub(super) async fn list(
    reader: Reader,
    Segments(subscription): Segments<String>,
    Parameters(part): Parameters<Part>,
) -> Result<Json<InstanceList>, Problem> {
    let admin = reader.of(&subscription)?;
    let page = admin.instances_page(&subscription, part.after.as_deref(), size(part.limit)?).await?;
    Ok(Json(InstanceList { two_factors: page.items.into_iter().map(Instance::from).collect(), next: page.next }))
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInstance {
    /// The type of a loaded provider. It never changes.
    r#type: String,
    /// For people: one line of 1 to 100 characters.
    name: String,
    /// Whether sign-ins may use it; `true` if not said.
    #[serde(default = "yes")]
    active: bool,
    /// Its own options. They may be incomplete: the answer says what is missing.
    #[serde(default)]
    #[schema(value_type = Object)]
    options: serde_json::Map<String, Value>,
    /// Its own policy: the fields that differ from the installation's.
    #[schema(value_type = Option<PolicyPart>)]
    policy: Option<Value>,
}

/// Adds an instance. It serves nobody until it is assigned.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/two-factors", operation_id = "createTwoFactor", tag = "administration",
    request_body = NewInstance, responses((status = 201, body = Instance, headers(("ETag" = String)))))]
pub(super) async fn create(
    administrator: Administrator,
    Segments(subscription): Segments<String>,
    Body(new): Body<NewInstance>,
) -> Result<Response, Problem> {
    let mut instance = twofactor::NewInstance::new(new.r#type, new.name, Value::Object(new.options));
    instance.active = new.active;
    instance.policy = new.policy;
    let created = administrator.of(&subscription)?.create_instance(&subscription, instance).await?;
    Ok(answer(StatusCode::CREATED, created))
}

/// One instance.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/two-factors/{id}", operation_id = "readTwoFactor", tag = "administration",
    responses((status = 200, body = Instance, headers(("ETag" = String)))))]
pub(super) async fn read(
    reader: Reader,
    Segments((subscription, id)): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let found = reader.of(&subscription)?.instance(&subscription, &id).await?;
    Ok(answer(StatusCode::OK, found))
}

/// The whole instance.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WholeInstance {
    /// May be said; it must be the instance's own.
    r#type: Option<String>,
    name: String,
    active: bool,
    #[schema(value_type = Object)]
    options: serde_json::Map<String, Value>,
    /// Without it the instance has no policy of its own.
    #[schema(value_type = Option<PolicyPart>)]
    policy: Option<Value>,
}

/// Replaces an instance. With `If-Match` only if nobody else changed it meanwhile: else 412 `precondition-failed`.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/two-factors/{id}", operation_id = "replaceTwoFactor", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the instance as it was read.")),
    request_body = WholeInstance, responses((status = 200, body = Instance, headers(("ETag" = String)))))]
pub(super) async fn replace(
    administrator: Administrator,
    Segments((subscription, id)): Segments<(String, String)>,
    Expected(revision): Expected,
    Body(whole): Body<WholeInstance>,
) -> Result<Response, Problem> {
    let admin = administrator.of(&subscription)?;
    if let Some(type_id) = whole.r#type
        && admin.instance(&subscription, &id).await?.type_id != type_id
    {
        return Err(Problem::at("/type", "of an instance never changes: create another instance"));
    }
    let change = InstanceChange {
        name: Some(whole.name),
        active: Some(whole.active),
        options: Some(Value::Object(whole.options)),
        policy: Some(whole.policy),
    };
    let changed = admin.update_instance(&subscription, &id, change, revision).await?;
    Ok(answer(StatusCode::OK, changed))
}

/// What is to change: what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartOfInstance {
    name: Option<String>,
    active: Option<bool>,
    /// All its own options; a mask keeps the secret that stands there.
    #[schema(value_type = Option<Object>)]
    options: Option<serde_json::Map<String, Value>>,
    /// Its own policy; `null` removes it.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<PolicyPart>)]
    policy: Option<Option<Value>>,
}

/// Tells `null` from a field that is not there.
fn said<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<Value>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Changes part of an instance. With `If-Match` only if nobody else changed it meanwhile: else 412 `precondition-failed`.
#[utoipa::path(patch, path = "/v1/subscriptions/{subscription}/two-factors/{id}", operation_id = "changeTwoFactor", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the instance as it was read.")),
    request_body = PartOfInstance, responses((status = 200, body = Instance, headers(("ETag" = String)))))]
pub(super) async fn change(
    administrator: Administrator,
    Segments((subscription, id)): Segments<(String, String)>,
    Expected(revision): Expected,
    Body(part): Body<PartOfInstance>,
) -> Result<Response, Problem> {
    let change = InstanceChange {
        name: part.name,
        active: part.active,
        options: part.options.map(Value::Object),
        policy: part.policy,
    };
    let admin = administrator.of(&subscription)?;
    let changed = admin.update_instance(&subscription, &id, change, revision).await?;
    Ok(answer(StatusCode::OK, changed))
}

/// Removes an instance and its assignments. Challenges under way on it are refused from now on. With `If-Match` only if nobody
/// else changed it meanwhile: else 412 `precondition-failed`.
#[utoipa::path(delete, path = "/v1/subscriptions/{subscription}/two-factors/{id}", operation_id = "removeTwoFactor", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the instance as it was read.")),
    responses((status = 204)))]
pub(super) async fn remove(
    administrator: Administrator,
    Segments((subscription, id)): Segments<(String, String)>,
    Expected(revision): Expected,
) -> Result<StatusCode, Problem> {
    administrator.of(&subscription)?.delete_instance(&subscription, &id, revision).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    #[serde(deserialize_with = "super::body::object")]
    recipient: Recipient,
    /// Options that are not saved yet; without them the instance's own.
    #[schema(value_type = Option<Object>)]
    options: Option<serde_json::Map<String, Value>>,
    /// The language of the message (BCP 47, or a list as in `Accept-Language`); English if it is left out.
    locale: Option<String>,
}

/// What became of a test message.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "it is the document's")]
enum TrialOutcome {
    Delivered,
    RetryLater,
    OutcomeUnknown,
    RejectedRecipient,
    RejectedMessage,
    Misconfigured,
    Blocked,
}

/// The step of an exchange with an upstream that failed.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "it is the document's")]
enum UpstreamStep {
    NameResolution,
    Connection,
    Tls,
    Greeting,
    Login,
    Sender,
    Recipient,
    Message,
}

/// What happened at that step.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "it is the document's")]
enum UpstreamCause {
    NoAddress,
    AddressNotAllowed,
    ConnectionRefused,
    Unreachable,
    TimedOut,
    Closed,
    NoTls,
    TlsAtOnce,
    CertificateName,
    CertificateTime,
    CertificateIssuer,
    Certificate,
    TlsHandshake,
    NotOffered,
    Refused,
    OutOfStep,
    Malformed,
}

/// Where an exchange with an upstream failed.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is the document's")]
struct UpstreamFailure {
    /// How far it came.
    step: UpstreamStep,
    /// The upstream's host name.
    host: String,
    /// The upstream's port.
    port: u16,
    /// What happened there.
    cause: UpstreamCause,
    /// With `certificate-name`: the names that the certificate is for.
    #[schema(nullable = false)]
    certificate_names: Option<Vec<String>>,
    /// With `refused`: the reply's code, of SMTP 400 to 599, or the status of HTTP.
    #[schema(nullable = false)]
    reply_code: Option<u16>,
    /// With `refused`: the enhanced status code (RFC 3463); empty if there was none.
    #[schema(nullable = false)]
    enhanced_code: Option<String>,
    /// How many seconds the upstream asked to wait.
    #[schema(nullable = false)]
    retry_after_seconds: Option<u32>,
}

/// What a provider answered to a test message.
#[derive(Serialize, ToSchema)]
pub(super) struct TrialReport {
    /// `delivered`, or how it failed.
    #[schema(value_type = TrialOutcome)]
    outcome: String,
    /// The upstream's reference, or its own code for the failure; may be empty.
    code: String,
    /// A sentence; may be empty.
    detail: String,
    /// Where the exchange with the upstream failed; not there if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<UpstreamFailure>, nullable = false)]
    upstream: Option<twofactor::UpstreamFailure>,
}

/// Sends a message with a sample code through an instance. The sample opens nothing.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/two-factors/{id}/test", operation_id = "testTwoFactor", tag = "administration",
    request_body = Trial, responses((status = 200, body = TrialReport)))]
pub(super) async fn test(
    administrator: Administrator,
    Segments((subscription, id)): Segments<(String, String)>,
    Body(trial): Body<Trial>,
) -> Result<Json<TrialReport>, Problem> {
    let mut message = TestMessage::to(trial.recipient.into());
    message.options = trial.options.map(Value::Object);
    message.locale = trial.locale;
    let admin = administrator.of(&subscription)?;
    let report = admin.send_test(&subscription, &id, message).await?;
    let twofactor::TestReport { outcome, code, detail, upstream, .. } = report;
    Ok(Json(TrialReport { outcome, code, detail, upstream }))
}

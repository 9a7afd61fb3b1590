//! TwoFactor instances of a subscription.

use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use twofactor::admin::{InstanceChange, TestMessage};
use utoipa::ToSchema;

use super::body::{Body, Parameters, Segments};
use super::challenges::Recipient;
use super::condition::{Expected, tagged};
use super::enrolments::Required;
use super::part::{Page, size};
use super::price::Price;
use super::reach::Connection;
use crate::access::{Administrator, Reader};
use crate::problem::Problem;
use crate::wording::{self, Language};

/// A TwoFactor instance.
#[derive(Serialize, ToSchema)]
pub(super) struct Instance {
    /// An opaque id.
    id: String,
    subscription: String,
    /// The type; it names the provider.
    r#type: String,
    /// The display name.
    name: String,
    /// Whether sign-ins can use it.
    active: bool,
    /// Whether its options, merged with the base service settings, satisfy the provider. An invalid instance is not available.
    valid: bool,
    problems: Vec<OptionProblem>,
    /// The connections that it may use.
    connections: Vec<Connection>,
    /// Its own options, with secrets masked. A mask that is sent back keeps the stored secret.
    #[schema(value_type = Object)]
    options: Value,
    /// Its own policy: the fields that differ from the installation's.
    #[schema(value_type = Option<PolicyPart>, required = true)]
    policy: Option<Value>,
    /// What should be reconsidered about the effective policy: its own, completed by the installation's.
    policy_warnings: Vec<PolicyWarning>,
    /// Counts changes; also the `ETag`.
    revision: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Fields of a policy: how codes are generated, sent and verified. The engine validates them.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only for the OpenAPI document")]
pub(super) struct PolicyPart {
    /// Digits of a code.
    #[schema(minimum = 4, maximum = 10, nullable = false)]
    code_length: Option<u8>,
    /// How many seconds a code is valid.
    #[schema(minimum = 30, maximum = 600, nullable = false)]
    lifetime_seconds: Option<u32>,
    /// Attempts per challenge, over all its codes.
    #[schema(minimum = 1, maximum = 10, nullable = false)]
    attempts: Option<u32>,
    /// Seconds between two messages of a challenge.
    #[schema(minimum = 5, maximum = 600, nullable = false)]
    resend_interval_seconds: Option<u32>,
    /// How often the message of a challenge can be sent again.
    #[schema(minimum = 0, maximum = 10, nullable = false)]
    resends: Option<u32>,
    /// Whether earlier codes stay valid after a resend.
    #[schema(nullable = false)]
    keep_earlier_codes: Option<bool>,
    /// The name of the application in messages. May be empty.
    #[schema(max_length = 40, nullable = false)]
    application_name: Option<String>,
    /// The host to which codes in text messages are bound, in lower case. Empty for none.
    #[schema(max_length = 100, nullable = false)]
    webotp_host: Option<String>,
    /// Countries (ISO 3166-1 alpha-2) to which messages to phone numbers may be sent, or `*` for all.
    #[schema(nullable = false)]
    countries: Option<Vec<String>>,
    /// Messages of the instance per day; each attempt counts, test messages do not. 0 = unlimited.
    #[schema(minimum = 0, maximum = 1_000_000_000, nullable = false)]
    messages_per_day: Option<u32>,
    /// Billed segments per day as the upstream reports them, or one per message if it reports none. 0 = unlimited.
    #[schema(minimum = 0, maximum = 1_000_000_000, nullable = false)]
    segments_per_day: Option<u32>,
    /// Bytes exchanged with the upstream per day. 0 = unlimited.
    #[schema(minimum = 0, maximum = 4_000_000_000_u32, nullable = false)]
    bytes_per_day: Option<u32>,
    /// How often a message that was certainly not sent is retried, if no other instance accepts it.
    #[schema(minimum = 0, maximum = 5, nullable = false)]
    retries: Option<u32>,
    /// After how many failed messages in a row the instance pauses. 0, or more than 50, counts as 50, unless the configuration of the
    /// server allows more.
    #[schema(minimum = 0, maximum = 1000, nullable = false)]
    pause_after: Option<u32>,
    /// How many seconds the pause lasts.
    #[schema(minimum = 1, maximum = 3600, nullable = false)]
    pause_seconds: Option<u32>,
    /// What each factor of the instance must be, when it is enrolled and when it is used; a request can require more. An instance that
    /// cannot satisfy it is not valid: only passkeys and security keys satisfy more than `any`.
    #[schema(nullable = false, value_type = Option<Required>)]
    required_factor: Option<String>,
    /// What a user who holds no factor needs to enrol the first one: `first-factor` (the application states that the user has just
    /// passed the first factor) or `pass` (a temporary pass).
    #[schema(nullable = false, value_type = Option<FirstEnrolment>)]
    first_enrolment: Option<String>,
    /// From then on, a first enrolment needs a temporary pass.
    first_enrolment_until: Option<Timestamp>,
    /// Whether the sign-in page invites a user who holds no factor to enrol the first one within a sign-in.
    #[schema(nullable = false)]
    enrol_in_sign_in: Option<bool>,
    /// Whether a temporary pass is accepted for a sign-in, and not only to enrol.
    #[schema(nullable = false)]
    pass_signs_in: Option<bool>,
    /// Whether a passkey of this instance signs in on the sign-in page without a user name.
    #[schema(nullable = false)]
    passwordless: Option<bool>,
    /// For how many days the sign-in page can remember a browser, in which it then asks for no factor. 0 = never.
    #[schema(minimum = 0, maximum = 30, nullable = false)]
    remembered_days: Option<u32>,
}

/// What a user who holds no factor needs to enrol the first one.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only for the OpenAPI document")]
enum FirstEnrolment {
    /// The application states that the user has just passed the first factor.
    FirstFactor,
    /// A temporary pass.
    Pass,
}

/// Something in a policy that is allowed but should be reconsidered.
#[derive(Serialize, ToSchema)]
struct PolicyWarning {
    /// The field of the policy.
    #[schema(example = "application_name")]
    field: &'static str,
    /// A description.
    detail: String,
}

impl From<twofactor::instance::PolicyWarning> for PolicyWarning {
    fn from(it: twofactor::instance::PolicyWarning) -> Self {
        Self { field: it.field(), detail: wording::policy_warning(Language::English, it).to_owned() }
    }
}

/// An invalid option.
#[derive(Serialize, ToSchema)]
pub(super) struct OptionProblem {
    /// A JSON Pointer into the options; empty for the options as a whole.
    option: String,
    /// What is wrong.
    message: String,
}

impl From<twofactor::FieldError> for OptionProblem {
    fn from(it: twofactor::FieldError) -> Self {
        Self { option: it.pointer, message: it.detail }
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
    /// Whether it is valid after the change; before, it was the opposite.
    valid: bool,
    /// Why it is not valid after the change.
    problems: Vec<OptionProblem>,
}

impl From<twofactor::instance::AffectedInstance> for Affected {
    fn from(it: twofactor::instance::AffectedInstance) -> Self {
        let problems = it.problems.into_iter().map(OptionProblem::from).collect();
        Self { id: it.id, subscription: it.subscription, name: it.name, valid: it.valid, problems }
    }
}

impl From<twofactor::admin::Instance> for Instance {
    fn from(one: twofactor::admin::Instance) -> Self {
        let problems = one.problems.into_iter();
        Self {
            id: one.id,
            subscription: one.subscription,
            r#type: one.type_id,
            name: one.name,
            active: one.active,
            valid: one.valid,
            problems: problems.map(OptionProblem::from).collect(),
            connections: one.connections.iter().map(Connection::from).collect(),
            options: one.options,
            policy: one.policy,
            policy_warnings: one.policy_warnings.into_iter().map(PolicyWarning::from).collect(),
            revision: one.revision,
            created_at: one.created_at,
            updated_at: one.updated_at,
        }
    }
}

/// Returns an instance with its `ETag`.
fn answer(status: StatusCode, instance: twofactor::admin::Instance) -> Response {
    tagged(status, instance.revision, Instance::from(instance))
}

#[derive(Serialize, ToSchema)]
pub(super) struct InstanceList {
    two_factors: Vec<Instance>,
    /// The `after` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// Lists the instances of a subscription, oldest first.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/two-factors", operation_id = "listTwoFactors", tag = "administration",
    params(Page),
    responses((status = 200, body = InstanceList)))]
pub(super) async fn list(
    reader: Reader,
    Segments(subscription): Segments<String>,
    Parameters(page): Parameters<Page>,
) -> Result<Json<InstanceList>, Problem> {
    let admin = reader.of(&subscription)?;
    let page = admin.instances_page(&subscription, page.after.as_deref(), size(page.limit)?).await?;
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
    /// The display name: one line of 1 to 100 characters.
    name: String,
    /// Whether sign-ins can use it; `true` by default.
    #[serde(default = "yes")]
    active: bool,
    /// Its own options. They may be incomplete; the response says what is missing.
    #[serde(default)]
    #[schema(value_type = Object)]
    options: serde_json::Map<String, Value>,
    /// Its own policy: the fields that differ from the installation's.
    #[schema(value_type = Option<PolicyPart>)]
    policy: Option<Value>,
}

/// Creates an instance. No sign-in can use it until it is assigned.
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

/// Returns an instance.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/two-factors/{id}", operation_id = "readTwoFactor", tag = "administration",
    responses((status = 200, body = Instance, headers(("ETag" = String)))))]
pub(super) async fn read(
    reader: Reader,
    Segments((subscription, id)): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let found = reader.of(&subscription)?.instance(&subscription, &id).await?;
    Ok(answer(StatusCode::OK, found))
}

/// A complete instance.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WholeInstance {
    /// Optional. It must be the type of the instance.
    r#type: Option<String>,
    name: String,
    active: bool,
    #[schema(value_type = Object)]
    options: serde_json::Map<String, Value>,
    /// Omit it for an instance without a policy of its own.
    #[schema(value_type = Option<PolicyPart>)]
    policy: Option<Value>,
}

/// Replaces an instance. With `If-Match`, returns 412 `precondition-failed` if someone else modified it.
#[utoipa::path(put, path = "/v1/subscriptions/{subscription}/two-factors/{id}", operation_id = "replaceTwoFactor", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
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
        return Err(Problem::at("/type", "of an instance cannot change: create another instance"));
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

/// The fields to change. Omitted fields keep their values.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartOfInstance {
    name: Option<String>,
    active: Option<bool>,
    /// All its own options. A mask keeps the stored secret.
    #[schema(value_type = Option<Object>)]
    options: Option<serde_json::Map<String, Value>>,
    /// Its own policy; `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<PolicyPart>)]
    policy: Option<Option<Value>>,
}

/// Distinguishes `null` from an absent field.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<Value>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Changes some fields of an instance. With `If-Match`, returns 412 `precondition-failed` if someone else modified it.
#[utoipa::path(patch, path = "/v1/subscriptions/{subscription}/two-factors/{id}", operation_id = "changeTwoFactor", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
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

/// Deletes an instance and its assignments. Its pending challenges can no longer be verified. With `If-Match`, returns 412
/// `precondition-failed` if someone else modified it.
#[utoipa::path(delete, path = "/v1/subscriptions/{subscription}/two-factors/{id}", operation_id = "removeTwoFactor", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
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
    /// Options that are not saved yet. By default, those of the instance.
    #[schema(value_type = Option<Object>)]
    options: Option<serde_json::Map<String, Value>>,
    /// The language of the message (BCP 47, or a list as in `Accept-Language`); English by default.
    locale: Option<String>,
}

/// The outcome of a test message.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only for the OpenAPI document")]
enum TrialOutcome {
    Delivered,
    RetryLater,
    OutcomeUnknown,
    RejectedRecipient,
    RejectedMessage,
    Misconfigured,
    Blocked,
}

/// The step at which an exchange with an upstream failed.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only for the OpenAPI document")]
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

/// The cause of the failure.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only for the OpenAPI document")]
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

/// A failed exchange with an upstream.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only for the OpenAPI document")]
struct UpstreamFailure {
    /// The step that failed.
    step: UpstreamStep,
    /// The host name of the upstream.
    host: String,
    /// The port of the upstream.
    port: u16,
    /// The cause.
    cause: UpstreamCause,
    /// With `certificate-name`: the names that the certificate is for.
    #[schema(nullable = false)]
    certificate_names: Option<Vec<String>>,
    /// With `refused`: the SMTP reply code (400 to 599) or the HTTP status.
    #[schema(nullable = false)]
    reply_code: Option<u16>,
    /// With `refused`: the enhanced status code (RFC 3463); empty if there is none.
    #[schema(nullable = false)]
    enhanced_code: Option<String>,
    /// How many seconds the upstream asks to wait.
    #[schema(nullable = false)]
    retry_after_seconds: Option<u32>,
}

/// The result of a test message.
#[derive(Serialize, ToSchema)]
pub(super) struct TrialReport {
    /// `delivered`, or the kind of failure.
    #[schema(value_type = TrialOutcome)]
    outcome: String,
    /// The reference of the upstream, or its code for the failure. May be empty.
    code: String,
    /// A description. May be empty.
    detail: String,
    /// The price, if the upstream reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    price: Option<Price>,
    /// The failed exchange with the upstream; absent if none failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<UpstreamFailure>, nullable = false)]
    upstream: Option<twofactor::sandbox::UpstreamFailure>,
}

/// Sends a test message with a sample code. The code is not valid anywhere.
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
    let twofactor::admin::TestReport { outcome, code, detail, price, upstream, .. } = report;
    let price = price.as_ref().map(Price::from);
    Ok(Json(TrialReport { outcome, code, detail, price, upstream }))
}

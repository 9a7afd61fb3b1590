//! The factors of users, for administrators: suspend, remove, reset, temporary passes.

use axum::Json;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Body, Segments};
use super::factor::{Factor, FactorList, RemovedFactors};
use crate::access::{Administrator, Own, Reader};
use crate::problem::Problem;

/// Lists the factors of a user, including the newest of those that have ended.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/users/{user}/factors", tag = "administration",
    operation_id = "listUserFactors", responses((status = 200, body = FactorList)))]
pub(super) async fn list(
    reader: Reader,
    Segments((subscription, user)): Segments<(String, String)>,
) -> Result<Json<FactorList>, Problem> {
    Ok(Json(FactorList::of(reader.of(&subscription)?.user_factors(&subscription, &user).await?)))
}

/// Why an administrator does it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// It is written to the audit log.
    #[schema(min_length = 1, max_length = 200, example = "Lost phone, identity verified in person")]
    reason: String,
}

/// Suspends a factor: it cannot be used until it is resumed.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/users/{user}/factors/{id}/suspend", tag = "administration",
    operation_id = "suspendUserFactor", request_body = Reason, responses((status = 204)))]
pub(super) async fn suspend(
    administrator: Administrator,
    Segments((subscription, user, id)): Segments<(String, String, String)>,
    Body(Reason { reason }): Body<Reason>,
) -> Result<StatusCode, Problem> {
    administrator.of(&subscription)?.suspend_factor(&subscription, &user, &id, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Resumes a suspended factor, including one that the server suspended because it may have been copied.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/users/{user}/factors/{id}/resume", tag = "administration",
    operation_id = "resumeUserFactor", request_body = Reason, responses((status = 204)))]
pub(super) async fn resume(
    administrator: Administrator,
    Segments((subscription, user, id)): Segments<(String, String, String)>,
    Body(Reason { reason }): Body<Reason>,
) -> Result<StatusCode, Problem> {
    administrator.of(&subscription)?.resume_factor(&subscription, &user, &id, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a factor of a user, and fallbacks that would be left as the only ones.
#[utoipa::path(delete, path = "/v1/subscriptions/{subscription}/users/{user}/factors/{id}", tag = "administration",
    operation_id = "removeUserFactor", request_body = Reason, responses((status = 200, body = RemovedFactors)))]
pub(super) async fn remove(
    administrator: Administrator,
    Segments((subscription, user, id)): Segments<(String, String, String)>,
    Body(Reason { reason }): Body<Reason>,
) -> Result<Json<RemovedFactors>, Problem> {
    let admin = administrator.of(&subscription)?;
    Ok(Json(admin.remove_user_factor(&subscription, &user, &id, &reason).await?.into()))
}

/// A request to reset the factors of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnReset {
    /// The subscription of the user. It can be omitted if there is only one that the caller administers.
    subscription: Option<String>,
    /// Why. It is written to the audit log.
    #[schema(min_length = 1, max_length = 200, example = "Lost phone, identity verified in person")]
    reason: String,
}

/// The result of a reset.
#[derive(Serialize, ToSchema)]
pub(super) struct ResetFactors {
    /// The factors that ended.
    factors: Vec<Factor>,
    /// Whether there was a temporary pass.
    pass: bool,
    /// How many browsers were remembered.
    remembered_devices: u64,
    /// How many enrolments were open.
    enrolments: u64,
    /// How many challenges were open.
    challenges: u64,
    /// How many addresses were verified. They must be verified again.
    addresses: u64,
}

/// Resets the factors of a user: all of them end, and so do temporary passes, remembered browsers, open enrolments and challenges.
#[utoipa::path(post, path = "/v1/users/{user}/factors/reset", operation_id = "resetFactors", tag = "administration",
    request_body = OwnReset, responses((status = 200, body = ResetFactors)))]
pub(super) async fn reset_own(
    administrator: Administrator,
    Segments(user): Segments<String>,
    Body(OwnReset { subscription, reason }): Body<OwnReset>,
) -> Result<Json<ResetFactors>, Problem> {
    let subscription = only(&administrator, subscription).await?;
    reset_at(&administrator, &subscription, &user, &reason).await
}

/// Resets the factors of a user: all of them end, and so do temporary passes, remembered browsers, open enrolments and challenges.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/users/{user}/factors/reset", tag = "administration",
    operation_id = "resetUserFactors", request_body = Reason, responses((status = 200, body = ResetFactors)))]
pub(super) async fn reset(
    administrator: Administrator,
    Segments((subscription, user)): Segments<(String, String)>,
    Body(Reason { reason }): Body<Reason>,
) -> Result<Json<ResetFactors>, Problem> {
    reset_at(&administrator, &subscription, &user, &reason).await
}

async fn reset_at(
    administrator: &Administrator,
    subscription: &str,
    user: &str,
    reason: &str,
) -> Result<Json<ResetFactors>, Problem> {
    let reset = administrator.of(subscription)?.reset_factors(subscription, user, reason).await?;
    Ok(Json(ResetFactors {
        factors: reset.factors.into_iter().map(Factor::from).collect(),
        pass: reset.pass,
        remembered_devices: reset.remembered_browsers,
        enrolments: reset.enrolments,
        challenges: reset.challenges,
        addresses: reset.addresses,
    }))
}

/// A request for a temporary pass.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnPass {
    /// The subscription of the user. It can be omitted if there is only one that the caller administers.
    subscription: Option<String>,
    /// For how many minutes it is valid; 60 by default.
    #[schema(minimum = 10, maximum = 480)]
    minutes: Option<u32>,
    /// Why. It is written to the audit log.
    #[schema(min_length = 1, max_length = 200, example = "New employee, identity verified in person")]
    reason: String,
}

/// A request for a temporary pass.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPass {
    /// For how many minutes it is valid; 60 by default.
    #[schema(minimum = 10, maximum = 480)]
    minutes: Option<u32>,
    /// Why. It is written to the audit log.
    #[schema(min_length = 1, max_length = 200, example = "New employee, identity verified in person")]
    reason: String,
}

/// A temporary pass. It is shown once.
#[derive(Serialize, ToSchema)]
pub(super) struct IssuedPass {
    /// The pass. Give it to the person over a channel that you trust.
    pass: String,
    /// When it expires.
    expires_at: Timestamp,
}

/// Issues a single-use temporary pass for a user, replacing any earlier one. It proves that an enrolment comes from the user, and signs in
/// if the policy says so.
#[utoipa::path(post, path = "/v1/users/{user}/passes", operation_id = "issuePass", tag = "administration",
    request_body = OwnPass, responses((status = 201, body = IssuedPass)))]
pub(super) async fn issue_own_pass(
    administrator: Administrator,
    Segments(user): Segments<String>,
    Body(OwnPass { subscription, minutes, reason }): Body<OwnPass>,
) -> Result<(StatusCode, Json<IssuedPass>), Problem> {
    let subscription = only(&administrator, subscription).await?;
    issue_pass_at(&administrator, &subscription, &user, NewPass { minutes, reason }).await
}

/// Issues a single-use temporary pass for a user, replacing any earlier one. It proves that an enrolment comes from the user, and signs in
/// if the policy says so.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/users/{user}/passes", tag = "administration",
    operation_id = "issueUserPass", request_body = NewPass, responses((status = 201, body = IssuedPass)))]
pub(super) async fn issue_pass(
    administrator: Administrator,
    Segments((subscription, user)): Segments<(String, String)>,
    Body(new): Body<NewPass>,
) -> Result<(StatusCode, Json<IssuedPass>), Problem> {
    issue_pass_at(&administrator, &subscription, &user, new).await
}

async fn issue_pass_at(
    administrator: &Administrator,
    subscription: &str,
    user: &str,
    NewPass { minutes, reason }: NewPass,
) -> Result<(StatusCode, Json<IssuedPass>), Problem> {
    let issued = administrator.of(subscription)?.issue_pass(subscription, user, minutes, &reason).await?;
    let pass = IssuedPass { pass: issued.pass.expose().to_owned(), expires_at: issued.expires_at };
    Ok((StatusCode::CREATED, Json(pass)))
}

/// Returns the subscription that was passed, or the only one that the caller administers.
async fn only(administrator: &Administrator, given: Option<String>) -> Result<String, Problem> {
    if let Some(given) = given {
        return Ok(given);
    }
    let among = match administrator.own() {
        Own::Everything => None,
        Own::These(own) => Some(own),
    };
    let page = administrator.of_anything().subscriptions_page(among, None, 2).await?;
    match page.items.as_slice() {
        [one] => Ok(one.id.clone()),
        _ => Err(Problem::at("/subscription", "is required: you administer several subscriptions, or none")),
    }
}

/// A browser that is remembered: where the policy allows it, it replaces a factor for some days.
#[derive(Serialize, ToSchema)]
struct RememberedDevice {
    /// An opaque id.
    id: String,
    /// The `User-Agent` of the browser.
    user_agent: Option<String>,
    created_at: Timestamp,
    /// When it last replaced a factor.
    last_used_at: Timestamp,
    /// When it is forgotten.
    expires_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RememberedDeviceList {
    remembered_devices: Vec<RememberedDevice>,
}

/// Lists the browsers that are remembered for a user.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/users/{user}/remembered-devices", tag = "administration",
    operation_id = "listRememberedDevices", responses((status = 200, body = RememberedDeviceList)))]
pub(super) async fn list_devices(
    reader: Reader,
    Segments((subscription, user)): Segments<(String, String)>,
) -> Result<Json<RememberedDeviceList>, Problem> {
    let found = reader.of(&subscription)?.remembered_browsers(&subscription, &user).await?;
    let remembered_devices = found
        .into_iter()
        .map(|one| RememberedDevice {
            id: one.id,
            user_agent: one.user_agent,
            created_at: one.created_at,
            last_used_at: one.last_used_at,
            expires_at: one.expires_at,
        })
        .collect();
    Ok(Json(RememberedDeviceList { remembered_devices }))
}

/// Forgets all browsers that are remembered for a user.
#[utoipa::path(delete, path = "/v1/subscriptions/{subscription}/users/{user}/remembered-devices", tag = "administration",
    operation_id = "forgetRememberedDevices", responses((status = 204)))]
pub(super) async fn forget_devices(
    administrator: Administrator,
    Segments((subscription, user)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    administrator.of(&subscription)?.forget_devices(&subscription, &user, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

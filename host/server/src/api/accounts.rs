//! Accounts of administrators.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use twofactor::TwoFactor;
use utoipa::{IntoParams, ToSchema};

use super::body::{Body, Parameters, Segments};
use super::condition::{Expected, tagged};
use super::part::{number, size};
use crate::access::{Administrator, Reader};
use crate::problem::Problem;

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AccountRole {
    /// Full access.
    SystemAdmin,
    /// Full access to its subscriptions.
    SubscriptionAdmin,
    /// Read access, with secrets masked: to its subscriptions, or to the whole installation with accounts and audit log.
    Auditor,
}

impl AccountRole {
    fn of(self, subscriptions: Option<Vec<String>>) -> Result<twofactor::token::Role, Problem> {
        match (self, subscriptions) {
            (Self::Auditor, subscriptions) => Ok(twofactor::token::Role::Auditor { subscriptions }),
            (Self::SystemAdmin, some) if some.as_ref().is_none_or(Vec::is_empty) => {
                Ok(twofactor::token::Role::SystemAdmin)
            }
            (Self::SystemAdmin, _) => Err(misfit("must be omitted for a `system_admin`")),
            (Self::SubscriptionAdmin, subscriptions) => {
                Ok(twofactor::token::Role::SubscriptionAdmin { subscriptions: subscriptions.unwrap_or_default() })
            }
        }
    }
}

fn misfit(detail: &str) -> Problem {
    Problem::at("/subscriptions", detail)
}

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AccountState {
    /// The person has not set a password yet.
    Invited,
    /// The person can log in.
    Active,
    /// The person can no longer log in.
    Disabled,
}

/// An account of an administrator or auditor.
#[derive(Serialize, ToSchema)]
pub(super) struct Account {
    /// An opaque id. The audit log uses it.
    id: String,
    /// The name of the person.
    name: String,
    /// The email address for login.
    email: String,
    /// The phone number for the second factor, in international format.
    phone: Option<String>,
    #[schema(value_type = AccountRole)]
    role: &'static str,
    /// Its subscriptions; empty for a system administrator and an auditor of the whole installation.
    subscriptions: Vec<String>,
    state: AccountState,
    /// The revision; also the `ETag`.
    revision: u64,
    created_at: Timestamp,
    /// The time of the last login.
    last_login_at: Option<Timestamp>,
}

impl From<twofactor::accounts::Account> for Account {
    fn from(one: twofactor::accounts::Account) -> Self {
        let state = match one.state {
            twofactor::accounts::AccountState::Invited => AccountState::Invited,
            twofactor::accounts::AccountState::Active => AccountState::Active,
            twofactor::accounts::AccountState::Disabled => AccountState::Disabled,
        };
        Self {
            id: one.id,
            name: one.name,
            email: one.email,
            phone: one.phone,
            role: one.role.name(),
            subscriptions: one.role.subscriptions().to_vec(),
            state,
            revision: one.revision,
            created_at: one.created_at,
            last_login_at: one.last_login_at,
        }
    }
}

/// Returns an account with its `ETag`.
fn answer(account: twofactor::accounts::Account) -> Response {
    tagged(StatusCode::OK, account.revision, Account::from(account))
}

/// A link for setting a password. It is shown only once, and can be used once within 24 hours, unless a newer link
/// replaces it.
#[derive(Serialize, ToSchema)]
pub(super) struct Invitation {
    /// The path of the link on this server.
    path: String,
    expires_at: Timestamp,
}

impl From<twofactor::accounts::Invitation> for Invitation {
    fn from(one: twofactor::accounts::Invitation) -> Self {
        Self { path: one.path(), expires_at: one.expires_at }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AccountPage {
    /// The `next` of the previous page; omit it for the first page.
    #[serde(default)]
    after: u64,
    /// Maximum number of entries; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AccountList {
    accounts: Vec<Account>,
    /// The `after` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<u64>,
}

/// Lists the accounts, oldest first (administrators and auditors of the whole installation).
#[utoipa::path(get, path = "/v1/accounts", operation_id = "listAccounts", tag = "administration", params(AccountPage),
    responses((status = 200, body = AccountList)))]
pub(super) async fn list(
    reader: Reader,
    State(engine): State<TwoFactor>,
    Parameters(page): Parameters<AccountPage>,
) -> Result<Json<AccountList>, Problem> {
    reader.of_the_system()?;
    let limit = size(page.limit)?;
    // One more, to know whether this is the last page.
    let mut found = engine.accounts().list(number(page.after)?, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.seq);
    Ok(Json(AccountList { accounts: found.into_iter().map(Account::from).collect(), next }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    /// The name of the person: one line of 1 to 100 characters.
    name: String,
    /// The email address for login, case-insensitive. It cannot change.
    email: String,
    /// The phone number for the second factor, in international format.
    phone: Option<String>,
    role: AccountRole,
    /// At least one for a `subscription_admin`; omit it for a `system_admin`. For an `auditor`, the subscriptions to read; omit it for
    /// the whole installation.
    subscriptions: Option<Vec<String>>,
}

/// A new account with its invitation.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitedAccount {
    #[serde(flatten)]
    account: Account,
    invitation: Invitation,
}

/// Creates an account with an invitation (system administrators).
#[utoipa::path(post, path = "/v1/accounts", operation_id = "createAccount", tag = "administration", request_body = NewAccount,
    responses((status = 201, body = InvitedAccount)))]
pub(super) async fn create(
    administrator: Administrator,
    State(engine): State<TwoFactor>,
    Body(new): Body<NewAccount>,
) -> Result<(StatusCode, Json<InvitedAccount>), Problem> {
    let actor = administrator.of_the_system()?.actor();
    let role = new.role.of(new.subscriptions)?;
    let new = twofactor::accounts::NewAccount { name: new.name, email: new.email, phone: new.phone, role };
    let (account, invitation) = engine.accounts().create(actor, new).await?;
    Ok((StatusCode::CREATED, Json(InvitedAccount { account: account.into(), invitation: invitation.into() })))
}

/// Returns an account (administrators and auditors of the whole installation).
#[utoipa::path(get, path = "/v1/accounts/{id}", operation_id = "readAccount", tag = "administration",
    responses((status = 200, body = Account, headers(("ETag" = String)))))]
pub(super) async fn read(
    reader: Reader,
    State(engine): State<TwoFactor>,
    Segments(id): Segments<String>,
) -> Result<Response, Problem> {
    reader.of_the_system()?;
    Ok(answer(engine.accounts().get(&id).await?))
}

/// The fields to change. Omitted fields keep their values.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartOfAccount {
    name: Option<String>,
    /// `null` removes it.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// With its `subscriptions`. The account's sessions end.
    role: Option<AccountRole>,
    /// Only with a `role`.
    subscriptions: Option<Vec<String>>,
    /// `disabled` ends the account's sessions and its link; `active` lets it log in again.
    state: Option<AccountState>,
}

/// Tells `null` from a field that is not there.
fn said<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Changes an account. With `If-Match`, returns 412 `precondition-failed` if someone else modified it (system administrators).
#[utoipa::path(patch, path = "/v1/accounts/{id}", operation_id = "changeAccount", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the last read.")),
    request_body = PartOfAccount, responses((status = 200, body = Account, headers(("ETag" = String)))))]
pub(super) async fn change(
    administrator: Administrator,
    State(engine): State<TwoFactor>,
    Segments(id): Segments<String>,
    Expected(revision): Expected,
    Body(part): Body<PartOfAccount>,
) -> Result<Response, Problem> {
    let actor = administrator.of_the_system()?.actor();
    let role = match (part.role, part.subscriptions) {
        (Some(role), subscriptions) => Some(role.of(subscriptions)?),
        (None, None) => None,
        (None, Some(_)) => return Err(misfit("can only be set together with `role`")),
    };
    let state = part.state.map(|state| match state {
        AccountState::Invited => twofactor::accounts::AccountState::Invited,
        AccountState::Active => twofactor::accounts::AccountState::Active,
        AccountState::Disabled => twofactor::accounts::AccountState::Disabled,
    });
    let change = twofactor::accounts::AccountChange { name: part.name, phone: part.phone, role, state };
    let changed = engine.accounts().update(actor, &id, change, revision).await;
    Ok(answer(changed?))
}

/// Deletes an account and ends its sessions (system administrators).
#[utoipa::path(delete, path = "/v1/accounts/{id}", operation_id = "removeAccount", tag = "administration",
    responses((status = 204)))]
pub(super) async fn remove(
    administrator: Administrator,
    State(engine): State<TwoFactor>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    engine.accounts().delete(administrator.of_the_system()?.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Creates a link for setting a new password, and revokes the earlier link. The current password stays valid until
/// then (system administrators).
#[utoipa::path(post, path = "/v1/accounts/{id}/invitation", operation_id = "inviteAccount", tag = "administration",
    responses((status = 201, body = Invitation)))]
pub(super) async fn invite(
    administrator: Administrator,
    State(engine): State<TwoFactor>,
    Segments(id): Segments<String>,
) -> Result<(StatusCode, Json<Invitation>), Problem> {
    let invitation = engine.accounts().invite(administrator.of_the_system()?.actor(), &id).await?;
    Ok((StatusCode::CREATED, Json(invitation.into())))
}

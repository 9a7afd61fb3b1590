//! Accounts of people who administer (system administrators).

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
    /// Everything.
    SystemAdmin,
    /// Everything within its subscriptions.
    SubscriptionAdmin,
    /// Reads what an administrator reads, secrets masked, and changes nothing but its own password: of its subscriptions, or of
    /// the whole installation with accounts and audit log.
    Auditor,
}

impl AccountRole {
    fn of(self, subscriptions: Option<Vec<String>>) -> Result<twofactor::Role, Problem> {
        match (self, subscriptions) {
            (Self::Auditor, subscriptions) => Ok(twofactor::Role::Auditor { subscriptions }),
            (Self::SystemAdmin, some) if some.as_ref().is_none_or(Vec::is_empty) => Ok(twofactor::Role::SystemAdmin),
            (Self::SystemAdmin, _) => Err(misfit("must be left out: a `system_admin` is bound to none")),
            (Self::SubscriptionAdmin, subscriptions) => {
                Ok(twofactor::Role::SubscriptionAdmin { subscriptions: subscriptions.unwrap_or_default() })
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
    /// Nobody has set a password yet.
    Invited,
    /// Somebody can log in to it.
    Active,
    /// Nobody can log in to it any more.
    Disabled,
}

/// Somebody who administers.
#[derive(Serialize, ToSchema)]
pub(super) struct Account {
    /// Opaque; names it in the audit log.
    id: String,
    /// The person's.
    name: String,
    /// What it logs in with.
    email: String,
    /// For second factors; in international form.
    phone: Option<String>,
    #[schema(value_type = AccountRole)]
    role: &'static str,
    /// The subscriptions it is bound to; none for a system administrator and an auditor of the whole installation.
    subscriptions: Vec<String>,
    state: AccountState,
    /// Counts changes; also the `ETag`.
    revision: u64,
    created_at: Timestamp,
    /// When somebody last logged in to it.
    last_log_in: Option<Timestamp>,
}

impl From<twofactor::Account> for Account {
    fn from(one: twofactor::Account) -> Self {
        let state = match one.state {
            twofactor::AccountState::Invited => AccountState::Invited,
            twofactor::AccountState::Active => AccountState::Active,
            twofactor::AccountState::Disabled => AccountState::Disabled,
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
            last_log_in: one.last_log_in,
        }
    }
}

/// An account with its `ETag`.
fn answer(account: twofactor::Account) -> Response {
    tagged(StatusCode::OK, account.revision, Account::from(account))
}

/// A link with which the person sets a password: shown this once, good once, for 24 hours, until a newer one.
#[derive(Serialize, ToSchema)]
pub(super) struct Invitation {
    /// The link's path on this server.
    path: String,
    expires_at: Timestamp,
}

impl From<twofactor::Invitation> for Invitation {
    fn from(one: twofactor::Invitation) -> Self {
        Self { path: one.path(), expires_at: one.expires_at }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AccountPage {
    /// What the page before said in `next`; the first page if not said.
    #[serde(default)]
    after: u64,
    /// How many at most; 100 if not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AccountList {
    accounts: Vec<Account>,
    /// `after` of the next part; not there at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<u64>,
}

/// The accounts, in the order they were made (those of the whole installation).
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
    /// The person's: one line of 1 to 100 characters.
    name: String,
    /// What it logs in with, in any case. It never changes.
    email: String,
    /// For second factors, in international form.
    phone: Option<String>,
    role: AccountRole,
    /// At least one for a subscription's administrator, none for a system administrator. An auditor reads these; without this
    /// field, which is not an empty list, the whole installation.
    subscriptions: Option<Vec<String>>,
}

/// An account and the link to it.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitedAccount {
    #[serde(flatten)]
    account: Account,
    invitation: Invitation,
}

/// Makes an account and invites its person (system administrators).
#[utoipa::path(post, path = "/v1/accounts", operation_id = "createAccount", tag = "administration", request_body = NewAccount,
    responses((status = 201, body = InvitedAccount)))]
pub(super) async fn create(
    administrator: Administrator,
    State(engine): State<TwoFactor>,
    Body(new): Body<NewAccount>,
) -> Result<(StatusCode, Json<InvitedAccount>), Problem> {
    let actor = administrator.of_the_system()?.actor();
    let role = new.role.of(new.subscriptions)?;
    let new = twofactor::NewAccount { name: new.name, email: new.email, phone: new.phone, role };
    let (account, invitation) = engine.accounts().create(actor, new).await?;
    Ok((StatusCode::CREATED, Json(InvitedAccount { account: account.into(), invitation: invitation.into() })))
}

/// One account (those of the whole installation).
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

/// What is to change: what is left out stays.
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

/// Changes an account (system administrators). With `If-Match` only if nobody else changed it meanwhile: else 412
/// `precondition-failed`.
#[utoipa::path(patch, path = "/v1/accounts/{id}", operation_id = "changeAccount", tag = "administration",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the account as it was read.")),
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
        (None, Some(_)) => return Err(misfit("go with a `role`")),
    };
    let state = part.state.map(|state| match state {
        AccountState::Invited => twofactor::AccountState::Invited,
        AccountState::Active => twofactor::AccountState::Active,
        AccountState::Disabled => twofactor::AccountState::Disabled,
    });
    let change = twofactor::AccountChange { name: part.name, phone: part.phone, role, state };
    let changed = engine.accounts().update(actor, &id, change, revision).await;
    Ok(answer(changed?))
}

/// Removes an account; its sessions end at once (system administrators).
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

/// Makes a link with which the person sets a new password, in place of the earlier link (system administrators). The password
/// there is stays good until then.
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

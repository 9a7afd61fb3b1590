//! Access tokens. Subscription administrators issue and revoke those of their applications; system administrators all others.

use axum::Json;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::token::TokenInfo;
use utoipa::ToSchema;

use super::body::{Body, Parameters, Segments};
use super::part::{Page, size};
use crate::access::{Administrator, Own, Reader};
use crate::problem::{Problem, ProblemType};

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Role {
    /// Full access.
    SystemAdmin,
    /// Full access to its subscriptions.
    SubscriptionAdmin,
    /// Read access, with secrets masked: to its subscriptions, or to the whole installation with the audit log.
    Auditor,
    /// Challenges, sign-ins, and the factors and addresses of users, of one subscription only.
    Application,
}

/// A token. The token itself is not stored.
#[derive(Serialize, ToSchema)]
pub(super) struct Token {
    /// An opaque id.
    id: String,
    /// The display name.
    name: String,
    role: Role,
    /// Its subscriptions; empty for the whole installation.
    subscriptions: Vec<String>,
    created_at: Timestamp,
    /// When it expires.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
    #[schema(required = true)]
    revoked_at: Option<Timestamp>,
}

impl From<TokenInfo> for Token {
    fn from(info: TokenInfo) -> Self {
        let role = match info.role {
            twofactor::token::Role::SystemAdmin => Role::SystemAdmin,
            twofactor::token::Role::SubscriptionAdmin { .. } => Role::SubscriptionAdmin,
            twofactor::token::Role::Auditor { .. } => Role::Auditor,
            twofactor::token::Role::Application { .. } => Role::Application,
        };
        Self {
            subscriptions: info.role.subscriptions().to_vec(),
            id: info.id,
            name: info.name,
            role,
            created_at: info.created_at,
            expires_at: info.expires_at,
            revoked_at: info.revoked_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct TokenList {
    tokens: Vec<Token>,
    /// The `after` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// Lists the tokens, newest first, including revoked ones. Callers that are limited to subscriptions see the tokens of applications
/// there.
#[utoipa::path(get, path = "/v1/tokens", operation_id = "listTokens", tag = "administration", params(Page),
    responses((status = 200, body = TokenList)))]
pub(super) async fn list(reader: Reader, Parameters(page): Parameters<Page>) -> Result<Json<TokenList>, Problem> {
    let of_applications = match reader.own() {
        Own::Everything => None,
        Own::These(own) => Some(own),
    };
    let admin = reader.of_anything();
    let page = admin.tokens_page(of_applications, page.after.as_deref(), size(page.limit)?).await?;
    let own = page.items.into_iter().filter(|token| reader.handles(&token.role));
    Ok(Json(TokenList { tokens: own.map(Token::from).collect(), next: page.next }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// The display name: one line of 1 to 100 characters.
    name: String,
    role: Role,
    /// Exactly one for an `application`, at least one for a `subscription_admin`; omit it for a `system_admin`. For an `auditor`, the
    /// subscriptions to read; omit it for the whole installation.
    subscriptions: Option<Vec<String>>,
    /// When it expires; never by default.
    expires_at: Option<Timestamp>,
}

/// A new token. It is shown only once.
#[derive(Serialize, ToSchema)]
pub(super) struct IssuedToken {
    /// The value for `Authorization: Bearer …`.
    token: String,
    #[serde(flatten)]
    info: Token,
}

/// Issues a token.
#[utoipa::path(post, path = "/v1/tokens", operation_id = "issueToken", tag = "administration", request_body = NewToken,
    responses((status = 201, body = IssuedToken)))]
pub(super) async fn issue(
    administrator: Administrator,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<IssuedToken>), Problem> {
    let misfit = |detail| Problem::at("/subscriptions", detail);
    // An empty list must not grant access to everything.
    let present = new.subscriptions.is_some();
    let role = match (new.role, new.subscriptions.unwrap_or_default()) {
        (Role::Auditor, _) if !present => twofactor::token::Role::Auditor { subscriptions: None },
        (Role::SystemAdmin, none) if none.is_empty() => twofactor::token::Role::SystemAdmin,
        (Role::SystemAdmin, _) => return Err(misfit("must be omitted for a `system_admin`")),
        (Role::SubscriptionAdmin, none) if none.is_empty() => {
            return Err(misfit("must contain at least one entry for a `subscription_admin`"));
        }
        (Role::Auditor, none) if none.is_empty() => {
            return Err(misfit("must contain at least one entry for an `auditor`; omit it for the whole installation"));
        }
        (Role::Auditor, some) => twofactor::token::Role::Auditor { subscriptions: Some(some) },
        (Role::SubscriptionAdmin, subscriptions) => twofactor::token::Role::SubscriptionAdmin { subscriptions },
        (Role::Application, one) => match <[String; 1]>::try_from(one) {
            Ok([subscription]) => twofactor::token::Role::Application { subscription },
            Err(_) => return Err(misfit("must contain exactly one entry for an `application`")),
        },
    };
    let admin = match &role {
        twofactor::token::Role::Application { subscription } => administrator.of(subscription)?,
        _ => administrator.of_the_system()?,
    };
    let (info, token) = admin.issue_token(&new.name, role, new.expires_at).await?;
    Ok((StatusCode::CREATED, Json(IssuedToken { token, info: info.into() })))
}

/// Revokes a token immediately.
#[utoipa::path(delete, path = "/v1/tokens/{id}", operation_id = "revokeToken", tag = "administration", responses((status = 204)))]
pub(super) async fn revoke(
    administrator: Administrator,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    let admin = administrator.of_anything();
    if !administrator.handles(&admin.token(&id).await?.role) {
        return Err(Problem::new(ProblemType::NotFound, "token not found"));
    }
    admin.revoke_token(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Access tokens. A subscription's administrator issues and revokes those of its applications; the rest is for system
//! administrators.

use axum::Json;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::TokenInfo;
use utoipa::ToSchema;

use super::body::{Body, Parameters, Segments};
use super::part::{Part, size};
use crate::access::{Administrator, Own, Reader};
use crate::problem::Problem;

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Role {
    /// Everything.
    SystemAdmin,
    /// Everything within its subscriptions.
    SubscriptionAdmin,
    /// Reads what an administrator reads, secrets masked, and changes nothing: of its subscriptions, or of the whole
    /// installation with the audit log.
    Auditor,
    /// Challenges of one subscription, and nothing else.
    Application,
}

/// What is known of a token. The token itself is kept nowhere.
#[derive(Serialize, ToSchema)]
pub(super) struct Token {
    /// Names it.
    id: String,
    /// For people.
    name: String,
    role: Role,
    /// The subscriptions it is bound to; none for one of the whole installation.
    subscriptions: Vec<String>,
    created_at: Timestamp,
    /// When it ends by itself.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
    #[schema(required = true)]
    revoked_at: Option<Timestamp>,
}

impl From<TokenInfo> for Token {
    fn from(info: TokenInfo) -> Self {
        let role = match info.role {
            twofactor::Role::SystemAdmin => Role::SystemAdmin,
            twofactor::Role::SubscriptionAdmin { .. } => Role::SubscriptionAdmin,
            twofactor::Role::Auditor { .. } => Role::Auditor,
            twofactor::Role::Application { .. } => Role::Application,
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
    /// `after` of the next part; not there at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// The tokens, revoked ones too, the newest first: all for one of the whole installation, else those of the caller's
/// applications.
#[utoipa::path(get, path = "/v1/tokens", operation_id = "listTokens", tag = "administration", params(Part),
    responses((status = 200, body = TokenList)))]
pub(super) async fn list(reader: Reader, Parameters(part): Parameters<Part>) -> Result<Json<TokenList>, Problem> {
    let of_applications = match reader.own() {
        Own::Everything => None,
        Own::These(own) => Some(own),
    };
    let admin = reader.of_anything();
    let page = admin.tokens_page(of_applications, part.after.as_deref(), size(part.limit)?).await?;
    let own = page.items.into_iter().filter(|token| reader.handles(&token.role));
    Ok(Json(TokenList { tokens: own.map(Token::from).collect(), next: page.next }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// For people: one line of 1 to 100 characters.
    name: String,
    role: Role,
    /// Exactly one for an application, at least one for a subscription's administrator, none for a system administrator. An
    /// auditor reads these; without this field, which is not an empty list, the whole installation.
    subscriptions: Option<Vec<String>>,
    /// When it ends by itself; never if not said.
    expires_at: Option<Timestamp>,
}

/// A token, shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct IssuedToken {
    /// What the caller sends as `Authorization: Bearer …`.
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
    // A list that happens to be empty must not open everything.
    let said = new.subscriptions.is_some();
    let role = match (new.role, new.subscriptions.unwrap_or_default()) {
        (Role::Auditor, _) if !said => twofactor::Role::Auditor { subscriptions: None },
        (Role::SystemAdmin, none) if none.is_empty() => twofactor::Role::SystemAdmin,
        (Role::SystemAdmin, _) => return Err(misfit("must be left out: a `system_admin` is bound to none")),
        (Role::SubscriptionAdmin, none) if none.is_empty() => {
            return Err(misfit("must name at least one for a `subscription_admin`"));
        }
        (Role::Auditor, none) if none.is_empty() => {
            return Err(misfit(
                "an `auditor` has at least one of `subscriptions`, or no such field for the installation",
            ));
        }
        (Role::Auditor, some) => twofactor::Role::Auditor { subscriptions: Some(some) },
        (Role::SubscriptionAdmin, subscriptions) => twofactor::Role::SubscriptionAdmin { subscriptions },
        (Role::Application, one) => match <[String; 1]>::try_from(one) {
            Ok([subscription]) => twofactor::Role::Application { subscription },
            Err(_) => return Err(misfit("must name exactly one for an `application`")),
        },
    };
    let admin = match &role {
        twofactor::Role::Application { subscription } => administrator.of(subscription)?,
        _ => administrator.of_the_system()?,
    };
    let (info, token) = admin.issue_token(&new.name, role, new.expires_at).await?;
    Ok((StatusCode::CREATED, Json(IssuedToken { token, info: info.into() })))
}

/// Revokes a token at once.
#[utoipa::path(delete, path = "/v1/tokens/{id}", operation_id = "revokeToken", tag = "administration", responses((status = 204)))]
pub(super) async fn revoke(
    administrator: Administrator,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    let admin = administrator.of_anything();
    if !administrator.handles(&admin.token(&id).await?.role) {
        return Err(Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such token"));
    }
    admin.revoke_token(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Logging in at an identity provider: there and back.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::login::{Aim, Visitor, admit, page, with_status, words};
use super::safety::is_from_another_site;
use super::state::Ui;
use crate::cookies::{cookie, remove_private, set_private};
use crate::oidc::{Answer, LoginError, Oidc, OidcError};

/// Holds what a browser must bring back.
const AUTHORIZATION_COOKIE: &str = "__Host-twofactor-authorization";

/// It is reached by a link and not by a form: pages send forms nowhere else (`safety.rs`), and
/// browsers apply that to redirects.
pub(super) async fn leave(
    visitor: Visitor,
    State(ui): State<Ui>,
    Query(aim): Query<Aim>,
    headers: HeaderMap,
) -> Response {
    let Some(oidc) = &ui.app.oidc else { return StatusCode::NOT_FOUND.into_response() };
    // Another site could use up how often this address may begin.
    if is_from_another_site(&headers) {
        return page(&visitor, None, "");
    }
    let provider = match oidc.discover().await {
        Ok(provider) => provider,
        Err(trouble) => return fail(&visitor, oidc, &trouble),
    };
    match visitor.accounts().start_authorization(aim.stored_path(), visitor.client()).await {
        Ok(request) => {
            let cookie = set_private(AUTHORIZATION_COOKIE, request.secret.expose(), None);
            (cookie, Redirect::to(oidc.authorization_url(&provider, &request).as_str())).into_response()
        }
        Err(error) => with_status(page(&visitor, Some(&words(visitor.language(), &error)), ""), status(&error)),
    }
}

pub(super) async fn back(
    visitor: Visitor,
    State(ui): State<Ui>,
    Query(answer): Query<Answer>,
    headers: HeaderMap,
) -> Response {
    let Some(oidc) = &ui.app.oidc else { return StatusCode::NOT_FOUND.into_response() };
    let secret = cookie(&headers, AUTHORIZATION_COOKIE).unwrap_or_default();
    let (request, aim) = match visitor.accounts().complete_authorization(secret, &answer.state).await {
        Ok(taken) => taken,
        // The browser's cookie stays: the browser may still be on its way, and this a link of
        // another site.
        Err(error) => {
            return with_status(page(&visitor, Some(&words(visitor.language(), &error)), ""), status(&error));
        }
    };
    let response = match oidc.authenticate(&request, &answer).await {
        Ok(identity) => match visitor.accounts().log_in_external(identity, visitor.client()).await {
            Ok(logged_in) => admit(logged_in, &aim),
            Err(error) if error.is_invalid_credentials() => {
                tracing::warn!(
                    why = error.operator_detail(),
                    "a person whom the identity provider logged in has no access"
                );
                turn_away(&visitor, oidc)
            }
            Err(error) => with_status(page(&visitor, Some(&words(visitor.language(), &error)), ""), status(&error)),
        },
        Err(LoginError::Denied) => deny(&visitor, oidc),
        Err(LoginError::Failed(trouble)) => fail(&visitor, oidc, &trouble),
    };
    (remove_private(AUTHORIZATION_COOKIE), response).into_response()
}

fn status(error: &twofactor::Error) -> StatusCode {
    if error.is_closed() {
        StatusCode::GONE
    } else if error.is_rate_limited() {
        StatusCode::TOO_MANY_REQUESTS
    } else if error.is_no_instance_available() {
        StatusCode::CONFLICT
    } else if error.is_delivery_failed() || error.is_unavailable() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::BAD_REQUEST
    }
}

fn turn_away(visitor: &Visitor, oidc: &Oidc) -> Response {
    let l = visitor.language();
    let text = l.say(
        "logged you in, but you have no access here. Contact a system administrator.",
        "hat Sie angemeldet, aber Sie haben hier keinen Zugriff. Wenden Sie sich an einen Systemadministrator.",
    );
    with_status(page(visitor, Some(&format!("{} {text}", oidc.name())), ""), StatusCode::FORBIDDEN)
}

fn deny(visitor: &Visitor, oidc: &Oidc) -> Response {
    let l = visitor.language();
    let text = l.say("The login was cancelled or refused by", "Die Anmeldung wurde abgebrochen oder abgelehnt von");
    with_status(page(visitor, Some(&format!("{text} {}.", oidc.name())), ""), StatusCode::FORBIDDEN)
}

fn fail(visitor: &Visitor, oidc: &Oidc, trouble: &OidcError) -> Response {
    tracing::warn!(why = %trouble, "a login at the identity provider failed");
    let l = visitor.language();
    let text = l.say(
        "Login failed. Please try again later:",
        "Die Anmeldung ist fehlgeschlagen. Bitte versuchen Sie es später erneut:",
    );
    with_status(page(visitor, Some(&format!("{text} {}.", oidc.name())), ""), StatusCode::BAD_GATEWAY)
}

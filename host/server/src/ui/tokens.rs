//! Access tokens of applications.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use serde::Deserialize;
use twofactor::token::{Role, TokenInfo};

use super::failure::Failure;
use super::form_replies::{Outcome, Told};
use super::format::time;
use super::layout::{Pages, badge, table};
use super::links::segment;
use super::page::{Room, page};
use super::person::Person;
use super::posted::Posted;
use crate::wording::Language;

#[derive(Deserialize)]
pub(super) struct PageQuery {
    after: Option<String>,
}

pub(super) async fn list(person: Person, Query(query): Query<PageQuery>) -> Result<Response, Failure> {
    show(&person, query.after.as_deref()).await
}

/// Returns whether a person may see and revoke a token: a subscription's administrator those of its applications.
fn handles(person: &Person, token: &TokenInfo) -> bool {
    match &token.role {
        Role::Application { subscription } => person.has(subscription),
        _ => person.is_of_the_system(),
    }
}

async fn show(person: &Person, after: Option<&str>) -> Result<Response, Failure> {
    let (l, posted) = (person.language, person.posted());
    let admin = person.of_anything();
    let tokens =
        admin.tokens_page(person.bound_to(), after, Pages::SIZE).await.map_err(|error| person.failure(error))?;
    let pages = Pages {
        first: after.map(|_| "/admin/tokens".to_owned()),
        next: tokens.next.map(|next| format!("/admin/tokens?after={}", segment(&next))),
    };
    let subscriptions = admin.subscriptions().await.map_err(|error| person.failure(error))?;
    let title = Room::Tokens.name(l);
    let main = html! {
        h1 { (title) }
        p.sub { (l.say("Applications use tokens to start and verify challenges through the API.", "Anwendungen verwenden Tokens, um über die API Challenges zu starten und zu prüfen.")) }
        @if let Some(token) = person.issued() {
            div.notice.good role="status" {
                p { (l.say("Copy the token now. It is not stored and will not be shown again.", "Kopieren Sie das Token jetzt. Es wird nicht gespeichert und nicht noch einmal angezeigt.")) }
                p { code.secret { (token) } }
            }
        }
        @if person.may_change() { form.card.row method="post" {
            div.field { label for="name" { (l.say("Name", "Name")) } input #name name="name" type="text" required maxlength="100" value=(posted.get("name").unwrap_or_default()) autocomplete="off"; }
            div.field { label for="subscription" { (l.say("Subscription", "Subscription")) }
                select #subscription name="subscription" { @for one in subscriptions.iter().filter(|one| person.has(&one.id)) { option value=(one.id) selected[posted.get("subscription") == Some(&one.id)] { (one.name) } } } }
            div.actions { button.main { (l.say("Create token", "Token erstellen")) } }
        } }
        @let headings = [l.say("Name", "Name"), l.say("Role", "Rolle"), l.say("Subscription", "Subscription"), l.say("Created", "Erstellt"), l.say("Status", "Status")];
        (table(&headings, usize::MAX, tokens.items.iter().map(|token| vec![
            html! { (token.name) }, html! { (role_name(l, &token.role)) }, html! { (token.role.subscriptions().join(", ")) }, time(l, token.created_at),
            html! {
                @if token.revoked_at.is_some() { (badge("off", l.say("Revoked", "Widerrufen"))) }
                @else if !person.may_change() { (badge("good", l.say("Active", "Aktiv"))) }
                @else { a href={ "/admin/tokens/" (segment(&token.id)) "/revoke" } { (l.say("Revoke", "Widerrufen")) } }
            },
        ])))
        (pages.show(l))
    };
    Ok(page(person, Room::Tokens, title, main))
}

pub(super) fn role_name(l: Language, role: &Role) -> &'static str {
    match role {
        Role::SystemAdmin => l.say("System administrator", "Systemadministrator"),
        Role::SubscriptionAdmin { .. } => l.say("Subscription administrator", "Subscription-Administrator"),
        Role::Auditor { .. } => l.say("Auditor", "Auditor"),
        Role::Application { .. } => l.say("Application", "Anwendung"),
    }
}

pub(super) async fn issue(person: Person, body: Bytes) -> Result<Told, Failure> {
    let posted = Posted::parse(&body);
    let subscription = posted.get("subscription").unwrap_or_default();
    let role = Role::Application { subscription: subscription.to_owned() };
    let name = posted.get("name").unwrap_or_default();
    let issued = person.of(subscription)?.issue_token(name, role, None).await.map_err(|error| person.failure(error))?;
    Ok(Told::new(Outcome::Issued(issued.1)))
}

async fn token(person: &Person, id: &str) -> Result<TokenInfo, Failure> {
    match person.of_anything().token(id).await {
        Ok(token) if handles(person, &token) => Ok(token),
        Ok(_) => Err(Failure::not_found(person.language)),
        Err(error) if error.is_not_found() => Err(Failure::not_found(person.language)),
        Err(error) => Err(person.failure(error)),
    }
}

pub(super) async fn ask_revoke(person: Person, Path(id): Path<String>) -> Result<Response, Failure> {
    let l = person.language;
    person.changes()?;
    let token = token(&person, &id).await?;
    let title = l.say("Revoke this token?", "Dieses Token widerrufen?");
    let main = html! {
        p.trail { a href="/admin/tokens" { (Room::Tokens.name(l)) } }
        h1 { (title) }
        form.card method="post" {
            p { strong { (token.name) } " · " (role_name(l, &token.role)) }
            p { (l.say("Requests with this token are rejected immediately. This cannot be undone.", "Anfragen mit diesem Token werden sofort abgelehnt. Dies kann nicht rückgängig gemacht werden.")) }
            div.actions { button.bad { (l.say("Revoke", "Widerrufen")) } a.button href="/admin/tokens" { (l.say("Cancel", "Abbrechen")) } }
        }
    };
    Ok(page(&person, Room::Tokens, title, main))
}

pub(super) async fn revoke(person: Person, Path(id): Path<String>) -> Result<Response, Failure> {
    let token = token(&person, &id).await?;
    person.of_anything().revoke_token(&token.id).await.map_err(|error| person.failure(error))?;
    Ok(Redirect::to("/admin/tokens").into_response())
}

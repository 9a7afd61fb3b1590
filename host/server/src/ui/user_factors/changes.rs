//! The actions of the forms. A refused change leads back to its form.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use twofactor::Error;

use super::super::failure::Failure;
use super::super::form_replies::{Outcome, Told};
use super::super::links::segment;
use super::super::person::Person;
use super::super::posted::Posted;
use super::{factor_link, path, user_link};

/// The fields of each of these forms.
struct Fields {
    posted: Posted,
    user: String,
}

impl Fields {
    fn parse(body: &Bytes) -> Self {
        let posted = Posted::parse(body);
        let user = posted.get("user").unwrap_or_default().to_owned();
        Self { posted, user }
    }

    fn text(&self, name: &str) -> &str {
        self.posted.get(name).unwrap_or_default()
    }
}

/// Suspends, resumes or removes a factor.
pub(in super::super) async fn change(
    person: Person,
    Path(subscription): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let fields = Fields::parse(&body);
    let admin = person.of(&subscription)?;
    let (user, factor, reason) = (&*fields.user, fields.text("factor"), fields.text("reason"));
    let (changed, done) = match fields.text("do") {
        "suspend" => (admin.suspend_factor(&subscription, user, factor, reason).await, "suspended"),
        "resume" => (admin.resume_factor(&subscription, user, factor, reason).await, "resumed"),
        "remove" => (admin.remove_user_factor(&subscription, user, factor, reason).await.map(drop), "removed"),
        _ => return Ok(Redirect::to(&factor_link(&subscription, user, factor)).into_response()),
    };
    // If someone else changed it in the meantime, the list of factors shows its current state.
    let form = match &changed {
        Err(error) if error.is_not_found() => user_link(&subscription, user),
        _ => factor_link(&subscription, user, factor),
    };
    after(&person, changed, (&subscription, user), done, form)
}

/// Ends everything that a user signs in with.
pub(in super::super) async fn reset(
    person: Person,
    Path(subscription): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let fields = Fields::parse(&body);
    let (user, reason) = (&*fields.user, fields.text("reason"));
    let reset = person.of(&subscription)?.reset_factors(&subscription, user, reason).await;
    let form = format!("{}/reset?user={}", path(&subscription), segment(user));
    after(&person, reset.map(drop), (&subscription, user), "reset", form)
}

/// Issues a temporary pass, which the next page shows once.
pub(in super::super) async fn issue_pass(
    person: Person,
    Path(subscription): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let fields = Fields::parse(&body);
    let (user, reason, form) = (&*fields.user, fields.text("reason"), user_link(&subscription, &fields.user));
    let admin = person.of(&subscription)?;
    // The engine refuses 0 minutes, and its error names the allowed range.
    let minutes = fields.posted.get("minutes").map(|typed| typed.parse().unwrap_or_default());
    match admin.issue_pass(&subscription, user, minutes, reason).await {
        Ok(issued) => Ok(Told::new(Outcome::Issued(issued.pass.expose().to_owned())).on(form).into_response()),
        Err(error) => refused(&person, error, form),
    }
}

/// Ends the temporary pass of a user.
pub(in super::super) async fn end_pass(
    person: Person,
    Path(subscription): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let fields = Fields::parse(&body);
    let (user, reason) = (&*fields.user, fields.text("reason"));
    let ended = person.of(&subscription)?.end_pass(&subscription, user, reason).await;
    let form = format!("{}/pass/revoke?user={}", path(&subscription), segment(user));
    after(&person, ended.map(drop), (&subscription, user), "pass-revoked", form)
}

/// Forgets one remembered browser of a user, or all.
pub(in super::super) async fn forget(
    person: Person,
    Path(subscription): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let fields = Fields::parse(&body);
    let user = &*fields.user;
    let browser = fields.posted.get("browser");
    let forgotten = person.of(&subscription)?.forget_devices(&subscription, user, browser).await;
    let (done, form) = (browser.map_or("all-forgotten", |_| "forgotten"), user_link(&subscription, user));
    after(&person, forgotten, (&subscription, user), done, form)
}

/// Redirects to the page that shows the result.
fn after(
    person: &Person,
    result: Result<(), Error>,
    (subscription, user): (&str, &str),
    done: &str,
    form: String,
) -> Result<Response, Failure> {
    match result {
        Ok(()) => Ok(Redirect::to(&format!("{}&done={done}", user_link(subscription, user))).into_response()),
        // Without a user, the search is the only form to go back to.
        Err(error) if user.is_empty() => refused(person, error, path(subscription)),
        Err(error) => refused(person, error, form),
    }
}

fn refused(person: &Person, error: Error, form: String) -> Result<Response, Failure> {
    let why = if error.is_not_found() {
        let gone = person.language.say(
            "Nothing was changed: someone else changed or removed it in the meantime.",
            "Es wurde nichts geändert: Jemand anderes hat es inzwischen geändert oder entfernt.",
        );
        gone.to_owned()
    } else if error.is_invalid_input() || error.is_forbidden() {
        person.sentence(&error)
    } else {
        return Err(person.failure(error));
    };
    Ok(Told::refused(why).on(form).into_response())
}

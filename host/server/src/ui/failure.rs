//! Error pages.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::form_replies::{Outcome, Told};
use super::layout::{languages, whole};
use crate::problem::Problem;
use crate::wording::{Language, sentence, spoken};

/// An error, as a page.
pub(super) struct Failure {
    language: Language,
    status: StatusCode,
    detail: Detail,
    country: Option<String>,
}

/// Why something went wrong.
enum Detail {
    /// In the reader's language.
    Worded(&'static str),
    /// The engine's sentence, in English.
    English(String),
}

impl Failure {
    pub(super) fn of(language: Language, problem: impl Into<Problem>) -> Self {
        let problem = problem.into();
        Self { language, status: problem.status(), detail: Detail::English(problem.detail().to_owned()), country: None }
    }

    /// Because messages to this country are not enabled.
    pub(super) fn about_country(self, country: Option<String>) -> Self {
        Self { country, ..self }
    }

    pub(super) fn too_long(language: Language) -> Self {
        let detail = language.say("The form is too large.", "Das Formular ist zu groß.");
        Self { language, status: StatusCode::PAYLOAD_TOO_LARGE, detail: Detail::Worded(detail), country: None }
    }

    pub(super) fn reads_only(language: Language) -> Self {
        let detail = language.say("Your role has read-only access.", "Ihre Rolle hat nur Lesezugriff.");
        Self { language, status: StatusCode::FORBIDDEN, detail: Detail::Worded(detail), country: None }
    }

    pub(super) fn not_found(language: Language) -> Self {
        let detail = language.say(
            "The page was deleted, or the URL is incomplete.",
            "Die Seite wurde gelöscht, oder die URL ist unvollständig.",
        );
        Self { language, status: StatusCode::NOT_FOUND, detail: Detail::Worded(detail), country: None }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let l = self.language;
        let title = match self.status {
            StatusCode::NOT_FOUND => l.say("Not found", "Nicht gefunden"),
            StatusCode::FORBIDDEN => l.say("Access denied", "Zugriff verweigert"),
            StatusCode::SERVICE_UNAVAILABLE => l.say("Temporarily unavailable", "Vorübergehend nicht verfügbar"),
            _ => l.say("Something went wrong", "Etwas ist schiefgelaufen"),
        };
        let header = html! { header.bar { a.brand href="/admin" { "TwoFactor" } div.person { (languages(l)) } } };
        let main = html! {
            h1 { (title) }
            p { @match &self.detail {
                Detail::Worded(text) => (text),
                Detail::English(text) => (spoken(l, text)),
            } }
            p { a.button href="/admin" { (l.say("Go to overview", "Zur Übersicht")) } }
        };
        let mut response = whole(l, title, header, main);
        *response.status_mut() = self.status;
        // If it answers a form, it leads back to the form, if there is one.
        match self.status {
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::PAYLOAD_TOO_LARGE => {}
            StatusCode::PRECONDITION_FAILED => drop(response.extensions_mut().insert(Told::new(Outcome::Conflict))),
            _ => {
                let why = match self.detail {
                    Detail::Worded(text) => text.to_owned(),
                    Detail::English(text) => sentence(l, &text),
                };
                let outcome = self.country.map_or(Outcome::Refused(why), Outcome::CountryClosed);
                response.extensions_mut().insert(Told::new(outcome));
            }
        }
        response
    }
}

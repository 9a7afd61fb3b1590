//! The languages of the admin UI and of the engine's data.

use axum::http::{HeaderMap, header};
use twofactor::language::preferred_language;

use crate::cookies::cookie;

/// A language. Each text is written in both languages where it is shown: [`Language::say`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

/// The cookie that stores the language a person chose.
pub(crate) const LANGUAGE_COOKIE: &str = "twofactor-language";

impl Language {
    pub(crate) fn tag(self) -> &'static str {
        self.say("en", "de")
    }

    /// Returns the text in this language.
    pub(crate) fn say(self, english: &'static str, german: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::German => german,
        }
    }

    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        match tag.split(['-', '_', ';']).next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            _ => None,
        }
    }

    /// Returns the language that the person chose, or else the preferred language of the browser that is supported.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let chosen = cookie(headers, LANGUAGE_COOKIE).and_then(Self::of_tag);
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|list| list.to_str().ok()).unwrap_or_default();
        chosen.or_else(|| Self::of_tag(preferred_language(accepted, &["en", "de"])?)).unwrap_or(Self::English)
    }
}

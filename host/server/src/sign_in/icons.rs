//! The icons, drawn with lines.

use maud::{Markup, PreEscaped, html};

/// Returns an icon. It says nothing that the text next to it does not.
pub(super) fn icon(lines: &'static str) -> Markup {
    html! {
        svg viewBox="0 0 24 24" aria-hidden="true" focusable="false" { (PreEscaped(lines)) }
    }
}

pub(super) const ENVELOPE: &str =
    r#"<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="m4 7.5 8 5.5 8-5.5"/>"#;
pub(super) const BUBBLE: &str = r#"<path d="M5.5 4h13A2.5 2.5 0 0 1 21 6.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4h-1A2.5 2.5 0 0 1 3 14.5v-8A2.5 2.5 0 0 1 5.5 4Z"/><path d="M8 9h8M8 12.5h5"/>"#;
pub(super) const HANDSET: &str = r#"<path d="M6.5 3.5h3l1.5 4.5-2 1.5a12 12 0 0 0 5.5 5.5l1.5-2 4.5 1.5v3a2.5 2.5 0 0 1-2.5 2.5A15 15 0 0 1 4 6a2.5 2.5 0 0 1 2.5-2.5Z"/>"#;
pub(super) const ALERT: &str = r#"<circle cx="12" cy="12" r="9"/><path d="M12 7.5v5.5M12 16.4v.1"/>"#;
pub(super) const CHECK: &str = r#"<circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.7 2.7L16 9.5"/>"#;
pub(super) const PERSON_KEY: &str = r#"<circle cx="9" cy="8" r="4"/><path d="M2.5 20a6.5 6.5 0 0 1 10-5.5"/><circle cx="18" cy="13" r="3"/><path d="M18 16v5.5l1.5-1.5M18 18.5l1.5-1"/>"#;
pub(super) const APP: &str =
    r#"<rect x="6.5" y="2.5" width="11" height="19" rx="2.5"/><path d="M12 7.5a4 4 0 1 0 4 4M12 9.5v2l1.5 1"/>"#;
pub(super) const LIST: &str =
    r#"<rect x="4" y="3" width="16" height="18" rx="2.5"/><path d="M8 8h2M13 8h3M8 12h2M13 12h3M8 16h2M13 16h3"/>"#;
pub(super) const SCREEN: &str =
    r#"<rect x="3" y="4" width="18" height="13" rx="2.5"/><path d="M8.5 20.5h7M12 17v3.5"/>"#;

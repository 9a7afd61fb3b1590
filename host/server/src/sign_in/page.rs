//! The markup. Everything from outside is text to `maud`, which escapes it.

use std::net::IpAddr;

use maud::{DOCTYPE, Markup, html};
use twofactor::sign_in::Visit;

use super::icons::{ALERT, CHECK, icon};
use super::text::{LANGUAGES, Notice, Words};
use super::{agent, assets};

/// The frame of each page.
pub(super) struct Frame<'a> {
    pub(super) words: &'static Words,
    /// The path of the link, without a slash at the end; empty if there is no link.
    pub(super) path: &'a str,
    /// Whether a language was asked for on the page: then it is carried along.
    pub(super) language: Option<&'static str>,
    pub(super) visit: Option<&'a Visit>,
    /// The browser's network address.
    pub(super) address: Option<IpAddr>,
    /// Marks the scripts of this response.
    pub(super) nonce: String,
}

/// What differs between pages around their body.
#[derive(Clone, Copy, Default)]
pub(super) struct Shape {
    pub(super) class: Option<&'static str>,
    /// Whether its body needs the script for passkeys.
    pub(super) passkey: bool,
}

/// Something went wrong, or went well.
pub(super) enum Say {
    Error(String),
    /// With the typed value.
    Field(String),
    Done(String),
}

impl Frame<'_> {
    pub(super) fn href(&self, rest: &str) -> String {
        let language = self.language.map(|tag| format!("?lang={tag}")).unwrap_or_default();
        format!("{}{rest}{language}", self.path)
    }

    pub(super) fn document(&self, title: &str, say: Option<&Say>, shape: Shape, body: Markup) -> Markup {
        let words = self.words;
        let page = self.visit.map(|visit| &visit.page);
        // Whoever removes the factor that was used here, or the last one, comes to another page than the list.
        let signals = self.visit.map(|visit| &visit.signals).filter(|signals| !signals.is_empty());
        html! {
            (DOCTYPE)
            html lang=(words.tag) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex, nofollow";
                    title {
                        @if matches!(say, Some(Say::Error(_) | Say::Field(_))) { (words.error) ": " }
                        (title)
                        @if let Some(visit) = self.visit { " – " (visit.application) }
                    }
                    link rel="stylesheet" href=(assets::style_path());
                    @if page.is_some_and(|page| page.theme().accent.is_some() || page.theme().background.is_some()) {
                        link rel="stylesheet" href={ (self.path) "/theme.css" };
                    }
                    script src=(assets::script_path()) nonce=(self.nonce) defer {}
                    @if shape.passkey || signals.is_some() {
                        script src=(assets::passkey_path()) nonce=(self.nonce) defer {}
                    }
                }
                body {
                    main class=[shape.class] {
                        @if let Some(visit) = self.visit {
                            @if visit.page.logo.is_some() {
                                img.logo src={ (self.path) "/logo" } alt=(visit.application);
                            }
                        }
                        h1 { (title) }
                        @if let Some(visit) = self.visit {
                            p.who {
                                span { (visit.application) }
                                @if let Some(user) = &visit.sign_in().user { span { (user) } }
                            }
                        }
                        (body)
                        @if let Some(signals) = signals { div data-signals=(serde_json::json!(signals)) hidden {} }
                    }
                    footer {
                        nav aria-label=(words.languages) {
                            @for other in &LANGUAGES {
                                a href={ (self.path) "?lang=" (other.tag) } lang=(other.tag) hreflang=(other.tag)
                                    aria-current=[(other.tag == words.tag).then_some("true")] { (other.name) }
                            }
                        }
                        @if let Some(url) = page.and_then(|page| page.support_url.as_deref()) {
                            a.help href=(url) rel="noreferrer noopener" { (words.help) }
                        }
                    }
                }
            }
        }
    }

    /// Shows what is being confirmed, and when and from where it was started, so that people notice if someone else started it.
    pub(super) fn facts(&self, visit: &Visit) -> Markup {
        let words = self.words;
        let age = visit.now.duration_since(visit.started_at()).as_secs();
        let started = match u64::try_from(age).unwrap_or_default() {
            seconds if seconds < 60 => words.just_now.to_owned(),
            seconds => words.ago.replace("{wait}", &words.wait(seconds)),
        };
        let (there, agent) = (visit.client_address(), visit.user_agent().and_then(agent::name));
        let elsewhere = there.zip(self.address).is_some_and(|(there, here)| is_elsewhere(there, here));
        html! {
            section.facts aria-label=(words.facts) {
                dl {
                    div { dt { (words.what) } dd { @if visit.purpose() == SIGN_IN { (words.signing_in) } @else { (visit.purpose()) } } }
                    div { dt { (words.started) } dd { (started) } }
                    @if there.is_some() || agent.is_some() {
                        div { dt { (words.from) } dd {
                            @if let Some(agent) = &agent { (agent) }
                            @if agent.is_some() && there.is_some() { ", " }
                            @if let Some(there) = there { (rough(there)) }
                        } }
                    }
                }
                p.caution.elsewhere[elsewhere] {
                    @if elsewhere { (words.begun_elsewhere) " " }
                    (words.caution)
                }
            }
        }
    }

    pub(super) fn hidden(&self, step: Option<u32>) -> Markup {
        html! {
            @if let Some(tag) = self.language { input type="hidden" name="lang" value=(tag); }
            @if let Some(step) = step { input type="hidden" name="step" value=(step); }
        }
    }

    pub(super) fn cancel(&self) -> Markup {
        html! {
            form method="post" action={ (self.path) "/cancel" } {
                (self.hidden(None))
                button.quiet type="submit" { (self.words.cancel) }
            }
        }
    }
}

/// Returns what went wrong, or well.
pub(super) fn said(say: Option<&Say>) -> Markup {
    html! {
        @match say {
            Some(Say::Error(text) | Say::Field(text)) => p.say.error #error role="alert" { (icon(ALERT)) span { (text) } },
            Some(Say::Done(text)) => p.say.done role="status" { (icon(CHECK)) span { (text) } },
            None => {},
        }
    }
}

/// Returns a page with a message only, and with a link back if there is one.
pub(super) fn notice(frame: &Frame<'_>, notice: &Notice, back: Option<&str>) -> Markup {
    let body = html! {
        p { (notice.text) }
        @if let (Some(url), Some(visit)) = (back, frame.visit) {
            a.main href=(url) rel="noreferrer" { (frame.words.back.replace("{application}", &visit.application)) }
        }
    };
    frame.document(notice.title, None, Shape { class: Some("notice"), ..Shape::default() }, body)
}

/// The purpose that most sign-ins have, and that has a name in each language.
const SIGN_IN: &str = "sign-in";

/// Returns as much of a network address as a person can compare with their own: somebody else may
/// be reading it.
fn rough(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.*")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:*")
        }
    }
}

/// Returns whether two addresses are in different networks. A browser may have one of each family:
/// such a pair is not compared.
fn is_elsewhere(one: IpAddr, other: IpAddr) -> bool {
    let (one, other) = (one.to_canonical(), other.to_canonical());
    one.is_ipv4() == other.is_ipv4() && rough(one) != rough(other)
}

//! The markup. Everything from outside is text to `maud`, which escapes it.

use std::net::IpAddr;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use twofactor::Challenge;
use twofactor::challenge::DeliveryOption;
use twofactor::sign_in::Visit;

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

/// Something went wrong, or went well.
pub(super) enum Say {
    Error(String),
    /// With the typed value.
    Field(String),
    Done(String),
}

impl Frame<'_> {
    fn href(&self, rest: &str) -> String {
        let language = self.language.map(|tag| format!("?lang={tag}")).unwrap_or_default();
        format!("{}{rest}{language}", self.path)
    }

    fn document(&self, title: &str, say: Option<&Say>, wide: bool, body: Markup) -> Markup {
        let words = self.words;
        let page = self.visit.map(|visit| &visit.page);
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
                }
                body {
                    main class=[wide.then_some("notice")] {
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

    /// Shows what is being confirmed, and when and from where it was started, so that people notice if somebody else started it.
    fn facts(&self, visit: &Visit) -> Markup {
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

    fn hidden(&self, step: Option<u32>) -> Markup {
        html! {
            @if let Some(tag) = self.language { input type="hidden" name="lang" value=(tag); }
            @if let Some(step) = step { input type="hidden" name="step" value=(step); }
        }
    }

    fn cancel(&self) -> Markup {
        html! {
            form method="post" action={ (self.path) "/cancel" } {
                (self.hidden(None))
                button.quiet type="submit" { (self.words.cancel) }
            }
        }
    }
}

fn said(say: Option<&Say>) -> Markup {
    html! {
        @match say {
            Some(Say::Error(text) | Say::Field(text)) => p.say.error #error role="alert" { (icon(ALERT)) span { (text) } },
            Some(Say::Done(text)) => p.say.done role="status" { (icon(CHECK)) span { (text) } },
            None => {},
        }
    }
}

/// Returns the choice of a way; with one way only a button.
pub(super) fn choice(frame: &Frame<'_>, visit: &Visit, say: Option<&Say>, has_challenge: bool) -> Markup {
    let words = frame.words;
    let none = (visit.delivery_options.is_empty() || !visit.more)
        .then(|| Say::Error(if visit.delivery_options.is_empty() { words.no_way } else { words.no_more }.to_owned()));
    let say = none.as_ref().or(say);
    let body = html! {
        (said(say))
        (frame.facts(visit))
        @if none.is_none() {
            form method="post" action={ (frame.path) "/start" } {
                (frame.hidden(Some(visit.step())))
                @if let [only] = &visit.delivery_options[..] {
                    p #lead { (words.choose_only) }
                    input type="hidden" name="two_factor" value=(only.two_factor);
                    div.way.only { (way_body(words, visit, only)) }
                } @else {
                    fieldset {
                        legend { (words.choose_lead) }
                        @for (n, way) in visit.delivery_options.iter().enumerate() {
                            label.way {
                                input type="radio" name="two_factor" value=(way.two_factor) checked[n == 0];
                                (way_body(words, visit, way))
                            }
                        }
                    }
                }
                button.main type="submit" { (words.send) }
            }
        }
        div.more {
            @if has_challenge { a href=(frame.href("")) { (words.back_to_code) } }
            (frame.cancel())
        }
    };
    frame.document(words.choose_title, say, false, body)
}

fn way_body(words: &Words, visit: &Visit, way: &DeliveryOption) -> Markup {
    let (channel, picture) = channel(words, &way.channel);
    // Two instances that look alike are distinguished by their names.
    let alike = |other: &&DeliveryOption| other.channel == way.channel && other.recipient_hint == way.recipient_hint;
    let ambiguous = visit.delivery_options.iter().filter(alike).count() > 1;
    html! {
        (icon(picture))
        span {
            strong { (channel) @if ambiguous { " – " (way.name) } }
            span.hint { (way.recipient_hint) }
        }
    }
}

/// Returns the field for the code.
pub(super) fn code(frame: &Frame<'_>, visit: &Visit, challenge: &Challenge, say: Option<&Say>) -> Markup {
    let words = frame.words;
    let sentence = match &*challenge.channel {
        "email" => words.sent_email,
        "sms" => words.sent_sms,
        "voice" => words.sent_voice,
        _ => words.sent_other,
    };
    let sentence = sentence.replace("{n}", &challenge.code_length.unwrap_or_default().to_string());
    let (before, after) = sentence.split_once("{to}").unwrap_or((&sentence, ""));
    let left = challenge.resend_after.map_or(0, |after| after.duration_since(visit.now).as_millis());
    let wait = u64::try_from(left).unwrap_or_default().div_ceil(1000);
    let wrong = matches!(say, Some(Say::Field(_)));
    let webotp = (challenge.channel == "sms").then_some("sms");
    let body = html! {
        p #lead { (before) strong.hint { (challenge.recipient_hint.as_deref().unwrap_or_default()) } (after) }
        (said(say))
        form.answer method="post" action={ (frame.path) "/answer" } data-otp=[webotp] {
            (frame.hidden(None))
            label for="code" { (words.code_label) }
            input #code name="code" type="text" inputmode="numeric" autocomplete="one-time-code" autocapitalize="none"
                spellcheck="false" enterkeyhint="go" size=[challenge.code_length] autofocus
                aria-describedby=(if wrong { "error lead" } else { "lead" }) aria-invalid=[wrong.then_some("true")];
            button.main type="submit" { (words.proceed) }
        }
        form.resend method="post" action={ (frame.path) "/resend" } {
            (frame.hidden(None))
            button.second type="submit" data-wait=[(wait > 0).then_some(wait)] { (words.resend) }
            @if wait > 0 {
                p.wait data-text=(words.resend_wait) data-one=(words.second) data-many=(words.seconds) {
                    (words.resend_wait.replace("{wait}", &words.wait(wait)))
                }
            }
        }
        (frame.facts(visit))
        div.more {
            @if visit.delivery_options.len() > 1 && visit.more { a href=(frame.href("/choose")) { (words.other_way) } }
            (frame.cancel())
        }
    };
    frame.document(words.code_title, say, false, body)
}

/// Returns a page with a message only, and with a link back if there is one.
pub(super) fn notice(frame: &Frame<'_>, notice: &Notice, back: Option<&str>) -> Markup {
    let body = html! {
        p { (notice.text) }
        @if let (Some(url), Some(visit)) = (back, frame.visit) {
            a.main href=(url) rel="noreferrer" { (frame.words.back.replace("{application}", &visit.application)) }
        }
    };
    frame.document(notice.title, None, true, body)
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

fn channel(words: &Words, channel: &str) -> (&'static str, &'static str) {
    match channel {
        "email" => (words.by_email, ENVELOPE),
        "sms" => (words.by_sms, BUBBLE),
        "voice" => (words.by_voice, HANDSET),
        _ => (words.by_other, BUBBLE),
    }
}

/// Returns an icon drawn with lines. It says nothing that the text next to it does not.
fn icon(lines: &'static str) -> Markup {
    html! {
        svg viewBox="0 0 24 24" aria-hidden="true" focusable="false" { (PreEscaped(lines)) }
    }
}

const ENVELOPE: &str = r#"<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="m4 7.5 8 5.5 8-5.5"/>"#;
const BUBBLE: &str = r#"<path d="M5.5 4h13A2.5 2.5 0 0 1 21 6.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4h-1A2.5 2.5 0 0 1 3 14.5v-8A2.5 2.5 0 0 1 5.5 4Z"/><path d="M8 9h8M8 12.5h5"/>"#;
const HANDSET: &str = r#"<path d="M6.5 3.5h3l1.5 4.5-2 1.5a12 12 0 0 0 5.5 5.5l1.5-2 4.5 1.5v3a2.5 2.5 0 0 1-2.5 2.5A15 15 0 0 1 4 6a2.5 2.5 0 0 1 2.5-2.5Z"/>"#;
const ALERT: &str = r#"<circle cx="12" cy="12" r="9"/><path d="M12 7.5v5.5M12 16.4v.1"/>"#;
const CHECK: &str = r#"<circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.7 2.7L16 9.5"/>"#;

//! The texts of notices: in English, German, French and Italian.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::mail_html::{self, escaped};
use super::text::{Texts, colon, from_application};
use crate::language::preferred_language;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NoticeEvent {
    Added(NoticeSubject),
    Removed(NoticeSubject),
    Suspended(NoticeSubject),
    Resumed(NoticeSubject),
    /// An administrator ended everything that the person could sign in with.
    Reset,
    /// An administrator issued a temporary pass.
    PassIssued,
    /// A temporary pass was used.
    PassUsed,
}

/// The subject of an event, as people call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NoticeSubject {
    Passkey,
    App,
    RecoveryCodes,
    Email,
    Phone,
    /// A factor of a type that is not bundled.
    Other,
}

/// A message to a person about a change of what the person signs in with.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) event: NoticeEvent,
    pub(crate) at: Timestamp,
    /// The application's name. May be empty.
    pub(crate) application: String,
    /// Where the person objects: an `https:` or `mailto:` URL.
    pub(crate) support_url: Option<String>,
}

struct Language {
    tag: &'static str,
    /// How the language writes a time, for `strftime`.
    time: &'static str,
    /// `{event}` is put in.
    subject: &'static str,
    /// `{time}` is put in.
    sentence: &'static str,
    /// `{event}` and `{time}` are put in.
    short: &'static str,
    /// The words before a colon: added, removed, suspended, resumed.
    verbs: [&'static str; 4],
    /// Passkey, app, recovery codes, email address, phone number, other.
    subjects: [&'static str; 6],
    reset: &'static str,
    pass_issued: &'static str,
    pass_used: &'static str,
    nothing_to_do: &'static str,
    /// `{contact}` is put in.
    object: &'static str,
    /// Without a URL.
    object_to_support: &'static str,
}

// The short texts stay within the GSM 7-bit alphabet: otherwise an SMS costs twice as much.
const LANGUAGES: [Language; 4] = [
    Language {
        tag: "en",
        time: "%Y-%m-%d %H:%M UTC",
        subject: "your sign-in methods have changed",
        sentence: "Your sign-in methods were changed on {time}.",
        short: "Your sign-in methods were changed on {time}: {event}.",
        verbs: ["added", "removed", "suspended", "reactivated"],
        subjects: ["passkey", "authenticator app", "recovery codes", "email address", "phone number", "sign-in method"],
        reset: "all removed by an administrator",
        pass_issued: "temporary pass issued by an administrator",
        pass_used: "temporary pass used",
        nothing_to_do: "If you expected this, you don't need to do anything.",
        object: "Wasn't this you? Tell us right away: {contact}",
        object_to_support: "Wasn't this you? Contact support right away.",
    },
    Language {
        tag: "de",
        time: "%d.%m.%Y, %H:%M UTC",
        subject: "Ihre Anmeldemethoden wurden geändert",
        sentence: "Ihre Anmeldemethoden wurden am {time} geändert.",
        short: "Ihre Anmeldemethoden wurden am {time} geändert: {event}.",
        verbs: ["hinzugefügt", "entfernt", "ausgesetzt", "wieder aktiviert"],
        subjects: [
            "Passkey",
            "Authenticator-App",
            "Wiederherstellungscodes",
            "E-Mail-Adresse",
            "Telefonnummer",
            "Anmeldemethode",
        ],
        reset: "alle von einem Administrator entfernt",
        pass_issued: "temporärer Zugangscode von einem Administrator ausgestellt",
        pass_used: "temporärer Zugangscode verwendet",
        nothing_to_do: "Wenn Sie davon wissen, müssen Sie nichts tun.",
        object: "Das waren nicht Sie? Melden Sie sich sofort: {contact}",
        object_to_support: "Das waren nicht Sie? Wenden Sie sich sofort an den Support.",
    },
    Language {
        tag: "fr",
        time: "%d/%m/%Y à %H:%M UTC",
        subject: "vos méthodes de connexion ont changé",
        sentence: "Vos méthodes de connexion ont été modifiées le {time}.",
        short: "Vos méthodes de connexion ont été modifiées le {time} : {event}.",
        verbs: ["ajout", "suppression", "suspension", "réactivation"],
        subjects: [
            "clé d'accès",
            "application d'authentification",
            "codes de récupération",
            "adresse e-mail",
            "numéro de téléphone",
            "méthode de connexion",
        ],
        reset: "toutes supprimées par un administrateur",
        pass_issued: "code d'accès temporaire délivré par un administrateur",
        pass_used: "code d'accès temporaire utilisé",
        nothing_to_do: "Si cette modification était prévue, vous n'avez rien à faire.",
        object: "Ce n'était pas vous ? Prévenez-nous immédiatement : {contact}",
        object_to_support: "Ce n'était pas vous ? Contactez immédiatement l'assistance.",
    },
    Language {
        tag: "it",
        time: "%d/%m/%Y alle %H:%M UTC",
        subject: "i Suoi metodi di accesso sono cambiati",
        sentence: "I Suoi metodi di accesso sono stati modificati il {time}.",
        short: "I Suoi metodi di accesso sono stati modificati il {time}: {event}.",
        verbs: ["aggiunta", "rimozione", "sospensione", "riattivazione"],
        subjects: [
            "passkey",
            "app di autenticazione",
            "codici di recupero",
            "indirizzo e-mail",
            "numero di telefono",
            "metodo di accesso",
        ],
        reset: "tutti rimossi da un amministratore",
        pass_issued: "codice di accesso temporaneo rilasciato da un amministratore",
        pass_used: "codice di accesso temporaneo usato",
        nothing_to_do: "Se ne è a conoscenza, non è necessario fare nulla.",
        object: "Non è stato Lei? Ci avvisi subito: {contact}",
        object_to_support: "Non è stato Lei? Contatti subito l'assistenza.",
    },
];

fn language(locale: Option<&str>) -> &'static Language {
    let tags = LANGUAGES.each_ref().map(|language| language.tag);
    let wanted = preferred_language(locale.unwrap_or_default(), &tags);
    LANGUAGES.iter().find(|language| Some(language.tag) == wanted).unwrap_or(&LANGUAGES[0])
}

impl Language {
    fn event(&self, event: NoticeEvent) -> String {
        let (verb, subject) = match event {
            NoticeEvent::Added(subject) => (0, subject),
            NoticeEvent::Removed(subject) => (1, subject),
            NoticeEvent::Suspended(subject) => (2, subject),
            NoticeEvent::Resumed(subject) => (3, subject),
            NoticeEvent::Reset => return self.reset.to_owned(),
            NoticeEvent::PassIssued => return self.pass_issued.to_owned(),
            NoticeEvent::PassUsed => return self.pass_used.to_owned(),
        };
        let subject = match subject {
            NoticeSubject::Passkey => 0,
            NoticeSubject::App => 1,
            NoticeSubject::RecoveryCodes => 2,
            NoticeSubject::Email => 3,
            NoticeSubject::Phone => 4,
            NoticeSubject::Other => 5,
        };
        format!("{}{} {}", self.verbs[verb], colon(self.tag), self.subjects[subject])
    }

    /// Returns the time as the language writes it, in UTC.
    fn time(&self, at: Timestamp) -> String {
        Offset::UTC.to_datetime(at).strftime(self.time).to_string()
    }

    /// Returns how the person objects: at the URL, or to support.
    fn objection(&self, support_url: Option<&str>) -> String {
        match support_url {
            Some(url) => self.object.replace("{contact}", url),
            None => self.object_to_support.to_owned(),
        }
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Returns a notice for a channel with a subject and HTML.
pub(super) fn mail(notice: &Notice, locale: Option<&str>) -> Texts {
    let language = language(locale);
    let subject = match &*notice.application {
        "" => capitalized(language.subject),
        application => from_application(language.tag, application, language.subject),
    };
    let sentence = language.sentence.replace("{time}", &language.time(notice.at));
    let event = capitalized(&language.event(notice.event));
    let object = language.objection(notice.support_url.as_deref());
    let text = format!("{sentence}\n\n{event}\n\n{}\n{object}\n", language.nothing_to_do);
    let object_html = match &notice.support_url {
        Some(url) => {
            let link = format!("<a href=\"{0}\">{0}</a>", escaped(url));
            escaped(language.object).replace("&#123;contact&#125;", &link)
        }
        None => escaped(language.object_to_support),
    };
    let body = BODY
        .replace("{sentence}", &escaped(&sentence))
        .replace("{event}", &escaped(&event))
        .replace("{nothing}", &escaped(language.nothing_to_do))
        .replace("{object}", &object_html);
    let html = mail_html::page(language.tag, &subject, &body);
    Texts { locale: language.tag, subject, text, html: Some(html) }
}

/// Returns a notice for phones.
pub(super) fn short(notice: &Notice, locale: Option<&str>) -> Texts {
    let language = language(locale);
    let sentence =
        language.short.replace("{time}", &language.time(notice.at)).replace("{event}", &language.event(notice.event));
    let object = language.objection(notice.support_url.as_deref());
    let text = from_application(language.tag, &notice.application, &format!("{sentence} {object}"));
    Texts { locale: language.tag, subject: String::new(), text, html: None }
}

/// Its only link leads to where the person objects.
const BODY: &str = r#"<p style="margin:0 0 8px;font-size:15px">{sentence}</p>
<p style="margin:0 0 16px;font-size:18px;font-weight:600">{event}</p>
<p style="margin:0 0 8px;font-size:13px">{nothing}</p>
<p style="margin:0;font-size:15px">{object}</p>
"#;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::instance::is_of_gsm;

    const SUBJECTS: [NoticeSubject; 6] = [
        NoticeSubject::Passkey,
        NoticeSubject::App,
        NoticeSubject::RecoveryCodes,
        NoticeSubject::Email,
        NoticeSubject::Phone,
        NoticeSubject::Other,
    ];

    fn events() -> Vec<NoticeEvent> {
        let of_subject = SUBJECTS.into_iter().flat_map(|subject| {
            [
                NoticeEvent::Added(subject),
                NoticeEvent::Removed(subject),
                NoticeEvent::Suspended(subject),
                NoticeEvent::Resumed(subject),
            ]
        });
        of_subject.chain([NoticeEvent::Reset, NoticeEvent::PassIssued, NoticeEvent::PassUsed]).collect()
    }

    fn notice(event: NoticeEvent, application: &str, support_url: Option<&str>) -> Notice {
        Notice {
            event,
            at: "2026-11-29T12:34:56Z".parse().unwrap(),
            application: application.to_owned(),
            support_url: support_url.map(str::to_owned),
        }
    }

    #[test]
    fn every_notice_says_what_happened_when_and_how_to_object() {
        let url = "https://example.com/help";
        for (tag, name, added, time) in [
            ("en", "Example Bank: ", "added: passkey", "on 2026-11-29 12:34 UTC"),
            ("de", "Example Bank: ", "hinzugefügt: Passkey", "am 29.11.2026, 12:34 UTC"),
            ("fr", "Example Bank : ", "ajout : clé", "le 29/11/2026 à 12:34 UTC"),
            ("it", "Example Bank: ", "aggiunta: passkey", "il 29/11/2026 alle 12:34 UTC"),
        ] {
            let notice = notice(NoticeEvent::Added(NoticeSubject::Passkey), "Example Bank", Some(url));
            let (mail, short) = (mail(&notice, Some(tag)), short(&notice, Some(tag)));
            assert_eq!((mail.locale, short.locale), (tag, tag));
            assert!(mail.subject.starts_with(name) && short.text.starts_with(name), "{} {}", mail.subject, short.text);
            let html = mail.html.unwrap();
            assert!(html.contains(&format!("<a href=\"{url}\">{url}</a>")), "{html}");
            assert!(html.contains(&format!("lang=\"{tag}\"")));
            for text in [&mail.text, &short.text, &html] {
                let lower = text.to_lowercase();
                assert!(lower.contains(&added.to_lowercase()) && text.contains(time), "{text}");
                assert!(text.contains(url) && !text.contains(['{', '}']), "{text}");
            }
        }
    }

    #[test]
    fn no_notice_for_phones_needs_another_alphabet() {
        for event in events() {
            for tag in ["en", "de", "fr", "it"] {
                let text = short(&notice(event, "Example", None), Some(tag)).text;
                assert!(is_of_gsm(&text), "{text}");
                assert!(text.chars().count() <= 306, "more than two segments: {text}");
            }
        }
    }

    #[test]
    fn what_operators_set_arrives_inert() {
        let hostile = notice(NoticeEvent::Reset, "<b>{event}</b>", Some("https://a.example/\"><script>{title}"));
        let html = mail(&hostile, None).html.unwrap();
        assert!(!html.contains("<script>") && !html.contains("<b>") && !html.contains("{title}"), "{html}");
    }

    #[test]
    fn without_an_application_and_a_link_a_notice_is_whole() {
        let notice = notice(NoticeEvent::PassIssued, "", None);
        let mail = mail(&notice, Some("xx"));
        assert_eq!(mail.subject, "Your sign-in methods have changed");
        assert_eq!(
            mail.text,
            "Your sign-in methods were changed on 2026-11-29 12:34 UTC.\n\nTemporary pass issued by an administrator\n\n\
             If you expected this, you don't need to do anything.\nWasn't this you? Contact support right away.\n"
        );
        assert_eq!(
            short(&notice, Some("de-CH")).text,
            "Ihre Anmeldemethoden wurden am 29.11.2026, 12:34 UTC geändert: temporärer Zugangscode von einem Administrator ausgestellt. \
             Das waren nicht Sie? Wenden Sie sich sofort an den Support."
        );
    }
}

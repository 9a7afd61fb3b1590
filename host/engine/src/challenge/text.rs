//! What people read: in English, German, French and Italian.

use super::mail_html::{self, escaped};
use crate::instance::Policy;
use crate::language::preferred_language;

/// A message's texts.
pub(super) struct Texts {
    pub(super) locale: &'static str,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: Option<String>,
}

struct Language {
    tag: &'static str,
    your_code: &'static str,
    /// `{code}` and `{time}` are put in.
    sentence: &'static str,
    /// Below the code in mail; `{time}` is put in.
    validity: &'static str,
    warning: &'static str,
    /// One second, seconds, minutes.
    units: [&'static str; 3],
    test_subject: &'static str,
    /// `{application}` is put in.
    test: &'static str,
    /// Below the code of a test in mail.
    test_code: &'static str,
    /// Before the code of a test on phones.
    test_sample: &'static str,
}

const LANGUAGES: &[Language] = &[
    Language {
        tag: "en",
        your_code: "Your code",
        sentence: "{code} is your code. It is valid for {time}. Don't share it with anyone.",
        validity: "This code is valid for {time}.",
        warning: "Don’t share it with anyone. If you did not try to sign in, ignore this message and consider changing your password.",
        units: ["second", "seconds", "minutes"],
        test_subject: "test message",
        test: "This is a test message from {application}.",
        test_code: "This is a sample code that cannot be used. No action is required.",
        test_sample: "Sample code",
    },
    Language {
        tag: "de",
        your_code: "Ihr Code",
        sentence: "{code} ist Ihr Code. Er gilt {time}. Geben Sie ihn an niemanden weiter.",
        validity: "Dieser Code gilt {time}.",
        warning: "Geben Sie ihn an niemanden weiter. Wenn Sie sich nicht anmelden wollten, ignorieren Sie diese Nachricht und ändern Sie gegebenenfalls Ihr Passwort.",
        units: ["Sekunde", "Sekunden", "Minuten"],
        test_subject: "Testnachricht",
        test: "Dies ist eine Testnachricht von {application}.",
        test_code: "Dies ist ein Mustercode, der nicht verwendet werden kann. Sie müssen nichts tun.",
        test_sample: "Mustercode",
    },
    Language {
        tag: "fr",
        your_code: "Votre code",
        sentence: "{code} est votre code. Il est valable {time}. Ne le communiquez à personne.",
        validity: "Ce code est valable {time}.",
        warning: "Ne le communiquez à personne. Si vous n’avez pas essayé de vous connecter, ignorez ce message et pensez à changer votre mot de passe.",
        units: ["seconde", "secondes", "minutes"],
        test_subject: "message de test",
        test: "Ceci est un message de test de {application}.",
        test_code: "Ce code est un exemple et ne peut pas être utilisé. Vous n’avez rien à faire.",
        test_sample: "Code d'exemple",
    },
    Language {
        tag: "it",
        your_code: "Il Suo codice",
        sentence: "{code} è il Suo codice. Vale per {time}. Non lo comunichi a nessuno.",
        validity: "Questo codice è valido per {time}.",
        warning: "Non lo comunichi a nessuno. Se non ha tentato di accedere, ignori questo messaggio e valuti di cambiare la password.",
        units: ["secondo", "secondi", "minuti"],
        test_subject: "messaggio di prova",
        test: "Questo è un messaggio di prova di {application}.",
        test_code: "Questo codice è un esempio e non può essere utilizzato. Non è necessario fare nulla.",
        test_sample: "Codice di esempio",
    },
];

/// Returns a colon as the language writes it. French puts a space before it: a plain one, because a no-break space is not in the
/// alphabet of SMS.
pub(super) fn colon(tag: &str) -> &'static str {
    if tag == "fr" { " :" } else { ":" }
}

/// Returns a text of a language, after the application's name if there is one.
pub(super) fn from_application(tag: &str, application: &str, text: &str) -> String {
    if application.is_empty() { text.to_owned() } else { format!("{application}{} {text}", colon(tag)) }
}

/// Returns the language that is wanted most and that the texts are in; else English.
fn language(locale: Option<&str>) -> &'static Language {
    let tags: Vec<&str> = LANGUAGES.iter().map(|language| language.tag).collect();
    let wanted = preferred_language(locale.unwrap_or_default(), &tags);
    LANGUAGES.iter().find(|language| Some(language.tag) == wanted).unwrap_or(&LANGUAGES[0])
}

/// Returns the time that is left, never more of it: in seconds below two minutes, and above in whole minutes that have not begun to pass.
fn time(language: &Language, seconds: u32) -> String {
    let [second, seconds_word, minutes] = language.units;
    match seconds {
        1 => format!("1 {second}"),
        0..120 => format!("{seconds} {seconds_word}"),
        _ => format!("{} {minutes}", seconds / 60),
    }
}

/// Texts for a channel with a subject and HTML.
pub(super) fn mail(policy: &Policy, locale: Option<&str>, code: &str, seconds: u32) -> Texts {
    let language = language(locale);
    let subject = from_application(language.tag, &policy.application_name, language.your_code);
    let validity = language.validity.replace("{time}", &time(language, seconds));
    let text = format!("{subject}\n\n{code}\n\n{validity}\n{}\n", language.warning);
    let body = BODY
        .replace("{validity}", &escaped(&validity))
        .replace("{warning}", &escaped(language.warning))
        .replace("{code}", code);
    let html = mail_html::page(language.tag, &subject, &body);
    Texts { locale: language.tag, subject, text, html: Some(html) }
}

/// Returns a test message for a channel with a subject and HTML.
pub(super) fn test_mail(policy: &Policy, locale: Option<&str>, code: &str) -> Texts {
    let language = language(locale);
    let subject = from_application(language.tag, application(policy), language.test_subject);
    let sentence = language.test.replace("{application}", application(policy));
    let about = language.test_code;
    let text = format!("{sentence}\n\n{code}\n\n{about}\n");
    let body =
        BODY.replace("{validity}", &escaped(&sentence)).replace("{warning}", &escaped(about)).replace("{code}", code);
    let html = mail_html::page(language.tag, &subject, &body);
    Texts { locale: language.tag, subject, text, html: Some(html) }
}

/// Returns a test message for phones.
pub(super) fn test_short(policy: &Policy, locale: Option<&str>, code: &str) -> Texts {
    let language = language(locale);
    let sentence = language.test.replace("{application}", application(policy));
    let mut text = format!("{sentence} {}{} {code}", language.test_sample, colon(language.tag));
    if !policy.webotp_host.is_empty() {
        text.push_str(&format!("\n\n@{} #{code}", policy.webotp_host));
    }
    Texts { locale: language.tag, subject: String::new(), text, html: None }
}

fn application(policy: &Policy) -> &str {
    if policy.application_name.is_empty() { "TwoFactor" } else { &policy.application_name }
}

/// Returns a text message. Its last line may bind the code to an origin: exactly `@host #code` (WICG, "Origin-bound one-time codes
/// delivered via SMS").
pub(super) fn short(policy: &Policy, locale: Option<&str>, code: &str, seconds: u32) -> Texts {
    let language = language(locale);
    let sentence = language.sentence.replace("{time}", &time(language, seconds)).replace("{code}", code);
    let mut text = from_application(language.tag, &policy.application_name, &sentence);
    if !policy.webotp_host.is_empty() {
        text.push_str(&format!("\n\n@{} #{code}", policy.webotp_host));
    }
    Texts { locale: language.tag, subject: String::new(), text, html: None }
}

const BODY: &str = r#"<p style="margin:0 0 16px;font-size:34px;font-weight:700;letter-spacing:6px;font-family:ui-monospace,Menlo,Consolas,monospace">{code}</p>
<p style="margin:0 0 8px;font-size:15px">{validity}</p>
<p style="margin:0;font-size:13px;opacity:.75">{warning}</p>
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::is_of_gsm;

    fn policy(application: &str, host: &str) -> Policy {
        Policy { application_name: application.to_owned(), webotp_host: host.to_owned(), ..Policy::default() }
    }

    #[test]
    fn the_language_is_the_nearest_there_is() {
        for (locale, tag) in [("de-CH", "de"), ("fr_CH", "fr"), ("es, it;q=0.5", "it"), ("xx", "en"), ("", "en")] {
            assert_eq!(language(Some(locale)).tag, tag, "{locale}");
        }
    }

    #[test]
    fn no_text_promises_more_time_than_is_left() {
        for (seconds, en, de, fr, it) in [
            (300, "5 minutes", "5 Minuten", "5 minutes", "5 minuti"),
            (299, "4 minutes", "4 Minuten", "4 minutes", "4 minuti"),
            (120, "2 minutes", "2 Minuten", "2 minutes", "2 minuti"),
            (119, "119 seconds", "119 Sekunden", "119 secondes", "119 secondi"),
            (60, "60 seconds", "60 Sekunden", "60 secondes", "60 secondi"),
            (2, "2 seconds", "2 Sekunden", "2 secondes", "2 secondi"),
            (1, "1 second", "1 Sekunde", "1 seconde", "1 secondo"),
        ] {
            for (tag, expected) in [("en", en), ("de", de), ("fr", fr), ("it", it)] {
                let time = format!(" {expected}.");
                assert!(short(&policy("", ""), Some(tag), "012345", seconds).text.contains(&time), "{tag} {seconds}");
                let mail = mail(&policy("", ""), Some(tag), "012345", seconds);
                assert!(mail.text.contains(&time) && mail.html.is_some_and(|html| html.contains(&time)), "{tag}");
            }
        }
    }

    #[test]
    fn an_sms_ends_with_the_line_that_binds_it() {
        for language in LANGUAGES {
            let text = short(&policy("Shop", "login.example.com"), Some(language.tag), "012345", 300).text;
            assert!(text.ends_with("\n\n@login.example.com #012345"), "{text}");
            assert!(text.starts_with(&format!("Shop{} ", colon(language.tag))), "{text}");
            assert_eq!(text.matches('@').count(), 1);
        }
    }

    #[test]
    fn french_has_a_space_before_a_colon_and_other_languages_have_none() {
        for (tag, colon) in [("en", ":"), ("de", ":"), ("fr", " :"), ("it", ":")] {
            let policy = policy("Shop", "");
            let name = format!("Shop{colon} ");
            assert!(short(&policy, Some(tag), "012345", 300).text.starts_with(&name), "{tag}");
            assert!(mail(&policy, Some(tag), "012345", 300).subject.starts_with(&name), "{tag}");
            assert!(test_mail(&policy, Some(tag), "012345").subject.starts_with(&name), "{tag}");
            let sample = test_short(&policy, Some(tag), "012345").text;
            assert!(sample.ends_with(&format!("{colon} 012345")) && sample.contains(" :") == (tag == "fr"), "{sample}");
        }
    }

    #[test]
    fn an_sms_fits_into_one_segment() {
        for language in LANGUAGES {
            let text = short(&policy("Example Bank", "login.example.com"), Some(language.tag), "0123456789", 300).text;
            assert!(text.chars().count() <= 160 && is_of_gsm(&text), "{text}");
        }
    }

    #[test]
    fn a_test_message_says_so_in_the_readers_language_and_fits_into_one_segment() {
        for (tag, says) in [
            ("en", "This is a test message from Shop."),
            ("de", "Dies ist eine Testnachricht von Shop."),
            ("fr", "Ceci est un message de test de Shop."),
            ("it", "Questo è un messaggio di prova di Shop."),
        ] {
            let short = test_short(&policy("Shop", "login.example.com"), Some(tag), "0123456789").text;
            assert!(short.starts_with(says) && short.ends_with("\n\n@login.example.com #0123456789"), "{short}");
            assert!(short.chars().count() <= 160 && is_of_gsm(&short), "{short}");
            let mail = test_mail(&policy("Shop", ""), Some(tag), "012345");
            assert!(mail.text.contains(says) && mail.text.contains("012345"), "{}", mail.text);
            assert!(mail.html.is_some_and(|html| html.contains(says) && html.matches("012345").count() == 1));
        }
    }

    #[test]
    fn the_applications_name_is_displayed_as_plain_text() {
        let html = mail(&policy("<b>{{7*7}}</b>{code}", ""), None, "012345", 300).html.unwrap_or_default();
        assert!(!html.contains("<b>") && !html.contains("{{"), "{html}");
        assert_eq!(html.matches("012345").count(), 1);
    }

    /// `UPDATE_TEXTS=1 cargo test -p twofactor --lib texts` writes the file again.
    #[test]
    fn messages_have_the_texts_of_the_reviewed_list() {
        let policy = policy("Shop", "");
        let mut list = String::new();
        for Language { tag, .. } in LANGUAGES {
            let name = *tag;
            let tag = Some(name);
            let mail = |kind: &str, mail: Texts| format!("-- {kind}: {}\n{}\n", mail.subject, mail.text);
            list.push_str(&format!("== {name}\n"));
            list.push_str(&mail("mail", super::mail(&policy, tag, "012345", 300)));
            list.push_str(&mail("test mail", test_mail(&policy, tag, "012345")));
            list.push_str(&format!("-- SMS\n{}\n", short(&policy, tag, "012345", 300).text));
            list.push_str(&format!("-- test SMS\n{}\n\n", test_short(&policy, tag, "012345").text));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/challenge/texts.txt");
        if std::env::var_os("UPDATE_TEXTS").is_some() {
            std::fs::write(path, &list).unwrap_or_default();
        }
        assert_eq!(list, std::fs::read_to_string(path).unwrap_or_default());
    }
}

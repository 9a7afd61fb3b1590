//! What people read on the page: in English, German, French and Italian.

use twofactor::preferred_language;

/// One language.
pub(super) struct Words {
    pub(super) tag: &'static str,
    /// Its own name.
    pub(super) name: &'static str,
    pub(super) languages: &'static str,
    pub(super) error: &'static str,
    pub(super) choose_title: &'static str,
    pub(super) choose_lead: &'static str,
    pub(super) choose_only: &'static str,
    pub(super) by_email: &'static str,
    pub(super) by_sms: &'static str,
    pub(super) by_voice: &'static str,
    pub(super) by_other: &'static str,
    pub(super) send: &'static str,
    pub(super) code_title: &'static str,
    /// `{n}` digits, `{to}` a masked recipient.
    pub(super) sent_email: &'static str,
    pub(super) sent_sms: &'static str,
    pub(super) sent_voice: &'static str,
    pub(super) sent_other: &'static str,
    pub(super) code_label: &'static str,
    pub(super) proceed: &'static str,
    pub(super) resend: &'static str,
    pub(super) resend_wait: &'static str,
    pub(super) resent: &'static str,
    pub(super) other_way: &'static str,
    pub(super) back_to_code: &'static str,
    pub(super) cancel: &'static str,
    pub(super) back: &'static str,
    pub(super) help: &'static str,
    pub(super) second: &'static str,
    pub(super) seconds: &'static str,
    pub(super) minute: &'static str,
    pub(super) minutes: &'static str,
    pub(super) wrong: &'static str,
    pub(super) wrong_last: &'static str,
    pub(super) exhausted: &'static str,
    pub(super) length: &'static str,
    pub(super) code_over: &'static str,
    pub(super) limited: &'static str,
    pub(super) locked: &'static str,
    pub(super) not_there: &'static str,
    pub(super) try_again: &'static str,
    pub(super) not_sent: &'static str,
    pub(super) not_judged: &'static str,
    pub(super) no_more: &'static str,
    pub(super) no_way: &'static str,
    /// Over what is being confirmed.
    pub(super) facts: &'static str,
    pub(super) what: &'static str,
    pub(super) signing_in: &'static str,
    pub(super) begun: &'static str,
    pub(super) from: &'static str,
    pub(super) just_now: &'static str,
    /// `{wait}` is a span of time.
    pub(super) ago: &'static str,
    pub(super) caution: &'static str,
    pub(super) begun_elsewhere: &'static str,
    pub(super) unknown: Notice,
    pub(super) elsewhere: Notice,
    pub(super) expired: Notice,
    pub(super) done: Notice,
    pub(super) cancelled: Notice,
    pub(super) refused: Notice,
    pub(super) unavailable: Notice,
}

/// A page that only says something: what is, and what to do.
pub(super) struct Notice {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

impl Words {
    /// The first language there are words in: the one asked for on the page, those the application said, those of the browser.
    pub(super) fn of(asked: Option<&str>, said: Option<&str>, accepted: Option<&str>) -> &'static Self {
        let tags: Vec<&str> = LANGUAGES.iter().map(|words| words.tag).collect();
        let mut lists = [asked, said, accepted].into_iter().flatten();
        let wanted = lists.find_map(|list| preferred_language(list, &tags));
        LANGUAGES.iter().find(|words| Some(words.tag) == wanted).unwrap_or(&LANGUAGES[0])
    }

    /// A span of time.
    pub(super) fn wait(&self, seconds: u64) -> String {
        let (n, one, many) = if seconds < 100 {
            (seconds.max(1), self.second, self.seconds)
        } else {
            (seconds.div_ceil(60), self.minute, self.minutes)
        };
        format!("{n}\u{a0}{}", if n == 1 { one } else { many })
    }
}

pub(super) const LANGUAGES: [Words; 4] = [
    Words {
        tag: "en",
        name: "English",
        languages: "Language",
        error: "Error",
        choose_title: "Confirm it’s you",
        choose_lead: "We send you a code. Where should it go?",
        choose_only: "We send you a code:",
        by_email: "Email",
        by_sms: "Text message",
        by_voice: "Phone call",
        by_other: "Message",
        send: "Send code",
        code_title: "Enter your code",
        sent_email: "We sent a code of {n} digits by email to {to}.",
        sent_sms: "We sent a code of {n} digits by text message to {to}.",
        sent_voice: "We are calling {to} and reading out a code of {n} digits.",
        sent_other: "We sent a code of {n} digits to {to}.",
        code_label: "Code",
        proceed: "Continue",
        resend: "Send a new code",
        resend_wait: "You can ask for a new code in {wait}.",
        resent: "A new code is on its way.",
        other_way: "Try another way",
        back_to_code: "I have a code",
        cancel: "Cancel",
        back: "Back to {application}",
        help: "Help",
        second: "second",
        seconds: "seconds",
        minute: "minute",
        minutes: "minutes",
        wrong: "That is not the code. You have {n} more tries.",
        wrong_last: "That is not the code. You have one more try.",
        exhausted: "That was not the code, and there are no more tries for it. Ask for a new code.",
        length: "The code has {n} digits. Please type all of them.",
        code_over: "This code is no longer good. Ask for a new one.",
        limited: "That was too often. Try again in {wait}.",
        locked: "There were too many wrong codes. To keep your account safe, codes are locked for a day. Ask for help if you cannot wait.",
        not_there: "We cannot send a code there. Choose another way, or cancel and check your details.",
        try_again: "The code was not sent. Please try again in a moment.",
        not_sent: "We are not sure that the code was sent. Ask for a new one, or choose another way.",
        not_judged: "Your code could not be checked just now. Please try again in a moment.",
        no_more: "You have asked for as many codes as one sign-in allows. Cancel and sign in again.",
        no_way: "There is no way to send you a code at the moment. Cancel and try again later.",
        facts: "What you are confirming",
        what: "Confirming",
        signing_in: "Signing in",
        begun: "Begun",
        from: "From",
        just_now: "less than a minute ago",
        ago: "{wait} ago",
        caution: "If you did not begin this yourself, cancel. Never type the code because somebody sent you a link.",
        begun_elsewhere: "It was begun at another network address than yours.",
        unknown: Notice {
            title: "This link does not exist",
            text: "It may be incomplete. Go back to where you came from and sign in again.",
        },
        elsewhere: Notice {
            title: "This link is open in another browser",
            text: "It works only where it was opened first. Go back to where you came from and sign in again here. Cookies must be allowed for this page.",
        },
        expired: Notice {
            title: "Time is up",
            text: "This sign-in took longer than ten minutes. Please sign in again.",
        },
        done: Notice {
            title: "You are already signed in",
            text: "This link was used and does nothing any more. You can close this page.",
        },
        cancelled: Notice {
            title: "This sign-in was cancelled",
            text: "Nothing was signed in. You can close this page, or sign in again.",
        },
        refused: Notice {
            title: "That did not come from this page",
            text: "Nothing was done. Go back to where you came from and sign in again.",
        },
        unavailable: Notice {
            title: "Not available at the moment",
            text: "Please wait a moment and load this page again.",
        },
    },
    Words {
        tag: "de",
        name: "Deutsch",
        languages: "Sprache",
        error: "Fehler",
        choose_title: "Bestätigen Sie, dass Sie es sind",
        choose_lead: "Wir senden Ihnen einen Code. Wohin?",
        choose_only: "Wir senden Ihnen einen Code:",
        by_email: "E-Mail",
        by_sms: "SMS",
        by_voice: "Anruf",
        by_other: "Nachricht",
        send: "Code senden",
        code_title: "Code eingeben",
        sent_email: "Wir haben einen Code mit {n} Ziffern per E‑Mail an {to} gesendet.",
        sent_sms: "Wir haben einen Code mit {n} Ziffern per SMS an {to} gesendet.",
        sent_voice: "Wir rufen {to} an und lesen einen Code mit {n} Ziffern vor.",
        sent_other: "Wir haben einen Code mit {n} Ziffern an {to} gesendet.",
        code_label: "Code",
        proceed: "Weiter",
        resend: "Neuen Code senden",
        resend_wait: "In {wait} können Sie einen neuen Code anfordern.",
        resent: "Ein neuer Code ist unterwegs.",
        other_way: "Anderen Weg wählen",
        back_to_code: "Ich habe einen Code",
        cancel: "Abbrechen",
        back: "Zurück zu {application}",
        help: "Hilfe",
        second: "Sekunde",
        seconds: "Sekunden",
        minute: "Minute",
        minutes: "Minuten",
        wrong: "Das ist nicht der Code. Sie haben noch {n} Versuche.",
        wrong_last: "Das ist nicht der Code. Sie haben noch einen Versuch.",
        exhausted: "Das war nicht der Code, und es gibt keine weiteren Versuche. Fordern Sie einen neuen Code an.",
        length: "Der Code hat {n} Ziffern. Bitte geben Sie alle ein.",
        code_over: "Dieser Code gilt nicht mehr. Fordern Sie einen neuen an.",
        limited: "Das war zu oft. Versuchen Sie es in {wait} wieder.",
        locked: "Es gab zu viele falsche Codes. Zu Ihrem Schutz sind Codes für einen Tag gesperrt. Wenden Sie sich an die Hilfe, wenn Sie nicht warten können.",
        not_there: "Dorthin können wir keinen Code senden. Wählen Sie einen anderen Weg, oder brechen Sie ab und prüfen Sie Ihre Angaben.",
        try_again: "Der Code wurde nicht gesendet. Bitte versuchen Sie es gleich noch einmal.",
        not_sent: "Es ist nicht sicher, ob der Code gesendet wurde. Fordern Sie einen neuen an, oder wählen Sie einen anderen Weg.",
        not_judged: "Ihr Code konnte gerade nicht geprüft werden. Bitte versuchen Sie es gleich noch einmal.",
        no_more: "Mehr Codes gibt es für diese Anmeldung nicht. Brechen Sie ab und melden Sie sich neu an.",
        no_way: "Im Moment können wir Ihnen keinen Code senden. Brechen Sie ab und versuchen Sie es später wieder.",
        facts: "Was Sie bestätigen",
        what: "Bestätigt wird",
        signing_in: "Anmeldung",
        begun: "Begonnen",
        from: "Von",
        just_now: "vor weniger als einer Minute",
        ago: "vor {wait}",
        caution: "Wenn Sie das nicht selbst begonnen haben, brechen Sie ab. Geben Sie den Code nie ein, weil Ihnen jemand einen Link geschickt hat.",
        begun_elsewhere: "Begonnen wurde an einer anderen Netzwerkadresse als Ihrer.",
        unknown: Notice {
            title: "Diesen Link gibt es nicht",
            text: "Vielleicht ist er unvollständig. Gehen Sie dorthin zurück, wo Sie herkommen, und melden Sie sich neu an.",
        },
        elsewhere: Notice {
            title: "Dieser Link ist in einem anderen Browser offen",
            text: "Er gilt nur dort, wo er zuerst geöffnet wurde. Gehen Sie dorthin zurück, wo Sie herkommen, und melden Sie sich hier neu an. Cookies müssen für diese Seite erlaubt sein.",
        },
        expired: Notice {
            title: "Die Zeit ist abgelaufen",
            text: "Diese Anmeldung hat länger als zehn Minuten gedauert. Bitte melden Sie sich neu an.",
        },
        done: Notice {
            title: "Sie sind bereits angemeldet",
            text: "Dieser Link wurde benutzt und bewirkt nichts mehr. Diese Seite wird nicht mehr gebraucht.",
        },
        cancelled: Notice {
            title: "Diese Anmeldung wurde abgebrochen",
            text: "Es wurde nichts angemeldet. Sie können sich jederzeit neu anmelden.",
        },
        refused: Notice {
            title: "Das kam nicht von dieser Seite",
            text: "Es ist nichts geschehen. Gehen Sie dorthin zurück, wo Sie herkommen, und melden Sie sich neu an.",
        },
        unavailable: Notice {
            title: "Im Moment nicht verfügbar",
            text: "Bitte warten Sie einen Moment und laden Sie diese Seite neu.",
        },
    },
    Words {
        tag: "fr",
        name: "Français",
        languages: "Langue",
        error: "Erreur",
        choose_title: "Confirmez que c’est bien vous",
        choose_lead: "Nous vous envoyons un code. Où l’envoyer ?",
        choose_only: "Nous vous envoyons un code :",
        by_email: "E-mail",
        by_sms: "SMS",
        by_voice: "Appel téléphonique",
        by_other: "Message",
        send: "Envoyer le code",
        code_title: "Saisissez votre code",
        sent_email: "Nous avons envoyé un code à {n} chiffres par e‑mail à {to}.",
        sent_sms: "Nous avons envoyé un code à {n} chiffres par SMS au {to}.",
        sent_voice: "Nous appelons le {to} pour vous dicter un code à {n} chiffres.",
        sent_other: "Nous avons envoyé un code à {n} chiffres à {to}.",
        code_label: "Code",
        proceed: "Continuer",
        resend: "Envoyer un nouveau code",
        resend_wait: "Vous pourrez demander un nouveau code dans {wait}.",
        resent: "Un nouveau code est en route.",
        other_way: "Choisir un autre moyen",
        back_to_code: "J’ai un code",
        cancel: "Annuler",
        back: "Retour à {application}",
        help: "Aide",
        second: "seconde",
        seconds: "secondes",
        minute: "minute",
        minutes: "minutes",
        wrong: "Ce n’est pas le bon code. Il vous reste {n} essais.",
        wrong_last: "Ce n’est pas le bon code. Il vous reste un essai.",
        exhausted: "Ce n’est pas le bon code, et il n’y a plus d’essai. Demandez un nouveau code.",
        length: "Le code a {n} chiffres. Saisissez-les tous.",
        code_over: "Ce code n’est plus valable. Demandez-en un nouveau.",
        limited: "C’était trop souvent. Réessayez dans {wait}.",
        locked: "Il y a eu trop de codes erronés. Pour votre sécurité, les codes sont bloqués pendant un jour. Demandez de l’aide si vous ne pouvez pas attendre.",
        not_there: "Nous ne pouvons pas envoyer de code à cette adresse. Choisissez un autre moyen, ou annulez et vérifiez vos données.",
        try_again: "Le code n’a pas été envoyé. Réessayez dans un instant.",
        not_sent: "Il n’est pas certain que le code ait été envoyé. Demandez-en un nouveau ou choisissez un autre moyen.",
        not_judged: "Votre code n’a pas pu être vérifié. Réessayez dans un instant.",
        no_more: "Vous avez demandé autant de codes qu’une connexion le permet. Annulez et reconnectez-vous.",
        no_way: "Nous ne pouvons pas vous envoyer de code pour le moment. Annulez et réessayez plus tard.",
        facts: "Ce que vous confirmez",
        what: "À confirmer",
        signing_in: "Connexion",
        begun: "Demandé",
        from: "Depuis",
        just_now: "il y a moins d’une minute",
        ago: "il y a {wait}",
        caution: "Si vous n’êtes pas à l’origine de cette demande, annulez-la. Ne saisissez jamais le code parce que quelqu’un vous a envoyé un lien.",
        begun_elsewhere: "La demande vient d’une autre adresse réseau que la vôtre.",
        unknown: Notice {
            title: "Ce lien n’existe pas",
            text: "Il est peut-être incomplet. Retournez d’où vous venez et reconnectez-vous.",
        },
        elsewhere: Notice {
            title: "Ce lien est ouvert dans un autre navigateur",
            text: "Il ne fonctionne que là où il a été ouvert en premier. Retournez d’où vous venez et reconnectez-vous ici. Les cookies doivent être autorisés pour cette page.",
        },
        expired: Notice {
            title: "Le temps est écoulé",
            text: "Cette connexion a duré plus de dix minutes. Veuillez vous reconnecter.",
        },
        done: Notice {
            title: "La connexion est déjà établie",
            text: "Ce lien a été utilisé et n’a plus d’effet. Vous pouvez fermer cette page.",
        },
        cancelled: Notice {
            title: "Cette connexion a été annulée",
            text: "Rien n’a été connecté. Vous pouvez fermer cette page ou vous reconnecter.",
        },
        refused: Notice {
            title: "Cela ne venait pas de cette page",
            text: "Rien n’a été fait. Retournez d’où vous venez et reconnectez-vous.",
        },
        unavailable: Notice {
            title: "Indisponible pour le moment",
            text: "Attendez un instant et rechargez cette page.",
        },
    },
    Words {
        tag: "it",
        name: "Italiano",
        languages: "Lingua",
        error: "Errore",
        choose_title: "Confermi che è Lei",
        choose_lead: "Le inviamo un codice. Dove?",
        choose_only: "Le inviamo un codice:",
        by_email: "E-mail",
        by_sms: "SMS",
        by_voice: "Telefonata",
        by_other: "Messaggio",
        send: "Invia il codice",
        code_title: "Inserisca il codice",
        sent_email: "Abbiamo inviato un codice di {n} cifre via e‑mail a {to}.",
        sent_sms: "Abbiamo inviato un codice di {n} cifre via SMS al {to}.",
        sent_voice: "Stiamo chiamando {to} per dettare un codice di {n} cifre.",
        sent_other: "Abbiamo inviato un codice di {n} cifre a {to}.",
        code_label: "Codice",
        proceed: "Continua",
        resend: "Invia un nuovo codice",
        resend_wait: "Potrà chiedere un nuovo codice tra {wait}.",
        resent: "Un nuovo codice è in arrivo.",
        other_way: "Scegli un altro modo",
        back_to_code: "Ho un codice",
        cancel: "Annulla",
        back: "Torna a {application}",
        help: "Aiuto",
        second: "secondo",
        seconds: "secondi",
        minute: "minuto",
        minutes: "minuti",
        wrong: "Non è il codice giusto. Ha ancora {n} tentativi.",
        wrong_last: "Non è il codice giusto. Ha ancora un tentativo.",
        exhausted: "Non è il codice giusto e non ci sono altri tentativi. Chieda un nuovo codice.",
        length: "Il codice ha {n} cifre. Le inserisca tutte.",
        code_over: "Questo codice non è più valido. Ne chieda uno nuovo.",
        limited: "Troppe volte. Riprovi tra {wait}.",
        locked: "Ci sono stati troppi codici errati. Per la Sua sicurezza i codici sono bloccati per un giorno. Chieda aiuto se non può aspettare.",
        not_there: "Non possiamo inviare un codice a questo recapito. Scelga un altro modo, oppure annulli e controlli i Suoi dati.",
        try_again: "Il codice non è stato inviato. Riprovi tra un momento.",
        not_sent: "Non è certo che il codice sia stato inviato. Ne chieda uno nuovo o scelga un altro modo.",
        not_judged: "Il codice non ha potuto essere verificato. Riprovi tra un momento.",
        no_more: "Ha chiesto tutti i codici che un accesso consente. Annulli e acceda di nuovo.",
        no_way: "Al momento non possiamo inviarle un codice. Annulli e riprovi più tardi.",
        facts: "Che cosa conferma",
        what: "Da confermare",
        signing_in: "Accesso",
        begun: "Richiesto",
        from: "Da",
        just_now: "meno di un minuto fa",
        ago: "{wait} fa",
        caution: "Se non è stato Lei a iniziare, annulli. Non inserisca mai il codice perché qualcuno Le ha inviato un link.",
        begun_elsewhere: "La richiesta proviene da un indirizzo di rete diverso dal Suo.",
        unknown: Notice {
            title: "Questo link non esiste",
            text: "Forse è incompleto. Torni all’applicazione e acceda di nuovo.",
        },
        elsewhere: Notice {
            title: "Questo link è aperto in un altro browser",
            text: "Funziona solo dove è stato aperto per primo. Torni all’applicazione e acceda di nuovo qui. I cookie devono essere consentiti per questa pagina.",
        },
        expired: Notice {
            title: "Il tempo è scaduto",
            text: "Questo accesso è durato più di dieci minuti. Acceda di nuovo.",
        },
        done: Notice {
            title: "Ha già effettuato l’accesso",
            text: "Questo link è stato usato e non ha più effetto. Può chiudere questa pagina.",
        },
        cancelled: Notice {
            title: "Questo accesso è stato annullato",
            text: "Non è stato effettuato alcun accesso. Può chiudere questa pagina o accedere di nuovo.",
        },
        refused: Notice {
            title: "Non proveniva da questa pagina",
            text: "Non è stato fatto nulla. Torni all’applicazione e acceda di nuovo.",
        },
        unavailable: Notice {
            title: "Non disponibile al momento",
            text: "Attenda un momento e ricarichi questa pagina.",
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_asked_for_then_the_applications_then_the_browsers() {
        for (asked, said, accepted, tag) in [
            (Some("it"), Some("de"), Some("fr"), "it"),
            (None, Some("de-CH"), Some("fr"), "de"),
            (None, None, Some("fr-CH, fr;q=0.9, en;q=0.8"), "fr"),
            (Some("xx"), Some("es"), Some("it_CH"), "it"),
            (None, None, None, "en"),
        ] {
            assert_eq!(Words::of(asked, said, accepted).tag, tag);
        }
    }

    #[test]
    fn every_language_has_the_places_that_are_filled_in() {
        for words in &LANGUAGES {
            for text in [words.sent_email, words.sent_sms, words.sent_voice, words.sent_other] {
                assert!(text.contains("{n}") && text.matches("{to}").count() == 1, "{text}");
            }
            assert!(words.wrong.contains("{n}") && words.length.contains("{n}"));
            assert!(words.limited.contains("{wait}") && words.resend_wait.contains("{wait}"));
            assert!(words.back.contains("{application}") && words.ago.contains("{wait}"));
        }
    }

    #[test]
    fn a_span_is_told_in_what_people_count_in() {
        let [english, german, ..] = &LANGUAGES;
        assert_eq!(english.wait(1), "1\u{a0}second");
        assert_eq!(english.wait(30), "30\u{a0}seconds");
        assert_eq!(german.wait(101), "2\u{a0}Minuten");
        assert_eq!(german.wait(0), "1\u{a0}Sekunde");
    }
}

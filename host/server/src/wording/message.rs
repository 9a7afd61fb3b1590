//! What became of messages, and which limits hold somebody.

use twofactor::{ChallengeState, MessageOutcome};

use super::language::Language;

/// How an outcome is to be taken, for its colour.
pub(crate) fn outcome_kind(outcome: MessageOutcome) -> &'static str {
    match outcome {
        MessageOutcome::Accepted | MessageOutcome::ReportedDelivered => "good",
        MessageOutcome::OutcomeUnknown | MessageOutcome::RetryLater | MessageOutcome::Paused => "warn",
        _ => "bad",
    }
}

/// What became of a message, in a few words.
pub(crate) fn outcome(l: Language, outcome: MessageOutcome) -> &'static str {
    match outcome {
        MessageOutcome::Accepted => l.say("accepted by the upstream", "von der Gegenstelle angenommen"),
        MessageOutcome::ReportedDelivered => l.say("reported as delivered", "als zugestellt gemeldet"),
        MessageOutcome::ReportedFailed => l.say("reported as not delivered", "als nicht zugestellt gemeldet"),
        MessageOutcome::RetryLater => l.say(
            "not sent: upstream not reachable or busy",
            "nicht gesendet: Gegenstelle nicht erreichbar oder ausgelastet",
        ),
        MessageOutcome::OutcomeUnknown => l.say(
            "perhaps sent: the upstream did not confirm",
            "vielleicht gesendet: die Gegenstelle hat nicht bestätigt",
        ),
        MessageOutcome::RejectedRecipient => {
            l.say("the upstream refused the recipient", "die Gegenstelle hat den Empfänger abgelehnt")
        }
        MessageOutcome::RejectedMessage => {
            l.say("the upstream refused the message", "die Gegenstelle hat die Nachricht abgelehnt")
        }
        MessageOutcome::Misconfigured => {
            l.say("not sent: the instance is misconfigured", "nicht gesendet: die Instanz ist falsch konfiguriert")
        }
        MessageOutcome::Blocked => {
            l.say("blocked: the upstream suspects fraud", "gesperrt: die Gegenstelle vermutet Betrug")
        }
        MessageOutcome::Paused => {
            l.say("not tried: the instance pauses after failures", "nicht versucht: die Instanz pausiert nach Fehlern")
        }
        MessageOutcome::QuotaUsed => {
            l.say("not tried: a quota is used up", "nicht versucht: ein Kontingent ist aufgebraucht")
        }
        MessageOutcome::Limited => l.say("no message: a limit was reached", "keine Nachricht: ein Limit war erreicht"),
        MessageOutcome::UserLocked => {
            l.say("no message: the user was locked", "keine Nachricht: der Benutzer war gesperrt")
        }
        MessageOutcome::NoInstance => {
            l.say("no message: no instance was available", "keine Nachricht: keine Instanz war verfügbar")
        }
        MessageOutcome::CountryNotEnabled => {
            l.say("no message: the country is not enabled", "keine Nachricht: das Land ist nicht freigegeben")
        }
        MessageOutcome::RecipientMalformed => l.say(
            "no message: the recipient is missing or malformed",
            "keine Nachricht: der Empfänger fehlt oder ist fehlerhaft",
        ),
        other => other.name(),
    }
}

/// A limit by its name.
pub(crate) fn limit(l: Language, name: &str) -> &str {
    match name {
        "wrong-in-a-row" => l.say("too many wrong answers in a row", "zu viele falsche Antworten hintereinander"),
        "wrong-per-day" => l.say("too many wrong answers in a day", "zu viele falsche Antworten an einem Tag"),
        "recipient" => l.say(
            "too many messages to this recipient in an hour",
            "zu viele Nachrichten an diesen Empfänger in einer Stunde",
        ),
        "recipient-in-all" => l.say(
            "too many messages to this recipient in an hour, over all subscriptions",
            "zu viele Nachrichten an diesen Empfänger in einer Stunde, über alle Subscriptions",
        ),
        "user" => l.say(
            "too many messages for this user in an hour",
            "zu viele Nachrichten für diesen Benutzer in einer Stunde",
        ),
        "address" => l.say(
            "too many messages from one network address in an hour",
            "zu viele Nachrichten von einer Netzwerkadresse in einer Stunde",
        ),
        "prefix" => l.say(
            "too many unverified codes to numbers with this prefix in an hour",
            "zu viele nicht bestätigte Codes an Nummern mit dieser Vorwahl in einer Stunde",
        ),
        "phone" => l.say(
            "too many messages to telephone numbers in a day",
            "zu viele Nachrichten an Telefonnummern an einem Tag",
        ),
        "tenant" => l.say(
            "too many messages of this tenant in an hour",
            "zu viele Nachrichten dieses Mandanten in einer Stunde",
        ),
        "total" => l.say("too many messages in all in an hour", "zu viele Nachrichten insgesamt in einer Stunde"),
        other => other,
    }
}

/// How a challenge stands.
pub(crate) fn challenge_state(l: Language, state: ChallengeState) -> &'static str {
    match state {
        ChallengeState::Open => l.say("open: it takes answers", "offen: sie nimmt Antworten an"),
        ChallengeState::Used => {
            l.say("used: the right code was given", "verwendet: der richtige Code wurde eingegeben")
        }
        ChallengeState::Cancelled => l.say("cancelled by the application", "von der Applikation abgebrochen"),
        ChallengeState::Undelivered => {
            l.say("closed: its message was not delivered", "geschlossen: ihre Nachricht wurde nicht zugestellt")
        }
        ChallengeState::AnswersUsedUp => {
            l.say("closed: its answers are used up", "geschlossen: ihre Antworten sind aufgebraucht")
        }
        _ => l.say("expired", "abgelaufen"),
    }
}

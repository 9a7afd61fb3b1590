//! The wording of the outcomes of messages, and of limits.

use twofactor::admin::ChallengeState;
use twofactor::challenge::MessageOutcome;

use super::language::Language;

/// Returns the kind of an outcome, which determines its color.
pub(crate) fn outcome_kind(outcome: MessageOutcome) -> &'static str {
    match outcome {
        MessageOutcome::Accepted | MessageOutcome::ReportedDelivered => "good",
        MessageOutcome::OutcomeUnknown | MessageOutcome::RetryLater | MessageOutcome::Paused => "warn",
        _ => "bad",
    }
}

/// Returns the outcome of a message, in a few words.
pub(crate) fn outcome(l: Language, outcome: MessageOutcome) -> &'static str {
    match outcome {
        MessageOutcome::Accepted => l.say("Accepted by the upstream", "Vom Mailserver oder SMS-Anbieter angenommen"),
        MessageOutcome::ReportedDelivered => {
            l.say("Delivered (confirmed by delivery report)", "Zugestellt (durch Zustellbericht bestätigt)")
        }
        MessageOutcome::ReportedFailed => {
            l.say("Not delivered (according to delivery report)", "Nicht zugestellt (laut Zustellbericht)")
        }
        MessageOutcome::RetryLater => l.say(
            "Not sent: upstream unreachable or busy",
            "Nicht gesendet: Mailserver oder SMS-Anbieter nicht erreichbar oder ausgelastet",
        ),
        MessageOutcome::OutcomeUnknown => l.say(
            "Possibly sent: no confirmation from the upstream",
            "Möglicherweise gesendet: keine Bestätigung vom Mailserver oder SMS-Anbieter",
        ),
        MessageOutcome::RejectedRecipient => {
            l.say("Recipient rejected by the upstream", "Empfänger vom Mailserver oder SMS-Anbieter abgelehnt")
        }
        MessageOutcome::RejectedMessage => {
            l.say("Message rejected by the upstream", "Nachricht vom Mailserver oder SMS-Anbieter abgelehnt")
        }
        MessageOutcome::Misconfigured => {
            l.say("Not sent: instance misconfigured", "Nicht gesendet: Instanz falsch konfiguriert")
        }
        MessageOutcome::Blocked => {
            l.say("Blocked by the upstream: suspected fraud", "Vom SMS-Anbieter blockiert: Betrugsverdacht")
        }
        MessageOutcome::Paused => {
            l.say("Not sent: instance paused after failures", "Nicht gesendet: Instanz nach Fehlern pausiert")
        }
        MessageOutcome::QuotaUsed => l.say("Not sent: quota exceeded", "Nicht gesendet: Kontingent ausgeschöpft"),
        MessageOutcome::Limited => l.say("Not sent: rate limit reached", "Nicht gesendet: Limit erreicht"),
        MessageOutcome::UserLocked => l.say("Not sent: user locked", "Nicht gesendet: Benutzer gesperrt"),
        MessageOutcome::NoInstance => {
            l.say("Not sent: no instance available", "Nicht gesendet: keine Instanz verfügbar")
        }
        MessageOutcome::CountryNotEnabled => {
            l.say("Not sent: country not enabled", "Nicht gesendet: Land nicht freigegeben")
        }
        MessageOutcome::RecipientMalformed => {
            l.say("Not sent: recipient missing or invalid", "Nicht gesendet: Empfänger fehlt oder ist ungültig")
        }
        MessageOutcome::Unreadable => l.say(
            "Unreadable: changed in the database, or written by another version",
            "Nicht lesbar: in der Datenbank geändert oder von einer anderen Version geschrieben",
        ),
        other => other.name(),
    }
}

/// Returns the wording of a limit.
pub(crate) fn limit(l: Language, name: &str) -> &str {
    match name {
        "lockout" => l.say("Too many consecutive wrong codes", "Zu viele falsche Codes hintereinander"),
        "wrong-answers-per-day" => l.say("Too many wrong codes in one day", "Zu viele falsche Codes an einem Tag"),
        "recipient" => l.say(
            "Too many messages to this recipient in one hour",
            "Zu viele Nachrichten an diesen Empfänger in einer Stunde",
        ),
        "recipient-total" => l.say(
            "Too many messages to this recipient in one hour, across all subscriptions",
            "Zu viele Nachrichten an diesen Empfänger in einer Stunde, über alle Subscriptions",
        ),
        "user" => l.say(
            "Too many messages for this user in one hour",
            "Zu viele Nachrichten für diesen Benutzer in einer Stunde",
        ),
        "address" => l.say(
            "Too many messages from one IP address in one hour",
            "Zu viele Nachrichten von einer IP-Adresse in einer Stunde",
        ),
        "address-total" => l.say(
            "Too many messages from one IP address in one hour, across all subscriptions",
            "Zu viele Nachrichten von einer IP-Adresse in einer Stunde, über alle Subscriptions",
        ),
        "account-recipient" => l.say(
            "Too many codes for logins to this account in one hour",
            "Zu viele Codes für Anmeldungen bei diesem Konto in einer Stunde",
        ),
        "account-address" => l.say(
            "Too many logins from one IP address in one hour",
            "Zu viele Anmeldungen von einer IP-Adresse in einer Stunde",
        ),
        "prefix" => l.say(
            "Too many unverified codes to numbers with this prefix in one hour",
            "Zu viele nicht bestätigte Codes an Nummern mit dieser Vorwahl in einer Stunde",
        ),
        "phone" => l.say(
            "Too many messages to phone numbers in one day",
            "Zu viele Nachrichten an Telefonnummern an einem Tag",
        ),
        "tenant" => l.say(
            "Too many messages of this tenant in one hour",
            "Zu viele Nachrichten dieses Mandanten in einer Stunde",
        ),
        "subscription" => l.say(
            "Too many messages of this subscription in one hour",
            "Zu viele Nachrichten dieser Subscription in einer Stunde",
        ),
        "total" => l.say("Too many messages in one hour in total", "Zu viele Nachrichten insgesamt in einer Stunde"),
        other => other,
    }
}

/// Returns the state of a challenge.
pub(crate) fn challenge_state(l: Language, state: ChallengeState) -> &'static str {
    match state {
        ChallengeState::Open => l.say("Open", "Offen"),
        ChallengeState::Used => l.say("Verified", "Verifiziert"),
        ChallengeState::Cancelled => l.say("Cancelled by the application", "Von der Anwendung abgebrochen"),
        ChallengeState::Undelivered => {
            l.say("Closed: message not delivered", "Geschlossen: Nachricht nicht zugestellt")
        }
        ChallengeState::AnswersUsedUp => l.say("Closed: no attempts left", "Geschlossen: keine Versuche mehr"),
        _ => l.say("Expired", "Abgelaufen"),
    }
}

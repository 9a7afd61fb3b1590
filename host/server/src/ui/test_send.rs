//! A test message from an instance's edit view, and what to do about the answer.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use twofactor::{ProviderInfo, Recipient, RecipientKind, TestReport};

use super::form::Posted;
use super::instances::{View, show};
use super::language::Language;
use super::layout::{Failure, notice};
use super::person::Person;
use super::upstream_failure;

pub(super) fn card(
    l: Language,
    here: &str,
    provider: Option<&ProviderInfo>,
    report: Option<&TestReport>,
    valid: bool,
) -> Markup {
    let (kind, label, input, example) = match provider.map(|provider| provider.manifest.recipient) {
        Some(RecipientKind::PhoneNumber) => {
            ("phone", l.say("Telephone number", "Telefonnummer"), "tel", "+41 79 123 45 67")
        }
        Some(RecipientKind::Handle) => ("handle", l.say("Name at the provider", "Name beim Anbieter"), "text", "alice"),
        _ => ("email", l.say("Email address", "E-Mail-Adresse"), "email", "alice@example.com"),
    };
    html! {
        section.card #test {
            h2 { (l.say("Send a test", "Test senden")) }
            @if let Some(report) = report {
                @if report.outcome == "delivered" { (notice("good", l.say("The upstream took the message.", "Die Gegenstelle hat die Nachricht angenommen."))) }
                @else {
                    (notice("bad", hint(l, &report.outcome)))
                    @if let Some(failure) = &report.upstream { p { (upstream_failure::words(l, failure)) } }
                }
                @if !report.code.is_empty() || !report.detail.is_empty() {
                    dl.facts {
                        dt { (l.say("Outcome", "Ergebnis")) } dd { code { (report.outcome) } }
                        @if !report.code.is_empty() { dt { (l.say("Reference or code", "Referenz oder Code")) } dd { code { (report.code) } } }
                        @if !report.detail.is_empty() { dt { (l.say("Detail", "Einzelheit")) } dd { (report.detail) } }
                    }
                }
            }
            @if valid {
                form method="post" action={ (here) "/test" } {
                    div.field {
                        label for="recipient" { (label) }
                        input #recipient name=(kind) type=(input) required placeholder=(example) autocomplete="off" aria-describedby="test-help";
                        div.help #test-help { (l.say("The message carries a sample code that opens nothing; where the upstream makes the codes it sends one of its own.", "Die Nachricht enthält einen Mustercode, der nichts öffnet; macht die Gegenstelle die Codes, so sendet sie einen eigenen.")) }
                    }
                    div.actions { button { (l.say("Send", "Senden")) } }
                }
            } @else { p { (l.say("Once the options are valid, a test message can be sent.", "Sobald die Optionen gültig sind, kann eine Testnachricht gesendet werden.")) } }
        }
    }
}

/// What to do about a failure.
fn hint(l: Language, outcome: &str) -> &'static str {
    match outcome {
        "retry-later" => l.say(
            "Not sent. The upstream could not be reached or is busy: try again later.",
            "Nicht gesendet. Die Gegenstelle war nicht erreichbar oder ist ausgelastet: versuchen Sie es später.",
        ),
        "outcome-unknown" => l.say(
            "It may have been sent: the upstream did not confirm it. Look for it at the recipient.",
            "Sie wurde vielleicht gesendet: die Gegenstelle hat nicht bestätigt. Sehen Sie beim Empfänger nach.",
        ),
        "rejected-recipient" => l.say(
            "The upstream does not accept this recipient: check the address or number.",
            "Die Gegenstelle nimmt diesen Empfänger nicht an: prüfen Sie Adresse oder Nummer.",
        ),
        "rejected-message" => {
            l.say("The upstream does not accept this message.", "Die Gegenstelle nimmt diese Nachricht nicht an.")
        }
        "blocked" => l.say(
            "The upstream blocked the message because it suspects fraud: contact its support.",
            "Die Gegenstelle hat die Nachricht gesperrt, weil sie Betrug vermutet: wenden Sie sich an deren Support.",
        ),
        _ => l.say(
            "The upstream refuses the account or the sender: check the credentials, the sender and the permissions.",
            "Die Gegenstelle lehnt Konto oder Absender ab: prüfen Sie Zugangsdaten, Absender und Berechtigungen.",
        ),
    }
}

pub(super) async fn send(
    person: Person,
    Path((subscription, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Failure> {
    let admin = person.of(&subscription)?;
    let posted = Posted::parse(&body);
    let instance = admin.instance(&subscription, &id).await.map_err(|error| person.failure(error))?;
    let field = |name: &str| posted.get(name).map(str::to_owned);
    let recipient = Recipient { email: field("email"), phone: field("phone"), handle: field("handle") };
    let view = View::of(&instance);
    let view = match admin.test_instance(&subscription, &id, recipient, None).await {
        Ok(report) => view.with_report(report),
        Err(error) if error.is_invalid_input() || error.is_recipient_rejected() => view.with_problem(error.to_string()),
        Err(error) => return Err(person.failure(error)),
    };
    show(&person, admin, view).await
}

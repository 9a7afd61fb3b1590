//! Test messages from an instance's edit view, with advice about the result. They use what is
//! typed, before it is saved.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use twofactor::Recipient;
use twofactor::admin::{TestMessage, TestReport};
use twofactor::sandbox::{ProviderInfo, RecipientKind};

use super::failure::Failure;
use super::form_replies::{Outcome, Told};
use super::instance_form::{is_whole, own_policy, provider_of, typed};
use super::layout::notice;
use super::links::instance_path;
use super::person::Person;
use super::posted::Posted;
use super::upstream_failure;
use crate::wording::Language;

/// The field for a recipient of a kind: its name, label, type, example, and the value in the
/// administrator's own account.
pub(super) struct Field<'a> {
    pub(super) name: &'static str,
    label: &'static str,
    input: &'static str,
    example: &'static str,
    own: &'a str,
}

impl<'a> Field<'a> {
    pub(super) fn of(person: &'a Person, kind: RecipientKind) -> Self {
        let (l, account) = (person.language, &person.session.account);
        let (name, label, input, example, own) = match kind {
            RecipientKind::PhoneNumber => {
                let own = account.phone.as_deref().unwrap_or_default();
                ("phone", l.say("Phone number", "Telefonnummer"), "tel", "+41 79 123 45 67", own)
            }
            RecipientKind::Handle => ("handle", l.say("Handle", "Kennung"), "text", "alice", ""),
            RecipientKind::EmailAddress => {
                let own = &*account.email;
                ("email", l.say("Email address", "E-Mail-Adresse"), "email", "alice@example.com", own)
            }
        };
        Self { name, label, input, example, own }
    }

    /// Returns the field itself, called `name`, in the form of this id.
    pub(super) fn show(&self, l: Language, name: &str, form: Option<&str>, typed: Option<&str>) -> Markup {
        let id = if name == self.name { "recipient" } else { name };
        html! {
            div.field {
                label for=(id) { (self.label) }
                input id=(id) name=(name) form=[form] type=(self.input) placeholder=(self.example) value=(typed.unwrap_or(self.own)) autocomplete="off" aria-describedby={ (id) "-help" };
                div.help id={ (id) "-help" } { (l.say("The message is marked as a test. Its code cannot be used to sign in.", "Die Nachricht ist als Test gekennzeichnet. Mit ihrem Code kann man sich nicht anmelden.")) }
            }
        }
    }
}

/// Returns the card that sends a test message. Factors that people hold send none.
pub(super) fn card(person: &Person, here: &str, provider: Option<&ProviderInfo>) -> Markup {
    let l = person.language;
    let kind = match provider {
        None => RecipientKind::EmailAddress,
        Some(provider) => match provider.manifest.recipient {
            Some(kind) => kind,
            None => return html! {},
        },
    };
    let field = Field::of(person, kind);
    html! {
        section.card #test {
            h2 { (l.say("Send test message", "Testnachricht senden")) }
            @if let Some(Outcome::Tested(report)) = person.outcome() { (result(l, report)) }
            (field.show(l, field.name, Some("edit"), person.posted().get(field.name)))
            div.actions { button form="edit" formaction={ (here) "/test" } { (l.say("Send test message", "Testnachricht senden")) } }
            p.help { (l.say("Uses the current values of the form, even if they are not saved.", "Verwendet die aktuellen Werte des Formulars, auch wenn sie nicht gespeichert sind.")) }
        }
    }
}

/// Returns what came of a test.
fn result(l: Language, report: &TestReport) -> Markup {
    html! {
        @if report.outcome == "delivered" { (notice("good", l.say("The upstream accepted the message.", "Der Mailserver oder SMS-Anbieter hat die Nachricht angenommen."))) }
        @else {
            @match &report.upstream {
                Some(failure) => { (notice("bad", &upstream_failure::words(l, failure))) }
                None => { (notice("bad", hint(l, &report.outcome))) }
            }
        }
        @if !report.code.is_empty() || !report.detail.is_empty() || report.price.is_some() {
            dl.facts {
                dt { (l.say("Outcome", "Ergebnis")) } dd { code { (report.outcome) } }
                @if !report.code.is_empty() { dt { (l.say("Reference or error code", "Referenz oder Fehlercode")) } dd { code { (report.code) } } }
                @if !report.detail.is_empty() { dt { (l.say("Details", "Details")) } dd { (report.detail) } }
                @if let Some(price) = &report.price { dt { (l.say("Price", "Preis")) } dd { (price) } }
            }
        }
    }
}

/// Returns what to do about a failure.
fn hint(l: Language, outcome: &str) -> &'static str {
    match outcome {
        "retry-later" => l.say(
            "Not sent. The upstream is unreachable or busy. Try again later.",
            "Nicht gesendet. Der Mailserver oder SMS-Anbieter ist nicht erreichbar oder ausgelastet. Versuchen Sie es später erneut.",
        ),
        "outcome-unknown" => l.say(
            "The message may have been sent; the upstream did not confirm it. Check with the recipient.",
            "Die Nachricht wurde möglicherweise gesendet; der Mailserver oder SMS-Anbieter hat sie nicht bestätigt. Fragen Sie beim Empfänger nach.",
        ),
        "rejected-recipient" => l.say(
            "The upstream rejected the recipient. Check the address or number.",
            "Der Mailserver oder SMS-Anbieter hat den Empfänger abgelehnt. Prüfen Sie die Adresse oder Nummer.",
        ),
        "rejected-message" => {
            l.say("The upstream rejected the message.", "Der Mailserver oder SMS-Anbieter hat die Nachricht abgelehnt.")
        }
        "blocked" => l.say(
            "The upstream blocked the message as suspected fraud. Contact its support.",
            "Der SMS-Anbieter hat die Nachricht wegen Betrugsverdachts blockiert. Wenden Sie sich an dessen Support.",
        ),
        _ => l.say(
            "The upstream rejected the account or the sender. Check the credentials, the sender and the permissions.",
            "Der Mailserver oder SMS-Anbieter hat das Konto oder den Absender abgelehnt. Prüfen Sie Zugangsdaten, Absender und Berechtigungen.",
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
    let field = |name: &str| posted.get(name).map(str::to_owned);
    let recipient = Recipient { email: field("email"), phone: field("phone"), handle: field("handle") };
    let mut test = TestMessage::to(recipient).locale(person.language.tag());
    if is_whole(&posted) {
        let instance = admin.instance(&subscription, &id).await.map_err(|error| person.failure(error))?;
        let mut typed = typed(&instance, provider_of(admin, &instance.type_id).as_ref(), &posted);
        test.policy = Some(own_policy(&typed));
        test.options = Some(typed["options"].take());
    }
    let report = admin.send_test(&subscription, &id, test).await.map_err(|error| person.failure(error))?;
    Ok(Told::new(Outcome::Tested(report)).on(format!("{}#test", instance_path(&subscription, &id))).into_response())
}

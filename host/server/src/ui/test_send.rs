//! A test message from an instance's edit view, and what to do about the answer. It takes what is typed, before it is saved.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use twofactor::{ProviderInfo, Recipient, RecipientKind, TestMessage, TestReport};

use super::failure::Failure;
use super::form::Posted;
use super::form_replies::{Outcome, Told};
use super::instance_form::{is_whole, own_policy, provider_of, typed};
use super::layout::notice;
use super::links::instance_path;
use super::person::Person;
use super::upstream_failure;
use crate::wording::Language;

/// The field for a recipient of a kind: its name, label, type, example, and what the administrator's own account has of it.
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
            RecipientKind::Handle => {
                ("handle", l.say("Name at the provider", "Name beim Anbieter"), "text", "alice", "")
            }
            RecipientKind::EmailAddress => {
                let own = &*account.email;
                ("email", l.say("Email address", "E-Mail-Adresse"), "email", "alice@example.com", own)
            }
        };
        Self { name, label, input, example, own }
    }

    /// The field itself, called `name`, in the form of this id.
    pub(super) fn show(&self, l: Language, name: &str, form: Option<&str>, typed: Option<&str>) -> Markup {
        let id = if name == self.name { "recipient" } else { name };
        html! {
            div.field {
                label for=(id) { (self.label) }
                input id=(id) name=(name) form=[form] type=(self.input) placeholder=(self.example) value=(typed.unwrap_or(self.own)) autocomplete="off" aria-describedby={ (id) "-help" };
                div.help id={ (id) "-help" } { (l.say("The message says that it is a test. Its code opens nothing.", "Die Nachricht sagt, dass sie ein Test ist. Ihr Code öffnet nichts.")) }
            }
        }
    }
}

pub(super) fn card(person: &Person, here: &str, provider: Option<&ProviderInfo>) -> Markup {
    let l = person.language;
    let kind = provider.map_or(RecipientKind::EmailAddress, |provider| provider.manifest.recipient);
    let field = Field::of(person, kind);
    html! {
        section.card #test {
            h2 { (l.say("Send a test", "Test senden")) }
            @if let Some(Outcome::Tested(report)) = person.outcome() { (result(l, report)) }
            (field.show(l, field.name, Some("edit"), person.posted().get(field.name)))
            div.actions { button form="edit" formaction={ (here) "/test" } { (l.say("Send a test", "Test senden")) } }
            p.help { (l.say("It is sent with what is in the form now, saved or not.", "Er wird mit dem gesendet, was jetzt im Formular steht, gespeichert oder nicht.")) }
        }
    }
}

/// What came of a test.
fn result(l: Language, report: &TestReport) -> Markup {
    html! {
        @if report.outcome == "delivered" { (notice("good", l.say("The upstream accepted the message.", "Die Gegenstelle hat die Nachricht angenommen."))) }
        @else {
            @match &report.upstream {
                Some(failure) => { (notice("bad", &upstream_failure::words(l, failure))) }
                None => { (notice("bad", hint(l, &report.outcome))) }
            }
        }
        @if !report.code.is_empty() || !report.detail.is_empty() {
            dl.facts {
                dt { (l.say("Outcome", "Ergebnis")) } dd { code { (report.outcome) } }
                @if !report.code.is_empty() { dt { (l.say("Reference or code", "Referenz oder Code")) } dd { code { (report.code) } } }
                @if !report.detail.is_empty() { dt { (l.say("Detail", "Einzelheit")) } dd { (report.detail) } }
            }
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

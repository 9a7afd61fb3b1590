//! The providers that are loaded, and what each may do.

use axum::extract::Query;
use axum::http::Uri;
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::admin::Administration;

use super::layout::notice;
use super::links::on_to;
use super::page::{Room, page};
use super::person::Person;
use super::provider_parts::{facts, imports};
use super::provider_roll_back::roll_back_path;
use crate::wording::{Language, capabilities, spoken};

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

pub(super) async fn list(person: Person, Query(done): Query<Done>) -> Response {
    let message = match &*done.done {
        "installed" => notice("good", person.language.say("Provider installed.", "Provider installiert.")),
        "rolled-back" => notice("good", person.language.say("Provider rolled back.", "Provider zurückgesetzt.")),
        _ => html! {},
    };
    show(&person, message)
}

fn show(person: &Person, message: Markup) -> Response {
    let l = person.language;
    let title = Room::Providers.name(l);
    let main = html! {
        h1 { (title) }
        p.sub { (l.say("Each provider runs as a sandboxed component. The connections it may use are listed on each instance.",
            "Jeder Provider läuft als Komponente in einer Sandbox. Erlaubte Verbindungen stehen bei jeder Instanz.")) }
        @if person.may_change() && person.is_of_the_system() {
            form.card method="post" enctype="multipart/form-data" {
                h2 { (l.say("Install provider", "Provider installieren")) }
                (message)
                div.field {
                    label for="component" { (l.say("Component", "Komponente")) }
                    input #component name="component" type="file" accept=".wasm,application/wasm" required aria-describedby="component-help";
                    div.help #component-help { (l.say("A WebAssembly component (.wasm). You can review its permissions before it is installed.",
                        "Eine WebAssembly-Komponente (.wasm). Sie können ihre Berechtigungen prüfen, bevor sie installiert wird.")) }
                }
                div.field {
                    label for="signature" { (l.say("Signature", "Signatur")) }
                    input #signature name="signature" type="file" accept=".minisig" aria-describedby="signature-help";
                    div.help #signature-help { (l.say("A minisign signature of the component (.minisig), if there is one.",
                        "Eine Minisign-Signatur der Komponente (.minisig), falls vorhanden.")) }
                }
                div.actions { button.main { (l.say("Review", "Prüfen")) } }
            }
        }
        (bundled(person))
        @for refused in person.of_anything().refused_providers() {
            section.card {
                h2 { (l.say("Not in use", "Nicht verwendet")) ": " code { (refused.type_id) } }
                p { (l.say("An installed component is not allowed on this server:", "Eine installierte Komponente ist auf diesem Server nicht erlaubt:")) " " (spoken(l, &refused.why)) "." }
                dl.facts { dt { "SHA-256" } dd { code.digest { (refused.digest) } } }
                @if person.may_change() && person.is_of_the_system() {
                    p { a href=(roll_back_path(&refused.type_id)) { (l.say("Roll back", "Zurücksetzen")) } }
                }
            }
        }
        div.cards { @for provider in person.of_anything().providers() {
            section.card {
                h2 { (provider.manifest.name) }
                (facts(l, &provider))
                h3 { (l.say("Permissions", "Berechtigungen")) }
                ul { @for may in capabilities(l, &provider.capabilities) { li { (may) } } }
                (imports(l, &provider))
                @if provider.added_at.is_some() && person.may_change() && person.is_of_the_system() {
                    p { a href=(roll_back_path(&provider.manifest.type_id)) { (l.say("Roll back", "Zurücksetzen")) } }
                }
            }
        } }
    };
    page(person, Room::Providers, title, main)
}

/// Returns the components that come with the program and serve no type: what a system administrator may switch on.
fn off(admin: &Administration) -> Vec<&'static str> {
    let serving = admin.providers();
    let is_off = |type_id: &&str| !serving.iter().any(|provider| provider.manifest.type_id == *type_id);
    twofactor::bundled_components().map(|(type_id, _)| type_id).filter(is_off).collect()
}

/// Returns a list of them, each with a button that shows what it may do: it is installed as any other, so that all nodes have it.
fn bundled(person: &Person) -> Markup {
    let l = person.language;
    let off = off(person.of_anything());
    html! {
        @if !off.is_empty() && person.may_change() && person.is_of_the_system() {
            section.card {
                h2 { (l.say("Bundled providers, not enabled", "Mitgelieferte Provider, nicht aktiviert")) }
                p.help { (l.say("You can review the permissions of each before it is enabled. It is then available on all servers that share this store.",
                    "Sie können die Berechtigungen prüfen, bevor ein Provider aktiviert wird. Danach ist er auf allen Servern mit diesem Speicher verfügbar.")) }
                ul.assigned { @for type_id in off { li {
                    span { strong { (type_id) } " " span.help { (bundled_words(l, type_id)) } }
                    form method="post" action="/admin/providers/bundled" {
                        input type="hidden" name="type" value=(type_id);
                        button { (l.say("Review", "Prüfen")) }
                    }
                } } }
            }
        }
    }
}

fn bundled_words(l: Language, type_id: &str) -> &'static str {
    match type_id {
        "email" => l.say("Email through SMTP or Microsoft 365", "E-Mails über SMTP oder Microsoft 365"),
        "ecall" => l.say("SMS through eCall", "SMS über eCall"),
        "twilio" => l.say("SMS through Twilio", "SMS über Twilio"),
        "ses" => l.say("Email through Amazon SES", "E-Mails über Amazon SES"),
        "slack" => l.say("Direct messages in Slack", "Direktnachrichten in Slack"),
        "twilio-verify" => {
            l.say("Codes created, sent and verified by Twilio", "Codes, die Twilio erstellt, sendet und prüft")
        }
        "twilio-voice" => l.say("Phone calls through Twilio", "Anrufe über Twilio"),
        "infobip" => l.say("SMS through Infobip", "SMS über Infobip"),
        "sendgrid" => l.say("Email through SendGrid", "E-Mails über SendGrid"),
        "telnyx" => l.say("SMS through Telnyx", "SMS über Telnyx"),
        "vonage" => l.say("SMS through Vonage", "SMS über Vonage"),
        "whatsapp" => {
            l.say("Codes in WhatsApp, by an approved template", "Codes in WhatsApp, mit einer genehmigten Vorlage")
        }
        "totp" => l.say("Codes of an authenticator app", "Codes einer Authenticator-App"),
        "fido" => l.say("Passkeys and security keys", "Passkeys und Sicherheitsschlüssel"),
        "recovery" => l.say("Recovery codes on paper", "Wiederherstellungscodes auf Papier"),
        "webhook" => l.say("Signed requests to your own gateway", "Signierte Anfragen an Ihr eigenes Gateway"),
        _ => "",
    }
}

/// Redirects from the target of a form to the list.
pub(super) async fn to_list(uri: Uri) -> Redirect {
    on_to("/admin/providers", &uri)
}

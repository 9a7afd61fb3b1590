//! The providers that are loaded, and what each may do.

use axum::response::Response;
use maud::html;

use super::layout::{Room, page};
use super::person::Person;

pub(super) async fn list(person: Person) -> Response {
    let l = person.language;
    let title = Room::Providers.name(l);
    let main = html! {
        h1 { (title) }
        p.sub { (l.say("Each is a component in a sandbox. What an instance of it may reach stands with the instance.",
            "Jeder ist eine Komponente in einer Sandbox. Was eine Instanz erreichen darf, steht bei der Instanz.")) }
        div.cards { @for provider in person.of_anything().providers() {
            @let manifest = &provider.manifest;
            section.card {
                h2 { (manifest.name) }
                dl.facts {
                    dt { (l.say("Type", "Typ")) } dd { code { (manifest.type_id) } }
                    dt { (l.say("Version", "Version")) } dd { (manifest.version) }
                    dt { (l.say("Channel", "Kanal")) } dd { (manifest.channel) }
                    dt { "SHA-256" } dd { code.digest { (provider.digest) } }
                }
                h3 { (l.say("It may", "Er darf")) }
                ul { @for may in &provider.may { li { (may) } } }
                details { summary { (l.say("Imports", "Importe")) } ul.imports { @for import in &provider.imports { li { code { (import) } } } } }
            }
        } }
    };
    page(&person, Room::Providers, title, main)
}

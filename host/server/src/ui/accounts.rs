//! Users and roles: the accounts of those who administer.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor::accounts::{Account, AccountChange, AccountState, Invitation, NewAccount};
use twofactor::store::Subscription;
use twofactor::token::Role;

use super::conflict::{self, Edited};
use super::failure::Failure;
use super::form_replies::{Outcome, Told};
use super::format::time;
use super::layout::{Pages, badge, notice, table};
use super::links;
use super::links::{on_to, segment};
use super::page::{self, Room, page};
use super::person::Person;
use super::posted::Posted;
use super::state::Ui;
use super::tokens::role_name;
use super::user_factors::user_link;
use crate::wording::Language;

#[derive(Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    done: String,
}

pub(super) async fn list(
    person: Person,
    State(ui): State<Ui>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    let l = person.language;
    let message = match &*query.done {
        "removed" => notice("good", l.say("Account deleted.", "Konto gelöscht.")),
        _ => html! {},
    };
    show_list(&person, &ui, query.after, message).await
}

async fn show_list(person: &Person, ui: &Ui, after: u64, message: Markup) -> Result<Response, Failure> {
    let (l, posted) = (person.language, person.posted());
    let subscriptions = person.of_the_system()?.subscriptions().await.map_err(|error| person.failure(error))?;
    // One more, to know whether this is the last page.
    let found = ui.app.engine.accounts().list(after, Pages::SIZE + 1).await.map_err(|error| person.failure(error))?;
    let accounts = found.get(..Pages::SIZE as usize).unwrap_or(&found);
    let last = accounts.last().filter(|_| accounts.len() < found.len());
    let pages = Pages {
        first: (after > 0).then(|| "/admin/accounts".to_owned()),
        next: last.map(|last| format!("/admin/accounts?after={}", last.seq)),
    };
    let title = Room::Accounts.name(l);
    let headings = [
        l.say("Name", "Name"),
        l.say("Email", "E-Mail"),
        l.say("Role", "Rolle"),
        l.say("Status", "Status"),
        l.say("Last login", "Letzte Anmeldung"),
    ];
    let main = html! {
        h1 { (title) }
        (message)
        p { a href=(links::SECOND_FACTOR) { (l.say("Second factor for administrators", "Zweiter Faktor für Administratoren")) } }
        (table(&headings, usize::MAX, accounts.iter().map(|account| vec![
            html! { a href={ "/admin/accounts/" (segment(&account.id)) } { (account.name) } }, html! { (account.email) },
            html! { (role_name(l, &account.role)) @if !account.role.subscriptions().is_empty() { ": " (account.role.subscriptions().join(", ")) } },
            state(l, account.state), html! { @match account.last_login_at { Some(at) => (time(l, at)), None => "–" } },
        ])))
        (pages.show(l))
        @if person.may_change() { form.card method="post" {
            h2 { (l.say("Invite user", "Benutzer einladen")) }
            (fields(l, &subscriptions, &Values::typed(posted), true))
            div.actions { button.main { (l.say("Create invitation", "Einladung erstellen")) } }
        } }
    };
    Ok(page(person, Room::Accounts, title, main))
}

/// The values of an account's fields.
struct Values<'a> {
    name: &'a str,
    email: &'a str,
    phone: &'a str,
    role: &'a str,
    subscriptions: Vec<String>,
    /// Without scripts both lists are sent: each choice has its own.
    audited: Vec<String>,
    enabled: bool,
}

/// An auditor of some subscriptions, in the form; of the whole installation it is the role's own name.
const SUBSCRIPTION_AUDITOR: &str = "subscription_auditor";

impl<'a> Values<'a> {
    fn typed(posted: &'a Posted) -> Self {
        let text = |name| posted.get(name).unwrap_or_default();
        let all = |name| posted.all(name).map(str::to_owned).collect();
        Self {
            name: text("name"),
            email: text("email"),
            phone: text("phone"),
            role: text("role"),
            subscriptions: all("subscription"),
            audited: all("audited"),
            enabled: posted.get("enabled").is_some(),
        }
    }

    fn of(account: &'a Account) -> Self {
        Self {
            name: &account.name,
            email: &account.email,
            phone: account.phone.as_deref().unwrap_or_default(),
            role: match account.role {
                Role::Auditor { subscriptions: Some(_) } => SUBSCRIPTION_AUDITOR,
                _ => account.role.name(),
            },
            subscriptions: account.role.subscriptions().to_vec(),
            audited: account.role.subscriptions().to_vec(),
            enabled: account.state != AccountState::Disabled,
        }
    }

    /// Returns the fields that are compared.
    fn json(&self) -> Value {
        let of = match self.role {
            "subscription_admin" => &self.subscriptions[..],
            SUBSCRIPTION_AUDITOR => &self.audited,
            _ => &[],
        };
        let mut of = of.to_vec();
        of.sort_unstable();
        json!({"name": self.name, "phone": self.phone, "role": self.role, "subscriptions": of, "enabled": self.enabled})
    }

    fn read(values: &'a Value) -> Self {
        let text = |name: &str| values[name].as_str().unwrap_or_default();
        let of = values["subscriptions"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let of: Vec<String> = of.map(str::to_owned).collect();
        Self {
            name: text("name"),
            email: "",
            phone: text("phone"),
            role: text("role"),
            subscriptions: of.clone(),
            audited: of,
            enabled: values["enabled"] == true,
        }
    }

    fn role(&self) -> Role {
        match self.role {
            "system_admin" => Role::SystemAdmin,
            "auditor" => Role::Auditor { subscriptions: None },
            SUBSCRIPTION_AUDITOR => Role::Auditor { subscriptions: Some(self.audited.clone()) },
            _ => Role::SubscriptionAdmin { subscriptions: self.subscriptions.clone() },
        }
    }
}

fn fields(l: Language, subscriptions: &[Subscription], values: &Values<'_>, new: bool) -> Markup {
    html! {
        div.field { label for="name" { (l.say("Name", "Name")) } input #name name="name" type="text" required maxlength="100" autocomplete="off" value=(values.name); }
        @if new {
            div.field { label for="email" { (l.say("Email address", "E-Mail-Adresse")) } input #email name="email" type="email" required autocomplete="off" value=(values.email); }
        }
        div.field {
            label for="phone" { (l.say("Phone number", "Telefonnummer")) " " span.optional { (l.say("optional", "optional")) } }
            input #phone name="phone" type="tel" autocomplete="off" value=(values.phone) aria-describedby="phone-help";
            div.help #phone-help { (l.say("Used for a second factor by SMS.", "Für einen zweiten Faktor per SMS.")) }
        }
        fieldset.group {
            legend { (l.say("Role", "Rolle")) }
            @let choices = [
                ("system_admin", l.say("System administrator", "Systemadministrator"), l.say("Full access to the installation", "Vollzugriff auf die Installation"), None),
                ("subscription_admin", l.say("Subscription administrator", "Subscription-Administrator"),
                    l.say("Full access to these subscriptions", "Vollzugriff auf diese Subscriptions"), Some(("subscription", &values.subscriptions))),
                ("auditor", l.say("Auditor", "Auditor"), l.say("Read-only access to the installation, including users and the audit log", "Lesezugriff auf die Installation, einschließlich Benutzern und Audit-Log"), None),
                (SUBSCRIPTION_AUDITOR, l.say("Subscription auditor", "Subscription-Auditor"),
                    l.say("Read-only access to these subscriptions", "Lesezugriff auf diese Subscriptions"), Some(("audited", &values.audited))),
            ];
            @let known = choices.iter().any(|choice| choice.0 == values.role);
            @for (value, name, help, bound) in choices {
                div.alternative {
                    label.inline { input type="radio" name="role" value=(value) checked[values.role == value || (!known && value == "subscription_admin")];
                        strong { (name) } span.help { (help) } }
                    @if let Some((field, chosen)) = bound {
                        div.panel { @for one in subscriptions {
                            label.inline { input type="checkbox" name=(field) value=(one.id) checked[chosen.contains(&one.id)]; (one.name) }
                        } }
                    }
                }
            }
        }
    }
}

fn state(l: Language, state: AccountState) -> Markup {
    match state {
        AccountState::Invited => badge("warn", l.say("Invited", "Eingeladen")),
        AccountState::Active => badge("good", l.say("Active", "Aktiv")),
        AccountState::Disabled => badge("off", l.say("Disabled", "Deaktiviert")),
    }
}

/// Returns a link, shown this once.
fn link(l: Language, link: &str) -> Markup {
    html! {
        div.notice.good role="status" {
            p { (l.say("Send this link to the user. It is shown only once, works only once, and expires in 24 hours.",
                "Senden Sie diesen Link an den Benutzer. Er wird nur jetzt angezeigt, funktioniert nur einmal und läuft nach 24 Stunden ab.")) }
            p { code.secret { (link) } }
        }
    }
}

pub(super) async fn create(person: Person, State(ui): State<Ui>, body: Bytes) -> Result<Told, Failure> {
    person.of_the_system()?;
    let posted = Posted::parse(&body);
    let values = Values::typed(&posted);
    let phone = Some(values.phone).filter(|phone| !phone.is_empty()).map(str::to_owned);
    let new = NewAccount { name: values.name.to_owned(), email: values.email.to_owned(), phone, role: values.role() };
    let created = ui.app.engine.accounts().create(&person.actor, new).await;
    let (account, invitation) = created.map_err(|error| person.failure(error))?;
    Ok(issued(&ui, &account, &invitation))
}

/// Leads to the account's page, where the link is shown once.
fn issued(ui: &Ui, account: &Account, invitation: &Invitation) -> Told {
    let origin = ui.app.public.as_ref().map(|public| public.origin()).unwrap_or_default();
    Told::new(Outcome::Issued(format!("{origin}{}", invitation.path()))).on(path(&account.id))
}

fn path(id: &str) -> String {
    format!("/admin/accounts/{}", segment(id))
}

async fn account(person: &Person, ui: &Ui, id: &str) -> Result<Account, Failure> {
    person.of_the_system()?;
    ui.app.engine.accounts().get(id).await.map_err(|error| person.failure(error))
}

pub(super) async fn edit(
    person: Person,
    State(ui): State<Ui>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    let account = account(&person, &ui, &id).await?;
    let saved = person.language.say("Saved.", "Gespeichert.");
    let message = if query.done == "saved" {
        notice("good", saved)
    } else {
        html! {}
    };
    show(&person, &ui, &account, message).await
}

/// Redirects from the target of a form of the account to the account.
pub(super) async fn to_edit(Path(id): Path<String>, uri: Uri) -> Redirect {
    on_to(&path(&id), &uri)
}

async fn show(person: &Person, ui: &Ui, account: &Account, message: Markup) -> Result<Response, Failure> {
    let l = person.language;
    let settings = ui.app.engine.accounts().second_factor_settings().await.map_err(|error| person.failure(error))?;
    let edited =
        Edited::of(person, account.revision, Values::of(account).json(), |posted| Values::typed(posted).json());
    let values = &Values::read(&edited.values);
    let subscriptions = person.of_the_system()?.subscriptions().await.map_err(|error| person.failure(error))?;
    let here = format!("/admin/accounts/{}", segment(&account.id));
    let own = account.id == person.session.account.id;
    let main = html! {
        p.trail { a href="/admin/accounts" { (Room::Accounts.name(l)) } }
        div.head { h1 { (account.name) } (state(l, account.state)) }
        p.sub { (account.email) " · " code { (account.id) } }
        (message)
        @if let Some(issued) = person.issued() { (link(l, issued)) }
        (page::form(person, &here, true, html! {
            (edited.fields(l, &[]))
            (fields(l, &subscriptions, values, false))
            @if own && person.may_change() { p.help { (l.say("Only another administrator can change your role and access.", "Ihre Rolle und Ihren Zugang kann nur ein anderer Administrator ändern.")) } }
            @else { label.inline { input type="checkbox" name="enabled" value="yes" checked[values.enabled]; (l.say("Can log in", "Darf sich anmelden")) } }
        }, html! { button.main { (l.say("Save", "Speichern")) } }))
        @if account.is_external() {
            p.help { (l.say("This user logs in through the identity provider, which sets the role at each login.",
                "Dieser Benutzer meldet sich über den Identity Provider an, der die Rolle bei jeder Anmeldung festlegt.")) }
        } @else if person.may_change() && account.state != AccountState::Disabled {
            form.card method="post" action={ (here) "/invitation" } {
                h2 { (l.say("Reset password", "Passwort zurücksetzen")) }
                p { (l.say("Creates a link to set a new password. The current password works until then.",
                    "Erstellt einen Link, um ein neues Passwort festzulegen. Bis dahin gilt das bisherige Passwort.")) }
                div.actions { button { (l.say("Create link", "Link erstellen")) } }
            }
        }
        @if let Some(subscription) = &settings.subscription {
            p { a href=(user_link(subscription, &account.id)) { (l.say("Second factors of this account", "Zweite Faktoren dieses Kontos")) } }
        }
        @if person.may_change() && !own { p { a.button.bad href={ (here) "/remove" } { (l.say("Delete account", "Konto löschen")) } } }
    };
    Ok(page(person, Room::Accounts, &account.name, main))
}

pub(super) async fn save(
    person: Person,
    State(ui): State<Ui>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let l = person.language;
    let account = account(&person, &ui, &id).await?;
    let posted = Posted::parse(&body);
    let mut values = Values::typed(&posted).json();
    conflict::resolve(&posted, &mut values, &Values::of(&account).json());
    let values = Values::read(&values);
    // Administrators cannot skip their own second factor.
    let own = id == person.session.account.id;
    let state = match (values.enabled, account.state) {
        (false, _) => Some(AccountState::Disabled),
        (true, AccountState::Disabled) => Some(AccountState::Active),
        _ => None,
    };
    let phone = Some(values.phone).filter(|phone| !phone.is_empty()).map(str::to_owned);
    let change = AccountChange {
        name: Some(values.name.to_owned()),
        phone: Some(phone),
        role: (!own).then(|| values.role()),
        state: state.filter(|_| !own),
    };
    let revision = posted.get("revision").and_then(|text| text.parse().ok());
    match ui.app.engine.accounts().update(&person.actor, &id, change, revision).await {
        Ok(_) => Ok(Redirect::to(&format!("{}?done=saved", path(&id))).into_response()),
        Err(error) if error.is_conflict() && !error.is_revision_conflict() => {
            Ok(Told::refused(last_of_all(l)).into_response())
        }
        Err(error) => Err(person.failure(error)),
    }
}

pub(super) async fn invite(person: Person, State(ui): State<Ui>, Path(id): Path<String>) -> Result<Told, Failure> {
    let account = account(&person, &ui, &id).await?;
    let invitation =
        ui.app.engine.accounts().invite(&person.actor, &id).await.map_err(|error| person.failure(error))?;
    Ok(issued(&ui, &account, &invitation))
}

pub(super) async fn ask_remove(
    person: Person,
    State(ui): State<Ui>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let l = person.language;
    person.changes()?;
    let account = account(&person, &ui, &id).await?;
    let title = l.say("Delete this account?", "Dieses Konto löschen?");
    let back = format!("/admin/accounts/{}", segment(&id));
    let main = html! {
        p.trail { a href=(back) { (account.name) } }
        h1 { (title) }
        form.card method="post" {
            p { strong { (account.name) } " · " (account.email) }
            p { (l.say("Its sessions end immediately. Its actions stay in the audit log. This cannot be undone.",
                "Alle Sitzungen des Kontos enden sofort. Seine Aktionen bleiben im Audit-Log. Dies kann nicht rückgängig gemacht werden.")) }
            div.actions { button.bad { (l.say("Delete", "Löschen")) } a.button href=(back) { (l.say("Cancel", "Abbrechen")) } }
        }
    };
    Ok(page(&person, Room::Accounts, title, main))
}

/// Returns why an account stays as it is, and what to do.
fn last_of_all(l: Language) -> &'static str {
    l.say(
        "This is the last system administrator who can log in. Invite another one, and try again once they have set a password.",
        "Dies ist der letzte Systemadministrator, der sich anmelden kann. Laden Sie einen weiteren ein und versuchen Sie es erneut, sobald dieser ein Passwort festgelegt hat.",
    )
}

pub(super) async fn remove(person: Person, State(ui): State<Ui>, Path(id): Path<String>) -> Result<Response, Failure> {
    account(&person, &ui, &id).await?;
    match ui.app.engine.accounts().delete(&person.actor, &id).await {
        Ok(()) => Ok(Redirect::to("/admin/accounts?done=removed").into_response()),
        Err(error) if error.is_conflict() => {
            Ok(Told::refused(last_of_all(person.language)).on(path(&id)).into_response())
        }
        Err(error) => Err(person.failure(error)),
    }
}

//! Long lists of the admin UI: fifty a page, with links; and the directory, searched to assign an instance.

use crate::common;
use common::Server;
use common::visitor::Visitor;
use serde_json::{Value, json};

async fn make(demo: &Server, method: &str, path: &str, body: Value) {
    let answer = demo.call(method, path, demo.token("admin_token"), body).await;
    assert!([200, 201].contains(&answer.status), "{}", answer.text);
}

/// Returns the names of a column over all pages, each page small and of fifty rows at most, and the way back to the first.
async fn walk(visitor: &mut Visitor, path: &str, column: &str) -> Vec<String> {
    let (mut names, mut next) = (Vec::new(), path.to_owned());
    loop {
        let page = visitor.get(&next).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.len() < 60_000, "{next}: {} bytes", page.text.len());
        let cell = format!("data-label=\"{column}\">");
        let cells = page.text.split(&cell).skip(1);
        let texts = cells.map(|cell| {
            let cell = cell.split("</td>").next().unwrap();
            let marks = cell.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
            marks.collect::<String>()
        });
        let before = names.len();
        names.extend(texts);
        assert!((1..=50).contains(&(names.len() - before)), "{next}: {} rows", names.len() - before);
        assert_eq!(next != path, page.text.contains("First page"), "{next}");
        let nav = page.text.split("<nav class=\"pages\"").nth(1).unwrap_or_default();
        let Some(link) = nav.split("href=\"").find(|link| link.contains("rel=\"next\"")) else { return names };
        let link = link.split('"').next().unwrap().replace("&amp;", "&");
        next = if link.starts_with('?') { format!("{}{link}", path.split('?').next().unwrap()) } else { link };
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[tokio::test]
async fn what_is_long_comes_in_pages_of_fifty_that_leave_nothing_out() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    make(&demo, "POST", "/v1/subscriptions", json!({"id": "a", "name": "A"})).await;
    make(&demo, "POST", "/v1/subscriptions", json!({"id": "z", "name": "Z"})).await;
    let names = |what: &str, count: usize| (0..count).map(|n| format!("{what} {n:03}")).collect::<Vec<_>>();
    // A page ends within a subscription, between two, and exactly where one ends.
    let (of_a, of_z) = (names("of a", 97), names("of z", 60));
    for (subscription, all) in [("a", &of_a), ("z", &of_z)] {
        for name in all {
            let path = format!("/v1/subscriptions/{subscription}/two-factors");
            make(&demo, "POST", &path, json!({"type": "ecall", "name": name})).await;
        }
    }
    for name in names("token", 60) {
        let body = json!({"name": name, "role": "application", "subscriptions": ["z"]});
        make(&demo, "POST", "/v1/tokens", body).await;
    }
    for (n, name) in names("person", 101).into_iter().enumerate() {
        let body = json!({"name": name, "email": format!("p{n}@example.com"), "role": "auditor"});
        make(&demo, "POST", "/v1/accounts", body).await;
    }

    let all = walk(&mut anna, "/admin/two-factors", "Name").await;
    let of_demo: Vec<_> = all.iter().filter(|name| !name.starts_with("of ")).cloned().collect();
    assert_eq!(of_demo.len(), 6, "{of_demo:?}");
    assert_eq!(sorted(all), sorted([of_a.clone(), of_demo, of_z.clone()].concat()));
    assert_eq!(walk(&mut anna, "/admin/two-factors?subscription=z", "Name").await, of_z);
    let tokens = walk(&mut anna, "/admin/tokens", "Name").await;
    let ours: Vec<_> = tokens.iter().filter(|name| name.starts_with("token ")).cloned().collect();
    assert_eq!((tokens.len(), sorted(ours)), (62, names("token", 60)));
    let people = walk(&mut anna, "/admin/accounts", "Name").await;
    assert_eq!(people, [vec!["Anna".to_owned()], names("person", 101)].concat());

    // The audit log begins with the newest.
    let newest = anna.get("/admin/audit").await;
    assert_eq!(newest.text.matches("data-label=\"#\"").count(), 50);
    let older = newest.value("aria-label=\"Pages\"><a class=\"button\" href=\"");
    let older = anna.get(&older.replace("&amp;", "&")).await.shows("First page").shows("Next page");
    assert_eq!(older.text.matches("data-label=\"#\"").count(), 50);
    assert_eq!(anna.get("/admin/two-factors?from=a&after=nonsense").await.status, 400);
}

#[tokio::test]
async fn the_directory_is_searched_by_id_and_name_and_what_is_found_is_named_and_assigned() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let path = anna.create("ecall", "SMS").await;
    let entry =
        |n: usize| json!({"kind": "user", "id": format!("u{n:03}"), "name": format!("Person number {n:03} <b>")});
    let mut entries: Vec<Value> = (0..120).map(entry).collect();
    entries.push(json!({"kind": "tenant", "id": "acme", "name": "Acme Ltd."}));
    make(&demo, "PUT", "/v1/subscriptions/demo/directory", json!(entries)).await;

    let directory = format!("{path}/directory");
    anna.get(&path).await.shows(&format!("<a href=\"{directory}\">Search directory</a>"));
    assert_eq!(walk(&mut anna, &format!("{directory}?kind=user&search="), "ID").await.len(), 120);
    let found = async |anna: &mut Visitor, query: &str| walk(anna, &format!("{directory}?{query}"), "ID").await;
    assert_eq!(found(&mut anna, "search=ACME").await, ["acme"]);
    assert_eq!(found(&mut anna, "kind=user&search=number+007").await, ["u007"]);
    anna.get(&format!("{directory}?kind=idp&search=acme")).await.shows("No results.");
    let page = anna.get(&format!("{directory}?kind=user&search=u007")).await;
    assert!(page.text.contains("Person number 007 &lt;b&gt;") && !page.text.contains("<b>"), "{}", page.text);

    // Named, at the revision that was shown.
    let revision = page.value("name=\"revision\" value=\"");
    let here = format!("{directory}?kind=user&search=u007");
    let name = |name: &'static str| [("kind", "user"), ("id", "u007"), ("revision", &*revision), ("name", name)];
    let named = anna.post(&here, &name("James")).await;
    assert_eq!(named.leads_to(), format!("{here}&done=named"));
    anna.get(named.leads_to()).await.shows("Name saved.").shows("value=\"James\"");
    anna.post(&here, &name("Bond"))
        .await
        .shows("Another user changed this")
        .shows("Saved value: James")
        .shows("value=\"Bond\"");
    let blank = [("kind", "user"), ("id", "u007"), ("revision", "2"), ("name", "")];
    anna.post(&here, &blank).await.shows("`name` must be a single line");
    anna.get("/admin/audit").await.shows("directory.put");

    // Assigned, and shown with its name.
    let assigned = anna.post(&format!("{path}/assignments"), &[("kind", "user"), ("id", "u007"), ("do", "add")]).await;
    anna.get(assigned.leads_to()).await.shows("User James <code>u007</code>");
    let page = anna.get(&here).await.shows("<span class=\"badge good\">Assigned</span>");
    assert!(!page.text.contains("aria-label=\"Assign u007\""), "{}", page.text);
}

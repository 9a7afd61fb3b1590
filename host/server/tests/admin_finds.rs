//! An administrator finds what they look for: entries of the audit log by user, action, target and
//! time, in sentences and with names; instances by type, state and name. Bundled providers are
//! enabled on a page.

use crate::common;
use common::Server;
use common::visitor::Visitor;
use serde_json::Value;

fn rows(text: &str) -> usize {
    text.matches("data-label=\"#\"").count()
}

#[tokio::test]
async fn the_audit_log_speaks_of_people_and_things_by_name_and_is_filtered() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let path = anna.create("ecall", "Door codes").await;
    let id = path.rsplit('/').next().unwrap();
    let all =
        anna.get("/admin/audit").await.shows("TwoFactor instance created").shows(">Anna</a>").shows(">Door codes</a>");
    assert!(rows(&all.text) > 3);
    for (query, found) in [
        (format!("which={id}"), 1),
        (format!("which={id}&what=instance.create&who=anna"), 1),
        (format!("which={id}&what=instance.delete"), 0),
        (format!("which={id}&who=nobody+of+this+name"), 0),
        (format!("which={id}&from=2020-01-01&to=2020-12-31"), 0),
        (format!("which={id}&from=2020-01-01"), 1),
        // An invalid day is no limit.
        (format!("which={id}&from=yesterday"), 1),
    ] {
        let page = anna.get(&format!("/admin/audit?{query}")).await;
        assert_eq!((page.status, rows(&page.text)), (200, found), "{query}: {}", page.text);
    }
    let of_accounts = anna.get("/admin/audit?what=account.").await.text;
    assert!(rows(&of_accounts) > 0 && !of_accounts.contains("Door codes"), "{of_accounts}");
}

#[tokio::test]
async fn instances_are_found_by_type_state_and_name() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    anna.create("ecall", "Front door").await;
    let mut found = async |query: &str| {
        let page = anna.get(&format!("/admin/two-factors?{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let cells = page.text.split("data-label=\"Name\">").skip(1);
        let mut names: Vec<String> =
            cells.map(|cell| cell.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(found("").await.len(), 7);
    assert_eq!(found("type=ecall").await, ["Front door", "SMS through eCall"]);
    assert_eq!(found("name=FRONT").await, ["Front door"]);
    assert_eq!(found("state=invalid").await, ["Front door"]);
    assert_eq!(found("state=unassigned&type=email").await, [""; 0]);
    assert_eq!(found("state=failing").await, [""; 0]);
}

#[tokio::test]
async fn a_provider_that_comes_with_the_program_is_shown_and_then_switched_on() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let admin = demo.token("admin_token");
    anna.get("/admin/providers").await.shows("value=\"webhook\"").shows("value=\"slack\"");
    let shown = anna.post("/admin/providers/bundled", &[("type", "webhook")]).await.leads_to().to_owned();
    let shown = anna.get(&shown).await.shows("Permissions");
    let digest = shown.value("name=\"digest\" value=\"");
    let serving = async || {
        let listed = demo.call("GET", "/v1/providers", admin, Value::Null).await.expect(200);
        listed["providers"].as_array().unwrap().iter().find(|one| one["type"] == "webhook").cloned()
    };
    assert_eq!(serving().await, None, "to look is not to switch on");
    let form = [("digest", &*digest), ("replaces", ""), ("destinations", "")];
    assert_eq!(anna.post("/admin/providers/approval", &form).await.leads_to(), "/admin/providers?done=installed");
    let webhook = serving().await.unwrap();
    // In the store, where other servers find it.
    assert!(webhook["added_at"].is_string(), "{webhook}");
    let http = webhook["capabilities"].as_array().unwrap().iter().find(|one| one["kind"] == "http").unwrap();
    assert!(http["text"].as_str().unwrap().contains("HTTP"), "{webhook}");
    let page = anna.get("/admin/providers").await;
    assert!(!page.text.contains("value=\"webhook\"") && page.text.contains("value=\"slack\""), "{}", page.text);
    anna.get("/admin/audit?what=provider.add").await.shows("webhook").shows(&digest);
    assert_eq!(anna.post("/admin/providers/bundled", &[("type", "pigeon")]).await.status, 404);
}

//! The audit log shows what was done to it.

use rusqlite::Connection;
use tempfile::TempDir;
use twofactor::Actor;
use twofactor::admin::Administration;
use twofactor::audit::AuditCheck;
use twofactor_tests::ecall::Place;

/// Returns a log of ten lines, and a way around the engine.
async fn ten_lines() -> (TempDir, Administration, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let admin = place.builder().build().await.unwrap().administration(Actor::new("test"));
    for n in 1..=10 {
        admin.create_subscription(&format!("s{n}"), "name").await.unwrap();
    }
    let around = Connection::open(place.database()).unwrap();
    (folder, admin, around)
}

async fn after(tampering: &str) -> AuditCheck {
    let (_folder, admin, around) = ten_lines().await;
    around.execute_batch(tampering).unwrap();
    admin.verify_audit_log().await.unwrap()
}

#[tokio::test]
async fn an_unchanged_log_is_intact() {
    let check = after("").await;
    assert_eq!((check.lines, check.problem), (10, None));
}

#[tokio::test]
async fn each_change_of_a_line_is_detected() {
    for column in ["at = at + 1", "actor = 'x'", "action = 'x'", "subject = 'x'", "detail = 'x'", "key = key + 1"] {
        let check = after(&format!("UPDATE audit SET {column} WHERE seq = 5")).await;
        assert_eq!((check.lines, &*check.problem.unwrap()), (4, "entry 5 was changed or moved"), "{column}");
    }
}

#[tokio::test]
async fn a_deletion_is_detected() {
    let check = after("DELETE FROM audit WHERE seq BETWEEN 5 AND 6").await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (4, "entries 5 to 6 are missing"));
    let check = after("DELETE FROM audit WHERE seq = 1").await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (0, "entry 1 is missing"));
    // Even if those that follow move up.
    let check = after("DELETE FROM audit WHERE seq = 5; UPDATE audit SET seq = seq - 1 WHERE seq > 5").await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (4, "entry 5 was changed or moved"));
}

#[tokio::test]
async fn a_reordering_shows() {
    let swap = "UPDATE audit SET seq = 100 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 6; \
                UPDATE audit SET seq = 6 WHERE seq = 100";
    let check = after(swap).await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (4, "entry 5 was changed or moved"));
}

#[tokio::test]
async fn an_inserted_line_is_detected() {
    let check =
        after("INSERT INTO audit SELECT 11, at, actor, action, subject, detail, key, mac FROM audit LIMIT 1").await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (10, "entry 11 was changed or moved"));
}

#[tokio::test]
async fn a_truncated_log_is_detected() {
    let check = after("DELETE FROM audit WHERE seq > 7").await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (7, "entries 8 to 10 are missing"));
    let check = after("DELETE FROM audit").await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (0, "entries 1 to 10 are missing"));
    let check = after("DELETE FROM audit; DELETE FROM audit_head").await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (0, "all entries are missing"));
}

/// An attacker who can write to the database knows the MAC of an earlier line, but not the seal
/// that a head had at that line.
const SHORTENED: &str = "DELETE FROM audit WHERE seq > 7; \
                         UPDATE audit_head SET seq = 7, mac = (SELECT mac FROM audit WHERE seq = 7)";

#[tokio::test]
async fn a_log_truncated_together_with_its_head_is_detected() {
    let check = after(SHORTENED).await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (7, "the record of the last entry was changed"));
    let check = after("DELETE FROM audit_head").await;
    assert_eq!((check.lines, &*check.problem.unwrap()), (10, "the record of the last entry was changed"));
}

#[tokio::test]
async fn nothing_changes_on_top_of_a_truncated_log() {
    for shortened in [SHORTENED, "DELETE FROM audit; DELETE FROM audit_head"] {
        let (_folder, admin, around) = ten_lines().await;
        around.execute_batch(shortened).unwrap();
        let error = admin.create_subscription("s11", "name").await.unwrap_err();
        assert!(error.operator_detail().unwrap().contains("the audit log cannot continue"), "{error:?}");
        assert_eq!(admin.subscriptions().await.unwrap().len(), 10);
        assert!(admin.verify_audit_log().await.unwrap().problem.is_some());
    }
}

#[tokio::test]
async fn a_page_reads_what_is_new_and_not_the_whole_log_each_time() {
    let (_folder, admin, around) = ten_lines().await;
    let check = async || admin.verify_new_audit_entries().await.unwrap();
    assert_eq!((check().await.lines, check().await.problem), (10, None));
    // What was found intact a moment ago is not read again, but by the check of everything.
    around.execute_batch("UPDATE audit SET actor = 'nobody' WHERE seq = 3").unwrap();
    admin.create_subscription("s11", "name").await.unwrap();
    assert_eq!((check().await.lines, check().await.problem), (11, None));
    assert!(admin.verify_audit_log().await.unwrap().problem.is_some());
    admin.create_subscription("s12", "name").await.unwrap();
    around.execute_batch("UPDATE audit SET actor = 'nobody' WHERE seq = 12").unwrap();
    assert_eq!(check().await.problem.as_deref(), Some("entry 12 was changed or moved"));
    // After that everything is read.
    assert_eq!(check().await.problem.as_deref(), Some("entry 3 was changed or moved"));
}

#[tokio::test]
async fn concurrent_entries_from_two_nodes_form_one_intact_chain_at_every_moment() {
    let (folder, admin, _around) = ten_lines().await;
    let other = Place::new(folder.path()).builder().build().await.unwrap().administration(Actor::new("other"));
    let all: Vec<_> = (0..50)
        .map(|n| {
            let admin = if n % 2 == 0 { admin.clone() } else { other.clone() };
            tokio::spawn(async move {
                admin.create_subscription(&format!("n{n}"), "name").await.unwrap();
                admin.verify_audit_log().await.unwrap().problem
            })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), None);
    }
    assert_eq!(admin.verify_audit_log().await.unwrap().lines, 60);
}

#[tokio::test]
async fn the_id_of_a_deleted_subscription_is_not_used_again() {
    let (_folder, admin, _around) = ten_lines().await;
    admin.delete_subscription("s1", None).await.unwrap();
    let refused = admin.create_subscription("s1", "another customer").await.unwrap_err();
    assert!(refused.is_conflict() && refused.to_string().contains("was deleted"), "{refused}");
    // An import does not create it either.
    let document = serde_json::json!({"twofactor": 1, "subscriptions": {"s1": {"name": "another customer"}}});
    let document = serde_json::from_value(document).unwrap();
    let refused = admin.plan_import(&document, false, &|_| Err(String::new())).await.unwrap_err();
    assert_eq!(refused.field_errors()[0].pointer, "/subscriptions/s1");
    // Others are not meant, whose ids contain it.
    admin.create_subscription("s11", "name").await.unwrap();
    admin.delete_subscription("s10", None).await.unwrap();
    admin.create_subscription("s", "name").await.unwrap();
}

//! What a sign-in waits for takes as long with a million challenges as with one: every statement finds its rows by an index.

use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::super::{challenges, limits, prepare, sign_ins};
use super::sign_ins::{sign_in, verified};
use super::*;

#[test]
fn no_statement_of_a_challenge_a_sign_in_or_of_clearing_up_reads_a_whole_table() {
    let mut c = Connection::open_in_memory().unwrap();
    prepare(&mut c).unwrap();
    let (note, run) = std::sync::mpsc::channel();
    let note = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, sql) = event {
            note.send(sql.to_owned()).unwrap();
        }
    };
    c.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)).unwrap();
    let charges = vec![Charge { key: [9; 16], limit: 2, window_ms: 3_600_000 }];
    let idempotency = Some(IdempotencyClaim { key: [8; 16], request: [8; 32], until: noon() + DAY });
    challenges::open(&c, &OpenChallenge { charges: charges.clone(), idempotency, ..wish("a", noon()) }).unwrap();
    limits::settle_idempotency(&c, &[8; 16], Some(b"answer")).unwrap();
    limits::settle_idempotency(&c, &[8; 16], None).unwrap();
    let resend = Resend {
        subscription: "s".to_owned(),
        id: "a".to_owned(),
        resends: 0,
        codes: vec![CODE],
        resend_after: noon(),
        charges: charges.clone(),
        person: PERSON,
        now: noon(),
    };
    challenges::resend(&c, &resend).unwrap();
    challenges::charge_attempt(&c, &Attempt { charges, ..attempt("a", noon()) }).unwrap();
    challenges::get(&c, "s", "a").unwrap();
    assert!(challenges::consume(&c, &Consume { release: vec![[9; 16]], ..consume("a", noon()) }).unwrap());
    challenges::close(&c, "s", "a", Closing::Cancelled, noon()).unwrap();
    challenges::close_all(&c, noon()).unwrap();
    limits::unlock_person(&c, &[7; 16]).unwrap();
    sign_ins::insert(&c, &sign_in("a", noon())).unwrap();
    sign_ins::get(&c, "s", "a").unwrap();
    sign_ins::by_link(&c, &[b'a'; 32]).unwrap();
    sign_ins::page(&c, "s").unwrap();
    assert!(sign_ins::bind(&c, "a", &[1; 32], noon()).unwrap());
    assert!(sign_ins::step(&c, "a", 0, Some("a"), noon()).unwrap());
    assert!(sign_ins::end(&c, "a", &verified(noon())).unwrap());
    sign_ins::end_all(&c, noon()).unwrap();
    limits::purge(&c, noon() + 60 * DAY).unwrap();

    let statements: Vec<String> = run.try_iter().collect();
    assert!(statements.len() > 30, "{statements:#?}");
    for sql in statements {
        let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> =
            explain.raw_query().mapped(|row| row.get("detail")).map(rusqlite::Result::unwrap).collect();
        assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{sql}: {plan:?}");
    }
}

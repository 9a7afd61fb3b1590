//! Every statement that a sign-in waits for finds its rows by an index: it takes as long with a million challenges as with one.

use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::super::{
    accounts, addresses, challenges, clock, factor_events, factor_resets, factors, idempotency, limits, passes,
    prepare, purge, remembered_browsers, sessions, sign_ins, user_changes,
};
use super::*;
use crate::store::conformance::factors::{adding, beginning, enrolment, using};
use crate::store::conformance::passes::{guess, pass};
use crate::store::conformance::remembered_browsers::browser;
use crate::store::conformance::sign_ins::{sign_in, verified};

/// Runs at least so many statements on an empty store, and checks that none of them reads a whole table.
fn by_index(at_least: usize, run: impl FnOnce(&Connection)) {
    let mut c = Connection::open_in_memory().unwrap();
    prepare(&mut c).unwrap();
    let (note, noted) = std::sync::mpsc::channel();
    let note = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, sql) = event {
            note.send(sql.to_owned()).unwrap();
        }
    };
    c.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)).unwrap();
    run(&c);
    let statements: Vec<String> = noted.try_iter().collect();
    assert!(statements.len() >= at_least, "{statements:#?}");
    for sql in statements {
        let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> =
            explain.raw_query().mapped(|row| row.get("detail")).map(rusqlite::Result::unwrap).collect();
        assert!(!plan.iter().any(|step| step.starts_with("SCAN") && step != "SCAN CONSTANT ROW"), "{sql}: {plan:?}");
    }
}

#[test]
fn no_statement_of_a_session_or_a_login_reads_a_whole_table() {
    by_index(10, |c| {
        let digest = [1; 32];
        let login = LoginRecord {
            digest,
            account: "a".to_owned(),
            generation: 1,
            subscription: "s".to_owned(),
            challenge: "c".to_owned(),
            expires_at: noon(),
        };
        assert!(sessions::insert_login(c, &login).is_err(), "there is no account");
        clock::record(c, noon()).unwrap();
        clock::check(c, noon()).unwrap();
        clock::set_back(c, noon()).unwrap();
        clock::restored_at(c).unwrap();
        sessions::session(c, &digest).unwrap();
        sessions::touch_session(c, &digest, noon()).unwrap();
        sessions::sessions(c, "a").unwrap();
        sessions::end_sessions(c, "a", &SessionSelection::One("x".to_owned())).unwrap();
        sessions::end_sessions(c, "a", &SessionSelection::AllExcept("x".to_owned())).unwrap();
        accounts::account_by_email(c, &[1; 16]).unwrap();
        accounts::account_by_identity(c, &[1; 16]).unwrap();
        sessions::take_authorization_request(c, &digest, noon()).unwrap();
        accounts::invitation(c, &digest).unwrap();
        sessions::login(c, &digest).unwrap();
        accounts::set_password(c, "a", 1, b"x").unwrap();
        accounts::delete_account(c, "a").unwrap();
        limits::charge(c, &[Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 }], noon()).unwrap();
    });
}

#[test]
fn no_statement_of_a_hosted_sign_in_reads_a_whole_table() {
    by_index(10, |c| {
        clock::record(c, noon()).unwrap();
        sign_ins::insert(c, &sign_in("a", noon())).unwrap();
        sign_ins::get(c, "s", "a").unwrap();
        sign_ins::by_link(c, &[b'a'; 32]).unwrap();
        sign_ins::page(c, "s").unwrap();
        assert!(sign_ins::bind(c, "a", &[1; 32], noon()).unwrap());
        assert!(sign_ins::advance(c, "a", 0, Some("a"), noon()).unwrap());
        assert!(sign_ins::finish(c, "a", &verified(noon()), (Some(&[1]), None)).unwrap());
        sign_ins::redeem(c, "s", "a", &[7; 32], (noon() - MINUTE, noon())).unwrap();
        sign_ins::end_all(c, noon()).unwrap();
    });
}

#[test]
fn no_statement_of_a_factor_reads_a_whole_table() {
    by_index(25, |c| {
        let attempt =
            EnrolmentAttempt { subscription: "s".to_owned(), id: "e".to_owned(), charges: Vec::new(), now: noon() };
        factors::begin(c, &beginning(enrolment("e", noon()))).unwrap();
        factors::enrolment(c, "s", "e").unwrap();
        factors::charge(c, &attempt, factors::Take::Count).unwrap();
        factors::release_enrolment(c, "s", "e").unwrap();
        factors::add(c, &AddFactor { enrolment: Some("e".to_owned()), ..adding("a", noon()) }).unwrap();
        factors::add(c, &AddFactor { replaces_earlier: true, ..adding("b", noon()) }).unwrap();
        let import =
            ImportFactors { factors: vec![adding("i", noon()).factor], max_per_user: 9, dry_run: true, now: noon() };
        factors::import(c, import).unwrap();
        factors::factors(c, &[7; 16], true).unwrap();
        factors::factor(c, "s", "a").unwrap();
        factors::has_unique_ids(c, "s").unwrap();
        factors::by_unique_id(c, &[1; 32]).unwrap();
        factors::set_details(c, "s", "a", b"x").unwrap();
        factors::set_status(c, ("s", "a"), FactorStatus::Active, FactorStatus::Suspended).unwrap();
        factors::use_factor(c, "s", &using("b", 1), noon()).unwrap();
        factors::end(c, &[7; 16], None, noon()).unwrap();
        user_changes::cancel_enrolments(c, &[7; 16]).unwrap();
        factors::charge(c, &attempt, factors::Take::UseUp).unwrap();
        factors::cancel_all(c, noon()).unwrap();
        factors::add_handle(c, &[1; 16], b"x").unwrap();
        factors::handle(c, &[1; 16]).unwrap();
    });
}

#[test]
fn no_statement_of_a_challenge_or_of_clearing_up_reads_a_whole_table() {
    by_index(21, |c| {
        let charges = vec![Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 }];
        let idempotency = Some(IdempotencyClaim { key: [8; 16], request: [8; 32], until: noon() + DAY });
        challenges::open(c, &OpenChallenge { charges: charges.clone(), idempotency, ..opening("a", noon()) }).unwrap();
        idempotency::complete(c, &[8; 16], Some(b"answer")).unwrap();
        idempotency::find(c, &[8; 16], noon()).unwrap();
        idempotency::complete(c, &[8; 16], None).unwrap();
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
        challenges::resend(c, &resend).unwrap();
        challenges::charge_attempt(c, &Attempt { charges: charges.clone(), ..attempt("a", noon()) }).unwrap();
        challenges::open(c, &opening("b", noon())).unwrap();
        let attempt = Attempt { charges, ..attempt("b", noon()) };
        for code in [CodeMac { mac: [0; 32], ..CODE }, CODE] {
            let attempt = attempt.clone();
            challenges::answer(c, &CodeAnswer { attempt, release: vec![[9; 16]], ..answer("b", code, noon()) })
                .unwrap();
        }
        challenges::get(c, "s", "a").unwrap();
        challenges::consume(c, &Consume { release: vec![[9; 16]], ..consume("a", noon()) }).unwrap();
        challenges::release_attempt(c, "s", "a", &[7; 16]).unwrap();
        challenges::close(c, "s", "a", Closing::Cancelled, noon()).unwrap();
        challenges::close_all(c, noon()).unwrap();
        limits::unlock_person(c, &[7; 16]).unwrap();
        purge::purge(c, noon() + 60 * DAY).unwrap();
    });
}

#[test]
fn no_statement_of_passes_devices_and_addresses_reads_a_whole_table() {
    by_index(16, |c| {
        let charges = vec![Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 }];
        passes::put(c, &pass(noon()), &[8; 16]).unwrap();
        passes::charge(c, &PassAttempt { charges, ..guess(noon()) }).unwrap();
        passes::get(c, &[7; 16], noon()).unwrap();
        assert!(passes::use_up(c, &[7; 16], CODE, &[8; 16], noon()).unwrap());
        passes::end(c, &[7; 16]).unwrap();
        user_changes::changed(c, &[7; 16]).unwrap();
        let changes = user_changes::count(c, &[7; 16]).unwrap();
        assert!(remembered_browsers::add(c, &browser("a", noon()), 5, changes).unwrap());
        assert!(remembered_browsers::touch(c, &[7; 16], &[b'a'; 32], noon()).unwrap().is_some());
        remembered_browsers::of_person(c, &[7; 16], noon()).unwrap();
        remembered_browsers::forget(c, &[7; 16], &BrowserSelection::One("a".to_owned())).unwrap();
        remembered_browsers::forget(c, &[7; 16], &BrowserSelection::All).unwrap();
        let address = AddressRecord {
            id: "a".to_owned(),
            person: [7; 16],
            kind: AddressKind::Phone,
            hash: [1; 16],
            sealed: vec![1],
            verified_at: None,
            seen_at: noon(),
            first_factor_only: true,
        };
        addresses::put(c, std::slice::from_ref(&address), 5).unwrap();
        addresses::verify(c, &address, 5, changes).unwrap();
        addresses::unverify(c, &[7; 16]).unwrap();
        addresses::of_person(c, &[7; 16]).unwrap();
        addresses::remove(c, &[7; 16], "a", changes + 1).unwrap();
        factor_events::add(c, &FactorEventRecord { person: [7; 16], at: noon(), sealed: vec![1] }, 5).unwrap();
        factor_events::of_person(c, &[7; 16], 5).unwrap();
        let reset = FactorReset { user: [7; 16], persons: vec![[7; 16]], account: Some("a".to_owned()), now: noon() };
        assert_eq!(factor_resets::run(c, &reset).unwrap(), FactorResetOutcome::default());
        for holder in [None, Some([7; 16])] {
            assert!(!challenges::use_as_proof(c, "s", "a", holder, (noon() - MINUTE, noon())).unwrap());
        }
    });
}

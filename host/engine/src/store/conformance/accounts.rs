//! Links are used once, sessions belong to an account as it was, and all of it ends.

use super::*;
use AccountStep::{Done, LastSystemAdmin, PassedOver};

pub(super) fn account(id: &str) -> AccountRecord {
    let mut email = [0; 16];
    email[..id.len()].copy_from_slice(id.as_bytes());
    AccountRecord {
        seq: 0,
        id: id.to_owned(),
        email,
        sealed: vec![1],
        role: "{}".to_owned(),
        password: None,
        identity: None,
        disabled: false,
        generation: 1,
        revision: 1,
        created_at: noon(),
        last_log_in: None,
    }
}

fn invitation(n: u8, account: Option<&str>) -> InvitationRecord {
    InvitationRecord {
        digest: [n; 32],
        account: account.map(str::to_owned),
        expires_at: noon() + DAY,
        without_second_factor: false,
    }
}

fn redeem(n: u8, account: &str, now: Timestamp) -> Redeem {
    Redeem { digest: [n; 32], account: Redeemed::Password(account.to_owned(), vec![n]), now }
}

fn session(n: u8, account: &str, now: Timestamp) -> SessionRecord {
    SessionRecord {
        digest: [n; 32],
        id: format!("session {n}"),
        account: account.to_owned(),
        second_factor: false,
        from: None,
        created_at: now,
        authenticated_at: now,
        last_used_at: now,
        ends_at: now + 12 * HOUR,
    }
}

fn open(n: u8, account: &str, generation: u64, instead_of: InsteadOf) -> OpenSession {
    OpenSession { session: session(n, account, noon()), generation, instead_of, log_in: true, now: noon() }
}

fn log_in(n: u8, account: &str) -> LogInRecord {
    LogInRecord {
        digest: [n; 32],
        account: account.to_owned(),
        generation: 2,
        subscription: "s".to_owned(),
        challenge: "c".to_owned(),
        expires_at: noon() + 10 * MINUTE,
    }
}

/// An account `a` that is active, of generation 2.
pub(super) async fn active(store: &SqliteStore) {
    store.insert_account(account("a"), invitation(1, Some("a"))).await.unwrap();
    assert!(store.redeem_invitation(redeem(1, "a", noon())).await.unwrap().unwrap().is_active());
}

#[tokio::test]
async fn a_link_is_used_once_for_its_account_until_it_ends_and_until_a_newer_one() {
    for (_folder, store) in both() {
        store.insert_account(account("a"), invitation(1, Some("a"))).await.unwrap();
        store.insert_account(account("b"), invitation(2, Some("b"))).await.unwrap();
        let end = noon() + DAY;
        assert_eq!(store.redeem_invitation(redeem(1, "b", noon())).await.unwrap(), None);
        assert_eq!(store.redeem_invitation(redeem(1, "a", end)).await.unwrap(), None);
        let almost = end - Duration::from_millis(1);
        let all = (0..20).map(|_| store.redeem_invitation(redeem(1, "a", almost)));
        let done = futures::future::join_all(all).await.into_iter().filter_map(Result::unwrap);
        assert_eq!(done.map(|account| (account.generation, account.revision)).collect::<Vec<_>>(), [(2, 2)]);

        assert!(store.put_invitation(invitation(3, Some("b")), noon()).await.unwrap());
        assert_eq!(store.redeem_invitation(redeem(2, "b", noon())).await.unwrap(), None);
        assert!(store.invitation(&[2; 32]).await.unwrap().is_none());
        let disabled = AccountRecord { disabled: true, revision: 2, ..account("b") };
        assert_eq!(store.update_account(disabled, 1).await.unwrap(), Done);
        assert!(store.invitation(&[3; 32]).await.unwrap().is_none());
        assert!(!store.put_invitation(invitation(4, Some("b")), noon()).await.unwrap());
        assert!(!store.put_invitation(invitation(4, Some("nobody")), noon()).await.unwrap());
    }
}

#[tokio::test]
async fn the_first_administrators_link_is_good_while_no_account_is_active() {
    let first = |n: u8, id: &str| {
        let account = AccountRecord { password: Some(vec![1]), ..account(id) };
        Redeem { digest: [n; 32], account: Redeemed::First(account), now: noon() }
    };
    for (_folder, store) in both() {
        assert!(store.put_invitation(invitation(1, None), noon()).await.unwrap());
        assert!(store.put_invitation(invitation(2, None), noon()).await.unwrap());
        assert_eq!(store.redeem_invitation(first(1, "x")).await.unwrap(), None);
        // A link to an account makes nobody the first administrator, and the other way round.
        store.insert_account(account("a"), invitation(3, Some("a"))).await.unwrap();
        assert_eq!(store.redeem_invitation(first(3, "x")).await.unwrap(), None);
        assert_eq!(store.redeem_invitation(redeem(2, "a", noon())).await.unwrap(), None);
        // An address that is taken does not use it up.
        assert!(store.redeem_invitation(first(2, "a")).await.unwrap_err().is_conflict());
        assert!(!store.has_active_account().await.unwrap());
        assert_eq!(store.redeem_invitation(first(2, "x")).await.unwrap().unwrap().id, "x");
        assert!(store.has_active_account().await.unwrap());
        assert!(!store.put_invitation(invitation(4, None), noon()).await.unwrap());
    }
    for (_folder, store) in both() {
        // Somebody else became active first.
        store.put_invitation(invitation(9, None), noon()).await.unwrap();
        active(&store).await;
        assert_eq!(store.redeem_invitation(first(9, "x")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_session_is_opened_only_for_the_account_as_it_was_and_with_what_it_is_opened_with() {
    for (_folder, store) in both() {
        active(&store).await;
        assert!(!store.open_session(open(1, "a", 1, InsteadOf::Nothing)).await.unwrap());
        assert!(store.open_session(open(1, "a", 2, InsteadOf::Nothing)).await.unwrap());
        assert!(!store.open_session(open(2, "a", 2, InsteadOf::LogIn([5; 32]))).await.unwrap());
        store.keep_log_in(log_in(5, "a"), noon()).await.unwrap();
        let late = OpenSession { now: noon() + 10 * MINUTE, ..open(2, "a", 2, InsteadOf::LogIn([5; 32])) };
        assert!(!store.open_session(late).await.unwrap());
        let all = (10..30).map(|n| store.open_session(open(n, "a", 2, InsteadOf::LogIn([5; 32]))));
        let opened = futures::future::join_all(all).await.into_iter().filter(|one| *one.as_ref().unwrap());
        assert_eq!(opened.count(), 1);
        // A new secret takes the old one's place, once.
        assert!(store.open_session(open(3, "a", 2, InsteadOf::Session([1; 32]))).await.unwrap());
        assert!(!store.open_session(open(4, "a", 2, InsteadOf::Session([1; 32]))).await.unwrap());
        assert!(store.session(&[1; 32]).await.unwrap().is_none());
        let (_, account) = store.session(&[3; 32]).await.unwrap().unwrap();
        assert_eq!(account.last_log_in, Some(noon()));
        let disabled = AccountRecord { disabled: true, generation: 2, revision: 3, ..account };
        assert_eq!(store.update_account(disabled, 2).await.unwrap(), Done);
        assert!(!store.open_session(open(6, "a", 2, InsteadOf::Nothing)).await.unwrap());
    }
}

#[tokio::test]
async fn another_generation_or_password_ends_what_is_open_and_a_mere_change_does_not() {
    for (_folder, store) in both() {
        active(&store).await;
        let furnish = async |generation: u64| {
            assert!(store.open_session(open(1, "a", generation, InsteadOf::Nothing)).await.unwrap());
            store.keep_log_in(log_in(5, "a"), noon()).await.unwrap();
            assert!(store.put_invitation(invitation(7, Some("a")), noon()).await.unwrap());
        };
        let open = async || {
            let (session, log_in) = (store.session(&[1; 32]).await.unwrap(), store.log_in(&[5; 32]).await.unwrap());
            (session.is_some(), log_in.is_some(), store.invitation(&[7; 32]).await.unwrap().is_some())
        };
        furnish(2).await;
        let mut record = store.account("a").await.unwrap().unwrap();
        record.revision = 3;
        assert_eq!(store.update_account(record.clone(), 1).await.unwrap(), PassedOver);
        assert_eq!(store.update_account(record.clone(), 2).await.unwrap(), Done);
        assert_eq!(open().await, (true, true, true));
        (record.revision, record.generation) = (4, 3);
        assert_eq!(store.update_account(record, 3).await.unwrap(), Done);
        assert_eq!(open().await, (false, false, true));

        furnish(3).await;
        store.rehash_password("a", 2, vec![8]).await.unwrap();
        assert!(!store.set_password("a", 2, vec![9]).await.unwrap());
        assert_eq!(open().await, (true, true, true));
        assert_eq!(store.account("a").await.unwrap().unwrap().password, Some(vec![1]));
        assert!(store.set_password("a", 3, vec![9]).await.unwrap());
        assert_eq!(open().await, (false, false, false));

        furnish(4).await;
        let again = redeem(7, "a", noon());
        assert!(store.redeem_invitation(again).await.unwrap().is_some());
        assert_eq!(open().await, (false, false, false));

        furnish(5).await;
        assert_eq!(store.delete_account("a").await.unwrap(), Done);
        assert_eq!(open().await, (false, false, false));
        assert_eq!(store.delete_account("a").await.unwrap(), PassedOver);
    }
}

/// A system administrator with a password.
async fn system_admin(store: &SqliteStore, id: &str, n: u8) -> AccountRecord {
    let record = AccountRecord { role: r#"{"role":"system_admin"}"#.to_owned(), ..account(id) };
    store.insert_account(record, invitation(n, Some(id))).await.unwrap();
    store.redeem_invitation(redeem(n, id, noon())).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_last_system_administrator_who_can_log_in_stays_one() {
    for (_folder, store) in both() {
        let a = system_admin(&store, "a", 1).await;
        // Neither one who has no password, nor one who is disabled, nor one of a subscription takes the place.
        let invited = AccountRecord { role: a.role.clone(), ..account("b") };
        store.insert_account(invited, invitation(2, Some("b"))).await.unwrap();
        let disabled = AccountRecord { disabled: true, revision: 3, ..system_admin(&store, "c", 3).await };
        assert_eq!(store.update_account(disabled, 2).await.unwrap(), Done);
        store.insert_account(account("d"), invitation(4, Some("d"))).await.unwrap();
        store.redeem_invitation(redeem(4, "d", noon())).await.unwrap().unwrap();

        let next = AccountRecord { revision: 3, ..a.clone() };
        let of_a_subscription = r#"{"role":"subscription_admin","subscriptions":["s"]}"#.to_owned();
        for change in [
            AccountRecord { disabled: true, ..next.clone() },
            AccountRecord { role: of_a_subscription, ..next.clone() },
        ] {
            assert_eq!(store.update_account(change.clone(), 2).await.unwrap(), LastSystemAdmin);
            assert_eq!(store.update_account(change, 1).await.unwrap(), PassedOver);
        }
        assert_eq!(store.delete_account("a").await.unwrap(), LastSystemAdmin);
        assert_eq!(store.account("a").await.unwrap(), Some(a));
        // Anything else about it can be changed, and the others can go.
        assert_eq!(store.update_account(next, 2).await.unwrap(), Done);
        for id in ["b", "c", "d"] {
            assert_eq!(store.delete_account(id).await.unwrap(), Done);
        }
    }
}

#[tokio::test]
async fn of_two_system_administrators_who_are_taken_away_at_once_one_stays() {
    for (_folder, store) in (0..10).flat_map(|_| both()) {
        system_admin(&store, "a", 1).await;
        let disabled = AccountRecord { disabled: true, revision: 3, ..system_admin(&store, "b", 2).await };
        let (deleted, disabled) = tokio::join!(store.delete_account("a"), store.update_account(disabled, 2));
        let mut steps = [deleted.unwrap(), disabled.unwrap()];
        steps.sort_by_key(|step| *step != Done);
        assert_eq!(steps, [Done, LastSystemAdmin]);
        assert!(store.has_active_account().await.unwrap());
    }
}

#[tokio::test]
async fn a_clock_set_back_over_a_restart_prolongs_nothing() {
    for (_folder, store) in both() {
        active(&store).await;
        assert!(store.open_session(open(1, "a", 2, InsteadOf::Nothing)).await.unwrap());
        store.keep_log_in(log_in(5, "a"), noon()).await.unwrap();
        assert!(store.put_invitation(invitation(7, Some("a")), noon()).await.unwrap());
        store.touch_session(&[1; 32], noon() + HOUR).await.unwrap();
        assert_eq!(store.resume(noon()).await.unwrap(), noon());
        assert!(store.session(&[1; 32]).await.unwrap().is_none());
        assert!(store.log_in(&[5; 32]).await.unwrap().is_none());
        assert!(store.invitation(&[7; 32]).await.unwrap().is_none());
        assert!(store.account("a").await.unwrap().unwrap().is_active());
    }
}

#[tokio::test]
async fn what_is_over_is_removed_and_accounts_stay() {
    for (_folder, store) in both() {
        active(&store).await;
        assert!(store.open_session(open(1, "a", 2, InsteadOf::Nothing)).await.unwrap());
        store.keep_log_in(log_in(5, "a"), noon()).await.unwrap();
        assert!(store.put_invitation(invitation(7, Some("a")), noon()).await.unwrap());
        for (at, removed) in
            [(noon() + 11 * MINUTE, 1), (noon() + 11 * HOUR, 0), (noon() + 13 * HOUR, 1), (noon() + 2 * DAY, 1)]
        {
            assert_eq!(store.purge(at).await.unwrap(), removed, "{at}");
        }
        assert!(store.account("a").await.unwrap().unwrap().is_active());
    }
}

#[tokio::test]
async fn accounts_are_listed_in_pages_in_the_order_they_were_made() {
    for (_folder, store) in both() {
        for (n, id) in ["c", "a", "b"].into_iter().enumerate() {
            store.insert_account(account(id), invitation(n as u8, Some(id))).await.unwrap();
        }
        assert!(store.insert_account(account("a"), invitation(9, Some("a"))).await.unwrap_err().is_conflict());
        let page = async |after| store.accounts(after, 2).await.unwrap();
        let first = page(0).await;
        assert_eq!(first.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["c", "a"]);
        assert_eq!(store.delete_account("a").await.unwrap(), Done);
        assert_eq!(page(first[1].seq).await.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["b"]);
        assert_eq!(store.account_by_email(&account("b").email).await.unwrap().unwrap().id, "b");
    }
}

#[tokio::test]
async fn what_is_over_its_limit_counts_nowhere_and_what_is_given_back_counts_again() {
    for (_folder, store) in both() {
        let charge = |n: u8, limit| Charge { key: [n; 16], amount: 1, limit, window_ms: 3_600_000 };
        let both = || vec![charge(1, 2), charge(2, 3)];
        for _ in 0..2 {
            assert_eq!(store.charge(both(), noon()).await.unwrap(), None);
        }
        for _ in 0..3 {
            assert_eq!(store.charge(both(), noon()).await.unwrap(), Some(Limited::Until(noon() + HOUR, 0)));
        }
        assert_eq!(store.charge(vec![charge(2, 3)], noon()).await.unwrap(), None);
        store.release(vec![[1; 16], [2; 16]]).await.unwrap();
        assert_eq!(store.charge(both(), noon()).await.unwrap(), None);
        assert_eq!(store.charge(both(), noon() + HOUR).await.unwrap(), None);
    }
}

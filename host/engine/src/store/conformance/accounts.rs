//! Accounts, invitations and sessions.

use super::*;
use AccountUpdate::{Applied, LastSystemAdmin, Stale};

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
        last_login_at: None,
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

fn open(n: u8, account: &str, generation: u64, replaces: Replaces) -> OpenSession {
    OpenSession { session: session(n, account, noon()), generation, replaces, is_login: true, now: noon() }
}

fn login(n: u8, account: &str) -> LoginRecord {
    LoginRecord {
        digest: [n; 32],
        account: account.to_owned(),
        generation: 2,
        subscription: "s".to_owned(),
        challenge: "c".to_owned(),
        expires_at: noon() + 10 * MINUTE,
    }
}

/// An account `a` that is active, of generation 2.
pub(super) async fn active(store: &dyn Store) {
    store.insert_account(account("a"), invitation(1, Some("a"))).await.unwrap();
    assert!(store.redeem_invitation(redeem(1, "a", noon())).await.unwrap().unwrap().is_active());
}

pub async fn an_invitation_is_used_once_in_time_and_replaced_by_a_newer_one(store: &dyn Store) {
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
    assert_eq!(store.update_account(disabled, 1).await.unwrap(), Applied);
    assert!(store.invitation(&[3; 32]).await.unwrap().is_none());
    assert!(!store.put_invitation(invitation(4, Some("b")), noon()).await.unwrap());
    assert!(!store.put_invitation(invitation(4, Some("nobody")), noon()).await.unwrap());
}

/// Uses the first administrator's invitation for a new account.
fn first(n: u8, id: &str) -> Redeem {
    let account = AccountRecord { password: Some(vec![1]), ..account(id) };
    Redeem { digest: [n; 32], account: Redeemed::First(account), now: noon() }
}

pub async fn the_first_administrators_link_works_while_no_account_is_active(store: &dyn Store) {
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

pub async fn the_first_administrators_link_fails_once_another_account_is_active(store: &dyn Store) {
    assert!(store.put_invitation(invitation(9, None), noon()).await.unwrap());
    active(store).await;
    assert_eq!(store.redeem_invitation(first(9, "x")).await.unwrap(), None);
}

pub async fn a_session_needs_an_unchanged_account_and_what_it_replaces(store: &dyn Store) {
    active(store).await;
    assert!(!store.open_session(open(1, "a", 1, Replaces::Nothing)).await.unwrap());
    assert!(store.open_session(open(1, "a", 2, Replaces::Nothing)).await.unwrap());
    assert!(!store.open_session(open(2, "a", 2, Replaces::Login([5; 32]))).await.unwrap());
    store.insert_login(login(5, "a"), noon()).await.unwrap();
    let late = OpenSession { now: noon() + 10 * MINUTE, ..open(2, "a", 2, Replaces::Login([5; 32])) };
    assert!(!store.open_session(late).await.unwrap());
    let all = (10..30).map(|n| store.open_session(open(n, "a", 2, Replaces::Login([5; 32]))));
    let opened = futures::future::join_all(all).await.into_iter().filter(|one| *one.as_ref().unwrap());
    assert_eq!(opened.count(), 1);
    // A new secret takes the old one's place, once.
    assert!(store.open_session(open(3, "a", 2, Replaces::Session([1; 32]))).await.unwrap());
    assert!(!store.open_session(open(4, "a", 2, Replaces::Session([1; 32]))).await.unwrap());
    assert!(store.session(&[1; 32]).await.unwrap().is_none());
    let (_, account) = store.session(&[3; 32]).await.unwrap().unwrap();
    assert_eq!(account.last_login_at, Some(noon()));
    let disabled = AccountRecord { disabled: true, generation: 2, revision: 3, ..account };
    assert_eq!(store.update_account(disabled, 2).await.unwrap(), Applied);
    assert!(!store.open_session(open(6, "a", 2, Replaces::Nothing)).await.unwrap());
}

pub async fn ending_all_other_sessions_ends_pending_logins(store: &dyn Store) {
    active(store).await;
    for n in [1, 2] {
        assert!(store.open_session(open(n, "a", 2, Replaces::Nothing)).await.unwrap());
    }
    store.insert_login(login(5, "a"), noon()).await.unwrap();
    let (one, _) = store.session(&[1; 32]).await.unwrap().unwrap();
    assert_eq!(store.end_sessions("a", SessionSelection::One(one.id)).await.unwrap(), 1);
    assert!(store.login(&[5; 32]).await.unwrap().is_some());
    assert_eq!(store.end_sessions("b", SessionSelection::AllExcept(String::new())).await.unwrap(), 0);
    assert!(store.login(&[5; 32]).await.unwrap().is_some(), "another account's");
    let (own, _) = store.session(&[2; 32]).await.unwrap().unwrap();
    assert_eq!(store.end_sessions("a", SessionSelection::AllExcept(own.id)).await.unwrap(), 0);
    assert!(store.session(&[2; 32]).await.unwrap().is_some() && store.login(&[5; 32]).await.unwrap().is_none());
}

pub async fn a_reset_of_an_accounts_owner_ends_sessions_and_pending_logins(store: &dyn Store) {
    active(store).await;
    assert!(store.open_session(open(1, "a", 2, Replaces::Nothing)).await.unwrap());
    store.insert_login(login(5, "a"), noon()).await.unwrap();
    let reset = |account: Option<&str>| FactorReset {
        user: [7; 16],
        persons: Vec::new(),
        account: account.map(str::to_owned),
        now: noon(),
    };
    let are_open = async || {
        let (session, login) = (store.session(&[1; 32]).await.unwrap(), store.login(&[5; 32]).await.unwrap());
        (session.is_some(), login.is_some())
    };
    for other in [None, Some("b")] {
        store.reset_factors(reset(other)).await.unwrap();
        assert_eq!(are_open().await, (true, true), "{other:?}");
    }
    store.reset_factors(reset(Some("a"))).await.unwrap();
    assert_eq!(are_open().await, (false, false));
}

pub async fn a_new_generation_or_password_ends_sessions_and_other_changes_do_not(store: &dyn Store) {
    active(store).await;
    let furnish = async |generation: u64| {
        assert!(store.open_session(open(1, "a", generation, Replaces::Nothing)).await.unwrap());
        store.insert_login(login(5, "a"), noon()).await.unwrap();
        assert!(store.put_invitation(invitation(7, Some("a")), noon()).await.unwrap());
    };
    let open = async || {
        let (session, login) = (store.session(&[1; 32]).await.unwrap(), store.login(&[5; 32]).await.unwrap());
        (session.is_some(), login.is_some(), store.invitation(&[7; 32]).await.unwrap().is_some())
    };
    furnish(2).await;
    let mut record = store.account("a").await.unwrap().unwrap();
    record.revision = 3;
    assert_eq!(store.update_account(record.clone(), 1).await.unwrap(), Stale);
    assert_eq!(store.update_account(record.clone(), 2).await.unwrap(), Applied);
    assert_eq!(open().await, (true, true, true));
    (record.revision, record.generation) = (4, 3);
    assert_eq!(store.update_account(record, 3).await.unwrap(), Applied);
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
    assert_eq!(store.delete_account("a").await.unwrap(), Applied);
    assert_eq!(open().await, (false, false, false));
    assert_eq!(store.delete_account("a").await.unwrap(), Stale);
}

/// Returns a system administrator with a password.
async fn system_admin(store: &dyn Store, id: &str, n: u8) -> AccountRecord {
    let record = AccountRecord { role: r#"{"role":"system_admin"}"#.to_owned(), ..account(id) };
    store.insert_account(record, invitation(n, Some(id))).await.unwrap();
    store.redeem_invitation(redeem(n, id, noon())).await.unwrap().unwrap()
}

pub async fn the_last_active_system_administrator_cannot_be_removed(store: &dyn Store) {
    let a = system_admin(store, "a", 1).await;
    // Neither one who has no password, nor one who is disabled, nor one of a subscription takes the place.
    let invited = AccountRecord { role: a.role.clone(), ..account("b") };
    store.insert_account(invited, invitation(2, Some("b"))).await.unwrap();
    let disabled = AccountRecord { disabled: true, revision: 3, ..system_admin(store, "c", 3).await };
    assert_eq!(store.update_account(disabled, 2).await.unwrap(), Applied);
    store.insert_account(account("d"), invitation(4, Some("d"))).await.unwrap();
    store.redeem_invitation(redeem(4, "d", noon())).await.unwrap().unwrap();

    let next = AccountRecord { revision: 3, ..a.clone() };
    let of_a_subscription = r#"{"role":"subscription_admin","subscriptions":["s"]}"#.to_owned();
    for change in
        [AccountRecord { disabled: true, ..next.clone() }, AccountRecord { role: of_a_subscription, ..next.clone() }]
    {
        assert_eq!(store.update_account(change.clone(), 2).await.unwrap(), LastSystemAdmin);
        assert_eq!(store.update_account(change, 1).await.unwrap(), Stale);
    }
    assert_eq!(store.delete_account("a").await.unwrap(), LastSystemAdmin);
    assert_eq!(store.account("a").await.unwrap(), Some(a));
    // Anything else about it can be changed, and the others can go.
    assert_eq!(store.update_account(next, 2).await.unwrap(), Applied);
    for id in ["b", "c", "d"] {
        assert_eq!(store.delete_account(id).await.unwrap(), Applied);
    }
}

pub async fn of_two_system_administrators_removed_at_once_one_stays(store: &dyn Store) {
    for round in 0..10_u8 {
        let (a, b) = (format!("a{round}"), format!("b{round}"));
        system_admin(store, &a, 2 * round).await;
        let disabled = AccountRecord { disabled: true, revision: 3, ..system_admin(store, &b, 2 * round + 1).await };
        // Whoever is left from the round before goes: these two are the only ones.
        for other in store.accounts(0, 100).await.unwrap() {
            if other.id != a && other.id != b {
                assert_eq!(store.delete_account(&other.id).await.unwrap(), Applied);
            }
        }
        let (deleted, disabled) = tokio::join!(store.delete_account(&a), store.update_account(disabled, 2));
        let mut results = [deleted.unwrap(), disabled.unwrap()];
        results.sort_by_key(|result| *result != Applied);
        assert_eq!(results, [Applied, LastSystemAdmin]);
        assert!(store.has_active_account().await.unwrap());
    }
}

pub async fn a_clock_set_back_over_a_restart_extends_no_session(store: &dyn Store) {
    active(store).await;
    assert!(store.open_session(open(1, "a", 2, Replaces::Nothing)).await.unwrap());
    store.insert_login(login(5, "a"), noon()).await.unwrap();
    assert!(store.put_invitation(invitation(7, Some("a")), noon()).await.unwrap());
    store.touch_session(&[1; 32], noon() + HOUR).await.unwrap();
    assert_eq!(store.resume(noon()).await.unwrap().now, noon());
    assert!(store.session(&[1; 32]).await.unwrap().is_none());
    assert!(store.login(&[5; 32]).await.unwrap().is_none());
    assert!(store.invitation(&[7; 32]).await.unwrap().is_none());
    assert!(store.account("a").await.unwrap().unwrap().is_active());
}

pub async fn expired_sessions_are_purged_and_accounts_are_not(store: &dyn Store) {
    active(store).await;
    assert!(store.open_session(open(1, "a", 2, Replaces::Nothing)).await.unwrap());
    store.insert_login(login(5, "a"), noon()).await.unwrap();
    assert!(store.put_invitation(invitation(7, Some("a")), noon()).await.unwrap());
    for (at, removed) in
        [(noon() + 11 * MINUTE, 1), (noon() + 11 * HOUR, 0), (noon() + 13 * HOUR, 1), (noon() + 2 * DAY, 1)]
    {
        assert_eq!(store.purge(at + DAY).await.unwrap(), removed, "{at}");
    }
    assert!(store.account("a").await.unwrap().unwrap().is_active());
}

pub async fn accounts_are_listed_in_pages_in_the_order_they_were_created(store: &dyn Store) {
    for (n, id) in ["c", "a", "b"].into_iter().enumerate() {
        store.insert_account(account(id), invitation(n as u8, Some(id))).await.unwrap();
    }
    assert!(store.insert_account(account("a"), invitation(9, Some("a"))).await.unwrap_err().is_conflict());
    let page = async |after| store.accounts(after, 2).await.unwrap();
    let first = page(0).await;
    assert_eq!(first.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["c", "a"]);
    assert_eq!(store.delete_account("a").await.unwrap(), Applied);
    assert_eq!(page(first[1].seq).await.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["b"]);
    assert_eq!(store.account_by_email(&account("b").email).await.unwrap().unwrap().id, "b");
}

pub async fn a_charge_over_its_limit_counts_nothing_and_a_released_one_counts_again(store: &dyn Store) {
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

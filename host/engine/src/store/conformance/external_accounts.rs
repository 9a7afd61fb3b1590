//! Accounts of identity providers, and authorization requests.

use super::accounts::{account, active};
use super::*;

fn request(n: u8) -> AuthorizationRequestRecord {
    AuthorizationRequestRecord { digest: [n; 32], return_to: format!("/admin/{n}"), expires_at: noon() + 10 * MINUTE }
}

fn external(id: &str, identity: u8) -> AccountRecord {
    AccountRecord { identity: Some([identity; 16]), ..account(id) }
}

pub async fn an_authorization_request_is_used_once_and_in_time(store: &dyn Store) {
    let end = noon() + 10 * MINUTE;
    for n in 1..=3 {
        store.insert_authorization_request(request(n), noon()).await.unwrap();
    }
    assert_eq!(store.take_authorization_request(&[9; 32], noon()).await.unwrap(), None);
    let all = (0..20).map(|_| store.take_authorization_request(&[1; 32], end - Duration::from_millis(1)));
    let taken: Vec<_> = futures::future::join_all(all).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken, [request(1)]);
    assert_eq!(store.take_authorization_request(&[2; 32], end).await.unwrap(), None);
    // What nobody came back from is removed, and a clock set back over a restart prolongs nothing.
    assert_eq!(store.purge(end).await.unwrap(), 0);
    assert_eq!(store.purge(end + MINUTE).await.unwrap(), 2);
    store.insert_authorization_request(request(4), noon() + HOUR).await.unwrap();
    assert_eq!(store.resume(noon()).await.unwrap().now, noon());
    assert_eq!(store.take_authorization_request(&[4; 32], noon()).await.unwrap(), None);
}

pub async fn identities_and_email_addresses_are_unique(store: &dyn Store) {
    active(store).await;
    assert!(store.insert_external_account(external("a", 1)).await.unwrap_err().is_conflict());
    store.insert_external_account(external("b", 1)).await.unwrap();
    assert!(store.insert_external_account(external("c", 1)).await.unwrap_err().is_conflict());
    let found = store.account_by_identity(&[1; 16]).await.unwrap().unwrap();
    assert_eq!((&*found.id, found.identity, found.is_active()), ("b", Some([1; 16]), true));
    assert_eq!(store.account_by_identity(&[2; 16]).await.unwrap(), None);
    // No link sets a password for it, and what is changed leaves its identity.
    let invitation = InvitationRecord {
        digest: [7; 32],
        account: Some("b".to_owned()),
        expires_at: noon() + DAY,
        without_second_factor: false,
    };
    assert!(!store.put_invitation(invitation, noon()).await.unwrap());
    let other = AccountRecord { identity: Some([3; 16]), revision: 2, disabled: true, ..found };
    assert_eq!(store.update_account(other, 1).await.unwrap(), AccountUpdate::Applied);
    let found = store.account_by_identity(&[1; 16]).await.unwrap().unwrap();
    assert!(!found.is_active());
}

pub async fn an_account_with_an_identity_prevents_a_first_administrators_invitation(store: &dyn Store) {
    assert!(!store.has_active_account().await.unwrap());
    store.insert_external_account(external("a", 1)).await.unwrap();
    assert!(store.has_active_account().await.unwrap());
    let first =
        InvitationRecord { digest: [7; 32], account: None, expires_at: noon() + DAY, without_second_factor: false };
    assert!(!store.put_invitation(first, noon()).await.unwrap());
}

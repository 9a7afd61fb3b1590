use super::*;

/// A state as this component wrote it when format 1 was released.
#[test]
fn a_state_of_format_1_is_read() {
    let stored = include_bytes!("state-1.json");
    let stored = stored.strip_suffix(b"\n").unwrap_or(stored);
    assert_eq!(testing::upgrade::<Fido>(1, stored).unwrap(), stored);
    let state: State = serde_json::from_slice(stored).unwrap();
    let authenticator = Authenticator::new(key::Algorithm::Es256, "one");
    assert!(Authentication::begin(authenticator, state, testing::context()).verdict().is_ok());
}

#[test]
fn the_largest_state_fits_into_what_the_host_stores() {
    let authenticator = Authenticator { id: vec![1; 1023], ..Authenticator::new(key::Algorithm::Rs256, "one") };
    let mut state = Registration::begin(authenticator, testing::context()).verdict().unwrap().state;
    state.key = vec![0; 560].into(); // an RSA key of 4096 bits
    state.rp_id = "x".repeat(253);
    state.transports = vec!["x".repeat(32); 8];
    assert!(serde_json::to_vec(&state).unwrap().len() < 8192);
}

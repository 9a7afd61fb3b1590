//! Components that are wrong in one way each.

const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_wrong_guest.wasm"));

const MARK: &[u8] = b"twofactor-fault:";

/// The component of `tests/wrong` with this fault: the name stands in its data. `none` makes a right one.
pub fn component(fault: &str) -> Vec<u8> {
    let mut bytes = COMPONENT.to_vec();
    let at = bytes.windows(MARK.len()).position(|window| window == MARK).unwrap() + MARK.len();
    let name = format!("{fault:32}");
    assert_eq!(name.len(), 32, "{fault} is too long a name");
    bytes[at..at + 32].copy_from_slice(name.as_bytes());
    bytes
}

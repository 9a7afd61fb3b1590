//! Factor components that are wrong in one way each.

const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_wrong_factor_guest.wasm"));

const MARK: &[u8] = b"twofactor-factor:";

/// Returns the component of `tests/wrong-factor` of this kind (`app`, `paper`) with this fault; `none` makes a correct one.
pub fn component(kind: &str, fault: &str) -> Vec<u8> {
    let mut bytes = COMPONENT.to_vec();
    let at = bytes.windows(MARK.len()).position(|window| window == MARK).unwrap() + MARK.len();
    let name = format!("{:39}", format!("{kind}/{fault}"));
    assert_eq!(name.len(), 39, "{fault} is too long a name");
    bytes[at..at + 39].copy_from_slice(name.as_bytes());
    bytes
}

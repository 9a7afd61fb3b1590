//! The little CBOR (RFC 8949) that an authenticator writes.

/// Returns the head of an item of a major type.
fn head(major: u8, number: usize) -> Vec<u8> {
    let major = major << 5;
    match u8::try_from(number) {
        Ok(number @ 0..24) => vec![major | number],
        Ok(number) => vec![major | 24, number],
        Err(_) => {
            let number = u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
            vec![major | 25, number[0], number[1]]
        }
    }
}

pub(super) fn integer(number: i32) -> Vec<u8> {
    let size = |number: i32| usize::try_from(number).unwrap_or_default();
    if number < 0 { head(1, size(-1 - number)) } else { head(0, size(number)) }
}

pub(super) fn bytes(bytes: &[u8]) -> Vec<u8> {
    [&head(2, bytes.len()), bytes].concat()
}

pub(super) fn text(text: &str) -> Vec<u8> {
    [&head(3, text.len()), text.as_bytes()].concat()
}

/// Returns a map of encoded keys and values.
pub(super) fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut all = head(5, entries.len());
    for (key, value) in entries {
        all.extend(key);
        all.extend(value);
    }
    all
}

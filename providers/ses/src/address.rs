//! Addresses as Amazon SES takes them: in ASCII, the domain in Punycode, the name beside it as an encoded word.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html>

use url::Host;

/// The longest encoded word (RFC 2047 section 2), and what stands around its text.
const WORD: usize = 75;
const BEFORE: &str = "=?UTF-8?Q?";
const AFTER: &str = "?=";

/// An address in ASCII, if it can be written so.
pub fn in_ascii(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    match Host::parse(domain) {
        Ok(Host::Domain(domain)) if local.is_ascii() => Some(format!("{local}@{domain}")),
        _ => None,
    }
}

/// An address with the name beside it, if there is one.
pub fn mailbox(name: Option<&str>, address: &str) -> String {
    match name.map(str::trim) {
        None | Some("") => address.to_owned(),
        Some(name) if name.is_ascii() => {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{quoted}\" <{address}>")
        }
        Some(name) => format!("{} <{address}>", encoded_words(name)),
    }
}

/// Encoded words with the `Q` encoding; in names it leaves letters and digits alone (RFC 2047 section 5, rule 3). Each holds whole
/// characters.
fn encoded_words(text: &str) -> String {
    let mut words = vec![String::new()];
    for c in text.chars() {
        let mut encoded = String::new();
        if c.is_ascii_alphanumeric() {
            encoded.push(c);
        } else {
            let bytes = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("={byte:02X}")).collect::<String>();
            encoded.push_str(&bytes);
        }
        match words.last_mut() {
            Some(word) if BEFORE.len() + word.len() + encoded.len() + AFTER.len() <= WORD => word.push_str(&encoded),
            _ => words.push(encoded),
        }
    }
    // The blanks between encoded words are not shown (section 6.2).
    words.iter().map(|word| format!("{BEFORE}{word}{AFTER}")).collect::<Vec<_>>().join(" ")
}

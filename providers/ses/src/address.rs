//! Addresses in the form that Amazon SES accepts: ASCII, the domain in Punycode, the display name as encoded words.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html>

use url::Host;

/// The maximum length of an encoded word (RFC 2047 section 2), and what surrounds its text.
const WORD: usize = 75;
const BEFORE: &str = "=?UTF-8?Q?";
const AFTER: &str = "?=";

/// Returns an address in ASCII, if it has such a form.
pub fn in_ascii(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    match Host::parse(domain) {
        Ok(Host::Domain(domain)) if local.is_ascii() => Some(format!("{local}@{domain}")),
        _ => None,
    }
}

/// Returns a mailbox: the address, with the display name if there is one.
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

/// Returns encoded words in the `Q` encoding, which keeps letters and digits of names as they are (RFC 2047 section 5, rule 3). No
/// character is split between two words.
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
    // White space between encoded words is not displayed (section 6.2).
    words.iter().map(|word| format!("{BEFORE}{word}{AFTER}")).collect::<Vec<_>>().join(" ")
}
